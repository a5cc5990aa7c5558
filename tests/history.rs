//! The history on disk: what it keeps over a restart, over a kill, over a change of its form; and what it answers.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // what fails must stop the test

#[path = "support/day.rs"]
mod day;
#[path = "support/own.rs"]
mod own;
#[path = "history/sensor.rs"]
mod sensor;

use day::{HOST, Stopped};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use sensor::{Ran, run};
use serde_json::Value;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use swarmscope::base::Timestamp;
use swarmscope::capture::{LinkType, OwnedPacket, PcapWriter, Precision};
use swarmscope::ledger::{HostState, Missing};
use swarmscope::policy::AlertAction;
use swarmscope::store::{History, RunKind};

/// A folder that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("swarmscope-history-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn state(&self) -> PathBuf {
        self.0.join("state")
    }

    fn database(&self) -> Connection {
        Connection::open(self.state().join(swarmscope::store::FILE)).expect("a history")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn program(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_swarmscope"));
    command.arg("-q").args(arguments).output().expect("the program runs")
}

fn answer(arguments: &[&str]) -> (Value, Option<i32>) {
    let output = program(arguments);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (serde_json::from_slice(&output.stdout).expect(&text), output.status.code())
}

fn capture(name: &str) -> String {
    format!("{}/tests/captures/{name}.pcap", env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a name in UTF-8")
}

/// Every row of every table, but for the program's version.
fn rows(database: &Connection) -> Vec<String> {
    let mut tables = database
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        .expect("tables");
    let tables: Vec<String> =
        tables.query_map([], |r| r.get(0)).expect("names").map(Result::unwrap).collect();
    let mut rows = Vec::new();
    for table in tables {
        let mut select = database.prepare(&format!("SELECT * FROM {table}")).expect("a table");
        let columns = select.column_count();
        let mut found = select.query([]).expect("rows");
        while let Some(row) = found.next().expect("a row") {
            let values: Vec<String> = (0..columns).map(|n| shown(row.get_ref(n).expect("a value"))).collect();
            rows.push(format!("{table}: {}", values.join(" ")));
        }
    }
    rows
}

fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        other => format!("{other:?}"),
    }
}

fn check_integrity(database: &Connection) {
    let word: String = database.pragma_query_value(None, "integrity_check", |r| r.get(0)).expect("an answer");
    assert_eq!(word, "ok");
}

/// A day that was long ago, cut in two; `lost` is the time in between of which nothing was captured.
fn halves(at: Duration, lost: Duration) -> (Stopped, [Vec<OwnedPacket>; 2]) {
    let then = Timestamp::from_secs(1_000_000_000);
    let day = day::stopped(own::starting_at(own::packets("office"), then));
    let cut = day.stop + at;
    let (before, after) = day.packets.iter().cloned().partition::<Vec<_>, _>(|p| p.at < cut);
    let after = after.into_iter().filter(|p| p.at >= cut + lost).collect();
    (day, [before, after])
}

const SHORT: Duration = Duration::from_secs(3);

#[test]
fn a_verdict_goes_on_over_a_restart() {
    let folder = Folder::new("restart");
    let (day, [before, after]) = halves(Duration::from_secs(200), SHORT);
    let first = run(&folder.state(), before, RunKind::Watch);
    assert_eq!(first.told, [HostState::Active, HostState::Quiet]);
    let second = run(&folder.state(), after, RunKind::Watch);
    assert_eq!(second.standing.state, HostState::Cleared, "{:?}", second.standing);
    assert_eq!(second.standing.last, first.standing.last);
    assert!(second.standing.last.is_some_and(|at| at <= day.stop));
    // That it was quiet already is no news.
    assert_eq!(second.told, [HostState::Cleared]);
    assert!(second.report.hosts.iter().any(|h| h.address.to_string() == HOST), "it is still known");
    // Without the history nobody would know that it ever took part.
    let (_, [_, after]) = halves(Duration::from_secs(200), SHORT);
    let alone = run(&Folder::new("alone").state(), after, RunKind::Watch);
    assert_eq!((alone.standing.last, alone.told.len()), (None, 0));
}

#[test]
fn no_host_is_cleared_over_a_time_in_which_the_sensor_was_down() {
    let folder = Folder::new("down");
    let (_, [before, after]) = halves(Duration::from_secs(100), Duration::from_secs(60));
    run(&folder.state(), before, RunKind::Watch);
    let second = run(&folder.state(), after, RunKind::Watch);
    assert_eq!(second.standing.state, HostState::CannotTell, "{:?}", second.standing);
    assert!(second.standing.missing.contains(&Missing::Gap), "{:?}", second.standing);
    assert!(!second.told.contains(&HostState::Cleared));
}

#[test]
fn a_host_that_was_cleared_before_a_restart_recurs_after_it() {
    let folder = Folder::new("recurs");
    let (day, [before, after]) = halves(Duration::from_secs(100), Duration::ZERO);
    let first = run(&folder.state(), [before, after].concat(), RunKind::Watch);
    assert_eq!(first.told.last(), Some(&HostState::Cleared));
    // The sensor is down for an hour, and the client runs when it is back.
    let back = day.end + Duration::from_secs(3_600);
    let again = own::starting_at(own::packets("office"), back);
    let second = run(&folder.state(), again, RunKind::Watch);
    assert_eq!(second.standing.state, HostState::Recurred, "{:?}", second.standing);
    assert_eq!(second.told, [HostState::CannotTell, HostState::Recurred]);
    let (verdict, status) = verify(&folder, &[]);
    let states: Vec<&str> =
        verdict["states"].as_array().expect("states").iter().filter_map(|s| s["state"].as_str()).collect();
    let cleared = states.iter().position(|s| *s == "cleared").expect("it was cleared");
    assert_eq!(states[cleared..], ["cleared", "cannot-tell", "recurred", "cannot-tell"], "{verdict}");
    assert_ne!(status, Some(0));
}

#[test]
fn an_alert_that_fires_is_not_told_again_after_a_restart() {
    let folder = Folder::new("alerts");
    let (_, [before, after]) = halves(Duration::from_secs(1), SHORT);
    let first = run(&folder.state(), before, RunKind::Watch);
    let which = |ran: &Ran, wanted: AlertAction| -> Vec<String> {
        ran.alerts.iter().filter(|(action, _)| *action == wanted).map(|(_, which)| which.clone()).collect()
    };
    let opened = which(&first, AlertAction::Opened);
    assert!(!opened.is_empty());
    let second = run(&folder.state(), after, RunKind::Watch);
    let again = which(&second, AlertAction::Opened);
    assert!(!again.iter().any(|alert| opened.contains(alert)), "{opened:?} {again:?}");
    let state = |word: &str| -> i64 {
        let count = "SELECT count(*) FROM alerts WHERE state = ?1";
        folder.database().query_row(count, [word], |r| r.get(0)).expect("a count")
    };
    let resolved = which(&second, AlertAction::Resolved).len() + which(&first, AlertAction::Resolved).len();
    assert_eq!(
        (state("resolved") as usize, state("firing") as usize),
        (resolved, opened.len() + again.len() - resolved)
    );
}

#[test]
fn what_is_remembered_is_no_news_for_rules() {
    let folder = Folder::new("news");
    let (_, [before, after]) = halves(Duration::from_secs(1), SHORT);
    let names = |ran: &Ran| -> Vec<String> {
        let first = |which: &String| which.split(' ').next().map(str::to_owned);
        ran.alerts.iter().filter_map(|(_, which)| first(which)).collect()
    };
    let about = ["port-mapping-asked", "port-opened"];
    let first = names(&run(&folder.state(), before, RunKind::Watch));
    assert!(about.iter().all(|rule| first.iter().any(|name| name == rule)), "{first:?}");
    // Rules that know nothing of it any more, and hosts that do nothing new.
    folder.database().execute("DELETE FROM engine", []).expect("a row");
    let second = names(&run(&folder.state(), after, RunKind::Watch));
    assert!(!about.iter().any(|rule| second.iter().any(|name| name == rule)), "{second:?}");
}

fn verify(folder: &Folder, more: &[&str]) -> (Value, Option<i32>) {
    let state = folder.state();
    let line = ["verify", HOST, "--json", "--quiet-for", "600s", "--state", text(&state)];
    answer(&[&line[..], more].concat())
}

#[test]
fn verify_asks_the_history_and_does_not_trust_a_sensor_that_is_gone() {
    let folder = Folder::new("verify");
    let (_, [before, after]) = halves(Duration::from_secs(100), SHORT);
    // Captures are judged at their end, as without a history.
    for packets in [before.clone(), after.clone()] {
        run(&folder.state(), packets, RunKind::Analyze);
    }
    let (verdict, status) = verify(&folder, &[]);
    assert_eq!((&verdict["state"], status), (&"cleared".into(), Some(0)), "{verdict}");
    let sensor = Folder::new("gone");
    for packets in [before, after] {
        run(&sensor.state(), packets, RunKind::Watch);
    }
    let (verdict, status) = verify(&sensor, &[]);
    assert_eq!((&verdict["state"], status), (&"cannot-tell".into(), Some(3)), "{verdict}");
    let state = sensor.state();
    let (stranger, status) = answer(&["verify", "192.168.50.199", "--json", "--state", text(&state)]);
    assert_eq!((&stranger["state"], status), (&"cannot-tell".into(), Some(3)), "{stranger}");
    assert!(!stranger.to_string().contains("never"), "of others nothing is known: {stranger}");
}

const HASH: &str = "96a5cbc4277307610e9bddd8d95cd0f50461abfa";

#[test]
fn an_analysis_answers_like_its_capture_and_twice_is_once() {
    let folder = Folder::new("twice");
    let (state, office) = (folder.state(), capture("office"));
    let add = |more: &[&str]| {
        let line = ["analyze", &office, "--state", text(&state)];
        assert_eq!(program(&[&line[..], more].concat()).status.code(), Some(0));
    };
    add(&[]);
    let once = rows(&folder.database());
    assert!(once.len() > 60, "{once:#?}");
    add(&["--workers", "2"]);
    assert_eq!(rows(&folder.database()), once);
    check_integrity(&folder.database());
    let claim = ["notice", "--json", "--address", "198.51.100.2", "--port", "19375", "--info-hash", HASH];
    for time in ["2026-11-21T10:20:00Z", "2026-11-21T10:40:00Z", "2026-11-21T10:11:40Z"] {
        let claim = [&claim[..], &["--time", time]].concat();
        let (kept, status) = answer(&[&claim[..], &["--state", text(&state)]].concat());
        let (read, status_read) = answer(&[&claim[..], &[&office]].concat());
        assert_eq!((&kept["conclusion"], status), (&read["conclusion"], status_read), "{time}");
        assert_eq!(kept["candidates"], read["candidates"], "{time}");
        assert_eq!(kept["clock_skew_seconds"], 900.0);
    }
    let (kept, _) = answer(&["verify", HOST, "--json", "--state", text(&state)]);
    let (read, _) = answer(&["verify", HOST, "--json", &office]);
    for member in ["state", "cleared", "last", "evidence"] {
        assert_eq!(kept[member], read[member], "{member}");
    }
}

#[test]
fn a_time_without_such_activity_is_told_with_what_the_sensor_saw() {
    let folder = Folder::new("nothing");
    let (day, [before, after]) = halves(Duration::from_secs(100), Duration::ZERO);
    // An hour before, and an hour after, the network goes on.
    let idle = |from: Timestamp| {
        (0..720).flat_map(move |n| {
            day::conversation(day::OTHER, 20_000 + n, from + Duration::from_secs(5 * u64::from(n)))
        })
    };
    let start = before[0].at;
    let packets: Vec<OwnedPacket> =
        idle(start - Duration::from_secs(3_600)).chain(before).chain(after).chain(idle(day.end)).collect();
    run(&folder.state(), packets, RunKind::Watch);
    let state = folder.state();
    let at = (day.end + Duration::from_secs(1_800)).to_string();
    let claim =
        ["notice", "--address", "198.51.100.2", "--port", "19375", "--time", &at, "--state", text(&state)];
    let output = program(&claim);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.starts_with("no such activity seen: "), "{said}");
    for part in [
        "the sensor watched the time from 15 min before to 15 min after",
        "lost 0",
        "in one direction only",
        "off by 15 min",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let at = (day.end + Duration::from_secs(36_000)).to_string();
    let claim = ["notice", "--address", "198.51.100.2", "--time", &at, "--state", text(&state)];
    assert_eq!(program(&claim).status.code(), Some(3), "nobody watched then");
}

#[test]
fn a_killed_writer_loses_seconds_and_corrupts_nothing() {
    let folder = Folder::new("kill");
    let state = folder.state();
    let mut child = Command::new(env!("CARGO_BIN_EXE_swarmscope"))
        .args(["-q", "analyze", "-", "--state", text(&state)])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the program runs");
    let pipe = BufWriter::new(child.stdin.take().expect("a pipe"));
    let office = own::packets("office");
    let mut writer = PcapWriter::new(pipe, LinkType::ETHERNET, Precision::Nanos).expect("it reads");
    let mut now = Timestamp::from_secs(1_000_000_000);
    let written = || -> i64 {
        let file = state.join(swarmscope::store::FILE);
        let database = Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY);
        database
            .and_then(|d| d.query_row("SELECT count(*) FROM sessions", [], |r| r.get(0)))
            .unwrap_or_default()
    };
    // Goes on until the second transaction, so that it is killed in the midst of its work.
    let mut first = 0;
    loop {
        for packet in own::starting_at(office.clone(), now) {
            let wire_len = u32::try_from(packet.data.len()).expect("a packet");
            writer.write(packet.at, &packet.data, wire_len).expect("it reads");
        }
        now = now + Duration::from_secs(7_200);
        match written() {
            0 => {}
            n if first == 0 => first = n,
            n if n > first => break,
            _ => {}
        }
    }
    child.kill().expect("it runs");
    child.wait().expect("it ended");
    check_integrity(&folder.database());
    let ended: i64 = folder.database().query_row("SELECT ended FROM runs", [], |r| r.get(0)).expect("a run");
    assert_eq!(ended, 0, "no clean end");
    let (before, heartbeat): (i64, i64) = folder
        .database()
        .query_row("SELECT count(*), (SELECT heartbeat FROM runs) FROM sessions", [], |r| {
            Ok((r.get(0)?, r.get(1)?))
        })
        .expect("rows");
    assert!(before > first && heartbeat > 1_000_000_000_000_000_000);
    // What comes next goes on with it.
    let office = capture("office");
    assert_eq!(program(&["analyze", &office, "--state", text(&state)]).status.code(), Some(0));
    check_integrity(&folder.database());
}

#[test]
fn a_history_of_schema_1_is_brought_to_the_present_form() {
    let folder = Folder::new("v1");
    let state = folder.state();
    std::fs::create_dir_all(&state).expect("a folder");
    folder.database().execute_batch(include_str!("history/v1.sql")).expect("schema 1");
    let claim = ["notice", "--json", "--address", "198.51.100.2", "--port", "6881", "--info-hash", HASH];
    let claim = [&claim[..], &["--time", "2026-01-01T00:00:30Z", "--state", text(&state)]].concat();
    let (found, status) = answer(&claim);
    assert_eq!(status, Some(0), "{found}");
    assert_eq!(found["candidates"][0]["host"], "10.0.0.5");
    assert_eq!(found["candidates"][0]["confidence"], "high", "{found}");
    let database = folder.database();
    let version: i64 = database.pragma_query_value(None, "user_version", |r| r.get(0)).expect("a version");
    assert_eq!(version, swarmscope::store::VERSION);
    check_integrity(&database);
    let kept = rows(&database);
    for row in ["alerts: ", "exposure: ", "host_states: ", "mappings: ", "coverage: ", "activity: "] {
        assert!(kept.iter().any(|r| r.starts_with(row)), "{row}: {kept:#?}");
    }
}

#[test]
fn a_folder_that_cannot_be_used_is_one_clear_line_before_anything_starts() {
    let folder = Folder::new("wrong");
    let file = folder.0.join("file");
    std::fs::write(&file, "no folder").expect("a file");
    let newer = folder.0.join("state");
    drop(History::open(&newer).expect("a history"));
    folder.database().pragma_update(None, "user_version", 99).expect("a number");
    let junk = folder.0.join("junk");
    std::fs::create_dir_all(&junk).expect("a folder");
    std::fs::write(
        junk.join(swarmscope::store::FILE),
        "this is no history, but a long enough text".repeat(99),
    )
    .expect("a file");
    let office = capture("office");
    let events = folder.0.join("events.jsonl");
    for (dir, word) in [(file.join("below"), "file"), (newer, "newer swarmscope"), (junk, "not a database")] {
        let output = program(&["analyze", &office, "--state", text(&dir), "--events", text(&events)]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{said}");
        assert!(said.contains(word) && said.contains("cannot use the history"), "{said}");
        assert!(!events.exists() && output.stdout.is_empty());
        let output = program(&["verify", HOST, "--state", text(&dir)]);
        assert_eq!(output.status.code(), Some(2));
    }
    // It keeps real addresses, and is nothing for those who keep them back.
    let both =
        program(&["analyze", &office, "--state", text(&folder.0.join("new")), "--anonymize", text(&file)]);
    assert!(
        String::from_utf8_lossy(&both.stderr).contains("real addresses") && !folder.0.join("new").exists()
    );
    // Reading makes nothing.
    let none = folder.0.join("none");
    assert_eq!(program(&["verify", HOST, "--state", text(&none)]).status.code(), Some(2));
    assert!(!none.exists());
    let both = program(&["verify", HOST, &office, "--state", text(&none)]);
    assert_eq!(both.status.code(), Some(2));
    assert_eq!(program(&["verify", HOST]).status.code(), Some(2));
}
