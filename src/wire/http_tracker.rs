//! HTTP trackers (BEP 3, with 7, 8, 21, 23, 24, 31 and 48): the query of a request, the bencoded body of a reply.
//!
//! Secrets of private trackers (`passkey`, `authkey`, ..) are never looked at, so that nobody downstream can store them.

use super::Guess;
use super::http::{Pairs, decimal, decoded_eq, origin_form, percent_decode_20};
use super::udp_tracker::Event;
use crate::base::{Address, Endpoint, InfoHash, PeerId};

mod reply;

pub use reply::{File, RetryIn, TrackerReply, parse_response, recognise_response};

/// An announce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpAnnounce {
    /// Which torrent.
    pub torrent: Torrent,
    /// Who the client says it is; `None` where the value is not 20 bytes.
    pub peer_id: Option<PeerId>,
    /// The port the client listens on.
    pub port: u16,
    /// Bytes uploaded, as claimed.
    pub uploaded: Option<u64>,
    /// Bytes downloaded, as claimed.
    pub downloaded: Option<u64>,
    /// Bytes left, as claimed; 0 = the client has everything.
    pub left: Option<u64>,
    /// Why it announces.
    pub event: Event,
    /// Peers wanted.
    pub num_want: Option<u32>,
    /// Other addresses of the client (`ip`, `ipv4`, `ipv6`; BEP 7), a port where one is given.
    pub addresses: [Option<OwnAddress>; 3],
}

impl HttpAnnounce {
    /// The info-hash, unless it was obfuscated.
    #[must_use]
    pub const fn info_hash(&self) -> Option<InfoHash> {
        match self.torrent {
            Torrent::InfoHash(hash) => Some(hash),
            Torrent::Obfuscated(_) => None,
        }
    }
}

/// How an announce names its torrent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Torrent {
    /// `info_hash`.
    InfoHash(InfoHash),
    /// `sha_ih`: the SHA-1 of the info-hash (BEP 8).
    Obfuscated([u8; 20]),
}

/// An address that a client tells a tracker (BEP 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnAddress {
    /// The address.
    pub address: Address,
    /// Given in the endpoint form only.
    pub port: Option<u16>,
}

/// A request to a tracker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrackerRequest<'a> {
    /// An announce.
    Announce(HttpAnnounce),
    /// Asks for the sizes of these swarms (BEP 48).
    Scrape {
        /// At least one.
        info_hashes: InfoHashes<'a>,
    },
    /// Asks for the sizes of all swarms; as good as any page called `scrape`.
    ScrapeAll,
}

/// The info-hashes of a scrape, in order. Values that are not 20 bytes are passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InfoHashes<'a>(Pairs<'a>);

impl Iterator for InfoHashes<'_> {
    type Item = InfoHash;
    fn next(&mut self) -> Option<InfoHash> {
        self.0.find_map(|(key, value)| {
            let hash = decoded_eq(key, b"info_hash").then(|| percent_decode_20(value))?;
            hash.map(InfoHash)
        })
    }
}

/// R-TH-1: reads the target of a `GET`, in origin or absolute form. `None` is certain: 40 hexadecimal digits, for
/// instance, are an index page's link. Keys may be percent-encoded, and any path will do for an announce.
#[must_use]
pub fn parse_request(target: &[u8]) -> Option<TrackerRequest<'_>> {
    let origin = origin_form(target);
    let path = origin.split(|&b| b == b'?').next().unwrap_or_default();
    let scrape = path.windows(6).any(|w| w.eq_ignore_ascii_case(b"scrape"));
    if scrape {
        let info_hashes = InfoHashes(Pairs::of_target(origin));
        if { info_hashes }.next().is_some() {
            return Some(TrackerRequest::Scrape { info_hashes });
        }
    }
    if let Some(announce) = parse_announce(target) {
        return Some(TrackerRequest::Announce(announce));
    }
    let named = Pairs::of_target(origin).get(b"info_hash").is_some();
    (scrape && !named).then_some(TrackerRequest::ScrapeAll)
}

/// R-TH-1: reads the target of a `GET` as an announce: an info-hash of 20 bytes, a peer id and a port.
#[must_use]
pub fn parse_announce(target: &[u8]) -> Option<HttpAnnounce> {
    let (mut torrent, mut peer_id, mut port) = (None, None, None);
    let (mut uploaded, mut downloaded, mut left, mut num_want) = (None, None, None, None);
    let (mut event, mut addresses) = (Event::None, [None; 3]);
    for (key, value) in Pairs::of_target(target) {
        match known_key(key) {
            Some(Key::InfoHash) if torrent.is_none() => {
                torrent = percent_decode_20(value).map(|h| Torrent::InfoHash(InfoHash(h)));
            }
            Some(Key::ShaIh) if torrent.is_none() => {
                torrent = percent_decode_20(value).map(Torrent::Obfuscated);
            }
            Some(Key::PeerId) => peer_id = peer_id.or(Some(percent_decode_20(value).map(PeerId))),
            Some(Key::Port) => port = port.or(decimal(value).and_then(|n| u16::try_from(n).ok())),
            Some(Key::Uploaded) => uploaded = decimal(value),
            Some(Key::Downloaded) => downloaded = decimal(value),
            Some(Key::Left) => left = decimal(value),
            Some(Key::NumWant) => num_want = decimal(value).and_then(|n| u32::try_from(n).ok()),
            Some(Key::Event) => event = Event::from_word(value),
            Some(Key::Address(at)) => {
                if let Some(place) = addresses.get_mut(at) {
                    *place = own_address(value);
                }
            }
            _ => {}
        }
    }
    Some(HttpAnnounce {
        torrent: torrent?,
        peer_id: peer_id?,
        port: port?,
        uploaded,
        downloaded,
        left,
        event,
        num_want,
        addresses,
    })
}

/// R-TH-1: how far a request can be believed.
#[must_use]
pub const fn recognise_request(request: &TrackerRequest<'_>) -> Guess {
    match request {
        TrackerRequest::Announce(_) | TrackerRequest::Scrape { .. } => Guess::Certain,
        TrackerRequest::ScrapeAll => Guess::Maybe,
    }
}

#[derive(Clone, Copy)]
enum Key {
    InfoHash,
    ShaIh,
    PeerId,
    Port,
    Uploaded,
    Downloaded,
    Left,
    NumWant,
    Event,
    Address(usize),
}

fn known_key(key: &[u8]) -> Option<Key> {
    const KEYS: [(&[u8], Key); 12] = [
        (b"info_hash", Key::InfoHash),
        (b"peer_id", Key::PeerId),
        (b"port", Key::Port),
        (b"uploaded", Key::Uploaded),
        (b"downloaded", Key::Downloaded),
        (b"left", Key::Left),
        (b"event", Key::Event),
        (b"numwant", Key::NumWant),
        (b"ip", Key::Address(0)),
        (b"ipv4", Key::Address(1)),
        (b"ipv6", Key::Address(2)),
        (b"sha_ih", Key::ShaIh),
    ];
    KEYS.iter().find(|(name, _)| decoded_eq(key, name)).map(|(_, key)| *key)
}

/// An address, or an endpoint (`[2001:db8::1]:6881`), percent-encoded.
fn own_address(value: &[u8]) -> Option<OwnAddress> {
    let mut text = [0u8; 64];
    let mut len = 0;
    let mut rest = value;
    while let Some((&first, after)) = rest.split_first() {
        let (byte, after) = match first {
            b'%' => {
                let (&digits, after) = after.split_first_chunk::<2>()?;
                (u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?, after)
            }
            _ => (first, after),
        };
        *text.get_mut(len)? = byte;
        len += 1;
        rest = after;
    }
    let text = std::str::from_utf8(text.get(..len)?).ok()?;
    if let Ok(address) = text.parse() {
        return Some(OwnAddress { address, port: None });
    }
    let endpoint: Endpoint = text.parse().ok()?;
    Some(OwnAddress { address: endpoint.address, port: Some(endpoint.port) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HASH: &str = "%0ca%8d%5e%89%21x%f1%c74%03%c2F%0c%f5%96%f3%2aA%3f";

    fn announce(query: &str) -> Option<HttpAnnounce> {
        parse_announce(query.as_bytes())
    }

    #[test]
    fn evasive_spellings_are_still_announces() {
        for target in [
            format!("/announce?info_hash={HASH}&peer_id=-qB4520-abcdefghijkl&port=6881"),
            format!("/?%69nfo_hash={HASH}&%70eer_i%64=-qB4520-abcdefghijkl&port=6881"),
            format!("http://t.example:80/x?port=6881&peer_id=-qB4520-abcdefghijkl&info_hash={HASH}"),
            format!("/a?info_hash=short&info_hash={HASH}&peer_id=-qB4520-abcdefghijkl&port=6881"),
        ] {
            let a = announce(&target).unwrap();
            assert_eq!(a.info_hash().unwrap().to_string(), "0c618d5e892178f1c73403c2460cf596f32a413f");
            assert_eq!((a.peer_id, a.port), (Some(PeerId(*b"-qB4520-abcdefghijkl")), 6881), "{target}");
        }
    }

    #[test]
    fn pages_that_only_look_alike_are_refused() {
        for target in [
            "/announce?info_hash=0c618d5e892178f1c73403c2460cf596f32a413f&peer_id=x&port=1".to_owned(),
            format!("/announce?info_hash={HASH}&port=1"),
            format!("/announce?info_hash={HASH}&peer_id=x"),
            format!("/announce?info_hash={HASH}&peer_id=x&port=65536"),
            "/scrape?info_hash=0c618d5e892178f1c73403c2460cf596f32a413f".to_owned(),
            "/announce".to_owned(),
        ] {
            assert_eq!(parse_request(target.as_bytes()), None, "{target}");
        }
        assert_eq!(parse_request(b"/scrape"), Some(TrackerRequest::ScrapeAll));
    }

    #[test]
    fn everything_told_is_read() {
        let a = announce(&format!(
            "/a?info_hash={HASH}&peer_id=x&port=1&uploaded=2&downloaded=3&left=4&event=paused&numwant=80\
             &ip=192.0.2.9&ipv6=%5B2001%3Adb8%3A%3A1%5D%3A6881&passkey=SECRET"
        ))
        .unwrap();
        assert_eq!((a.uploaded, a.downloaded, a.left), (Some(2), Some(3), Some(4)));
        assert_eq!((a.event, a.num_want, a.peer_id), (Event::Paused, Some(80), None));
        let [ip, none, six] = a.addresses;
        assert_eq!(ip.unwrap().address.to_string(), "192.0.2.9");
        assert_eq!((none, six.unwrap().port), (None, Some(6881)));
        assert!(!format!("{a:?}").contains("SECRET"));
    }

    #[test]
    fn scrapes_and_obfuscated_announces() {
        let target =
            format!("/t/scrape.php?x=1&info_hash={HASH}&info_hash=bad&info_hash=aaaaaaaaaaaaaaaaaaaa");
        let Some(TrackerRequest::Scrape { info_hashes }) = parse_request(target.as_bytes()) else { panic!() };
        assert_eq!(info_hashes.count(), 2);
        let a = announce("/a?sha_ih=aaaaaaaaaaaaaaaaaaaa&peer_id=x&port=1").unwrap();
        assert_eq!((a.torrent, a.info_hash()), (Torrent::Obfuscated([b'a'; 20]), None));
    }

    proptest! {
        #[test]
        fn anything_is_read_without_a_panic(text: Vec<u8>, value in "[%0-9a-f]{0,80}") {
            let _ = parse_request(&text);
            let _ = parse_request(format!("/scrape?info_hash={value}&ipv6={value}&port={value}").as_bytes());
        }
    }
}
