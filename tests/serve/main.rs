//! A sensor as a scraper and a browser see it: the project's demo capture, watched and asked for over HTTP.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "what fails must stop the test")]

mod hostile;
mod limits;
mod protection;
#[path = "../serving/mod.rs"]
mod serving;

use serde_json::Value;
use serving::{family, loopback, promtool, unpacked, value, watched};
use std::sync::OnceLock;
use swarmscope::output::http::HttpOptions;

/// The demo, watched once for all tests that only read.
fn office() -> &'static serving::Served {
    static OFFICE: OnceLock<serving::Served> = OnceLock::new();
    OFFICE.get_or_init(|| watched("office.pcap", loopback()))
}

#[test]
fn the_metrics_page_pleases_promtool_in_every_form() {
    let plain = office().get("/metrics");
    assert_eq!(plain.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(promtool(&["check", "metrics"], &plain.body), "");
    let packed = office().get_with("/metrics", "Accept-Encoding: gzip\r\n");
    assert_eq!(
        (packed.header("content-encoding"), packed.header("vary")),
        ("gzip", "accept, accept-encoding")
    );
    assert_eq!(promtool(&["check", "metrics"], &unpacked(&packed.body)), "");
    let open = office().get_with("/metrics", "Accept: application/openmetrics-text;version=1.0.0\r\n");
    assert!(open.header("content-type").starts_with("application/openmetrics-text; version=1.0.0"));
    let text = open.text();
    assert!(
        text.ends_with("# EOF\n")
            && text.contains("# TYPE swarmscope_packets counter\nswarmscope_packets_total ")
    );
}

#[test]
fn the_metrics_tell_what_the_capture_holds() {
    let page = office().get("/metrics").text();
    let of =
        |series: &str| value(&page, &format!("swarmscope_{series}")).unwrap_or_else(|| panic!("{series}"));
    assert!((of("packets_total") - 3_668.0).abs() < 0.5);
    let sum = |name: &str| family(&page, &format!("swarmscope_{name}")).iter().map(|(_, v)| v).sum::<f64>();
    let seen = of("packets_decoded_total") + sum("packets_skipped_total");
    assert!((of("packets_total") - seen).abs() < 0.5, "every packet is accounted for");
    assert!((of("hosts{state=\"active\"}") - 5.0).abs() < 0.5 && (of("torrents") - 2.0).abs() < 0.5);
    assert!(of("dht_round_trip_seconds_count") > 10.0 && sum("handshakes_total") > 5.0);
    // The torrents are 680 kB; some of it moved more than once.
    assert!(sum("p2p_bytes_total") > 680_000.0, "{}", sum("p2p_bytes_total"));
    assert!(sum("host_bytes_total") > 680_000.0);
    let all: u64 = office()
        .live
        .snapshot()
        .totals
        .flows
        .values()
        .map(|s| s.bytes_in + s.bytes_out + s.bytes_across)
        .sum();
    let told = sum("p2p_bytes_total") + sum("other_p2p_bytes_total");
    assert!((all as f64 - told).abs() < 0.5, "{all} bytes are known, {told} were told");
}

#[test]
fn each_list_answers_pages_sorts_and_filters() {
    for list in ["hosts", "torrents", "flows", "exposure", "alerts"] {
        let all = office().json(&format!("/api/v1/{list}?limit=1000"));
        let total = all["total"].as_u64().expect("a number");
        assert_eq!(all["items"].as_array().map(Vec::len), usize::try_from(total).ok(), "{list}");
        let part = office().json(&format!("/api/v1/{list}?limit=1&offset=1"));
        assert_eq!((&part["total"], &part["limit"], &part["offset"]), (&all["total"], &1.into(), &1.into()));
        assert_eq!(part["items"].get(0), all["items"].get(1), "{list}");
        assert_eq!(office().get(&format!("/api/v1/{list}?limit=many")).status, 400);
    }
    let addresses = |path: &str| -> Vec<String> {
        let hosts = office().json(path);
        let hosts = hosts["items"].as_array().expect("a list");
        hosts.iter().map(|h| h["address"].as_str().expect("a text").to_owned()).collect()
    };
    let want = ["21", "34", "47", "58", "66"].map(|n| format!("192.168.50.{n}"));
    assert_eq!(addresses("/api/v1/hosts?sort=address"), want);
    assert_eq!(addresses("/api/v1/hosts?sort=address&order=desc&limit=1"), ["192.168.50.66"]);
    assert_eq!(addresses("/api/v1/hosts?q=transmission"), ["192.168.50.34"]);
    assert_eq!(addresses("/api/v1/hosts?state=cleared"), Vec::<String>::new());
    assert_eq!(office().get("/api/v1/hosts?sort=colour").status, 400);
    let flows =
        office().json("/api/v1/flows?host=192.168.50.58&encryption=mse-rc4&grade=confirmed&limit=1000");
    let flows = flows["items"].as_array().expect("a list");
    assert!(flows.iter().all(|f| f["p2p"]["encryption"] == "mse-rc4" && f["event_type"] == "flow"));
    let found = office().json("/api/v1/torrents?q=96A5CBC4");
    assert_eq!(
        (&found["total"], &found["items"][0]["info_hash"]),
        (&1.into(), &"96a5cbc4277307610e9bddd8d95cd0f50461abfa".into())
    );
}

#[test]
fn one_host_and_one_torrent_are_told_with_what_belongs_to_them() {
    let host = office().json("/api/v1/hosts/192.168.50.34");
    assert_eq!(
        (&host["host"]["address"], &host["host"]["state"]),
        (&"192.168.50.34".into(), &"active".into())
    );
    for list in ["torrents", "flows"] {
        assert!(host[list].as_array().is_some_and(|l| !l.is_empty()), "{list}");
    }
    assert!(host["ports"].is_array() && host["alerts"].is_array() && host["rate"]["step_seconds"] == 10);
    let hash = host["torrents"][0]["info_hash"].as_str().expect("a text");
    let torrent = office().json(&format!("/api/v1/torrents/{hash}"));
    assert_eq!(torrent["torrent"]["info_hash"], hash);
    assert!(torrent["hosts"].as_array().is_some_and(|hosts| hosts.len() >= 2));
    for path in ["hosts/192.168.50.250", "hosts/evil", "torrents/00", "hosts/1/2", "nothing", ""] {
        let reply = office().get(&format!("/api/v1/{path}"));
        let why: Value = serde_json::from_slice(&reply.body).expect("errors are JSON");
        assert!(reply.status == 404 && why["error"].is_string(), "{path}");
    }
}

#[test]
fn the_objects_are_those_of_the_summary() {
    let api = office().json("/api/v1/hosts?sort=bytes&limit=1");
    let snapshot = office().live.snapshot();
    let mut summary = Vec::new();
    swarmscope::output::write_json(&snapshot.report, &mut summary).expect("memory");
    let mut summary: Value = serde_json::from_slice(&summary).expect("JSON");
    summary["hosts"][0]["state"] = "active".into();
    assert_eq!(api["items"][0], summary["hosts"][0]);
    assert_eq!(office().json("/api/v1/torrents?limit=1")["items"][0], summary["torrents"][0]);
    assert_eq!(office().json("/api/v1/exposure?limit=1000")["items"], summary["exposure"]);
}

#[test]
fn the_network_at_a_glance() {
    let now = office().json("/api/v1/overview");
    assert_eq!(now["sensor"]["interfaces"][0]["name"], "eth1");
    assert_eq!((&now["sensor"]["healthy"], &now["sensor"]["packets"]), (&true.into(), &3_668.into()));
    assert_eq!((&now["counts"]["hosts"], &now["counts"]["torrents"]), (&5.into(), &2.into()));
    let points = now["rate"]["points"].as_array().expect("a list");
    let moved: u64 = points.iter().filter_map(|p| Some(p["p2p_in"].as_u64()? + p["p2p_out"].as_u64()?)).sum();
    assert!(points.len() > 3 && moved > 30_000, "{moved} bytes a second in steps of ten");
    assert_eq!(office().json("/api/v1/stats")["packets"], 3_668);
    let dht = office().json("/api/v1/dht");
    assert!(dht["messages"]["get_peers"]["out"]["query"].as_u64() > Some(0), "{dht}");
    assert!(dht["hosts"].as_array().is_some_and(|h| !h.is_empty()));
    for by in ["host", "torrent", "client", "kind"] {
        let top = office().json(&format!("/api/v1/top?by={by}&k=2"));
        assert_eq!((&top["by"], top["items"].as_array().map(Vec::len)), (&by.into(), Some(2)));
        assert!(top["items"][0]["bytes"].as_u64() >= top["items"][1]["bytes"].as_u64());
    }
}

#[test]
fn the_page_comes_with_a_tag_and_loads_nothing_from_elsewhere() {
    for (path, kind) in
        [("/", "text/html"), ("/assets/app.js", "text/javascript"), ("/assets/app.css", "text/css")]
    {
        let reply = office().get(path);
        assert_eq!(reply.status, 200);
        assert!(reply.header("content-type").starts_with(kind));
        assert!(reply.header("content-security-policy").starts_with("default-src 'self';"));
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert_eq!(reply.header("cross-origin-resource-policy"), "same-origin");
        let tag = reply.header("etag");
        let again = office().get_with(path, &format!("If-None-Match: {tag}\r\n"));
        assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, tag));
    }
    let head = office().send("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[test]
fn health_and_readiness_are_told_apart() {
    assert_eq!((office().get("/-/healthy").status, office().get("/-/ready").status), (200, 200));
    let (_sink, live) = serving::sensor(swarmscope::output::live::LiveOptions::default());
    let running = serving::serve(&live, loopback());
    let fresh = serving::Served { live, running };
    assert_eq!((fresh.get("/-/healthy").status, fresh.get("/-/ready").status), (200, 503));
    assert_eq!(fresh.json("/api/v1/overview")["sensor"]["healthy"], false);
    assert_eq!(promtool(&["check", "metrics"], &fresh.get("/metrics").body), "");
}

#[test]
fn a_reload_is_asked_for_with_post_by_the_page_itself() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    let asked = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&asked);
    let reload = Arc::new(move || {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    let served = watched("lsd.pcap", HttpOptions { reload: Some(reload), ..loopback() });
    let post = |headers: &str| {
        served
            .send(&format!(
                "POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n{headers}\r\n"
            ))
            .status
    };
    assert_eq!((served.get("/-/reload").status, post("Origin: http://evil.example\r\n")), (405, 403));
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    assert_eq!(
        (post(""), post("Origin: http://localhost\r\n"), asked.load(Ordering::Relaxed)),
        (202, 202, 2)
    );
    assert_eq!(office().send("POST /-/reload HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 404);
    assert_eq!(office().send("POST /api/v1/stats HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 405);
}
