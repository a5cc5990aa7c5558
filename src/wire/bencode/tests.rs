//! Bencode against itself, against a second reader, and against bytes nobody meant.

use super::*;
use bendy::decoding::{Decoder, Object};
use proptest::prelude::*;

/// A value that owns its parts, to compare readers and to write from.
#[derive(Clone, Debug, PartialEq)]
enum Owned {
    Integer(i64),
    Bytes(Vec<u8>),
    List(Vec<Self>),
    Dict(Vec<(Vec<u8>, Self)>),
}

fn encode(value: &Owned) -> Vec<u8> {
    match value {
        Owned::Integer(n) => format!("i{n}e").into_bytes(),
        Owned::Bytes(b) => [format!("{}:", b.len()).as_bytes(), b].concat(),
        Owned::List(items) => {
            [b"l".to_vec(), items.iter().flat_map(encode).collect(), b"e".to_vec()].concat()
        }
        Owned::Dict(entries) => {
            let inner =
                entries.iter().flat_map(|(k, v)| [encode(&Owned::Bytes(k.clone())), encode(v)].concat());
            [b"d".to_vec(), inner.collect(), b"e".to_vec()].concat()
        }
    }
}

fn ours(value: Value<'_>) -> Owned {
    match value {
        Value::Integer(n) => Owned::Integer(n),
        Value::HugeInteger(d) => Owned::Bytes(d.to_vec()),
        Value::Bytes(b) => Owned::Bytes(b.to_vec()),
        Value::List(l) => Owned::List(l.items().map(ours).collect()),
        Value::Dict(d) => Owned::Dict(d.entries().map(|(k, v)| (k.to_vec(), ours(v))).collect()),
    }
}

fn theirs(object: Object<'_, '_>) -> Option<Owned> {
    Some(match object {
        Object::Integer(n) => Owned::Integer(n.parse().ok()?),
        Object::Bytes(b) => Owned::Bytes(b.to_vec()),
        Object::List(mut l) => {
            let mut items = Vec::new();
            while let Some(item) = l.next_object().ok()? {
                items.push(theirs(item)?);
            }
            Owned::List(items)
        }
        Object::Dict(mut d) => {
            let mut entries = Vec::new();
            while let Some((k, v)) = d.next_pair().ok()? {
                entries.push((k.to_vec(), theirs(v)?));
            }
            Owned::Dict(entries)
        }
    })
}

fn bendy(input: &[u8]) -> Option<Owned> {
    theirs(Decoder::new(input).with_max_depth(16).next_object().ok()??)
}

fn owned() -> impl Strategy<Value = Owned> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Owned::Integer),
        proptest::collection::vec(any::<u8>(), 0..24).prop_map(Owned::Bytes),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Owned::List),
            proptest::collection::btree_map(proptest::collection::vec(any::<u8>(), 0..6), inner, 0..6)
                .prop_map(|m| Owned::Dict(m.into_iter().collect())),
        ]
    })
}

/// Bytes that look like bencode more often than chance has it.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        Just("d"),
        Just("l"),
        Just("e"),
        Just("i0e"),
        Just("i-7e"),
        Just("i03e"),
        Just("1:a"),
        Just("1:b"),
        Just("0:"),
        Just("02:id"),
        Just("3:ab"),
        Just("i99999999999999999999e"),
        Just("-"),
        Just("4294967296:"),
    ];
    proptest::collection::vec(word, 0..24).prop_map(|words| words.concat().into_bytes())
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(value in owned()) {
        let bytes = encode(&value);
        let document = parse(&bytes, DATAGRAM).unwrap();
        prop_assert_eq!(document.used, bytes.len());
        prop_assert!(document.canonical);
        prop_assert_eq!(ours(document.value), value);
    }

    #[test]
    fn no_prefix_is_a_value(value in owned()) {
        let bytes = encode(&value);
        for cut in 0..bytes.len() {
            prop_assert_eq!(parse(&bytes[..cut], DATAGRAM), Err(Malformed::Truncated));
        }
    }

    #[test]
    fn what_bendy_reads_we_read_alike(bytes in nearly()) {
        if let Some(theirs) = bendy(&bytes) {
            prop_assert_eq!(ours(parse(&bytes, DATAGRAM).unwrap().value), theirs);
        }
    }

    #[test]
    fn mutants_and_noise_never_panic(value in owned(), at in any::<prop::sample::Index>(), byte: u8, noise: Vec<u8>) {
        let mut bytes = encode(&value);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        for input in [bytes, noise] {
            if let Ok(document) = parse(&input, DATAGRAM) {
                let again = ours(document.value);
                if document.canonical && !document.notes.huge_integer {
                    prop_assert_eq!(encode(&again), input[..document.used].to_vec());
                }
                if let Some(theirs) = bendy(&input) {
                    prop_assert_eq!(again, theirs);
                }
            } else {
                prop_assert_eq!(bendy(&input), None);
            }
        }
    }

    #[test]
    fn the_reader_of_entries_agrees_with_parse(bytes in nearly()) {
        let bytes = [b"d", bytes.as_slice()].concat();
        let mut reader = DictReader::open(&bytes, DATAGRAM).unwrap();
        let mut entries = Vec::new();
        let end = loop {
            match reader.entry() {
                Ok(Some((k, v))) => entries.push((k, v)),
                Ok(None) => break Ok(reader.finish()),
                Err(e) => break Err(e),
            }
        };
        match parse(&bytes, DATAGRAM) {
            Ok(document) => {
                prop_assert_eq!(end, Ok((&bytes[document.used..], document.notes)));
                prop_assert_eq!(document.value.as_dict().unwrap().entries().collect::<Vec<_>>(), entries);
            }
            Err(e) => prop_assert_eq!(end, Err(e)),
        }
    }
}

fn refused(input: &[u8]) -> Malformed {
    parse(input, DATAGRAM).unwrap_err()
}

#[test]
fn nesting_stops_at_the_limit() {
    for open in ["l", "d1:a"] {
        let nested = |n: usize| {
            let inner = if open == "l" { "" } else { "0:" };
            [open.repeat(n), inner.to_owned(), "e".repeat(n)].concat().into_bytes()
        };
        for (limits, most) in [(DATAGRAM, 16), (METAINFO, 100)] {
            assert!(parse(&nested(most), limits).is_ok(), "{open} {most}");
            assert_eq!(parse(&nested(most + 1), limits), Err(Malformed::Depth), "{open} {most}");
        }
    }
    assert_eq!(refused(&[b'l'; 65_507]), Malformed::Depth);
}

#[test]
fn at_the_limit_of_tokens_a_wrong_value_is_the_same_fault_entry_by_entry_and_at_once() {
    // The dictionary, 511 entries and a key are 1,024 tokens; what follows is none.
    for wrong in ["i00e", "x", "e", "i1e", "0:"] {
        let entries: String = (0..511).map(|n| format!("3:{n:03}0:")).collect();
        let input = format!("d{entries}3:zzz{wrong}e");
        let at_once = parse(input.as_bytes(), DATAGRAM).map(|_| ());
        let mut reader = DictReader::open(input.as_bytes(), DATAGRAM).unwrap();
        let by_entry = loop {
            match reader.entry() {
                Ok(Some(_)) => {}
                Ok(None) => break Ok(()),
                Err(why) => break Err(why),
            }
        };
        assert_eq!(by_entry, at_once, "{wrong}");
        assert!(at_once.is_err(), "{wrong}");
    }
}

#[test]
fn tokens_stop_at_the_limit() {
    let list = |n: usize| [b"l".to_vec(), b"0:".repeat(n), b"e".to_vec()].concat();
    assert!(parse(&list(1023), DATAGRAM).is_ok());
    assert_eq!(refused(&list(1024)), Malformed::Tokens);
}

#[test]
fn integers_beyond_the_machine_are_kept_as_digits() {
    for n in [i64::MIN, i64::MAX] {
        assert_eq!(parse(format!("i{n}e").as_bytes(), DATAGRAM).unwrap().value, Value::Integer(n));
    }
    let document = parse(b"i-9223372036854775809e", DATAGRAM).unwrap();
    assert_eq!(document.value, Value::HugeInteger(b"-9223372036854775809"));
    assert!(document.notes.huge_integer && document.canonical);
    let digits = |n: usize| format!("i{}e", "9".repeat(n)).into_bytes();
    assert!(parse(&digits(1024), DATAGRAM).is_ok());
    assert_eq!(refused(&digits(1025)), Malformed::Number);
}

#[test]
fn what_is_tolerated_is_told() {
    let notes = |input: &[u8]| parse(input, DATAGRAM).unwrap().notes;
    assert_eq!(notes(b"d1:b0:1:a0:e"), Notes { unsorted: true, ..Notes::default() });
    assert_eq!(notes(b"d1:a0:1:a1:xe"), Notes { duplicate: true, ..Notes::default() });
    assert_eq!(notes(b"i007e"), Notes { padded_integer: true, ..Notes::default() });
    assert_eq!(notes(b"001:x"), Notes { padded_length: true, ..Notes::default() });
    assert_eq!(notes(b"d1:bd1:z0:e1:cd1:a0:ee"), Notes::default(), "each level has an order of its own");
    assert!(!parse(b"ld1:b0:1:a0:ee", DATAGRAM).unwrap().canonical);
}

#[test]
fn the_first_of_two_equal_keys_wins_and_raw_bytes_are_exact() {
    let document = parse(b"d1:al1:xe1:ai2e1:bi03eetail", DATAGRAM).unwrap();
    let dict = document.value.as_dict().unwrap();
    assert_eq!(dict.get(b"a").unwrap().as_list().unwrap().raw(), b"l1:xe");
    assert_eq!(dict.get_raw(b"b"), Some(&b"i03e"[..]));
    assert_eq!((dict.get(b"c"), dict.get_raw(b"c")), (None, None));
    assert_eq!(document.used, dict.raw().len());
    assert_eq!(dict.tokens().count(), 9);
}
