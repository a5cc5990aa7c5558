//! Names from the network on their way into JSON, metrics and events.

use super::serving::{self, loopback, promtool};
use std::io::{Read as _, Write as _};
use swarmscope::base::{Endpoint, InfoHash, Timestamp, Transport};
use swarmscope::event::{
    Channel, Client, ClientSource, Counters, Direction, EndReason, Fact, FlowRecord, FlowState, FlowUpdate,
    Grade, Kind, Label, NameTrust, Opaque, Reason, Told, TorrentName,
};
use swarmscope::ledger::report::Coverage;
use swarmscope::ledger::{Deltas, Ledger, LedgerLimits, Scene};
use swarmscope::output::live::LiveOptions;
use swarmscope::output::{AnalysisSink, FlowContext};

/// What a page, a terminal or a parser might obey.
const NAME: &str = "<script>alert(1)</script>\u{202e}\u{2028}\u{0}\u{1b}[2J\"\\\n{a=\"b\"} 1\u{7f}";

pub fn record(n: u32, bytes: u64) -> FlowRecord {
    let [a, b, c, d] = (0x0a00_0000 + n).to_be_bytes();
    let client = Client { name: NAME.into(), source: ClientSource::PeerId, engine: None };
    let counters = Counters { packets: 10, bytes, payload: bytes };
    FlowRecord {
        originator: Endpoint::new(swarmscope::base::Address::v4([a, b, c, d]), 6_881),
        responder: "203.0.113.7:6881".parse().expect("an endpoint"),
        transport: Transport::Tcp,
        path: 0,
        sent: [counters; 2],
        start: Timestamp::from_secs(1_000),
        end: Timestamp::from_secs(1_001),
        last_stretch: [None; 2],
        state: FlowState::Established,
        reason: EndReason::Running,
        midstream: false,
        one_way: false,
        label: Label {
            kinds: [Kind::PeerWire].into_iter().collect(),
            grade: Some(Grade::Confirmed),
            reasons: [Reason::Handshake].into_iter().collect(),
            clients: [Some(client), None],
            ..Label::default()
        },
        opaque: Opaque::default(),
        trace: None,
    }
}

#[test]
fn names_from_the_network_are_text_and_nothing_else() {
    let (mut sink, live) = serving::sensor(LiveOptions::default());
    let running = serving::serve(&live, loopback());
    let served = serving::Served { live, running };
    let mut events = serving::connect(served.address());
    events.write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it takes requests");
    let mut told = [0; 4_096];
    let n = events.read(&mut told).expect("it answers at once");
    assert!(String::from_utf8_lossy(&told[..n]).contains("text/event-stream"));

    let ledger = Ledger::new(swarmscope::base::HomeNets::default(), LedgerLimits::default());
    let record = record(5, 1_000);
    let mut deltas = Deltas::default();
    let scene = Scene {
        at: record.end,
        number: 1,
        ends: [record.originator, record.responder],
        transport: Transport::Tcp,
        sender: Direction::FromOriginator,
    };
    let info_hash = InfoHash([7; 20]);
    let name = TorrentName {
        info_hash,
        also: None,
        name: NAME.as_bytes(),
        size: Some(1),
        pieces: Some(1),
        piece_length: Some(1),
        files: Some(1),
        private: false,
        channel: Channel::Metainfo,
        trust: NameTrust::Claimed,
    };
    let client = record.label.clients[0].clone().expect("it has one");
    for fact in [
        Fact::Identified { kind: Kind::PeerWire, reason: Reason::Handshake },
        Fact::Torrent { info_hash, channel: Channel::PeerWire },
        Fact::Name(name),
        Fact::Client(&client),
    ] {
        deltas.fact(ledger.home(), &scene, &fact);
    }
    ledger.merge(&mut deltas);
    let update = FlowUpdate { record: &record, told: Told::default(), ended: false };
    ledger.count(&update);
    let context = FlowContext { interface: Some(NAME), ..FlowContext::default() };
    sink.update(&update, &context);
    sink.tick(record.end, &ledger, &Coverage { packets: 20, ..Coverage::default() });

    for path in ["hosts", "hosts/10.0.0.5", "torrents", "flows", "top?by=client", "overview"] {
        let text = served.get(&format!("/api/v1/{path}")).text();
        harmless(&text, path);
    }
    assert_eq!(
        served.json("/api/v1/flows")["items"][0]["in_iface"],
        NAME,
        "a parser gets back every character"
    );
    assert_eq!(served.json("/api/v1/torrents")["total"], 1);
    let page = served.get("/metrics");
    assert_eq!(promtool(&["check", "metrics"], &page.body), "");
    assert!(!page.text().contains("<script"));
    let n = events.read(&mut told).expect("the flow is told");
    let event = String::from_utf8_lossy(&told[..n]).into_owned();
    assert!(event.contains("event: flow\ndata: {") && event.contains("script"), "{event}");
    harmless(&event.replace(['\r', '\n'], ""), "the stream");
}

/// Nothing that an editor or a terminal obeys; one line.
fn harmless(text: &str, of: &str) {
    let obeyed = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{202e}');
    assert!(!text.trim_end_matches('\n').contains(obeyed), "{of}: {text:?}");
}
