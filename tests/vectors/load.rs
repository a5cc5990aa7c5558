//! Reads `protocol_vectors.json`: byte strings with the verdict and the fields a recogniser must give.
//!
//! The file next to this one is used, or the one that the environment variable `SWARMSCOPE_VECTORS` names.
#![allow(dead_code)] // each protocol's test file uses its own part

use serde_json::Value;
use std::sync::LazyLock;

static FILE: LazyLock<Value> = LazyLock::new(|| {
    let text = match std::env::var("SWARMSCOPE_VECTORS") {
        Ok(path) => std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}")),
        Err(_) => include_str!("protocol_vectors.json").to_owned(),
    };
    serde_json::from_str(&text).expect("the vectors are JSON")
});

/// What the bytes alone must make a recogniser say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They justify reporting the class.
    Match,
    /// A second, independent fact is needed.
    Candidate,
    /// They must not be reported as the class.
    Reject,
}

/// What must come out of a packet or a flow.
#[derive(Clone, Debug)]
pub struct Expect {
    pub verdict: Verdict,
    /// For instance `bt.krpc`.
    pub class: &'static str,
    /// A subset of the fields, to assert; `Value::Null` where none is given.
    pub fields: &'static Value,
    /// The whole `expect` object: flows have keys of their own.
    pub all: &'static Value,
}

impl Expect {
    fn of(v: &'static Value) -> Self {
        let verdict = match v["verdict"].as_str() {
            Some("match") => Verdict::Match,
            Some("candidate") => Verdict::Candidate,
            Some("reject") => Verdict::Reject,
            other => panic!("verdict {other:?}"),
        };
        Self { verdict, class: text(&v["class"]), fields: &v["fields"], all: v }
    }

    /// The field as text, if it is asserted.
    pub fn text(&self, name: &str) -> Option<&'static str> {
        self.fields.get(name).and_then(Value::as_str)
    }

    /// The field as an integer, if it is asserted.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.fields.get(name).and_then(Value::as_i64)
    }
}

/// One message or segment.
#[derive(Clone, Debug)]
pub struct Packet {
    pub id: &'static str,
    /// `tcp` or `udp`.
    pub l4: &'static str,
    /// `first`, `framed`, `mid` or `datagram`.
    pub ctx: &'static str,
    /// `any`, `c2s`, `s2c`; in flows `a2b` or `b2a`.
    pub dir: &'static str,
    /// The captured bytes.
    pub bytes: Vec<u8>,
    /// The message's full length when the capture was cut short, otherwise that of `bytes`.
    pub wire_len: usize,
    /// Outside knowledge the parser may use; `Value::Null` where none.
    pub given: &'static Value,
    pub expect: Expect,
}

/// One conversation.
#[derive(Clone, Debug)]
pub struct Flow {
    pub id: &'static str,
    pub l4: &'static str,
    /// Direction (`a2b`, `b2a`), bytes, and the whole packet object.
    pub packets: Vec<(&'static str, Vec<u8>, &'static Value)>,
    /// Keys of encrypted flows; `Value::Null` where none.
    pub secrets: &'static Value,
    pub expect: Expect,
}

/// Every packet of the file.
pub fn packets() -> impl Iterator<Item = Packet> {
    list(&FILE["packets"]).map(|p| {
        let bytes = hex(text(&p["hex"]));
        Packet {
            id: text(&p["id"]),
            l4: text(&p["l4"]),
            ctx: text(&p["ctx"]),
            dir: text(&p["dir"]),
            wire_len: p["wire_len"].as_u64().map_or(bytes.len(), |n| n as usize),
            bytes,
            given: &p["given"],
            expect: Expect::of(&p["expect"]),
        }
    })
}

/// The packets whose class is `class`, or begins with `class.`.
pub fn packets_of(class: &str) -> impl Iterator<Item = Packet> {
    packets().filter(move |p| {
        p.expect.class.strip_prefix(class).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// Every flow of the file.
pub fn flows() -> impl Iterator<Item = Flow> {
    list(&FILE["flows"]).map(|f| Flow {
        id: text(&f["id"]),
        l4: text(&f["l4"]),
        packets: list(&f["packets"]).map(|p| (text(&p["dir"]), hex(text(&p["hex"])), p)).collect(),
        secrets: &f["secrets"],
        expect: Expect::of(&f["expect"]),
    })
}

/// One block of `functions`, as it stands in the file.
pub fn function(name: &str) -> &'static Value {
    FILE["functions"].get(name).unwrap_or_else(|| panic!("no function block {name}"))
}

/// The names of all blocks of `functions`.
pub fn functions() -> impl Iterator<Item = &'static str> {
    FILE["functions"].as_object().expect("an object").keys().map(String::as_str)
}

/// The cases of a block that is a list; never empty.
pub fn cases(name: &str) -> impl Iterator<Item = &'static Value> {
    list(function(name))
}

/// The bytes of a hexadecimal text.
pub fn hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "odd hexadecimal {text}");
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).expect("hexadecimal"))
        .collect()
}

fn list(v: &'static Value) -> impl Iterator<Item = &'static Value> {
    let all = v.as_array().expect("a list");
    assert!(!all.is_empty());
    all.iter()
}

fn text(v: &'static Value) -> &'static str {
    v.as_str().unwrap_or_else(|| panic!("not a text: {v}"))
}
