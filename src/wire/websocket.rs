//! WebSocket frames (RFC 6455) and the JSON messages of WebTorrent trackers inside them.

use super::udp_tracker::Event;
use super::{Malformed, Parsed};
use crate::base::{InfoHash, PeerId};
use serde_json::Value;
use std::borrow::Cow;

/// Longest payload buffered and longest JSON text read, in bytes. An announce with ten SDP offers has about 20 KiB.
pub const PAYLOAD_MAX: usize = 64 * 1024;

/// Info-hashes of one scrape kept.
const HASHES_MAX: usize = 256;

/// What a frame is (RFC 6455 section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// Continues a fragmented message.
    Continuation,
    /// UTF-8.
    Text,
    /// Bytes.
    Binary,
    /// Ends the connection.
    Close,
    /// Expects a pong.
    Ping,
    /// Answers a ping.
    Pong,
}

/// A frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Whether it is the last frame of its message.
    pub fin: bool,
    /// What it is.
    pub opcode: Opcode,
    /// Masking key; clients mask, servers do not.
    pub mask: Option<[u8; 4]>,
    /// Payload bytes that follow.
    pub payload_len: u64,
}

/// A whole frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its header.
    pub header: FrameHeader,
    /// Its payload, unmasked; a copy only where it was masked.
    pub payload: Cow<'a, [u8]>,
}

/// Reads a frame header from the beginning of a stream.
#[must_use]
pub fn parse_header(stream: &[u8]) -> Parsed<FrameHeader> {
    let Some((&[first, second], rest)) = stream.split_first_chunk::<2>() else {
        return Parsed::NeedMore { at_least: 2 };
    };
    let opcode = match first & 0x0f {
        0 => Opcode::Continuation,
        1 => Opcode::Text,
        2 => Opcode::Binary,
        8 => Opcode::Close,
        9 => Opcode::Ping,
        10 => Opcode::Pong,
        _ => return Parsed::Bad(Malformed::Magic),
    };
    let control = first & 0x08 != 0;
    // RSV2 and RSV3 have no meaning; RSV1 marks compression, which tracker clients do not negotiate.
    if first & 0x70 != 0 || control && (first & 0x80 == 0 || second & 0x7f > 125) {
        return Parsed::Bad(Malformed::Value);
    }
    let (masked, extended) = (second & 0x80 != 0, second & 0x7f);
    let length_len = match extended {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let used = 2 + length_len + if masked { 4 } else { 0 };
    let (Some((length, _)), Some(whole)) = (rest.split_at_checked(length_len), stream.get(..used)) else {
        return Parsed::NeedMore { at_least: used };
    };
    let payload_len = match extended {
        126 | 127 => length.iter().fold(0, |n: u64, &b| n << 8 | u64::from(b)),
        short => u64::from(short),
    };
    // The shortest form is required, and the top bit must be 0 (RFC 6455 section 5.2).
    if extended == 126 && payload_len < 126 || extended == 127 && !(0x1_0000..1 << 63).contains(&payload_len)
    {
        return Parsed::Bad(Malformed::Length);
    }
    let mask = if masked { whole.last_chunk().copied() } else { None };
    Parsed::Done { message: FrameHeader { fin: first & 0x80 != 0, opcode, mask, payload_len }, used }
}

/// Reads a frame from the beginning of a stream. One longer than [`PAYLOAD_MAX`] is `Bad(Length)`: it can be skipped
/// with [`parse_header`], and is no tracker's.
#[must_use]
pub fn parse_frame(stream: &[u8]) -> Parsed<Frame<'_>> {
    let (header, header_len) = match parse_header(stream) {
        Parsed::Done { message, used } => (message, used),
        Parsed::NeedMore { at_least } => return Parsed::NeedMore { at_least },
        Parsed::Bad(why) => return Parsed::Bad(why),
    };
    let Some(len) = usize::try_from(header.payload_len).ok().filter(|&len| len <= PAYLOAD_MAX) else {
        return Parsed::Bad(Malformed::Length);
    };
    let used = header_len.saturating_add(len);
    let Some(payload) = stream.get(header_len..used) else { return Parsed::NeedMore { at_least: used } };
    let payload = match header.mask {
        None => Cow::Borrowed(payload),
        Some(key) => Cow::Owned(payload.iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k).collect()),
    };
    Parsed::Done { message: Frame { header, payload }, used }
}

/// Whether a stream begins with a text frame that holds the beginning of a JSON object with members: where a capture joins
/// a connection between two messages.
#[must_use]
pub fn begins_with_object(stream: &[u8]) -> bool {
    let Parsed::Done { message: header, used } = parse_header(stream) else { return false };
    let key = header.mask.unwrap_or_default();
    header.opcode == Opcode::Text
        && header.payload_len <= PAYLOAD_MAX as u64
        && stream
            .get(used..used.saturating_add(2))
            .is_some_and(|b| b.iter().zip(key).map(|(b, k)| b ^ k).eq(*b"{\""))
}

/// A message between a WebTorrent client and its tracker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrackerMessage {
    /// `action: announce` of a client that is neither an offer's answer nor from a tracker.
    Announce {
        /// Which torrent.
        info_hash: InfoHash,
        /// Who the client says it is.
        peer_id: Option<PeerId>,
        /// Why it announces.
        event: Event,
        /// Bytes uploaded, as claimed.
        uploaded: Option<u64>,
        /// Bytes downloaded, as claimed.
        downloaded: Option<u64>,
        /// Bytes left, as claimed; `None` where not known.
        left: Option<u64>,
        /// WebRTC offers it makes.
        offers: usize,
    },
    /// The tracker's reply to an announce.
    Interval {
        /// Which torrent.
        info_hash: InfoHash,
        /// Seconds to wait before the next announce.
        interval: Option<u32>,
        /// Peers with the whole torrent.
        complete: Option<u32>,
        /// Peers without.
        incomplete: Option<u32>,
    },
    /// An offer or answer that the tracker passes from one peer to another.
    Signal {
        /// Which torrent.
        info_hash: InfoHash,
        /// Whose it is.
        peer_id: Option<PeerId>,
        /// For whom; only towards the tracker.
        to_peer_id: Option<PeerId>,
        /// An answer rather than an offer.
        answer: bool,
    },
    /// `action: scrape` of a client.
    Scrape {
        /// Which torrents.
        info_hashes: Vec<InfoHash>,
    },
    /// The tracker's reply to a scrape.
    ScrapeReply {
        /// Which torrents.
        info_hashes: Vec<InfoHash>,
    },
}

/// R-TH-4: reads the payload of a text frame. `None` unless it is one JSON object with a tracker's action and an
/// info-hash of twenty code points below 256; success is certainty.
#[must_use]
pub fn parse_tracker_message(text: &[u8]) -> Option<TrackerMessage> {
    // Chat and telemetry share the port: look before parsing.
    if text.len() > PAYLOAD_MAX || text.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    // serde_json limits its own recursion to 128 levels.
    let value: Value = serde_json::from_slice(text).ok()?;
    match value.get("action")?.as_str()? {
        "announce" => announce(&value),
        "scrape" => scrape(&value),
        _ => None,
    }
}

fn announce(value: &Value) -> Option<TrackerMessage> {
    let info_hash = InfoHash(twenty(value.get("info_hash")?)?);
    let id = |key: &str| value.get(key).and_then(twenty).map(PeerId);
    let wide = |key: &str| value.get(key).and_then(Value::as_u64);
    let number = |key: &str| wide(key).and_then(|n| u32::try_from(n).ok());
    let peer_id = id("peer_id");
    Some(if value.get("answer").is_some() || value.get("offer").is_some() {
        let answer = value.get("answer").is_some();
        TrackerMessage::Signal { info_hash, peer_id, to_peer_id: id("to_peer_id"), answer }
    } else if value.get("interval").is_some() {
        TrackerMessage::Interval {
            info_hash,
            interval: number("interval"),
            complete: number("complete"),
            incomplete: number("incomplete"),
        }
    } else {
        TrackerMessage::Announce {
            info_hash,
            peer_id,
            event: Event::from_word(
                value.get("event").and_then(Value::as_str).unwrap_or_default().as_bytes(),
            ),
            uploaded: wide("uploaded"),
            downloaded: wide("downloaded"),
            left: wide("left"),
            offers: value.get("offers").and_then(Value::as_array).map_or(0, Vec::len),
        }
    })
}

fn scrape(value: &Value) -> Option<TrackerMessage> {
    if let Some(files) = value.get("files").and_then(Value::as_object) {
        let hashes = files.keys().filter_map(|key| latin1(key)).take(HASHES_MAX);
        let info_hashes: Vec<InfoHash> = hashes.map(InfoHash).collect();
        return (!info_hashes.is_empty()).then_some(TrackerMessage::ScrapeReply { info_hashes });
    }
    let hashes = match value.get("info_hash")? {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    let info_hashes: Vec<InfoHash> =
        hashes.iter().take(HASHES_MAX).filter_map(twenty).map(InfoHash).collect();
    (!info_hashes.is_empty()).then_some(TrackerMessage::Scrape { info_hashes })
}

fn twenty(value: &Value) -> Option<[u8; 20]> {
    latin1(value.as_str()?)
}

/// Twenty code points below 256, each standing for a byte.
fn latin1(text: &str) -> Option<[u8; 20]> {
    let (mut out, mut chars) = ([0; 20], text.chars());
    for to in &mut out {
        *to = u8::try_from(u32::from(chars.next()?)).ok()?;
    }
    chars.next().is_none().then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
        let bit = if mask.is_some() { 0x80 } else { 0 };
        let mut d = vec![0x81];
        match payload.len() {
            n @ 0..126 => d.push(bit | n as u8),
            n @ 126..=0xffff => {
                d.push(bit | 126);
                d.extend((n as u16).to_be_bytes());
            }
            n => {
                d.push(bit | 127);
                d.extend((n as u64).to_be_bytes());
            }
        }
        d.extend(mask.unwrap_or_default().iter().take(if mask.is_some() { 4 } else { 0 }));
        d.extend(payload.iter().enumerate().map(|(i, b)| b ^ mask.map_or(0, |m| m[i % 4])));
        d
    }

    #[test]
    fn frames_of_every_length_form_come_back() {
        for len in [0, 1, 125, 126, 300, 65_535, 65_536] {
            for mask in [None, Some([1, 2, 3, 4])] {
                let payload: Vec<u8> = (0..len).map(|i| i as u8).collect();
                let d = frame(&payload, mask);
                let Parsed::Done { message, used } = parse_frame(&d) else { panic!("{len}") };
                assert_eq!((used, message.payload.as_ref()), (d.len(), payload.as_slice()));
                for cut in (0..d.len()).step_by(if len > 300 { 997 } else { 1 }) {
                    let Parsed::NeedMore { at_least } = parse_frame(&d[..cut]) else { panic!("{len} {cut}") };
                    assert!(at_least > cut && at_least <= d.len());
                }
            }
        }
    }

    #[test]
    fn what_the_rfc_forbids_is_refused() {
        for (bytes, why) in [
            (&b"\x83\0"[..], Malformed::Magic),
            (b"\xc1\0", Malformed::Value),
            (b"\x09\0", Malformed::Value),
            (b"\x89\x7e\0\x7e", Malformed::Value),
            (b"\x81\x7e\0\x7d", Malformed::Length),
            (b"\x81\x7f\0\0\0\0\0\0\xff\xff", Malformed::Length),
            (b"\x81\x7f\xff\0\0\0\0\0\xff\xff", Malformed::Length),
            (b"\x81\x7f\0\0\0\0\0\x01\0\x01", Malformed::Length),
        ] {
            assert_eq!(parse_frame(bytes), Parsed::Bad(why), "{bytes:?}");
        }
    }

    #[test]
    fn messages_of_clients_and_trackers_are_told_apart() {
        let hash = "\\u0000\u{ff}abcdefghijklmnopqr";
        let text = |rest: &str| format!("{{\"action\":\"announce\",\"info_hash\":\"{hash}\"{rest}}}");
        let Some(TrackerMessage::Announce { info_hash, event, left, offers, .. }) =
            parse_tracker_message(text(",\"event\":\"started\",\"left\":null,\"offers\":[{},{}]").as_bytes())
        else {
            panic!()
        };
        assert_eq!(info_hash.0, *b"\0\xffabcdefghijklmnopqr");
        assert_eq!((event, left, offers), (Event::Started, None, 2));
        let reply = parse_tracker_message(text(",\"interval\":120,\"complete\":1").as_bytes());
        assert!(matches!(
            reply,
            Some(TrackerMessage::Interval { interval: Some(120), complete: Some(1), .. })
        ));
        let id = "-WW0107-abcdefghijkl";
        let signal =
            parse_tracker_message(text(&format!(",\"answer\":{{}},\"to_peer_id\":\"{id}\"")).as_bytes());
        assert!(matches!(signal, Some(TrackerMessage::Signal { answer: true, to_peer_id: Some(_), .. })));
        let scrape = format!("{{\"action\":\"scrape\",\"info_hash\":[\"{hash}\",\"x\"]}}");
        let Some(TrackerMessage::Scrape { info_hashes }) = parse_tracker_message(scrape.as_bytes()) else {
            panic!()
        };
        assert_eq!(info_hashes.len(), 1);
        let files = format!("{{\"action\":\"scrape\",\"files\":{{\"{hash}\":{{\"complete\":1}}}}}}");
        assert!(matches!(parse_tracker_message(files.as_bytes()), Some(TrackerMessage::ScrapeReply { .. })));
    }

    #[test]
    fn other_json_is_refused() {
        for text in [
            "{\"action\":\"announce\",\"info_hash\":\"0c618d5e892178f1c73403c2460cf596f32a413f\"}",
            "{\"action\":\"announce\",\"info_hash\":\"aaaaaaaaaaaaaaaaaaa\u{100}\"}",
            "{\"action\":\"buy\",\"info_hash\":\"aaaaaaaaaaaaaaaaaaaa\"}",
            "{\"info_hash\":\"aaaaaaaaaaaaaaaaaaaa\"}",
            "[]",
            "{",
        ] {
            assert_eq!(parse_tracker_message(text.as_bytes()), None, "{text}");
        }
        let deep = format!("{{\"action\":{}", "[".repeat(50_000));
        assert_eq!(parse_tracker_message(deep.as_bytes()), None);
    }

    proptest! {
        #[test]
        fn anything_is_read_without_a_panic(bytes: Vec<u8>) {
            if let Parsed::Done { used, .. } = parse_frame(&bytes) {
                prop_assert!(used <= bytes.len());
            }
            let _ = parse_tracker_message(&bytes);
        }
    }
}
