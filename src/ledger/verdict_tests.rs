//! Every blinding fault in every scenario that would be cleared: none of them may be.

use super::*;
use crate::base::{Endpoint, Transport};
use crate::event::Opens;
use crate::ledger::health::Sample;
use crate::ledger::life::{PlainFlow, slot_length};
use crate::ledger::report::{Interval, PortState};
use crate::ledger::{HostState, Missing, Standing};

const HOUR: i64 = 3_600;
const DAY: Duration = Duration::from_secs(86_400);
/// The host stops here; the sensor started two hours before.
const STOP: i64 = 2 * HOUR;
const END: i64 = STOP + 26 * HOUR;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn window(first: i64, last: i64) -> Window {
    Window::between(at(first), at(last))
}

/// All that a verdict rests on, with a sensor that ticks every minute.
struct World {
    activity: Activity,
    suspected: Option<Window>,
    moved: HostBytes,
    life: Life,
    ports: Vec<PortReport>,
    /// Hours in which the host sends ordinary traffic, both directions seen.
    alive: Vec<i64>,
    /// Hours in which another home host is seen so.
    others: Vec<i64>,
    /// Hours in which only one direction is seen.
    half: Vec<i64>,
    /// Changes what the sensor counts at a minute.
    sensor: fn(i64, &mut Sample),
    /// Minutes without tick, and the first tick.
    silent: std::ops::Range<i64>,
    start: i64,
    filtered: bool,
}

impl World {
    fn judged(&self, now: i64) -> Standing {
        let slot = slot_length(DAY);
        // What workers collect reaches a host when it is added to it.
        let known = |collected: &Life| {
            let mut life = Life::default();
            life.add(collected, true);
            life
        };
        let mut life = self.life.clone();
        for &hour in &self.alive {
            life.flow(&flow(hour, [3, 3]), 0, slot);
        }
        for &hour in &self.half {
            (0..3).for_each(|_| life.flow(&flow(hour, [3, 0]), 0, slot));
        }
        let mut network = life.clone();
        self.others.iter().for_each(|&hour| network.flow(&flow(hour, [3, 3]), 0, slot));
        let mut health = Health::new(slot, DAY);
        health.filtered = self.filtered;
        let mut sample = Sample::default();
        for minute in self.start / 60..=now / 60 {
            sample.packets += 600;
            (self.sensor)(minute, &mut sample);
            if !self.silent.contains(&minute) {
                health.note(at(minute * 60), at(self.start), sample);
            }
        }
        let evidence = Evidence {
            quiet_for: DAY,
            activity: &self.activity,
            cleared: None,
            suspected: self.suspected,
            moved: self.moved,
            life: &known(&life),
            network: &known(&network),
            ports: &self.ports,
            health: &health,
            slot,
        };
        verdict(&evidence, at(now))
    }

    fn state(&self, now: i64) -> HostState {
        self.judged(now).state
    }

    /// Nothing of the host is seen from this hour on, but what `half` says.
    fn alive_until(&mut self, hour: i64) {
        self.alive.retain(|h| *h < hour);
    }
}

fn flow(hour: i64, packets: [u32; 2]) -> PlainFlow {
    let ends = ["10.0.0.5:40000", "203.0.113.7:443"].map(|end| end.parse::<Endpoint>().unwrap());
    let time = at(hour * HOUR + 60);
    let bytes = packets.map(|n| u64::from(n) * 100);
    PlainFlow {
        ends,
        transport: Transport::Tcp,
        packets,
        bytes,
        payload: bytes,
        opens: None,
        first: time,
        last: time,
    }
}

/// A host that was active for an hour and stopped.
fn stopped() -> World {
    let mut activity = Activity::default();
    activity.add(window(STOP - HOUR, STOP), Duration::from_secs(3_600));
    World {
        activity,
        suspected: None,
        moved: HostBytes { received: 1 << 30, sent: 1 << 28 },
        life: Life::default(),
        ports: Vec::new(),
        alive: (0..=END / HOUR).collect(),
        others: Vec::new(),
        half: Vec::new(),
        sensor: |_, _| (),
        silent: 0..0,
        start: 0,
        filtered: false,
    }
}

fn port(answer: Answer, time: i64) -> PortReport {
    let interval = Interval { answer, first: at(time), last: at(time), attempts: 3 };
    PortReport {
        host: "10.0.0.5".parse().unwrap(),
        transport: Transport::Udp,
        port: 13_773,
        state: PortState::Closed,
        open_for: Duration::ZERO,
        sources: 1,
        attempts: 3,
        p2p: true,
        mapped: false,
        forwarded: true,
        scanners: 0,
        callers: 0,
        visits: Vec::new(),
        intervals: vec![interval],
    }
}

/// Scenarios that are cleared as long as the sensor sees well.
fn scenarios() -> Vec<(&'static str, World)> {
    let refused = World { ports: vec![port(Answer::Refused, STOP + 5 * HOUR)], ..stopped() };
    let never = World { activity: Activity::default(), moved: HostBytes::default(), ..stopped() };
    let office = World { alive: (0..=END / HOUR).filter(|h| h % 3 < 2).collect(), ..stopped() };
    let mut twice = stopped();
    twice.activity.add(window(STOP - 7_000, STOP - 6_900), Duration::from_secs(60));
    let guessed = World { suspected: Some(window(STOP - HOUR, STOP - 60)), ..stopped() };
    vec![
        ("stopped", stopped()),
        ("its port refuses", refused),
        ("never active", never),
        ("on two hours of three", office),
        ("with an earlier pause", twice),
        ("suspected as well, before", guessed),
    ]
}

/// A way to blind the sensor, what it does, and what the verdict must lack.
type Fault = (&'static str, Missing, fn(&mut World));

const FAULTS: [Fault; 16] = [
    ("kernel drops in a burst", Missing::Loss, |w| w.sensor = |m, s| s.lost += u64::from(m == 900) * 700),
    ("drops all the time", Missing::Loss, |w| w.sensor = |_, s| s.lost += 1),
    ("an hour of the capture is missing", Missing::Gap, |w| w.silent = 900..960),
    ("six minutes are missing", Missing::Gap, |w| w.silent = 900..906),
    ("the interface is down for ten minutes", Missing::Gap, |w| {
        w.sensor = |m, s| s.down += Duration::from_secs(if (900..910).contains(&m) { 60 } else { 0 });
    }),
    ("the interface flaps", Missing::Gap, |w| w.sensor = |_, s| s.down += Duration::from_secs(1)),
    ("the flow table is full", Missing::TableFull, |w| w.sensor = |m, s| s.evicted += u64::from(m == 500)),
    ("a panic", Missing::Panic, |w| w.sensor = |m, s| s.panics += u64::from(m == 1_200)),
    ("a snap length of headers", Missing::Cut, |w| w.sensor = |_, s| s.cut += 300),
    ("a damaged file", Missing::Damaged, |w| w.sensor = |m, s| s.damage += u64::from(m == 700)),
    ("a filter", Missing::Filtered, |w| w.filtered = true),
    ("a restart", Missing::NotWatched, |w| w.start = STOP + 12 * HOUR),
    ("one direction from the start", Missing::OneWay, |w| {
        w.alive.clear();
        w.half = (0..=END / HOUR).collect();
    }),
    ("one direction from the middle on", Missing::OneWay, |w| {
        w.alive_until(14);
        w.half = (14..=END / HOUR).collect();
    }),
    ("one direction for an hour", Missing::OneWay, |w| w.half = vec![15]),
    ("suspected traffic after", Missing::Suspected, |w| w.suspected = Some(window(STOP, STOP + 9 * HOUR))),
];

#[test]
fn no_fault_in_any_scenario_leaves_an_all_clear() {
    let mut tried = 0;
    for (scenario, world) in scenarios() {
        let standing = world.judged(END);
        assert_eq!(standing.state, HostState::Cleared, "{scenario}: {standing:?}");
        assert!(standing.missing.is_empty(), "{scenario}: {standing:?}");
    }
    for n in 0..scenarios().len() {
        for (fault, lacks, inflict) in FAULTS {
            let (scenario, mut world) = scenarios().swap_remove(n);
            inflict(&mut world);
            let standing = world.judged(END);
            assert_eq!(standing.state, HostState::CannotTell, "{scenario}, {fault}: {standing:?}");
            assert!(standing.missing.contains(&lacks), "{scenario}, {fault}: {standing:?}");
            assert!(standing.reason().is_some_and(|r| !r.is_empty()), "{scenario}, {fault}");
            tried += 1;
        }
    }
    assert_eq!(tried, 96);
}

#[test]
fn two_faults_together_are_no_better_than_one() {
    for (scenario, _) in scenarios() {
        for (one, _, first) in FAULTS {
            for (other, _, second) in FAULTS {
                let mut world = scenarios().into_iter().find(|s| s.0 == scenario).unwrap().1;
                first(&mut world);
                second(&mut world);
                assert_ne!(world.state(END), HostState::Cleared, "{scenario}, {one}, {other}");
            }
        }
    }
}

#[test]
fn a_fault_that_is_over_for_long_enough_is_forgotten() {
    let world =
        World { sensor: |m, s| s.lost += u64::from(m == 300) * 700, alive: (0..=60).collect(), ..stopped() };
    assert_eq!(world.state(END), HostState::CannotTell);
    assert_eq!(world.state(300 * 60 + 26 * HOUR), HostState::Cleared);
}

#[test]
fn a_host_is_active_then_quiet_then_cleared_and_recurs() {
    let mut world = World { alive: (0..=70).collect(), ..stopped() };
    let states =
        [STOP, STOP + 299, STOP + 301, STOP + 24 * HOUR - 1, STOP + 24 * HOUR].map(|t| world.state(t));
    use HostState::{Active, Cleared, Quiet, Recurred};
    assert_eq!(states, [Active, Active, Quiet, Quiet, Cleared]);
    assert!(world.judged(STOP + 301).missing.contains(&Missing::TooShort));
    world.activity.add(window(STOP + 30 * HOUR, STOP + 31 * HOUR), Duration::from_secs(60));
    assert_eq!(world.state(STOP + 31 * HOUR), Recurred);
    // The longest silence was 30 hours: now it takes 90.
    assert_eq!(world.state(STOP + 60 * HOUR), Quiet);
}

#[test]
fn who_was_not_cleared_does_not_recur() {
    let mut world = World { alive: Vec::new(), ..stopped() };
    world.activity.add(window(STOP + 30 * HOUR, STOP + 31 * HOUR), Duration::from_secs(60));
    assert_eq!(world.state(STOP + 31 * HOUR), HostState::Active);
}

#[test]
fn a_host_that_is_off_is_not_seen_and_one_that_is_seldom_on_cannot_be_told() {
    let mut off = stopped();
    off.alive_until(2);
    off.others = (0..=END / HOUR).collect();
    assert_eq!(off.state(END), HostState::NotSeen);
    let mut rare = stopped();
    rare.alive.retain(|h| *h < 8);
    let standing = rare.judged(END);
    assert_eq!((standing.state, standing.missing), (HostState::CannotTell, vec![Missing::RarelySeen]));
}

#[test]
fn silences_of_before_make_it_wait_longer() {
    let mut world = World { start: -40 * HOUR, alive: (-40..=END / HOUR).collect(), ..stopped() };
    world.activity.add(window(-10 * HOUR, -9 * HOUR), Duration::from_secs(60));
    assert_eq!(world.state(END), HostState::Quiet);
}

#[test]
fn a_port_that_still_accepts_is_no_all_clear_and_one_that_refuses_is_proof() {
    let open = World { ports: vec![port(Answer::Accepted, STOP + HOUR * 5)], ..stopped() };
    let standing = open.judged(END);
    assert_eq!((standing.state, standing.missing), (HostState::Quiet, vec![Missing::PortAccepts]));
    let shut = World { ports: vec![port(Answer::Refused, STOP + HOUR * 5)], ..stopped() }.judged(END);
    assert!(shut.evidence.iter().any(|e| e.contains("positive proof")), "{shut:?}");
    let before = World { ports: vec![port(Answer::Accepted, STOP - 60)], ..stopped() }.judged(END);
    assert_eq!(before.state, HostState::Cleared);
    assert!(before.evidence.iter().any(|e| e.contains("not tested")), "{before:?}");
}

#[test]
fn a_tunnel_that_takes_over_is_a_change_and_a_film_is_none() {
    let carry = |bytes: [u64; 2], first: i64, last: i64| {
        let mut world = stopped();
        let one = PlainFlow {
            bytes,
            first: at(first),
            last: at(last),
            transport: Transport::Udp,
            ..flow(3, [9, 9])
        };
        world.life.carry(&one, 0, None);
        world.judged(END)
    };
    // The host moved 1 GiB in and 256 MiB out.
    let changed = carry([200 << 20, 900 << 20], STOP + 600, END - 60);
    assert_eq!((changed.state, &changed.missing[..]), (HostState::Changed, &[Missing::Tunnel][..]));
    let film = carry([4 << 20, 2 << 30], STOP + HOUR, STOP + 2 * HOUR);
    assert_eq!(film.state, HostState::Cleared, "{film:?}");
    let earlier = carry([200 << 20, 900 << 20], STOP - HOUR, STOP - 60);
    assert_eq!(earlier.state, HostState::Cleared, "{earlier:?}");
}

#[test]
fn a_tunnel_that_shows_its_name_need_not_be_most_of_what_the_host_moves() {
    let judged = |tunnel: Option<Opens>, first: i64, volume: [u64; 2]| {
        let mut world = stopped();
        let udp = |bytes, to: &str, hour| {
            let plain = flow(hour, [9, 9]);
            let ends = [plain.ends[0], to.parse().unwrap()];
            PlainFlow {
                ends,
                bytes,
                first: at(first),
                last: at(END - 60),
                transport: Transport::Udp,
                ..plain
            }
        };
        world.life.carry(&udp(volume, "198.51.100.1:51820", 3), 0, tunnel);
        // A film from elsewhere is ten times as much.
        world.life.carry(&udp([4 << 20, 10 << 30], "203.0.113.80:443", 3), 0, None);
        world.judged(END)
    };
    let volume = [200 << 20, 900 << 20];
    let changed = judged(Some(Opens::WireGuard), STOP + 600, volume);
    assert_eq!((changed.state, &changed.missing[..]), (HostState::Changed, &[Missing::Tunnel][..]));
    assert!(
        changed.evidence.iter().any(|e| e.contains("wireguard") && e.contains("198.51.100.1")),
        "{changed:?}"
    );
    // Without a name it is not most of it; a tunnel of little volume carries no torrents.
    assert_eq!(judged(None, STOP + 600, volume).state, HostState::Cleared);
    let little = judged(Some(Opens::WireGuard), STOP + 600, [200 << 10, 900 << 10]);
    assert_eq!(little.state, HostState::Cleared, "{little:?}");
}
