//! Peer wire, extensions, uTP, MSE and SSL torrents against the vectors.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // a test may fail so

mod conversations;
mod mse_keys;

use crate::load::{Packet, Verdict, cases, packets_of};
use serde_json::{Map, Value, json};
use sha1::{Digest, Sha1};
use swarmscope::base::hex as to_hex;
use swarmscope::wire::extension::{
    self, ExtendedHandshake, Extension, ExtensionName, HolepunchError, HolepunchKind, Ids, Metadata,
};
use swarmscope::wire::handshake::{self, Handshake, Partial};
use swarmscope::wire::message::{self, Message};
use swarmscope::wire::{Guess, Parsed, bencode, mse, tls, utp};

/// What a recogniser said: how sure it is, and the fields it read under the names of the vectors.
type Answer = (Guess, Value);

fn check(class: &str, judge: impl Fn(&Packet) -> Answer) {
    let mut seen = 0;
    for packet in packets_of(class).filter(|p| p.expect.class == class) {
        let (guess, found) = judge(&packet);
        let verdict = match guess {
            Guess::No => Verdict::Reject,
            Guess::Maybe => Verdict::Candidate,
            Guess::Certain => Verdict::Match,
        };
        assert_eq!(verdict, packet.expect.verdict, "{}: {found}", packet.id);
        for (name, wanted) in packet.expect.fields.as_object().into_iter().flatten() {
            // Read by other rooms: what the bytes are instead, and who wrote a peer id.
            if verdict == Verdict::Reject || name == "client" {
                continue;
            }
            match found.get(name) {
                Some(value) => assert_eq!(value, wanted, "{}: {name}", packet.id),
                // A larger vector file may assert more than this test knows.
                None => assert!(std::env::var_os("SWARMSCOPE_VECTORS").is_some(), "{}: no {name}", packet.id),
            }
        }
        seen += 1;
    }
    assert!(seen > 0, "no vector of {class}");
}

fn certain_if(yes: bool) -> Guess {
    if yes { Guess::Certain } else { Guess::No }
}

#[test]
fn handshakes() {
    check("bt.peer.handshake", |packet| {
        if packet.l4 == "udp" {
            return (certain_if(utp::recognise(&packet.bytes) == Guess::Certain), Value::Null);
        }
        let partial = handshake::parse_partial(&packet.bytes);
        let mut fields = match &partial {
            Partial::Handshake(h) => handshake_fields(h),
            _ => json!({ "complete": false }),
        };
        fields["need_more"] = matches!(handshake::parse(&packet.bytes), Parsed::NeedMore { .. }).into();
        (partial.guess(), fields)
    });
}

fn handshake_fields(h: &Handshake) -> Value {
    json!({
        "info_hash": h.info_hash.to_string(),
        "peer_id": h.peer_id.map(|id| id.to_string()),
        "complete": h.peer_id.is_some(),
        "ltep": h.reserved.ltep(),
        "fast": h.reserved.fast(),
        "dht": h.reserved.dht(),
        "azureus": h.reserved.azureus(),
        "v2_upgrade": h.reserved.v2_upgrade(),
        "anomaly": h.anomaly().map(handshake::Anomaly::label),
    })
}

#[test]
fn messages() {
    check("bt.peer.message", |packet| match message::parse(&packet.bytes) {
        Parsed::Done { message, used } if used == packet.wire_len => {
            let mut fields = message_fields(&message);
            fields["missing"] = (used - packet.bytes.len()).into();
            (Guess::Certain, fields)
        }
        other => (Guess::No, format!("{other:?}").into()),
    });
}

/// The vectors' word for a message.
fn name_of(message: &Message<'_>) -> String {
    let name = match message {
        Message::KeepAlive => "keepalive",
        Message::Choke => "choke",
        Message::Unchoke => "unchoke",
        Message::Interested => "interested",
        Message::NotInterested => "not_interested",
        Message::Have { .. } => "have",
        Message::Bitfield(_) => "bitfield",
        Message::Request(_) => "request",
        Message::Piece { .. } => "piece",
        Message::Cancel(_) => "cancel",
        Message::Port(_) => "port",
        Message::Suggest { .. } => "suggest",
        Message::HaveAll => "have_all",
        Message::HaveNone => "have_none",
        Message::Reject(_) => "reject",
        Message::AllowedFast { .. } => "allowed_fast",
        Message::Extended { id, .. } => return format!("extended:{id}"),
        Message::HashRequest(_) => "hash_request",
        Message::Hashes { .. } => "hashes",
        Message::HashReject(_) => "hash_reject",
        Message::Skipped(_) => "skipped",
    };
    name.to_owned()
}

fn message_fields(message: &Message<'_>) -> Value {
    let mut fields = match *message {
        Message::Have { piece } | Message::Suggest { piece } | Message::AllowedFast { piece } => {
            json!({ "index": piece })
        }
        Message::Bitfield(bits) => {
            json!({ "bytes": bits.len(), "set": bits.iter().map(|b| b.count_ones()).sum::<u32>() })
        }
        Message::Request(b) | Message::Cancel(b) | Message::Reject(b) => {
            json!({ "index": b.piece, "begin": b.begin, "length": b.length, "oversized": b.is_oversized() })
        }
        Message::Piece { piece, begin, length } => {
            json!({ "index": piece, "begin": begin, "data_len": length })
        }
        Message::Port(port) => json!({ "port": port }),
        Message::Extended { id, payload } => json!({ "ext_id": id, "payload_len": payload.len() }),
        Message::HashRequest(s) | Message::HashReject(s) | Message::Hashes { span: s, .. } => json!({
            "root": to_hex(&s.root), "base_layer": s.base_layer, "index": s.index, "length": s.count,
            "proof_layers": s.proof_layers,
        }),
        _ => json!({}),
    };
    if let Message::Hashes { hashes, .. } = *message {
        fields["count"] = hashes.into();
    }
    fields["type"] = name_of(message).into();
    fields
}

#[test]
fn hash_message_lengths() {
    for case in cases("hash_message_len") {
        let int = |name: &str| u32::try_from(case[name].as_u64().unwrap()).unwrap();
        let hashes = message::hashes_of(int("length"), int("proof_layers")).unwrap();
        assert_eq!((hashes, 49 + 32 * hashes), (int("count"), int("body")), "{case}");
    }
}

#[test]
fn streams_joined_midway() {
    check("bt.peer.stream", |packet| {
        let segment = message::segment(&packet.bytes);
        (segment.chain.verdict, json!({ "chain": segment.chain.messages, "scan_hit": segment.at }))
    });
}

#[test]
fn azureus_messages() {
    check("bt.peer.amp", |packet| match message::amp(&packet.bytes) {
        Parsed::Done { message, used } if used == packet.wire_len => {
            (Guess::Certain, json!({ "type": message.name, "flags": message.flags }))
        }
        other => (Guess::No, format!("{other:?}").into()),
    });
}

#[test]
fn extended_messages() {
    check("bt.peer.ext", |packet| {
        let Parsed::Done { message: Message::Extended { id, payload }, used } = message::parse(&packet.bytes)
        else {
            return (Guess::No, Value::Null);
        };
        if used != packet.bytes.len() {
            return (Guess::No, Value::Null);
        }
        if id == 0 {
            return match extension::parse_handshake(payload) {
                Ok(handshake) => (Guess::Certain, extended_fields(&handshake)),
                Err(reason) => (Guess::No, reason.label().into()),
            };
        }
        let read = match given_ids(packet).name_of(id) {
            Some(name) => extension::parse(name, payload).ok(),
            None => extension::guess(payload),
        };
        (certain_if(read.is_some()), read.map_or(Value::Null, |e| extension_fields(&e)))
    });
}

fn given_ids(packet: &Packet) -> Ids {
    let mut ids = Ids::default();
    for (name, id) in packet.given["ext_ids"].as_object().into_iter().flatten() {
        if let Some(name) = ExtensionName::from_wire(name.as_bytes()) {
            ids.set(name, u8::try_from(id.as_u64().unwrap()).unwrap());
        }
    }
    ids
}

fn extended_fields(h: &ExtendedHandshake<'_>) -> Value {
    let named = |keep: fn(u8) -> bool| {
        ExtensionName::ALL
            .iter()
            .filter_map(move |&n| h.ids.get(n).filter(|&id| keep(id)).map(|id| (n.label(), id)))
    };
    let m: Map<String, Value> = named(|_| true).map(|(name, id)| (name.to_owned(), id.into())).collect();
    json!({
        "m": m,
        "disabled": named(|id| id == 0).map(|(name, _)| name).collect::<Vec<_>>(),
        "v": h.v.map(String::from_utf8_lossy),
        "p": h.port,
        "reqq": h.reqq,
        "metadata_size": h.metadata_size,
        "yourip": h.your_ip.map(|a| a.to_string()),
        "ipv4": h.ipv4.map(|a| a.to_string()),
        "ipv6": h.ipv6.map(|a| a.to_string()),
        "e": h.prefers_encryption.map(u8::from),
        "upload_only": h.upload_only.map(u8::from),
        "complete_ago": h.complete_ago,
        "anomaly": (!h.canonical).then_some("unsorted_keys"),
    })
}

fn extension_fields(extension: &Extension<'_>) -> Value {
    match extension {
        Extension::Metadata(Metadata::Request { piece }) => {
            json!({ "type": "ut_metadata", "msg": "request", "piece": piece })
        }
        Extension::Metadata(Metadata::Reject { piece }) => {
            json!({ "type": "ut_metadata", "msg": "reject", "piece": piece })
        }
        Extension::Metadata(Metadata::Data { piece, total_size, bytes }) => json!({
            "type": "ut_metadata", "msg": "data", "piece": piece, "total_size": total_size,
            "data_len": bytes.len(), "sha1": to_hex(&Sha1::digest(bytes)), "name": text_of(bytes, b"name"),
        }),
        Extension::Pex(pex) => {
            let with_flags = |(peer, flags): (swarmscope::base::Endpoint, extension::PexFlags)| {
                format!("{peer}/0x{:02x}", flags.0)
            };
            json!({
                "type": "ut_pex",
                "added": pex.added().map(with_flags).collect::<Vec<_>>(),
                "added6": pex.added6().map(with_flags).collect::<Vec<_>>(),
                "dropped": pex.dropped().map(|peer| peer.to_string()).collect::<Vec<_>>(),
            })
        }
        Extension::Holepunch(holepunch) => {
            let (msg, err) = match holepunch.kind {
                HolepunchKind::Rendezvous => ("rendezvous", 0),
                HolepunchKind::Connect => ("connect", 0),
                HolepunchKind::Error(HolepunchError::NoSuchPeer) => ("error", 1),
                HolepunchKind::Error(HolepunchError::NotConnected) => ("error", 2),
                HolepunchKind::Error(HolepunchError::NoSupport) => ("error", 3),
                HolepunchKind::Error(HolepunchError::NoSelf) => ("error", 4),
                HolepunchKind::Error(HolepunchError::Unknown(code)) => ("error", code),
            };
            let peer = holepunch.peer;
            json!({
                "type": "ut_holepunch", "msg": msg, "err": err, "peer": peer.to_string(),
                "addr": peer.address.to_string(), "ip": peer.address.to_string(), "port": peer.port,
            })
        }
        Extension::DontHave { piece } => json!({ "type": "lt_donthave", "index": piece }),
        Extension::UploadOnly(on) => json!({ "type": "upload_only", "value": u8::from(*on) }),
        Extension::ShareMode(on) => json!({ "type": "share_mode", "value": u8::from(*on) }),
        Extension::Other(name) => json!({ "type": name.label() }),
    }
}

fn text_of(dict: &[u8], key: &[u8]) -> Option<String> {
    let value = bencode::parse(dict, bencode::EXTENSION).ok()?.value.as_dict()?.get(key)?;
    Some(String::from_utf8_lossy(value.as_bytes()?).into_owned())
}

#[test]
fn first_bursts() {
    check("bt.mse", |packet| (mse::first_burst(&packet.bytes), json!({ "len": packet.bytes.len() })));
}

#[test]
fn server_names() {
    check("bt.ssl", |packet| {
        let name = tls::server_name(&packet.bytes).unwrap_or_default();
        (certain_if(tls::torrent_sni(name).is_some()), json!({ "sni": name }))
    });
}

#[test]
fn utp_packets() {
    check("bt.utp", |packet| {
        let guess = utp::recognise_cut(&packet.bytes, packet.wire_len);
        let Ok(p) = utp::parse_cut(&packet.bytes, packet.wire_len) else { return (guess, Value::Null) };
        let sack = p.extensions.sack();
        let inner = match handshake::parse(p.payload) {
            Parsed::Done { message, .. } => Some(message),
            _ => None,
        };
        let numbers = p.extensions.iter().map(|e| match e {
            utp::Extension::Sack(_) => 1,
            utp::Extension::Bits(_) => 2,
            utp::Extension::CloseReason(_) => 3,
            utp::Extension::Unknown { number, .. } => number,
        });
        let fields = json!({
            "type": format!("{:?}", p.kind).to_uppercase(),
            "conn_id": p.connection,
            "seq": p.seq,
            "ack": p.ack,
            "wnd": p.window,
            "payload": p.payload_len,
            "ext": numbers.collect::<Vec<u8>>(),
            "sack_len": sack.map(|s| s.0.len()),
            "sacked": sack.map(|s| s.received(p.ack).collect::<Vec<_>>()),
            "close_reason": p.extensions.close_reason(),
            "inner": inner.map(|_| "bt.peer.handshake"),
            "info_hash": inner.map(|h| h.info_hash.to_string()),
        });
        (guess, fields)
    });
}
