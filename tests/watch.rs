//! Live capture without an interface: the same verdicts as from a file, and what happens when a stage is too slow.
#![allow(clippy::expect_used)] // what fails must stop the test

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use swarmscope::base::{HomeNets, Timestamp};
use swarmscope::capture::{
    self, CaptureError, FileOptions, LinkType, Memory, OwnedPacket, PacketSource, Read, SourceStatus,
};
use swarmscope::event::FlowRecord;
use swarmscope::ledger::Ledger;
use swarmscope::ledger::report::{Coverage, Report};
use swarmscope::output::{AnalysisSink, FlowContext, SensorStatus};
use swarmscope::pipeline::{AnalyzeLimits, AnalyzeOptions, WatchOptions, analyze, watch};

/// A sink that waits in its first tick until it is let go.
#[derive(Default)]
struct Listener {
    let_go: Option<Arc<AtomicBool>>,
    ticks: Vec<Timestamp>,
    flows: u64,
    /// Addresses and VLANs of each flow.
    vlans: Vec<(Vec<u8>, Vec<u16>)>,
    statuses: Vec<SensorStatus>,
}

impl AnalysisSink for Listener {
    fn flow(&mut self, record: &FlowRecord, context: &FlowContext<'_>) {
        self.flows += 1;
        let ends = [record.originator, record.responder];
        self.vlans.push((ends.iter().flat_map(|e| e.address.0).collect(), context.vlans.to_vec()));
    }
    fn tick(&mut self, now: Timestamp, _: &Ledger, _: &Coverage) {
        while self.let_go.as_ref().is_some_and(|go| !go.load(Ordering::Acquire)) {
            std::thread::yield_now();
        }
        self.ticks.push(now);
    }
    fn sensor(&mut self, status: &SensorStatus) {
        self.statuses.push(status.clone());
    }
}

fn home() -> HomeNets {
    let nets = ["192.168.50.0/24", "2001:db8:50::/64"];
    HomeNets::new(nets.iter().map(|n| n.parse().expect("a network")).collect())
}

fn options(workers: usize) -> WatchOptions {
    WatchOptions {
        home: home(),
        workers,
        all_flows: false,
        log_dht: false,
        deduplicate: true,
        limits: AnalyzeLimits::default(),
        allowed: Default::default(),
        remembered: None,
    }
}

fn capture_named(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures").join(name)
}

fn watched(name: &str, workers: usize) -> (Report, Listener) {
    let mut source = capture::open(&[capture_named(name)], &FileOptions::default()).expect("it ships");
    let mut listener = Listener::default();
    let report =
        watch(std::slice::from_mut(&mut source), &options(workers), &mut listener).expect("it can be read");
    (report, listener)
}

#[test]
fn watching_finds_what_analysing_finds() {
    // Small enough for the queues: a capture is read faster than any link delivers.
    for name in
        ["dht.pcap", "mse-rc4.pcap", "utp.pcap", "tcp-http-tracker.pcap", "udp-tracker.pcap", "ipv6.pcap"]
    {
        let inputs = vec![capture_named(name)];
        let analysis =
            AnalyzeOptions { inputs, home: home(), deduplicate: true, ..AnalyzeOptions::default() };
        let analyzed = analyze(&analysis, &mut Listener::default()).expect("it can be read");
        for workers in [1, 3] {
            let (report, listener) = watched(name, workers);
            assert_eq!(report.coverage.queue_dropped, 0, "{name}");
            let plain = |r: &Report| format!("{:#?}\n{:#?}\n{:#?}", r.totals, r.hosts, r.torrents);
            let (live, file) = (plain(&report), plain(&analyzed));
            let differs = live.lines().zip(file.lines()).find(|(a, b)| a != b);
            assert_eq!(differs, None, "{name} with {workers} workers");
            assert_eq!(live.len(), file.len(), "{name} with {workers} workers");
            assert!(listener.flows > 0);
            assert!(listener.ticks.is_sorted());
            assert!(listener.statuses.iter().all(|s| s.queues.len() == workers));
        }
    }
}

/// The packets of a capture of IPv4, those of every other address pair on another VLAN.
fn on_two_vlans(name: &str) -> Vec<(u8, OwnedPacket)> {
    let mut source = capture::open(&[capture_named(name)], &FileOptions::default()).expect("it ships");
    let mut packets = Vec::new();
    loop {
        let packet = match source.next_packet().expect("it can be read") {
            Read::Packet(packet) => packet,
            Read::Idle(_) => continue,
            Read::End => return packets,
        };
        let half = parity(packet.data.get(26..34).unwrap_or_default());
        let (addresses, rest) = packet.data.split_at(12);
        let frame = [addresses, &[0x81, 0x00, 0x00, 10 + half], rest].concat();
        packets.push((half, OwnedPacket::whole(packet.at, packet.link, frame)));
    }
}

/// Of two addresses, the same in both directions.
fn parity(addresses: &[u8]) -> u8 {
    addresses.iter().fold(0, |sum, byte| sum ^ byte) % 2
}

#[test]
fn shares_of_the_traffic_add_up_to_what_one_reader_finds() {
    for name in ["dht.pcap", "tcp-http-tracker.pcap", "utp.pcap"] {
        let packets = on_two_vlans(name);
        let share =
            |half| packets.iter().filter(|(of, _)| *of == half).map(|(_, packet)| packet.clone()).collect();
        let mut whole = Memory::new(packets.iter().map(|(_, packet)| packet.clone()).collect());
        let whole = watch(std::slice::from_mut(&mut whole), &options(1), &mut Listener::default());
        let whole = whole.expect("it can be read");
        // Out of order, and a third that has nothing to do.
        let shares: [Vec<OwnedPacket>; 3] = [share(1), share(0), Vec::new()];
        assert!(!shares[0].is_empty() && !shares[1].is_empty(), "{name}");
        let mut listener = Listener::default();
        let report = watch(&mut shares.map(Memory::new), &options(1), &mut listener).expect("it can be read");
        for (shared, whole) in [
            (format!("{:#?}", report.coverage), format!("{:#?}", whole.coverage)),
            (format!("{:#?}", report.totals), format!("{:#?}", whole.totals)),
            (format!("{:#?}", report.hosts), format!("{:#?}", whole.hosts)),
            (format!("{:#?}", report.torrents), format!("{:#?}", whole.torrents)),
        ] {
            // Each reader's time ends with its last packet: a question of the last seconds is not given up yet.
            let known =
                |text: &str| text.lines().filter(|l| !l.contains("unanswered")).map(str::to_owned).collect();
            let (shared, whole): (Vec<String>, Vec<String>) = (known(&shared), known(&whole));
            let differs = shared.iter().zip(&whole).find(|(a, b)| a != b);
            assert_eq!((differs, shared.len()), (None, whole.len()), "{name}");
        }
        assert!(listener.statuses.iter().all(|status| status.queues.len() == 3), "{name}");
        // Each reader numbers its paths from the start, and yet a flow is said to be where it was seen.
        assert!(!listener.vlans.is_empty());
        for (addresses, vlans) in listener.vlans {
            assert_eq!(vlans, [10 + u16::from(parity(&addresses))], "{name}");
        }
    }
}

#[test]
fn a_share_that_fails_ends_the_others() {
    enum Share {
        Failing,
        Silent,
    }
    impl PacketSource for Share {
        fn next_packet(&mut self) -> Result<Read<'_>, CaptureError> {
            match self {
                Self::Failing => Err(CaptureError::Filter("it fell over".into())),
                Self::Silent => Ok(Read::Idle(Timestamp::from_secs(1))),
            }
        }
        fn status(&self) -> &SourceStatus {
            static NONE: LazyLock<SourceStatus> = LazyLock::new(SourceStatus::default);
            &NONE
        }
    }
    for mut shares in [[Share::Failing, Share::Silent], [Share::Silent, Share::Failing]] {
        let error =
            watch(&mut shares, &options(1), &mut Listener::default()).expect_err("half of it is blind");
        assert!(error.to_string().contains("it fell over"), "{error}");
    }
}

/// A source that tells when it is exhausted, that is, when nothing made it wait.
struct Herald {
    inner: Memory,
    ended: Arc<AtomicBool>,
}

impl PacketSource for Herald {
    fn next_packet(&mut self) -> Result<Read<'_>, CaptureError> {
        let read = self.inner.next_packet();
        if matches!(read, Ok(Read::End)) {
            self.ended.store(true, Ordering::Release);
        }
        read
    }
    fn status(&self) -> &SourceStatus {
        self.inner.status()
    }
}

#[test]
fn a_stalled_output_costs_counted_frames_and_never_stops_the_capture() {
    const PACKETS: u32 = 60_000;
    let frame = {
        let mut frame = vec![0; 14];
        frame[12] = 8;
        // IPv4 and UDP with one byte of payload, 10.0.0.1:1000 to 10.0.0.2:2000.
        frame.extend([0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        frame.extend([0x03, 0xe8, 0x07, 0xd0, 0, 9, 0, 0, b'x']);
        frame
    };
    let packet = |n: u32| {
        let at = Timestamp::from_secs(1_000) + std::time::Duration::from_millis(u64::from(n));
        // Each its own, for the duplicate filter.
        let mut frame = frame.clone();
        frame[18..20].copy_from_slice(&(n as u16).to_be_bytes());
        OwnedPacket::whole(at, LinkType::ETHERNET, frame)
    };
    let ended = Arc::new(AtomicBool::new(false));
    let inner = Memory::new((0..PACKETS).map(packet).collect());
    let mut source = Herald { inner, ended: Arc::clone(&ended) };
    let mut listener = Listener { let_go: Some(ended), ..Listener::default() };
    let report =
        watch(std::slice::from_mut(&mut source), &options(1), &mut listener).expect("it can be read");
    let coverage = &report.coverage;
    assert_eq!(coverage.packets, u64::from(PACKETS));
    assert!(coverage.queue_dropped > 0);
    let skipped: u64 = coverage.skipped.values().sum();
    assert_eq!(coverage.decoded + coverage.queue_dropped + skipped, coverage.packets);
    assert!(listener.ticks.len() > 2);
}

/// A link on which nothing happens for ten seconds.
struct Silence {
    left: u32,
    status: SourceStatus,
}

impl PacketSource for Silence {
    fn next_packet(&mut self) -> Result<Read<'_>, CaptureError> {
        if self.left == 0 {
            return Ok(Read::End);
        }
        self.left -= 1;
        let now =
            Timestamp::from_secs(2_000) + std::time::Duration::from_millis(u64::from(100 - self.left) * 100);
        Ok(Read::Idle(now))
    }
    fn status(&self) -> &SourceStatus {
        &self.status
    }
}

#[test]
fn time_goes_on_while_the_link_is_silent() {
    let mut source = Silence { left: 100, status: SourceStatus::default() };
    let mut listener = Listener::default();
    let report =
        watch(std::slice::from_mut(&mut source), &options(2), &mut listener).expect("silence is no error");
    assert_eq!(report.coverage.packets, 0);
    // Nine seconds lie between the first and the last tenth; the last tick is the end.
    let passed: Vec<Timestamp> = listener.ticks.iter().copied().filter(|t| t.0 > 0).collect();
    assert!(passed.len() >= 2, "{passed:?}");
    assert_eq!(
        passed.last().copied(),
        Some(Timestamp::from_secs(2_009) + std::time::Duration::from_millis(100))
    );
}
