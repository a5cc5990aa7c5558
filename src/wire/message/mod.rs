//! Peer messages (BEP 3 "peer messages", BEP 5, 6, 10, 52), and Azureus messages that may take their place.
//!
//! Every message is `u32 length`, `u8 id`, body; the length counts id and body, and 0 is a keep-alive. Piece data is
//! judged by its header and skipped by its length: it is never looked at, and never asked for.

mod amp;
mod stream;
#[cfg(test)]
mod tests;

pub use amp::{Amp, AmpBody, AmpHandshake, AmpPeers, amp};
pub use stream::{Chain, Segment, chain, find_boundary, linked, plausible_mid_stream, segment};

use super::{Malformed, Parsed};
use std::ops::RangeInclusive;

/// Bytes of a full block: what clients request at a time.
pub const BLOCK: u32 = 16_384;
/// The largest request that any client ever served, 128 KiB.
pub const MAX_REQUEST: u32 = 131_072;
/// The largest length field; the longest message that libtorrent accepts.
pub const MAX_LENGTH: u32 = 1 << 20;
/// Bytes of the largest bitfield: 2^21 pieces.
pub const MAX_BITFIELD: u32 = 1 << 18;
/// Payload bytes of the largest extended message that [`parse`] reads; larger ones are [`Message::Skipped`].
pub const MAX_EXTENDED: u32 = 1 << 17;
/// The most that [`parse`] ever asks for, in bytes.
pub const MAX_BUFFER: usize = 5 + MAX_BITFIELD as usize;

/// The id of a message; keep-alives have none on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Id {
    /// Length 0.
    KeepAlive,
    /// 0.
    Choke,
    /// 1.
    Unchoke,
    /// 2.
    Interested,
    /// 3.
    NotInterested,
    /// 4.
    Have,
    /// 5.
    Bitfield,
    /// 6.
    Request,
    /// 7.
    Piece,
    /// 8.
    Cancel,
    /// 9, BEP 5.
    Port,
    /// 13, BEP 6.
    Suggest,
    /// 14, BEP 6.
    HaveAll,
    /// 15, BEP 6.
    HaveNone,
    /// 16, BEP 6.
    Reject,
    /// 17, BEP 6.
    AllowedFast,
    /// 20, BEP 10.
    Extended,
    /// 21, BEP 52.
    HashRequest,
    /// 22, BEP 52.
    Hashes,
    /// 23, BEP 52.
    HashReject,
}

impl Id {
    /// The message with this number; `None` for the unassigned 10 to 12, 18, 19 and 24 upwards.
    #[must_use]
    pub const fn from_wire(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Choke,
            1 => Self::Unchoke,
            2 => Self::Interested,
            3 => Self::NotInterested,
            4 => Self::Have,
            5 => Self::Bitfield,
            6 => Self::Request,
            7 => Self::Piece,
            8 => Self::Cancel,
            9 => Self::Port,
            13 => Self::Suggest,
            14 => Self::HaveAll,
            15 => Self::HaveNone,
            16 => Self::Reject,
            17 => Self::AllowedFast,
            20 => Self::Extended,
            21 => Self::HashRequest,
            22 => Self::Hashes,
            23 => Self::HashReject,
            _ => return None,
        })
    }

    /// What the length field may say.
    #[must_use]
    pub const fn lengths(self) -> RangeInclusive<u32> {
        match self {
            Self::KeepAlive => 0..=0,
            Self::Choke
            | Self::Unchoke
            | Self::Interested
            | Self::NotInterested
            | Self::HaveAll
            | Self::HaveNone => 1..=1,
            Self::Have | Self::Suggest | Self::AllowedFast => 5..=5,
            Self::Bitfield => 2..=1 + MAX_BITFIELD,
            Self::Request | Self::Cancel | Self::Reject => 13..=13,
            Self::Piece => 10..=9 + BLOCK,
            Self::Port => 3..=3,
            Self::Extended => 2..=MAX_LENGTH,
            Self::HashRequest | Self::HashReject => 49..=49,
            Self::Hashes => 49 + 32..=MAX_LENGTH,
        }
    }
}

/// The first 5 bytes of a message, 4 of a keep-alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The length field: bytes after itself, id included.
    pub length: u32,
    /// What follows.
    pub id: Id,
}

impl Header {
    /// Bytes of the whole message, length field included.
    #[must_use]
    pub const fn wire_len(&self) -> usize {
        4 + self.length as usize
    }

    /// How many bytes of the message, length field included, [`parse`] must see; it tells the rest by the length.
    ///
    /// Whole messages but for pieces (13), hashes (53) and extended messages above [`MAX_EXTENDED`] (5).
    #[must_use]
    pub const fn needed(&self) -> usize {
        match self.id {
            Id::Piece => 13,
            Id::Hashes => 53,
            Id::Extended if self.length > 2 + MAX_EXTENDED => 5,
            _ => self.wire_len(),
        }
    }
}

/// Judges the message that begins here by its id and length alone (R-PW-4). `used` is 5, or 4 for a keep-alive.
///
/// # Errors
/// `Bad(Length)` when the length does not fit the id, `Bad(Magic)` for an unassigned id.
#[must_use]
pub fn header(bytes: &[u8]) -> Parsed<Header> {
    let Some((&length, rest)) = bytes.split_first_chunk::<4>() else {
        return match bytes.first() {
            None | Some(0) => Parsed::NeedMore { at_least: 4 },
            Some(_) => Parsed::Bad(Malformed::Length),
        };
    };
    let length = u32::from_be_bytes(length);
    if length == 0 {
        return Parsed::Done { message: Header { length, id: Id::KeepAlive }, used: 4 };
    }
    if length > MAX_LENGTH {
        return Parsed::Bad(Malformed::Length);
    }
    let Some(&number) = rest.first() else { return Parsed::NeedMore { at_least: 5 } };
    match Id::from_wire(number) {
        None => Parsed::Bad(Malformed::Magic),
        Some(id) if id.lengths().contains(&length) => {
            Parsed::Done { message: Header { length, id }, used: 5 }
        }
        Some(_) => Parsed::Bad(Malformed::Length),
    }
}

/// A part of a piece that is asked for, called off or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Index of the piece.
    pub piece: u32,
    /// First byte within the piece.
    pub begin: u32,
    /// Bytes, 1 to [`MAX_REQUEST`].
    pub length: u32,
}

impl Block {
    /// Whether it is larger than the 16 KiB that current clients serve.
    #[must_use]
    pub const fn is_oversized(&self) -> bool {
        self.length > BLOCK
    }
}

/// Which Merkle hashes are meant (BEP 52 "hash request").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashSpan {
    /// Root of the file's tree.
    pub root: [u8; 32],
    /// Lowest layer; 0 is that of the 16 KiB blocks.
    pub base_layer: u32,
    /// First hash of the layer, a multiple of `count`.
    pub index: u32,
    /// Hashes of the layer, a power of two up to 8,192.
    pub count: u32,
    /// How many layers of uncle hashes prove them.
    pub proof_layers: u32,
}

/// How many hashes answer a request for `count` hashes and `proof_layers` layers of proof (BEP 52).
///
/// The proof leaves out the layers that the hashes themselves give.
#[must_use]
pub const fn hashes_of(count: u32, proof_layers: u32) -> Option<u32> {
    let Some(layers) = count.checked_ilog2() else { return None };
    count.checked_add(proof_layers.saturating_add(1).saturating_sub(layers))
}

/// One peer message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Nothing to say, still there.
    KeepAlive,
    /// No requests, please.
    Choke,
    /// Requests are served.
    Unchoke,
    /// The receiver has something the sender wants.
    Interested,
    /// It has not.
    NotInterested,
    /// The sender has this piece now.
    Have {
        /// Its index.
        piece: u32,
    },
    /// The pieces the sender has; the highest bit of the first byte is piece 0.
    Bitfield(&'a [u8]),
    /// Asks for a block.
    Request(Block),
    /// A block; its data follows the header and is not looked at.
    Piece {
        /// Index of the piece.
        piece: u32,
        /// First byte within the piece.
        begin: u32,
        /// Bytes of data, 1 to [`BLOCK`].
        length: u32,
    },
    /// The block is no longer wanted.
    Cancel(Block),
    /// UDP port of the sender's DHT node (BEP 5).
    Port(u16),
    /// The receiver had better ask for this piece (BEP 6).
    Suggest {
        /// Its index.
        piece: u32,
    },
    /// The sender is a seed (BEP 6).
    HaveAll,
    /// The sender has nothing yet (BEP 6).
    HaveNone,
    /// The request will not be served (BEP 6).
    Reject(Block),
    /// This piece is served even while choked (BEP 6).
    AllowedFast {
        /// Its index.
        piece: u32,
    },
    /// An extended message (BEP 10): see [`super::extension`].
    Extended {
        /// 0 for the extended handshake, otherwise a number that the *receiver* of the message chose.
        id: u8,
        /// The rest.
        payload: &'a [u8],
    },
    /// Asks for hashes (BEP 52).
    HashRequest(HashSpan),
    /// Hashes, not looked at (BEP 52).
    Hashes {
        /// Which.
        span: HashSpan,
        /// How many, uncles included.
        hashes: u32,
    },
    /// The hashes will not be sent (BEP 52).
    HashReject(HashSpan),
    /// An extended message too large to be held.
    Skipped(Header),
}

/// Reads the message at the start of the input, which must be a boundary between messages (R-PW-4).
///
/// `used` is the message's length on the wire: for pieces, hashes and skipped messages it may be *more* than the input
/// has, for these are judged by their first bytes (see [`Header::needed`]), and the next message begins that far on.
///
/// # Errors
/// As [`header`]; also `Bad(Value)` for blocks of 0 or more than [`MAX_REQUEST`] bytes and for impossible hash spans.
#[must_use]
pub fn parse(bytes: &[u8]) -> Parsed<Message<'_>> {
    let header = match header(bytes) {
        Parsed::Done { message, .. } => message,
        Parsed::NeedMore { at_least } => return Parsed::NeedMore { at_least },
        Parsed::Bad(reason) => return Parsed::Bad(reason),
    };
    let Some(seen) = bytes.get(..header.needed()) else {
        return Parsed::NeedMore { at_least: header.needed() };
    };
    match body(header, seen.get(5..).unwrap_or_default()) {
        Ok(message) => Parsed::Done { message, used: header.wire_len() },
        Err(reason) => Parsed::Bad(reason),
    }
}

fn body(header: Header, body: &[u8]) -> Result<Message<'_>, Malformed> {
    Ok(match header.id {
        Id::KeepAlive => Message::KeepAlive,
        Id::Choke => Message::Choke,
        Id::Unchoke => Message::Unchoke,
        Id::Interested => Message::Interested,
        Id::NotInterested => Message::NotInterested,
        Id::Have => Message::Have { piece: piece(body)? },
        Id::Bitfield => Message::Bitfield(body),
        Id::Request => Message::Request(block(body)?),
        Id::Piece => {
            let [piece, begin] = words(body)?;
            Message::Piece { piece, begin, length: header.length.saturating_sub(9) }
        }
        Id::Cancel => Message::Cancel(block(body)?),
        Id::Port => Message::Port(u16::from_be_bytes(*body.first_chunk().ok_or(Malformed::Length)?)),
        Id::Suggest => Message::Suggest { piece: piece(body)? },
        Id::HaveAll => Message::HaveAll,
        Id::HaveNone => Message::HaveNone,
        Id::Reject => Message::Reject(block(body)?),
        Id::AllowedFast => Message::AllowedFast { piece: piece(body)? },
        Id::Extended => match body.split_first() {
            Some((&id, payload)) => Message::Extended { id, payload },
            None => Message::Skipped(header),
        },
        Id::HashRequest => Message::HashRequest(span(body)?),
        Id::Hashes => {
            let span = span(body)?;
            let hashes = hashes_of(span.count, span.proof_layers).ok_or(Malformed::Value)?;
            if hashes.checked_mul(32).and_then(|n| n.checked_add(49)) != Some(header.length) {
                return Err(Malformed::Length);
            }
            Message::Hashes { span, hashes }
        }
        Id::HashReject => Message::HashReject(span(body)?),
    })
}

fn piece(body: &[u8]) -> Result<u32, Malformed> {
    words(body).map(|[piece]| piece)
}

fn block(body: &[u8]) -> Result<Block, Malformed> {
    let [piece, begin, length] = words(body)?;
    if (1..=MAX_REQUEST).contains(&length) {
        Ok(Block { piece, begin, length })
    } else {
        Err(Malformed::Value)
    }
}

/// BEP 52 asks for 2 to 512 hashes; libtorrent accepts 1 to 8,192.
fn span(body: &[u8]) -> Result<HashSpan, Malformed> {
    let (&root, rest) = body.split_first_chunk::<32>().ok_or(Malformed::Length)?;
    let [base_layer, index, count, proof_layers] = words(rest)?;
    if count.is_power_of_two() && count <= 8192 && index.is_multiple_of(count) {
        Ok(HashSpan { root, base_layer, index, count, proof_layers })
    } else {
        Err(Malformed::Value)
    }
}

fn words<const N: usize>(body: &[u8]) -> Result<[u32; N], Malformed> {
    let (words, _) = body.as_chunks::<4>();
    words.first_chunk::<N>().map(|w| w.map(u32::from_be_bytes)).ok_or(Malformed::Length)
}
