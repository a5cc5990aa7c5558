//! Whether a home host still takes part in peer-to-peer traffic: active, quiet, cleared, or why that cannot be told.
//!
//! A passive sensor proves presence; it proves absence only under conditions. All of them are here, in one pure function:
//! [`verdict`] looks at what was seen of the host and of the sensor, and at the time, and at nothing else. Only what the
//! host itself sends counts: strangers knock for days after a client was stopped, and their knocking keeps nothing active.
//! The worst that this product can do is to give a false all-clear, so whatever is missing makes it say less.

use super::health::{Health, Seen};
use super::life::{Activity, Carried, Life, Marks, slot_of};
use super::report::{HostBytes, Interval, PortReport};
use super::standing::{HostState, Missing, Standing};
use super::window::Window;
use crate::base::Timestamp;
use crate::event::Answer;
use std::time::Duration;

/// How long a host must be quiet to be called cleared, unless told otherwise.
pub const QUIET_FOR: Duration = Duration::from_secs(24 * 3_600);
/// A host that sent peer-to-peer packets within this time is active: clients keep connections alive every two minutes
/// (BEP 3) and look after their routing tables every few.
const ACTIVE_WITHIN: Duration = Duration::from_secs(300);
/// A host must be quiet this many times as long as it ever was before.
const LONGER_THAN_BEFORE: u32 = 3;
/// Packets lost, in ten-thousandths, from which on absence proves nothing: 0.1 %.
const LOSS: u64 = 10;
/// The same of the worst slot, in thousandths: 1 %.
const SLOT_LOSS: u64 = 10;
/// Frames cut, in ten-thousandths: 1 %.
const CUT: u64 = 100;
/// The sensor must have watched all but one part in so many: 99 %.
const COVERED: u32 = 100;
/// Bytes below which a tunnel cannot be told from chance.
const TUNNEL_LEAST: u64 = 1 << 20;

/// What a verdict rests on.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// How long a host must be quiet.
    pub quiet_for: Duration,
    /// When the host sent peer-to-peer traffic of grade strong or better.
    pub activity: &'a Activity,
    /// When it sent traffic that is merely suspected.
    pub suspected: Option<Window>,
    /// Its peer-to-peer bytes.
    pub moved: HostBytes,
    /// Its other traffic.
    pub life: &'a Life,
    /// That of all home hosts together.
    pub network: &'a Life,
    /// Its peer-to-peer ports, as strangers found them.
    pub ports: &'a [PortReport],
    /// The sensor.
    pub health: &'a Health,
    /// Length of the slots of `life`.
    pub slot: Duration,
}

/// The state of a host at `now`.
#[must_use]
pub fn verdict(evidence: &Evidence<'_>, now: Timestamp) -> Standing {
    let stretches = evidence.activity.stretches();
    let mut standing = judge(evidence, stretches, now);
    if standing.state == HostState::Active
        && let Some(cleared) = cleared_before(evidence, stretches)
    {
        standing.state = HostState::Recurred;
        standing.evidence.insert(0, format!("it sends again since {}: it had been cleared", cleared.first));
    }
    standing
}

/// The stretch of activity that ended a time in which the host was cleared, if the latest did.
fn cleared_before(evidence: &Evidence<'_>, stretches: &[Window]) -> Option<Window> {
    let returned = |pair: &[Window]| {
        let [before, after] = pair else { return false };
        after.first.since(before.last) >= evidence.quiet_for
    };
    let at = stretches.windows(2).rposition(returned)?;
    let (until, after) = stretches.split_at_checked(at + 1)?;
    let after = *after.first()?;
    (judge(evidence, until, after.first).state == HostState::Cleared).then_some(after)
}

/// The state at `now` of a host that was active in these stretches.
fn judge(evidence: &Evidence<'_>, stretches: &[Window], now: Timestamp) -> Standing {
    let last = stretches.last().map(|w| w.last);
    let Some(quiet) = last.map(|last| now.since(last)) else { return never_active(evidence, now) };
    let mut standing = Standing { last, ..Standing::default() };
    let sent =
        last.map_or_else(String::new, |last| format!("its last peer-to-peer packet was sent at {last}"));
    if quiet <= ACTIVE_WITHIN.min(evidence.quiet_for / 4) {
        standing.evidence.push(sent);
        return standing;
    }
    let needed = needed(evidence.quiet_for, stretches);
    let from = last.map_or(now, |last| last.max(now - needed));
    let mut weighed = weigh(evidence, from, now);
    if quiet < needed {
        weighed.missing.insert(0, Missing::TooShort);
    }
    if let Some(tunnel) = tunnel(evidence, from, now) {
        weighed.missing.push(Missing::Tunnel);
        weighed.say(tunnel);
    }
    weighed.missing.sort_unstable();
    let lacks = |wanted| weighed.missing.contains(&wanted);
    standing.state = if lacks(Missing::TooShort) {
        HostState::Quiet
    } else if lacks(Missing::Tunnel) {
        HostState::Changed
    } else {
        state_of_quiet(&weighed.missing)
    };
    let heading = match standing.state {
        HostState::Quiet if lacks(Missing::TooShort) => {
            format!("it has sent no peer-to-peer packet for {} of {}", span(quiet), span(needed))
        }
        _ => heading(standing.state, needed, &weighed),
    };
    standing.missing = weighed.missing;
    standing.evidence = [heading, sent].into_iter().chain(weighed.sentences).collect();
    standing
}

/// The state of a host that was never seen to be active: it is cleared by the same conditions, from the start of the
/// sensor on.
fn never_active(evidence: &Evidence<'_>, now: Timestamp) -> Standing {
    let health = evidence.health;
    let watched = now.since(health.started);
    let needed = evidence.quiet_for;
    let mut weighed = weigh(evidence, health.started.max(now - needed), now);
    if watched < needed {
        weighed.missing.push(Missing::NotWatched);
    }
    weighed.missing.sort_unstable();
    weighed.missing.dedup();
    let state = state_of_quiet(&weighed.missing);
    let mut heading = heading(state, needed, &weighed);
    if watched < needed {
        heading = format!("the sensor has watched for {} of {}", span(watched), span(needed));
    }
    let sent = "it was never seen to send a peer-to-peer packet".to_owned();
    let evidence = [heading, sent].into_iter().chain(weighed.sentences).collect();
    Standing { state, last: None, missing: weighed.missing, evidence }
}

/// The state of a host that is quiet for long enough.
fn state_of_quiet(missing: &[Missing]) -> HostState {
    if missing.iter().any(|m| m.blinds()) {
        HostState::CannotTell
    } else if missing.contains(&Missing::NotSeen) {
        HostState::NotSeen
    } else if missing.contains(&Missing::PortAccepts) {
        HostState::Quiet
    } else {
        HostState::Cleared
    }
}

fn heading(state: HostState, needed: Duration, weighed: &Weighed) -> String {
    match state {
        HostState::Cleared => format!("no peer-to-peer packet of its own in {}", span(needed)),
        HostState::NotSeen => format!("the host itself was not seen in {}", span(needed)),
        _ => weighed.faults.first().cloned().unwrap_or_default(),
    }
}

/// How long it must be quiet: as long as was asked for, and longer than it ever was before it went on.
fn needed(quiet_for: Duration, stretches: &[Window]) -> Duration {
    let silence = |pair: &[Window]| match pair {
        [before, after] => after.first.since(before.last),
        _ => Duration::ZERO,
    };
    let longest = stretches.windows(2).map(silence).max().unwrap_or_default();
    quiet_for.max(longest.saturating_mul(LONGER_THAN_BEFORE))
}

/// The conditions that do not hold, and what there is to say of all.
#[derive(Default)]
struct Weighed {
    missing: Vec<Missing>,
    /// A sentence for each condition that does not hold.
    faults: Vec<String>,
    sentences: Vec<String>,
}

impl Weighed {
    fn lacks(&mut self, missing: Missing, sentence: String) {
        self.missing.push(missing);
        self.faults.push(sentence.clone());
        self.sentences.push(sentence);
    }

    fn say(&mut self, sentence: String) {
        self.faults.push(sentence.clone());
        self.sentences.push(sentence);
    }
}

/// Holds what was seen from one time to another against the conditions.
fn weigh(evidence: &Evidence<'_>, from: Timestamp, now: Timestamp) -> Weighed {
    let mut weighed = Weighed::default();
    // Judging the past, what came later is no part of it.
    let past = now < evidence.health.now;
    let seen = evidence.health.between(from, now);
    weigh_sensor(evidence.health, &seen, now.since(from), &mut weighed);
    weigh_ports(evidence.ports, from, if past { now } else { Timestamp::MAX }, &mut weighed);
    if let Some(suspected) = evidence.suspected.filter(|w| w.last > from && (w.last <= now || !past)) {
        let text = format!("traffic that may be encrypted peer-to-peer was sent until {}", suspected.last);
        weighed.lacks(Missing::Suspected, text);
    }
    weigh_life(evidence, from, now, &mut weighed);
    weighed
}

fn weigh_sensor(health: &Health, seen: &Seen, window: Duration, weighed: &mut Weighed) {
    let sum = seen.sum;
    if !seen.watched {
        weighed.lacks(Missing::NotWatched, format!("the sensor has watched since {} only", health.started));
    }
    if seen.longest > Duration::ZERO && seen.blind > window / COVERED
        || seen.longest >= Duration::from_secs(300)
    {
        let text =
            format!("the sensor was blind for {}, {} at a stretch", span(seen.blind), span(seen.longest));
        weighed.lacks(Missing::Gap, text);
    }
    if seen.loss() >= LOSS || seen.worst_loss >= SLOT_LOSS {
        weighed.lacks(Missing::Loss, format!("{} of {} packets were lost", sum.lost, sum.packets + sum.lost));
    }
    let faults = [
        (Missing::TableFull, sum.evicted, "flows or hosts were pushed out of full tables"),
        (Missing::Panic, sum.panics, "flows were lost to an error of the program"),
        (Missing::Damaged, sum.damage, "places of the input could not be read"),
    ];
    for (missing, n, text) in faults {
        if n > 0 {
            weighed.lacks(missing, format!("{n} {text}"));
        }
    }
    if sum.cut.saturating_mul(10_000) > sum.packets.saturating_mul(CUT) {
        weighed.lacks(
            Missing::Cut,
            format!("{} of {} frames were cut by the snap length", sum.cut, sum.packets),
        );
    }
    if health.filtered {
        weighed.lacks(Missing::Filtered, "a filter hid packets".to_owned());
    }
    if weighed.missing.is_empty() {
        weighed.sentences.push(format!("the sensor saw {} packets and lost {}", sum.packets, sum.lost));
    }
}

/// What strangers found on its ports since: a port that refuses is proof without a login on the host.
fn weigh_ports(ports: &[PortReport], from: Timestamp, until: Timestamp, weighed: &mut Weighed) {
    let mut tested = false;
    for port in ports {
        // Judging the past, what came later is no part of it, though it may be one interval with what came before.
        let seen = |i: &Interval| if i.last > until { i.first } else { i.last };
        let inside = |i: &&Interval| seen(i) > from && seen(i) <= until;
        let latest = port.intervals.iter().rev().find(inside);
        let Some(latest) = latest else { continue };
        tested = true;
        let name = format!("{}/{}", port.transport.name(), port.port);
        let (first, last, n) = (latest.first.max(from), latest.last.min(until), latest.attempts);
        match latest.answer {
            Answer::Accepted => {
                let text = format!("its port {name} still accepted a connection at {last}");
                weighed.lacks(Missing::PortAccepts, text);
            }
            Answer::Refused => weighed
                .sentences
                .push(format!("positive proof: its port {name} refuses since {first}, last at {last}")),
            Answer::Silence | Answer::Filtered => {
                weighed.sentences.push(format!("its port {name} answered none of {n} attempts since {first}"))
            }
        }
    }
    if !tested && !ports.is_empty() {
        weighed.sentences.push("nobody tried its ports since: not tested".to_owned());
    }
}

/// Whether the host was alive, and seen in both directions.
fn weigh_life(evidence: &Evidence<'_>, from: Timestamp, now: Timestamp, weighed: &mut Weighed) {
    let (first, last) = (slot_of(from, evidence.slot), slot_of(now, evidence.slot));
    // The slot in which it stopped holds what it did before.
    let marks = |life: &Life| {
        let since = if last > first { first + 1 } else { first };
        let marks: Vec<Marks> = life.slots.range(since..=last).map(|(_, m)| *m).collect();
        marks
    };
    let own = marks(evidence.life);
    let network = marks(evidence.network);
    let alive = own.iter().filter(|m| m.own).count() as u64;
    let two_way = |marks: &[Marks]| marks.iter().any(|m| m.two_way > 0);
    let halves = |marks: &[Marks]| marks.iter().filter(|m| m.is_one_way()).count();
    let half_blind = halves(&own) > 0 || halves(&network) > 0;
    if half_blind
        || (alive > 0 && !two_way(&own))
        || (alive == 0 && !network.is_empty() && !two_way(&network))
    {
        weighed.lacks(Missing::OneWay, "traffic was seen in one direction only".to_owned());
    }
    let slots = u64::try_from(last - first).unwrap_or(0).max(1);
    let before = evidence.life.slots.range(..=first).filter(|(_, m)| m.own).count() as u64;
    let known = evidence.life.slots.range(..=first).next().map_or(0, |(at, _)| first - at + 1);
    let usual = if known > 0 {
        before.saturating_mul(slots) / u64::try_from(known).unwrap_or(1).max(1)
    } else {
        slots
    };
    let slot = span(evidence.slot);
    if alive == 0 {
        let seen = evidence.life.own.map_or("never".to_owned(), |own| format!("last at {}", own.last));
        weighed.lacks(Missing::NotSeen, format!("the host sent nothing else either; it was seen {seen}"));
    } else if alive.saturating_mul(2) < usual {
        let text = format!(
            "the host was seen in {alive} of {slots} stretches of {slot}, before in {before} of {known}"
        );
        weighed.lacks(Missing::RarelySeen, text);
    } else {
        let text = format!("the host sent other traffic in {alive} of {slots} stretches of {slot}");
        weighed.sentences.push(text);
    }
}

/// One remote that took over what was peer-to-peer: most of what the host moves, in a volume like that of before, in both
/// directions, and more than it moved before.
fn tunnel(evidence: &Evidence<'_>, from: Timestamp, now: Timestamp) -> Option<String> {
    let stretches = evidence.activity.stretches();
    let earlier = Window::between(stretches.first()?.first, from);
    let mut remotes: Vec<_> = evidence.life.carried().map(|c| c.remote).collect();
    remotes.sort_unstable();
    remotes.dedup();
    let moved = |remote: Option<_>, during: Window| {
        let flows = evidence.life.carried().filter(|c| remote.is_none_or(|r| r == c.remote));
        flows.fold(HostBytes::default(), |sum, c| {
            let part = |bytes| portion(bytes, c.window, during);
            HostBytes {
                received: sum.received.saturating_add(part(c.bytes.received)),
                sent: sum.sent.saturating_add(part(c.bytes.sent)),
            }
        })
    };
    let total = |b: HostBytes| b.received.saturating_add(b.sent);
    let since = Window::between(from, now);
    let all = total(moved(None, since));
    remotes.into_iter().find_map(|remote| {
        let after = moved(Some(remote), since);
        let before = moved(Some(remote), earlier);
        let same_span = |bytes| scale(bytes, now.since(from), earlier.last.since(earlier.first));
        let new = HostBytes {
            received: after.received.saturating_sub(same_span(before.received)),
            sent: after.sent.saturating_sub(same_span(before.sent)),
        };
        let was = evidence.moved;
        let scaled = HostBytes { received: same_span(was.received), sent: same_span(was.sent) };
        let like = |was: HostBytes| {
            new.received >= was.received / 4 && new.sent >= was.sent / 4 && total(new) / 10 <= total(was)
        };
        // A tunnel that shows its name need not be most of what the host moves.
        let carries = |c: &Carried| c.remote == remote && c.window.last > from;
        let named = evidence.life.carried().filter(|c| carries(c)).find_map(|c| c.tunnel);
        let big = total(new) >= TUNNEL_LEAST
            && total(was) >= TUNNEL_LEAST
            && (named.is_some() || total(after) >= all / 2);
        (big && (like(was) || like(scaled))).then(|| {
            let volume = total(after) >> 20;
            if let Some(named) = named {
                let protocol = named.label();
                return format!("peer-to-peer traffic is no longer visible, but {volume} MiB went by {protocol} between it and {remote} since: an opaque tunnel");
            }
            format!("peer-to-peer traffic is no longer visible, but {volume} MiB went between it and {remote} since: perhaps a tunnel")
        })
    })
}

/// The part of a flow's bytes that fell into a stretch of time, as if it had moved them evenly.
fn portion(bytes: u64, flow: Window, during: Window) -> u64 {
    if flow.first >= during.first && flow.last <= during.last {
        return bytes;
    }
    let overlap = flow.last.min(during.last).since(flow.first.max(during.first));
    scale(bytes, overlap, flow.last.since(flow.first))
}

fn scale(bytes: u64, part: Duration, of: Duration) -> u64 {
    let scaled = u128::from(bytes).saturating_mul(part.as_nanos()).checked_div(of.as_nanos()).unwrap_or(0);
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

/// A span of time in words: two units at most.
fn span(time: Duration) -> String {
    let secs = time.as_secs();
    match (secs / 3_600, secs / 60 % 60, secs % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, 0) => format!("{m} min"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, 0, _) => format!("{h} h"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
