//! Which news a rule looks at: the `match` part of a rule, compiled to sets.

use super::clock::When;
use super::nets::NetSet;
use super::observation::{FlowNews, Sample, What};
use crate::base::{Endpoint, InfoHash, Timestamp, Transport};
use crate::event::{DhtRole, Encryption, Grade, Kind, Kinds, Word};
use crate::ledger::Behaviour;
use std::collections::HashSet;
use std::sync::Arc;

/// Torrents named by a rule.
pub(super) type Torrents = Arc<HashSet<InfoHash, crate::base::KeyedState>>;

/// The compiled `match`. An empty set or `None` asks nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Match {
    pub kinds: Kinds,
    pub grades: Small<Grade>,
    pub encryption: Small<Encryption>,
    pub transports: Small<Carrier>,
    pub two_way: Option<bool>,
    pub opened: Option<bool>,
    pub complete: Option<bool>,
    pub sent: Option<bool>,
    pub hosts: Option<NetSet>,
    pub not_hosts: NetSet,
    pub remotes: Option<NetSet>,
    pub not_remotes: NetSet,
    pub vlans: Vec<u16>,
    pub not_vlans: Vec<u16>,
    pub ports: Vec<(u16, u16)>,
    pub remote_ports: Vec<(u16, u16)>,
    /// Beginnings of client names, in lower case.
    pub clients: Vec<String>,
    pub not_clients: Vec<String>,
    pub torrents: Option<Torrents>,
    pub not_torrents: Option<Torrents>,
    pub queries: Vec<String>,
    pub roles: Small<DhtRole>,
    pub news: Small<super::Exposure>,
    pub states: Small<super::HostState>,
    pub behaviours: Small<Behaviour>,
    pub when: Option<When>,
    pub not_when: Option<When>,
}

/// A set of the words of a small enum, one bit each.
#[derive(Debug)]
pub(super) struct Small<T>(u32, std::marker::PhantomData<T>);

impl<T> Default for Small<T> {
    fn default() -> Self {
        Self(0, std::marker::PhantomData)
    }
}

impl<T> Clone for Small<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Small<T> {}

impl<T: Bit> Small<T> {
    /// Whether the set asks nothing or has the word.
    fn admits(self, word: T) -> bool {
        self.0 == 0 || self.0 & (1 << word.bit()) != 0
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl<T: Bit> FromIterator<T> for Small<T> {
    fn from_iter<I: IntoIterator<Item = T>>(words: I) -> Self {
        Self(words.into_iter().fold(0, |bits, word| bits | 1 << word.bit()), std::marker::PhantomData)
    }
}

/// An enum of fewer than 32 words.
pub(super) trait Bit: Copy {
    fn bit(self) -> u32;
}

macro_rules! bits {
    ($($name:ty),*) => { $(impl Bit for $name { fn bit(self) -> u32 { self as u32 } })* };
}
bits!(Grade, Encryption, Carrier, DhtRole, super::Exposure, super::HostState, Behaviour);

/// What carries a flow's data, as the output contract names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    Tcp,
    Utp,
    Udp,
}

impl Carrier {
    pub(super) const WORDS: [(&'static str, Self); 3] =
        [("tcp", Self::Tcp), ("utp", Self::Utp), ("udp", Self::Udp)];

    pub(super) fn of(transport: Transport, kinds: Kinds) -> Self {
        match transport {
            Transport::Tcp => Self::Tcp,
            Transport::Udp if kinds.contains(Kind::Utp) => Self::Utp,
            Transport::Udp => Self::Udp,
        }
    }
}

impl Match {
    /// Whether the rule looks at this news.
    pub(super) fn admits(&self, sample: &Sample<'_>) -> bool {
        self.admits_what(sample)
            && self.admits_place(sample)
            && (self.ports.is_empty() || sample.port.is_some_and(|p| within(&self.ports, p)))
            && (self.torrents.is_none() && self.not_torrents.is_none()
                || sample.torrents.iter().any(|t| self.admits_torrent(t)))
            && self.admits_time(sample.at)
    }

    /// Whether a torrent is one the rule looks at.
    pub(super) fn admits_torrent(&self, torrent: &InfoHash) -> bool {
        self.torrents.as_ref().is_none_or(|set| set.contains(torrent))
            && self.not_torrents.as_ref().is_none_or(|set| !set.contains(torrent))
    }

    fn admits_what(&self, sample: &Sample<'_>) -> bool {
        match sample.what {
            What::Flow(flow) => self.admits_flow(&flow, sample.transport),
            What::Torrent { complete, two_way, .. } => {
                asked(self.complete, complete) && asked(self.two_way, two_way)
            }
            What::Dht { sent, role, method, .. } => {
                self.behaviours.is_empty()
                    && asked(self.sent, sent)
                    && self.roles.admits(role)
                    && (self.queries.is_empty()
                        || method.is_some_and(|m| self.queries.iter().any(|q| q == m)))
            }
            What::Behaviour(behaviour) => !self.behaviours.is_empty() && self.behaviours.admits(behaviour),
            What::Exposure { news, .. } => self.news.admits(news),
            What::HostState(state) => !self.states.is_empty() && self.states.admits(state),
            What::Sensor(_) => true,
        }
    }

    fn admits_flow(&self, flow: &FlowNews<'_>, transport: Option<Transport>) -> bool {
        let carrier = transport.map(|t| Carrier::of(t, flow.kinds));
        self.states.is_empty()
            && self.complete.is_none()
            && flow.kinds.intersects(self.kinds)
            && self.grades.admits(flow.grade)
            && asked(self.two_way, flow.two_way)
            && asked(self.opened, flow.opened)
            && self.encryption.admits(flow.encryption)
            && carrier.is_none_or(|c| self.transports.admits(c))
            && self.admits_client(flow.client.map(|c| c.name.as_str()))
    }

    fn admits_client(&self, name: Option<&str>) -> bool {
        if self.clients.is_empty() && self.not_clients.is_empty() {
            return true;
        }
        let begins = |with: &[String]| {
            name.is_some_and(|n| {
                with.iter().any(|w| n.get(..w.len()).is_some_and(|start| start.eq_ignore_ascii_case(w)))
            })
        };
        (self.clients.is_empty() || begins(&self.clients)) && !begins(&self.not_clients)
    }

    fn admits_place(&self, sample: &Sample<'_>) -> bool {
        let remote = sample.remote.map(|Endpoint { address, .. }| address);
        let vlan = |list: &[u16]| sample.vlans.iter().any(|v| list.contains(v));
        self.hosts.as_ref().is_none_or(|set| sample.host.is_some_and(|h| set.contains(&h)))
            && !sample.host.is_some_and(|h| self.not_hosts.contains(&h))
            && self.remotes.as_ref().is_none_or(|set| remote.is_some_and(|r| set.contains(&r)))
            && !remote.is_some_and(|r| self.not_remotes.contains(&r))
            && (self.remote_ports.is_empty()
                || sample.remote.is_some_and(|r| within(&self.remote_ports, r.port)))
            && (self.vlans.is_empty() || vlan(&self.vlans))
            && !vlan(&self.not_vlans)
    }

    fn admits_time(&self, at: Timestamp) -> bool {
        self.when.as_ref().is_none_or(|w| w.holds(at)) && !self.not_when.as_ref().is_some_and(|w| w.holds(at))
    }
}

fn asked(wanted: Option<bool>, is: bool) -> bool {
    wanted.is_none_or(|w| w == is)
}

fn within(ranges: &[(u16, u16)], port: u16) -> bool {
    ranges.iter().any(|(low, high)| (*low..=*high).contains(&port))
}

/// The kinds that show that a host takes part in a family. Asking a router for a port or fetching a `.torrent` file does not.
pub(super) fn participation(family: crate::event::Family) -> Kinds {
    let counts = |kind: &Kind| kind.family() == family && !matches!(kind, Kind::PortMapping | Kind::Metainfo);
    <Kind as Word>::ALL.iter().copied().filter(counts).collect()
}
