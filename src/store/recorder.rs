//! Collects at the keeper's ticks what is to be kept, and hands it to the writer every few seconds.

use super::entry::{AlertRow, Batch, Member, Run, RunKind, StateChange};
use super::sessions::Sessions;
use super::write::MINUTE;
use super::{StoreCounters, Writer};
use crate::base::{Address, Endpoint, HomeNets, InfoHash, KeyedState, Timestamp};
use crate::event::FlowUpdate;
use crate::ledger::memory::{Memory, Minute};
use crate::ledger::report::{Coverage, PortReport, TorrentStanding};
use crate::ledger::{Hearer, Ledger, Sample, Standing};
use crate::policy::{AlertAction, AlertChange, Engine};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Time of the machine between two transactions.
const EVERY: Duration = Duration::from_secs(4);
/// The same for the state of the rules, which may be large, unless an alert changed.
const ENGINE_EVERY: Duration = Duration::from_secs(60);
/// Packet time between two looks at torrents and ports.
const LOOK: Duration = Duration::from_secs(10);
/// A member of a torrent without news for so long has left it.
const PAUSE: Duration = Duration::from_secs(1_800);
/// Changes that may wait for the writer, of each sort.
const WAITING: usize = 4_096;
/// Members remembered, at most.
const MEMBERS: usize = 262_144;

/// What to do where the writer has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    /// Wait: for captures, which can.
    Wait,
    /// Go on, and collect later or count what is lost: for a sensor, which must not stand still.
    GoOn,
}

/// Collects.
#[derive(Debug)]
pub struct Recorder {
    writer: Writer,
    patience: Patience,
    home: HomeNets,
    filtered: bool,
    run: Run,
    sessions: Sessions,
    members: HashMap<(InfoHash, Address), Stay, KeyedState>,
    changed: HashMap<(InfoHash, Address, Timestamp), Member, KeyedState>,
    states: Vec<StateChange>,
    alerts: Vec<AlertRow>,
    /// Finished minutes, and the one that goes on.
    minutes: Vec<Minute>,
    minute: Option<Minute>,
    /// Totals at the last tick.
    before: (Timestamp, Sample, [u64; 3]),
    /// The latest address of each host as others see it.
    outside: HashMap<Address, Endpoint, KeyedState>,
    looked: Timestamp,
    /// Since when ports and mappings are not handed over.
    since: Timestamp,
    refused: u64,
    flushed: Instant,
    engine_saved: Option<Instant>,
    alerted: bool,
}

/// A home host in a torrent, without a pause.
#[derive(Clone, Copy, Debug)]
struct Stay {
    first: Timestamp,
    last: Timestamp,
    /// Sums before this stay.
    base: (u64, u64),
    told: (u64, u64, bool),
}

impl Recorder {
    /// A recorder for a run; `source` names its interfaces or files, `filtered` says that a filter hides packets.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "how often a disk is written is no matter of packet time")]
    pub fn new(writer: Writer, kind: RunKind, source: String, home: HomeNets, filtered: bool) -> Self {
        let never = Timestamp::MIN;
        Self {
            writer,
            patience: if kind == RunKind::Analyze { Patience::Wait } else { Patience::GoOn },
            home,
            filtered,
            run: Run { kind, source, started: never, heartbeat: never, ended: false },
            sessions: Sessions::default(),
            members: HashMap::default(),
            changed: HashMap::default(),
            states: Vec::new(),
            alerts: Vec::new(),
            minutes: Vec::new(),
            minute: None,
            before: (never, Sample::default(), [0; 3]),
            outside: HashMap::default(),
            looked: never,
            since: never,
            refused: 0,
            flushed: Instant::now(),
            engine_saved: None,
            alerted: false,
        }
    }

    /// Takes in news of a flow.
    pub fn update(&mut self, update: &FlowUpdate<'_>) {
        self.sessions.update(update, &self.home);
    }

    /// Takes in a change of the state of a host.
    pub fn state(&mut self, at: Timestamp, host: Address, standing: &Standing) {
        let change = StateChange {
            host,
            at,
            state: standing.state,
            lacks: standing.missing.clone(),
            evidence: standing.evidence.clone(),
        };
        keep(&mut self.states, change, &self.writer);
    }

    /// Takes in a change of an alert.
    pub fn alert(&mut self, change: &AlertChange) {
        let alert = &change.alert;
        let group: Vec<String> = alert.group.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let row = AlertRow {
            rule: alert.rule.id,
            group: group.join(" "),
            since: alert.since,
            name: alert.rule.name.clone(),
            severity: alert.severity().label(),
            host: alert.host(),
            resolved: change.action == AlertAction::Resolved,
            at: alert.at,
            value: alert.value,
        };
        keep(&mut self.alerts, row, &self.writer);
        self.alerted = true;
    }

    /// All packets before `now` are counted; `down` is the time that interfaces were down so far. To be followed by
    /// [`write`](Self::write).
    pub fn tick(&mut self, now: Timestamp, ledger: &Ledger, coverage: &Coverage, down: Duration) {
        let Some(first) = coverage.first else { return };
        self.sensor(now, first, coverage, down);
        self.sessions.tick(now);
        if now.since(self.looked) >= LOOK {
            let since = std::mem::replace(&mut self.looked, now);
            self.torrents(ledger.standings(since));
        }
    }

    /// Hands what was collected to the writer, every few seconds of the machine's time; with the state of the rules now and
    /// then, and whenever an alert has changed.
    pub fn write(&mut self, ledger: &Ledger, engine: Option<&Engine>) {
        let due = self.flushed.elapsed() >= EVERY || self.is_crowded();
        if due && (self.patience == Patience::Wait || self.writer.has_room()) {
            let old = self.engine_saved.is_none_or(|at| at.elapsed() >= ENGINE_EVERY);
            self.flush(ledger, engine.filter(|_| old || self.alerted));
        }
    }

    /// What was done so far.
    #[must_use]
    pub fn counters(&self) -> StoreCounters {
        let counters = self.writer.counters();
        StoreCounters { dropped: counters.dropped + self.refused + self.sessions.refused, ..counters }
    }

    /// What the last failure to write said.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.writer.problem()
    }

    /// Collects the rest: the run ended as it should.
    pub fn end(&mut self, ledger: &Ledger, engine: Option<&Engine>) {
        self.run.ended = true;
        self.torrents(ledger.standings(self.looked));
        self.flush(ledger, engine);
    }

    /// Writes what waits, and ends.
    pub fn finish(self) -> StoreCounters {
        let (refused, sessions) = (self.refused, self.sessions.refused);
        let counters = self.writer.close();
        StoreCounters { dropped: counters.dropped + refused + sessions, ..counters }
    }

    /// Whether much waits: packet time may run faster than the machine's.
    fn is_crowded(&self) -> bool {
        let lens = [self.minutes.len(), self.states.len(), self.alerts.len(), self.changed.len()];
        lens.into_iter().any(|n| n >= WAITING / 2)
    }

    /// Adds what the sensor saw since the last tick to its minute.
    fn sensor(&mut self, now: Timestamp, first: Timestamp, coverage: &Coverage, down: Duration) {
        let sample = Sample::of(coverage, down);
        let sums = [coverage.bytes, coverage.flows, coverage.one_way_flows];
        if self.run.started == Timestamp::MIN {
            (self.run.started, self.before.0, self.looked, self.since) = (first, first, first, first);
        }
        let (was, before, sums_before) = self.before;
        let now = now.max(was);
        self.run.heartbeat = now;
        self.before = (now, sample, sums);
        let starts = |minute: &Minute| minute.from.0.div_euclid(MINUTE) != now.0.div_euclid(MINUTE);
        if self.minute.as_ref().is_some_and(starts)
            && let Some(over) = self.minute.take()
        {
            keep(&mut self.minutes, over, &self.writer);
        }
        let silence = now.since(was);
        // A minute begins where the time before it was watched, or at its first sign of life.
        let begin = Timestamp(now.0.div_euclid(MINUTE).saturating_mul(MINUTE)).max(first);
        let from = if silence < Duration::from_secs(2 * 60) { begin.max(was) } else { now };
        let filtered = self.filtered;
        let minute =
            self.minute.get_or_insert_with(|| Minute { from, to: from, filtered, ..Minute::default() });
        minute.silence = minute.silence.max(now.since(minute.to));
        minute.to = now;
        minute.sample = minute.sample.plus(sample.minus(before));
        let [bytes, flows, one_way] = sums;
        let [bytes_before, flows_before, one_way_before] = sums_before;
        minute.bytes += bytes.saturating_sub(bytes_before);
        minute.flows += flows.saturating_sub(flows_before);
        minute.one_way += one_way.saturating_sub(one_way_before);
    }

    fn torrents(&mut self, standings: Vec<TorrentStanding>) {
        for standing in standings {
            let key = (standing.info_hash, standing.host);
            let now = (standing.downloaded, standing.uploaded, standing.complete);
            if self.members.len() >= MEMBERS && !self.members.contains_key(&key) {
                self.refused += 1;
                continue;
            }
            let new = Stay { first: standing.first, last: standing.first, base: (0, 0), told: (0, 0, false) };
            let stay = self.members.entry(key).or_insert(new);
            if stay.told == now && stay.last == standing.last {
                continue;
            }
            if standing.last.since(stay.last) > PAUSE && stay.told != (0, 0, false) {
                // Back after a pause: since about its latest sign.
                let (downloaded, uploaded, _) = stay.told;
                *stay = Stay { first: standing.last, base: (downloaded, uploaded), ..*stay };
            }
            (stay.last, stay.told) = (standing.last, now);
            let member = Member {
                first: stay.first,
                last: stay.last,
                downloaded: standing.downloaded.saturating_sub(stay.base.0),
                uploaded: standing.uploaded.saturating_sub(stay.base.1),
                standing,
            };
            // The latest word on each is enough.
            self.changed.insert((standing.info_hash, standing.host, member.first), member);
        }
    }

    #[allow(clippy::disallowed_methods, reason = "how often a disk is written is no matter of packet time")]
    fn flush(&mut self, ledger: &Ledger, engine: Option<&Engine>) {
        let collected = self.collect(ledger);
        self.flushed = Instant::now();
        if engine.is_some() {
            self.engine_saved = Some(self.flushed);
            self.alerted = false;
        }
        self.hand_over(collected, engine.map(Engine::save));
    }

    fn collect(&mut self, ledger: &Ledger) -> (Memory, Vec<PortReport>) {
        let since = std::mem::replace(&mut self.since, self.looked);
        let memory = ledger.take_changed(since);
        for host in &memory.hosts {
            if let Some((endpoint, _)) =
                host.external.iter().max_by_key(|(endpoint, votes)| (*votes, *endpoint))
            {
                self.outside.insert(host.address, *endpoint);
            }
        }
        (memory, ledger.ports_with_news(Hearer::History, Timestamp::MIN))
    }

    fn hand_over(&mut self, (memory, ports): (Memory, Vec<PortReport>), engine: Option<serde_json::Value>) {
        let mut sessions = self.sessions.take();
        for session in &mut sessions {
            let outside = self.outside.get(&session.host);
            session.external = outside.map(|e| e.address);
            session.external_port = outside.map(|e| e.port).filter(|port| *port > 0);
        }
        let mut minutes = std::mem::take(&mut self.minutes);
        minutes.extend(self.minute);
        let batch = Batch {
            run: self.run.clone(),
            minutes,
            memory,
            ports,
            sessions,
            members: std::mem::take(&mut self.changed).into_values().collect(),
            states: std::mem::take(&mut self.states),
            alerts: std::mem::take(&mut self.alerts),
            engine,
        };
        if self.run.started == Timestamp::MIN {
            return;
        }
        match self.patience {
            Patience::Wait => self.writer.send_patiently(batch),
            Patience::GoOn => self.writer.send(batch),
        }
    }
}

/// Keeps a change for the writer, while there is room.
fn keep<T>(list: &mut Vec<T>, new: T, writer: &Writer) {
    if list.len() < WAITING {
        list.push(new);
    } else {
        writer.count_dropped(1);
    }
}
