//! Targets for the parsers of single messages.

use super::same_for_every_prefix;
use bendy::decoding::{Decoder, Object};
use swarmscope::base::{Address, Endpoint};
use swarmscope::wire::bencode::{DATAGRAM, DictReader, METAINFO, Token, Value};
use swarmscope::wire::extension::{ExtensionName, MAX_METADATA_SIZE};
use swarmscope::wire::krpc::{Body, Query};
use swarmscope::wire::{Guess, Malformed, Parsed};
use swarmscope::wire::{
    bencode as ben, client, extension as ext, handshake, krpc as dht, lsd as local, message, metainfo,
    mse as crypt, node_id, other, port_mapping, sdp, stun, tls, upnp, utp as micro,
};

/// What bendy reads we read alike, and what is canonical to us bendy reads.
pub fn bencode(bytes: &[u8]) {
    let ours = ben::parse(bytes, DATAGRAM);
    let theirs = bendy_says(bytes);
    match (&ours, &theirs) {
        (Ok(document), theirs) => {
            let mut text = String::new();
            describe(document.value, &mut text);
            match theirs {
                Some(theirs) => assert_eq!(&text, theirs),
                None => assert!(!document.canonical, "bendy refuses what is canonical to us"),
            }
            let again = ben::parse(&bytes[..document.used], DATAGRAM);
            assert_eq!(again.as_ref(), Ok(document), "what follows a value changes it");
            let generous = ben::parse(bytes, METAINFO);
            assert_eq!(generous.as_ref(), Ok(document), "larger limits change what is read");
        }
        // Limits and absurd numbers are ours alone.
        (Err(Malformed::Tokens | Malformed::Number), _) => {}
        (Err(why), Some(theirs)) => panic!("bendy reads {theirs}, for us it is {why:?}"),
        (Err(_), None) => {}
    }
    if let Ok(mut reader) = DictReader::open(bytes, DATAGRAM) {
        let end = loop {
            match reader.entry() {
                Ok(Some(_)) => {}
                Ok(None) => break Ok(reader.finish()),
                Err(why) => break Err(why),
            }
        };
        assert_eq!(end, ours.map(|d| (&bytes[d.used..], d.notes)), "entry by entry and at once");
    }
}

fn bendy_says(bytes: &[u8]) -> Option<String> {
    let mut text = String::new();
    let mut decoder = Decoder::new(bytes).with_max_depth(usize::from(DATAGRAM.depth));
    describe_theirs(decoder.next_object().ok()??, &mut text)?;
    Some(text)
}

fn describe(value: Value<'_>, text: &mut String) {
    match value {
        Value::Integer(n) => text.push_str(&format!("i{n}")),
        Value::HugeInteger(digits) => text.push_str(&format!("i{}", String::from_utf8_lossy(digits))),
        Value::Bytes(bytes) => text.push_str(&format!("{bytes:x?}")),
        Value::List(list) => {
            text.push('l');
            list.items().for_each(|item| describe(item, text));
            text.push('e');
            assert!(list.tokens().count() <= list.raw().len());
        }
        Value::Dict(dict) => {
            text.push('d');
            for (key, value) in dict.entries() {
                text.push_str(&format!("{key:x?}"));
                describe(value, text);
            }
            text.push('e');
            for (key, _) in dict.entries().take(4) {
                let raw = dict.get_raw(key).unwrap();
                let first = dict.get(key).unwrap();
                assert_eq!(ben::parse(raw, METAINFO).unwrap().value, first);
            }
            let ends = dict.tokens().filter(|t| *t == Token::End).count();
            let opens = dict.tokens().filter(|t| matches!(t, Token::List | Token::Dict)).count();
            assert_eq!(ends, opens + 1, "the closing e is the last token");
        }
    }
}

fn describe_theirs(object: Object<'_, '_>, text: &mut String) -> Option<()> {
    match object {
        Object::Integer(digits) => text.push_str(&format!("i{digits}")),
        Object::Bytes(bytes) => text.push_str(&format!("{bytes:x?}")),
        Object::List(mut list) => {
            text.push('l');
            while let Some(item) = list.next_object().ok()? {
                describe_theirs(item, text)?;
            }
            text.push('e');
        }
        Object::Dict(mut dict) => {
            text.push('d');
            while let Some((key, value)) = dict.next_pair().ok()? {
                text.push_str(&format!("{key:x?}"));
                describe_theirs(value, text)?;
            }
            text.push('e');
        }
    }
    Some(())
}

/// Every field of what is read is walked; recognition is reading and judging.
pub fn krpc(bytes: &[u8]) {
    let parsed = dht::parse(bytes);
    let verdict = parsed.as_ref().map_or(Guess::No, dht::Message::verdict);
    assert_eq!(dht::recognise(bytes), verdict);
    let _ = dht::may_be_cut(bytes);
    let Ok(message) = parsed else { return };
    assert!(message.trailing < bytes.len());
    let document = ben::parse(bytes, DATAGRAM);
    assert_eq!(document.map(|d| bytes.len() - d.used), Ok(message.trailing), "every message is bencode");
    let _ = (message.anomalies.iter().count(), format!("{message:?}"));
    if let Some(node) = message.node() {
        let _ = node_id::is_valid_for(&node, &Address::v4([192, 0, 2, 1]));
        let _ = dht::is_mozi_id(&node);
    }
    match message.body {
        Body::Query { id, query } => {
            let _ = (query.method(), query.target(), query.is_maintenance(&id));
            if let Query::Other { .. } = query {
                assert_ne!(verdict, Guess::Certain);
            }
        }
        Body::Response { response, .. } => {
            let _ = format!("{response:?}");
        }
        Body::Error { .. } => {}
    }
}

/// Handshake and messages read alike however they arrive; a chain is as long as its messages.
pub fn peer_wire(bytes: &[u8]) {
    if let Parsed::Done { message, used } = handshake::parse(bytes) {
        assert_eq!(message.encode(), bytes[..used]);
        for cut in 0..used {
            match handshake::parse(&bytes[..cut]) {
                Parsed::NeedMore { at_least } => assert!(at_least > cut),
                // The peer id may come later.
                Parsed::Done { message: early, .. } => {
                    assert!(cut >= handshake::LEN_WITHOUT_PEER_ID);
                    assert_eq!((early.info_hash, early.reserved), (message.info_hash, message.reserved));
                }
                Parsed::Bad(why) => panic!("{cut} bytes of a handshake are {why:?}"),
            }
        }
        let _ = (message.anomaly(), message.peer_id.and_then(|id| client::from_peer_id(&id.0)));
        messages(&bytes[used..]);
    }
    messages(bytes);
}

fn messages(bytes: &[u8]) {
    let chain = message::chain(bytes);
    let segment = message::segment(bytes);
    assert!(segment.at <= bytes.len());
    assert!(segment.at != 0 || segment.chain == chain);
    let (mut rest, mut count, mut looked_at) = (bytes, 0, 0);
    while !rest.is_empty() {
        // All prefixes of all messages would be quadratic.
        let parsed =
            if looked_at < 4 { same_for_every_prefix(rest, message::parse) } else { message::parse(rest) };
        looked_at += 1;
        let Parsed::Done { message, used } = parsed else { break };
        let Parsed::Done { message: header, .. } = message::header(rest) else {
            panic!("a message without a header");
        };
        assert_eq!(header.wire_len(), used);
        assert!(header.id.lengths().contains(&header.length));
        let _ = message::plausible_mid_stream(&message);
        count += u32::from(message != message::Message::KeepAlive);
        rest = rest.get(used..).unwrap_or_default();
    }
    assert!(chain.messages <= count, "a chain of {} in {count} messages", chain.messages);
    assert!(chain.verdict != Guess::Certain || chain.messages > 0);
    let _ = same_for_every_prefix(bytes, message::amp);
}

/// What is read of an extended message keeps the bounds that its fields promise.
pub fn extension(bytes: &[u8]) {
    for name in ExtensionName::ALL {
        if let Ok(read) = ext::parse(*name, bytes) {
            walk(&read);
        }
    }
    if let Some(read) = ext::guess(bytes) {
        walk(&read);
    }
    if let Ok(hello) = ext::parse_handshake(bytes) {
        assert!(hello.port != Some(0));
        assert!(hello.metadata_size.is_none_or(|n| (1..=MAX_METADATA_SIZE).contains(&n)));
        let mut ids = ext::Ids::default();
        ids.update(&hello.ids);
        assert_eq!(ids, hello.ids);
        for id in 0..=255 {
            assert!(ids.name_of(id).is_none_or(|name| ids.get(name) == Some(id)));
        }
        let _ = hello.v.and_then(client::from_extended);
    }
}

fn walk(read: &ext::Extension<'_>) {
    if let ext::Extension::Pex(pex) = read {
        let _ = (pex.added().last(), pex.added6().last(), pex.dropped().last());
    }
    let _ = format!("{read:?}");
}

/// Header, extensions and payload are the datagram, and the lenient reader agrees with the strict one.
pub fn utp(bytes: &[u8]) {
    let Some((&extra, bytes)) = bytes.split_first() else { return };
    let wire_len = bytes.len() + usize::from(extra);
    let guess = micro::recognise_cut(bytes, wire_len);
    let Ok(packet) = micro::parse_cut(bytes, wire_len) else {
        assert_eq!(guess, Guess::No);
        let _ = micro::parse_verified(bytes, wire_len);
        return;
    };
    assert_eq!(micro::parse_verified(bytes, wire_len), Ok(packet));
    assert!(packet.payload_len >= packet.payload.len());
    assert_eq!(packet.payload_len - packet.payload.len(), usize::from(extra));
    assert!(bytes.ends_with(packet.payload));
    let _ = packet.extensions.iter().count();
    if let Some(sack) = packet.extensions.sack() {
        assert!(sack.received(packet.ack).count() <= 8 * sack.0.len());
    }
    let _ = (packet.extensions.close_reason(), micro::answers(&packet, &packet));
    if guess == Guess::Certain {
        assert!(packet.payload.starts_with(handshake::MAGIC));
    }
}

/// An announce has a port and at least one info-hash.
pub fn lsd(bytes: &[u8]) {
    if let Ok(announce) = local::parse(bytes) {
        assert!(announce.port != 0);
        assert!((1..=bytes.len() / 40).contains(&announce.info_hashes.count()));
    }
}

/// The key exchange is never more than a guess, and within its lengths.
pub fn mse(bytes: &[u8]) {
    let random = crypt::looks_random(bytes);
    let guess = crypt::first_burst(bytes);
    assert_ne!(guess, Guess::Certain);
    if guess == Guess::Maybe {
        assert!(random && bytes.len() <= crypt::MAX_BURST && !crypt::known_magic(bytes));
    }
    let _ = crypt::cut_looks_random(bytes);
    if let Some(at) = crypt::find_clear_handshake(bytes) {
        assert!(bytes[at..].starts_with(handshake::MAGIC));
    }
    let [a, b, c, d] = [0, 2, 4, 6].map(|at| {
        bytes.get(at..at + 2).map_or(0, |pair| usize::from(u16::from_le_bytes([pair[0], pair[1]])))
    });
    let _ = crypt::exchange_shape(a, b, Some(c), Some(d));
    assert!(crypt::exchange_shape(a, b, None, None) <= crypt::Shape::Turns);
}

/// The protocols around BitTorrent, and those that are mistaken for it.
pub fn around(bytes: &[u8]) {
    let _ = (stun::parse(bytes), port_mapping::parse(bytes), upnp::parse_ssdp(bytes));
    let _ = (upnp::parse_request(bytes), upnp::parse_answer(bytes));
    let _ = tls::server_name(bytes).and_then(tls::torrent_sni).map(|sni| sni.info_hash());
    let _ = (other::recognise_stream(bytes), other::recognise_datagram(bytes, 4662, 6881));
    let _ = (client::from_krpc_version(bytes), client::from_user_agent(bytes), client::from_extended(bytes));
    let _ = sdp::candidates(bytes).collect::<Vec<Endpoint>>();
    let _ = metainfo::parse_magnet(bytes).map(|m| m.feed_target());
    if let Ok(info) = metainfo::parse_info(bytes) {
        let (short, _) = info.wire_hashes();
        assert!(info.verifies(&short));
    }
    if let Ok(torrent) = metainfo::parse_torrent(bytes) {
        let _ = format!("{torrent:?}");
    }
    let _ = metainfo::recognise(bytes);
}
