//! The target for trackers over UDP, HTTP and WebSocket, and for the two stream formats below them.

use super::same_for_every_prefix;
use swarmscope::wire::http::{self, Chunk, Chunked};
use swarmscope::wire::{Guess, Malformed, Parsed};
use swarmscope::wire::{http_tracker, udp_tracker, webseed, websocket};

/// Stream formats read alike however they arrive, and answers name no more than they have bytes for.
pub fn trackers(bytes: &[u8]) {
    udp(bytes);
    let _ = http_tracker::parse_request(bytes).map(|r| http_tracker::recognise_request(&r));
    if let Ok(reply) = http_tracker::parse_response(bytes) {
        assert!(reply.peers().count() <= bytes.len() / 6);
        let _ = (reply.files().count(), http_tracker::recognise_response(&reply, true));
    }
    http_head(bytes);
    chunked(bytes);
    if let Parsed::Done { message, used } = same_for_every_prefix(bytes, websocket::parse_frame) {
        assert_eq!(message.payload.len() as u64, message.header.payload_len);
        assert!(used <= bytes.len());
        let _ = websocket::parse_tracker_message(&message.payload);
    }
    let _ = same_for_every_prefix(bytes, websocket::parse_header);
    let _ = websocket::parse_tracker_message(bytes);
}

fn udp(bytes: &[u8]) {
    if let Ok(request) = udp_tracker::parse_request(bytes) {
        let _ = (request.transaction(), request.connection_id());
        let alone = udp_tracker::recognise_request(&request, false);
        assert!(alone <= udp_tracker::recognise_request(&request, true), "more evidence, less certainty");
        if let udp_tracker::Request::Scrape { info_hashes, .. } = request {
            assert_eq!(info_hashes.count() * 20 + 16, bytes.len());
        }
    }
    for ipv6 in [false, true] {
        let Ok(response) = udp_tracker::parse_response(bytes, ipv6) else { continue };
        assert_ne!(udp_tracker::recognise_response(&response, false), Guess::Certain);
        match response {
            udp_tracker::Response::Announce { peers, .. } => {
                assert!(peers.count() <= bytes.len() / 6);
            }
            udp_tracker::Response::Scrape { entries, .. } => {
                assert!(entries.count() <= bytes.len() / 12);
            }
            _ => {}
        }
    }
}

fn http_head(bytes: &[u8]) {
    if bytes.len() < 1_024 {
        same_for_every_prefix(bytes, request_told);
        same_for_every_prefix(bytes, response_told);
    }
    if let Parsed::Done { message, used } = http::parse_request(bytes) {
        assert_eq!(message.head_len, used);
        let _ = (message.body(), message.path_and_query(), message.header("user-agent"));
        let _ = http_tracker::parse_request(message.target);
        let _ = (webseed::recognise(&message), swarmscope::wire::upnp::action(&message));
    }
    if let Parsed::Done { message, used } = http::parse_response(bytes) {
        assert_eq!(message.head_len, used);
        let _ = (message.body(), message.encoding(), message.header("server"));
        let _ = http_tracker::parse_response(&bytes[used..]);
    }
}

type Told<'a> = (&'a [u8], &'a [u8], u16, Vec<(&'a [u8], &'a [u8])>);

/// What a request head says, without the window on the bytes that may follow it.
fn request_told(bytes: &[u8]) -> Parsed<Told<'_>> {
    match http::parse_request(bytes) {
        Parsed::Done { message: m, used } => {
            let told = (m.method, m.target, u16::from(m.minor_version), m.headers.collect());
            Parsed::Done { message: told, used }
        }
        Parsed::NeedMore { at_least } => Parsed::NeedMore { at_least },
        Parsed::Bad(why) => Parsed::Bad(why),
    }
}

/// The same of a response head.
fn response_told(bytes: &[u8]) -> Parsed<Told<'_>> {
    match http::parse_response(bytes) {
        Parsed::Done { message: m, used } => {
            Parsed::Done { message: (&[], &[], m.status, m.headers.collect()), used }
        }
        Parsed::NeedMore { at_least } => Parsed::NeedMore { at_least },
        Parsed::Bad(why) => Parsed::Bad(why),
    }
}

/// In one piece and byte by byte the content is the same.
fn chunked(bytes: &[u8]) {
    let whole = unchunk(bytes, bytes.len().max(1));
    assert_eq!(whole, unchunk(bytes, 1));
    assert_eq!(whole, unchunk(bytes, 7));
    assert!(whole.0.len() <= bytes.len());
}

/// Content, how it ended, and the bytes that follow.
fn unchunk(bytes: &[u8], step: usize) -> (Vec<u8>, Result<bool, Malformed>, usize) {
    let (mut chunked, mut content, mut taken) = (Chunked::default(), Vec::new(), 0);
    for part in bytes.chunks(step) {
        let mut rest = part;
        loop {
            let step = chunked.next(&mut rest);
            match step {
                Ok(Chunk::Content(more)) => content.extend_from_slice(more),
                Ok(Chunk::NeedMore) => break,
                Ok(Chunk::End) => return (content, Ok(true), taken + part.len() - rest.len()),
                Err(why) => return (content, Err(why), 0),
            }
        }
        assert!(rest.is_empty(), "more is asked for while there is some");
        taken += part.len();
    }
    (content, Ok(false), taken)
}
