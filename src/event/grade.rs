//! How sure a label is, and why: one table of reasons for the whole program.

use super::set::{Set, Word};

/// How sure a label is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Grade {
    /// One weak fact, or facts about the host only. Accuses nobody.
    Suspected,
    /// At least two independent facts, one of them about this very flow or port.
    Strong,
    /// Bytes that parse as the protocol and as nothing else.
    Confirmed,
}

impl Grade {
    /// Every grade, strongest first.
    pub const ALL: [Self; 3] = [Self::Confirmed, Self::Strong, Self::Suspected];

    /// The fixed word of the output contract.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Strong => "strong",
            Self::Suspected => "suspected",
        }
    }
}

/// What is known of the encryption of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Encryption {
    /// Clear.
    #[default]
    None,
    /// Message Stream Encryption; the selected method cannot be told.
    Mse,
    /// Message Stream Encryption with RC4 for the payload.
    MseRc4,
    /// Message Stream Encryption handshake, then clear.
    MsePlaintext,
}

impl Encryption {
    /// Every value, in the order of the output.
    pub const ALL: [Self; 4] = [Self::None, Self::Mse, Self::MseRc4, Self::MsePlaintext];

    /// The fixed word of the output contract.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Mse => "mse",
            Self::MseRc4 => "mse-rc4",
            Self::MsePlaintext => "mse-plaintext",
        }
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $sentence:literal;)*) => {
        /// Why a flow carries its label. The words are part of the output contract; the README explains them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            /// Every reason, strongest kinds of proof first.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The fixed word.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The same as a sentence, for `explain`.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)* }
            }
        }
    };
}

reasons! {
    /// R-PW-1.
    Handshake = "handshake", "a peer handshake (BEP 3) was seen in clear";
    /// R-PW-6, R-PW-7, R-PW-8.
    MessageChain = "message-chain", "peer messages follow one another exactly as their lengths say, though the handshake was not seen";
    /// R-DHT-1.
    Krpc = "krpc", "a datagram parses to its end as a DHT message (BEP 5)";
    /// R-UTP-2: SYN answered.
    UtpSyn = "utp-syn", "a uTP SYN (BEP 29) was answered with its own connection id and sequence number";
    /// R-UTP-2: numbers pair up in both directions.
    UtpTwoWay = "utp-two-way", "uTP connection ids and sequence numbers pair up in both directions";
    /// R-UTP-2: slope proof.
    UtpOneWay = "utp-one-way", "uTP timestamps run with the clock of the capture and its numbers step as they must";
    /// R-TU-1, R-TU-2.
    UdpTracker = "udp-tracker", "a UDP tracker exchange (BEP 15) whose transaction ids match, or whose answers fit one another";
    /// R-TH-1, R-TH-2.
    HttpTracker = "http-tracker", "an HTTP tracker announce or scrape with a 20-byte info-hash";
    /// R-TH-4.
    WsTracker = "ws-tracker", "a WebTorrent tracker message with a 20-byte info-hash";
    /// R-LSD-1.
    Lsd = "lsd", "a local service discovery announce (BEP 14)";
    /// R-WS-1..3.
    Webseed = "webseed", "piece requests to a web seed (BEP 17, BEP 19)";
    /// R-TH-3.
    Metainfo = "metainfo", "a .torrent file was transferred";
    /// R-NAT-1..3.
    PortMapping = "port-mapping", "a port mapping was asked for";
    /// R-SSL-1.
    TorrentSni = "torrent-sni", "the TLS server name is an info-hash (SSL torrent)";
    /// R-MSE-4.
    MsePlaintext = "mse-plaintext", "the clear peer handshake follows a Message Stream Encryption exchange";
    /// Magic of another family.
    OtherMagic = "other-magic", "the first bytes are another network's";
    /// R-MSE-2.
    MseShape = "mse-shape", "both sides open with 96 to 608 random-looking bytes in strict turns, as Message Stream Encryption does";
    /// R-MSE-3.
    MseBursts = "mse-bursts", "the third and fourth bursts have the lengths of a Message Stream Encryption exchange";
    /// R-MSE-1.
    MseOneSide = "mse-one-side", "the one visible direction opens with a random-looking burst of 96 to 608 bytes";
    /// R-MSE-6.
    LengthArithmetic = "length-arithmetic", "the lengths of the encrypted writes add up as peer messages do";
    /// R-MSE-6, both directions.
    RequestPairing = "request-pairing", "each request is answered by a block of 16,397 bytes, or both directions move whole blocks";
    /// R-UTP-1.
    UtpHeader = "utp-header", "packets have the form of uTP, which alone proves nothing";
    /// R-UTP-5.
    UtpOpaque = "utp-opaque", "proven uTP whose payload is random-looking";
    /// STUN and DTLS.
    Webrtc = "webrtc", "STUN and DTLS on one flow make a WebRTC connection";
    /// R-WS-2.
    ClientRange = "client-range", "a BitTorrent client fetched an exact range of bytes over HTTP";
    /// BEP 19, BEP 3 `left`.
    TorrentSize = "torrent-size", "the file fetched is as long to the byte as a torrent that this host takes part in";
    /// R-X-2.
    LearntEndpoint = "learnt-endpoint", "the remote endpoint was named as a peer by DHT, tracker, peer exchange or local discovery";
    /// R-X-1, remote side.
    KnownPeer = "known-peer", "the remote endpoint spoke BitTorrent in clear on another flow";
    /// R-X-1, home side.
    OwnPort = "own-port", "the port is the one on which this host told others to reach its client";
    /// R-X-1, several roles on one port.
    SharedPort = "shared-port", "the same local UDP port speaks DHT, uTP or tracker protocol on other flows";
    /// The host is a participant.
    Participant = "participant", "the home host was a confirmed participant at that time";
    /// Many remotes.
    FanOut = "fan-out", "the same local port talks to many unrelated addresses on high ports";
    /// R-X-3.
    NameHint = "name-hint", "a tracker or bootstrap name was looked up";
    /// The other attempt to the same endpoint.
    RetryInClear = "retry-in-clear", "the same host then reached the same endpoint in clear";
}

impl Reason {
    /// The grade that this reason gives on its own, for reasons that bytes give.
    #[must_use]
    pub const fn proves(self) -> Option<Grade> {
        match self {
            Self::Handshake
            | Self::MessageChain
            | Self::Krpc
            | Self::UtpSyn
            | Self::UtpTwoWay
            | Self::UdpTracker
            | Self::HttpTracker
            | Self::WsTracker
            | Self::Lsd
            | Self::Webseed
            | Self::PortMapping
            | Self::TorrentSni
            | Self::MsePlaintext
            | Self::OtherMagic => Some(Grade::Confirmed),
            // A torrent file can be fetched without ever being used.
            Self::Metainfo => Some(Grade::Suspected),
            // Two facts about the flow, its clock and its numbers, but no answer seen.
            Self::UtpOneWay => Some(Grade::Strong),
            Self::MseShape
            | Self::MseBursts
            | Self::MseOneSide
            | Self::LengthArithmetic
            | Self::RequestPairing
            | Self::UtpHeader
            | Self::UtpOpaque
            | Self::Webrtc
            | Self::ClientRange
            | Self::TorrentSize
            | Self::LearntEndpoint
            | Self::KnownPeer
            | Self::OwnPort
            | Self::SharedPort
            | Self::Participant
            | Self::FanOut
            | Self::NameHint
            | Self::RetryInClear => None,
        }
    }
}

/// A set of [`Reason`]s.
pub type Reasons = Set<Reason>;

impl Word for Reason {
    const ALL: &'static [Self] = Self::ALL;

    fn place(self) -> u32 {
        self as u32
    }
}
