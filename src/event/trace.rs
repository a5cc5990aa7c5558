//! What `explain` needs beyond a label: when and in which packet each reason was first seen.

use super::{Channel, Reason, Reasons};
use crate::base::{Address, Endpoint, Timestamp};

/// What an explanation was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The flows between two endpoints, in either direction.
    Flow(Endpoint, Endpoint),
    /// All flows of a host.
    Host(Address),
}

impl Subject {
    /// Whether a flow between these ends is meant.
    #[must_use]
    pub fn is(&self, ends: [Endpoint; 2]) -> bool {
        match self {
            Self::Flow(a, b) => ends == [*a, *b] || ends == [*b, *a],
            Self::Host(host) => ends.iter().any(|e| e.address == *host),
        }
    }

    /// Whether a flow between these ends shares a host with what is meant.
    #[must_use]
    pub fn is_near(&self, ends: [Endpoint; 2]) -> bool {
        match self {
            Self::Flow(a, b) => ends.iter().any(|e| e.address == a.address || e.address == b.address),
            Self::Host(_) => self.is(ends),
        }
    }
}

/// The first sight of a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Which reason.
    pub reason: Reason,
    /// Packet time.
    pub at: Timestamp,
    /// The running number of the packet, from 1; `None` where it is not known: what shows at the end of a flow.
    pub number: Option<u64>,
    /// Who said so, and by which way, where it was told.
    pub told_by: Option<(Address, Channel)>,
}

/// The first sights of a flow's reasons, each reason once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    sightings: Vec<Sighting>,
    /// What was weighed when the bytes proved nothing, whatever came of it.
    pub weighed: Reasons,
    /// The points it came to.
    pub points: u32,
}

impl Trace {
    /// Takes note of a reason, unless it was noted before.
    pub fn note(&mut self, reason: Reason, at: Timestamp, number: Option<u64>) {
        self.note_told(reason, at, number, None);
    }

    /// The same for what somebody told.
    pub fn note_told(
        &mut self,
        reason: Reason,
        at: Timestamp,
        number: Option<u64>,
        told_by: Option<(Address, Channel)>,
    ) {
        if self.get(reason).is_none() {
            self.sightings.push(Sighting { reason, at, number, told_by });
        }
    }

    /// Those who told something, for outputs that keep addresses back.
    pub fn told_by_mut(&mut self) -> impl Iterator<Item = &mut Address> {
        self.sightings.iter_mut().filter_map(|s| s.told_by.as_mut().map(|(who, _)| who))
    }

    /// When a reason was first seen.
    #[must_use]
    pub fn get(&self, reason: Reason) -> Option<&Sighting> {
        self.sightings.iter().find(|s| s.reason == reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sight_counts() {
        let mut trace = Trace::default();
        trace.note(Reason::Krpc, Timestamp(1), Some(7));
        trace.note(Reason::Krpc, Timestamp(2), Some(8));
        assert_eq!(trace.get(Reason::Krpc).map(|s| s.number), Some(Some(7)));
    }

    #[test]
    fn a_flow_is_meant_in_both_directions() {
        let ends: [Endpoint; 2] = ["10.0.0.1:1".parse().unwrap(), "[2001:db8::1]:2".parse().unwrap()];
        let subject = Subject::Flow(ends[1], ends[0]);
        assert!(subject.is(ends));
        let other = [ends[0], "192.0.2.1:2".parse().unwrap()];
        assert!(!subject.is(other) && subject.is_near(other));
    }
}
