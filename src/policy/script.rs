//! News written down in a rule test, and the same told to an engine.

use super::engine::Engine;
use super::observation::{
    BehaviourNews, DhtNews, Exposure, ExposureNews, HostStateNews, Observation, SensorNews, TorrentNews,
};
use super::problem::Problems;
use super::read::Fields;
use super::units::{self, Unit};
use super::yaml::Node;
use crate::base::{Address, Endpoint, InfoHash, Timestamp, Transport};
use crate::event::{
    Client, ClientSource, Counters, DhtRole, Encryption, EndReason, FlowRecord, FlowState, FlowUpdate, Grade,
    Kind, Label, Opaque, Reason, Told, Word,
};
use crate::ledger::{Behaviour, DHT_RULES, HostState};
use std::time::Duration;

/// One piece of news.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// Since the start of the test.
    pub at: Duration,
    news: News,
}

#[derive(Clone, Debug)]
enum News {
    Flow {
        record: Box<FlowRecord>,
        new: bool,
        vlans: Vec<u16>,
    },
    Torrent(TorrentNews),
    Dht {
        host: Endpoint,
        remote: Endpoint,
        sent: bool,
        role: DhtRole,
        method: Option<String>,
        target: Option<InfoHash>,
    },
    Exposure {
        host: Endpoint,
        transport: Transport,
        source: Option<Endpoint>,
        news: Exposure,
        detail: Option<String>,
    },
    Behaviour(Address, Behaviour),
    State(Address, HostState),
    Sensor(SensorNews),
}

const FLOW: [&str; 20] = [
    "host",
    "port",
    "remote",
    "remote_port",
    "direction",
    "transport",
    "kind",
    "grade",
    "reason",
    "encryption",
    "two_way",
    "client",
    "info_hash",
    "vlan",
    "bytes",
    "bytes_in",
    "bytes_out",
    "new",
    "answered",
    "packets",
];
const SORTS: [&str; 7] = ["flow", "torrent", "dht", "behaviour", "exposure", "state", "sensor"];
/// Copies of one line, at most.
const TIMES_MAX: u32 = 100_000;

impl Event {
    /// Tells it to an engine.
    pub(super) fn tell(&self, engine: &mut Engine, start: Timestamp) {
        let at = start + self.at;
        match &self.news {
            News::Flow { record, new, vlans } => {
                let record = FlowRecord { start: at, end: at, ..(**record).clone() };
                let told = Told { grade: (!new).then_some(Grade::Suspected), ..Told::default() };
                engine.flow(&FlowUpdate { record: &record, told, ended: false }, vlans);
            }
            News::Torrent(news) => engine.observe(&Observation::Torrent(TorrentNews { at, ..*news })),
            News::Dht { host, remote, sent, role, method, target } => {
                engine.observe(&Observation::Dht(DhtNews {
                    at,
                    host: *host,
                    remote: *remote,
                    sent: *sent,
                    role: *role,
                    method: method.as_deref(),
                    target: *target,
                }));
            }
            News::Exposure { host, transport, source, news, detail } => {
                engine.observe(&Observation::Exposure(ExposureNews {
                    at,
                    host: *host,
                    transport: *transport,
                    source: *source,
                    news: *news,
                    detail: detail.as_deref(),
                }));
            }
            News::Behaviour(host, behaviour) => {
                let (host, behaviour) = (*host, *behaviour);
                engine.observe(&Observation::Behaviour(BehaviourNews { at, host, behaviour }));
            }
            News::State(host, state) => {
                engine.observe(&Observation::HostState(HostStateNews { at, host: *host, state: *state }));
            }
            News::Sensor(news) => engine.observe(&Observation::Sensor(SensorNews { at, ..*news })),
        }
    }

    /// The next of several copies: one of its addresses or hashes counted up.
    fn vary(&mut self, what: Vary) {
        let next = |address: &mut Address| {
            address.0 = (u128::from_be_bytes(address.0).wrapping_add(1)).to_be_bytes()
        };
        let next_hash = |hash: &mut InfoHash| {
            for byte in hash.0.iter_mut().rev() {
                *byte = byte.wrapping_add(1);
                if *byte != 0 {
                    break;
                }
            }
        };
        match (&mut self.news, what) {
            (News::Flow { record, .. }, Vary::Remote) => next(&mut record.responder.address),
            (News::Flow { record, .. }, Vary::Host) => next(&mut record.originator.address),
            (News::Flow { record, .. }, Vary::Torrent) => {
                record.label.info_hashes.iter_mut().for_each(next_hash)
            }
            (News::Torrent(news), Vary::Host) => next(&mut news.host),
            (News::Torrent(news), Vary::Torrent) => next_hash(&mut news.info_hash),
            (News::Dht { remote, .. }, Vary::Remote) => next(&mut remote.address),
            (News::Dht { host, .. } | News::Exposure { host, .. }, Vary::Host) => next(&mut host.address),
            (News::Dht { target, .. }, Vary::Torrent) => target.iter_mut().for_each(next_hash),
            _ => {}
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Vary {
    Nothing,
    Host,
    Remote,
    Torrent,
}

/// Reads one line of a script, with its copies.
pub(super) fn read_event(node: &Node, events: &mut Vec<Event>, problems: &mut Problems) -> Option<()> {
    let allowed: Vec<&str> = ["at", "times", "every", "vary"].into_iter().chain(SORTS).collect();
    let fields = Fields::of(node, "an event", &allowed, problems)?;
    let at = fields.parse("at", units::DURATION, units::duration, problems).unwrap_or_default();
    let every = fields.parse("every", units::DURATION, units::duration, problems).unwrap_or_default();
    let times = |t: &str| t.parse::<u32>().ok().filter(|n| (1..=TIMES_MAX).contains(n));
    let times = fields.parse("times", "a number from 1 to 100000", times, problems).unwrap_or(1);
    let vary = [
        ("host", Vary::Host),
        ("remote", Vary::Remote),
        ("info_hash", Vary::Torrent),
        ("target", Vary::Torrent),
    ];
    let vary = fields.word("vary", &vary, problems).unwrap_or(Vary::Nothing);
    let given: Vec<&str> = SORTS.into_iter().filter(|s| fields.get(s).is_some()).collect();
    let [sort] = given.as_slice() else {
        problems.say(node.at, format!("an event is one of {}", SORTS.join(", ")));
        return None;
    };
    let node = fields.get(sort)?;
    let news = match *sort {
        "flow" => flow(node, problems)?,
        "torrent" => torrent(node, problems)?,
        "dht" => dht(node, problems)?,
        "behaviour" => behaviour(node, problems)?,
        "exposure" => exposure(node, problems)?,
        "state" => state(node, problems)?,
        _ => sensor(node, problems)?,
    };
    let mut event = Event { at, news };
    for _ in 0..times {
        events.push(event.clone());
        event.at = event.at.saturating_add(every);
        event.vary(vary);
    }
    Some(())
}

fn flow(node: &Node, problems: &mut Problems) -> Option<News> {
    let fields = Fields::of(node, "a flow", &FLOW, problems)?;
    let host =
        Endpoint::new(address(&fields, "host", problems)?, port(&fields, "port", problems).unwrap_or(6881));
    let remote = Endpoint::new(
        address(&fields, "remote", problems).unwrap_or(Address::v4([203, 0, 113, 7])),
        port(&fields, "remote_port", problems).unwrap_or(51413),
    );
    let kinds: Vec<(&str, Kind)> = <Kind as Word>::ALL.iter().map(|k| (k.label(), *k)).collect();
    let kinds = fields.words("kind", &kinds, problems).unwrap_or_else(|| vec![Kind::PeerWire]);
    let reasons: Vec<(&str, Reason)> = Reason::ALL.iter().map(|r| (r.label(), *r)).collect();
    let reasons = fields.words("reason", &reasons, problems).unwrap_or_else(|| vec![Reason::Handshake]);
    let grade = fields.word("grade", &Grade::ALL.map(|g| (g.label(), g)), problems);
    let encryption = fields.word("encryption", &Encryption::ALL.map(|e| (e.label(), e)), problems);
    let transport = fields.word("transport", &[("tcp", Transport::Tcp), ("udp", Transport::Udp)], problems);
    let out = fields.word("direction", &[("out", true), ("in", false)], problems).unwrap_or(true);
    let mut amount = |name| amount(&fields, name, problems);
    let (both, bytes_in, bytes_out) = (amount("bytes"), amount("bytes_in"), amount("bytes_out"));
    let packets = amount("packets").unwrap_or(2);
    let sent = |bytes: Option<u64>| {
        let bytes = bytes.or(both.map(|b| b / 2)).unwrap_or(100);
        Counters { packets: packets / 2, bytes, payload: bytes }
    };
    let answered = fields.flag("answered", problems).unwrap_or(true);
    let mine = if answered { sent(bytes_out) } else { Counters::default() };
    let client = fields.text("client", problems).map(|name| Client {
        name: name.to_owned(),
        source: ClientSource::PeerId,
        engine: None,
    });
    let vlan = |t: &str| t.parse().ok();
    let vlans = fields.parse("vlan", "a VLAN", vlan, problems).into_iter().collect();
    let label = Label {
        kinds: kinds.into_iter().collect(),
        grade: Some(grade.unwrap_or(Grade::Confirmed)),
        reasons: reasons.into_iter().collect(),
        encryption: encryption.unwrap_or_default(),
        two_way: fields.flag("two_way", problems).unwrap_or(true),
        heard: [false; 2],
        info_hashes: hash(&fields, "info_hash", problems).into_iter().collect(),
        clients: if out { [client, None] } else { [None, client] },
        pieces: [0, 0],
        opens: None,
    };
    let theirs = sent(bytes_in);
    let record = FlowRecord {
        originator: if out { host } else { remote },
        responder: if out { remote } else { host },
        transport: transport.unwrap_or(Transport::Tcp),
        path: 0,
        sent: if out { [mine, theirs] } else { [theirs, mine] },
        start: Timestamp::default(),
        end: Timestamp::default(),
        last_stretch: [None; 2],
        state: FlowState::Established,
        reason: EndReason::Running,
        midstream: false,
        one_way: !answered,
        label,
        opaque: Opaque::default(),
        trace: None,
    };
    let new = fields.flag("new", problems).unwrap_or(true);
    Some(News::Flow { record: Box::new(record), new, vlans })
}

fn torrent(node: &Node, problems: &mut Problems) -> Option<News> {
    let allowed = ["host", "info_hash", "uploaded", "downloaded", "complete", "two_way"];
    let fields = Fields::of(node, "a torrent", &allowed, problems)?;
    Some(News::Torrent(TorrentNews {
        at: Timestamp::default(),
        host: address(&fields, "host", problems)?,
        info_hash: hash(&fields, "info_hash", problems).unwrap_or(InfoHash([7; 20])),
        uploaded: amount(&fields, "uploaded", problems).unwrap_or_default(),
        downloaded: amount(&fields, "downloaded", problems).unwrap_or_default(),
        complete: fields.flag("complete", problems).unwrap_or(false),
        two_way: fields.flag("two_way", problems).unwrap_or(true),
    }))
}

fn dht(node: &Node, problems: &mut Problems) -> Option<News> {
    let allowed = ["host", "remote", "sent", "role", "query", "target"];
    let fields = Fields::of(node, "a DHT message", &allowed, problems)?;
    let roles = [("query", DhtRole::Query), ("response", DhtRole::Response), ("error", DhtRole::Error)];
    let remote = address(&fields, "remote", problems).unwrap_or(Address::v4([203, 0, 113, 7]));
    Some(News::Dht {
        host: Endpoint::new(address(&fields, "host", problems)?, 6881),
        remote: Endpoint::new(remote, 6881),
        sent: fields.flag("sent", problems).unwrap_or(true),
        role: fields.word("role", &roles, problems).unwrap_or(DhtRole::Query),
        method: fields.text("query", problems).map(str::to_owned),
        target: hash(&fields, "target", problems),
    })
}

fn behaviour(node: &Node, problems: &mut Problems) -> Option<News> {
    let fields = Fields::of(node, "a behaviour", &["host", "behaviour"], problems)?;
    fields.require("behaviour", problems)?;
    let host = address(&fields, "host", problems)?;
    let words = DHT_RULES.map(|rule| (rule.word, rule.behaviour));
    Some(News::Behaviour(host, fields.word("behaviour", &words, problems)?))
}

fn exposure(node: &Node, problems: &mut Problems) -> Option<News> {
    let allowed = ["host", "port", "transport", "source", "news", "detail"];
    let fields = Fields::of(node, "an exposure", &allowed, problems)?;
    let transport = fields.word("transport", &[("tcp", Transport::Tcp), ("udp", Transport::Udp)], problems);
    let source = address(&fields, "source", problems).map(|a| Endpoint::new(a, 40_000));
    fields.require("news", problems)?;
    Some(News::Exposure {
        host: Endpoint::new(
            address(&fields, "host", problems)?,
            port(&fields, "port", problems).unwrap_or(6881),
        ),
        transport: transport.unwrap_or(Transport::Tcp),
        source,
        news: fields.word("news", &Exposure::WORDS, problems)?,
        detail: fields.text("detail", problems).map(str::to_owned),
    })
}

fn state(node: &Node, problems: &mut Problems) -> Option<News> {
    let fields = Fields::of(node, "a state", &["host", "state"], problems)?;
    fields.require("state", problems)?;
    let host = address(&fields, "host", problems)?;
    Some(News::State(host, fields.word("state", &HostState::WORDS, problems)?))
}

fn sensor(node: &Node, problems: &mut Problems) -> Option<News> {
    let allowed = ["packets", "lost", "cut", "limits", "damage", "panics"];
    let fields = Fields::of(node, "a sensor", &allowed, problems)?;
    let number = |t: &str| t.parse::<u64>().ok();
    let mut count = |name| fields.parse(name, "a number", number, problems).unwrap_or_default();
    Some(News::Sensor(SensorNews {
        at: Timestamp::default(),
        packets: count("packets"),
        lost: count("lost"),
        cut: count("cut"),
        limits: count("limits"),
        damage: count("damage"),
        panics: count("panics"),
    }))
}

fn address(fields: &Fields<'_>, name: &str, problems: &mut Problems) -> Option<Address> {
    fields.parse(name, "an address", |t| t.parse().ok(), problems)
}

fn port(fields: &Fields<'_>, name: &str, problems: &mut Problems) -> Option<u16> {
    fields.parse(name, "a port", |t| t.parse().ok(), problems)
}

fn hash(fields: &Fields<'_>, name: &str, problems: &mut Problems) -> Option<InfoHash> {
    fields.parse(name, "an info-hash of 40 hexadecimal digits", |t| t.parse().ok(), problems)
}

fn amount(fields: &Fields<'_>, name: &str, problems: &mut Problems) -> Option<u64> {
    let parse = |t: &str| Unit::Bytes.parse(t).map(|bytes| bytes as u64);
    fields.parse(name, Unit::Bytes.expected(), parse, problems)
}
