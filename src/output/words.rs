//! The words of the outputs for what the vocabulary of facts leaves unnamed, for machines and for people.

use crate::base::Transport;
use crate::event::{AnnounceEvent, ClientSource, DhtRole, Family, Kind, Kinds, NameTrust};

/// `p2p.family` of a flow: `bittorrent`, or the own name of another network or look-alike. `None` without a kind.
#[must_use]
pub fn family_of(kinds: Kinds) -> Option<&'static str> {
    match kinds.family()? {
        Family::Bittorrent => Some("bittorrent"),
        _ => kinds.iter().next().map(Kind::label),
    }
}

/// A family as sums are grouped by.
#[must_use]
pub const fn family(family: Family) -> &'static str {
    match family {
        Family::Bittorrent => "bittorrent",
        Family::OtherP2p => "other-p2p",
        Family::LookAlike => "look-alike",
    }
}

/// `p2p.transport`: `tcp`, `utp`, or `udp` for datagrams outside uTP.
#[must_use]
pub fn transport(transport: Transport, kinds: Kinds) -> &'static str {
    match transport {
        Transport::Tcp => "tcp",
        Transport::Udp if kinds.contains(Kind::Utp) => "utp",
        Transport::Udp => "udp",
    }
}

/// `tcp` or `udp`, for ports.
#[must_use]
pub const fn port_protocol(transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    }
}

/// The field in which a client named itself.
#[must_use]
pub const fn client_source(source: ClientSource) -> &'static str {
    match source {
        ClientSource::PeerId => "peer-id",
        ClientSource::Extended => "extended-handshake",
        ClientSource::Krpc => "krpc",
        ClientSource::UserAgent => "user-agent",
        ClientSource::Upnp => "upnp",
    }
}

/// The `event` of an announce (BEP 3), `none` for a regular one.
#[must_use]
pub const fn announce_event(event: AnnounceEvent) -> &'static str {
    match event {
        AnnounceEvent::None => "none",
        AnnounceEvent::Completed => "completed",
        AnnounceEvent::Started => "started",
        AnnounceEvent::Stopped => "stopped",
        AnnounceEvent::Paused => "paused",
    }
}

/// How far a torrent's name can be trusted.
#[must_use]
pub const fn name_trust(trust: NameTrust) -> &'static str {
    match trust {
        NameTrust::Claimed => "claimed",
        NameTrust::Verified => "verified",
    }
}

/// The part a sender plays in a DHT exchange.
#[must_use]
pub const fn dht_role(role: DhtRole) -> &'static str {
    match role {
        DhtRole::Query => "query",
        DhtRole::Response => "response",
        DhtRole::Error => "error",
    }
}

/// A protocol as people call it.
#[must_use]
pub const fn protocol(kind: Kind) -> &'static str {
    match kind {
        Kind::PeerWire => "peer wire",
        Kind::Utp => "uTP",
        Kind::Dht => "DHT",
        Kind::UdpTracker => "UDP tracker",
        Kind::HttpTracker => "HTTP tracker",
        Kind::WsTracker => "WebSocket tracker",
        Kind::Lsd => "local discovery",
        Kind::Webseed => "web seed",
        Kind::Webrtc => "WebRTC",
        Kind::PortMapping => "port mapping",
        Kind::Metainfo => ".torrent file",
        Kind::Edonkey => "eDonkey",
        Kind::Kad => "Kad (eMule)",
        Kind::Gnutella => "Gnutella",
        Kind::DirectConnect => "Direct Connect",
        Kind::Soulseek => "Soulseek",
        Kind::Ares => "Ares",
        Kind::Libp2p => "libp2p",
        Kind::VuzeDht => "Vuze DHT",
        Kind::Resilio => "Resilio Sync",
        Kind::Syncthing => "Syncthing",
        Kind::Xunlei => "Xunlei",
        Kind::Bitcoin => "Bitcoin",
        Kind::EthereumDiscovery => "Ethereum discovery",
        Kind::Monero => "Monero",
        Kind::LbryDht => "LBRY DHT",
        Kind::Zeronet => "ZeroNet",
        Kind::Pando => "Pando",
        Kind::DeliveryOptimization => "Windows Delivery Optimization",
        Kind::Blizzard => "Blizzard agent",
        Kind::Steam => "Steam discovery",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_bittorrent_if_anything_on_it_is_and_never_otherwise() {
        let kinds = |k: &[Kind]| k.iter().copied().collect::<Kinds>();
        assert_eq!(family_of(kinds(&[Kind::Resilio, Kind::Dht])), Some("bittorrent"));
        assert_eq!(family_of(kinds(&[Kind::Resilio])), Some("resilio"));
        assert_eq!(family_of(kinds(&[Kind::Steam])), Some("steam"));
        assert_eq!(family_of(Kinds::default()), None);
    }
}
