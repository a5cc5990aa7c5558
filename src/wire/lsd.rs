//! Local service discovery (BEP 14): the multicast `BT-SEARCH` announce.

use super::Malformed;
use super::http::Lines;
use crate::base::InfoHash;

const REQUEST_LINE: &[u8] = b"BT-SEARCH * HTTP/1.1";

/// BEP 14 keeps datagrams below 1400 bytes; jumbo frames of other senders are read up to this.
const SIZE_MAX: usize = 4096;

/// The UDP port of the multicast groups 239.192.152.143 and ff15::efc0:988f.
pub const PORT: u16 = 6771;

/// An announce: this host has these torrents and listens there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announce<'a> {
    /// The TCP (and uTP) port the client listens on; never 0.
    pub port: u16,
    /// At least one.
    pub info_hashes: InfoHashes<'a>,
    /// An opaque word by which a client knows its own datagrams; it stays the same for a session.
    pub cookie: Option<&'a [u8]>,
}

/// The info-hashes of an announce, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InfoHashes<'a>(Lines<'a>);

impl Iterator for InfoHashes<'_> {
    type Item = InfoHash;
    fn next(&mut self) -> Option<InfoHash> {
        self.0.find_map(|(name, value)| name.eq_ignore_ascii_case(b"Infohash").then(|| hash(value))?)
    }
}

fn hash(value: &[u8]) -> Option<InfoHash> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// R-LSD-1: reads a datagram as an announce. Success is certainty.
///
/// # Errors
/// [`Malformed::Magic`] when the request line is another's; otherwise when the port is missing or 0, or an info-hash is
/// not 40 hexadecimal digits.
pub fn parse(datagram: &[u8]) -> Result<Announce<'_>, Malformed> {
    let rest = datagram.strip_prefix(REQUEST_LINE).ok_or(Malformed::Magic)?;
    let rest = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")).ok_or(Malformed::Magic)?;
    if datagram.len() > SIZE_MAX {
        return Err(Malformed::Length);
    }
    let lines = Lines::new(rest);
    let (mut port, mut cookie, mut hashes) = (None, None, 0u32);
    for (name, value) in lines {
        if name.eq_ignore_ascii_case(b"Port") {
            port = std::str::from_utf8(value).ok().and_then(|v| v.parse().ok()).filter(|&p: &u16| p != 0);
            if port.is_none() {
                return Err(Malformed::Value);
            }
        } else if name.eq_ignore_ascii_case(b"Infohash") {
            hash(value).ok_or(Malformed::Value)?;
            hashes = hashes.saturating_add(1);
        } else if name.eq_ignore_ascii_case(b"cookie") {
            cookie = Some(value);
        }
    }
    if hashes == 0 {
        return Err(Malformed::Key);
    }
    Ok(Announce { port: port.ok_or(Malformed::Key)?, info_hashes: InfoHashes(lines), cookie })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ONE: &[u8] = b"BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 6881\r\n\
        Infohash: 0c618d5e892178f1c73403c2460cf596f32a413f\r\nCookie: 5f3a\r\n\r\n\r\n";

    #[test]
    fn the_form_of_the_bep_is_read() {
        let a = parse(ONE).unwrap();
        assert_eq!((a.port, a.cookie), (6881, Some(&b"5f3a"[..])));
        let all: Vec<String> = a.info_hashes.map(|h| h.to_string()).collect();
        assert_eq!(all, ["0c618d5e892178f1c73403c2460cf596f32a413f"]);
    }

    #[test]
    fn a_cut_announce_is_refused_until_the_hash_is_whole() {
        let whole = ONE.windows(8).position(|w| w == b"\r\nCookie").unwrap();
        for cut in 0..whole {
            assert!(parse(&ONE[..cut]).is_err(), "{cut}");
        }
        assert!(parse(&ONE[..whole]).is_ok());
    }

    #[test]
    fn one_bad_hash_spoils_the_announce() {
        let text = String::from_utf8(ONE.to_vec()).unwrap();
        assert!(parse(text.replace("413f", "413g").as_bytes()).is_err());
        assert!(parse(text.replace("6881", "0").as_bytes()).is_err());
        assert!(parse(text.replace("BT-SEARCH", "M-SEARCH").as_bytes()) == Err(Malformed::Magic));
    }

    proptest! {
        #[test]
        fn anything_is_read_without_a_panic(at in 0usize..ONE.len(), byte: u8, tail: Vec<u8>) {
            let mut d = ONE.to_vec();
            d[at] = byte;
            d.extend(tail);
            if let Ok(a) = parse(&d) {
                prop_assert!(a.info_hashes.count() > 0);
            }
        }
    }
}
