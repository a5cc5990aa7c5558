//! What is kept back is in no output: every real address and every name is looked for in all of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

mod report_support;
#[path = "serving/mod.rs"]
mod serving;

use report_support::{Folder, run, well_formed};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use swarmscope::base::{Address, Endpoint, InfoHash, Timestamp};
use swarmscope::capture::FileOptions;
use swarmscope::event::{Channel, NameTrust};
use swarmscope::ledger::report::{Report, TorrentReport};
use swarmscope::output::live::LiveOptions;
use swarmscope::output::privacy::{Names, Pseudonyms, Veil, Veiled};
use swarmscope::output::report::{CaptureReport, Timeline, write_capture_html};
use swarmscope::output::{EventWriter, Layout, TorrentEvent, write_json, write_summary};
use swarmscope::pipeline::{AnalyzeLimits, WatchOptions, watch};

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const CAPTURES: [&str; 4] = ["office.pcap", "ipv6.pcap", "mse-rc4.pcap", "background.pcap"];

#[test]
fn no_output_of_a_capture_holds_a_real_address() {
    let folder = Folder::new("addresses");
    let key = key_file(&folder);
    for capture in CAPTURES {
        let input = format!("tests/captures/{capture}");
        let plain =
            format!("analyze {input} -q --home-net 192.168.50.0/24,2001:db8:50::/64 --rules rules/policy");
        let real = addresses(&outputs(&folder, &plain));
        assert!(real.len() > 3, "{capture}: {}", real.len());
        let veiled = outputs(&folder, &format!("{plain} --anonymize {key}"));
        let told = addresses(&veiled);
        let both: Vec<&IpAddr> = real.intersection(&told).collect();
        assert!(both.is_empty(), "{capture}: {both:?}");
        assert_eq!(told.len(), real.len(), "{capture}: as many pseudonyms as addresses");
        for text in &veiled {
            let whole = |address: &&IpAddr| words(text).any(|word| word == address.to_string());
            let found: Vec<&IpAddr> = real.iter().filter(whole).collect();
            assert!(found.is_empty(), "{capture}: {found:?}");
            assert!(!text.contains("192.168.50.") && !text.contains("2001:db8:50:"), "{capture}");
        }
    }
}

#[test]
fn the_same_key_gives_the_same_pseudonyms_in_every_run_and_output() {
    let folder = Folder::new("same");
    let key = key_file(&folder);
    let line = format!("analyze tests/captures/office.pcap -q --anonymize {key}");
    let json = run(&format!("{line} --json")).stdout;
    assert_eq!(json, run(&format!("{line} --json --workers 2")).stdout);
    let json: Value = serde_json::from_slice(&json).unwrap();
    let page = folder.path("same.html");
    let events = String::from_utf8(run(&format!("{line} --events - --html {page}")).stdout).unwrap();
    let page = std::fs::read_to_string(page).unwrap();
    let hosts = json["hosts"].as_array().unwrap();
    assert!(!hosts.is_empty());
    for host in hosts {
        let address = host["address"].as_str().unwrap();
        assert!(events.contains(address) && page.contains(address), "{address}");
    }
}

#[test]
fn a_running_sensor_serves_no_real_address() {
    let real = addresses(&[String::from_utf8(
        run("analyze tests/captures/office.pcap -q --events - --all-flows --log dht").stdout,
    )
    .unwrap()]);
    let veil = Arc::new(Veil::new(Names::Off, Some(Pseudonyms::new(&[9; 32]))));
    let options =
        LiveOptions { home: veil.home(&serving::home()), veil: Arc::clone(&veil), ..LiveOptions::default() };
    let (sink, live) = serving::sensor(options);
    let running = serving::serve(&live, serving::loopback());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures/office.pcap");
    let mut source = swarmscope::capture::open(&[path.into()], &FileOptions::default()).unwrap();
    let options = WatchOptions {
        home: serving::home(),
        workers: 1,
        all_flows: true,
        log_dht: true,
        deduplicate: true,
        remembered: None,
        limits: AnalyzeLimits::default(),
        allowed: Default::default(),
    };
    watch(std::slice::from_mut(&mut source), &options, &mut Veiled::new(veil, sink)).unwrap();
    let served = serving::Served { live, running };
    let hosts = served.json("/api/v1/hosts");
    let host = hosts["items"][0]["address"].as_str().unwrap().to_owned();
    let torrents = served.json("/api/v1/torrents");
    let torrent = torrents["items"][0]["info_hash"].as_str().unwrap().to_owned();
    let mut paths: Vec<String> =
        ["overview", "hosts", "torrents", "flows?limit=1000", "exposure", "alerts", "dht", "stats", "top"]
            .map(|path| format!("/api/v1/{path}"))
            .to_vec();
    paths.extend([
        format!("/api/v1/hosts/{host}"),
        format!("/api/v1/torrents/{torrent}"),
        "/metrics".to_owned(),
    ]);
    for path in paths {
        let reply = served.get(&path);
        assert_eq!(reply.status, 200, "{path}");
        let text = reply.text();
        let whole = |address: &&IpAddr| words(&text).any(|word| word == address.to_string());
        let found: Vec<&IpAddr> = real.iter().filter(whole).collect();
        assert!(found.is_empty(), "{path}: {found:?}");
    }
    // Prefixes are kept, so what was at home still is.
    assert_eq!(hosts["total"], 5);
}

#[test]
fn names_are_told_as_asked_in_every_output() {
    let folder = Folder::new("names");
    let secret = "Holiday pictures of the Miller family.zip";
    for (names, shown) in [(Names::Shown, true), (Names::Hashed, false), (Names::Off, false)] {
        let mut report = Report { torrents: vec![torrent(secret)], ..Report::default() };
        Veil::new(names, None).report(&mut report);
        let mut texts = Vec::new();
        write_summary(&report, &mut texts, Layout { width: 200, color: false }).unwrap();
        write_json(&report, &mut texts).unwrap();
        let capture = CaptureReport { report: &report, alerts: None, timeline: &Timeline::default() };
        write_capture_html(&capture, &mut texts).unwrap();
        let mut writer = EventWriter::new(Vec::new());
        writer.torrent(&TorrentEvent::Summary { at: Timestamp(0), torrent: &report.torrents[0] }).unwrap();
        texts.extend(writer.into_inner());
        let text = String::from_utf8(texts).unwrap();
        assert_eq!(text.contains("Miller"), shown, "{names:?}");
        assert_eq!(text.contains("name-"), names == Names::Hashed, "{names:?}");
    }
    // From the command line, through a capture: there it is enough that the word is taken.
    let json = folder.path("e.jsonl");
    for names in ["shown", "hashed", "off"] {
        let line = format!("analyze tests/captures/office.pcap -q --names {names} --events {json}");
        assert_eq!(run(&line).status.code(), Some(0), "{names}");
    }
}

#[test]
fn hostile_names_stay_names_on_the_page() {
    let hostile = [
        "<script>alert(1)</script>".to_owned(),
        "\"><img src=x onerror=alert(1)>".to_owned(),
        "holiday \u{202e}gpj.exe\u{200b}\u{1b}[2J\r\n</title>".to_owned(),
        "]]></style><a href='javascript:x'>".to_owned(),
        "x".repeat(10_000),
    ];
    let report = Report { torrents: hostile.iter().map(|name| torrent(name)).collect(), ..Report::default() };
    let mut page = Vec::new();
    let capture = CaptureReport { report: &report, alerts: None, timeline: &Timeline::default() };
    write_capture_html(&capture, &mut page).unwrap();
    let page = String::from_utf8(page).unwrap();
    well_formed(&page);
    for word in ["<script", "<img", "<a href='", "\u{202e}", "\u{200b}", "\u{1b}"] {
        assert!(!page.contains(word), "{word:?}");
    }
    assert!(page.contains("holiday \\u{202e}gpj.exe"));
    assert!(page.len() < 60_000, "{}", page.len());
}

#[test]
fn a_key_that_others_may_read_or_that_is_none_is_refused() {
    let folder = Folder::new("keys");
    let path = folder.path("key");
    for (text, mode, why) in [
        (KEY, 0o644, "others may read it"),
        (KEY, 0o640, "others may read it"),
        ("secret", 0o600, "expected 32 bytes"),
        ("", 0o600, "expected 32 bytes"),
    ] {
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let output = run(&format!("analyze tests/captures/dht.pcap -q --anonymize {path}"));
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(why) && !stderr.contains("secret:"), "{stderr}");
    }
}

fn torrent(name: &str) -> TorrentReport {
    let host = swarmscope::ledger::report::TorrentHost {
        address: Address::v4([10, 0, 0, 5]),
        first: Timestamp(0),
        last: Timestamp(0),
        claimed: None,
        measured: Some((1, 2)),
        upload_only: None,
        downloaded: 1,
        uploaded: 1,
        peers: 1,
        across: [0, 0],
        role: swarmscope::ledger::report::Role::Leecher,
    };
    TorrentReport {
        info_hash: InfoHash([7; 20]),
        also: None,
        v2: None,
        is_v2: false,
        name: Some((name.to_owned(), Channel::Metainfo, NameTrust::Claimed)),
        size: Some(1),
        pieces: Some(2),
        private: None,
        first: Timestamp(0),
        last: Timestamp(0),
        hosts: vec![host],
        peers: 1,
        peers_seeding: 0,
        reported: None,
        scrape: None,
        trackers: vec![],
        allowed: None,
        channels: vec![Channel::Metainfo],
    }
}

fn key_file(folder: &Folder) -> String {
    let path = folder.path("key");
    std::fs::write(&path, format!("{KEY}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// Summary, JSON, events with all flows and messages, and the page of a capture.
fn outputs(folder: &Folder, line: &str) -> Vec<String> {
    let page = folder.path("page.html");
    let mut texts: Vec<String> = ["", " --json", " --events - --all-flows --log dht"]
        .iter()
        .map(|more| {
            let output = run(&format!("{line} --html {page}{more}"));
            assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        })
        .collect();
    texts.push(std::fs::read_to_string(page).unwrap());
    texts
}

/// Runs of letters that an address could be written in.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '/')))
        .map(|word| word.trim_end_matches(['.', ':']))
        .filter(|word| word.matches(['.', ':']).count() >= 2)
}

/// Every address in texts; networks are none.
fn addresses(texts: &[String]) -> BTreeSet<IpAddr> {
    texts
        .iter()
        .flat_map(|text| words(text))
        .filter_map(|word| {
            let endpoint = || word.parse::<Endpoint>().ok().map(|e| e.address);
            // The version of a client that looks like one.
            let version = word == "2.0.8.0";
            word.parse::<Address>().ok().filter(|_| !version).or_else(endpoint).map(Address::to_ip)
        })
        .collect()
}
