//! DHT messages, metainfo, and the functions that belong to them.

use crate::load::{Packet, Verdict, cases, flows, function, hex, packets_of};
use serde_json::Value as Json;
use swarmscope::base::{Address, InfoHash, NodeId};
use swarmscope::wire::krpc::{self, Anomaly, Body, Item, Message, Query, Response};
use swarmscope::wire::{Guess, bencode, metainfo, node_id, peer_choice};

const fn guess(verdict: Verdict) -> Guess {
    match verdict {
        Verdict::Match => Guess::Certain,
        Verdict::Candidate => Guess::Maybe,
        Verdict::Reject => Guess::No,
    }
}

fn text(v: &'static Json) -> &'static str {
    v.as_str().expect("a text")
}

fn optional(v: &'static Json) -> Option<&'static str> {
    v.as_str()
}

#[test]
fn krpc_packets_get_their_verdicts_and_fields() {
    let mut asserted = 0;
    for packet in packets_of("bt.krpc") {
        let got = krpc::recognise(&packet.bytes);
        assert_eq!(got, guess(packet.expect.verdict), "{}", packet.id);
        let Some(fields) = packet.expect.fields.as_object() else { continue };
        if packet.expect.verdict == Verdict::Reject {
            assert!(fields.keys().all(|k| k == "really"), "{}", packet.id);
            continue;
        }
        let message = krpc::parse(&packet.bytes).expect(packet.id);
        for (name, want) in fields {
            assert!(holds(&message, name, want), "{}: {name} is not {want}: {message:?}", packet.id);
            asserted += 1;
        }
    }
    assert!(asserted >= 50, "{asserted}");
}

/// Whether a message has a field of the vectors.
fn holds(message: &Message<'_>, name: &str, want: &'static Json) -> bool {
    let none = Response::default();
    let (query, response) = match &message.body {
        Body::Query { query, .. } => (Some(query), &none),
        Body::Response { response, .. } => (None, response),
        Body::Error { .. } => (None, &none),
    };
    let is_text = |got: Option<String>| got.as_deref() == Some(text(want));
    let is_int = |got: Option<i64>| got == want.as_i64() && got.is_some();
    let all_of = |got: Vec<String>| {
        got == want.as_array().expect("a list").iter().map(|v| text(v).to_owned()).collect::<Vec<_>>()
    };
    let is_near = |got: Option<f64>| (got.expect("a filter") - want.as_f64().expect("a number")).abs() < 0.01;
    let item = response.item.or(match query {
        Some(Query::Put { item, .. }) => Some(*item),
        _ => None,
    });
    match name {
        "y" => is_text(Some(match message.body {
            Body::Query { .. } => "q".to_owned(),
            Body::Response { .. } => "r".to_owned(),
            Body::Error { .. } => "e".to_owned(),
        })),
        "t" => message.transaction == hex(text(want)),
        "q" => is_text(query.map(|q| q.method().to_owned())),
        "id" => is_text(message.node().map(|id| id.to_string())),
        "id_prefix" => message.node().is_some_and(|id| id.0.starts_with(&hex(text(want)))),
        "ip" => is_text(message.external.and_then(|e| e.endpoint()).map(|e| e.to_string())),
        "p" => is_int(response.port.map(i64::from)),
        // The value of a stored item, or the first word of the client that the version code stands for.
        "v" => match (item.and_then(|i| i.value()), message.version) {
            (Some(value), _) => value.as_bytes() == Some(text(want).as_bytes()),
            (None, Some(version)) => version.get(..2) == text(want).split(' ').next().map(str::as_bytes),
            (None, None) => false,
        },
        "ro" => message.read_only == (want == 1),
        "want" => {
            let Some(Query::FindNode { want: families, .. }) = query else { return false };
            let got = [("n4", families.n4), ("n6", families.n6)];
            all_of(got.iter().filter(|(_, asked)| *asked).map(|(family, _)| (*family).to_owned()).collect())
        }
        "synthetic" => {
            query.is_some_and(|q| message.node().is_some_and(|id| q.is_maintenance(&id))) == (want == true)
        }
        "scrape" => matches!(query, Some(Query::GetPeers { scrape, .. }) if *scrape == (want == 1)),
        "noseed" => matches!(query, Some(Query::GetPeers { noseed, .. }) if *noseed == (want == 1)),
        "port" => matches!(query, Some(Query::AnnouncePeer { port, .. }) if is_int(port.map(i64::from))),
        "implied_port" => {
            matches!(query, Some(Query::AnnouncePeer { implied_port, .. }) if *implied_port == (want == 1))
        }
        "seed" => matches!(query, Some(Query::AnnouncePeer { seed, .. }) if *seed == Some(want == 1)),
        "n" => {
            matches!(query, Some(Query::AnnouncePeer { name, .. }) if *name == Some(text(want).as_bytes()))
        }
        "values" => all_of(response.values.iter().map(|e| e.to_string()).collect()),
        "nodes" => want == response.nodes.len() && response.nodes.iter().count() == response.nodes.len(),
        "nodes6" => want == response.nodes6.len() && response.nodes6.iter().count() == response.nodes6.len(),
        "num" => is_int(response.num),
        "interval" => is_int(response.interval),
        "samples" => all_of(response.samples.iter().map(|h| h.to_string()).collect()),
        "bfpe_estimate" => is_near(response.peers.map(|f| f.estimate())),
        "bfsd_estimate" => is_near(response.seeds.map(|f| f.estimate())),
        "code" => matches!(message.body, Body::Error { code, .. } if is_int(code)),
        "target" => is_text(query.and_then(Query::target).map(|t| t.to_string())),
        "seq" => matches!(item, Some(Item::Mutable { seq, .. }) if is_int(Some(seq))),
        "anomaly" => message.anomalies.iter().map(Anomaly::label).eq([text(want)]),
        "overlay" => want == "mozi-suspect" && message.node().is_some_and(|id| krpc::is_mozi_id(&id)),
        "abuse" => {
            let own = message.node().expect("an id");
            want == "sybil_near_target"
                && response.nodes.iter().all(|(id, _)| node_id::shared_prefix(&id.0, &own.0) >= 136)
        }
        _ => panic!("no field {name}"),
    }
}

#[test]
fn krpc_flows_are_recognised_datagram_by_datagram() {
    for flow in flows().filter(|f| f.expect.class == "bt.krpc") {
        let mut learnt = Vec::new();
        let (mut external, mut announced) = (None, None);
        for (_, bytes, _) in &flow.packets {
            let message = krpc::parse(bytes).expect(flow.id);
            assert_eq!(message.verdict(), Guess::Certain, "{}", flow.id);
            external = external.or(message.external.map(|e| e.address.to_string()));
            match message.body {
                Body::Response { response, .. } => {
                    learnt.extend(response.values.iter().map(|e| e.to_string()))
                }
                Body::Query { query: Query::AnnouncePeer { info_hash, port, .. }, .. } => {
                    announced = port.map(|p| (info_hash.to_string(), i64::from(p)));
                }
                Body::Query { id, query } if flow.expect.all["torrents"] == Json::Array(Vec::new()) => {
                    assert!(
                        !matches!(query, Query::GetPeers { .. }) || query.is_maintenance(&id),
                        "{}",
                        flow.id
                    );
                }
                _ => {}
            }
        }
        let all = flow.expect.all;
        if let Some(peers) = all["peers_learned"].as_array() {
            assert_eq!(learnt, peers.iter().map(text).collect::<Vec<_>>(), "{}", flow.id);
            assert_eq!(external.as_deref(), optional(&all["external_ip"]), "{}", flow.id);
            let (torrent, port) = announced.expect(flow.id);
            assert_eq!(
                (torrent.as_str(), Some(port)),
                (text(&all["torrent"]), all["announced_port"].as_i64())
            );
        }
    }
}

#[test]
fn metainfo_packets_give_name_and_info_hash() {
    for packet in packets_of("bt.metainfo") {
        let body = http_body(&packet);
        assert_eq!(metainfo::recognise(body), guess(packet.expect.verdict), "{}", packet.id);
        let info = metainfo::parse_torrent(body).expect(packet.id).info;
        assert_eq!(packet.expect.text("name").map(str::as_bytes), Some(info.name), "{}", packet.id);
        assert_eq!(
            packet.expect.text("info_hash"),
            info.v1().map(|h| h.to_string()).as_deref(),
            "{}",
            packet.id
        );
    }
}

fn http_body(packet: &Packet) -> &[u8] {
    let end = packet.bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("the end of a header");
    &packet.bytes[end + 4..]
}

#[test]
fn info_hashes_cover_the_bytes_as_they_came() {
    for case in cases("infohash") {
        let (id, bytes) = (text(&case["id"]), hex(text(&case["info_hex"])));
        let info = metainfo::parse_info(&bytes).expect(id);
        let v2 = info.v2();
        assert_eq!(info.v1().map(|h| h.to_string()).as_deref(), optional(&case["sha1"]), "{id}");
        assert_eq!(v2.map(|h| swarmscope::base::hex(&h)).as_deref(), optional(&case["sha256"]), "{id}");
        let short = v2.map(|h| metainfo::truncate(&h).to_string());
        assert_eq!(short.as_deref(), optional(&case["truncated20"]), "{id}");
        assert_eq!(info.canonical, id != "ih-unsorted-reject", "{id}");
        if let Some(name) = optional(&case["name"]) {
            assert_eq!(info.name, name.as_bytes(), "{id}");
            assert_eq!(Some(u64::from(info.files)), case["files"].as_u64(), "{id}");
            assert_eq!(info.size, case["total_size"].as_u64(), "{id}");
        }
        if id != "ih-unsorted-reject" {
            assert_eq!((info.size, info.pieces, info.piece_length), (Some(40_000), 3, 16_384), "{id}");
        }
    }
}

#[test]
fn node_ids_are_checked_against_addresses() {
    for case in cases("bep42") {
        let address: Address = text(&case["ip"]).parse().expect("an address");
        let id: NodeId = text(&case["node_id"]).parse().expect("a node id");
        let random = u8::try_from(case["rand"].as_u64().expect("a number")).expect("a byte");
        assert_eq!(Some(node_id::is_valid_for(&id, &address)), case["valid"].as_bool(), "{case}");
        if let Some(want) = optional(&case["crc32c"]) {
            assert_eq!(format!("{:08x}", node_id::prefix_checksum(&address, random)), want, "{case}");
        }
    }
}

#[test]
fn peer_priorities_are_canonical() {
    for case in cases("bep40") {
        let [a, b] = ["a", "b"].map(|k| format!("{}:6881", text(&case[k])).parse().expect("an endpoint"));
        assert_eq!(format!("{:08x}", peer_choice::peer_priority(a, b)), text(&case["priority"]));
    }
}

#[test]
fn allowed_fast_sets_are_computed() {
    for case in cases("allowed_fast") {
        let address: Address = text(&case["ip"]).parse().expect("an address");
        let info_hash: InfoHash = text(&case["info_hash"]).parse().expect("an info-hash");
        let number = |k: &str| u32::try_from(case[k].as_u64().expect("a number")).expect("32 bits");
        let count = u8::try_from(number("k")).expect("8 bits");
        let set =
            peer_choice::allowed_fast(address.as_v4().expect("IPv4"), &info_hash, number("pieces"), count);
        assert_eq!(Json::from(set), case["set"]);
    }
}

#[test]
fn filters_estimate_the_swarm() {
    for case in cases("bep33") {
        let bytes = hex(text(&case["hex"]));
        let filter = krpc::BloomFilter::read(&bytes).expect("256 bytes");
        let want = case["estimate"].as_f64().expect("a number");
        assert!((filter.estimate() - want).abs() < 0.0001, "{} is not {want}", filter.estimate());
        if let Ok(address) = text(&case["inputs"]).parse() {
            assert!(filter.may_contain(&address));
        }
    }
}

#[test]
fn stored_items_are_found_under_their_targets() {
    for case in cases("bep44").chain(cases("bep46")) {
        let want = text(&case["target"]);
        let got = if let Some(value) = optional(&case["v_bencoded"]) {
            Item::Immutable { value: value.as_bytes() }.target()
        } else {
            let salt = match optional(&case["salt_hex"]) {
                Some(digits) => hex(digits),
                None => text(&case["salt"]).as_bytes().to_vec(),
            };
            let key = hex(text(&case["k"])).try_into().expect("32 bytes");
            Item::Mutable { value: b"0:", key: &key, salt: &salt, signature: None, seq: 1, cas: None }
                .target()
        };
        assert_eq!(got.to_string(), want);
    }
}

#[test]
fn magnet_links_are_read() {
    for case in cases("magnet") {
        let uri = text(&case["uri"]);
        let Ok(magnet) = metainfo::parse_magnet(uri.as_bytes()) else {
            assert!(case["v1"].is_null() && case.get("note") == Some(&Json::from("invalid")), "{uri}");
            continue;
        };
        assert_eq!(magnet.v1.map(|h| h.to_string()).as_deref(), optional(&case["v1"]), "{uri}");
        assert_eq!(magnet.v2.map(|h| swarmscope::base::hex(&h)).as_deref(), optional(&case["v2"]), "{uri}");
        let key = magnet.public_key.map(|k| swarmscope::base::hex(&k));
        assert_eq!(key.as_deref(), optional(&case["btpk"]), "{uri}");
        assert_eq!(
            magnet.feed_target().map(|t| t.to_string()).as_deref(),
            optional(&case["target"]),
            "{uri}"
        );
        if let Some(name) = optional(&case["name"]) {
            assert_eq!(magnet.name.as_deref(), Some(name.as_bytes()), "{uri}");
        }
    }
}

#[test]
fn bencode_is_read_leniently_and_judged_strictly() {
    for case in cases("bencode") {
        let bytes = hex(text(&case["hex"]));
        let document = bencode::parse(&bytes, bencode::DATAGRAM).ok().filter(|d| d.used == bytes.len());
        let numbers_fit = |n: bencode::Notes| !(n.padded_integer || n.padded_length || n.huge_integer);
        let valid = document.is_some_and(|d| numbers_fit(d.notes));
        assert_eq!(Some(valid), case["valid"].as_bool(), "{case}");
        assert_eq!(Some(valid && document.is_some_and(|d| d.canonical)), case["strict"].as_bool(), "{case}");
    }
}

#[test]
fn mozi_records_are_deciphered() {
    let block = function("mozi_xor");
    assert_eq!(hex(text(&block["key"])), krpc::MOZI_KEY);
    let cipher: Vec<u8> = krpc::mozi_decode(text(&block["plain"]).as_bytes()).collect();
    assert_eq!(cipher, hex(text(&block["cipher"])));
}
