//! `swarmscope report` and `analyze --html` as a shell sees them; golden files in `tests/golden/`, `UPDATE_GOLDEN=1` writes
//! them anew.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

mod report_support;

use report_support::{Folder, run, well_formed};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::Path;
use swarmscope::base::hex;
use swarmscope::capture::{FileOptions, OwnedPacket, PacketSource, Read};

const OFFICE: &str = "tests/captures/office.pcap";
const HOST: &str = "192.168.50.21";
const TORRENT: &str = "96a5cbc4277307610e9bddd8d95cd0f50461abfa";

#[test]
fn a_host_in_markdown_and_json() {
    check("report-office.md", &format!("report {HOST} {OFFICE} -q"));
    check("report-office.json", &format!("report {HOST} {OFFICE} -q --format json"));
}

#[test]
fn the_number_of_workers_changes_nothing() {
    for format in ["md", "json", "html"] {
        let line = format!("report {HOST} {OFFICE} -q --format {format}");
        assert_eq!(run(&line).stdout, run(&format!("{line} --workers 3")).stdout, "{format}");
    }
}

#[test]
fn the_json_has_the_members_that_its_documentation_names() {
    let documented = include_str!("../docs/report.md");
    let rows: Vec<(&str, &str)> =
        documented.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | ")).collect();
    let json = json(&format!("report {HOST} {OFFICE} -q --format json"));
    let members: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let named: Vec<&str> = rows.iter().map(|(name, _)| *name).collect();
    assert_eq!(members, named);
    // Words in a row are members somewhere inside, and the other way round for objects that no other page describes.
    for (name, text) in rows {
        let inside = keys(&json[name]);
        if ["verdict", "timeline", "peers", "reasons", "evidence", "standing"].contains(&name) {
            for key in &inside {
                let nested = ["flow", "reason", "at", "state"].contains(&key.as_str());
                assert!(nested || text.contains(&format!("`{key}`")), "{name}: {key} is not documented");
            }
        }
    }
}

#[test]
fn the_chain_can_be_recomputed_from_the_sample_and_the_capture() {
    let folder = Folder::new("chain");
    let sample = folder.path("sample.pcap");
    let report = json(&format!("report {HOST} {OFFICE} -q --format json --pcap {sample}"));
    let packets = packets(&sample);
    let evidence = &report["evidence"];
    assert_eq!(evidence["sample"]["packets"], packets.len());
    let file = hex(&Sha256::digest(std::fs::read(OFFICE).unwrap()));
    assert_eq!(evidence["files"][0]["sha256"], *file);
    let mut chain = hex(&Sha256::digest(&file));
    assert_eq!(evidence["chain_start"], *chain);
    let excerpts = evidence["excerpts"].as_array().unwrap();
    assert!((4..=16).contains(&excerpts.len()), "{}", excerpts.len());
    let whole = crate::packets(OFFICE);
    for excerpt in excerpts {
        let place = excerpt["in_sample"].as_u64().unwrap() as usize;
        let packet = &packets[place - 1];
        assert_eq!(*packet, whole[excerpt["packet"].as_u64().unwrap() as usize - 1]);
        let digest = hex(&Sha256::digest(&packet.data));
        assert_eq!(excerpt["sha256"], *digest);
        assert_eq!(excerpt["at"], packet.at.to_string());
        let shown = &packet.data[..packet.data.len().min(256)];
        assert_eq!(excerpt["hex"], hex(shown));
        let line = format!("{chain} {} {} {digest}\n", excerpt["packet"], packet.at);
        chain = hex(&Sha256::digest(line));
        assert_eq!(excerpt["chain"], *chain, "packet {}", excerpt["packet"]);
    }
    let shown: BTreeSet<&str> = excerpts
        .iter()
        .flat_map(|e| e["shows"].as_array().unwrap())
        .map(|s| s["reason"].as_str().unwrap())
        .collect();
    assert!(shown.contains("handshake") && shown.contains("krpc"), "{shown:?}");
}

#[test]
fn the_sample_is_bounded_and_every_packet_is_of_the_host() {
    let folder = Folder::new("sample");
    let sample = folder.path("sample.pcap");
    run(&format!("report {HOST} {OFFICE} -q --pcap {sample}"));
    let host = [192, 168, 50, 21];
    let packets = packets(&sample);
    assert!(packets.iter().map(|p| p.data.len()).sum::<usize>() <= 4 << 20);
    // With a group as its receiver, a packet of the host is the host's, too.
    assert!(packets.iter().all(|p| p.data[26..30] == host || p.data[30..34] == host));
    assert!(packets.iter().all(|p| p.wire_len as usize == p.data.len()));
}

#[test]
fn a_case_leads_to_the_host_behind_the_address() {
    let hash = "96a5cbc4277307610e9bddd8d95cd0f50461abfa";
    let report =
        json(&format!("report 198.51.100.2:19375@2026-11-21T10:12:00Z,{hash} {OFFICE} -q --format json"));
    assert_eq!(report["host"], HOST);
    assert_eq!(report["notice"]["conclusion"], "found");
    let output = run(&format!("report 192.0.2.77:1@2026-11-21T10:12:00Z {OFFICE}  -q"));
    assert_eq!((output.status.code(), output.stdout.len()), (Some(4), 0));
}

#[test]
fn the_pages_are_well_formed_and_load_nothing() {
    let folder = Folder::new("pages");
    let (host, capture) = (folder.path("host.html"), folder.path("capture.html"));
    run(&format!("report {HOST} {OFFICE} -q --format html --output {host}"));
    run(&format!("analyze {OFFICE} -q --html {capture} --rules rules/policy"));
    for path in [host, capture] {
        let page = std::fs::read_to_string(&path).unwrap();
        let body = page.split_once("</style>").unwrap().1;
        well_formed(&page);
        assert!(page.contains("default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;"));
        for outside in ["<script", "src=", "@import", "url(", "http:", "https:", "javascript:"] {
            assert!(!body.contains(outside), "{outside} in {path}");
        }
        assert!(body.contains("<svg") && body.contains(HOST));
        // Whoever reads a table reads times and hashes in one piece; what has no room scrolls.
        let hash = format!("<code class=\"short\"><bdi>{TORRENT}</bdi></code>");
        assert!(body.contains(&hash) && body.contains("<span class=\"short\">2026-11-21 "), "{path}");
        assert!(
            page.contains(".short { white-space: nowrap;") && page.contains(".table { overflow-x: auto; }")
        );
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_host_without_traffic_is_said_to_have_none() {
    let output = run(&format!("report 192.168.50.199 {OFFICE} -q"));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(text.contains("192.168.50.199 was not seen at all"), "{text}");
}

#[test]
fn names_that_are_kept_back_are_not_in_the_bytes_either() {
    let report = json(&format!("report {HOST} {OFFICE} -q --format json --names off"));
    let excerpts = report["evidence"]["excerpts"].as_array().unwrap();
    assert!(!excerpts.is_empty() && excerpts.iter().all(|e| e["hex"].is_null()));
}

#[test]
fn wrong_usage_exits_with_2_and_says_why_in_a_line() {
    for (line, why) in [
        (format!("report {HOST} - -q"), "reads its input twice"),
        (format!("report {HOST} /dev/null -q"), "reads its input twice"),
        (format!("report {HOST} nowhere.pcap -q"), "nowhere.pcap"),
        (format!("report {HOST} {OFFICE} -q --output {OFFICE}"), "overwrite"),
        (format!("report {HOST} {OFFICE} -q --pcap {OFFICE}"), "overwrite"),
        (format!("report {HOST} {OFFICE} -q --pcap x --output x"), "same file"),
        (format!("report {HOST} {OFFICE} -q --pcap x --names off"), "names shown"),
        (format!("report {HOST} {OFFICE} -q --anonymize key"), "unexpected argument"),
        (format!("report somebody {OFFICE}"), "expected an address"),
        (format!("analyze {OFFICE} -q --html -"), "wants a file"),
        (format!("analyze {OFFICE} -q --html {OFFICE}"), "overwrite"),
        (format!("analyze {OFFICE} -q --names secret"), "invalid value"),
        (format!("analyze {OFFICE} -q --anonymize {OFFICE}"), "others may read it"),
        (format!("analyze {OFFICE} -q --anonymize nowhere"), "nowhere"),
    ] {
        let output = run(&line);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{line}: {stderr}");
        assert!(stderr.contains(why) && output.stdout.is_empty(), "{line}: {stderr}");
    }
}

fn json(line: &str) -> Value {
    let output = run(line);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn keys(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Object(members) => {
            members.iter().flat_map(|(key, v)| std::iter::once(key.clone()).chain(keys(v))).collect()
        }
        Value::Array(items) => items.iter().flat_map(keys).collect(),
        _ => BTreeSet::new(),
    }
}

fn packets(path: &str) -> Vec<OwnedPacket> {
    let mut source = swarmscope::capture::open(&[path.into()], &FileOptions::default()).unwrap();
    let mut packets = Vec::new();
    while let Read::Packet(packet) = source.next_packet().unwrap() {
        packets.push(OwnedPacket::from(packet));
    }
    packets
}

fn check(name: &str, line: &str) {
    let output = run(line);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let version = env!("CARGO_PKG_VERSION");
    let actual = String::from_utf8(output.stdout).unwrap();
    let actual = actual
        .replace(&format!("\"swarmscope\": \"{version}\""), "\"swarmscope\": \"VERSION\"")
        .replace(&format!("swarmscope {version}"), "swarmscope VERSION");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &actual).unwrap();
    }
    assert_eq!(actual, std::fs::read_to_string(&path).unwrap(), "{name} differs");
}
