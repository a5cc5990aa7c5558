//! What a stream is, by its first bytes: one look for each direction.

use super::other;
use crate::event::Kind;
use crate::wire::{Guess, handshake, message, mse, tls, websocket};

/// First bytes of a direction that are kept to find out what it is: an MSE exchange selects plaintext within 1,244.
pub const OPENING_MAX: usize = 1_400;
/// A TLS ClientHello may be larger than that with post-quantum key shares.
pub const HELLO_MAX: usize = 4_096;

/// What the first bytes of a direction are.
pub enum Opened {
    /// More bytes are needed.
    Wait,
    /// The peer handshake begins after this many bytes (of a proxy's prefix).
    Handshake(usize),
    /// An HTTP message.
    Http,
    /// A WebSocket frame, on a connection joined in the middle.
    WebSocket,
    /// TLS, with the server name when it was a whole ClientHello.
    Tls(Option<Vec<u8>>),
    /// Another peer-to-peer network.
    Other(Kind),
    /// Something known that is of no interest.
    Known,
    /// Nothing known.
    Unknown,
}

/// Looks at the first bytes of a direction.
pub fn opened(head: &[u8], midstream: bool) -> Opened {
    let magic = handshake::MAGIC;
    let same = head.iter().zip(magic).take_while(|(a, b)| a == b).count();
    if same == magic.len() {
        return Opened::Handshake(0);
    }
    if same == head.len() {
        return Opened::Wait;
    }
    // In the middle of a stream a peer message may stand first; it has the look of other length-prefixed protocols.
    if midstream && message::chain(head).verdict > Guess::No {
        return Opened::Unknown;
    }
    if let Some(opened) = http_start(head) {
        return opened;
    }
    if midstream && websocket::begins_with_object(head) {
        return Opened::WebSocket;
    }
    match head {
        [0x16] | [0x16, 3] => return Opened::Wait,
        [0x16, 3, _, a, b, rest @ ..] => {
            let whole = usize::from(u16::from_be_bytes([*a, *b]));
            if rest.len() < whole.min(HELLO_MAX - 5) && rest.first().is_none_or(|&kind| kind == 1) {
                return Opened::Wait;
            }
            return Opened::Tls(tls::server_name(head).map(|n| n.as_bytes().to_vec()));
        }
        [0x14..=0x17, 3, 0..=4, ..] if midstream => return Opened::Tls(None),
        [4 | 5, ..] => {
            if let Some(opened) = proxied(head) {
                return opened;
            }
        }
        _ => {}
    }
    if let Some((kind, Guess::Certain)) = other::stream(head) {
        return Opened::Other(kind);
    }
    if mse::known_magic(head) { Opened::Known } else { Opened::Unknown }
}

const METHODS: [&[u8]; 12] = [
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"PUT ",
    b"HTTP/1.",
    b"CONNECT ",
    b"DELETE ",
    b"OPTIONS ",
    b"PATCH ",
    b"M-POST ",
    b"NOTIFY ",
    b"SUBSCRIBE ",
];

fn http_start(head: &[u8]) -> Option<Opened> {
    if METHODS.iter().any(|m| head.starts_with(m)) {
        return Some(Opened::Http);
    }
    METHODS.iter().any(|m| m.starts_with(head)).then_some(Opened::Wait)
}

/// SOCKS in front of the handshake (RFC 1928): the client's greeting and request, or the server's two answers. Gives the
/// place of the handshake once it is there; `None` when this is no SOCKS.
fn proxied(head: &[u8]) -> Option<Opened> {
    let address = |kind: u8, rest: &[u8]| match kind {
        1 => Some(4),
        3 => rest.first().map(|&n| usize::from(n) + 1),
        4 => Some(16),
        _ => None,
    };
    let request_end = |at: usize| -> Option<Option<usize>> {
        match head.get(at..)? {
            [5, _, 0, kind, rest @ ..] => Some(Some(at + 4 + address(*kind, rest)? + 2)),
            [] | [5] | [5, _] | [5, _, 0] => Some(None),
            _ => None,
        }
    };
    let end = match head {
        // Client: version, number of methods, methods; then the request.
        [5, n @ 1..=8, methods @ ..] if methods.len() >= usize::from(*n) && *n > 0 => {
            request_end(2 + usize::from(*n))?
        }
        // Server: version, chosen method; then the reply.
        [5, 0, ..] => request_end(2)?,
        // SOCKS4: a user ends with a zero byte; so does the name that 4a adds where the address is none.
        [4, 1, _, _, a, b, c, d, rest @ ..] => {
            let zeros = if [*a, *b, *c] == [0; 3] && *d != 0 { 2 } else { 1 };
            let mut ends = rest.iter().enumerate().filter(|&(_, &byte)| byte == 0);
            ends.nth(zeros - 1).map(|(n, _)| 9 + n)
        }
        [5] | [5, _] => None,
        _ => return None,
    };
    let Some(end) = end else { return Some(Opened::Wait) };
    let inner = head.get(end..).unwrap_or_default();
    if inner.starts_with(handshake::MAGIC) {
        return Some(Opened::Handshake(end));
    }
    let short = inner.len() < handshake::MAGIC.len() && handshake::MAGIC.starts_with(inner);
    (short && head.len() < OPENING_MAX).then_some(Opened::Wait)
}
