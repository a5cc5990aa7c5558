//! What a home host that takes part costs in memory, counted by what giving the ledger back frees.

use super::*;
use crate::base::{Direction, NodeId};
use crate::event::{
    Announce, AnnounceEvent, Channel, Counters, DhtMessage, DhtPurpose, DhtRole, EndReason, Fact, FlowState,
    FlowUpdate, Grade, Kinds, Label, Opaque, Reason, Reasons, Told,
};

/// Hosts.
const HOSTS: u32 = 4_096;

fn at(n: u32) -> Timestamp {
    Timestamp::from_secs(1_772_366_400) + Duration::from_micros(n.into())
}

fn host(n: u32) -> Endpoint {
    Endpoint::new(Address::v4((0x0a00_0000 + n).to_be_bytes()), 6_881)
}

fn node(n: u32) -> Endpoint {
    Endpoint::new(Address::v4((0xc633_0000 + n).to_be_bytes()), 6_881)
}

fn id(n: u32) -> [u8; 20] {
    let mut id = [0x5a; 20];
    id[..4].copy_from_slice(&n.to_be_bytes());
    id
}

/// A host that announces itself once, as the pipeline tells of it.
fn announces(ledger: &Ledger, deltas: &mut Deltas, n: u32) {
    let (transport, at) = (Transport::Udp, at(n));
    let scene = Scene {
        at,
        number: n.into(),
        ends: [host(n), node(n)],
        transport,
        sender: Direction::FromOriginator,
    };
    let announce = Announce {
        channel: Channel::Dht,
        info_hash: InfoHash(id(n / 4)),
        port: Some(6_881),
        event: AnnounceEvent::None,
        claimed: None,
    };
    let message = DhtMessage {
        role: DhtRole::Query,
        method: Some("announce_peer"),
        node: Some(NodeId(id(n))),
        target: Some(InfoHash(id(n / 4))),
        purpose: Some(DhtPurpose::Announce),
        transaction: b"aa",
        round_trip: None,
        read_only: false,
        error: None,
        listed: [0; 3],
        botnet: false,
    };
    deltas.opened(ledger, host(n).address, at);
    for fact in [
        Fact::Identified { kind: Kind::Dht, reason: Reason::Krpc },
        Fact::Dht(message),
        Fact::Announce(announce),
    ] {
        deltas.fact(ledger.home(), &scene, &fact);
    }
    let kinds: Kinds = [Kind::Dht].into_iter().collect();
    let reasons: Reasons = [Reason::Krpc].into_iter().collect();
    let label = Label {
        kinds,
        reasons,
        grade: Some(Grade::Confirmed),
        info_hashes: vec![announce.info_hash],
        ..Label::default()
    };
    let record = FlowRecord {
        originator: host(n),
        responder: node(n),
        transport,
        path: 0,
        sent: [Counters { packets: 1, bytes: 180, payload: 140 }, Counters::default()],
        start: at,
        end: at,
        last_stretch: [Some((at, at)), None],
        state: FlowState::New,
        reason: EndReason::Eof,
        midstream: false,
        one_way: true,
        label,
        opaque: Opaque::default(),
        trace: None,
    };
    ledger.count(&FlowUpdate { record: &record, told: Told::default(), ended: true });
}

fn bytes_of(tell: impl Fn(&Ledger, &mut Deltas, u32)) -> (usize, [(&'static str, usize); 5]) {
    let ledger = Ledger::new(HomeNets::default(), LedgerLimits::default());
    let mut deltas = Deltas::default();
    for n in 0..HOSTS {
        tell(&ledger, &mut deltas, n);
        if n % 256 == 255 {
            ledger.merge(&mut deltas);
            ledger.merge_plain(&mut deltas);
        }
    }
    let Ledger { hosts, swarms, endpoints, ports, tried, .. } = ledger;
    let freed = |f: &mut dyn FnMut()| {
        usize::try_from(-allocation_counter::measure(f).bytes_current).unwrap() / HOSTS as usize
    };
    let (mut h, mut s, mut e, mut p, mut t) =
        (Some(hosts), Some(swarms), Some(endpoints), Some(ports), Some(tried));
    let parts = [
        ("hosts", freed(&mut || drop(h.take()))),
        ("torrents", freed(&mut || drop(s.take()))),
        ("endpoints", freed(&mut || drop(e.take()))),
        ("ports", freed(&mut || drop(p.take()))),
        ("tried", freed(&mut || drop(t.take()))),
    ];
    (parts.iter().map(|(_, n)| n).sum(), parts)
}

#[test]
fn a_home_host_that_takes_part_in_one_torrent_takes_two_kilobytes() {
    let (bytes, parts) = bytes_of(announces);
    assert!(bytes <= 2_304, "{parts:?}");
}
