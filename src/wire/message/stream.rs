//! Peer messages in a stream whose beginning was missed: boundaries found by arithmetic instead of by the handshake.
//!
//! Random data does not chain (three headers in a row: below 10^-32). What does is other length-prefixed protocols:
//! HTTP/2, Kafka, PostgreSQL, SMB, SSH, Thrift and the like. They fail at the exact lengths and at the sanity list.

use super::{BLOCK, Id, Message, Parsed, header, parse};
use crate::wire::{Guess, bencode, extension};

/// Pieces have smaller numbers than this; libtorrent refuses torrents above 2^21.
const MAX_PIECE: u32 = 1 << 24;

/// Whether a message that parses is also a usual one (the sanity list for mid-stream use).
#[must_use]
pub fn plausible_mid_stream(message: &Message<'_>) -> bool {
    match *message {
        Message::KeepAlive
        | Message::Choke
        | Message::Unchoke
        | Message::Interested
        | Message::NotInterested
        | Message::HaveAll
        | Message::HaveNone
        | Message::Bitfield(_) => true,
        Message::Have { piece } | Message::Suggest { piece } | Message::AllowedFast { piece } => {
            piece < MAX_PIECE
        }
        Message::Request(b) | Message::Cancel(b) | Message::Reject(b) => {
            b.piece < MAX_PIECE && b.begin.is_multiple_of(BLOCK) && !b.is_oversized()
        }
        Message::Piece { piece, begin, .. } => piece < MAX_PIECE && begin.is_multiple_of(BLOCK),
        Message::Port(port) => port != 0,
        Message::Extended { id, payload } => {
            bencode::parse(payload, bencode::EXTENSION).is_ok_and(|d| d.value.as_dict().is_some())
                || id != 0 && is_short_form(payload)
        }
        Message::HashRequest(span) | Message::Hashes { span, .. } | Message::HashReject(span) => {
            span.base_layer < 64 && span.proof_layers < 64
        }
        Message::Skipped(_) => false,
    }
}

/// The extended messages that are no dictionary: upload_only, lt_donthave, ut_holepunch.
fn is_short_form(payload: &[u8]) -> bool {
    match payload.len() {
        1 => matches!(payload, [0 | 1]),
        4 => payload.first() == Some(&0),
        _ => extension::Holepunch::parse(payload).is_ok(),
    }
}

/// What the messages of one segment amount to, when its first byte is taken for a boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Messages found one after the other; keep-alives are not counted, for zero bytes are no evidence.
    pub messages: u32,
    /// Whether every byte fits: the segment ends on a boundary or inside a message that may still be one.
    pub consistent: bool,
    /// `Certain` for three messages in a row (R-PW-6), for two blocks that follow each other (R-PW-7) and for an
    /// extension message that can be nothing else (R-PW-8).
    pub verdict: Guess,
}

/// Follows messages from the start of a segment (R-PW-6, R-PW-7, R-PW-8).
///
/// A chain that breaks is `No`, or `Maybe` after three messages or more: between real messages nothing else comes.
#[must_use]
pub fn chain(bytes: &[u8]) -> Chain {
    let mut evidence = Evidence::default();
    let mut rest = bytes;
    let consistent = loop {
        match parse(rest) {
            Parsed::Done { message, used } if plausible_mid_stream(&message) && evidence.add(&message) => {
                // A piece usually ends beyond the segment.
                rest = rest.get(used..).unwrap_or_default();
            }
            Parsed::Done { .. } | Parsed::Bad(_) => break false,
            Parsed::NeedMore { .. } => break may_go_on(rest),
        }
    };
    let proven = evidence.linked || evidence.extension || evidence.messages >= 3 && evidence.fields;
    let verdict = match evidence.messages {
        0 => Guess::No,
        _ if consistent && proven => Guess::Certain,
        3.. => Guess::Maybe,
        _ if consistent => Guess::Maybe,
        _ => Guess::No,
    };
    Chain { messages: evidence.messages, consistent, verdict }
}

/// Whether the cut message at the end of a segment still looks right.
fn may_go_on(rest: &[u8]) -> bool {
    match (header(rest), rest.get(6)) {
        // An extended message too long for a short form must be a dictionary.
        (Parsed::Done { message, .. }, Some(&first)) if message.id == Id::Extended => {
            first == b'd' || message.length <= 26
        }
        _ => true,
    }
}

/// Whether `next` is what a downloader asks for, or is sent, right after `previous`: the next block of the same piece,
/// or the first of the next piece (R-PW-7).
#[must_use]
pub fn linked(previous: &Message<'_>, next: &Message<'_>) -> bool {
    let (a, b) = match (previous, next) {
        (Message::Request(a), Message::Request(b)) => ((a.piece, a.begin), (b.piece, b.begin)),
        (Message::Piece { piece, begin, .. }, Message::Piece { piece: p, begin: b, .. }) => {
            ((*piece, *begin), (*p, *b))
        }
        _ => return false,
    };
    let next_block = a.0 == b.0 && a.1.checked_add(BLOCK) == Some(b.1);
    let next_piece = a.0.checked_add(1) == Some(b.0) && b.1 == 0;
    next_block || next_piece
}

/// What has been seen on the way.
#[derive(Default)]
struct Evidence<'a> {
    messages: u32,
    /// A message with a body was among them. Five-byte messages alone stay weak: a table of small numbers looks so.
    fields: bool,
    bitfield: bool,
    linked: bool,
    extension: bool,
    request: Option<Message<'a>>,
    piece: Option<Message<'a>>,
}

impl<'a> Evidence<'a> {
    /// False when the message cannot come here.
    fn add(&mut self, message: &Message<'a>) -> bool {
        match message {
            Message::KeepAlive => return true,
            Message::Bitfield(_) if std::mem::replace(&mut self.bitfield, true) => return false,
            Message::Request(_) => {
                let previous = self.request.replace(*message);
                self.linked |= previous.is_some_and(|p| linked(&p, message));
            }
            Message::Piece { .. } => {
                let previous = self.piece.replace(*message);
                self.linked |= previous.is_some_and(|p| linked(&p, message));
            }
            Message::Extended { id: 0, payload } => {
                self.extension |= extension::parse_handshake(payload).is_ok_and(|h| h.names_extensions);
            }
            Message::Extended { payload, .. } => {
                use extension::Extension::{Metadata, Pex};
                self.extension |= matches!(extension::guess(payload), Some(Metadata(_) | Pex(_)));
            }
            _ => {}
        }
        self.messages = self.messages.saturating_add(1);
        self.fields |= !matches!(
            message,
            Message::Choke
                | Message::Unchoke
                | Message::Interested
                | Message::NotInterested
                | Message::HaveAll
                | Message::HaveNone
        );
        true
    }
}

/// Where messages were found in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Offset of the first boundary; 0 where the segment begins with one.
    pub at: usize,
    /// What follows from there.
    pub chain: Chain,
}

/// Judges a whole segment of a stream joined midway: from its start, or else from the first header found in it.
#[must_use]
pub fn segment(bytes: &[u8]) -> Segment {
    let from_start = chain(bytes);
    if from_start.verdict == Guess::No
        && let Some(at) = find_boundary(bytes)
    {
        return Segment { at, chain: chain(bytes.get(at..).unwrap_or_default()) };
    }
    Segment { at: 0, chain: from_start }
}

/// The offset of the first full-block piece (`00 00 40 09 07`) or request (`00 00 00 0d 06`) header whose fields pass
/// the sanity list (R-PW-7).
///
/// Both headers begin with a zero byte. To look for it sixteen bytes at a time instead of one by one was 4 % of the instructions
/// of a trace of tiny flows.
#[must_use]
pub fn find_boundary(bytes: &[u8]) -> Option<usize> {
    memchr::memchr_iter(0, bytes).find(|&at| bytes.get(at..).is_some_and(is_boundary))
}

fn is_boundary(bytes: &[u8]) -> bool {
    matches!(bytes, [0, 0, 0x40, 0x09, 0x07, ..] | [0, 0, 0, 0x0d, 0x06, ..])
        && matches!(parse(bytes), Parsed::Done { message, .. } if plausible_mid_stream(&message))
}
