//! What the ledger knows, as plain values for the outputs.

pub use super::dht_exchange::DhtExchange;
pub use super::scrape::ScrapeReport;
use super::{Allowance, DhtConduct, DhtTotals, Place, Standing};
use crate::base::{Address, Endpoint, InfoHash, InfoHashV2, NodeId, ShortMap, Timestamp, Transport};
use crate::event::{
    AnnounceEvent, Answer, Channel, ClientSource, Encryption, Family, Grade, Kind, Mapping, NameTrust, Opens,
    Reason,
};
use std::collections::BTreeMap;

use std::time::Duration;

/// Everything an analysis found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What could be seen.
    pub coverage: Coverage,
    /// Sums over all flows.
    pub totals: Totals,
    /// Home hosts with any P2P label of grade strong or better, most bytes first.
    pub hosts: Vec<HostReport>,
    /// Torrents a home host took part in, most bytes first.
    pub torrents: Vec<TorrentReport>,
    /// Port mappings asked for by home hosts.
    pub mappings: Vec<MappingReport>,
    /// Ports of the hosts that were tried from outside, told to others or mapped.
    pub exposure: Vec<PortReport>,
    /// Strangers that found several ports of a host shut.
    pub scans: Vec<ScanReport>,
    /// Where the sensor stands.
    pub place: Place,
    /// Remarkable things, in fixed words with a count.
    pub oddities: BTreeMap<&'static str, u64>,
}

/// What the sensor saw and did not see.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Names of the files read.
    pub files: Vec<String>,
    /// Packets read.
    pub packets: u64,
    /// Bytes of the packets on the wire.
    pub bytes: u64,
    /// Time of the first packet.
    pub first: Option<Timestamp>,
    /// Time of the last packet.
    pub last: Option<Timestamp>,
    /// Packets decoded to a TCP or UDP frame.
    pub decoded: u64,
    /// Packets that did not become a frame of their own, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Packets dropped by a full queue.
    pub queue_dropped: u64,
    /// Packets dropped by the kernel.
    pub kernel_dropped: u64,
    /// Packets a filter or time window left out.
    pub filtered: u64,
    /// Packets by link type that is not supported, with its name.
    pub unsupported_links: BTreeMap<String, u64>,
    /// Flows seen.
    pub flows: u64,
    /// Flows with packets of one side only.
    pub one_way_flows: u64,
    /// Frames cut by the snap length.
    pub cut_frames: u64,
    /// Encapsulations met, with how many paths lead through them.
    pub tunnels: BTreeMap<&'static str, u64>,
    /// Limits that were hit, with how often.
    pub limits: BTreeMap<&'static str, u64>,
    /// Input damage: file, offset, reason.
    pub damage: Vec<(String, u64, String)>,
    /// Home networks in use.
    pub home_nets: Vec<String>,
    /// Whether they are the built-in default.
    pub home_nets_default: bool,
    /// Panics caught in dissectors.
    pub panics: u64,
}

/// Sums over flows.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Flows and wire bytes by family, kind set, grade.
    pub flows: BTreeMap<(Family, Grade), FlowSum>,
    /// By kind (a flow counts once for each of its kinds).
    pub kinds: BTreeMap<Kind, FlowSum>,
    /// By encryption, BitTorrent flows of grade strong or better.
    pub encryption: BTreeMap<Encryption, FlowSum>,
    /// Malformed messages by protocol and reason.
    pub malformed: BTreeMap<(Kind, &'static str), u64>,
    /// DHT messages.
    pub dht: DhtTotals,
    /// Ended flows that looked like BitTorrent in some way and were not found to be, by what they showed and whether they stay
    /// suspected. A flow counts once for each reason.
    pub look_alikes: BTreeMap<(Reason, bool), FlowSum>,
}

/// Flows and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowSum {
    /// Flows.
    pub flows: u64,
    /// Wire bytes into the home networks.
    pub bytes_in: u64,
    /// Wire bytes out of the home networks.
    pub bytes_out: u64,
    /// Wire bytes between two home hosts or two outside hosts.
    pub bytes_across: u64,
}

/// Bytes of a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostBytes {
    /// Wire bytes received.
    pub received: u64,
    /// Wire bytes sent.
    pub sent: u64,
}

/// A home host.
#[derive(Clone, Debug, Default)]
pub struct HostReport {
    /// Its address.
    pub address: Address,
    /// The start of its first P2P flow.
    pub first: Timestamp,
    /// The last P2P packet that it sent itself.
    pub last: Timestamp,
    /// P2P bytes by grade.
    pub bytes: ShortMap<Grade, HostBytes>,
    /// P2P bytes (strong or better) by transport word: `tcp`, `utp`, `udp`.
    pub transports: ShortMap<&'static str, HostBytes>,
    /// P2P bytes (strong or better) by encryption.
    pub encryption: ShortMap<Encryption, HostBytes>,
    /// All its bytes, P2P or not.
    pub all: HostBytes,
    /// What it does, with flows.
    pub kinds: ShortMap<Kind, u64>,
    /// P2P flows of grade strong or better.
    pub flows: u64,
    /// Distinct remote addresses of those flows.
    pub peers: u64,
    /// Whether every label rests on one-way evidence, which a third party could have forged.
    pub claimed_only: bool,
    /// Clients it named, with the source and the times.
    pub clients: Vec<ClientReport>,
    /// Whether clients named by different fields at the same time run on different engines.
    pub client_conflict: bool,
    /// Ports it told others to reach it on: (port, how, first, last).
    pub listens: Vec<(u16, Channel, Timestamp, Timestamp)>,
    /// Its DHT node ids, and whether each is valid for an address of the host (BEP 42; `None` where exempt or unknown).
    pub node_ids: Vec<(NodeId, Option<bool>)>,
    /// Its address as others said they see it, with votes.
    pub external: Vec<(Address, u64)>,
    /// The same with its port, where others told it (KRPC `ip`, BEP 42; PCP, RFC 6887).
    pub external_ports: Vec<Endpoint>,
    /// Torrents it took part in.
    pub torrents: Vec<InfoHash>,
    /// DHT messages sent by role: queries, responses, errors; and queries received.
    pub dht: [u64; 4],
    /// What became of its queries.
    pub dht_exchange: DhtExchange,
    /// How it behaves there.
    pub dht_conduct: DhtConduct,
    /// How well it can be reached, by TCP and by UDP.
    pub nat: [NatStatus; 2],
    /// Flows and bytes of connections that others opened, and that it opened itself.
    pub opened: [(u64, HostBytes); 2],
    /// Whether it still takes part, and how that is known.
    pub standing: Standing,
    /// Why the operator's list allows all that is known of it, if it does.
    pub allowed: Option<Allowance>,
}

/// How well a host's BitTorrent can be reached from outside, in the colours that clients show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NatStatus {
    /// It told nobody a port.
    #[default]
    Unknown,
    /// The latest stranger that tried was accepted.
    Green,
    /// It told others a port, but no attempt reached the sensor.
    Yellow,
    /// Strangers try, and are refused or not answered.
    Red,
}

impl NatStatus {
    /// The fixed word of the output contract.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Green => "green",
            Self::Yellow => "yellow",
            Self::Red => "red",
        }
    }
}

/// How a port of a home host looks from outside the home networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PortState {
    /// Nobody tried, or too few to tell.
    NotTested,
    /// Attempts are accepted.
    Open,
    /// Attempts are refused.
    Closed,
    /// Attempts are not answered.
    Stealth,
    /// A router lets attempts through to a port that the host told others or had mapped, and the host refuses or ignores
    /// them.
    ForwardedRefused,
}

impl PortState {
    /// The fixed word of the output contract.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::NotTested => "not-tested",
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Stealth => "stealth",
            Self::ForwardedRefused => "forwarded-refused",
        }
    }
}

/// A stretch of time in which attempts on a port had the same outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// The outcome.
    pub answer: Answer,
    /// First evidence.
    pub first: Timestamp,
    /// Last evidence.
    pub last: Timestamp,
    /// Attempts.
    pub attempts: u64,
}

/// A port of a home host.
#[derive(Clone, Debug)]
pub struct PortReport {
    /// The host.
    pub host: Address,
    /// TCP or UDP.
    pub transport: Transport,
    /// The port.
    pub port: u16,
    /// How it looks from outside.
    pub state: PortState,
    /// For how long it was seen open, at least.
    pub open_for: Duration,
    /// Distinct addresses that tried.
    pub sources: u64,
    /// How often it was tried.
    pub attempts: u64,
    /// The host told others to reach its BitTorrent here, or was reached here.
    pub p2p: bool,
    /// The host asked a router to forward it.
    pub mapped: bool,
    /// Attempts reach a private address: a router forwards them.
    pub forwarded: bool,
    /// What was seen when.
    pub intervals: Vec<Interval>,
    /// Distinct addresses that scanned the host, of those that tried this port.
    pub scanners: u64,
    /// Distinct peers of BitTorrent flows that came in here and were answered.
    pub callers: u64,
    /// What else strangers opened with who were let in, in the order of [`Opens::ALL`].
    pub visits: Vec<VisitReport>,
}

/// What strangers opened with on a port, where it was not BitTorrent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VisitReport {
    /// What it was, by its first bytes.
    pub opens: Opens,
    /// How often.
    pub flows: u64,
    /// How often the host sent payload on it.
    pub answered: u64,
    /// Distinct addresses, at most 256.
    pub sources: u64,
    /// First visit.
    pub first: Timestamp,
    /// Last visit.
    pub last: Timestamp,
}

/// A stranger that found several ports of a home host shut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanReport {
    /// The host.
    pub host: Address,
    /// Who tried.
    pub source: Address,
    /// How many ports, at most 64.
    pub ports: u64,
    /// First attempt.
    pub first: Timestamp,
    /// Last attempt.
    pub last: Timestamp,
}

/// A client seen at a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientReport {
    /// Name and version, escaped.
    pub name: String,
    /// Where it was read.
    pub source: ClientSource,
    /// The library or code base it runs on; `None` for programs that are not known.
    pub engine: Option<&'static str>,
    /// First seen.
    pub first: Timestamp,
    /// Last seen.
    pub last: Timestamp,
}

/// A torrent.
#[derive(Clone, Debug)]
pub struct TorrentReport {
    /// Its info-hash as seen on the wire.
    pub info_hash: InfoHash,
    /// The other swarm key of a hybrid, from its info dictionary or from two handshakes of one connection (BEP 52).
    pub also: Option<InfoHash>,
    /// The whole v2 info-hash of a v2 or hybrid torrent, where an info dictionary or a TLS server name told it.
    pub v2: Option<InfoHashV2>,
    /// Whether it is of version 2 or hybrid (BEP 52), by hashes of that version; `false` where nobody can tell.
    pub is_v2: bool,
    /// Its name (escaped), how it was learnt and how far to trust it.
    pub name: Option<(String, Channel, NameTrust)>,
    /// Size in bytes, where an info dictionary was seen.
    pub size: Option<u64>,
    /// Pieces, where known.
    pub pieces: Option<u32>,
    /// BEP 27.
    pub private: Option<bool>,
    /// First and last seen with a home host.
    pub first: Timestamp,
    /// See `first`.
    pub last: Timestamp,
    /// Home hosts and what they do in it.
    pub hosts: Vec<TorrentHost>,
    /// Distinct endpoints that were named as peers or spoke for it.
    pub peers: u64,
    /// Of these, endpoints that told home hosts that they have all (BEP 6) or download nothing (BEP 21).
    pub peers_seeding: u64,
    /// Seeders, leechers, completed as last told by a tracker.
    pub reported: Option<(u32, u32, Option<u32>)>,
    /// Its size as nodes of the DHT say.
    pub scrape: Option<ScrapeReport>,
    /// By which ways it was seen.
    pub channels: Vec<Channel>,
    /// Trackers that home hosts announced it to, at most 16.
    pub trackers: Vec<Endpoint>,
    /// Why the operator's list allows it, if it does.
    pub allowed: Option<Allowance>,
}

impl TorrentReport {
    /// Piece bytes that home hosts sent to home hosts.
    #[must_use]
    pub fn across(&self) -> u64 {
        self.hosts.iter().map(|h| h.across[1]).sum()
    }
}

/// A home host in a torrent.
#[derive(Clone, Debug)]
pub struct TorrentHost {
    /// The host.
    pub address: Address,
    /// First seen.
    pub first: Timestamp,
    /// Last seen.
    pub last: Timestamp,
    /// The last announced event and what was left, as claimed to trackers: (event, uploaded, downloaded, left).
    pub claimed: Option<(AnnounceEvent, u64, u64, u64)>,
    /// Pieces it was seen to have, of how many (0 where not known; both 0: all of an unknown number).
    pub measured: Option<(u32, u32)>,
    /// Whether it told its peers, last of all, that it downloads nothing: a seed, or a partial seed that has all that it wants
    /// (BEP 21). `None` where it told nobody.
    pub upload_only: Option<bool>,
    /// Piece bytes received.
    pub downloaded: u64,
    /// Piece bytes sent.
    pub uploaded: u64,
    /// Endpoints it exchanged peer messages with.
    pub peers: u64,
    /// Of these, piece bytes from and to other home hosts.
    pub across: [u64; 2],
    /// Whether it only asked (lookups), announced, or exchanged data.
    pub role: Role,
}

impl TorrentHost {
    /// Whether it shows or claims to have all.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.measured.is_some_and(|(have, of)| have == of) || self.claimed.is_some_and(|(.., left)| left == 0)
    }

    /// Whether it wants no more, though neither its pieces nor what it told a tracker show that it has all.
    #[must_use]
    pub fn is_upload_only(&self) -> bool {
        self.upload_only == Some(true) && !self.is_complete()
    }

    /// Sent for received, in thousandths, as measured; nothing where nothing was received.
    #[must_use]
    pub fn ratio(&self) -> Option<u64> {
        self.uploaded.saturating_mul(1_000).checked_div(self.downloaded)
    }
}

/// What a home host did so far in a torrent, as sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TorrentStanding {
    /// The torrent.
    pub info_hash: InfoHash,
    /// The home host.
    pub host: Address,
    /// Piece bytes sent.
    pub uploaded: u64,
    /// Piece bytes received.
    pub downloaded: u64,
    /// Whether it shows or claims to have all.
    pub complete: bool,
    /// First and last seen in it.
    pub first: Timestamp,
    /// See `first`.
    pub last: Timestamp,
    /// What it does there.
    pub role: Role,
}

/// What a home host does in a torrent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// It only looked the info-hash up.
    Lookup,
    /// It announced or shook hands, but no piece data was seen.
    Member,
    /// It received pieces.
    Leecher,
    /// It sent pieces, and claims or shows to have all, or told its peers that it wants no more.
    Seeder,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Lookup, Self::Member, Self::Leecher, Self::Seeder];

    /// The fixed word of the output.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Lookup => "lookup",
            Self::Member => "member",
            Self::Leecher => "leecher",
            Self::Seeder => "seeder",
        }
    }
}

/// A port mapping a home host asked for.
#[derive(Clone, Debug)]
pub struct MappingReport {
    /// The asker.
    pub host: Address,
    /// The router.
    pub router: Endpoint,
    /// The request or answer.
    pub mapping: Mapping,
    /// When, for the first time.
    pub at: Timestamp,
    /// When it was said last: clients renew their mappings.
    pub last: Timestamp,
    /// Peers of BitTorrent flows that came in by it while it lasted and were answered.
    pub used_by: u64,
}

impl MappingReport {
    /// When it runs out, counted from the last time it was said; nothing for one that is permanent (UPnP) or was deleted.
    #[must_use]
    pub fn until(&self) -> Option<Timestamp> {
        let lifetime = Duration::from_secs(self.mapping.lifetime.into());
        (!lifetime.is_zero()).then(|| self.last + lifetime)
    }
}
