//! What dissectors learn from bytes.

use super::{Encryption, Kind, Opens, Reason};
use crate::base::{Address, Endpoint, InfoHash, InfoHashV2, NodeId, PeerId, ScrapeFilter, Transport};
use std::time::Duration;

/// By which way something was learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// Peer wire handshake and messages.
    PeerWire,
    /// DHT.
    Dht,
    /// UDP tracker.
    UdpTracker,
    /// HTTP tracker.
    HttpTracker,
    /// WebSocket tracker.
    WsTracker,
    /// Local service discovery.
    Lsd,
    /// Peer exchange (BEP 11).
    Pex,
    /// Holepunch (BEP 55).
    Holepunch,
    /// Port mapping protocols.
    PortMapping,
    /// Web seed.
    Webseed,
    /// A `.torrent` file.
    Metainfo,
    /// TLS server name of an SSL torrent.
    Tls,
}

impl Channel {
    /// Every way.
    pub const ALL: [Self; 12] = [
        Self::PeerWire,
        Self::Dht,
        Self::UdpTracker,
        Self::HttpTracker,
        Self::WsTracker,
        Self::Lsd,
        Self::Pex,
        Self::Holepunch,
        Self::PortMapping,
        Self::Webseed,
        Self::Metainfo,
        Self::Tls,
    ];

    /// The fixed word for output.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::PeerWire => "peer-wire",
            Self::Dht => "dht",
            Self::UdpTracker => "udp-tracker",
            Self::HttpTracker => "http-tracker",
            Self::WsTracker => "ws-tracker",
            Self::Lsd => "lsd",
            Self::Pex => "pex",
            Self::Holepunch => "holepunch",
            Self::PortMapping => "port-mapping",
            Self::Webseed => "webseed",
            Self::Metainfo => "metainfo",
            Self::Tls => "tls",
        }
    }
}

/// From which field a client's name was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ClientSource {
    /// Peer id (BEP 20).
    PeerId,
    /// `v` of the extended handshake (BEP 10), or the handshake of Azureus messaging.
    Extended,
    /// `v` of KRPC messages (BEP 5).
    Krpc,
    /// HTTP `User-Agent`.
    UserAgent,
    /// UPnP mapping description.
    Upnp,
}

/// A client program as it names itself: family and version, e.g. `qBittorrent 4.5.2`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Client {
    /// Name and version, already escaped and at most 64 characters.
    pub name: String,
    /// Where it was read.
    pub source: ClientSource,
    /// The library or code base that the program runs on: two names with one engine can be one program. `None` for programs
    /// that are not known.
    pub engine: Option<&'static str>,
}

/// The `event` of an announce.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AnnounceEvent {
    /// A regular announce.
    #[default]
    None,
    /// The download finished.
    Completed,
    /// The torrent was started.
    Started,
    /// The torrent was stopped.
    Stopped,
    /// BEP 21.
    Paused,
}

/// What a client tells a tracker, the DHT or the local network about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announce {
    /// By which way.
    pub channel: Channel,
    /// Of which torrent.
    pub info_hash: InfoHash,
    /// The port it listens on; `None` where not told.
    pub port: Option<u16>,
    /// Why it announces.
    pub event: AnnounceEvent,
    /// Bytes uploaded, downloaded and left as claimed, for trackers.
    pub claimed: Option<[u64; 3]>,
}

/// How many peers a tracker or the DHT says a torrent has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SwarmSize {
    /// Which torrent.
    pub info_hash: InfoHash,
    /// Peers with the whole torrent.
    pub seeders: u32,
    /// Peers without.
    pub leechers: u32,
    /// Downloads completed ever, where told.
    pub completed: Option<u32>,
}

/// How much a torrent's name can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NameTrust {
    /// Somebody said so.
    Claimed,
    /// The info dictionary hashes to the info-hash.
    Verified,
}

/// A torrent's name and what else its info dictionary tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TorrentName<'a> {
    /// Which torrent.
    pub info_hash: InfoHash,
    /// The other swarm key of a hybrid torrent (v1 hash or truncated v2 hash).
    pub also: Option<InfoHash>,
    /// The name's raw bytes.
    pub name: &'a [u8],
    /// Total size in bytes.
    pub size: Option<u64>,
    /// Number of pieces.
    pub pieces: Option<u32>,
    /// Bytes a piece.
    pub piece_length: Option<u64>,
    /// Number of files.
    pub files: Option<u32>,
    /// BEP 27.
    pub private: bool,
    /// How it was learnt.
    pub channel: Channel,
    /// How far to trust it.
    pub trust: NameTrust,
}

/// Another name of a torrent that is known by one info-hash already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TorrentKey {
    /// The other swarm key of a hybrid torrent: v1 hash or truncated v2 hash.
    Swarm(InfoHash),
    /// The whole v2 hash.
    V2(InfoHashV2),
}

/// The part a sender plays in a DHT exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DhtRole {
    /// Asked.
    Query,
    /// Answered.
    Response,
    /// Refused.
    Error,
}

/// What a DHT query is for. Only announces with a token that the asked node gave before speak of a torrent that the sender
/// has or wants; most queries keep the routing table alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DhtPurpose {
    /// `ping`, `find_node`, and `get_peers` for ids near the sender's own (R-DHT-6).
    Maintenance,
    /// `get_peers` for a torrent.
    Lookup,
    /// `announce_peer` with a token that this node answered within ten minutes (BEP 5).
    Announce,
    /// `announce_peer` with a token that was not seen to be given.
    AnnounceUnproven,
    /// `get` and `put` (BEP 44).
    Storage,
    /// `sample_infohashes` (BEP 51).
    Sampling,
    /// A method outside of the BEPs.
    Other,
}

impl DhtPurpose {
    /// The fixed word for output.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Maintenance => "maintenance",
            Self::Lookup => "lookup",
            Self::Announce => "announce",
            Self::AnnounceUnproven => "announce-unproven",
            Self::Storage => "storage",
            Self::Sampling => "sampling",
            Self::Other => "other",
        }
    }
}

/// One KRPC message, reduced to what consumers need.
#[derive(Clone, Copy, Debug)]
pub struct DhtMessage<'a> {
    /// Query, response or error.
    pub role: DhtRole,
    /// The method; for a response that of the query it answers, `None` when the query was not seen.
    pub method: Option<&'a str>,
    /// What a query is for; `None` for responses and errors.
    pub purpose: Option<DhtPurpose>,
    /// The sender's node id.
    pub node: Option<NodeId>,
    /// Looked up or announced info-hash or target.
    pub target: Option<InfoHash>,
    /// Transaction id, at most 20 bytes kept.
    pub transaction: &'a [u8],
    /// Time from query to response when both were seen.
    pub round_trip: Option<Duration>,
    /// Whether the sender declares itself read-only (BEP 43).
    pub read_only: bool,
    /// Error code (BEP 5).
    pub error: Option<i64>,
    /// How many peers (`values`) and nodes the message lists, and how many `samples`.
    pub listed: [u16; 3],
    /// The sender's node id or its answer has the marks of a botnet (R-BOT-1).
    pub botnet: bool,
}

/// A port mapping asked of a router, or its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// TCP or UDP.
    pub transport: Transport,
    /// The port inside.
    pub internal_port: u16,
    /// The port outside, asked for or granted; 0 = any.
    pub external_port: u16,
    /// Seconds; 0 deletes (or, in UPnP, is permanent).
    pub lifetime: u32,
    /// The inside host when the message names one (UPnP), otherwise the client itself.
    pub host: Option<Address>,
    /// Whether this is the router's answer; result code 0 is success.
    pub answer: Option<u16>,
    /// `nat-pmp`, `pcp` or `upnp`.
    pub protocol: &'static str,
}

/// How much of a torrent a peer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Have {
    /// This many pieces.
    Pieces(u32),
    /// All of them (BEP 6), however many that is.
    All,
}

/// Something learnt from one packet of a flow. The sender's direction and the flow travel beside it.
#[derive(Clone, Debug)]
pub enum Fact<'a> {
    /// The bytes prove the protocol.
    Identified {
        /// What it is.
        kind: Kind,
        /// Why.
        reason: Reason,
    },
    /// Something that proves nothing by itself, about the sender rather than the flow.
    Hint(Reason),
    /// The answer proves that the other side's packets were not forged.
    TwoWay,
    /// The sender acknowledges ever more of what the receiver sent, whether the sensor sees that or not.
    Hears,
    /// The flow opened with something that is not BitTorrent's.
    Opens(Opens),
    /// What is known of the flow's encryption.
    Encrypted(Encryption),
    /// A peer handshake.
    Handshake {
        /// Of which torrent.
        info_hash: InfoHash,
        /// Who says so; `None` in the short form.
        peer_id: Option<PeerId>,
        /// Reserved bits (BEP 4).
        reserved: [u8; 8],
    },
    /// An info-hash seen on the flow by any other way than a handshake.
    Torrent {
        /// Which.
        info_hash: InfoHash,
        /// How.
        channel: Channel,
    },
    /// A torrent has another key besides this one.
    OtherKey {
        /// The key it is known by.
        info_hash: InfoHash,
        /// The other.
        key: TorrentKey,
    },
    /// The sender's client.
    Client(&'a Client),
    /// The sender announces itself.
    Announce(Announce),
    /// The sender says it listens on this port.
    Listens {
        /// TCP (and uTP) port, or DHT port.
        port: u16,
        /// How it was said.
        channel: Channel,
    },
    /// The sender tells the receiver how it sees its address.
    ExternalAddress {
        /// The receiver's address as seen from outside.
        address: Address,
        /// And port where told.
        port: Option<u16>,
        /// How it was said.
        channel: Channel,
    },
    /// The sender names peers of a torrent to the receiver.
    Peers {
        /// Of which torrent, where known.
        info_hash: Option<InfoHash>,
        /// How.
        channel: Channel,
        /// Their endpoints; bounded.
        endpoints: &'a [Endpoint],
    },
    /// How large a swarm is said to be.
    SwarmSize(SwarmSize),
    /// Which addresses a node of the DHT has stored as a torrent's (BEP 33).
    Scrape {
        /// Of which torrent.
        info_hash: InfoHash,
        /// Peers with the whole torrent.
        seeds: Option<&'a ScrapeFilter>,
        /// Its other peers.
        peers: Option<&'a ScrapeFilter>,
    },
    /// A torrent's name.
    Name(TorrentName<'a>),
    /// A DHT message.
    Dht(DhtMessage<'a>),
    /// The sender has this many of a torrent's pieces.
    Progress {
        /// Of which torrent, where its handshake was seen.
        info_hash: Option<InfoHash>,
        /// Pieces it has.
        have: Have,
    },
    /// Whether the sender downloads nothing of a torrent, and only gives: a seed, or a partial seed that has all that it
    /// wants (BEP 21).
    UploadOnly {
        /// Of which torrent, where its handshake was seen.
        info_hash: Option<InfoHash>,
        /// What it says.
        on: bool,
    },
    /// How many pieces a torrent has, as far as its messages tell.
    Extent {
        /// Of which torrent.
        info_hash: InfoHash,
        /// At least so many: the highest piece that somebody has, and one.
        at_least: u32,
        /// At most so many: what a bitfield has room for.
        at_most: Option<u32>,
    },
    /// Peers speak of the hashes of a torrent of version 2 (BEP 52), which one of version 1 alone does not have.
    MerkleHashes {
        /// Of which torrent.
        info_hash: InfoHash,
    },
    /// Piece data sent.
    Pieces {
        /// Of which torrent, where its handshake was seen.
        info_hash: Option<InfoHash>,
        /// Bytes of content, not of framing.
        bytes: u64,
    },
    /// A port mapping.
    Mapping(Mapping),
    /// Bytes that should have parsed and did not.
    Malformed {
        /// Of which protocol.
        kind: Kind,
        /// Why, a fixed word.
        reason: &'static str,
    },
}
