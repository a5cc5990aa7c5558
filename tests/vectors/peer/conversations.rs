//! Whole conversations of the vectors, as far as parsers without a flow table can follow them.

use super::{name_of, text_of};
use crate::load::{Flow, Verdict, flows};
use serde_json::json;
use sha1::{Digest, Sha1};
use std::collections::BTreeMap;
use swarmscope::base::hex as to_hex;
use swarmscope::wire::extension::{self, ExtensionName, Metadata};
use swarmscope::wire::handshake::{self, Handshake, Pair};
use swarmscope::wire::message::{self, Message};
use swarmscope::wire::{Guess, Parsed, mse, utp};

fn flow(id: &str) -> Option<Flow> {
    let found = flows().find(|f| f.id == id);
    assert!(found.is_some() || std::env::var_os("SWARMSCOPE_VECTORS").is_some(), "no {id}");
    found
}

/// The bytes of one direction, in the order of the file.
fn stream(flow: &Flow, direction: &str) -> Vec<u8> {
    flow.packets.iter().filter(|p| p.0 == direction).flat_map(|p| p.1.clone()).collect()
}

/// Handshake and messages of a stream that begins with them and ends on a boundary.
fn conversation(stream: &[u8]) -> (Handshake, Vec<Message<'_>>) {
    let Parsed::Done { message: handshake, mut used } = handshake::parse(stream) else {
        panic!("no handshake")
    };
    let mut messages = Vec::new();
    while used < stream.len() {
        match message::parse(&stream[used..]) {
            Parsed::Done { message, used: more } => {
                messages.push(message);
                used += more;
            }
            other => panic!("at {used}: {other:?}"),
        }
    }
    assert_eq!(used, stream.len());
    (handshake, messages)
}

#[test]
fn flow_of_a_whole_transfer() {
    let Some(flow) = flow("flow-pw-plain") else { return };
    for (direction, side) in [("a2b", "a"), ("b2a", "b")] {
        let (bytes, wanted) = (stream(&flow, direction), &flow.expect.all[side]);
        let (handshake, messages) = conversation(&bytes);
        assert_eq!(handshake.info_hash.to_string(), flow.expect.all["info_hash"]);
        assert_eq!(handshake.peer_id.unwrap().to_string(), wanted["peer_id"]);
        let names: Vec<_> =
            std::iter::once("handshake".to_owned()).chain(messages.iter().map(name_of)).collect();
        assert_eq!(json!(names), wanted["msgs"]);
        let v = messages.iter().find_map(|m| match m {
            Message::Extended { id: 0, payload } => extension::parse_handshake(payload).unwrap().v,
            _ => None,
        });
        assert_eq!(String::from_utf8_lossy(v.unwrap()), wanted["v"].as_str().unwrap());
        let payload: u64 = messages
            .iter()
            .map(|m| if let Message::Piece { length, .. } = m { u64::from(*length) } else { 0 })
            .sum();
        if direction == "b2a" {
            assert_eq!(payload, flow.expect.all["payload_bytes_b2a"]);
        }
    }
}

#[test]
fn flow_of_a_hybrid_torrent() {
    let Some(flow) = flow("flow-pw-upgrade") else { return };
    let [a, b] = ["a2b", "b2a"].map(|direction| conversation(&stream(&flow, direction)).0);
    let Pair::Upgraded { v1, v2 } = Pair::of(&a, &b) else { panic!("{a:?} {b:?}") };
    assert_eq!(
        (v1.to_string(), v2.to_string()),
        (
            flow.expect.all["v1"].as_str().unwrap().to_owned(),
            flow.expect.all["v2_trunc"].as_str().unwrap().to_owned(),
        )
    );
}

#[test]
fn flow_of_a_seeder_joined_midway() {
    let Some(flow) = flow("flow-pw-oneway") else { return };
    let bytes = stream(&flow, "b2a");
    let Some(first) = message::find_boundary(&bytes) else { panic!("no boundary") };
    let Parsed::Done { message: one, used } = message::parse(&bytes[first..]) else { panic!("no piece") };
    let Parsed::Done { message: two, .. } = message::parse(&bytes[first + used..]) else {
        panic!("no second piece")
    };
    assert!(message::linked(&one, &two), "{one:?} {two:?}");
    assert_eq!(used as u64, flow.expect.all["header_distance"]);
    assert_eq!(message::segment(&bytes).chain.verdict, Guess::Certain);
    assert_eq!(message::segment(&flow.packets[0].1).chain.verdict, Guess::Maybe);
}

#[test]
fn flow_of_metadata() {
    let Some(flow) = flow("flow-metadata") else { return };
    let (a, b) = (stream(&flow, "a2b"), stream(&flow, "b2a"));
    let ((handshake, requests), (_, answers)) = (conversation(&a), conversation(&b));
    let ids = |messages: &[Message<'_>]| match messages[0] {
        Message::Extended { id: 0, payload } => extension::parse_handshake(payload).unwrap().ids,
        _ => panic!("no extended handshake"),
    };
    let (ids_a, ids_b) = (ids(&requests), ids(&answers));
    for request in &requests[1..] {
        let Message::Extended { id, payload } = *request else { panic!("{request:?}") };
        assert_eq!(ids_b.name_of(id), Some(ExtensionName::UtMetadata));
        assert!(matches!(Metadata::parse(payload), Ok(Metadata::Request { .. })));
    }
    let mut pieces = BTreeMap::new();
    for answer in &answers[1..] {
        let Message::Extended { id, payload } = *answer else { panic!("{answer:?}") };
        assert_eq!(ids_a.name_of(id), Some(ExtensionName::UtMetadata));
        let Ok(Metadata::Data { piece, bytes, .. }) = Metadata::parse(payload) else {
            panic!("{piece}", piece = id)
        };
        pieces.insert(piece, bytes);
    }
    let info: Vec<u8> = pieces.into_values().flatten().copied().collect();
    assert_eq!(info.len() as u64, flow.expect.all["metadata_size"]);
    assert_eq!(to_hex(&Sha1::digest(&info)), handshake.info_hash.to_string());
    assert_eq!(text_of(&info, b"name").unwrap(), flow.expect.all["name"].as_str().unwrap());
}

#[test]
fn flows_of_encrypted_streams() {
    for flow in flows().filter(|f| f.expect.class == "bt.mse") {
        let mut bursts: Vec<(&str, Vec<u8>)> = Vec::new();
        for (direction, bytes, _) in &flow.packets {
            match bursts.last_mut() {
                Some((last, burst)) if last == direction => burst.extend(bytes),
                _ => bursts.push((direction, bytes.clone())),
            }
        }
        let sizes: Vec<usize> = bursts.iter().map(|b| b.1.len()).collect();
        if let Some(wanted) = flow.expect.all.get("sizes") {
            assert_eq!(&json!(sizes), wanted, "{}", flow.id);
        }
        let responder = stream(&flow, "b2a");
        let clear = mse::find_clear_handshake(&responder);
        let opens = |burst: usize| bursts.get(burst).is_some_and(|b| mse::first_burst(&b.1) == Guess::Maybe);
        let (third, fourth) = (sizes.get(2).copied(), sizes.get(3).copied());
        let shape = mse::exchange_shape(sizes[0], sizes[1], third, fourth);
        let verdict = if clear.is_some() {
            Verdict::Match
        } else if opens(0) && opens(1) && shape > mse::Shape::No {
            Verdict::Candidate
        } else {
            Verdict::Reject
        };
        assert_eq!(verdict, flow.expect.verdict, "{}: {shape:?}", flow.id);
        if let Some(at) = clear {
            assert_eq!(at as u64, flow.expect.all["handshake_offset_b2a"], "{}", flow.id);
            let Parsed::Done { message, .. } = handshake::parse(&responder[at..]) else {
                panic!("{}", flow.id)
            };
            assert_eq!(message.info_hash.to_string(), flow.expect.all["info_hash"]);
        }
        if flow.id == "flow-mse-tr" {
            assert_eq!(shape, mse::Shape::Transmission);
        }
    }
}

#[test]
fn flow_of_utp() {
    let Some(flow) = flow("flow-utp") else { return };
    let packets: Vec<_> = flow.packets.iter().map(|p| (p.0, utp::parse(&p.1).expect(flow.id))).collect();
    assert!(utp::answers(&packets[0].1, &packets[1].1));
    let inner = flow.packets.iter().position(|p| utp::recognise(&p.1) == Guess::Certain).unwrap();
    assert_eq!(inner as u64 + 1, flow.expect.all["inner_match_after_packet"]);
    assert_eq!(packets[0].1.connection, flow.expect.all["initiator_recv_id"].as_u64().unwrap() as u16);
    let mut data = BTreeMap::new();
    let mut again = 0;
    for (_, p) in packets.iter().filter(|(d, p)| *d == "a2b" && p.kind == utp::Kind::Data) {
        again += u64::from(data.insert(p.seq, p.payload).is_some());
    }
    let bytes: Vec<u8> = data.into_values().flatten().copied().collect();
    assert_eq!(bytes.len() as u64, flow.expect.all["stream_a2b_len"]);
    assert_eq!(again, flow.expect.all["retransmissions"]);
    assert_eq!(conversation(&bytes).0.info_hash.to_string(), flow.expect.all["info_hash"]);
    assert!(packets.iter().any(|(_, p)| p.extensions.sack().is_some()));
}

#[test]
fn flows_of_utp_with_something_else_inside() {
    if let Some(flow) = flow("flow-utp-mse") {
        let packets: Vec<_> = flow.packets.iter().map(|p| utp::parse(&p.1).expect(flow.id)).collect();
        assert!(utp::answers(&packets[0], &packets[1]));
        assert_eq!(packets[2].seq, packets[0].seq.wrapping_add(1));
        assert_eq!(packets[2].connection, packets[0].connection.wrapping_add(1));
        assert_eq!(
            (mse::first_burst(packets[2].payload), mse::first_burst(packets[3].payload)),
            (Guess::Maybe, Guess::Maybe)
        );
    }
    if let Some(flow) = flow("flow-utp-n-connid") {
        let [syn, state] = [0, 1].map(|i| utp::parse(&flow.packets[i].1).unwrap());
        assert!(!utp::answers(&syn, &state));
    }
    if let Some(flow) = flow("flow-mux") {
        let guesses: Vec<_> = flow.packets.iter().map(|p| utp::recognise(&p.1)).collect();
        assert_eq!(guesses, [Guess::No, Guess::Maybe, Guess::Maybe, Guess::No]);
    }
}
