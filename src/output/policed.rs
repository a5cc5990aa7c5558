//! Holds an analysis against rules: a sink that hears everything first, and tells another one which alerts come of it.

use super::{AnalysisSink, DhtEvent, FlowContext, HostEvent, SensorStatus, TorrentEvent};
use crate::base::{Address, Endpoint, InfoHash, KeyedState, Timestamp, Transport};
use crate::event::{Channel, FlowRecord, FlowUpdate, Opens};
use crate::ledger::report::{Coverage, PortReport, PortState};
use crate::ledger::{Behaviour, Hearer, Ledger};
use crate::policy::{
    BehaviourNews, Engine, Exposure, ExposureNews, HostStateNews, Observation, Subject, TorrentNews,
};
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::time::Duration;

/// Packet time between two looks at what hosts moved in torrents, and at who tried their ports.
const STANDINGS: Duration = Duration::from_secs(10);
/// Age from which on an attempt that becomes known only now, with the end of its flow, is no news.
const LATE: Duration = Duration::from_secs(3_600);
/// Packet time between two looks at how hosts behave in the DHT.
const BEHAVIOUR: Duration = Duration::from_secs(60);
/// Standings and ports remembered, at most; beyond, a host's past counts as new.
const STANDINGS_MAX: usize = 262_144;

/// The sink. It needs news of flows that go on, and DHT messages where a rule is about them ([`Engine::wants`]).
pub struct Policed<'a, S: ?Sized> {
    engine: &'a mut Engine,
    inner: &'a mut S,
    /// The inner sink asked for DHT messages itself.
    dht_too: bool,
    /// What was told of a host in a torrent.
    told: HashMap<(InfoHash, Address), (u64, u64, bool), KeyedState>,
    /// What was told of a port: its state, and how often it was tried.
    ports: HashMap<(Endpoint, Transport), (PortState, u64), KeyedState>,
    mapped: HashSet<(Endpoint, Transport), KeyedState>,
    /// What was told of visits to a port: how many of a sort were answered.
    answered: HashMap<(Endpoint, Transport, Opens), u64, KeyedState>,
    /// What was told of scans: of which host, by whom, how many ports.
    scanned: HashMap<(Address, Address), u64, KeyedState>,
    looked: Timestamp,
    /// What was told of a host's behaviour in the DHT, and how much of it there was.
    behaved: HashMap<(Address, Behaviour), u64, KeyedState>,
    behaved_looked: Timestamp,
    /// The summaries of hosts came: the next tick is the last.
    ending: bool,
    spent: Duration,
}

impl<'a, S: AnalysisSink + ?Sized> Policed<'a, S> {
    /// A sink between an analysis and `inner`, which is told of DHT messages only when it asked for them (`dht_too`).
    pub fn new(engine: &'a mut Engine, inner: &'a mut S, dht_too: bool) -> Self {
        Self {
            engine,
            inner,
            dht_too,
            told: HashMap::default(),
            ports: HashMap::default(),
            mapped: HashSet::default(),
            answered: HashMap::default(),
            scanned: HashMap::default(),
            looked: Timestamp::MIN,
            behaved: HashMap::default(),
            behaved_looked: Timestamp::MIN,
            ending: false,
            spent: Duration::ZERO,
        }
    }

    /// The engine and the sink behind it, between two calls.
    pub fn parts(&mut self) -> (&mut Engine, &mut S) {
        (self.engine, self.inner)
    }

    /// Time spent on evaluating rules at ticks, by the wall clock.
    #[must_use]
    pub const fn spent(&self) -> Duration {
        self.spent
    }

    /// Tells of ports that somebody tried, of scans, and of mappings asked for, since the last look.
    fn exposure(&mut self, since: Timestamp, ledger: &Ledger) {
        for port in
            ledger.ports_with_news(Hearer::Rules, since - LATE).into_iter().filter(|p| p.p2p || p.mapped)
        {
            self.port(&port);
        }
        for scan in ledger.scans_since(since - LATE) {
            if self.scanned.len() >= STANDINGS_MAX {
                self.scanned.clear();
            }
            if self.scanned.insert((scan.host, scan.source), scan.ports) != Some(scan.ports) {
                let (host, source) = (Endpoint::new(scan.host, 0), Endpoint::new(scan.source, 0));
                self.expose(scan.last, (host, Transport::Tcp), Exposure::Scanned, Some(source), None);
            }
        }
        for report in ledger.mappings_since(since) {
            let mapping = report.mapping;
            let host = Endpoint::new(report.host, mapping.internal_port);
            if self.mapped.len() < STANDINGS_MAX && self.mapped.insert((host, mapping.transport)) {
                let key = (host, mapping.transport);
                self.expose(report.at, key, Exposure::MappingAsked, None, Some(mapping.protocol));
            }
        }
    }

    /// Tells what is new of a port: how attempts fared, and in what else than BitTorrent it talked.
    fn port(&mut self, port: &PortReport) {
        let key = (Endpoint::new(port.host, port.port), port.transport);
        if self.ports.len() >= STANDINGS_MAX {
            self.ports.clear();
        }
        let before = self.ports.insert(key, (port.state, port.attempts));
        let was_open = before.is_some_and(|(state, _)| state == PortState::Open);
        let news = match port.state {
            PortState::Open => Some(Exposure::Opened),
            PortState::ForwardedRefused => Some(Exposure::ForwardedRefused),
            PortState::Closed | PortState::Stealth if was_open => Some(Exposure::Closed),
            PortState::Closed | PortState::Stealth | PortState::NotTested => None,
        };
        // The same again, and no new attempt: nothing new.
        if let (Some(news), Some(latest)) = (news, port.intervals.last())
            && before != Some((port.state, port.attempts))
        {
            self.expose(latest.last, key, news, None, None);
        }
        for visit in port.visits.iter().filter(|visit| port.p2p && visit.answered > 0) {
            if self.answered.len() >= STANDINGS_MAX {
                self.answered.clear();
            }
            if self.answered.insert((key.0, key.1, visit.opens), visit.answered) != Some(visit.answered) {
                let detail = Some(visit.opens.label());
                self.expose(visit.last, key, Exposure::OtherProtocol, None, detail);
            }
        }
    }

    fn expose(
        &mut self,
        at: Timestamp,
        (host, transport): (Endpoint, Transport),
        news: Exposure,
        source: Option<Endpoint>,
        detail: Option<&str>,
    ) {
        let news = ExposureNews { at, host, transport, source, news, detail };
        self.engine.observe(&Observation::Exposure(news));
    }

    /// Tells of hosts whose behaviour in the DHT has a name, as long as there is more of it.
    fn behaviour(&mut self, now: Timestamp, ledger: &Ledger) {
        for (host, finding) in ledger.dht_findings() {
            if self.behaved.len() >= STANDINGS_MAX {
                self.behaved.clear();
            }
            let behaviour = finding.behaviour;
            if self.behaved.insert((host, behaviour), finding.count) != Some(finding.count) {
                let at = finding.last.min(now);
                self.engine.observe(&Observation::Behaviour(BehaviourNews { at, host, behaviour }));
            }
        }
    }

    fn torrents(&mut self, now: Timestamp, since: Timestamp, ledger: &Ledger) {
        for standing in ledger.standings(since) {
            let key = (standing.info_hash, standing.host);
            let (uploaded, downloaded, complete) = self.told.get(&key).copied().unwrap_or_default();
            let sums = (standing.uploaded, standing.downloaded, standing.complete);
            if sums == (uploaded, downloaded, complete) {
                continue;
            }
            if self.told.len() >= STANDINGS_MAX {
                self.told.clear();
            }
            self.told.insert(key, sums);
            self.engine.observe(&Observation::Torrent(TorrentNews {
                at: now,
                host: standing.host,
                info_hash: standing.info_hash,
                uploaded: standing.uploaded.saturating_sub(uploaded),
                downloaded: standing.downloaded.saturating_sub(downloaded),
                complete: standing.complete,
                // Pieces are read from a stream that both sides acknowledged.
                two_way: standing.uploaded > uploaded || standing.downloaded > downloaded,
            }));
        }
    }
}

impl<S: AnalysisSink + ?Sized> AnalysisSink for Policed<'_, S> {
    fn flow(&mut self, record: &FlowRecord, context: &FlowContext<'_>) {
        self.inner.flow(record, context);
    }

    fn dht(&mut self, event: &DhtEvent<'_>, context: &FlowContext<'_>) {
        self.engine.dht(event.at, event.sender, event.receiver, event.message);
        if self.dht_too {
            self.inner.dht(event, context);
        }
    }

    fn torrent(&mut self, event: &TorrentEvent<'_>) {
        if let TorrentEvent::FirstSeen { at, info_hash, host, channel } = *event {
            self.engine.observe(&Observation::Torrent(TorrentNews {
                at,
                host,
                info_hash,
                uploaded: 0,
                downloaded: 0,
                complete: false,
                // A lookup counts once somebody answered it; by other ways the flow itself has to show it.
                two_way: channel == Channel::Dht,
            }));
        }
        self.inner.torrent(event);
    }

    fn host(&mut self, event: &HostEvent<'_>) {
        // With a report it is the summary at the end, and no change.
        self.ending |= event.host.is_some();
        if event.host.is_none() {
            let (at, host, state) = (event.at, event.address, event.standing.state);
            self.engine.observe(&Observation::HostState(HostStateNews { at, host, state }));
        }
        self.inner.host(event);
    }

    fn update(&mut self, update: &FlowUpdate<'_>, context: &FlowContext<'_>) {
        self.engine.flow(update, context.vlans);
        self.inner.update(update, context);
    }

    fn sensor(&mut self, status: &SensorStatus) {
        self.inner.sensor(status);
    }

    #[allow(clippy::disallowed_methods, reason = "what rules cost is no matter of packet time")]
    fn tick(&mut self, now: Timestamp, ledger: &Ledger, coverage: &Coverage) {
        let began = std::time::Instant::now();
        if self.ending || now.since(self.looked) >= STANDINGS {
            let since = std::mem::replace(&mut self.looked, now).max(ledger.remembered_until());
            if self.engine.wants(Subject::Torrent) {
                self.torrents(now, since, ledger);
            }
            if self.engine.wants(Subject::Exposure) {
                self.exposure(since, ledger);
            }
        }
        if self.engine.wants(Subject::Dht) && (self.ending || now.since(self.behaved_looked) >= BEHAVIOUR) {
            self.behaved_looked = now;
            self.behaviour(now, ledger);
        }
        self.engine.coverage(now, coverage);
        let changes = self.engine.tick(now);
        self.spent += began.elapsed();
        for change in changes {
            self.inner.alert(&change);
        }
        self.inner.tick(now, ledger, coverage);
    }

    fn end(&mut self, ledger: &Ledger) {
        self.inner.end(ledger);
    }

    fn stats(&mut self, at: Timestamp, coverage: &Coverage) {
        self.inner.stats(at, coverage);
    }

    fn progress(&mut self, bytes_read: u64, bytes_total: Option<u64>, packets: u64) -> ControlFlow<()> {
        self.inner.progress(bytes_read, bytes_total, packets)
    }
}
