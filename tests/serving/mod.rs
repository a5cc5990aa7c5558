//! A sensor that has seen one of the project's captures, served on a port of this machine; and a client for it.
#![allow(dead_code, reason = "each test program uses its part")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use swarmscope::base::{HomeNets, Timestamp};
use swarmscope::capture::{self, FileOptions};
use swarmscope::ledger::Ledger;
use swarmscope::ledger::report::Coverage;
use swarmscope::output::http::{HttpOptions, Running, Server};
use swarmscope::output::live::{Live, LiveOptions, LiveSink, OutputStatus};
use swarmscope::output::{
    AnalysisSink, DhtEvent, FlowContext, HostEvent, InterfaceStatus, SensorStatus, TorrentEvent,
};
use swarmscope::pipeline::{AnalyzeLimits, WatchOptions, watch};

/// A sensor and its server.
pub struct Served {
    pub live: Arc<Live>,
    pub running: Running,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    /// Header lines, in lower case up to the colon.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

pub fn home() -> HomeNets {
    let nets = ["192.168.50.0/24", "2001:db8:50::/64"];
    HomeNets::new(nets.iter().map(|n| n.parse().expect("a network")).collect())
}

pub fn loopback() -> HttpOptions {
    HttpOptions { listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))], ..HttpOptions::default() }
}

/// A sensor that nothing was told yet.
pub fn sensor(options: LiveOptions) -> (LiveSink, Arc<Live>) {
    Live::start(options).expect("every metric is declared once")
}

pub fn serve(live: &Arc<Live>, options: HttpOptions) -> Running {
    let server = Server::bind(options).expect("there is a free port");
    server.start(Arc::clone(live)).expect("a thread can be started")
}

/// A sensor that has watched a capture to its end.
pub fn watched(capture: &str, options: HttpOptions) -> Served {
    let (mut sink, live) = sensor(LiveOptions { home: home(), ..LiveOptions::default() });
    live.update_duty(|duty| {
        duty.capture_mode = "promiscuous".into();
        duty.outputs = vec![OutputStatus { sink: "events", up: true, errors: 0, dropped: 0 }];
        duty.policy.firing.insert(("bulk".into(), "warning".into()), 1);
    });
    let running = serve(&live, options);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures").join(capture);
    let mut source = capture::open(&[path], &FileOptions::default()).expect("it ships");
    let options = WatchOptions {
        home: home(),
        workers: 1,
        all_flows: false,
        log_dht: false,
        deduplicate: true,
        limits: AnalyzeLimits::default(),
        allowed: Default::default(),
        remembered: None,
    };
    watch(std::slice::from_mut(&mut source), &options, &mut WithInterface(&mut sink))
        .expect("it can be read");
    Served { live, running }
}

/// Tells of an interface, which a file has none of.
struct WithInterface<'a>(&'a mut LiveSink);

impl AnalysisSink for WithInterface<'_> {
    fn flow(&mut self, record: &swarmscope::event::FlowRecord, context: &FlowContext<'_>) {
        self.0.flow(record, context);
    }
    fn dht(&mut self, event: &DhtEvent<'_>, context: &FlowContext<'_>) {
        self.0.dht(event, context);
    }
    fn torrent(&mut self, event: &TorrentEvent<'_>) {
        self.0.torrent(event);
    }
    fn host(&mut self, event: &HostEvent<'_>) {
        self.0.host(event);
    }
    fn update(&mut self, update: &swarmscope::event::FlowUpdate<'_>, context: &FlowContext<'_>) {
        self.0.update(update, context);
    }
    fn tick(&mut self, now: Timestamp, ledger: &Ledger, coverage: &Coverage) {
        self.0.tick(now, ledger, coverage);
    }
    fn sensor(&mut self, status: &SensorStatus) {
        let interface = InterfaceStatus {
            name: "eth1".into(),
            link_type: "EN10MB".into(),
            up: true,
            ..InterfaceStatus::default()
        };
        self.0.sensor(&SensorStatus { interfaces: vec![interface], ..status.clone() });
    }
    fn stats(&mut self, at: Timestamp, coverage: &Coverage) {
        self.0.stats(at, coverage);
    }
    fn progress(&mut self, read: u64, of: Option<u64>, packets: u64) -> std::ops::ControlFlow<()> {
        self.0.progress(read, of, packets)
    }
}

impl Served {
    pub fn address(&self) -> SocketAddr {
        *self.running.addresses().first().expect("it listens")
    }

    /// `GET` with more header lines.
    pub fn get_with(&self, path: &str, headers: &str) -> Reply {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"))
    }

    pub fn get(&self, path: &str) -> Reply {
        self.get_with(path, "")
    }

    /// The JSON of a path that is answered well.
    pub fn json(&self, path: &str) -> serde_json::Value {
        let reply = self.get(path);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        assert!(reply.header("content-type").starts_with("application/json"), "{path}");
        serde_json::from_slice(&reply.body).expect("it is JSON")
    }

    /// Sends a request as it is, and reads to the end.
    pub fn send(&self, request: &str) -> Reply {
        let mut stream = connect(self.address());
        stream.write_all(request.as_bytes()).expect("it takes requests");
        Reply::read(&mut stream)
    }
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time limit");
    stream
}

impl Reply {
    /// Reads until the other side has said all; a reset behind an answer is its end as well.
    pub fn read(stream: &mut impl std::io::Read) -> Self {
        let mut bytes = Vec::new();
        let mut part = [0; 65_536];
        while let Ok(n @ 1..) = stream.read(&mut part) {
            bytes.extend_from_slice(part.get(..n).expect("as many as were read"));
        }
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(bytes.len());
        let head = String::from_utf8_lossy(bytes.get(..end).expect("inside")).into_owned();
        let mut lines = head.lines();
        let status = lines.next().and_then(|l| l.split(' ').nth(1)?.parse().ok()).unwrap_or(0);
        let headers = lines.filter_map(|l| l.split_once(": "));
        let headers = headers.map(|(k, v)| (k.to_lowercase(), v.to_owned())).collect();
        Self { status, headers, body: bytes.get(end + 4..).unwrap_or_default().to_vec() }
    }

    /// A header's value, empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("it is text")
    }
}

/// What `promtool` says of a page of metrics, nothing if it finds no fault. Prometheus is part of what tests need.
pub fn promtool(arguments: &[&str], input: &[u8]) -> String {
    let mut tool = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed: it comes with Debian's package prometheus");
    tool.stdin.take().expect("piped").write_all(input).expect("it reads");
    let output = tool.wait_with_output().expect("it ends");
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    if output.status.success() { String::new() } else { format!("promtool: {said}") }
}

/// Unpacks gzip.
pub fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut all).expect("it is gzip");
    all
}

/// The value of a series on a page.
pub fn value(page: &str, series: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

/// The values of all series of a family, with what stands between its braces.
pub fn family<'a>(page: &'a str, name: &str) -> Vec<(&'a str, f64)> {
    page.lines()
        .filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let (labels, value) = match rest.strip_prefix('{') {
                Some(rest) => rest.rsplit_once("} ")?,
                None => ("", rest.strip_prefix(' ')?),
            };
            Some((labels, value.parse().ok()?))
        })
        .collect()
}
