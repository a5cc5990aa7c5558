//! A small stage: packets are scripted, analyzed from memory, and the flows that come out are compared with what the scene
//! was meant to show.

use std::time::Duration;
use swarmscope::base::{Endpoint, InfoHash, Timestamp};
use swarmscope::capture::{LinkType, Memory, OwnedPacket};
use swarmscope::event::{Encryption, Family, FlowRecord, Grade, Kind, Reason};
use swarmscope::frame::build;
use swarmscope::ledger::report::Report;
use swarmscope::output::{AnalysisSink, FlowContext};
use swarmscope::pipeline::{AnalyzeLimits, AnalyzeOptions, analyze_source};

/// An endpoint written as text.
pub fn end(text: &str) -> Endpoint {
    text.parse().unwrap_or_else(|_| panic!("not an endpoint: {text}"))
}

/// The home host of most scenes, and the peer it talks to.
pub fn alice() -> Endpoint {
    end("10.0.0.5:40754")
}
pub fn bob() -> Endpoint {
    end("203.0.113.7:51413")
}

/// Packets in the order of capture, each a whole frame of `link`.
#[derive(Clone)]
pub struct Scene {
    pub link: LinkType,
    pub packets: Vec<(Timestamp, Vec<u8>)>,
    pub now: Timestamp,
    pub step: Duration,
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            link: LinkType::ETHERNET,
            packets: Vec::new(),
            now: Timestamp::from_secs(1_772_366_400),
            step: Duration::from_millis(1),
        }
    }
}

impl Scene {
    /// Adds an IP packet in an Ethernet frame.
    pub fn ip(&mut self, ip: &[u8]) -> &mut Self {
        self.frame(build::ethernet(ip))
    }

    /// Adds a frame as it is.
    pub fn frame(&mut self, frame: Vec<u8>) -> &mut Self {
        self.now = self.now + self.step;
        self.packets.push((self.now, frame));
        self
    }

    /// Adds a UDP datagram.
    pub fn udp(&mut self, from: Endpoint, to: Endpoint, payload: &[u8]) -> &mut Self {
        self.ip(&build::udp(from, to, payload))
    }

    /// Lets time pass.
    pub fn wait(&mut self, time: Duration) -> &mut Self {
        self.now = self.now + time;
        self
    }

    /// Adds the packets of another scene after this one.
    pub fn then(&mut self, other: &Scene) -> &mut Self {
        for (_, frame) in &other.packets {
            self.frame(frame.clone());
        }
        self
    }

    /// Gives every Ethernet frame a new form, or several: `change` gets the IP packet.
    pub fn rewrapped(&self, link: LinkType, mut change: impl FnMut(&[u8]) -> Vec<Vec<u8>>) -> Self {
        let mut packets = Vec::new();
        for (at, frame) in &self.packets {
            for (n, frame) in change(&frame[14..]).into_iter().enumerate() {
                packets.push((*at + Duration::from_nanos(n as u64), frame));
            }
        }
        Self { link, packets, ..self.clone() }
    }

    /// The packets as a source gives them.
    pub fn source(&self) -> Memory {
        let whole = |(at, frame): &(Timestamp, Vec<u8>)| OwnedPacket::whole(*at, self.link, frame.clone());
        Memory::new(self.packets.iter().map(whole).collect())
    }

    /// Analyzes the scene.
    pub fn play(&self) -> Seen {
        play(self.source(), AnalyzeLimits::default())
    }
}

/// Analyzes packets with 10.0.0.0/8 and the other private networks as home.
pub fn play(mut source: Memory, limits: AnalyzeLimits) -> Seen {
    let mut seen = Seen::default();
    let options = AnalyzeOptions::default();
    seen.report = analyze_source(&mut source, &options, limits, &mut Collector(&mut seen.flows)).unwrap();
    seen
}

/// A flow and where it was seen.
#[derive(Clone, Debug)]
pub struct SeenFlow {
    pub record: FlowRecord,
    pub vlans: Vec<u16>,
    pub tunnels: Vec<String>,
}

/// What came out of an analysis.
#[derive(Default)]
pub struct Seen {
    pub flows: Vec<SeenFlow>,
    pub report: Report,
}

struct Collector<'a>(&'a mut Vec<SeenFlow>);

impl AnalysisSink for Collector<'_> {
    fn flow(&mut self, record: &FlowRecord, context: &FlowContext<'_>) {
        self.0.push(SeenFlow {
            record: record.clone(),
            vlans: context.vlans.to_vec(),
            tunnels: context.tunnels.iter().map(|t| (*t).to_owned()).collect(),
        });
    }
}

/// What one flow of a scene must show.
#[derive(Clone, Default)]
pub struct Expect {
    kinds: Vec<Kind>,
    at_least: Option<Grade>,
    at_most: Option<Grade>,
    info_hash: Option<InfoHash>,
    encryption: Option<Encryption>,
    reasons: Vec<Reason>,
    two_way: Option<bool>,
    ends: Option<[Endpoint; 2]>,
    vlans: Option<Vec<u16>>,
    tunnels: Option<Vec<&'static str>>,
}

/// A confirmed flow of this kind between [`alice`] and [`bob`].
pub fn confirmed(kind: Kind) -> Expect {
    Expect {
        kinds: vec![kind],
        at_least: Some(Grade::Confirmed),
        ends: Some([alice(), bob()]),
        ..Expect::default()
    }
}

/// At least `strong`.
pub fn strong(kind: Kind) -> Expect {
    Expect { at_least: Some(Grade::Strong), ..confirmed(kind) }
}

/// No BitTorrent label on any flow.
pub fn nothing() -> Expect {
    Expect::default()
}

/// Nobody is accused: no flow is graded better than `suspected`.
pub fn suspected_at_most() -> Expect {
    Expect { at_most: Some(Grade::Suspected), ..Expect::default() }
}

impl Expect {
    /// Whatever is found: the caller looks itself.
    pub fn at_most_any(mut self) -> Self {
        self.at_most = Some(Grade::Confirmed);
        self
    }
    pub fn hash(mut self, info_hash: [u8; 20]) -> Self {
        self.info_hash = Some(InfoHash(info_hash));
        self
    }
    pub fn also(mut self, kind: Kind) -> Self {
        self.kinds.push(kind);
        self
    }
    pub fn reason(mut self, reason: Reason) -> Self {
        self.reasons.push(reason);
        self
    }
    pub fn encryption(mut self, encryption: Encryption) -> Self {
        self.encryption = Some(encryption);
        self
    }
    pub fn two_way(mut self, two_way: bool) -> Self {
        self.two_way = Some(two_way);
        self
    }
    pub fn between(mut self, a: Endpoint, b: Endpoint) -> Self {
        self.ends = Some([a, b]);
        self
    }
    pub fn vlans(mut self, vlans: &[u16]) -> Self {
        self.vlans = Some(vlans.to_vec());
        self
    }
    pub fn tunnels(mut self, tunnels: &[&'static str]) -> Self {
        self.tunnels = Some(tunnels.to_vec());
        self
    }

    /// What is wrong, if anything.
    pub fn judge(&self, seen: &Seen) -> Result<(), String> {
        let report = &seen.report;
        if report.coverage.panics > 0 {
            return Err(format!("{} panics", report.coverage.panics));
        }
        if self.kinds.is_empty() {
            let accused = |f: &&SeenFlow| {
                f.record.label.kinds.family() != Some(Family::OtherP2p)
                    && f.record.label.kinds.family() != Some(Family::LookAlike)
                    && f.record.label.grade > self.at_most
            };
            return match seen.flows.iter().find(accused) {
                Some(flow) => Err(format!("falsely accused: {}", told(flow))),
                None => Ok(()),
            };
        }
        if seen.flows.iter().any(|f| self.fits(f)) {
            return Ok(());
        }
        let all: Vec<String> = seen.flows.iter().map(told).collect();
        Err(if all.is_empty() { "no labelled flow".to_owned() } else { format!("only {}", all.join("; ")) })
    }

    fn fits(&self, flow: &SeenFlow) -> bool {
        let r = &flow.record;
        let label = &r.label;
        self.kinds.iter().all(|&k| label.kinds.contains(k))
            && label.grade >= self.at_least
            && self.at_most.is_none_or(|most| label.grade <= Some(most))
            && self.info_hash.is_none_or(|h| label.info_hashes.contains(&h))
            && self.encryption.is_none_or(|e| label.encryption == e)
            && self.reasons.iter().all(|&r| label.reasons.contains(r))
            && self.two_way.is_none_or(|t| label.two_way == t)
            && self.ends.is_none_or(|[a, b]| {
                (r.originator, r.responder) == (a, b) || (r.originator, r.responder) == (b, a)
            })
            && self.vlans.as_ref().is_none_or(|v| flow.vlans == *v)
            && self.tunnels.as_ref().is_none_or(|t| flow.tunnels == *t)
    }
}

fn told(flow: &SeenFlow) -> String {
    let r = &flow.record;
    let kinds: Vec<&str> = r.label.kinds.iter().map(Kind::label).collect();
    let reasons: Vec<&str> = r.label.reasons.iter().map(Reason::label).collect();
    let hashes: Vec<String> = r.label.info_hashes.iter().map(ToString::to_string).collect();
    format!(
        "{} > {} {} {kinds:?} {:?} {reasons:?} {hashes:?} {:?} two_way={} vlans {:?} tunnels {:?}",
        r.originator,
        r.responder,
        r.transport.name(),
        r.label.grade,
        r.label.encryption,
        r.label.two_way,
        flow.vlans,
        flow.tunnels
    )
}

/// Many cases: all are played, and the failures are told together.
#[derive(Default)]
pub struct Suite {
    failures: Vec<String>,
    played: usize,
}

impl Suite {
    /// Plays a scene; `why` says what a failure would mean.
    pub fn check(&mut self, name: &str, why: &str, scene: &Scene, expect: &Expect) -> Seen {
        let seen = scene.play();
        self.played += 1;
        if let Err(wrong) = expect.judge(&seen) {
            self.failures.push(format!("{name} ({why}): {wrong}"));
        }
        seen
    }

    /// Notes a condition of the caller's own.
    pub fn require(&mut self, name: &str, why: &str, holds: bool) {
        if !holds {
            self.failures.push(format!("{name} ({why})"));
        }
    }

    /// Ends the test.
    pub fn finish(self) {
        assert!(
            self.failures.is_empty(),
            "{} of {} cases fail:\n  {}",
            self.failures.len(),
            self.played,
            self.failures.join("\n  ")
        );
    }
}
