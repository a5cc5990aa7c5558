//! What rules cost a tick: 1,000 rules, 10,000 hosts. Counts are asserted, times are printed: run with `--release -- --nocapture`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may fail by panicking; a cost is a time"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use swarmscope::base::{Address, Endpoint, HomeNets, Timestamp, Transport};
use swarmscope::event::{
    Counters, EndReason, FlowRecord, FlowState, FlowUpdate, Grade, Kind, Label, Opaque, Reason, Told,
};
use swarmscope::policy::{Engine, EngineLimits, RuleSet};

const RULES: usize = 1_000;
const HOSTS: u32 = 10_000;
const TICKS: i64 = 20;

/// A quota for each of many networks, some rules for everybody, and lists that few news fits: what a large site writes.
fn rules() -> Arc<RuleSet> {
    let mut text = "version: 1\nrules:\n".to_owned();
    for n in 0..RULES {
        let (of, to) = (n / 250, n % 250);
        text.push_str(&format!("  - {{id: {}, name: r{n}, on: host, ", n + 1));
        text.push_str(&match n {
            0..4 => "condition: {sum: bytes_out, over: 24h, gt: 1TiB}}\n".to_owned(),
            4..100 => format!("match: {{client: client-{n}}}, condition: {{present: true}}}}\n"),
            _ => format!(
                "match: {{host: 10.{of}.{to}.0/24}}, condition: {{sum: bytes, over: 24h, gt: 1TiB}}}}\n"
            ),
        });
    }
    Arc::new(RuleSet::parse("r.yaml", &text, Path::new(".")).unwrap_or_else(|p| panic!("{p:?}")))
}

fn flow(host: u32, at: Timestamp) -> FlowRecord {
    let [_, a, b, c] = (host * 25).to_be_bytes();
    let sent = Counters { packets: 10, bytes: 10_000, payload: 9_000 };
    FlowRecord {
        originator: Endpoint::new(Address::v4([10, a, b, c]), 6881),
        responder: Endpoint::new(Address::v4([203, 0, 113, 7]), 51413),
        transport: Transport::Tcp,
        path: 0,
        sent: [sent, sent],
        start: at,
        end: at,
        last_stretch: [None; 2],
        state: FlowState::Established,
        reason: EndReason::Running,
        midstream: false,
        one_way: false,
        label: Label {
            kinds: [Kind::PeerWire].into_iter().collect(),
            grade: Some(Grade::Confirmed),
            reasons: [Reason::Handshake].into_iter().collect(),
            two_way: true,
            ..Label::default()
        },
        opaque: Opaque::default(),
        trace: None,
    }
}

#[test]
fn only_what_changed_is_evaluated() {
    let mut engine = Engine::new(rules(), HomeNets::default(), EngineLimits::default());
    let start = Timestamp::from_secs(1_772_452_800);
    for (name, share) in
        [("every host has news", 1), ("one host in ten has news", 10), ("no news", HOSTS + 1)]
    {
        let before = *engine.counters();
        let mut spent = Duration::ZERO;
        for tick in 0..TICKS {
            let now = start + Duration::from_secs(tick as u64);
            let records: Vec<FlowRecord> =
                (0..HOSTS).filter(|h| h % share == share - 1).map(|h| flow(h, now)).collect();
            let begun = Instant::now();
            for record in &records {
                engine.flow(&FlowUpdate { record, told: Told::default(), ended: false }, &[]);
            }
            assert!(engine.tick(now).is_empty());
            spent += begun.elapsed();
        }
        let ticks = TICKS as u64;
        let asked = (engine.counters().asked - before.asked) / ticks;
        let evaluations = (engine.counters().evaluations - before.evaluations) / ticks;
        let news = u64::from(HOSTS / share);
        println!(
            "{name}: {asked} rules asked, {evaluations} groups evaluated, {:?} a tick",
            spent / TICKS as u32
        );
        // A hundred rules are for everybody, and one more for the host's network; four keep a group for every host.
        assert!(asked <= news * 101, "{asked}");
        assert!(evaluations <= news * 5, "{evaluations}");
    }
}
