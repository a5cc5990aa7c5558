//! Sinks against receivers that die, come back, refuse and drip, and against readers with a schema.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may fail by panicking, and wait by the wall clock"
)]

mod local;
mod receivers;
mod restart;
mod secrets;

use receivers::{Receiver, Speaks, until};
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, channel};
use std::thread::spawn;
use std::time::Duration;
use swarmscope::base::{HomeNets, Timestamp};
use swarmscope::output::sinks::{
    Alertmanager, Courier, HttpTarget, Outbox, RotatingFile, Secret, Syslog, SyslogTransport, Webhook,
};
use swarmscope::policy::{
    AlertAction, AlertChange, Case, Engine, EngineLimits, HostState, HostStateNews, Observation, RuleSet,
    Subject,
};

const RULE: &str = r#"
version: 1
rules:
  - id: 7
    name: back
    on: host
    match: {state: recurred}
    condition: {present: true, over: 1m}
    labels: {severity: critical}
    annotations: {summary: "{{host}} is \"back\" ]"}
"#;

/// An alert of this host that opened, and its end.
fn changes(host: u8) -> [AlertChange; 2] {
    let set = Arc::new(RuleSet::parse("r.yaml", RULE, Path::new(".")).unwrap());
    let engine = Engine::new(set, HomeNets::default(), EngineLimits::default());
    let mut engine = engine.with_page("https://sensor.example/");
    let at = Timestamp::from_secs(1_772_366_409);
    let host = format!("10.0.0.{host}").parse().unwrap();
    engine.observe(&Observation::HostState(HostStateNews { at, host, state: HostState::Recurred }));
    let opened = engine.tick(at).remove(0);
    let resolved = engine.tick(at + Duration::from_secs(61)).remove(0);
    assert_eq!((opened.action, resolved.action), (AlertAction::Opened, AlertAction::Resolved));
    [opened, resolved]
}

/// Alerts of every subject, made by the tests of rules.
fn all_sorts() -> Vec<AlertChange> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/tests");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let changes: Vec<AlertChange> = files
        .filter(|file| file.extension().is_some_and(|e| e == "yaml"))
        .flat_map(|file| Case::load(&file).unwrap())
        .flat_map(|case| case.run())
        .collect();
    let subjects: BTreeSet<&str> = changes.iter().map(|c| c.alert.rule.subject.label()).collect();
    assert_eq!(subjects.len(), Subject::WORDS.len(), "{subjects:?}");
    changes
}

/// Answers each request with the next of these; gives head and body of each.
fn web(answers: &'static [&'static str]) -> (HttpTarget, mpsc::Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let (tell, told) = channel();
    spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                reader.read_line(&mut head).unwrap();
            }
            let length =
                head.lines().find_map(|l| l.strip_prefix("Content-Length: ")).unwrap().parse().unwrap();
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let _ = stream.write_all(answer.as_bytes());
            tell.send((head, String::from_utf8(body).unwrap())).unwrap();
        }
    });
    (target, told)
}

#[test]
fn a_message_of_syslog_says_who_what_and_when() {
    let receiver = Receiver::start(Speaks::Frames(None));
    let mut syslog = Syslog::new(receiver.address, SyslogTransport::Tcp, "sensor one");
    syslog.deliver(&changes(1)[0]).unwrap();
    until("the message", || !receiver.messages().is_empty());
    assert_eq!(
        receiver.messages(),
        [
            "<130>1 2026-03-01T12:00:09.000000+00:00 sensorone swarmscope - alert [p2p@32473 rule=\"back\" id=\"7\" \
          action=\"opened\" severity=\"critical\" host=\"10.0.0.1\"] opened: 10.0.0.1 is \"back\" ]"
        ]
    );
}

#[test]
fn syslog_datagrams_hold_one_message() {
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut syslog = Syslog::new(receiver.local_addr().unwrap(), SyslogTransport::Udp, "");
    syslog.deliver(&changes(1)[1]).unwrap();
    let mut bytes = [0; 4_096];
    let n = receiver.recv(&mut bytes).unwrap();
    let text = std::str::from_utf8(&bytes[..n]).unwrap();
    assert!(
        text.starts_with("<130>1 2026-03-01T12:01:10.000000+00:00 - swarmscope - alert [p2p@32473 "),
        "{text}"
    );
    assert!(text.contains("action=\"resolved\""));
}

#[test]
fn a_webhook_is_signed_and_tried_again() {
    let (target, told) = web(&["HTTP/1.1 503 Busy\r\n\r\n", "HTTP/1.1 204 Fine\r\n\r\n"]);
    let key = std::env::temp_dir().join(format!("swarmscope-key-{}", std::process::id()));
    std::fs::write(&key, "Jefe\n").unwrap();
    let template = Some(r#"{"text": "{{severity}}: {{summary}}", "n": [1, "{{unknown}}{{action}}"]}"#);
    let webhook = Webhook::new(target, template, Some(&Secret::File(key.clone())), None).unwrap();
    std::fs::remove_file(key).unwrap();
    let outbox = Outbox::start("webhook", 10, webhook).unwrap();
    outbox.send(&changes(1)[0]);
    let (first, second) = (told.recv().unwrap(), told.recv().unwrap());
    assert_eq!(first, second);
    assert_eq!(second.1, r#"{"text":"critical: 10.0.0.1 is \"back\" ]","n":[1,"opened"]}"#);
    assert!(second.0.contains("\r\nX-Swarmscope-Signature: sha256="), "{}", second.0);
    let counters = outbox.close();
    assert_eq!((counters.sent, counters.errors, counters.dropped), (1, 1, 0));
}

#[test]
fn what_is_refused_is_not_tried_again() {
    let (target, told) = web(&["HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n"]);
    let outbox = Outbox::start("webhook", 10, Webhook::new(target, None, None, None).unwrap()).unwrap();
    outbox.send(&changes(1)[0]);
    let (_, body) = told.recv().unwrap();
    assert!(body.contains(r#""event_type":"alert""#) && body.contains(r#""signature_id":7"#), "{body}");
    assert_eq!(outbox.close().refused, 1);
}

#[test]
fn alertmanager_is_told_of_the_end() {
    let (target, told) = web(&["HTTP/1.1 200 OK\r\n\r\n"; 3]);
    let mut courier = Alertmanager::new(&target, "s1", None).unwrap();
    let [opened, resolved] = changes(1);
    courier.deliver(&opened).unwrap();
    courier.refresh().unwrap();
    courier.deliver(&resolved).unwrap();
    // Nothing fires: there is nothing to post, and nobody answers any more.
    courier.refresh().unwrap();
    let posts: Vec<(String, String)> = told.iter().take(3).collect();
    assert!(posts[0].0.starts_with("POST /api/v2/alerts HTTP/1.1\r\n"));
    assert_eq!(posts[0].1, posts[1].1);
    assert!(posts[0].1.contains(r#""alertname":"back""#) && !posts[0].1.contains("endsAt"), "{}", posts[0].1);
    assert!(posts[2].1.contains(r#""endsAt":"2026-03-01T12:01:10.000000+00:00""#), "{}", posts[2].1);
}

#[test]
fn a_full_queue_drops_the_oldest_and_a_dead_receiver_holds_nobody() {
    let nobody: SocketAddr = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let outbox = Outbox::start("dead", 2, Syslog::new(nobody, SyslogTransport::Tcp, "s")).unwrap();
    let [opened, _] = changes(1);
    for _ in 0..10 {
        outbox.send(&opened);
    }
    let counters = outbox.close();
    assert_eq!((counters.sent, counters.dropped), (0, 10));
}

#[test]
fn secrets_are_never_printed() {
    let name = Secret::Environment("SWARMSCOPE_NO_SUCH_SECRET".to_owned());
    let error = name.read().unwrap_err().to_string();
    assert!(error.contains("SWARMSCOPE_NO_SUCH_SECRET: is not set"), "{error}");
    assert!(Webhook::new("http://a/".parse().unwrap(), None, Some(&name), None).is_err());
}

#[test]
fn a_large_or_old_file_begins_anew_and_is_compressed() {
    let folder = std::env::temp_dir().join(format!("swarmscope-rotate-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("events.jsonl");
    let hour = Duration::from_secs(3_600);
    let start = Timestamp::from_secs(1_772_366_409);
    let mut file = RotatingFile::open(&path, Some(10), Some(hour), true).unwrap();
    file.tick(start).unwrap();
    file.write_all(b"0123456789\n").unwrap();
    file.tick(start).unwrap();
    file.write_all(b"a\n").unwrap();
    file.tick(start + Duration::from_secs(60)).unwrap();
    file.tick(start + 2 * hour).unwrap();
    file.write_all(b"b\n").unwrap();
    std::fs::rename(&path, folder.join("moved")).unwrap();
    file.reopen().unwrap();
    file.write_all(b"c\n").unwrap();
    drop(file);
    let mut names: Vec<String> =
        std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(
        names,
        ["events-20260301T120009.jsonl.zst", "events-20260301T140009.jsonl.zst", "events.jsonl", "moved"]
    );
    let first = std::fs::read(folder.join(&names[0])).unwrap();
    assert_eq!(zstd::decode_all(first.as_slice()).unwrap(), b"0123456789\n");
    assert_eq!(std::fs::read(folder.join("moved")).unwrap(), b"b\n");
    assert_eq!(std::fs::read(&path).unwrap(), b"c\n");
    std::fs::remove_dir_all(folder).unwrap();
}
