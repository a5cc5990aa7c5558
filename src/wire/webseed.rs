//! Web seeds (BEP 17, BEP 19): HTTP servers that stand in for a peer.

use super::Guess;
use super::client::{self, ClientName};
use super::http::{Pairs, RequestHead, decimal, percent_decode_20};
use crate::base::InfoHash;

/// The usual block: clients ask for whole ones except at the end of a file.
const BLOCK: u64 = 16 * 1024;

/// A request to a web seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebseedRequest {
    /// BEP 17: torrent and piece are in the query.
    Piece {
        /// Which torrent.
        info_hash: InfoHash,
        /// Which piece; `None` for the `/webseed?info_hash=` of some servers.
        piece: Option<u32>,
    },
    /// BEP 19: an ordinary range of an ordinary file, asked for by a BitTorrent client.
    Range {
        /// First byte.
        first: u64,
        /// Last byte, inclusive.
        last: u64,
        /// Who asks.
        client: ClientName,
    },
    /// BitComet's long-term seeds.
    BitComet {
        /// Who asks.
        client: ClientName,
    },
}

/// R-WS-1 to R-WS-3: reads a request head. A range is no more than [`Guess::Maybe`]: the third one, or anything else
/// known about the client, makes it certain.
#[must_use]
pub fn recognise(head: &RequestHead<'_>) -> Option<(WebseedRequest, Guess)> {
    if head.method != b"GET" {
        return None;
    }
    piece(head).or_else(|| {
        let client = client::from_user_agent(head.header("User-Agent")?)?;
        if client.family == "BitComet" && is_long_term_seed(head) {
            return Some((WebseedRequest::BitComet { client }, Guess::Certain));
        }
        let (first, last) = closed_range(head.header("Range")?)?;
        let len = last.checked_sub(first)?.checked_add(1)?;
        len.is_multiple_of(BLOCK).then_some((WebseedRequest::Range { first, last, client }, Guess::Maybe))
    })
}

fn piece(head: &RequestHead<'_>) -> Option<(WebseedRequest, Guess)> {
    let query = Pairs::of_target(head.target);
    let info_hash = InfoHash(percent_decode_20(query.get(b"info_hash")?)?);
    let piece = query.get(b"piece").and_then(decimal).and_then(|n| u32::try_from(n).ok());
    let path = head.path_and_query();
    // An announce has an info-hash too; without a piece, only this path tells.
    match piece {
        Some(_) => Some((WebseedRequest::Piece { info_hash, piece }, Guess::Certain)),
        None if path.starts_with(b"/webseed?") => {
            Some((WebseedRequest::Piece { info_hash, piece }, Guess::Maybe))
        }
        None => None,
    }
}

fn is_long_term_seed(head: &RequestHead<'_>) -> bool {
    let query = Pairs::of_target(head.target);
    head.path_and_query().starts_with(b"/data?")
        && query.get(b"fid").is_some()
        && query.get(b"size").is_some()
}

/// `bytes=a-b`; `None` for open ends and several ranges (RFC 9110 section 14.1.2).
fn closed_range(value: &[u8]) -> Option<(u64, u64)> {
    let (first, last) = {
        let range = value.trim_ascii().strip_prefix(b"bytes=")?;
        range.split_at_checked(range.iter().position(|&b| b == b'-')?)?
    };
    Some((decimal(first)?, decimal(last.get(1..)?)?))
}

/// The whole length of the file, from the `Content-Range` of a 206 answer (RFC 9110 section 14.4): `bytes 0-9/100`.
/// `None` where the server does not tell.
#[must_use]
pub fn whole_length(content_range: &[u8]) -> Option<u64> {
    let range = content_range.trim_ascii().strip_prefix(b"bytes ")?;
    let (ends, whole) = range.split_at_checked(range.iter().position(|&b| b == b'/')?)?;
    let (first, last) = ends.split_at_checked(ends.iter().position(|&b| b == b'-')?)?;
    let (first, last) = (decimal(first)?, decimal(last.get(1..)?)?);
    decimal(whole.get(1..)?).filter(|&n| first <= last && last < n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Parsed, http};

    fn ask(request: &str) -> Option<(WebseedRequest, Guess)> {
        let text = format!("{request}\r\n\r\n");
        let Parsed::Done { message, .. } = http::parse_request(text.as_bytes()) else { panic!("{request}") };
        recognise(&message)
    }

    #[test]
    fn pieces_are_certain_and_ranges_are_not() {
        let hash = "aaaaaaaaaaaaaaaaaaaa";
        let (r, guess) = ask(&format!("GET /seed?info_hash={hash}&piece=12&ranges=0-1 HTTP/1.1")).unwrap();
        let info_hash = InfoHash([b'a'; 20]);
        assert_eq!((r, guess), (WebseedRequest::Piece { info_hash, piece: Some(12) }, Guess::Certain));
        assert_eq!(ask(&format!("GET /webseed?info_hash={hash} HTTP/1.1")).unwrap().1, Guess::Maybe);
        let agent = "User-Agent: qBittorrent/5.1.1";
        let (r, guess) = ask(&format!("GET /f HTTP/1.1\r\n{agent}\r\nRange: bytes=16384-32767")).unwrap();
        assert!(matches!(r, WebseedRequest::Range { first: 16_384, last: 32_767, .. }));
        assert_eq!(guess, Guess::Maybe);
    }

    #[test]
    fn the_whole_length_is_told_behind_the_range() {
        assert_eq!(whole_length(b"bytes 0-1299999/1300000"), Some(1_300_000));
        assert_eq!(whole_length(b"bytes 16384-32767/32768"), Some(32_768));
        for bad in
            ["bytes 0-9/*", "bytes */100", "bytes 9-0/100", "bytes 0-100/100", "0-9/100", "bytes 0-9", ""]
        {
            assert_eq!(whole_length(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn browsers_and_odd_ranges_are_no_web_seed_traffic() {
        for request in [
            "GET /f HTTP/1.1\r\nUser-Agent: Mozilla/5.0\r\nRange: bytes=0-16383",
            "GET /f HTTP/1.1\r\nUser-Agent: qBittorrent/5.1.1\r\nRange: bytes=0-16384",
            "GET /f HTTP/1.1\r\nUser-Agent: qBittorrent/5.1.1\r\nRange: bytes=5-",
            "GET /f HTTP/1.1\r\nUser-Agent: qBittorrent/5.1.1\r\nRange: bytes=9-5",
            "GET /f HTTP/1.1\r\nUser-Agent: qBittorrent/5.1.1\r\nRange: bytes=0-18446744073709551615",
            "GET /announce?info_hash=aaaaaaaaaaaaaaaaaaaa HTTP/1.1",
            "GET /data?fid=1 HTTP/1.1\r\nUser-Agent: BitComet/1.0",
            "POST /seed?info_hash=aaaaaaaaaaaaaaaaaaaa&piece=1 HTTP/1.1",
        ] {
            assert_eq!(ask(request), None, "{request}");
        }
        let (_, guess) = ask("GET /data?fid=1&size=2 HTTP/1.1\r\nUser-Agent: BitComet/1.0").unwrap();
        assert_eq!(guess, Guess::Certain);
    }
}
