//! What is compared: the fields of one protocol in one packet, as either side reads them.

use std::collections::BTreeMap;
use std::fmt;

/// A protocol that both sides read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// The peer wire handshake, over TCP or uTP.
    Handshake,
    /// A KRPC message.
    Krpc,
    /// A uTP header.
    Utp,
    /// A message of the UDP tracker protocol.
    Tracker,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Handshake => "handshake",
            Self::Krpc => "KRPC",
            Self::Utp => "uTP",
            Self::Tracker => "UDP tracker",
        })
    }
}

/// The fields of one protocol: numbers in decimal, identifiers in hexadecimal. A field that the packet does not have is
/// absent.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Name and value.
    pub fields: BTreeMap<&'static str, String>,
    /// Whether the bytes alone prove the protocol. Where they do not, the other side need not have seen it.
    pub certain: bool,
    /// Whether the reader stumbled and may have missed the rest.
    pub complaint: bool,
}

impl Reading {
    /// Adds a field.
    pub fn set(&mut self, field: &'static str, value: impl fmt::Display) {
        self.fields.insert(field, value.to_string());
    }

    /// Adds a field where there is one.
    pub fn set_some(&mut self, field: &'static str, value: Option<impl fmt::Display>) {
        if let Some(value) = value {
            self.set(field, value);
        }
    }
}

/// The protocols of one packet.
pub type Readings = BTreeMap<Protocol, Reading>;

/// A field that the two sides read differently; `RECOGNISED` where only one of them sees the protocol.
#[derive(Clone, Debug)]
pub struct Disagreement {
    /// Where it was seen.
    pub protocol: Protocol,
    /// What of it.
    pub field: &'static str,
    /// The value here.
    pub ours: String,
    /// The value there.
    pub theirs: String,
}

/// The value of a field that one side does not have.
pub const ABSENT: &str = "absent";

/// The field that stands for the protocol as a whole.
pub const RECOGNISED: &str = "recognised";

/// Every difference between two readings of a packet.
pub fn differences(ours: &Readings, theirs: &Readings) -> Vec<Disagreement> {
    let mut found = Vec::new();
    let protocols = [Protocol::Handshake, Protocol::Krpc, Protocol::Utp, Protocol::Tracker];
    for protocol in protocols {
        let mut add = |field, ours: Option<&String>, theirs: Option<&String>| {
            let text = |value: Option<&String>| value.map_or(ABSENT, |v| v).to_owned();
            found.push(Disagreement { protocol, field, ours: text(ours), theirs: text(theirs) });
        };
        let whole = |r: &Reading| format!("{:?}", r.fields);
        match (ours.get(&protocol), theirs.get(&protocol)) {
            (Some(ours), Some(theirs)) => {
                for field in
                    ours.fields.keys().chain(theirs.fields.keys().filter(|f| !ours.fields.contains_key(*f)))
                {
                    let (a, b) = (ours.fields.get(field), theirs.fields.get(field));
                    if a != b {
                        add(field, a, b);
                    }
                }
            }
            (Some(ours), None) if ours.certain => add(RECOGNISED, Some(&whole(ours)), None),
            (None, Some(theirs)) => add(RECOGNISED, None, Some(&whole(theirs))),
            _ => {}
        }
    }
    found
}
