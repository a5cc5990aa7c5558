//! Whether a host that stopped is cleared, from packets to verdict; and that it never is when the sensor was blind.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // what fails must stop the test

#[path = "support/own.rs"]
mod own;

use own::packets;
use std::time::Duration;
use swarmscope::base::{Address, Endpoint, HomeNets, Timestamp};
use swarmscope::capture::{CaptureError, Damage, LinkType, OwnedPacket, PacketSource, Read, SourceStatus};
use swarmscope::flow::FlowLimits;
use swarmscope::frame::{Tcp, build};
use swarmscope::ledger::report::Coverage;
use swarmscope::ledger::{HostState, Ledger, Missing, Standing};
use swarmscope::output::{AnalysisSink, HostEvent};
use swarmscope::pipeline::{AnalyzeLimits, AnalyzeOptions, analyze_source};

/// How long a host must be quiet here.
const QUIET: Duration = Duration::from_secs(600);
/// The host of the captures that stops, and one that has nothing to do with it.
const HOST: &str = "192.168.50.21";
const OTHER: &str = "192.168.50.250";

/// What is captured, and what goes wrong.
struct Day {
    packets: Vec<OwnedPacket>,
    /// Where the capture of the client ends.
    stop: Timestamp,
    end: Timestamp,
    /// Packets the kernel drops once this time has come.
    drops: Option<(Timestamp, u64)>,
    damaged: bool,
    limits: FlowLimits,
    filter: Option<String>,
}

fn end(text: &str, port: u16) -> Endpoint {
    Endpoint::new(text.parse::<Address>().expect("an address"), port)
}

/// A short conversation over TCP, opened by a home host, with an answer.
fn conversation(host: &str, port: u16, at: Timestamp) -> Vec<OwnedPacket> {
    let (a, b) = (end(host, port), end("203.0.113.200", 443));
    let header = |flags, seq, ack| Tcp { flags, seq, ack, ..Tcp::default() };
    let (syn, ack) = (Tcp::SYN, Tcp::ACK);
    let said = [
        build::tcp(a, b, header(syn, 1, 0), b""),
        build::tcp(b, a, header(syn | ack, 9, 2), b""),
        build::tcp(a, b, header(ack, 2, 10), b"what time is it?"),
        build::tcp(b, a, header(ack, 10, 18), b"late enough, thank you"),
    ];
    let packet = |(n, ip): (usize, Vec<u8>)| {
        let at = at + Duration::from_millis(n as u64);
        OwnedPacket::whole(at, LinkType::ETHERNET, build::ethernet(&ip))
    };
    said.into_iter().enumerate().map(packet).collect()
}

/// A client at work, which stops; its host and another go on with other things for eleven minutes.
fn stopped() -> Day {
    let mut packets = packets("office");
    let stop = packets.last().expect("packets").at;
    let first = packets[0].at;
    let end = stop + QUIET + Duration::from_secs(60);
    let mut port = 40_000;
    let mut now = first;
    while now < end {
        for host in [HOST, OTHER] {
            packets.extend(conversation(host, port, now));
        }
        port += 1;
        now = now + Duration::from_secs(5);
    }
    packets.sort_by_key(|p| p.at);
    Day { packets, stop, end, drops: None, damaged: false, limits: FlowLimits::default(), filter: None }
}

/// The same with strangers that still knock on the old port, and are refused.
fn knocked() -> Day {
    let mut day = stopped();
    let (host, stranger) = (end(HOST, 19_375), end("203.0.113.6", 25_401));
    let ping = b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe";
    let mut now = day.stop + Duration::from_secs(20);
    while now < day.end {
        let knock = build::udp(stranger, host, ping);
        let refusal = build::icmp(host.address, stranger.address, 3, 3, &knock, 28);
        for (ip, at) in [(knock, now), (refusal, now + Duration::from_millis(1))] {
            day.packets.push(OwnedPacket::whole(at, LinkType::ETHERNET, build::ethernet(&ip)));
        }
        now = now + Duration::from_secs(30);
    }
    day.packets.sort_by_key(|p| p.at);
    day
}

/// A network without any client.
fn never() -> Day {
    let mut day = stopped();
    day.packets.retain(|p| p.data.len() < 100 && p.at > day.stop - Duration::from_secs(10));
    let mine = conversation(HOST, 1, day.stop);
    let remote = |p: &OwnedPacket| p.data.windows(4).any(|w| w == [203, 0, 113, 200]);
    assert!(mine.iter().all(remote));
    day.packets.retain(remote);
    day
}

struct Source<'a> {
    day: &'a Day,
    next: usize,
    status: SourceStatus,
}

impl PacketSource for Source<'_> {
    fn next_packet(&mut self) -> Result<Read<'_>, CaptureError> {
        let Some(packet) = self.day.packets.get(self.next) else { return Ok(Read::End) };
        self.next += 1;
        if let Some((_, lost)) = self.day.drops.filter(|(at, _)| packet.at >= *at) {
            self.status.kernel_dropped = lost;
        }
        if self.day.damaged && packet.at >= self.day.stop + Duration::from_secs(300) {
            self.status.damage = vec![Damage { file: "x".into(), offset: 1, reason: "cut".to_owned() }];
        }
        Ok(Read::Packet(packet.borrowed()))
    }

    fn status(&self) -> &SourceStatus {
        &self.status
    }
}

/// The verdict at the end, and the states told on the way.
struct Watched(Standing, Vec<HostState>);

impl AnalysisSink for Watched {
    fn host(&mut self, event: &HostEvent<'_>) {
        if event.address == HOST.parse().expect("an address") && event.host.is_none() {
            self.1.push(event.standing.state);
        }
    }
    fn tick(&mut self, _: Timestamp, ledger: &Ledger, _: &Coverage) {
        self.0 = ledger.standing(HOST.parse().expect("an address"));
    }
}

fn watch(day: &Day, workers: usize) -> Watched {
    let home = ["192.168.50.0/24".parse().expect("a network")].to_vec();
    let filter = day.filter.clone();
    let options = AnalyzeOptions {
        home: HomeNets::new(home),
        quiet_for: Some(QUIET),
        news: true,
        workers,
        filter,
        ..AnalyzeOptions::default()
    };
    let limits = AnalyzeLimits { flows: day.limits, ..AnalyzeLimits::default() };
    let mut watched = Watched(Standing::default(), Vec::new());
    let mut source = Source { day, next: 0, status: SourceStatus::default() };
    analyze_source(&mut source, &options, limits, &mut watched).expect("packets in memory");
    watched
}

/// Scenarios, each cleared as long as the sensor sees well.
type Scenario = (&'static str, fn() -> Day);

const SCENARIOS: [Scenario; 3] =
    [("stopped", stopped), ("strangers knock", knocked), ("never active", never)];

type Fault = (&'static str, &'static [Missing], fn(&mut Day));

fn from_home(packet: &OwnedPacket) -> bool {
    own::source_v4(packet).is_some_and(|s| s.starts_with(&[192, 168, 50]))
}

fn later(day: &Day, secs: u64) -> Timestamp {
    day.stop + Duration::from_secs(secs)
}

const FAULTS: [Fault; 11] = [
    ("four minutes are missing", &[Missing::Gap], |d| {
        let hole = later(d, 100)..later(d, 340);
        d.packets.retain(|p| !hole.contains(&p.at));
    }),
    ("the capture starts late", &[Missing::NotWatched], |d| {
        let start = later(d, 120);
        d.packets.retain(|p| p.at > start);
    }),
    ("the kernel drops in a burst", &[Missing::Loss], |d| d.drops = Some((later(d, 300), 50))),
    ("the input is damaged", &[Missing::Damaged], |d| d.damaged = true),
    ("headers only", &[Missing::Cut], |d| d.packets.iter_mut().for_each(|p| p.data.truncate(54))),
    ("the flow table is full", &[Missing::TableFull], |d| {
        d.limits = FlowLimits { flows: 8, states: 4, ..FlowLimits::default() };
    }),
    ("a filter", &[Missing::Filtered], |d| d.filter = Some("tcp".to_owned())),
    ("only what home sends", &[Missing::OneWay], |d| d.packets.retain(from_home)),
    ("only what home receives", &[Missing::OneWay, Missing::NotWatched], |d| {
        d.packets.retain(|p| !from_home(p))
    }),
    ("only what home sends, from the middle on", &[Missing::OneWay], |d| {
        let from = later(d, 200);
        d.packets.retain(|p| p.at < from || from_home(p));
    }),
    ("only what home receives, from the middle on", &[Missing::OneWay], |d| {
        let from = later(d, 200);
        d.packets.retain(|p| p.at < from || !from_home(p));
    }),
];

#[test]
fn a_host_that_stopped_is_cleared_and_its_states_are_told() {
    for workers in [0, 2] {
        for (name, scenario) in SCENARIOS {
            let watched = watch(&scenario(), workers);
            assert_eq!(watched.0.state, HostState::Cleared, "{name}: {:?}", watched.0);
        }
        let Watched(standing, told) = watch(&knocked(), workers);
        assert_eq!(told, [HostState::Active, HostState::Quiet, HostState::Cleared]);
        assert!(standing.evidence.iter().any(|e| e.contains("positive proof")), "{standing:?}");
        // Not the knocks, but its own last packet, is when it stopped.
        assert!(standing.last.is_some_and(|at| at <= stopped().stop), "{standing:?}");
    }
}

#[test]
fn no_fault_in_any_scenario_leaves_an_all_clear() {
    for (name, scenario) in SCENARIOS {
        for (fault, lacks, inflict) in FAULTS {
            let mut day = scenario();
            inflict(&mut day);
            let Watched(standing, _) = watch(&day, 0);
            assert_eq!(standing.state, HostState::CannotTell, "{name}, {fault}: {standing:?}");
            let named = lacks.iter().any(|m| standing.missing.contains(m));
            assert!(named, "{name}, {fault}: {standing:?}");
        }
    }
}

#[test]
fn a_host_that_is_switched_off_is_not_seen() {
    let mut day = stopped();
    let host: Address = HOST.parse().expect("an address");
    let mine = |p: &OwnedPacket| p.data.windows(4).any(|w| w == &host.0[12..]);
    day.packets.retain(|p| p.at <= day.stop || !mine(p));
    assert_eq!(watch(&day, 0).0.state, HostState::NotSeen);
}

#[test]
fn a_client_that_is_started_again_recurs() {
    let mut day = stopped();
    let again = own::starting_at(packets("office"), day.end);
    day.packets.extend(again);
    let Watched(standing, told) = watch(&day, 0);
    assert_eq!(standing.state, HostState::Recurred, "{standing:?}");
    assert_eq!(told.last(), Some(&HostState::Recurred));
}

/// A client that received 10 MiB of pieces before it stopped.
fn busy() -> Day {
    let mut day = stopped();
    let (host, peer) = (end(HOST, 19_376), end("203.0.113.77", 6_881));
    let handshake =
        [&b"\x13BitTorrent protocol\0\0\0\0\0\x10\0\x05"[..], &[7; 20], b"-qB4520-abcdefghijkl"].concat();
    let from = day.stop - Duration::from_secs(15);
    let (syn, ack) = (Tcp::SYN, Tcp::ACK);
    let mut said = vec![
        (host, peer, Tcp { flags: syn, seq: 1, ..Tcp::default() }, Vec::new()),
        (peer, host, Tcp { flags: syn | ack, seq: 9, ack: 2, ..Tcp::default() }, Vec::new()),
        (host, peer, Tcp { flags: ack, seq: 2, ack: 10, ..Tcp::default() }, handshake.clone()),
        (peer, host, Tcp { flags: ack, seq: 10, ack: 70, ..Tcp::default() }, handshake),
    ];
    let block = |index: u32| {
        [&16_393u32.to_be_bytes()[..], &[7], &index.to_be_bytes(), &[0; 4], &[9; 16_384]].concat()
    };
    let stream: Vec<u8> = (0..640).flat_map(block).collect();
    for (n, part) in (0u32..).zip(stream.chunks(1_400)) {
        let seq = 78 + n * 1_400;
        said.push((peer, host, Tcp { flags: ack, seq, ack: 70, ..Tcp::default() }, part.to_vec()));
        if n % 4 == 0 {
            said.push((host, peer, Tcp { flags: ack, seq: 70, ack: seq, ..Tcp::default() }, Vec::new()));
        }
    }
    for (n, (from_end, to, header, payload)) in said.into_iter().enumerate() {
        let ip = build::tcp(from_end, to, header, &payload);
        let at = from + Duration::from_millis(n as u64);
        day.packets.push(OwnedPacket::whole(at, LinkType::ETHERNET, build::ethernet(&ip)));
    }
    day.packets.sort_by_key(|p| p.at);
    day
}

/// How a tunnel opens and goes on: the first datagram of each side, and what carries data.
type Tunnel = (&'static str, u16, [Vec<u8>; 2], fn(u32) -> Vec<u8>);

fn tunnels() -> [Tunnel; 3] {
    let wireguard = |kind: u8, len: usize| [&[kind, 0, 0, 0][..], &vec![0x5a; len - 4]].concat();
    let openvpn = |opcode: u8| [&[opcode, 1, 2, 3, 4, 5, 6, 7, 8][..], &[0; 5]].concat();
    let ike = [&[0; 4][..], &[0x11; 16], &[0x20, 0x20, 34, 8, 0, 0, 0, 0, 0, 0, 0, 200], &[7; 172]].concat();
    [
        ("wireguard", 51_820, [wireguard(1, 148), wireguard(2, 92)], |n| {
            [&[4, 0, 0, 0, 9, 9, 9, 9][..], &u64::from(n).to_le_bytes(), &[0x77; 1_392]].concat()
        }),
        ("openvpn", 1_194, [openvpn(0x38), openvpn(0x40)], |n| {
            [&[0x48, 0, 0, 1][..], &n.to_be_bytes(), &[0x77; 1_380]].concat()
        }),
        ("ike", 4_500, [ike.clone(), ike], |n| {
            [&[0xc1, 2, 3, 4][..], &n.to_be_bytes(), &[0x77; 1_380]].concat()
        }),
    ]
}

#[test]
fn a_client_that_goes_on_inside_a_tunnel_has_changed() {
    for (name, port, [opens, answers], data) in tunnels() {
        let mut day = busy();
        let (host, far) = (end(HOST, 40_000), end("198.51.100.77", port));
        let from = later(&day, 30);
        let mut said = vec![build::udp(host, far, &opens), build::udp(far, host, &answers)];
        // As much as before: some 12 MB come, and 2 go.
        for n in 0..9_000 {
            said.push(build::udp(far, host, &data(n)));
            said.extend((n % 6 == 0).then(|| build::udp(host, far, &data(n))));
        }
        let packet = |(n, ip): (usize, Vec<u8>)| {
            let at = from + Duration::from_millis(50 * n as u64);
            OwnedPacket::whole(at, LinkType::ETHERNET, build::ethernet(&ip))
        };
        day.packets.extend(said.into_iter().enumerate().map(packet));
        day.packets.sort_by_key(|p| p.at);
        let Watched(standing, told) = watch(&day, 0);
        assert_eq!(standing.state, HostState::Changed, "{name}: {standing:?}");
        assert_eq!(told.last(), Some(&HostState::Changed), "{name}");
        let named = format!("went by {name} between it and 198.51.100.77");
        assert!(standing.evidence.iter().any(|e| e.contains(&named)), "{name}: {standing:?}");
    }
}
