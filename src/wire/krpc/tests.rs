//! KRPC messages as they are and as evaders write them.

use super::*;
use proptest::prelude::*;

const GET_PEERS: &[u8] =
    b"d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:v4:LT\x02\x101:y1:qe";
const RESPONSE: &[u8] = b"d2:ip6:\xcb\0q\x07\x1a\xe11:rd2:id20:0123456789abcdefghij5:nodes26:jihgfedcba9876543210\xc6\x33\x64\x01\x1a\xe15:token4:tokn6:valuesl6:\xc0\0\x02\x2c\xc8\xd5ee1:t2:aa1:y1:re";
const ERROR: &[u8] = b"d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee";

fn query(datagram: &[u8]) -> Query<'_> {
    match parse(datagram).unwrap().body {
        Body::Query { query, .. } => query,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_response_is_read_to_the_last_key() {
    let message = parse(RESPONSE).unwrap();
    assert_eq!((message.transaction, message.verdict()), (&b"aa"[..], Guess::Certain));
    assert_eq!(message.external.unwrap().endpoint().unwrap().to_string(), "203.0.113.7:6881");
    let Body::Response { id, response } = message.body else { panic!("{message:?}") };
    assert_eq!(id.0, *b"0123456789abcdefghij");
    assert_eq!(response.token, Some(&b"tokn"[..]));
    let peers: Vec<String> = response.values.iter().map(|e| e.to_string()).collect();
    assert_eq!(peers, ["192.0.2.44:51413"]);
    let nodes: Vec<_> = response.nodes.iter().map(|(id, e)| (id.0, e.to_string())).collect();
    assert_eq!(nodes, [(*b"jihgfedcba9876543210", "198.51.100.1:6881".to_owned())]);
}

#[test]
fn errors_are_read_with_and_without_code() {
    assert_eq!(parse(ERROR).unwrap().body, Body::Error { code: Some(201), text: b"A Generic Error Ocurred" });
    let bare = parse(b"d1:e12:Server Error1:t2:aa1:y1:ee").unwrap();
    assert_eq!(bare.body, Body::Error { code: None, text: b"Server Error" });
    assert!(bare.anomalies.contains(Anomaly::ErrorNotList));
}

#[test]
fn every_order_and_every_tolerated_form_is_recognised() {
    let args = "d2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e";
    let backwards = "d9:info_hash20:mnopqrstuvwxyz1234562:id20:abcdefghij0123456789e";
    let long = format!("d1:a{args}1:q9:get_peers1:t64:{}1:y1:qe", "t".repeat(64));
    let cases = [
        ("keys reversed", format!("d1:y1:q1:t2:aa1:q9:get_peers1:a{args}e")),
        ("arguments reversed", format!("d1:a{backwards}1:q9:get_peers1:t2:aa1:y1:qe")),
        ("unknown first key", format!("d1:Zi1e1:a{args}1:q9:get_peers1:t2:aa1:y1:qe")),
        ("unknown nested first key", format!("d1:!ld1:xli1eeee1:a{args}1:q9:get_peers1:t2:aa1:y1:qe")),
        ("a key twice", format!("d1:a{args}1:q9:get_peers1:q4:ping1:t2:aa1:y1:q1:y1:re")),
        ("a padded integer", format!("d1:a{args}1:q9:get_peers2:roi01e1:t2:aa1:y1:qe")),
        ("a huge integer", format!("d1:a{args}1:ni{}e1:q9:get_peers1:t2:aa1:y1:qe", "9".repeat(40))),
        ("64 bytes of transaction id", long),
    ];
    for (what, datagram) in &cases {
        let message = parse(datagram.as_bytes()).unwrap_or_else(|e| panic!("{what}: {e:?}"));
        assert_eq!(message.verdict(), Guess::Certain, "{what}");
        let Body::Query { query: Query::GetPeers { info_hash, .. }, .. } = message.body else {
            panic!("{what}")
        };
        assert_eq!(info_hash.0, *b"mnopqrstuvwxyz123456", "{what}");
    }
    assert_eq!(recognise(&[GET_PEERS, b"\0"].concat()), Guess::Maybe);
    assert!(parse(cases[5].1.as_bytes()).unwrap().read_only);
}

#[test]
fn a_padded_length_is_read_and_proves_nothing() {
    let message = parse(b"d1:ad02:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe").unwrap();
    assert_eq!((message.verdict(), message.canonical), (Guess::No, false));
}

#[test]
fn nested_stored_values_are_read() {
    let put = b"d1:ad2:id20:abcdefghij01234567895:token2:tk1:vd1:ald1:bi1eee2:ih20:mnopqrstuvwxyz123456ee1:q3:put1:t2:aa1:y1:qe";
    let Query::Put { item, token } = query(put) else { panic!() };
    assert_eq!(token, b"tk");
    assert_eq!(item.raw(), b"d1:ald1:bi1eee2:ih20:mnopqrstuvwxyz123456e");
    assert_eq!(item.feed(), None, "only a mutable item is a feed");
    assert_eq!(Query::Put { item, token }.target(), Some(item.target()));
}

#[test]
fn what_the_bytes_lack_is_named() {
    let id = "2:id20:abcdefghij0123456789";
    for (datagram, why) in [
        ("d1:y1:qe".to_owned(), Malformed::Length),
        (format!("l1:ad{id}e1:q4:ping1:t2:aa1:y1:qe"), Malformed::Magic),
        (format!("d1:ad{id}e1:q4:ping1:t2:aae"), Malformed::Key),
        (format!("d1:ad{id}e1:t2:aa1:y1:qe"), Malformed::Key),
        ("d1:ade1:q4:ping1:t2:aa1:y1:qe".to_owned(), Malformed::Key),
        ("d1:ad2:id3:abce1:q4:ping1:t2:aa1:y1:qe".to_owned(), Malformed::Length),
        (format!("d1:ad{id}e1:q9:find_node1:t2:aa1:y1:qe"), Malformed::Key),
        (format!("d1:ad{id}9:info_hash3:abce1:q9:get_peers1:t2:aa1:y1:qe"), Malformed::Length),
        (format!("d1:al{id}e1:q4:ping1:t2:aa1:y1:qe"), Malformed::Type),
        (format!("d1:ad{id}e1:q4:ping1:t2:aa1:yi1ee"), Malformed::Type),
        (format!("d1:ad{id}e1:q4:ping1:t2:aa1:y1:xe"), Malformed::Value),
        ("d1:ei201e1:t2:aa1:y1:ee".to_owned(), Malformed::Type),
    ] {
        assert_eq!(parse(datagram.as_bytes()), Err(why), "{datagram}");
        assert_eq!(recognise(datagram.as_bytes()), Guess::No);
    }
}

#[test]
fn lists_of_a_wrong_length_are_dropped_and_the_message_kept() {
    let message = parse(
        b"d1:rd2:id20:0123456789abcdefghij5:nodes5:abcde7:samples3:abc6:valuesl3:abc6:\xc0\0\x02\x2c\xc8\xd5ee1:t2:aa1:y1:re",
    )
    .unwrap();
    let Body::Response { response, .. } = message.body else { panic!() };
    assert_eq!((response.nodes.len(), response.samples.len(), response.values.len()), (0, 0, 1));
    let labels: Vec<_> = message.anomalies.iter().map(Anomaly::label).collect();
    assert_eq!(labels, ["nodes_len", "samples_len", "values_len"]);
    assert_eq!(message.verdict(), Guess::Certain);
}

#[test]
fn lists_are_bounded() {
    let nodes =
        [&b"d1:rd2:id20:0123456789abcdefghij5:nodes26000:"[..], &[7; 26_000], b"e1:t2:aa1:y1:re"].concat();
    let Body::Response { response, .. } = parse(&nodes).unwrap().body else { panic!() };
    assert_eq!((response.nodes.len(), response.nodes.iter().count()), (1000, LISTED_MAX));
}

#[test]
fn a_query_near_the_own_id_is_maintenance() {
    let near =
        b"d1:ad2:id20:abcdefghij01234567899:info_hash20:abcdefghijklmnopqrste1:q9:get_peers1:t2:aa1:y1:qe";
    assert!(query(near).is_maintenance(&NodeId(*b"abcdefghij0123456789")));
    assert!(!query(GET_PEERS).is_maintenance(&NodeId(*b"abcdefghij0123456789")));
}

#[test]
fn no_prefix_of_a_message_is_a_message() {
    for whole in [GET_PEERS, RESPONSE, ERROR] {
        for cut in 0..whole.len() {
            assert_eq!(recognise(&whole[..cut]), Guess::No, "{cut}");
        }
        assert_eq!(recognise(whole), Guess::Certain);
    }
}

/// Walks everything a message can give.
fn exhaust(datagram: &[u8]) {
    let Ok(message) = parse(datagram) else { return };
    let _ = (message.verdict(), message.node(), message.anomalies.iter().count());
    match message.body {
        Body::Query { id, query } => {
            let _ = (query.method(), query.target(), query.is_maintenance(&id));
        }
        Body::Response { response: r, .. } => {
            let listed =
                r.nodes.iter().count() + r.nodes6.iter().count() + r.values.len() + r.samples.iter().count();
            assert!(listed <= 4 * LISTED_MAX);
            let _ = r.item.map(|i| (i.target(), i.feed()));
        }
        Body::Error { .. } => {}
    }
}

proptest! {
    #[test]
    fn noise_never_panics(noise: Vec<u8>) {
        exhaust(&noise);
        exhaust(&[b"d1:", noise.as_slice()].concat());
    }

    #[test]
    fn mutants_never_panic(which in 0..3usize, changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut datagram = [GET_PEERS, RESPONSE, ERROR][which].to_vec();
        for (at, byte) in changes {
            let at = at.index(datagram.len());
            datagram[at] = byte;
        }
        exhaust(&datagram);
    }
}
