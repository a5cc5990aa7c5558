use super::entry::{AlertRow, Run, Session, StateChange};
use super::retention::{tidy, used};
use super::*;
use crate::base::{Address, Timestamp};
use crate::event::Kind;
use crate::ledger::memory::{HostMemory, LifeMemory, Memory, Minute};
use crate::ledger::report::HostBytes;
use crate::ledger::{HostState, Marks, Sample};
use rusqlite::Connection;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

const HOST: Address = Address::v4([10, 0, 0, 5]);
const DAY: i64 = 86_400;

/// A folder that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("swarmscope-store-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn empty(heartbeat: Timestamp) -> Batch {
    Batch {
        run: Run { kind: RunKind::Watch, source: "eth0".into(), started: at(0), heartbeat, ended: false },
        minutes: Vec::new(),
        memory: Memory::default(),
        ports: Vec::new(),
        sessions: Vec::new(),
        members: Vec::new(),
        states: Vec::new(),
        alerts: Vec::new(),
        engine: None,
    }
}

fn session(first: i64, client: &str) -> Session {
    Session {
        host: HOST,
        info_hash: None,
        kind: Kind::Dht,
        first: at(first),
        last: at(first + 60),
        local_port: Some(6_881),
        external: None,
        external_port: None,
        flows: 1,
        peers: 1,
        bytes: [HostBytes { received: u64::MAX, sent: 7 }, HostBytes::default(), HostBytes::default()],
        pieces: HostBytes::default(),
        client: Some(client.to_owned()),
    }
}

fn minute(first: i64, packets: u64) -> Minute {
    let sample = Sample { packets, ..Sample::default() };
    Minute { from: at(first), to: at(first + 59), sample, ..Minute::default() }
}

fn host(activity: (i64, i64)) -> HostMemory {
    HostMemory {
        address: HOST,
        activity: vec![(at(activity.0), at(activity.1))],
        suspected: Some((at(activity.0), at(activity.1))),
        moved: HostBytes { received: 3, sent: 4 },
        life: LifeMemory {
            slots: vec![(at(activity.0), Marks { own: true, two_way: 2, one_way: 1 })],
            ..LifeMemory::default()
        },
        listens: vec![(6_881, crate::event::Channel::Dht, (at(activity.0), at(activity.1)))],
        external: Vec::new(),
        reached: Vec::new(),
        state: None,
        cleared: None,
    }
}

fn count(connection: &Connection, table: &str) -> i64 {
    connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[test]
fn only_the_owner_may_read_it() {
    let folder = Folder::new("mode");
    let history = History::open(&folder.0).unwrap();
    write::write(&mut { history }.connection, &empty(at(5))).unwrap();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.0), 0o700);
    let files: Vec<_> = std::fs::read_dir(&folder.0).unwrap().map(|e| e.unwrap().path()).collect();
    assert!(!files.is_empty() && files.iter().all(|file| mode(file) == 0o600), "{files:?}");
}

#[test]
fn a_newer_form_is_refused_and_a_missing_file_is_said_to_miss() {
    let folder = Folder::new("newer");
    assert!(matches!(History::open_to_read(&folder.0), Err(StoreError::Missing { .. })));
    let history = History::open(&folder.0).unwrap();
    history.connection.pragma_update(None, "user_version", VERSION + 1).unwrap();
    drop(history);
    for opened in [History::open(&folder.0), History::open_to_read(&folder.0)] {
        let Err(error) = opened else { panic!("it was taken") };
        assert!(matches!(error, StoreError::Newer { version, .. } if version == VERSION + 1));
        assert_eq!(error.to_string().lines().count(), 1);
    }
}

#[test]
fn what_is_written_comes_back_and_twice_is_once() {
    let folder = Folder::new("round");
    let mut history = History::open(&folder.0).unwrap();
    let memory = Memory { hosts: vec![host((100, 200))], ..Memory::default() };
    let state = StateChange {
        host: HOST,
        at: at(210),
        state: HostState::Cleared,
        lacks: Vec::new(),
        evidence: vec!["it's quiet".into()],
    };
    let batch = Batch {
        minutes: vec![minute(60, 10), minute(120, 20)],
        memory,
        sessions: vec![session(100, "x")],
        states: vec![state],
        ..empty(at(300))
    };
    for _ in 0..2 {
        write::write(&mut history.connection, &batch).unwrap();
        let known = history.memory(Duration::from_secs(86_400)).unwrap();
        let host = &known.hosts[0];
        assert_eq!(host.activity, [(at(100), at(200))]);
        assert_eq!(host.life.slots, batch.memory.hosts[0].life.slots);
        assert_eq!((host.state, host.cleared), (Some(HostState::Cleared), Some(at(210))));
        assert_eq!(host.listens.len(), 1);
        // More than SQLite can count is cut, not wrapped.
        assert_eq!(host.moved, HostBytes { received: write::NUMBER_MAX, sent: 7 });
        let packets: Vec<u64> = known.minutes.iter().map(|m| m.sample.packets).collect();
        assert_eq!(packets, [10, 20]);
        assert_eq!(count(&history.connection, "runs"), 1);
    }
    // A stretch that meets two becomes one with them.
    for span in [(300, 400), (150, 350)] {
        let memory = Memory { hosts: vec![host(span)], ..Memory::default() };
        write::write(&mut history.connection, &Batch { memory, ..empty(at(500)) }).unwrap();
    }
    assert_eq!(history.memory(Duration::from_secs(86_400)).unwrap().hosts[0].activity, [(at(100), at(400))]);
}

#[test]
fn names_from_the_network_are_nothing_but_text() {
    let folder = Folder::new("hostile");
    let mut history = History::open(&folder.0).unwrap();
    let names =
        ["'); DROP TABLE sessions; --", "\u{202e}gpj\0.exe", "%s%n ?1 :a $b @c", "\"; ATTACH 'x' AS y"];
    for (n, name) in names.into_iter().enumerate() {
        let alert = AlertRow {
            rule: 1,
            group: format!("client={name}"),
            since: at(n as i64),
            name: name.into(),
            severity: "info",
            host: Some(HOST),
            resolved: false,
            at: at(1),
            value: f64::NAN,
        };
        let batch = Batch { sessions: vec![session(n as i64, name)], alerts: vec![alert], ..empty(at(9)) };
        // A value that is no number has no place in a row: refused as a whole, not written as something else.
        assert!(write::write(&mut history.connection, &batch).is_err());
        let alerts = batch.alerts.iter().map(|a| AlertRow { value: 1.0, ..a.clone() }).collect();
        write::write(&mut history.connection, &Batch { alerts, ..batch }).unwrap();
    }
    let mut select = history.connection.prepare("SELECT client FROM sessions ORDER BY first").unwrap();
    let read: Vec<String> = select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(read, names);
    assert_eq!(count(&history.connection, "alerts"), 4);
}

/// Ten days with a session and some minutes each.
fn ten_days(history: &mut History) {
    for day in 0..10 {
        let minutes = (0..200).map(|n| minute(day * DAY + n * 60, 1)).collect();
        let sessions = (0..200).map(|n| session(day * DAY + n * 60, &"x".repeat(900))).collect();
        let memory = Memory { hosts: vec![host((day * DAY, day * DAY + 60))], ..Memory::default() };
        let batch = Batch { minutes, sessions, memory, ..empty(at(day * DAY + 12_000)) };
        write::write(&mut history.connection, &batch).unwrap();
    }
}

fn first_session(history: &History) -> i64 {
    let first =
        history.connection.query_row("SELECT min(first) FROM sessions", [], |row| row.get::<_, i64>(0));
    first.unwrap() / 1_000_000_000
}

#[test]
fn days_too_old_are_removed_whole_and_the_file_shrinks() {
    let folder = Folder::new("age");
    let mut history = History::open(&folder.0).unwrap();
    ten_days(&mut history);
    let before = used(&history.connection).unwrap();
    let limits = StoreLimits { keep: Duration::from_secs(3 * 86_400), ..StoreLimits::default() };
    let removed = tidy(&mut history.connection, &limits).unwrap();
    assert_eq!(removed, Removed { too_old: 6, too_much: 0 });
    assert_eq!(first_session(&history), 6 * DAY);
    assert_eq!(history.memory(Duration::from_secs(90 * 86_400)).unwrap().hosts[0].activity.len(), 4);
    let after = used(&history.connection).unwrap();
    assert!(after * 2 < before, "{after} of {before} bytes");
    let free: i64 = history.connection.pragma_query_value(None, "freelist_count", |row| row.get(0)).unwrap();
    assert_eq!(free, 0, "pages are given back");
    assert_eq!(tidy(&mut history.connection, &limits).unwrap(), Removed::default());
}

#[test]
fn a_file_too_large_loses_its_oldest_days_but_never_the_latest() {
    let folder = Folder::new("size");
    let mut history = History::open(&folder.0).unwrap();
    ten_days(&mut history);
    let all = used(&history.connection).unwrap();
    let limits = StoreLimits { size: all / 2, ..StoreLimits::default() };
    let removed = tidy(&mut history.connection, &limits).unwrap();
    assert!((4..=6).contains(&removed.too_much) && removed.too_old == 0, "{removed:?}");
    assert!(used(&history.connection).unwrap() <= limits.size);
    assert_eq!(first_session(&history), removed.too_much as i64 * DAY);
    let limits = StoreLimits { size: 1, ..limits };
    tidy(&mut history.connection, &limits).unwrap();
    assert_eq!(first_session(&history), 9 * DAY);
}

#[test]
fn a_full_disk_is_counted_and_waited_for() {
    let folder = Folder::new("full");
    let history = History::open(&folder.0).unwrap();
    let pages: i64 = history.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    history.connection.pragma_update(None, "max_page_count", pages + 2).unwrap();
    let writer = history.into_writer(StoreLimits::default()).unwrap();
    let many = |from: i64| {
        let sessions = (0..500).map(|n| session(from + n, &"y".repeat(900))).collect();
        Batch { sessions, ..empty(at(from)) }
    };
    writer.send(many(0));
    while writer.counters().up {
        std::thread::yield_now();
    }
    let counters = writer.counters();
    assert!(counters.errors > 0 && counters.written == 0, "{counters:?}");
    // Behind it the queue fills, and what has no room is counted; nobody waits.
    (1..20).for_each(|n| writer.send(many(n * 1_000)));
    assert!(!writer.has_room());
    assert!(writer.counters().dropped >= 10 * 500, "{:?}", writer.counters());
    let counters = writer.close();
    assert_eq!((counters.written, counters.dropped), (0, 20 * 500), "{counters:?}");
    assert_eq!(count(&History::open_to_read(&folder.0).unwrap().connection, "sessions"), 0);
}

#[test]
fn a_wrong_row_is_dropped_and_does_not_hold_up_the_next() {
    let folder = Folder::new("wrong");
    let writer = History::open(&folder.0).unwrap().into_writer(StoreLimits::default()).unwrap();
    let alert = AlertRow {
        rule: 1,
        group: String::new(),
        since: at(0),
        name: String::new(),
        severity: "info",
        host: None,
        resolved: false,
        at: at(0),
        value: f64::NAN,
    };
    writer.send(Batch { alerts: vec![alert], ..empty(at(1)) });
    writer.send(Batch { sessions: vec![session(0, "z")], ..empty(at(2)) });
    let counters = writer.close();
    assert_eq!((counters.written, counters.dropped, counters.up), (1, 1, true), "{counters:?}");
}
