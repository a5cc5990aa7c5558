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
