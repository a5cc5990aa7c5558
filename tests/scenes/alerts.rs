//! Every condition that a rule can name is fed by the pipeline: packets go in, alerts come out.

use super::peer;
use super::scene::{Scene, alice, bob, end};
use super::tcp_talk::{A, B, Talk};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use swarmscope::base::Timestamp;
use swarmscope::capture::{CaptureError, LinkType, Memory, OwnedPacket, PacketSource, Read, SourceStatus};
use swarmscope::event::FlowRecord;
use swarmscope::frame::Tcp;
use swarmscope::ledger::report::Coverage;
use swarmscope::output::{AnalysisSink, DhtEvent, FlowContext, HostEvent, Policed, TorrentEvent};
use swarmscope::pipeline::{AnalyzeLimits, AnalyzeOptions, analyze_source};
use swarmscope::policy::{AlertAction, AlertChange, Engine, EngineLimits, RuleSet, Subject};

/// Alerts that opened: the rule, the host, the detail.
#[derive(Default)]
struct Opened(BTreeSet<(String, String, String)>);

impl AnalysisSink for Opened {
    fn flow(&mut self, _: &FlowRecord, _: &FlowContext<'_>) {}
    fn dht(&mut self, _: &DhtEvent<'_>, _: &FlowContext<'_>) {}
    fn torrent(&mut self, _: &TorrentEvent<'_>) {}
    fn host(&mut self, _: &HostEvent<'_>) {}
    fn stats(&mut self, _: Timestamp, _: &Coverage) {}

    fn alert(&mut self, change: &AlertChange) {
        if change.action == AlertAction::Opened {
            let alert = &change.alert;
            let host = alert.host().map_or_else(|| "-".to_owned(), |h| h.to_string());
            let detail = alert.evidence.detail.clone().unwrap_or_default();
            self.0.insert((alert.rule.name.clone(), host, detail));
        }
    }

    fn progress(&mut self, _: u64, _: Option<u64>, _: u64) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Packets of which the kernel drops some.
struct Lossy {
    inner: Memory,
    status: SourceStatus,
}

impl PacketSource for Lossy {
    fn next_packet(&mut self) -> Result<Read<'_>, CaptureError> {
        self.status.kernel_dropped += 10;
        self.inner.next_packet()
    }

    fn status(&self) -> &SourceStatus {
        &self.status
    }
}

fn run(source: &mut dyn PacketSource, rules: &str) -> Vec<(String, String, String)> {
    let rules = RuleSet::parse("r.yaml", &format!("version: 1\nrules:\n{rules}"), Path::new("."));
    let rules = Arc::new(rules.unwrap_or_else(|problems| panic!("{problems:#?}")));
    let mut options =
        AnalyzeOptions { news: true, quiet_for: Some(Duration::from_secs(600)), ..AnalyzeOptions::default() };
    let mut engine = Engine::new(rules, options.home.clone(), EngineLimits::default());
    options.log_dht = engine.wants(Subject::Dht);
    let mut opened = Opened::default();
    analyze_source(
        source,
        &options,
        AnalyzeLimits::default(),
        &mut Policed::new(&mut engine, &mut opened, false),
    )
    .unwrap();
    opened.0.into_iter().collect()
}

fn fires(scene: &Scene, rules: &str, expected: &[(&str, &str, &str)]) {
    let opened = run(&mut scene.source(), rules);
    let opened: Vec<(&str, &str, &str)> =
        opened.iter().map(|(r, h, d)| (r.as_str(), h.as_str(), d.as_str())).collect();
    assert_eq!(opened, expected);
}

/// A peer that comes in and is served.
fn peer_comes_in() -> Scene {
    let mut talk = Talk::opened(end("203.0.113.9:50001"), alice());
    peer::converse(&mut talk);
    talk.close();
    talk.scene()
}

/// Somebody tries a port of the host, which refuses.
fn refused(by: &str, port: u16) -> Scene {
    let mut talk = Talk::new(end(by), end(&format!("10.0.0.5:{port}")));
    talk.send(A, Tcp::SYN, &[]).send(B, Tcp::RST | Tcp::ACK, &[]);
    talk.scene()
}

/// Conversations with a web server, so that the host is alive and time passes.
fn lives(scene: &mut Scene, time: Duration) {
    let until = scene.now + time;
    let mut port = 20_000;
    while scene.now < until {
        let mut talk = Talk::opened(end(&format!("10.0.0.5:{port}")), end("203.0.113.200:443"));
        talk.say(A, b"what time is it?").say(B, b"late enough, thank you").close();
        scene.then(&talk.scene()).wait(Duration::from_secs(5));
        port += 1;
    }
}

#[test]
fn presence_volume_and_variety() {
    let mut scene = peer::plain().scene();
    scene.then(&peer_comes_in());
    fires(
        &scene,
        "
  - {id: 1, name: present, on: host, match: {family: bittorrent, kind: peer-wire, grade: confirmed}}
  - {id: 2, name: client, on: flow, group_by: host, match: {client: qbittorrent, encryption: none}}
  - {id: 3, name: bytes, on: host, condition: {sum: bytes, over: 1m, gt: 10KiB}}
  - {id: 4, name: rate, on: host, condition: {rate: bytes_out, over: 1m, gt: 1kbit/s}}
  - {id: 5, name: peers, on: host, condition: {distinct: peers, over: 1m, ge: 2}}
  - {id: 6, name: first, on: host, group_by: network, condition: {first: true, over: 1m}}
  - {id: 7, name: watched, on: torrent, group_by: host, match: {info_hash: 0c618d5e892178f1c73403c2460cf596f32a413f}}
  - {id: 8, name: uploaded, on: torrent, group_by: host, condition: {sum: uploaded, over: 1m, gt: 1KiB}}
  - {id: 9, name: ratio, on: torrent, group_by: host, condition: {share: uploaded, of: downloaded, over: 1m, ge: 100%}}
  - {id: 10, name: elsewhere, on: host, match: {not_host: 10.0.0.0/8}}
",
        &[
            ("bytes", "10.0.0.5", ""),
            ("client", "10.0.0.5", ""),
            ("first", "10.0.0.5", ""),
            ("peers", "10.0.0.5", ""),
            ("present", "10.0.0.5", ""),
            ("rate", "10.0.0.5", ""),
            ("ratio", "10.0.0.5", ""),
            ("uploaded", "10.0.0.5", ""),
            ("watched", "10.0.0.5", ""),
        ],
    );
}

const NEWS: &str = "
  - {id: 1, name: opened, on: exposure, match: {news: opened}}
  - {id: 2, name: closed, on: exposure, match: {news: closed}}
  - {id: 3, name: refused, on: exposure, match: {news: forwarded-refused}}
  - {id: 4, name: other, on: exposure, group_by: [host, port], match: {news: other-protocol}}
  - {id: 5, name: mapped, on: exposure, match: {news: mapping-asked}}
  - {id: 6, name: scanned, on: exposure, group_by: [host, remote], match: {news: scanned}}
";

#[test]
fn ports_that_open_and_are_refused_again() {
    let mut scene = peer_comes_in();
    lives(&mut scene, Duration::from_secs(30));
    scene.then(&refused("203.0.113.10:5000", alice().port));
    lives(&mut scene, Duration::from_secs(30));
    fires(&scene, NEWS, &[("opened", "10.0.0.5", "opened"), ("refused", "10.0.0.5", "forwarded-refused")]);
}

#[test]
fn strangers_who_scan_and_a_port_that_talks_in_something_else() {
    let mut scene = peer_comes_in();
    for port in 6_881..6_886 {
        scene.then(&refused("198.51.100.9:5000", port));
    }
    // Four are none: a neighbour's mistake.
    for port in 6_881..6_885 {
        scene.then(&refused("198.51.100.10:5000", port));
    }
    for (from, answer) in
        [("198.51.100.11:5000", &b"SSH-2.0-OpenSSH_9.2\r\n"[..]), ("198.51.100.12:5000", b"")]
    {
        let mut talk = Talk::opened(end(from), alice());
        talk.say(A, b"SSH-2.0-Go\r\n");
        if !answer.is_empty() {
            talk.say(B, answer);
        }
        talk.close();
        scene.then(&talk.scene());
    }
    lives(&mut scene, Duration::from_secs(30));
    let opened = run(&mut scene.source(), NEWS);
    let has = |rule: &str, detail: &str| opened.contains(&(rule.into(), "10.0.0.5".into(), detail.into()));
    assert!(has("other", "ssh") && has("scanned", "scanned"), "{opened:?}");
    assert_eq!(opened.iter().filter(|(rule, ..)| rule == "scanned").count(), 1, "{opened:?}");
}

#[test]
fn mappings_that_are_asked_for() {
    let mut scene = peer_comes_in();
    // NAT-PMP (RFC 6886): map TCP port 40754 for an hour.
    let [high, low] = alice().port.to_be_bytes();
    let ask = [0, 2, 0, 0, high, low, high, low, 0, 0, 14, 16];
    scene.udp(end("10.0.0.5:49152"), end("10.0.0.1:5351"), &ask);
    lives(&mut scene, Duration::from_secs(30));
    fires(&scene, NEWS, &[("mapped", "10.0.0.5", "nat-pmp"), ("opened", "10.0.0.5", "opened")]);
}

#[test]
fn lookups_in_the_dht() {
    let mut scene = Scene::default();
    for n in 0..5 {
        let node = end(&format!("203.0.113.{n}:6881"));
        let query = format!(
            "d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz12345{n}e1:q9:get_peers1:t2:a{n}1:y1:qe"
        );
        let answer = format!("d1:rd2:id20:mnopqrstuvwxyz1234565:token1:xe1:t2:a{n}1:y1:re");
        scene.udp(alice(), node, query.as_bytes()).udp(node, alice(), answer.as_bytes());
    }
    let rules = "
  - {id: 1, name: crawls, on: dht, match: {sent: true, role: query}, condition: {distinct: peers, over: 1m, ge: 5}}
  - {id: 2, name: looks-up, on: dht, match: {query: get_peers}, condition: {distinct: lookups, over: 1m, ge: 5}}
  - {id: 3, name: flooded, on: dht, match: {sent: false, role: response}, condition: {count: messages, over: 1m, ge: 5}}
";
    fires(
        &scene,
        rules,
        &[
            ("crawls", "10.0.0.5", "get_peers"),
            ("flooded", "10.0.0.5", "response"),
            ("looks-up", "10.0.0.5", "response"),
        ],
    );
}

/// A host with many node ids.
#[test]
fn behaviour_in_the_dht() {
    let mut scene = Scene::default();
    for n in 0..200u32 {
        let node = end(&format!("203.0.113.{}:6881", n % 100));
        let mut ping = b"d1:ad2:id20:................e1:q4:ping1:t2:aa1:y1:qe".to_vec();
        let id: Vec<u8> = (0..20u32).map(|i| (n.wrapping_mul(2_654_435_761) >> (i % 24)) as u8).collect();
        ping.splice(12..28, id);
        scene.udp(alice(), node, &ping).udp(
            node,
            alice(),
            b"d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re",
        );
        scene.wait(Duration::from_secs(1));
    }
    let rules = "
  - {id: 1, name: many, on: dht, group_by: host, match: {behaviour: [sybil, sybil-port]}}
  - {id: 2, name: floods, on: dht, match: {behaviour: [reflector, reflection-victim, mozi]}}
";
    let opened = run(&mut scene.source(), rules);
    let rules: Vec<&str> = opened.iter().map(|(rule, ..)| rule.as_str()).collect();
    assert_eq!(rules, ["many"], "{opened:?}");
}

#[test]
fn hosts_that_stop_and_begin_again() {
    let mut scene = peer::plain().scene();
    lives(&mut scene, Duration::from_secs(720));
    let mut again = Talk::opened(end("10.0.0.5:40755"), bob());
    peer::converse(&mut again);
    scene.then(&again.scene());
    lives(&mut scene, Duration::from_secs(30));
    let rules = "
  - {id: 1, name: quiet, on: host, match: {state: quiet}}
  - {id: 2, name: cleared, on: host, match: {state: cleared}}
  - {id: 3, name: recurred, on: host, match: {state: recurred}}
  - {id: 4, name: blind, on: host, match: {state: cannot-tell}}
";
    let expected = [
        ("cleared", "10.0.0.5", "cleared"),
        ("quiet", "10.0.0.5", "quiet"),
        ("recurred", "10.0.0.5", "recurred"),
    ];
    fires(&scene, rules, &expected);
}

#[test]
fn what_the_sensor_loses() {
    let rules = "
  - {id: 1, name: lost, on: sensor, condition: {share: lost, of: packets, over: 1m, gt: 50%}}
  - {id: 2, name: cut, on: sensor, condition: {count: cut, over: 1m, ge: 1}}
  - {id: 3, name: damage, on: sensor, condition: {count: damage, over: 1m, ge: 1}}
";
    let mut scene = peer::plain().scene();
    lives(&mut scene, Duration::from_secs(30));
    let cut = |(at, frame): &(Timestamp, Vec<u8>)| OwnedPacket {
        data: frame.iter().copied().take(96).collect(),
        ..OwnedPacket::whole(*at, LinkType::ETHERNET, frame.clone())
    };
    let inner = Memory::new(scene.packets.iter().map(cut).collect());
    let opened = run(&mut Lossy { inner, status: SourceStatus::default() }, rules);
    let names: Vec<&str> = opened.iter().map(|(rule, ..)| rule.as_str()).collect();
    assert_eq!(names, ["cut", "lost"]);
}
