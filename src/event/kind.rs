//! What a flow can carry: the closed vocabulary of `p2p.kinds` and `p2p.family`.

use super::set::{Set, Word};

/// A protocol family: who is blamed. Look-alikes and other P2P networks are never `bittorrent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Family {
    /// BitTorrent and its DHT, trackers, local discovery.
    Bittorrent,
    /// Another peer-to-peer network.
    OtherP2p,
    /// Not peer-to-peer file sharing, though it looks or is named alike.
    LookAlike,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $family:ident;)*) => {
        /// One protocol on a flow.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Kind { $($(#[$doc])* $name,)* }

        impl Kind {
            /// Every kind, in the order of the output.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The fixed word of the output contract.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The family it belongs to.
            #[must_use]
            pub const fn family(self) -> Family {
                match self { $(Self::$name => Family::$family,)* }
            }
        }
    };
}

kinds! {
    /// BEP 3 peer wire protocol, over TCP or inside uTP.
    PeerWire = "peer-wire", Bittorrent;
    /// BEP 29 micro transport protocol.
    Utp = "utp", Bittorrent;
    /// BEP 5 Mainline DHT.
    Dht = "dht", Bittorrent;
    /// BEP 15 UDP tracker.
    UdpTracker = "udp-tracker", Bittorrent;
    /// BEP 3 HTTP tracker.
    HttpTracker = "http-tracker", Bittorrent;
    /// WebTorrent tracker over WebSocket.
    WsTracker = "ws-tracker", Bittorrent;
    /// BEP 14 local service discovery.
    Lsd = "lsd", Bittorrent;
    /// BEP 17/19 web seed.
    Webseed = "webseed", Bittorrent;
    /// WebTorrent data channel.
    Webrtc = "webrtc", Bittorrent;
    /// NAT-PMP, PCP or UPnP mapping asked for by a BitTorrent client.
    PortMapping = "port-mapping", Bittorrent;
    /// A `.torrent` file over HTTP.
    Metainfo = "metainfo", Bittorrent;
    /// eDonkey2000, eMule.
    Edonkey = "edonkey", OtherP2p;
    /// Kademlia network of eMule.
    Kad = "kad", OtherP2p;
    /// Gnutella.
    Gnutella = "gnutella", OtherP2p;
    /// Direct Connect, ADC.
    DirectConnect = "direct-connect", OtherP2p;
    /// Soulseek.
    Soulseek = "soulseek", OtherP2p;
    /// Ares.
    Ares = "ares", OtherP2p;
    /// libp2p, IPFS.
    Libp2p = "libp2p", OtherP2p;
    /// Vuze's own DHT.
    VuzeDht = "vuze-dht", OtherP2p;
    /// Resilio Sync, BTSync.
    Resilio = "resilio", OtherP2p;
    /// Syncthing.
    Syncthing = "syncthing", OtherP2p;
    /// Xunlei.
    Xunlei = "xunlei", OtherP2p;
    /// Bitcoin.
    Bitcoin = "bitcoin", OtherP2p;
    /// Ethereum node discovery v4.
    EthereumDiscovery = "ethereum-discovery", OtherP2p;
    /// Monero.
    Monero = "monero", OtherP2p;
    /// LBRY's DHT.
    LbryDht = "lbry-dht", OtherP2p;
    /// ZeroNet.
    Zeronet = "zeronet", OtherP2p;
    /// Pando.
    Pando = "pando", OtherP2p;
    /// Windows Update Delivery Optimization.
    DeliveryOptimization = "delivery-optimization", LookAlike;
    /// Blizzard's agent.
    Blizzard = "blizzard", LookAlike;
    /// Steam local discovery.
    Steam = "steam", LookAlike;
}

/// A set of [`Kind`]s.
pub type Kinds = Set<Kind>;

impl Word for Kind {
    const ALL: &'static [Self] = Self::ALL;

    fn place(self) -> u32 {
        self as u32
    }
}

impl Kinds {
    /// BitTorrent if any member is; otherwise the first member's family.
    #[must_use]
    pub fn family(self) -> Option<Family> {
        self.iter().map(Kind::family).min()
    }
}
