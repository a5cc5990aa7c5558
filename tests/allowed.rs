//! What an operator allows is counted and shown, and alerts nobody.
#![allow(clippy::expect_used)] // what fails must stop the test

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const HASH: &str = "d6c9d2f4898a8950d3f6c17de0539ad40ad2b28d";

/// A file of this test's own.
fn list(name: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).expect("a file");
    path
}

fn analyze(allow: Option<&Path>) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_swarmscope"));
    command.args(["-q", "analyze", "--json", "--home-net", "192.168.50.0/24", "--fail-on", "info"]);
    command.arg("--rules").arg(root.join("rules/policy"));
    if let Some(allow) = allow {
        command.arg("--allow").arg(allow);
    }
    command.arg(root.join("tests/captures/tcp-http-tracker.pcap")).output().expect("the program runs")
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("a report")
}

#[test]
fn what_is_not_on_the_list_alerts() {
    for allow in [None, Some(list("other", &"ab".repeat(20)))] {
        let output = analyze(allow.as_deref());
        let report = report(&output);
        assert_eq!(output.status.code(), Some(4));
        assert!(report["alerts"].as_array().is_some_and(|a| !a.is_empty()));
        assert!(report["torrents"][0]["allowed"].is_null() && report["hosts"][0]["allowed"].is_null());
    }
}

#[test]
fn a_torrent_a_tracker_and_clients_are_allowed_shown_and_counted() {
    let bytes = report(&analyze(None))["hosts"][0]["bytes"].clone();
    let cases = [
        ("info-hash", HASH.to_owned()),
        ("info-hash", format!("# images\nurn:btih:{HASH}   # ours")),
        ("tracker", "tracker 203.0.113.69:2524".to_owned()),
        ("tracker", "tracker 203.0.113.0/24".to_owned()),
    ];
    for (n, (why, text)) in cases.iter().enumerate() {
        let output = analyze(Some(&list(&format!("list-{n}"), text)));
        let report = report(&output);
        assert_eq!(report["torrents"][0]["allowed"], **why, "{text}");
        assert_eq!(report["alerts"].as_array().map(Vec::len), Some(0), "{text}: {}", report["alerts"]);
        assert_eq!(output.status.code(), Some(0), "{text}");
        assert_eq!(report["hosts"][0]["bytes"], bytes, "it is counted all the same");
        assert!(report["hosts"][0]["allowed"].is_string(), "{text}");
    }
    // One of two clients: its host alerts no more, the other's does.
    let one = report(&analyze(Some(&list("client", "client transmission 3"))));
    let alerted = |host: &str| {
        one["alerts"].as_array().is_some_and(|all| all.iter().any(|alert| alert["host"] == host))
    };
    assert!(!alerted("192.168.50.22") && alerted("192.168.50.29"), "{}", one["alerts"]);
    assert_eq!(one["hosts"][0]["allowed"], "client");
}

#[test]
fn a_wrong_list_is_refused_with_its_line() {
    let output = analyze(Some(&list("wrong", "# fine\ntracker nowhere\n")));
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("line 2") && told.contains("nowhere"), "{told}");
    assert_eq!(analyze(Some(Path::new("/nonexistent/list"))).status.code(), Some(2));
}
