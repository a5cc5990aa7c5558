//! The groups of one rule, and the life of an alert: quiet, pending, firing, and quiet again.

use super::alert::{AlertAction, Evidence};
use super::condition::Condition;
use super::observation::Sample;
use super::rule::Rule;
use super::window::{Window, step};
use crate::base::{Address, InfoHash, KeyedState, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;

/// One value by which alerts are kept apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Key {
    Host(Address),
    Remote(Address),
    Network(Arc<str>),
    Torrent(InfoHash),
    Port(u16),
    Vlan(u16),
    Client(Arc<str>),
    /// The news does not say.
    Unknown,
}

impl Key {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Host(address) | Self::Remote(address) => address.to_string(),
            Self::Network(text) | Self::Client(text) => text.to_string(),
            Self::Torrent(torrent) => torrent.to_string(),
            Self::Port(n) | Self::Vlan(n) => n.to_string(),
            Self::Unknown => "-".to_owned(),
        }
    }
}

/// Where an alert is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// The condition does not hold, or held too lately to be told again.
    Quiet,
    /// It holds, but not for long enough, or too many alerts of the rule are active.
    Pending { since: Timestamp },
    /// It holds. `told` is when the outputs last heard of it: never, while it is silenced.
    Firing { since: Timestamp, told: Option<Timestamp> },
}

/// News that belongs together.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub key: Box<[Key]>,
    pub window: Window,
    pub life: Life,
    /// When it was last heard of.
    pub seen: Timestamp,
    /// When it was heard of for the first time within the rule's memory.
    pub first: Timestamp,
    /// No new alert before this time.
    pub suppressed_until: Timestamp,
    pub evidence: Evidence,
    dirty: bool,
    /// It was counted as turned away by the cap, or as suppressed.
    counted: bool,
}

/// The groups of one rule.
#[derive(Debug, Default)]
pub(super) struct Groups {
    by_key: HashMap<Box<[Key]>, usize, KeyedState>,
    slots: Vec<Option<Group>>,
    free: Vec<usize>,
    /// Those with news since the last tick.
    dirty: Vec<usize>,
    /// Those that are not quiet, or wait to be told again.
    awake: Vec<usize>,
    firing: usize,
}

/// What an evaluation did not tell.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Held {
    pub evaluations: u64,
    pub pending: u64,
    pub capped: u64,
    pub suppressed: u64,
    pub silenced: u64,
}

impl Groups {
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(super) const fn firing(&self) -> usize {
        self.firing
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Group> {
        self.slots.iter().flatten()
    }

    /// Takes news in. `None` when there is no room for another group; otherwise whether the group's window was full.
    pub(super) fn add(
        &mut self,
        rule: &Rule,
        key: &[Key],
        sample: &Sample<'_>,
        torrent: Option<InfoHash>,
        now: Timestamp,
        room: bool,
    ) -> Option<bool> {
        let place = match self.by_key.get(key) {
            Some(place) => *place,
            None if room => self.insert(Group::new(rule, key.into(), Timestamp::MIN)),
            None => return None,
        };
        let group = self.slots.get_mut(place)?.as_mut()?;
        // News that had to wait for evidence is known only now.
        let at = sample.at.max(now);
        if let Condition::First { memory } = rule.condition
            && (group.seen == Timestamp::MIN || memory.is_some_and(|m| at.since(group.seen) > m))
        {
            group.first = at;
        }
        group.seen = group.seen.max(at);
        group.evidence.learn(sample, torrent);
        let full = group.window.add(&rule.condition, sample, step(rule.over), torrent);
        if !std::mem::replace(&mut group.dirty, true) {
            self.dirty.push(place);
        }
        Some(full)
    }

    /// Puts a group in, for news or from saved state.
    pub(super) fn insert(&mut self, group: Group) -> usize {
        let awake = group.life != Life::Quiet;
        self.firing += usize::from(matches!(group.life, Life::Firing { .. }));
        let key = group.key.clone();
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                self.slots.push(None);
                self.slots.len() - 1
            }
        };
        if let Some(slot) = self.slots.get_mut(place) {
            *slot = Some(group);
        }
        if awake {
            self.awake.push(place);
        }
        self.by_key.insert(key, place);
        place
    }

    /// Evaluates what changed or is not quiet; `tell` hears of each change and says whether the outputs may.
    pub(super) fn evaluate(
        &mut self,
        rule: &Rule,
        now: Timestamp,
        mut tell: impl FnMut(AlertAction, &Group, Timestamp, f64) -> bool,
    ) -> Held {
        let mut held = Held::default();
        let mut places = std::mem::take(&mut self.dirty);
        for place in std::mem::take(&mut self.awake) {
            let dirty = self.slots.get(place).and_then(Option::as_ref).is_some_and(|g| g.dirty);
            if !dirty {
                places.push(place);
            }
        }
        for place in places {
            let Some(Some(group)) = self.slots.get_mut(place) else { continue };
            group.dirty = false;
            held.evaluations += 1;
            if group.step(rule, now, &mut self.firing, &mut held, &mut tell) {
                self.awake.push(place);
            }
        }
        held
    }

    /// Forgets groups of which nothing is left.
    pub(super) fn sweep(&mut self, rule: &Rule, now: Timestamp) {
        for (place, slot) in self.slots.iter_mut().enumerate() {
            let Some(group) = slot else { continue };
            if group.dirty || group.life != Life::Quiet || group.suppressed_until > now {
                continue;
            }
            group.window.value(&rule.condition, rule.over, now, group.seen);
            let remembered = match rule.condition {
                Condition::First { memory } => memory.is_none_or(|m| now.since(group.seen) <= m),
                _ => now.since(group.seen) < rule.over,
            };
            if !remembered && group.window.is_empty() {
                self.by_key.remove(&group.key);
                *slot = None;
                self.free.push(place);
            }
        }
    }
}

impl Group {
    pub(super) fn new(rule: &Rule, key: Box<[Key]>, seen: Timestamp) -> Self {
        Self {
            key,
            window: Window::of(&rule.condition),
            life: Life::Quiet,
            seen,
            first: Timestamp::MIN,
            suppressed_until: Timestamp::MIN,
            evidence: Evidence::default(),
            dirty: false,
            counted: false,
        }
    }

    /// The condition's value now, and whether it makes an alert.
    fn value(&mut self, rule: &Rule, now: Timestamp) -> (f64, bool) {
        let heard = if matches!(rule.condition, Condition::First { .. }) { self.first } else { self.seen };
        let value = self.window.value(&rule.condition, rule.over, now, heard);
        let holds = rule.condition.limit().map_or(value > 0.0, |limit| limit.passed_by(value));
        (value, holds)
    }

    /// One step of the life; tells whether the group has to be looked at again without news.
    fn step(
        &mut self,
        rule: &Rule,
        now: Timestamp,
        firing: &mut usize,
        held: &mut Held,
        tell: &mut impl FnMut(AlertAction, &Self, Timestamp, f64) -> bool,
    ) -> bool {
        let (value, holds) = self.value(rule, now);
        match self.life {
            Life::Quiet | Life::Pending { .. } if !holds => {
                self.life = Life::Quiet;
                self.counted = false;
                false
            }
            Life::Quiet | Life::Pending { .. } => {
                if self.suppressed_until > now {
                    held.suppressed += u64::from(!std::mem::replace(&mut self.counted, true));
                    return true;
                }
                let since = match self.life {
                    Life::Pending { since } => since,
                    _ => {
                        held.pending += 1;
                        now
                    }
                };
                self.life = Life::Pending { since };
                if now.since(since) < rule.hold {
                    return true;
                }
                if *firing >= rule.max_active {
                    held.capped += u64::from(!std::mem::replace(&mut self.counted, true));
                    return true;
                }
                *firing += 1;
                self.counted = false;
                self.suppressed_until = now + rule.suppress;
                let told = tell(AlertAction::Opened, self, since, value).then_some(now);
                held.silenced += u64::from(told.is_none());
                self.life = Life::Firing { since, told };
                true
            }
            Life::Firing { since, told } if holds => {
                let again = match (told, rule.repeat) {
                    // Its silence may be over.
                    (None, _) => Some(AlertAction::Opened),
                    (Some(last), Some(repeat)) if now.since(last) >= repeat => Some(AlertAction::Repeated),
                    _ => None,
                };
                if let Some(action) = again
                    && tell(action, self, since, value)
                {
                    self.life = Life::Firing { since, told: Some(now) };
                }
                true
            }
            Life::Firing { since, told } => {
                *firing = firing.saturating_sub(1);
                self.life = Life::Quiet;
                if told.is_some() {
                    tell(AlertAction::Resolved, self, since, value);
                }
                false
            }
        }
    }
}
