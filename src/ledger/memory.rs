//! What the ledger must remember over a restart, as plain values: enough for a verdict to continue where it stood.
//!
//! Not the whole ledger: torrents, learnt endpoints and sums begin anew. What a verdict rests on does not, for a host that
//! was cleared, or took a tunnel, before a restart must not look innocent after it.

use super::host::Host;
use super::life::{Activity, Carried, Life, Marks};
use super::report::{HostBytes, Interval, MappingReport, PortReport};
use super::window::Window;
use super::{HostState, Ledger, Sample};
use crate::base::{Address, Endpoint, Timestamp, Transport};
use crate::event::{Channel, Grade};
use std::time::Duration;

/// First and last time of something.
pub type Span = (Timestamp, Timestamp);

/// Everything.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Home hosts with peer-to-peer traffic.
    pub hosts: Vec<HostMemory>,
    /// Ordinary traffic of all home hosts together.
    pub network: LifeMemory,
    /// Ports of these hosts that strangers tried.
    pub ports: Vec<PortMemory>,
    /// Port mappings asked for.
    pub mappings: Vec<MappingReport>,
    /// How well the sensor saw, in order of time.
    pub minutes: Vec<Minute>,
}

/// A home host.
#[derive(Clone, Debug)]
pub struct HostMemory {
    /// Its address.
    pub address: Address,
    /// Stretches of time in which it sent peer-to-peer traffic of grade strong or better.
    pub activity: Vec<Span>,
    /// When it sent traffic that is merely suspected.
    pub suspected: Option<Span>,
    /// Its peer-to-peer bytes of grade strong or better.
    pub moved: HostBytes,
    /// Its ordinary traffic.
    pub life: LifeMemory,
    /// Ports it told others to reach it on.
    pub listens: Vec<(u16, Channel, Span)>,
    /// Its address as others said they see it, with votes and the port, where told.
    pub external: Vec<(Endpoint, u64)>,
    /// Ports on which others reached its BitTorrent.
    pub reached: Vec<(Transport, u16)>,
    /// The state that was told last.
    pub state: Option<HostState>,
    /// When it was found to be cleared the last time.
    pub cleared: Option<Timestamp>,
}

/// When a host was alive, and with whom it moved much.
#[derive(Clone, Debug, Default)]
pub struct LifeMemory {
    /// Marks of the slots that begin at these times.
    pub slots: Vec<(Timestamp, Marks)>,
    /// First and last time it was certainly alive.
    pub own: Option<Span>,
    /// Big ordinary flows: remote endpoint, own port, transport, start, and how far they came.
    pub carried: Vec<(Endpoint, u16, Transport, Timestamp, Carried)>,
}

/// A port that strangers tried.
#[derive(Clone, Debug)]
pub struct PortMemory {
    /// Host and port.
    pub port: Endpoint,
    /// TCP or UDP.
    pub transport: Transport,
    /// What was seen when.
    pub intervals: Vec<Interval>,
}

/// How well the sensor saw in one minute of packet time, or a part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Minute {
    /// The sensor's run it belongs to.
    pub run: i64,
    /// First and last sign of life in it.
    pub from: Timestamp,
    /// See `from`.
    pub to: Timestamp,
    /// What came, and what was lost.
    pub sample: Sample,
    /// The longest time in it without a sign of life.
    pub silence: Duration,
    /// Wire bytes.
    pub bytes: u64,
    /// Flows that began, and those of them with packets of one side only.
    pub flows: u64,
    /// See `flows`.
    pub one_way: u64,
    /// A filter hid packets.
    pub filtered: bool,
}

impl Ledger {
    /// Takes in what was remembered: to be called before the first packet.
    pub fn restore(&self, memory: &Memory) {
        for known in &memory.hosts {
            self.with_host(known.address, |host| host.restore(known, self.slot));
        }
        if let Ok(mut network) = self.network.lock() {
            network.restore(&memory.network, self.slot);
        }
        for port in &memory.ports {
            let key = (port.port, port.transport);
            if self.tried.contains_key(&key) || self.tried.len() < self.limits.tried {
                self.tried.entry(key).or_default().restore(&port.intervals);
            }
        }
        if let Ok(mut mappings) = self.mappings.lock() {
            let room = self.limits.mappings.saturating_sub(mappings.len());
            mappings.extend(memory.mappings.iter().take(room).cloned());
        }
        if let Ok(mut health) = self.health.lock() {
            memory.minutes.iter().for_each(|minute| health.recall(minute));
        }
    }

    /// The end of what was remembered: what is not later is no news. Long ago where nothing was.
    #[must_use]
    pub fn remembered_until(&self) -> Timestamp {
        self.health.lock().map_or(Timestamp::MIN, |health| health.remembered)
    }

    /// The states of hosts that were told before a restart.
    pub fn remembered_states(&self) -> impl Iterator<Item = (Address, HostState)> {
        self.hosts.iter().filter_map(|host| Some((*host.key(), host.remembered?)))
    }

    /// What changed since the last call of what has to be remembered, but for the minutes of the sensor; ports and mappings
    /// are those of since `since`.
    pub fn take_changed(&self, since: Timestamp) -> Memory {
        let mut hosts: Vec<HostMemory> = Vec::new();
        for mut entry in self.hosts.iter_mut().filter(|h| h.active.is_some()) {
            let address = *entry.key();
            hosts.extend(entry.take_changed(address, self.slot));
        }
        hosts.sort_unstable_by_key(|h| h.address);
        let network = self.network.lock().map(|mut n| n.take_changed(self.slot)).unwrap_or_default();
        let mappings = self.mappings.lock().map(|m| m.clone()).unwrap_or_default();
        let mappings = mappings.into_iter().filter(|m| m.last >= since).collect();
        Memory { hosts, network: network.unwrap_or_default(), mappings, ..Memory::default() }
    }
}

impl Host {
    fn restore(&mut self, known: &HostMemory, slot: Duration) {
        let window = |span: Span| Window::between(span.0, span.1);
        for span in &known.activity {
            self.activity.add(window(*span), slot);
            super::host::join(&mut self.active, Some(window(*span)));
        }
        self.activity.touched = None;
        super::host::join(&mut self.suspected, known.suspected.map(window));
        self.moved_before = known.moved;
        self.life.restore(&known.life, slot);
        for (port, channel, span) in &known.listens {
            self.facts.listens.entry((*port, *channel)).or_insert(window(*span)).join(window(*span));
        }
        for (endpoint, votes) in &known.external {
            self.facts.external.insert(endpoint.address, *votes);
            self.facts.external_ports.insert(*endpoint);
        }
        self.reached.extend(known.reached.iter().copied());
        self.remembered = known.state;
        self.cleared = known.cleared;
    }

    /// What to remember of it, if anything is new since the last call.
    fn take_changed(&mut self, address: Address, slot: Duration) -> Option<HostMemory> {
        let life = self.life.take_changed(slot);
        let activity = self.activity.take_changed();
        if life.is_none() && activity.is_empty() {
            return None;
        }
        let strong = self.bytes.iter().filter(|(grade, _)| **grade >= Grade::Strong);
        let moved = strong.fold(self.moved_before, |sum, (_, b)| sum.plus(*b));
        let external = self.facts.external.iter().flat_map(|(address, votes)| {
            let told = self.facts.external_ports.iter().filter(|e| e.address == *address).copied();
            let bare = Endpoint::new(*address, 0);
            told.chain((!self.facts.external_ports.iter().any(|e| e.address == *address)).then_some(bare))
                .map(|endpoint| (endpoint, *votes))
        });
        Some(HostMemory {
            address,
            activity,
            suspected: self.suspected.map(|w| (w.first, w.last)),
            moved,
            life: life.unwrap_or_default(),
            listens: self.facts.listens.iter().map(|((p, c), w)| (*p, *c, (w.first, w.last))).collect(),
            external: external.collect(),
            reached: self.reached.iter().copied().collect(),
            state: None,
            cleared: None,
        })
    }
}

impl Life {
    fn restore(&mut self, known: &LifeMemory, slot: Duration) {
        for (at, marks) in &known.slots {
            self.mark(super::life::slot_of(*at, slot), *marks);
        }
        super::host::join(&mut self.own, known.own.map(|(first, last)| Window::between(first, last)));
        for (remote, port, transport, start, carried) in &known.carried {
            self.take_carried((*remote, *port, *transport, *start), *carried);
        }
        self.touched = None;
    }

    /// Slots that changed since the last call, with all big flows; nothing where no slot did.
    fn take_changed(&mut self, slot: Duration) -> Option<LifeMemory> {
        let from = self.touched.take()?;
        let start =
            |number: i64| Timestamp(number.saturating_mul(slot.as_nanos().try_into().unwrap_or(i64::MAX)));
        Some(LifeMemory {
            slots: self.slots.range(from..).map(|(number, marks)| (start(*number), *marks)).collect(),
            own: self.own.map(|w| (w.first, w.last)),
            carried: self
                .carried_flows()
                .map(|((remote, port, transport, start), c)| (*remote, *port, *transport, *start, *c))
                .collect(),
        })
    }
}

impl Activity {
    /// Stretches that changed since the last call.
    fn take_changed(&mut self) -> Vec<Span> {
        let Some(from) = self.touched.take() else { return Vec::new() };
        self.stretches().iter().filter(|w| w.last >= from).map(|w| (w.first, w.last)).collect()
    }
}

impl HostBytes {
    /// Both together.
    #[must_use]
    pub const fn plus(self, more: Self) -> Self {
        Self {
            received: self.received.saturating_add(more.received),
            sent: self.sent.saturating_add(more.sent),
        }
    }
}

impl PortReport {
    /// What of it has to be remembered.
    #[must_use]
    pub fn memory(&self) -> PortMemory {
        PortMemory {
            port: Endpoint::new(self.host, self.port),
            transport: self.transport,
            intervals: self.intervals.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::HomeNets;
    use crate::ledger::{LedgerLimits, Missing, QUIET_FOR};

    const HOST: Address = Address::v4([10, 0, 0, 5]);
    const REMOTE: Address = Address::v4([203, 0, 113, 9]);
    const HOUR: i64 = 3_600;
    /// When it stopped, and the end.
    const STOP: i64 = 10 * HOUR;
    const END: i64 = 40 * HOUR;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    /// A host that was active for ten hours and stopped thirty hours ago, as a sensor saw it without a gap.
    fn stopped() -> Memory {
        let life = |from: i64| LifeMemory {
            slots: (from..40).map(|h| (at(h * HOUR), Marks { own: true, two_way: 3, one_way: 0 })).collect(),
            own: Some((at(from * HOUR), at(END))),
            carried: Vec::new(),
        };
        let minute = |n: i64| Minute {
            run: 1,
            from: at(n * 60),
            to: at(n * 60 + 59),
            sample: Sample { packets: 100, ..Sample::default() },
            ..Minute::default()
        };
        let host = HostMemory {
            address: HOST,
            activity: vec![(at(HOUR), at(STOP))],
            suspected: None,
            moved: HostBytes { received: 40 << 20, sent: 20 << 20 },
            life: life(0),
            listens: vec![(6_881, Channel::Dht, (at(HOUR), at(STOP)))],
            external: Vec::new(),
            reached: Vec::new(),
            state: None,
            cleared: None,
        };
        let minutes = (0..END / 60).map(minute).collect();
        Memory { hosts: vec![host], network: life(0), minutes, ..Memory::default() }
    }

    fn judged(change: impl FnOnce(&mut Memory)) -> crate::ledger::Standing {
        let mut memory = stopped();
        change(&mut memory);
        let ledger = Ledger::new(
            HomeNets::default(),
            LedgerLimits { quiet_for: QUIET_FOR, ..LedgerLimits::default() },
        );
        ledger.restore(&memory);
        // What was remembered is nothing new.
        assert!(ledger.take_changed(Timestamp::MAX).hosts.is_empty());
        ledger.standing(HOST)
    }

    #[test]
    fn each_part_of_what_is_remembered_keeps_a_host_from_being_cleared() {
        let standing = judged(|_| ());
        assert_eq!((standing.state, standing.last), (HostState::Cleared, Some(at(STOP))), "{standing:?}");
        let tunnel = judged(|memory| {
            let bytes = HostBytes { received: 50 << 20, sent: 25 << 20 };
            let span = (at(STOP + HOUR), at(END - HOUR));
            let flow = (
                Endpoint::new(REMOTE, 51_820),
                40_000,
                Transport::Udp,
                span.0,
                Carried::of(REMOTE, bytes, span),
            );
            memory.hosts[0].life.carried.push(flow);
        });
        assert_eq!((tunnel.state, &tunnel.missing[..]), (HostState::Changed, &[Missing::Tunnel][..]));
        let open = judged(|memory| {
            let (first, last) = (at(STOP + 8 * HOUR), at(STOP + 9 * HOUR));
            let interval = Interval { answer: crate::event::Answer::Accepted, first, last, attempts: 2 };
            let port = Endpoint::new(HOST, 6_881);
            memory.ports.push(PortMemory { port, transport: Transport::Tcp, intervals: vec![interval] });
        });
        assert!(open.missing.contains(&Missing::PortAccepts), "{open:?}");
        let suspected = judged(|memory| memory.hosts[0].suspected = Some((at(STOP), at(END - HOUR))));
        assert_eq!(suspected.missing, [Missing::Suspected]);
        let gone = judged(|memory| memory.hosts[0].life.slots.retain(|(slot, _)| *slot < at(STOP)));
        assert_eq!(gone.state, HostState::NotSeen, "{gone:?}");
        for (lacks, change) in FAULTS {
            let blind = judged(|memory| memory.minutes.iter_mut().skip(2_000).take(60).for_each(change));
            assert_eq!(blind.state, HostState::CannotTell, "{lacks:?}: {blind:?}");
            assert!(blind.missing.contains(&lacks), "{lacks:?}: {blind:?}");
        }
        let hole = judged(|memory| drop(memory.minutes.drain(2_000..2_010)));
        assert_eq!(hole.missing, [Missing::Gap], "{hole:?}");
    }

    type Change = fn(&mut Minute);

    const FAULTS: [(Missing, Change); 6] = [
        (Missing::Loss, |m| m.sample.lost = 5),
        (Missing::TableFull, |m| m.sample.evicted = 1),
        (Missing::Panic, |m| m.sample.panics = 1),
        (Missing::Damaged, |m| m.sample.damage = 1),
        (Missing::Gap, |m| m.filtered = true),
        (Missing::Gap, |m| m.sample.down = Duration::from_secs(30)),
    ];

    #[test]
    fn the_time_between_two_runs_was_not_watched_however_short() {
        let blind = |seconds: i64, other: bool| {
            let mut memory = stopped();
            let late = memory.minutes.split_off(2_000);
            let shift = |m: Minute| Minute {
                run: if other { 2 } else { 1 },
                from: m.from + Duration::from_secs(seconds as u64 - 1),
                to: m.to + Duration::from_secs(seconds as u64 - 1),
                ..m
            };
            memory.minutes.extend(late.into_iter().map(shift));
            let ledger = Ledger::new(HomeNets::default(), LedgerLimits::default());
            ledger.restore(&memory);
            ledger.seen(at(30 * HOUR), at(39 * HOUR)).blind
        };
        assert_eq!(blind(200, false), Duration::ZERO, "a silence within a run is none");
        assert_eq!(blind(200, true), Duration::from_secs(200));
        assert_eq!(blind(2, true), Duration::from_secs(2));
        assert_eq!(blind(400, false), Duration::from_secs(400));
    }
}
