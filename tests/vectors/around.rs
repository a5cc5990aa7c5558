//! The vectors of everything around the peer wire: trackers, web seeds, local discovery, port mapping, other networks,
//! client names.
#![allow(clippy::panic)] // helpers of tests, which the lint takes for production code

use crate::load::{self, Packet, Verdict};
use serde_json::Value;
use swarmscope::base::{InfoHash, Transport, hex};
use swarmscope::wire::other::OtherProtocol;
use swarmscope::wire::udp_tracker::{self, Event, Options, Request, Response};
use swarmscope::wire::{
    Guess, Parsed, client, http, http_tracker, lsd, other, port_mapping, stun, upnp, webseed, websocket,
};

fn check_verdict(p: &Packet, guess: Guess) {
    let want = match p.expect.verdict {
        Verdict::Match => Guess::Certain,
        Verdict::Candidate => Guess::Maybe,
        Verdict::Reject => Guess::No,
    };
    assert_eq!(guess, want, "{}", p.id);
}

/// Asserts the fields that the vector lists and `got` knows; every listed field must be among `known`.
fn check_fields(p: &Packet, got: &Value) {
    if p.expect.verdict == Verdict::Reject {
        return;
    }
    let listed = p.expect.fields.as_object().into_iter().flatten();
    for (name, want) in listed {
        let value = got.get(name).unwrap_or_else(|| panic!("{}: field {name} is not checked", p.id));
        assert_eq!(value, want, "{}: {name}", p.id);
    }
}

fn texts<T: ToString>(items: impl Iterator<Item = T>) -> Vec<String> {
    items.map(|i| i.to_string()).collect()
}

#[test]
fn udp_tracker() {
    for p in load::packets_of("bt.tracker.udp") {
        let ipv6 = p.given.get("ip_version").and_then(Value::as_i64) == Some(6);
        let request = udp_tracker::parse_request(&p.bytes);
        let response = udp_tracker::parse_response(&p.bytes, ipv6);
        let guess = match (&request, &response) {
            (Ok(r), _) => udp_tracker::recognise_request(r, false),
            (_, Ok(r)) => udp_tracker::recognise_response(r, false),
            _ => Guess::No,
        };
        check_verdict(&p, guess);
        let mut got = match (request, response) {
            (Ok(r), _) => request_fields(&r),
            (_, Ok(r)) => response_fields(&r),
            _ => Value::Null,
        };
        // The content of the options is secret: their presence is all that is told.
        if let Some(url) = p.expect.text("url_data") {
            assert_eq!(got["options"], "url_data", "{}", p.id);
            got["url_data"] = url.into();
        }
        check_fields(&p, &got);
    }
}

fn request_fields(r: &Request<'_>) -> Value {
    match r {
        Request::Connect { transaction, trailing } => serde_json::json!({
            "action": "connect",
            "tid": transaction,
            "anomaly": if *trailing > 0 { "trailing_bytes" } else { "" },
        }),
        Request::Announce(a) => serde_json::json!({
            "action": "announce",
            "info_hash": a.info_hash.to_string(),
            "peer_id": a.peer_id.to_string(),
            "left": a.left,
            "event": event_word(a.event),
            "numwant": a.num_want,
            "port": a.port,
            "options": if a.options == Options::UrlData { "url_data" } else { "" },
            "anomaly": if a.options == Options::Malformed { "bad_option" } else { "" },
        }),
        Request::Scrape { info_hashes, .. } => serde_json::json!({
            "action": "scrape",
            "info_hashes": texts(*info_hashes),
        }),
    }
}

fn response_fields(r: &Response<'_>) -> Value {
    let tid = r.transaction();
    match r {
        Response::Connect { .. } => serde_json::json!({ "action": "connect", "tid": tid }),
        Response::Announce { interval, leechers, seeders, peers, .. } => serde_json::json!({
            "action": "announce",
            "tid": tid,
            "interval": interval,
            "leechers": leechers,
            "seeders": seeders,
            "peers": texts(*peers),
        }),
        Response::Scrape { entries, .. } => {
            serde_json::json!({ "action": "scrape", "tid": tid, "entries": entries.count() })
        }
        Response::Error { text, .. } => {
            serde_json::json!({ "action": "error", "tid": tid, "msg": String::from_utf8_lossy(text) })
        }
    }
}

fn event_word(event: Event) -> &'static str {
    match event {
        Event::None => "",
        Event::Completed => "completed",
        Event::Started => "started",
        Event::Stopped => "stopped",
        Event::Paused => "paused",
    }
}

#[test]
fn udp_tracker_flows() {
    for flow in load::flows().filter(|f| f.expect.class == "bt.tracker.udp") {
        let (mut asked, mut granted, mut answered, mut seen) = (vec![], vec![], false, vec![]);
        let mut certain_announce = false;
        for (direction, bytes, _) in &flow.packets {
            if *direction == "a2b" {
                let r = udp_tracker::parse_request(bytes).unwrap();
                asked.push(r.transaction());
                let known = r.connection_id().is_some_and(|id| granted.contains(&id)) || seen.contains(bytes);
                if let Request::Announce(a) = r {
                    certain_announce |= udp_tracker::recognise_request(&r, known) == Guess::Certain;
                    assert_eq!(Some(a.info_hash.to_string().as_str()), flow.expect.all["info_hash"].as_str());
                }
                seen.push(bytes.clone());
            } else {
                let r = udp_tracker::parse_response(bytes, false).unwrap();
                let guess = udp_tracker::recognise_response(&r, asked.contains(&r.transaction()));
                answered |= guess == Guess::Certain;
                match r {
                    Response::Connect { connection_id, .. } => granted.push(connection_id),
                    Response::Announce { peers, .. } => {
                        assert_eq!(serde_json::json!(texts(peers)), flow.expect.all["peers"]);
                    }
                    Response::Scrape { mut entries, .. } => {
                        let e = entries.next().unwrap();
                        let counts = serde_json::json!([e.seeders, e.completed, e.leechers]);
                        assert_eq!(counts, flow.expect.all["scrape"]);
                    }
                    Response::Error { .. } => {}
                }
            }
        }
        match flow.expect.all.get("response_accepted") {
            Some(accepted) => assert_eq!(Some(answered), accepted.as_bool(), "{}", flow.id),
            None => assert!(certain_announce, "{}", flow.id),
        }
    }
}

#[test]
fn http_tracker() {
    for p in load::packets_of("bt.tracker.http") {
        if p.bytes.starts_with(b"HTTP/") {
            let Parsed::Done { message, used } = http::parse_response(&p.bytes) else { panic!("{}", p.id) };
            assert_eq!(message.body(), http::BodyLength::Known((p.bytes.len() - used) as u64), "{}", p.id);
            let reply = http_tracker::parse_response(&p.bytes[used..]);
            check_verdict(&p, reply.map_or(Guess::No, |r| http_tracker::recognise_response(&r, false)));
            if let Ok(reply) = reply {
                check_fields(&p, &reply_fields(&p, &reply));
            }
        } else {
            let Parsed::Done { message, .. } = http::parse_request(&p.bytes) else { panic!("{}", p.id) };
            let request = http_tracker::parse_request(message.target);
            check_verdict(&p, request.map_or(Guess::No, |r| http_tracker::recognise_request(&r)));
            match request {
                Some(http_tracker::TrackerRequest::Announce(a)) => check_fields(
                    &p,
                    &serde_json::json!({
                        "info_hash": a.info_hash().unwrap().to_string(),
                        "peer_id": a.peer_id.unwrap().to_string(),
                        "port": a.port,
                        "event": event_word(a.event),
                        "left": a.left,
                    }),
                ),
                Some(http_tracker::TrackerRequest::Scrape { info_hashes }) => {
                    check_fields(&p, &serde_json::json!({ "scrape": true, "hashes": info_hashes.count() }));
                }
                _ => {}
            }
        }
    }
}

fn reply_fields(p: &Packet, reply: &http_tracker::TrackerReply<'_>) -> Value {
    let (six, four): (Vec<_>, Vec<_>) = reply.peers().partition(|e| !e.address.is_v4());
    if reply.is_scrape() {
        assert!(reply.files().count() > 0, "{}", p.id);
    }
    serde_json::json!({
        "interval": reply.interval,
        "peers": texts(four.into_iter()),
        "peers6": texts(six.into_iter()),
        "failure": reply.failure.map(String::from_utf8_lossy),
        "retry": (reply.retry_in == Some(http_tracker::RetryIn::Never)).then_some("never"),
        "scrape": reply.is_scrape(),
    })
}

#[test]
fn websocket_tracker() {
    for p in load::packets_of("bt.tracker.ws") {
        let Parsed::Done { message, .. } = websocket::parse_frame(&p.bytes) else { panic!("{}", p.id) };
        let tracker = websocket::parse_tracker_message(&message.payload);
        check_verdict(&p, if tracker.is_some() { Guess::Certain } else { Guess::No });
        if let Some(websocket::TrackerMessage::Interval { info_hash, .. }) = tracker {
            check_fields(
                &p,
                &serde_json::json!({ "info_hash": info_hash.to_string(), "action": "announce" }),
            );
        }
    }
}

#[test]
fn web_seeds() {
    for p in load::packets_of("bt.webseed") {
        let Parsed::Done { message, .. } = http::parse_request(&p.bytes) else { panic!("{}", p.id) };
        let found = webseed::recognise(&message);
        check_verdict(&p, found.as_ref().map_or(Guess::No, |(_, guess)| *guess));
        let agent = message.header("User-Agent").map(String::from_utf8_lossy);
        let got = match found {
            Some((webseed::WebseedRequest::Piece { info_hash, piece }, _)) => {
                serde_json::json!({ "info_hash": info_hash.to_string(), "piece": piece })
            }
            Some((webseed::WebseedRequest::Range { first, last, .. }, _)) => {
                serde_json::json!({ "range": format!("{first}-{last}"), "ua": agent })
            }
            Some((webseed::WebseedRequest::BitComet { .. }, _)) => serde_json::json!({ "ua": agent }),
            None => Value::Null,
        };
        check_fields(&p, &got);
    }
}

#[test]
fn local_service_discovery() {
    for p in load::packets_of("bt.lsd") {
        let announce = lsd::parse(&p.bytes);
        check_verdict(&p, if announce.is_ok() { Guess::Certain } else { Guess::No });
        if let Ok(a) = announce {
            let got = serde_json::json!({
                "port": a.port,
                "info_hashes": texts(a.info_hashes),
                "cookie": a.cookie.map(String::from_utf8_lossy),
            });
            check_fields(&p, &got);
        }
    }
}

#[test]
fn port_mappings() {
    for p in load::packets_of("nat.natpmp").chain(load::packets_of("nat.pcp")) {
        let message = port_mapping::parse(&p.bytes);
        check_verdict(&p, if message.is_ok() { Guess::Certain } else { Guess::No });
        let Ok(message) = message else { continue };
        use port_mapping::Message as M;
        let got = match message {
            M::AddressRequest => serde_json::json!({ "op": "public_address" }),
            M::MapRequest(m) => serde_json::json!({
                "op": if m.transport == Some(Transport::Udp) { "map_udp" } else { "map_tcp" },
                "internal": m.internal_port,
                "lifetime": m.lifetime,
            }),
            M::MapResponse { result, mapping, .. } => {
                serde_json::json!({ "result": result, "external": mapping.external_port })
            }
            M::PcpMapRequest { client, mapping, .. } => serde_json::json!({
                "proto": if mapping.transport == Some(Transport::Tcp) { "tcp" } else { "udp" },
                "internal": mapping.internal_port,
                "lifetime": mapping.lifetime,
                "client": client.to_string(),
            }),
            M::AddressResponse { .. } | M::Refused { .. } | M::PcpMapResponse { .. } | M::PcpOther { .. } => {
                Value::Null
            }
        };
        check_fields(&p, &got);
    }
}

#[test]
fn upnp_searches_and_mappings() {
    for p in load::packets_of("nat.ssdp") {
        let Ok(upnp::Ssdp::Search { target, libtorrent_spelling }) = upnp::parse_ssdp(&p.bytes) else {
            panic!("{}", p.id)
        };
        check_fields(
            &p,
            &serde_json::json!({ "st": String::from_utf8_lossy(target), "bt_hint": libtorrent_spelling }),
        );
    }
    for p in load::packets_of("nat.upnp") {
        let Parsed::Done { message, used } = http::parse_request(&p.bytes) else { panic!("{}", p.id) };
        assert_eq!(upnp::action(&message), Some(upnp::Action::AddPortMapping), "{}", p.id);
        let a = upnp::parse_request(&p.bytes[used..]).unwrap();
        let got = serde_json::json!({
            "desc": a.description.map(String::from_utf8_lossy),
            "proto": a.transport.map(Transport::name),
            "port": a.external_port,
            "bt_hint": a.client().is_some(),
        });
        check_fields(&p, &got);
    }
}

#[test]
fn stun_messages() {
    for p in load::packets_of("nat.stun") {
        let message = stun::parse(&p.bytes);
        check_verdict(&p, if message.is_ok() { Guess::Certain } else { Guess::No });
        if let Ok(m) = message {
            let method = if m.method == stun::Message::BINDING { "binding" } else { "" };
            let class = if m.class == stun::Class::Request { "request" } else { "" };
            check_fields(&p, &serde_json::json!({ "method": method, "cls": class }));
        }
    }
}

#[test]
fn other_networks() {
    for p in load::packets_of("p2p") {
        let found = match p.l4 {
            "tcp" => other::recognise_stream(&p.bytes),
            _ => other::recognise_datagram(&p.bytes, 50_000, 50_001),
        };
        let wanted = protocol(p.expect.class);
        let guess = found.filter(|(protocol, _)| *protocol == wanted).map_or(Guess::No, |(_, guess)| guess);
        check_verdict(&p, guess);
    }
}

fn protocol(class: &str) -> OtherProtocol {
    match class {
        "p2p.edonkey" => OtherProtocol::Edonkey,
        "p2p.edonkey.kad" => OtherProtocol::Kad,
        "p2p.gnutella" => OtherProtocol::Gnutella,
        "p2p.directconnect" => OtherProtocol::DirectConnect,
        "p2p.soulseek" => OtherProtocol::Soulseek,
        "p2p.syncthing" => OtherProtocol::Syncthing,
        "p2p.libp2p" => OtherProtocol::Libp2p,
        "p2p.bitcoin" => OtherProtocol::Bitcoin,
        "p2p.ethereum.discv4" => OtherProtocol::EthereumDiscovery,
        "p2p.steam" => OtherProtocol::Steam,
        "p2p.xunlei" => OtherProtocol::Xunlei,
        "p2p.vuze_dht" => OtherProtocol::VuzeDht,
        other => panic!("no protocol for {other}"),
    }
}

#[test]
fn peer_ids_name_clients() {
    for case in load::cases("peer_id") {
        let bytes = load::hex(case["hex"].as_str().unwrap());
        let name = client::from_peer_id(bytes.as_slice().try_into().unwrap());
        let got = name.as_ref().map(|n| n.family.as_ref());
        assert_eq!(got, case["client"].as_str(), "{case}");
        if let Some(name) = name {
            assert_eq!(name.version, case["version"].as_str().unwrap_or_default(), "{case}");
        }
    }
}

#[test]
fn krpc_versions_name_clients() {
    for case in load::cases("dht_v") {
        let name = client::from_krpc_version(&load::hex(case["hex"].as_str().unwrap()));
        let (want, version) = (case["client"].as_str().unwrap(), case["version"].as_str().unwrap());
        if want.starts_with("no public client") {
            assert_eq!(name, None, "{case}");
            continue;
        }
        let name = name.unwrap_or_else(|| panic!("{case}"));
        // The peer id vectors write the same library as "rTorrent (libTorrent)".
        assert_eq!(name.family.replace(['(', ')'], ""), want, "{case}");
        if let Some(build) = version.strip_prefix("build 0x") {
            let build = u16::from_str_radix(build, 16).unwrap();
            assert_eq!(name.version, format!("build {build}"), "{case}");
        } else if version != "raw" {
            assert_eq!(name.version, version.trim_start_matches("raw "), "{case}");
        }
    }
}

#[test]
fn info_hashes_in_queries() {
    for case in load::cases("infohash_query_decode") {
        let (_, value) = case["query"].as_str().unwrap().split_once('=').unwrap();
        let got = http::percent_decode_20(value.as_bytes()).map(InfoHash);
        assert_eq!(got.map(|h| hex(&h.0)).as_deref(), case["hex"].as_str(), "{case}");
    }
}
