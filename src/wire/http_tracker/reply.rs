//! The bencoded reply of an HTTP tracker.

use crate::base::{Address, Endpoint, InfoHash};
use crate::wire::bencode::{self, Dict, Limits, List, Value};
use crate::wire::udp_tracker::Peers;
use crate::wire::{Guess, Malformed};

/// Two hundred peers in the dictionary form of BEP 3 are 1,400 values; a scrape of a thousand torrents is 8,000.
const LIMITS: Limits = Limits { depth: 16, tokens: 16_000 };

/// A tracker's reply: keys that are there and of the right type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackerReply<'a> {
    /// Seconds to wait before the next announce.
    pub interval: Option<u32>,
    /// Seconds to wait at least.
    pub min_interval: Option<u32>,
    /// Peers with the whole torrent.
    pub complete: Option<u32>,
    /// Peers without.
    pub incomplete: Option<u32>,
    /// Downloads completed ever.
    pub downloaded: Option<u32>,
    /// The client's address as the tracker sees it (BEP 24).
    pub external_ip: Option<Address>,
    /// `failure reason`: hostile bytes.
    pub failure: Option<&'a [u8]>,
    /// `warning message`: hostile bytes.
    pub warning: Option<&'a [u8]>,
    /// When a refused client may come back (BEP 31).
    pub retry_in: Option<RetryIn>,
    peers: Option<PeerList<'a>>,
    peers6: &'a [u8],
    files: Option<Dict<'a>>,
}

/// BEP 31.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryIn {
    /// In so many minutes.
    Minutes(u32),
    /// Never.
    Never,
}

/// One torrent of a scrape (BEP 48).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File {
    /// Which torrent.
    pub info_hash: InfoHash,
    /// Peers with the whole torrent.
    pub complete: u32,
    /// Downloads completed ever.
    pub downloaded: u32,
    /// Peers without the whole torrent.
    pub incomplete: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PeerList<'a> {
    /// BEP 23.
    Compact(&'a [u8]),
    /// BEP 3.
    Dictionaries(List<'a>),
}

impl<'a> TrackerReply<'a> {
    /// The peers in order: those of `peers` in either form, then those of `peers6` (BEP 7).
    pub fn peers(&self) -> impl Iterator<Item = Endpoint> + use<'a> {
        let (compact, list) = match self.peers {
            Some(PeerList::Compact(bytes)) => (bytes, None),
            Some(PeerList::Dictionaries(list)) => (&[][..], Some(list)),
            None => (&[][..], None),
        };
        Peers::new(compact, false)
            .chain(list.into_iter().flat_map(|list| list.items().filter_map(listed_peer)))
            .chain(Peers::new(self.peers6, true))
    }

    /// The torrents of a scrape; empty for an announce.
    pub fn files(&self) -> impl Iterator<Item = File> + use<'a> {
        self.files.into_iter().flat_map(|files| files.entries()).filter_map(|(key, value)| {
            let file = value.as_dict()?;
            Some(File {
                info_hash: InfoHash::from_slice(key)?,
                complete: number(&file, b"complete").unwrap_or(0),
                downloaded: number(&file, b"downloaded").unwrap_or(0),
                incomplete: number(&file, b"incomplete").unwrap_or(0),
            })
        })
    }

    /// Whether this answers a scrape.
    #[must_use]
    pub const fn is_scrape(&self) -> bool {
        self.files.is_some()
    }
}

fn listed_peer(peer: Value<'_>) -> Option<Endpoint> {
    let peer = peer.as_dict()?;
    // A host name is allowed there too, and not an address to anybody who cannot look it up.
    let address = std::str::from_utf8(peer.get(b"ip")?.as_bytes()?).ok()?.parse().ok()?;
    Some(Endpoint::new(address, u16::try_from(peer.get(b"port")?.as_int()?).ok()?))
}

fn number(dict: &Dict<'_>, key: &[u8]) -> Option<u32> {
    dict.get(key)?.as_int().and_then(|n| u32::try_from(n).ok())
}

/// R-TH-2: reads a body, already de-chunked and unpacked: one dictionary to its exact end, with an interval and peers,
/// or a failure reason, or files.
///
/// # Errors
/// As [`bencode::parse`]; `Trailing` when bytes follow; `Key` when the dictionary is another program's.
pub fn parse_response(body: &[u8]) -> Result<TrackerReply<'_>, Malformed> {
    if body.first() != Some(&b'd') {
        return Err(Malformed::Magic);
    }
    let document = bencode::parse(body, LIMITS)?;
    if document.used != body.len() {
        return Err(Malformed::Trailing);
    }
    let dict = document.value.as_dict().ok_or(Malformed::Type)?;
    let bytes = |key: &[u8]| dict.get(key).and_then(|v| v.as_bytes());
    let reply = TrackerReply {
        interval: number(&dict, b"interval"),
        min_interval: number(&dict, b"min interval"),
        complete: number(&dict, b"complete"),
        incomplete: number(&dict, b"incomplete"),
        downloaded: number(&dict, b"downloaded"),
        external_ip: bytes(b"external ip").and_then(packed_address),
        failure: bytes(b"failure reason"),
        warning: bytes(b"warning message"),
        retry_in: match dict.get(b"retry in") {
            Some(Value::Bytes(b"never")) => Some(RetryIn::Never),
            Some(Value::Bytes(text)) => {
                crate::wire::http::decimal(text).and_then(|n| u32::try_from(n).ok()).map(RetryIn::Minutes)
            }
            Some(Value::Integer(n)) => u32::try_from(n).ok().map(RetryIn::Minutes),
            _ => None,
        },
        peers: match dict.get(b"peers") {
            // I2P trackers send 32-byte destination hashes, which are no addresses.
            Some(Value::Bytes(b)) if !b.len().is_multiple_of(6) => Some(PeerList::Compact(&[])),
            Some(Value::Bytes(b)) => Some(PeerList::Compact(b)),
            Some(Value::List(list)) => Some(PeerList::Dictionaries(list)),
            _ => None,
        },
        peers6: bytes(b"peers6").filter(|b| b.len().is_multiple_of(18)).unwrap_or_default(),
        files: dict.get(b"files").and_then(|v| v.as_dict()),
    };
    let announce = reply.interval.is_some() && (reply.peers.is_some() || bytes(b"peers6").is_some());
    if announce || reply.failure.is_some() || reply.files.is_some() { Ok(reply) } else { Err(Malformed::Key) }
}

fn packed_address(bytes: &[u8]) -> Option<Address> {
    match bytes.len() {
        4 => bytes.try_into().ok().map(Address::v4),
        16 => bytes.try_into().ok().map(Address::v6),
        _ => None,
    }
}

/// R-TH-2: how far a reply can be believed. A failure reason alone is weak unless `request_seen`: the flow carried a
/// tracker request.
#[must_use]
pub const fn recognise_response(reply: &TrackerReply<'_>, request_seen: bool) -> Guess {
    let only_failure = reply.interval.is_none() && reply.files.is_none() && reply.retry_in.is_none();
    if only_failure && !request_seen { Guess::Maybe } else { Guess::Certain }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LISTED: &[u8] =
        b"d11:external ip4:\xcb\x00\x71\x058:intervali1800e5:peersld2:ip12:198.51.100.94:porti51413eed\
        2:ip4:host4:porti1eee6:peers618: \x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09\x1a\xe1e";

    #[test]
    fn both_forms_of_peers_are_read() {
        let r = parse_response(LISTED).unwrap();
        let peers: Vec<String> = r.peers().map(|p| p.to_string()).collect();
        assert_eq!(peers, ["198.51.100.9:51413", "[2001:db8::9]:6881"]);
        assert_eq!((r.interval, r.external_ip.unwrap().to_string().as_str()), (Some(1800), "203.0.113.5"));
        for cut in 0..LISTED.len() {
            assert!(parse_response(&LISTED[..cut]).is_err(), "{cut}");
        }
        assert_eq!(parse_response(&[LISTED, b"x"].concat()), Err(Malformed::Trailing));
        let i2p = [b"d8:intervali1e5:peers32:".as_slice(), &[7; 32], b"e"].concat();
        assert_eq!(parse_response(&i2p).unwrap().peers().count(), 0);
    }

    #[test]
    fn a_failure_alone_is_weak() {
        let fail = parse_response(b"d14:failure reason2:noe").unwrap();
        assert_eq!(recognise_response(&fail, false), Guess::Maybe);
        assert_eq!(recognise_response(&fail, true), Guess::Certain);
        let never = parse_response(b"d14:failure reason2:no8:retry in5:nevere").unwrap();
        assert_eq!(never.retry_in, Some(RetryIn::Never));
        let soon = parse_response(b"d14:failure reason2:no8:retry in2:15e").unwrap();
        assert_eq!(soon.retry_in, Some(RetryIn::Minutes(15)));
    }

    #[test]
    fn another_programs_dictionary_is_refused() {
        assert_eq!(parse_response(b"d8:intervali1ee"), Err(Malformed::Key));
        assert_eq!(parse_response(b"de"), Err(Malformed::Key));
        assert_eq!(parse_response(b"le"), Err(Malformed::Magic));
    }

    proptest! {
        #[test]
        fn mutated_replies_never_panic(at in 0usize..LISTED.len(), byte: u8, text: Vec<u8>) {
            let mut d = LISTED.to_vec();
            d[at] = byte;
            for d in [&d, &text] {
                if let Ok(r) = parse_response(d) {
                    let _ = (r.peers().count(), r.files().count(), recognise_response(&r, false));
                }
            }
        }
    }
}
