//! `swarmscope notice` and `swarmscope verify` as a shell sees them.
#![allow(clippy::expect_used, clippy::indexing_slicing)] // what fails must stop the test

use serde_json::Value;
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures/office.pcap");
    let mut command = Command::new(env!("CARGO_BIN_EXE_swarmscope"));
    command.arg("-q").args(arguments).arg(capture).output().expect("the program runs")
}

fn answer(arguments: &[&str]) -> (Value, Option<i32>) {
    let output = run(arguments);
    (serde_json::from_slice(&output.stdout).expect("an answer"), output.status.code())
}

const HASH: &str = "96a5cbc4277307610e9bddd8d95cd0f50461abfa";

#[test]
fn the_host_behind_an_outside_address_is_found_by_port_time_and_torrent() {
    let claim = ["notice", "--json", "--address", "198.51.100.2", "--port", "19375"];
    let then = [&claim[..], &["--time", "2026-11-21T10:20:00Z"]].concat();
    let (with_hash, status) = answer(&[&then[..], &["--info-hash", HASH]].concat());
    assert_eq!((with_hash["conclusion"].as_str(), status), (Some("found"), Some(0)), "{with_hash}");
    let first = &with_hash["candidates"][0];
    assert_eq!(
        (&first["host"], &first["confidence"]),
        (&"192.168.50.21".into(), &"high".into()),
        "{with_hash}"
    );
    let (without, status) = answer(&then);
    assert_eq!((&without["candidates"][0]["confidence"], status), (&"medium".into(), Some(0)), "{without}");
    // Half an hour later nothing was captured any more: that is no proof.
    let (late, status) = answer(&[&claim[..], &["--time", "2026-11-21T10:40:00Z"]].concat());
    assert_eq!((late["conclusion"].as_str(), status), (Some("cannot tell"), Some(3)), "{late}");
    let other =
        ["notice", "--json", "--address", "192.0.2.77", "--port", "1", "--time", "2026-11-21T10:12:00Z"];
    let (nobody, status) = answer(&other);
    assert_eq!((nobody["candidates"].as_array().map(Vec::len), status), (Some(0), Some(3)), "{nobody}");
}

/// The demo capture as a sensor beyond the router would have it: what a host sends from a port comes from an outside address and
/// port, and the other way round.
fn translated(from: ([u8; 4], u16), to: ([u8; 4], u16)) -> Vec<u8> {
    let mut file =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures/office.pcap")).expect("it");
    let mut at = 24;
    while at + 16 <= file.len() {
        let len = u32::from_le_bytes(file[at + 8..at + 12].try_into().expect("four")) as usize;
        let frame = &mut file[at + 16..at + 16 + len];
        if frame.len() > 38 && frame[12..15] == [8, 0, 0x45] {
            for (address, port) in [(26, 34), (30, 36)] {
                if frame[address..address + 4] == from.0 && frame[port..port + 2] == from.1.to_be_bytes() {
                    frame[address..address + 4].copy_from_slice(&to.0);
                    frame[port..port + 2].copy_from_slice(&to.1.to_be_bytes());
                }
            }
        }
        at += 16 + len;
    }
    file
}

#[test]
fn a_second_sensor_outside_ties_a_port_that_nobody_spoke_of_to_its_host() {
    let path = std::env::temp_dir().join(format!("swarmscope-outside-{}.pcap", std::process::id()));
    std::fs::write(&path, translated(([192, 168, 50, 34], 56_123), ([203, 0, 113, 200], 40_404)))
        .expect("a file");
    let outside = path.to_str().expect("a name");
    let claim = [
        "notice",
        "--json",
        "--address",
        "203.0.113.200",
        "--time",
        "2026-11-21T10:12:00Z",
        "--info-hash",
        HASH,
    ];
    let host = |arguments: &[&str]| {
        let (answer, status) = answer(&[&claim[..], arguments].concat());
        let first = &answer["candidates"][0];
        let text = |key: &str| first[key].as_str().unwrap_or_default().to_owned();
        (text("host"), text("confidence"), status, first["evidence"].to_string())
    };
    let (found, confidence, status, evidence) = host(&["--port", "40404", "--outside", outside]);
    assert_eq!(
        (found.as_str(), confidence.as_str(), status),
        ("192.168.50.34", "high", Some(0)),
        "{evidence}"
    );
    assert!(evidence.contains("the sensor outside saw 203.0.113.200 port 40404 talk to"), "{evidence}");
    // Another port is not what it saw, and without it nothing ties anyone to that address.
    for arguments in [&["--port", "40405", "--outside", outside][..], &["--port", "40404"]] {
        let (_, confidence, _, evidence) = host(arguments);
        assert_ne!(confidence, "high", "{evidence}");
        assert!(!evidence.contains("the sensor outside"), "{evidence}");
    }
    std::fs::remove_file(&path).expect("the file");
}

#[test]
fn a_notice_in_xml_is_read_and_a_hostile_one_refused() {
    let folder = std::env::temp_dir().join(format!("swarmscope-notice-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("a file");
        path.to_str().expect("a name").to_owned()
    };
    let good = write(
        "good.xml",
        &format!(
            "<?xml version=\"1.0\"?><Infringement><Source><TimeStamp>2026-11-21T10:11:40Z</TimeStamp>\
             <IP_Address>198.51.100.2</IP_Address><Port>19375</Port></Source><Content><Item>\
             <Hash Type=\"SHA1\">{HASH}</Hash></Item></Content></Infringement>"
        ),
    );
    let output = run(&["notice", "--acns", &good]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("192.168.50.21, confidence high"), "{text}");
    let bad = write(
        "bad.xml",
        "<!DOCTYPE x [<!ENTITY y SYSTEM \"file:///etc/passwd\">]><Infringement>&y;</Infringement>",
    );
    let output = run(&["notice", "--acns", &bad]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("document type"));
    let empty = write("empty.xml", "<Infringement/>");
    assert_eq!(run(&["notice", "--acns", &empty]).status.code(), Some(2));
    std::fs::remove_dir_all(&folder).expect("the folder");
}

#[test]
fn verify_says_not_while_a_client_runs_and_nothing_of_strangers() {
    let (running, status) = answer(&["verify", "192.168.50.21", "--json"]);
    assert_eq!((&running["state"], &running["cleared"], status), (&"active".into(), &false.into(), Some(4)));
    let (unknown, status) = answer(&["verify", "192.168.50.199", "--json"]);
    assert_eq!((&unknown["state"], status), (&"cannot-tell".into(), Some(3)));
    let output = run(&["verify", "192.168.50.21", "--quiet-for", "yesterday"]);
    assert_eq!(output.status.code(), Some(2));
}
