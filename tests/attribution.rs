//! The weighing of evidence, played through at the ledger's door and with whole captures: what makes a flow `strong`, what
//! must not, and that the order of evidence and flow changes nothing.
#![allow(clippy::expect_used, clippy::indexing_slicing)] // what fails must stop the test

#[path = "support/own.rs"]
mod own;

use std::collections::BTreeMap;
use swarmscope::base::{Direction, Endpoint, HomeNets, InfoHash, Timestamp, Transport};
use swarmscope::capture::OwnedPacket;
use swarmscope::event::{
    Announce, AnnounceEvent, Channel, Counters, EndReason, Fact, FlowRecord, FlowState, Grade, Kind, Label,
    Opaque, Opening, Reason,
};
use swarmscope::ledger::{Deltas, Ledger, LedgerLimits, Scene};

const HOST: &str = "10.0.0.5:40000";
const REMOTE: &str = "203.0.113.9:6000";
const SIZE: u64 = 1_300_000;

fn endpoint(text: &str) -> Endpoint {
    let socket: std::net::SocketAddr = text.parse().expect("an endpoint");
    Endpoint::new(socket.ip().into(), socket.port())
}

fn ledger() -> Ledger {
    Ledger::new(HomeNets::new(vec!["10.0.0.0/8".parse().expect("a network")]), LedgerLimits::default())
}

/// A home host's announce to a tracker, with `left` bytes to go: it takes part, and in what.
fn announce(ledger: &Ledger, host: &str, left: u64, at: Timestamp) {
    let ends = [endpoint(host), endpoint("198.51.100.1:8000")];
    let scene = Scene { at, number: 1, ends, transport: Transport::Tcp, sender: Direction::FromOriginator };
    let mut deltas = Deltas::default();
    let announce = Announce {
        channel: Channel::HttpTracker,
        info_hash: InfoHash([7; 20]),
        port: Some(51_413),
        event: AnnounceEvent::Started,
        claimed: Some([0, 0, left]),
    };
    let identified = Fact::Identified { kind: Kind::HttpTracker, reason: Reason::HttpTracker };
    for fact in [identified, Fact::Announce(announce)] {
        deltas.fact(ledger.home(), &scene, &fact);
    }
    ledger.merge(&mut deltas);
}

/// A tracker, or an attacker, names peers to the host.
fn name_peers(ledger: &Ledger, peers: &[Endpoint], at: Timestamp) {
    let ends = [endpoint(HOST), endpoint("198.51.100.1:8000")];
    let scene = Scene { at, number: 2, ends, transport: Transport::Tcp, sender: Direction::FromResponder };
    let mut deltas = Deltas::default();
    let fact = Fact::Peers { info_hash: None, channel: Channel::HttpTracker, endpoints: peers };
    deltas.fact(ledger.home(), &scene, &fact);
    ledger.merge(&mut deltas);
}

fn flow(remote: &str, at: Timestamp, opaque: Opaque) -> FlowRecord {
    FlowRecord {
        originator: endpoint(HOST),
        responder: endpoint(remote),
        transport: Transport::Tcp,
        path: 0,
        sent: [Counters { packets: 9, bytes: 900, payload: 500 }; 2],
        start: at,
        end: at,
        last_stretch: [None; 2],
        state: FlowState::Established,
        reason: EndReason::Eof,
        midstream: false,
        one_way: false,
        label: Label::default(),
        opaque,
        trace: None,
    }
}

fn judged(ledger: &Ledger, mut flow: FlowRecord) -> Label {
    ledger.judge(&mut flow);
    flow.label
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(1_000_000 + seconds)
}

#[test]
fn requests_paired_with_blocks_are_two_facts_and_lengths_alone_are_one() {
    let lengths = Opaque { lengths_fit: true, ..Opaque::default() };
    let paired = Opaque { lengths_paired: true, ..lengths };
    let ledger = ledger();
    assert_eq!(judged(&ledger, flow(REMOTE, at(0), lengths)).grade, Some(Grade::Suspected));
    let label = judged(&ledger, flow(REMOTE, at(0), paired));
    assert_eq!(label.grade, Some(Grade::Strong));
    assert!(label.kinds.contains(Kind::PeerWire));
    // A tunnel or a backup on a well-known port is not named by lengths alone.
    assert_eq!(judged(&ledger, flow("203.0.113.9:443", at(0), paired)).grade, Some(Grade::Suspected));
}

#[test]
fn a_file_of_a_torrents_size_is_a_web_seeds() {
    let fetched = |size| Opaque { file_size: Some(size), ..Opaque::default() };
    let known = ledger();
    announce(&known, HOST, SIZE, at(0));
    let label = judged(&known, flow(REMOTE, at(5), fetched(SIZE)));
    assert_eq!(label.grade, Some(Grade::Strong));
    assert!(label.reasons.contains(Reason::TorrentSize) && label.kinds.contains(Kind::Webseed));
    assert_eq!(judged(&known, flow(REMOTE, at(5), fetched(SIZE + 1))).grade, None, "another file");
    assert_eq!(judged(&known, flow(REMOTE, at(3_600), fetched(SIZE))).grade, None, "long after");
    assert_eq!(judged(&ledger(), flow(REMOTE, at(5), fetched(SIZE))).grade, None, "nothing is known");
    announce(&known, HOST, SIZE / 2, at(3_600));
    assert_eq!(judged(&known, flow(REMOTE, at(3_600), fetched(SIZE))).grade, None, "it needed that long ago");
    let other = ledger();
    announce(&other, "10.0.0.6:40000", SIZE, at(0));
    assert_eq!(judged(&other, flow(REMOTE, at(5), fetched(SIZE))).grade, None, "another host's torrent");
    let small = ledger();
    announce(&small, HOST, 4_096, at(0));
    assert_eq!(judged(&small, flow(REMOTE, at(5), fetched(4_096))).grade, None, "sizes that many files have");
    let finished = ledger();
    announce(&finished, HOST, 0, at(0));
    assert_eq!(judged(&finished, flow(REMOTE, at(5), fetched(0))).grade, None, "a seed needs nothing");
}

/// An attacker answers with innocent endpoints: what they carry decides, and a list alone is never enough.
#[test]
fn poisoned_answers_accuse_nobody() {
    let innocent = ["203.0.113.9:443", "203.0.113.9:53", "203.0.113.9:22", "203.0.113.9:6000"];
    let poison: Vec<Endpoint> = innocent.into_iter().map(endpoint).collect();
    let shaped = Opaque { opening: Opening::BothSides, bursts_fit: true, ..Opaque::default() };
    let one_side = Opaque { opening: Opening::OneSide, ..Opaque::default() };
    // The host is no participant, or was one hours ago: not even with the shape of an exchange.
    let outsider = ledger();
    announce(&outsider, HOST, SIZE, at(-7_200));
    name_peers(&outsider, &poison, at(0));
    for remote in innocent {
        assert!(judged(&outsider, flow(remote, at(1), shaped)).grade < Some(Grade::Strong), "{remote}");
    }
    // It is one: TLS, DNS, QUIC and SSH have no shape, and well-known ports are never learnt.
    let participant = ledger();
    announce(&participant, HOST, SIZE, at(0));
    name_peers(&participant, &poison, at(0));
    for remote in innocent {
        assert_eq!(judged(&participant, flow(remote, at(1), Opaque::default())).grade, None, "{remote}");
        assert!(judged(&participant, flow(remote, at(1), one_side)).grade < Some(Grade::Strong), "{remote}");
    }
    for remote in ["203.0.113.9:443", "203.0.113.9:53", "203.0.113.9:22"] {
        assert!(judged(&participant, flow(remote, at(1), shaped)).grade < Some(Grade::Strong), "{remote}");
    }
    // The evidence is believed for half an hour.
    assert_eq!(judged(&participant, flow(REMOTE, at(60), shaped)).grade, Some(Grade::Strong));
    assert!(judged(&participant, flow(REMOTE, at(1_801), shaped)).grade < Some(Grade::Strong));
}

#[test]
fn a_remote_that_lists_thousands_is_believed_up_to_a_cap() {
    let limits = LedgerLimits { endpoints_per_source: 100, ..LedgerLimits::default() };
    let ledger = Ledger::new(HomeNets::new(vec!["10.0.0.0/8".parse().expect("a network")]), limits);
    announce(&ledger, HOST, SIZE, at(0));
    for n in 0..300u16 {
        name_peers(&ledger, &[Endpoint::new(endpoint(REMOTE).address, 20_000 + n)], at(0));
    }
    let shaped = Opaque { opening: Opening::BothSides, bursts_fit: true, ..Opaque::default() };
    let strong = (0..300)
        .filter(|n| {
            let remote = format!("203.0.113.9:{}", 20_000 + n);
            judged(&ledger, flow(&remote, at(1), shaped)).grade == Some(Grade::Strong)
        })
        .count();
    assert_eq!(strong, 100);
    assert_eq!(ledger.limits_hit().get("learnt-endpoints"), Some(&200));
}

#[test]
fn the_order_of_evidence_changes_nothing() {
    let shaped = Opaque { opening: Opening::BothSides, lengths_fit: true, ..Opaque::default() };
    let noted = [REMOTE, "203.0.113.10:6000", "203.0.113.11:6000"].map(|r| flow(r, at(30), shaped));
    type Step<'a> = Box<dyn Fn(&Ledger) + 'a>;
    let steps: [Step<'_>; 5] = [
        Box::new(|l| announce(l, HOST, SIZE, at(40))),
        Box::new(|l| name_peers(l, &[endpoint(REMOTE)], at(20))),
        Box::new(|l| l.note_opaque(&noted[0])),
        Box::new(|l| l.note_opaque(&noted[1])),
        Box::new(|l| l.note_opaque(&noted[2])),
    ];
    let mut seen = Vec::new();
    for order in permutations(steps.len()) {
        let ledger = ledger();
        for i in order {
            steps[i](&ledger);
        }
        seen.push(judged(&ledger, noted[0].clone()));
    }
    assert_eq!(seen.len(), 120);
    assert!(seen.iter().all(|label| *label == seen[0]), "{:?}", seen[0]);
    let reasons = seen[0].reasons;
    for reason in [Reason::LearntEndpoint, Reason::FanOut, Reason::Participant, Reason::MseShape] {
        assert!(reasons.contains(reason), "{reason:?}");
    }
}

/// The tracker's packets of a capture are moved before and behind the encrypted connections that they explain.
#[test]
fn evidence_that_comes_later_labels_flows_that_have_ended() {
    let labels = |shift_minutes: i64| {
        let mut packets = own::packets("mse-rc4");
        for packet in packets.iter_mut().filter(|p| is_tracker(p)) {
            packet.at = Timestamp(packet.at.0 + shift_minutes * 60_000_000_000);
        }
        let (_, flows) = own::analyze(own::merge(packets, Vec::new()));
        flows
            .iter()
            .filter(|f| f.opaque.opening == Opening::BothSides)
            .map(|f| ((f.originator, f.responder), (f.label.grade, f.label.reasons)))
            .collect::<BTreeMap<_, _>>()
    };
    let whole = labels(0);
    assert!(whole.len() >= 4 && whole.values().all(|(grade, _)| *grade >= Some(Grade::Strong)), "{whole:#?}");
    for minutes in [-25, -5, 5, 25] {
        assert_eq!(labels(minutes), whole, "{minutes} minutes");
    }
    assert!(labels(45).values().all(|(grade, _)| *grade == Some(Grade::Suspected)), "evidence is forgotten");
}

/// Whether a packet belongs to a connection with the tracker: HTTP, whose port its first request shows.
fn is_tracker(packet: &OwnedPacket) -> bool {
    let tcp = packet.data.get(34..38).filter(|_| packet.data.get(23) == Some(&6));
    tcp.is_some_and(|ports| ports.chunks(2).any(|p| p == TRACKER_PORT.to_be_bytes()))
}

/// The port of the tracker in `mse-rc4`.
const TRACKER_PORT: u16 = 6_907;

fn permutations(n: usize) -> Vec<Vec<usize>> {
    (0..n).fold(vec![Vec::new()], |shorter, next| {
        shorter
            .iter()
            .flat_map(|p| (0..=p.len()).map(move |i| [&p[..i], &[next], &p[i..]].concat()))
            .collect()
    })
}
