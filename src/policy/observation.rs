//! What the engine is told beside the news of flows, and the one form in which rules see all of it.

use crate::base::{Address, Endpoint, InfoHash, Timestamp, Transport};
use crate::event::{Client, DhtRole, Encryption, Grade, Kinds, Reasons};
use crate::ledger::{Behaviour, HostState};

/// News that is not a flow's.
#[derive(Clone, Debug)]
pub enum Observation<'a> {
    /// What a home host did in a torrent.
    Torrent(TorrentNews),
    /// A DHT message a home host sent or received.
    Dht(DhtNews<'a>),
    /// A home host behaves in the DHT as a rule of the ledger names it.
    Behaviour(BehaviourNews),
    /// The outside reached a home host's port, or tried to.
    Exposure(ExposureNews<'a>),
    /// A home host's P2P state changed.
    HostState(HostStateNews),
    /// What the sensor saw and lost.
    Sensor(SensorNews),
}

/// What a home host did in a torrent since this was last told.
#[derive(Clone, Copy, Debug)]
pub struct TorrentNews {
    /// When.
    pub at: Timestamp,
    /// The home host.
    pub host: Address,
    /// The torrent.
    pub info_hash: InfoHash,
    /// Piece bytes it sent.
    pub uploaded: u64,
    /// Piece bytes it received.
    pub downloaded: u64,
    /// Whether it has all of the torrent.
    pub complete: bool,
    /// Whether the other side's answer proves that the host's packets were not forged.
    pub two_way: bool,
}

/// A DHT message (BEP 5).
#[derive(Clone, Copy, Debug)]
pub struct DhtNews<'a> {
    /// When.
    pub at: Timestamp,
    /// The home host.
    pub host: Endpoint,
    /// The other node.
    pub remote: Endpoint,
    /// Whether the host sent it.
    pub sent: bool,
    /// Query, response or error.
    pub role: DhtRole,
    /// The method; of a response, that of the query it answers.
    pub method: Option<&'a str>,
    /// What is looked up or announced.
    pub target: Option<InfoHash>,
}

/// A home host behaves in the DHT in a way that has a name.
#[derive(Clone, Copy, Debug)]
pub struct BehaviourNews {
    /// When.
    pub at: Timestamp,
    /// The host.
    pub host: Address,
    /// Which way.
    pub behaviour: Behaviour,
}

/// Something learnt of a port of a home host.
#[derive(Clone, Copy, Debug)]
pub struct ExposureNews<'a> {
    /// When.
    pub at: Timestamp,
    /// The host and its port; 0 for news of many ports.
    pub host: Endpoint,
    /// TCP or UDP.
    pub transport: Transport,
    /// Who probed it, where somebody did.
    pub source: Option<Endpoint>,
    /// What was learnt.
    pub news: Exposure,
    /// The other protocol that answered, or the mapping protocol.
    pub detail: Option<&'a str>,
}

/// What can be learnt of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Exposure {
    /// It answered somebody outside.
    Opened,
    /// It no longer answers.
    Closed,
    /// Packets from outside arrive, and the host refuses them.
    ForwardedRefused,
    /// A P2P listen port answered in another protocol.
    OtherProtocol,
    /// The host asked the router to map it (NAT-PMP, PCP, UPnP).
    MappingAsked,
    /// Somebody scanned the host: found several ports of it shut.
    Scanned,
}

impl Exposure {
    /// The words of rules.
    pub const WORDS: [(&'static str, Self); 6] = [
        ("opened", Self::Opened),
        ("closed", Self::Closed),
        ("forwarded-refused", Self::ForwardedRefused),
        ("other-protocol", Self::OtherProtocol),
        ("mapping-asked", Self::MappingAsked),
        ("scanned", Self::Scanned),
    ];
}

/// A home host's state changed.
#[derive(Clone, Copy, Debug)]
pub struct HostStateNews {
    /// When.
    pub at: Timestamp,
    /// The host.
    pub host: Address,
    /// What it is now.
    pub state: HostState,
}

/// What the sensor saw and lost since this was last told.
#[derive(Clone, Copy, Debug, Default)]
pub struct SensorNews {
    /// When.
    pub at: Timestamp,
    /// Packets that came, the lost ones included.
    pub packets: u64,
    /// Packets lost in the kernel or in a full queue.
    pub lost: u64,
    /// Frames cut by the snap length.
    pub cut: u64,
    /// How often a limit was hit.
    pub limits: u64,
    /// Damaged places of the input.
    pub damage: u64,
    /// Panics caught in dissectors.
    pub panics: u64,
}

/// A piece of news as rules see it: of which host, with whom, and what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample<'a> {
    pub at: Timestamp,
    /// The home host; none for the sensor's own news.
    pub host: Option<Address>,
    /// The host's port.
    pub port: Option<u16>,
    pub remote: Option<Endpoint>,
    pub transport: Option<Transport>,
    pub vlans: &'a [u16],
    pub torrents: &'a [InfoHash],
    pub what: What<'a>,
}

/// What a sample tells.
#[derive(Clone, Copy, Debug)]
pub(super) enum What<'a> {
    Flow(FlowNews<'a>),
    Torrent { uploaded: u64, downloaded: u64, complete: bool, two_way: bool },
    Dht { sent: bool, role: DhtRole, method: Option<&'a str>, target: Option<InfoHash> },
    Behaviour(Behaviour),
    Exposure { news: Exposure, detail: Option<&'a str> },
    HostState(HostState),
    Sensor(SensorNews),
}

/// What one home host's side of a flow added.
#[derive(Clone, Copy, Debug)]
pub(super) struct FlowNews<'a> {
    pub kinds: Kinds,
    pub grade: Grade,
    pub reasons: Reasons,
    pub two_way: bool,
    pub encryption: Encryption,
    pub client: Option<&'a Client>,
    /// The host opened the flow.
    pub opened: bool,
    /// The flow is told for the first time.
    pub new: bool,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub packets: u64,
}

impl<'a> Observation<'a> {
    /// The form in which rules see it.
    pub(super) fn sample<'s>(&'s self, info_hash: &'s mut [InfoHash; 1]) -> Sample<'s>
    where
        'a: 's,
    {
        let blank = |at, what| Sample {
            at,
            host: None,
            port: None,
            remote: None,
            transport: None,
            vlans: &[],
            torrents: &[],
            what,
        };
        match *self {
            Self::Torrent(TorrentNews {
                at,
                host,
                info_hash: torrent,
                uploaded,
                downloaded,
                complete,
                two_way,
            }) => {
                *info_hash = [torrent];
                let what = What::Torrent { uploaded, downloaded, complete, two_way };
                Sample { host: Some(host), torrents: info_hash, ..blank(at, what) }
            }
            Self::Dht(DhtNews { at, host, remote, sent, role, method, target }) => Sample {
                host: Some(host.address),
                port: Some(host.port),
                remote: Some(remote),
                transport: Some(Transport::Udp),
                ..blank(at, What::Dht { sent, role, method, target })
            },
            Self::Exposure(ExposureNews { at, host, transport, source, news, detail }) => Sample {
                host: Some(host.address),
                // A scan is of many ports.
                port: (host.port != 0).then_some(host.port),
                remote: source,
                transport: (host.port != 0).then_some(transport),
                ..blank(at, What::Exposure { news, detail })
            },
            Self::Behaviour(BehaviourNews { at, host, behaviour }) => {
                Sample { host: Some(host), ..blank(at, What::Behaviour(behaviour)) }
            }
            Self::HostState(HostStateNews { at, host, state }) => {
                Sample { host: Some(host), ..blank(at, What::HostState(state)) }
            }
            Self::Sensor(news) => blank(news.at, What::Sensor(news)),
        }
    }
}
