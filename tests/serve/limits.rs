//! Slow, large, many: what a client may not do, and that a scrape gets through all the same.
#![allow(
    clippy::disallowed_methods,
    reason = "how long an answer takes is measured by the clock on the wall"
)]

use super::hostile::record;
use super::serving::{self, Reply, connect, family, loopback, promtool, watched};
use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};
use swarmscope::base::{HomeNets, Timestamp};
use swarmscope::event::{FlowUpdate, Told};
use swarmscope::ledger::report::Coverage;
use swarmscope::ledger::{Ledger, LedgerLimits};
use swarmscope::output::live::LiveOptions;
use swarmscope::output::prometheus::{PAGE_MAX, SERIES_MAX};
use swarmscope::output::{AnalysisSink, FlowContext};

#[test]
fn requests_are_small_and_name_us() {
    let served = super::office();
    for (request, status) in [
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "a".repeat(9_000)), 431),
        (format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(9_000)), 431),
        ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned(), 421),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello".to_owned(), 413),
        ("DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), 405),
        ("GET /../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), 404),
        ("GET /assets/%2e%2e/x HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), 404),
        ("\u{1}\r\n\r\n".to_owned(), 400),
    ] {
        let reply = served.send(&request);
        let shown = request.get(..60).unwrap_or(&request);
        assert!(
            reply.status == status || (status == 431 && reply.status == 414),
            "{shown}: {}",
            reply.status
        );
    }
}

#[test]
fn unknown_paths_make_no_series() {
    let served = super::office();
    let series = || served.get("/metrics").text().lines().filter(|l| !l.starts_with('#')).count();
    let before = series();
    for n in 0..200 {
        assert_eq!(served.get(&format!("/random/{n}")).status, 404);
    }
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(series(), before);
}

#[test]
fn slow_clients_are_evicted_and_every_scrape_gets_through() {
    let served = watched("lsd.pcap", loopback());
    let begun = Instant::now();
    let mut slow: Vec<_> = (0..60)
        .map(|_| {
            let mut stream = connect(served.address());
            let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost:");
            stream
        })
        .collect();
    for _ in 0..5 {
        let asked = Instant::now();
        assert_eq!(served.get("/metrics").status, 200);
        assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
    }
    // Those who are left are told so, or closed, after the time for headers.
    for stream in &mut slow {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    }
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    let evicted = family(&served.get("/metrics").text(), "swarmscope_http_evicted_connections_total")[0].1;
    assert!(evicted >= 44.0, "{evicted}");
}

#[test]
fn a_byte_now_and_then_does_not_hold_a_connection() {
    let served = super::office();
    let mut stream = connect(served.address());
    stream.write_all(b"GET /metrics HTTP/1.1\r\n").expect("it takes requests");
    for _ in 0..8 {
        std::thread::sleep(Duration::from_millis(1_000));
        if stream.write_all(b"X: a\r\n").is_err() {
            break;
        }
    }
    let begun = Instant::now();
    let _ = Reply::read(&mut stream);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn listeners_are_few_and_leave_room_for_scrapes() {
    let served = watched("lsd.pcap", loopback());
    let listen = || {
        let mut stream = connect(served.address());
        stream
            .write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .expect("it takes requests");
        let mut start = [0; 12];
        stream.read_exact(&mut start).expect("it answers");
        (stream, String::from_utf8_lossy(&start[9..]).into_owned())
    };
    let all: Vec<_> = (0..9).map(|_| listen()).collect();
    let codes: Vec<&str> = all.iter().map(|(_, code)| code.as_str()).collect();
    assert_eq!(codes, ["200", "200", "200", "200", "200", "200", "200", "200", "503"]);
    assert_eq!(served.get("/metrics").status, 200);
}

#[test]
fn a_million_hosts_make_no_larger_page_and_lose_no_byte() {
    let (mut sink, live) = serving::sensor(LiveOptions { hosts_max: usize::MAX, ..LiveOptions::default() });
    let running = serving::serve(&live, loopback());
    let served = serving::Served { live, running };
    let ledger = Ledger::new(HomeNets::default(), LedgerLimits::default());
    let (mut total, mut before) = (0u64, HashMap::new());
    for n in 0..1_000_000u32 {
        let mut record = record(n, 100 + u64::from(n % 7));
        record.end = Timestamp::from_secs(2_000 + i64::from(n / 1_000));
        record.start = record.end;
        record.label.clients = [None, None];
        total += record.sent[0].bytes * 2;
        let update = FlowUpdate { record: &record, told: Told::default(), ended: true };
        sink.update(&update, &FlowContext::default());
        if n % 50_000 == 0 {
            sink.tick(record.end, &ledger, &Coverage::default());
        }
        if n % 250_000 == 0 {
            std::thread::sleep(Duration::from_millis(1_100));
            let page = served.get("/metrics").text();
            let now: HashMap<String, f64> = family(&page, "swarmscope_host_bytes_total")
                .into_iter()
                .map(|(l, v)| (l.to_owned(), v))
                .collect();
            for (labels, was) in &before {
                assert!(now.get(labels).is_none_or(|n| n >= was), "{labels} went down");
            }
            before = now;
        }
    }
    std::thread::sleep(Duration::from_millis(1_100));
    let asked = Instant::now();
    let reply = served.get("/metrics");
    let spent = asked.elapsed();
    let page = reply.text();
    let series = page.lines().filter(|l| !l.starts_with('#')).count();
    assert!(
        series <= SERIES_MAX && reply.body.len() <= PAGE_MAX,
        "{series} series, {} bytes",
        reply.body.len()
    );
    assert!(series > 3_000, "the limit was reached for: {series}");
    assert!(spent < Duration::from_secs(10), "{spent:?} for {series} series");
    assert_eq!(promtool(&["check", "metrics"], &reply.body), "");
    let evicted = family(&page, "swarmscope_host_series_evictions_total")[0].1;
    let sum: f64 = family(&page, "swarmscope_host_bytes_total").iter().map(|(_, v)| v).sum();
    assert!(evicted < 0.5, "all move as much, so nobody displaces anybody");
    assert!((sum - total as f64).abs() < 0.5, "{sum} of {total}");
}
