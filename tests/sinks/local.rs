//! Sinks on this machine: the journal, a file for strict readers, a program.

use super::changes;
use super::receivers::until;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use swarmscope::output::EventWriter;
use swarmscope::output::sinks::{Courier, EveFile, ExecHook, Journald, Outbox, Undelivered};

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("swarmscope-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn the_journal_gets_fields_and_may_be_started_anew() {
    let folder = folder("journal");
    let path = folder.join("socket");
    let journal = UnixDatagram::bind(&path).unwrap();
    let outbox = Outbox::start("journald", 10, Journald::new(&path)).unwrap();
    let receive = |journal: &UnixDatagram| {
        let mut bytes = [0; 8_192];
        journal.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let n = journal.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..n].to_vec()).unwrap()
    };
    outbox.send(&changes(1)[0]);
    assert_eq!(
        receive(&journal).lines().collect::<Vec<_>>(),
        [
            "MESSAGE=opened: 10.0.0.1 is \"back\" ]",
            "PRIORITY=2",
            "SYSLOG_IDENTIFIER=swarmscope",
            "MESSAGE_ID=6f3c0b8a5d0e4e0f9a1d7c52e8b94b11",
            "SWARMSCOPE_ACTION=opened",
            "SWARMSCOPE_RULE=back",
            "SWARMSCOPE_RULE_ID=7",
            "SWARMSCOPE_SEVERITY=critical",
            "SWARMSCOPE_AT=2026-03-01T12:00:09.000000+00:00",
            "SWARMSCOPE_VALUE=1",
            "SWARMSCOPE_HOST=10.0.0.1",
            "SWARMSCOPE_LINK=https://sensor.example/#/hosts/10.0.0.1",
            "SWARMSCOPE_GROUP_HOST=10.0.0.1",
        ]
    );
    drop(journal);
    fs::remove_file(&path).unwrap();
    outbox.send(&changes(2)[0]);
    until("nobody noticed", || outbox.counters().errors > 0);
    let journal = UnixDatagram::bind(&path).unwrap();
    assert!(receive(&journal).contains("SWARMSCOPE_HOST=10.0.0.2\n"));
    assert_eq!(outbox.close().dropped, 0);
    fs::remove_dir_all(folder).unwrap();
}

/// The schema is ours, written from what Suricata documents of EVE: members that it does not name are refused.
#[test]
fn strict_readers_of_eve_find_what_they_know_and_nothing_else() {
    let schema: Value = serde_json::from_str(include_str!("eve.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let folder = folder("eve");
    let path = folder.join("eve.json");
    let mut file = EveFile::new(&path).unwrap();
    for change in changes(1).iter().chain(&super::all_sorts()) {
        file.deliver(change).unwrap();
        fs::rename(&path, folder.join("moved")).unwrap();
        let line = fs::read_to_string(folder.join("moved")).unwrap();
        let event: Value = serde_json::from_str(&line).unwrap();
        let wrong: Vec<String> = schema.iter_errors(&event).map(|e| e.to_string()).collect();
        assert!(wrong.is_empty() && line.ends_with("}\n"), "{wrong:?}\n{line}");
        // What the event file has is more, and the schema sees it.
        let mut ours = EventWriter::new(Vec::new());
        ours.alert(change).unwrap();
        let ours: Value = serde_json::from_slice(&ours.into_inner()).unwrap();
        assert!(!schema.is_valid(&ours), "{ours}");
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn an_alert_file_that_cannot_be_written_is_tried_again() {
    let folder = folder("eve-away");
    let path = folder.join("gone").join("eve.json");
    assert!(EveFile::new(&path).is_err());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = EveFile::new(&path).unwrap();
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    assert!(matches!(file.deliver(&changes(1)[0]), Err(Undelivered::Later(_))));
    fs::remove_dir_all(folder).unwrap();
}

fn script(folder: &Path, text: &str) -> Vec<String> {
    let path = folder.join("hook");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    vec![path.to_str().unwrap().to_owned(), folder.to_str().unwrap().to_owned()]
}

#[test]
fn a_program_gets_the_event_and_no_environment() {
    let folder = folder("exec");
    // The shell sets PWD and such itself, so the environment is read from the kernel.
    let command = script(&folder, "cat > $1/in; tr '\\0' '\\n' < /proc/$$/environ > $1/env");
    let mut hook = ExecHook::new(&command, Duration::from_secs(10)).unwrap();
    let [opened, _] = changes(1);
    hook.deliver(&opened).unwrap();
    let mut event = EventWriter::new(Vec::new());
    event.alert(&opened).unwrap();
    assert_eq!(fs::read(folder.join("in")).unwrap(), event.into_inner());
    assert_eq!(fs::read_to_string(folder.join("env")).unwrap(), "");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn how_a_program_ends_says_how_it_went() {
    let folder = folder("exec-ends");
    let [opened, _] = changes(1);
    let within = |limit: Duration, text: &str| {
        let mut hook = ExecHook::new(&script(&folder, text), limit).unwrap();
        hook.deliver(&opened)
    };
    let run = |text: &str| within(Duration::from_secs(60), text);
    // Who does not read is no mistake.
    assert_eq!(run("exit 0"), Ok(()));
    assert!(matches!(run("exit 75"), Err(Undelivered::Later(_))));
    assert!(matches!(run("exit 1"), Err(Undelivered::Never(why)) if why.contains("exit status: 1")));
    let began = Instant::now();
    // With all that it started.
    let limit = Duration::from_millis(300);
    let result = within(limit, "(sleep 60; echo late > $1/late) & sleep 60");
    assert!(matches!(result, Err(Undelivered::Never(why)) if why.contains("killed after 0.3 s")));
    assert!(began.elapsed() < Duration::from_secs(30));
    let runs = |entry: fs::DirEntry| {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(folder.to_str().unwrap())
    };
    until("something of it still runs", || !fs::read_dir("/proc").unwrap().flatten().any(runs));
    let missing = [folder.join("none").to_str().unwrap().to_owned()];
    let mut hook = ExecHook::new(&missing, Duration::from_secs(1)).unwrap();
    assert!(matches!(hook.deliver(&opened), Err(Undelivered::Later(_))));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_slow_program_holds_nobody_and_its_queue_is_bounded() {
    let folder = folder("exec-slow");
    let hook = ExecHook::new(&script(&folder, "sleep 1"), Duration::from_secs(10)).unwrap();
    let outbox = Outbox::start("exec", 2, hook).unwrap();
    let [opened, _] = changes(1);
    let began = Instant::now();
    (0..100).for_each(|_| outbox.send(&opened));
    // A hundred runs would take as many seconds.
    assert!(began.elapsed() < Duration::from_secs(20));
    assert!(outbox.counters().dropped >= 75, "{:?}", outbox.counters());
    drop(outbox);
    fs::remove_dir_all(folder).unwrap();
}
