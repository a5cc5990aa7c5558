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
        let mappings = mappings.into_iter().filter(|m| m.at >= since).collect();
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
            self.listens.entry((*port, *channel)).or_insert(window(*span)).join(window(*span));
        }
        for (endpoint, votes) in &known.external {
            self.external.insert(endpoint.address, *votes);
            self.external_ports.insert(*endpoint);
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
        let external = self.external.iter().flat_map(|(address, votes)| {
            let told = self.external_ports.iter().filter(|e| e.address == *address).copied();
            let bare = Endpoint::new(*address, 0);
            told.chain((!self.external_ports.iter().any(|e| e.address == *address)).then_some(bare))
                .map(|endpoint| (endpoint, *votes))
        });
        Some(HostMemory {
            address,
            activity,
            suspected: self.suspected.map(|w| (w.first, w.last)),
            moved,
            life: life.unwrap_or_default(),
            listens: self.listens.iter().map(|((p, c), w)| (*p, *c, (w.first, w.last))).collect(),
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
