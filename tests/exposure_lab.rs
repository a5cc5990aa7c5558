//! The exposure of ports held against what a scanner outside and the clients themselves reported (run where the shared
//! captures are: `SWARMSCOPE_SHARED` names their folder).
#![allow(clippy::expect_used, clippy::panic)] // what fails must stop the test

use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

fn analyzed(name: &str) -> Option<Value> {
    let capture = PathBuf::from(std::env::var_os("SWARMSCOPE_SHARED")?).join("captures/lab").join(name);
    let mut command = Command::new(env!("CARGO_BIN_EXE_swarmscope"));
    let output = command.args(["-q", "analyze", "--json"]).arg(capture).output().expect("the program runs");
    Some(serde_json::from_slice(&output.stdout).expect("a report"))
}

/// State and outcomes over time of a port.
fn port<'a>(report: &'a Value, transport: &str, port: u64) -> (&'a str, Vec<&'a str>) {
    let ports = report["exposure"].as_array().expect("an array");
    let port =
        ports.iter().find(|p| p["proto"] == transport && p["port"] == port).expect("a port that was tried");
    let outcomes = port["intervals"].as_array().expect("an array").iter();
    (
        port["state"].as_str().expect("a word"),
        outcomes.map(|i| i["answer"].as_str().expect("a word")).collect(),
    )
}

#[test]
fn the_story_of_the_open_port_has_its_phases() {
    let Some(report) = analyzed("l4-story-lan.pcap") else { return };
    // Forwarded but dropped; open; dropped again; then no longer forwarded, so that nothing arrives.
    assert_eq!(port(&report, "tcp", 6886), ("forwarded-refused", vec!["silence", "accepted", "silence"]));
    for scanned in [6882, 6883, 6884, 6885, 6887, 6888, 6889] {
        assert_eq!(
            port(&report, "tcp", scanned),
            ("stealth", vec!["silence", "refused", "silence"]),
            "{scanned}"
        );
    }
    let listen =
        report["exposure"].as_array().expect("an array").iter().find(|p| p["port"] == 6886).expect("it");
    assert_eq!(listen["scans"][0]["source"], "192.0.2.250");
    assert_eq!(report["hosts"][0]["nat"]["tcp"], "red");
}

#[test]
fn open_dropped_not_forwarded_and_mapped_ports_are_told_apart() {
    let cases = [
        ("l1-lan.pcap", 6887, "open", "green"),
        ("l2-lan.pcap", 6882, "forwarded-refused", "red"),
        ("l3-lan.pcap", 6884, "not-tested", "yellow"),
        ("l5-natpmp-lan.pcap", 23849, "open", "green"),
    ];
    for (capture, number, state, colour) in cases {
        let Some(report) = analyzed(capture) else { return };
        assert_eq!(port(&report, "tcp", number).0, state, "{capture}");
        assert_eq!(report["hosts"][0]["nat"]["tcp"], colour, "{capture}");
        let mapped = report["exposure"].as_array().expect("an array").iter().any(|p| p["mapped"] == true);
        assert_eq!(mapped, capture.starts_with("l5"), "{capture}");
    }
}

#[test]
fn the_closed_neighbours_of_an_open_port_are_closed() {
    let Some(report) = analyzed("l1-lan.pcap") else { return };
    for scanned in [6882, 6883, 6884, 6885, 6886, 6888, 6889] {
        assert_eq!(port(&report, "tcp", scanned), ("closed", vec!["refused"]), "{scanned}");
    }
}

#[test]
fn a_stopped_client_s_port_is_seen_to_refuse() {
    let Some(report) = analyzed("q-stopped.pcap") else { return };
    let (state, outcomes) = port(&report, "udp", 13773);
    assert_eq!((state, outcomes.last().copied()), ("forwarded-refused", Some("refused")));
}

/// State and exit status of `verify` on a host of the lab.
fn verified(host: &str, quiet_for: &str) -> Option<(Value, i32)> {
    let capture = PathBuf::from(std::env::var_os("SWARMSCOPE_SHARED")?).join("captures/lab/q-stopped.pcap");
    let mut command = Command::new(env!("CARGO_BIN_EXE_swarmscope"));
    command.args(["-q", "verify", host, "--json", "--quiet-for", quiet_for]).arg(capture);
    let output = command.output().expect("the program runs");
    Some((
        serde_json::from_slice(&output.stdout).expect("a verdict"),
        output.status.code().expect("a status"),
    ))
}

#[test]
fn a_stopped_client_is_cleared_by_what_its_host_sends() {
    // It stopped at 07:12:37.45; strangers go on knocking until the end, 35 seconds later.
    let Some((verdict, status)) = verified("192.168.50.35", "30s") else { return };
    assert_eq!((verdict["state"].as_str(), status), (Some("cleared"), 0), "{verdict}");
    assert!(verdict["last"].as_str().is_some_and(|t| t.starts_with("2026-11-21T07:12:37.1")), "{verdict}");
    let evidence = verdict["evidence"].as_array().expect("an array");
    assert!(evidence.iter().any(|e| e.as_str().is_some_and(|e| e.contains("positive proof"))), "{verdict}");
    let Some((verdict, status)) = verified("192.168.50.35", "40s") else { return };
    assert_eq!((verdict["state"].as_str(), status), (Some("quiet"), 4), "{verdict}");
    let Some((verdict, status)) = verified("192.168.50.99", "30s") else { return };
    assert_eq!((verdict["state"].as_str(), status), (Some("not-seen"), 3), "{verdict}");
}
