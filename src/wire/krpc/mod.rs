//! KRPC, the messages of the Mainline DHT (BEP 5, 32, 33, 42, 43, 44, 50, 51): one bencoded dictionary a datagram.
//!
//! Keys are looked at wherever they stand (R-DHT-2): a recogniser of the usual first bytes is blind to any sender that
//! orders its keys otherwise, and crawlers and bots do. What deviates is told in [`Anomalies`]; how far the
//! bytes prove themselves is told by [`Message::verdict`].

mod anomaly;
mod bloom;
mod compact;
mod item;
mod mozi;
mod query;
mod response;

pub use anomaly::{Anomalies, Anomaly};
pub use bloom::BloomFilter;
pub use compact::{CompactNodes, LISTED_MAX, Samples, Values};
pub use item::Item;
pub(crate) use item::mutable_target;
pub use mozi::{MOZI_KEY, is_mozi_config, is_mozi_id, mozi_decode};
pub use query::{Query, Want};
pub use response::Response;

use super::bencode::{DATAGRAM, Dict, DictReader, Value};
use super::{Guess, Malformed};
use crate::base::{Address, Endpoint, InfoHash, NodeId};

/// One KRPC message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// `t`, echoed by the answer. Two bytes in BEP 5, any number in the field; empty where absent, as in rTorrent's
    /// answers to queries that it cannot read.
    pub transaction: &'a [u8],
    /// `v`: two letters of client code and usually two bytes of version.
    pub version: Option<&'a [u8]>,
    /// `ip`: the receiver's address as the sender sees it (BEP 42).
    pub external: Option<External>,
    /// `ro`: the sender answers no queries (BEP 43).
    pub read_only: bool,
    /// `c`: the topic overlay it belongs to (BEP 50).
    pub topic: Option<InfoHash>,
    /// Query, response or error.
    pub body: Body<'a>,
    /// Bytes after the dictionary.
    pub trailing: usize,
    /// Whether the dictionary is written as BEP 3 asks.
    pub canonical: bool,
    /// What deviates from the BEPs.
    pub anomalies: Anomalies,
}

/// An address seen from outside. µTorrent once sent it without the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct External {
    /// The address.
    pub address: Address,
    /// The port, where told.
    pub port: Option<u16>,
}

impl External {
    /// From the 4, 6, 16 or 18 bytes of an `ip` key.
    fn read(bytes: &[u8]) -> Option<Self> {
        if let Some(e) = compact::endpoint(bytes) {
            return Some(Self { address: e.address, port: Some(e.port) });
        }
        let v4 = <[u8; 4]>::try_from(bytes).map(Address::v4);
        let address = v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(Address::v6)).ok()?;
        Some(Self { address, port: None })
    }

    /// Address and port, where both were told.
    #[must_use]
    pub fn endpoint(self) -> Option<Endpoint> {
        Some(Endpoint::new(self.address, self.port?))
    }
}

/// The three kinds of message, told by `y`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "it lives on the stack of one call")]
pub enum Body<'a> {
    /// `y` = `q`.
    Query {
        /// The sender's node id.
        id: NodeId,
        /// What it asks.
        query: Query<'a>,
    },
    /// `y` = `r`.
    Response {
        /// The sender's node id.
        id: NodeId,
        /// What it answers.
        response: Response<'a>,
    },
    /// `y` = `e`.
    Error {
        /// 201 to 207, 301, 302; absent when the sender wrote only a text.
        code: Option<i64>,
        /// For people.
        text: &'a [u8],
    },
}

impl Message<'_> {
    /// What the bytes prove (R-DHT-1, R-DHT-3). `Maybe` for a method outside of the BEPs, for bytes after the
    /// dictionary, and without a transaction id; enough beside a proven DHT endpoint. `No` where a string length is
    /// padded with zeros: readable, but no client writes or accepts it.
    #[must_use]
    pub fn verdict(&self) -> Guess {
        let untold = |anomaly| !self.anomalies.contains(anomaly);
        if !untold(Anomaly::PaddedLength) {
            return Guess::No;
        }
        let known = match &self.body {
            Body::Query { query: Query::Other { .. }, .. } => false,
            Body::Query { .. } | Body::Response { .. } => untold(Anomaly::NoTransaction),
            Body::Error { .. } => true,
        };
        if known && self.trailing == 0 { Guess::Certain } else { Guess::Maybe }
    }

    /// The sender's node id; errors carry none.
    #[must_use]
    pub const fn node(&self) -> Option<NodeId> {
        match self.body {
            Body::Query { id, .. } | Body::Response { id, .. } => Some(id),
            Body::Error { .. } => None,
        }
    }
}

/// The shortest dictionary with `t` and `y`.
const SHORTEST: usize = 15;

/// Whether the beginning of a datagram whose end was not captured is KRPC's: `id` and its twenty bytes stand first in the
/// arguments or the result, as every client that sorts its keys writes them.
#[must_use]
pub fn may_be_cut(captured: &[u8]) -> bool {
    let body = captured.strip_prefix(b"d").map(|rest| match rest.split_first_chunk::<6>() {
        Some((b"2:ip6:", rest)) => rest.get(6..).unwrap_or_default(),
        Some((b"2:ip18", rest)) => rest.get(19..).unwrap_or_default(),
        _ => rest,
    });
    body.is_some_and(|b| {
        let starts = b.starts_with(b"1:ad2:id20:")
            || b.starts_with(b"1:rd2:id20:")
            || b.starts_with(b"1:ad2:bsi1e2:id20:");
        starts && b.len() >= 31
    })
}

/// Whether a UDP payload is a KRPC message: [`parse`] and [`Message::verdict`].
#[must_use]
pub fn recognise(datagram: &[u8]) -> Guess {
    parse(datagram).map_or(Guess::No, |message| message.verdict())
}

/// Reads one UDP payload.
///
/// # Errors
/// `Magic` when it is no dictionary, `Key` when `y`, `q`, the arguments or a key that the method requires is missing, `Type`
/// when one is of the wrong type, `Value` when `y` is none of `q`, `r`, `e`, `Length` when an id, info-hash or target has
/// not 20 bytes, otherwise as [`super::bencode::parse`].
pub fn parse(datagram: &[u8]) -> Result<Message<'_>, Malformed> {
    if datagram.len() < SHORTEST {
        return Err(Malformed::Length);
    }
    let mut reader = DictReader::open(datagram, DATAGRAM)?;
    let mut keys = Envelope::default();
    while let Some((key, value)) = reader.entry()? {
        keys.take(key, value);
    }
    let (trailing, notes) = reader.finish();

    let mut anomalies = Anomalies::of(notes);
    if !trailing.is_empty() {
        anomalies.insert(Anomaly::TrailingBytes);
    }
    if keys.t.is_none() {
        anomalies.insert(Anomaly::NoTransaction);
    }
    let body = match keys.y.ok_or(Malformed::Key)? {
        Value::Bytes(b"q") => {
            let method = keys.q.ok_or(Malformed::Key)?.as_bytes().ok_or(Malformed::Type)?;
            let (id, query) = query::read(method, dict(keys.a)?)?;
            Body::Query { id, query }
        }
        Value::Bytes(b"r") => {
            let (id, response, ip) = response::read(dict(keys.r)?, &mut anomalies)?;
            keys.ip = keys.ip.or(ip);
            Body::Response { id, response }
        }
        Value::Bytes(b"e") => error(keys.e.ok_or(Malformed::Key)?, &mut anomalies)?,
        Value::Bytes(_) => return Err(Malformed::Value),
        _ => return Err(Malformed::Type),
    };
    Ok(Message {
        transaction: keys.t.unwrap_or_default(),
        version: keys.v,
        external: keys.ip.and_then(External::read),
        read_only: keys.ro,
        topic: keys.c.and_then(InfoHash::from_slice),
        body,
        trailing: trailing.len(),
        canonical: notes.is_canonical(),
        anomalies,
    })
}

/// The outermost keys; of a key given twice the first counts.
#[derive(Default)]
struct Envelope<'a> {
    a: Option<Value<'a>>,
    r: Option<Value<'a>>,
    e: Option<Value<'a>>,
    q: Option<Value<'a>>,
    y: Option<Value<'a>>,
    t: Option<&'a [u8]>,
    v: Option<&'a [u8]>,
    ip: Option<&'a [u8]>,
    c: Option<&'a [u8]>,
    ro: bool,
}

impl<'a> Envelope<'a> {
    #[inline(always)]
    fn take(&mut self, key: &[u8], value: Value<'a>) {
        match key {
            b"a" => self.a = self.a.or(Some(value)),
            b"r" => self.r = self.r.or(Some(value)),
            b"e" => self.e = self.e.or(Some(value)),
            b"q" => self.q = self.q.or(Some(value)),
            b"y" => self.y = self.y.or(Some(value)),
            b"t" => self.t = self.t.or(value.as_bytes()),
            b"v" => self.v = self.v.or(value.as_bytes()),
            b"ip" => self.ip = self.ip.or(value.as_bytes()),
            b"c" => self.c = self.c.or(value.as_bytes()),
            b"ro" => self.ro |= value.as_int() == Some(1),
            _ => {}
        }
    }
}

fn dict(value: Option<Value<'_>>) -> Result<Dict<'_>, Malformed> {
    value.ok_or(Malformed::Key)?.as_dict().ok_or(Malformed::Type)
}

/// `e`: a list of code and text (BEP 5), or a bare text as very old nodes send it.
fn error<'a>(value: Value<'a>, anomalies: &mut Anomalies) -> Result<Body<'a>, Malformed> {
    match value {
        Value::List(list) => {
            let code = list.items().find_map(|v| v.as_int());
            let text = list.items().find_map(|v| v.as_bytes()).unwrap_or_default();
            Ok(Body::Error { code, text })
        }
        Value::Bytes(text) => {
            anomalies.insert(Anomaly::ErrorNotList);
            Ok(Body::Error { code: None, text })
        }
        _ => Err(Malformed::Type),
    }
}

/// A required value of exactly 20 bytes.
#[inline]
fn twenty(value: Option<&[u8]>) -> Result<[u8; 20], Malformed> {
    value.ok_or(Malformed::Key)?.try_into().map_err(|_| Malformed::Length)
}

#[cfg(test)]
mod tests;
