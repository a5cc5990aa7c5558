//! Where peer messages begin in a stream whose handshake was not seen (R-PW-6 to R-PW-8), and what makes it sure.

use crate::wire::message::{self, Message};
use crate::wire::{Guess, Parsed, extension};

/// The longest message that a boundary is found by: a request.
pub const HEADER_MAX: usize = 17;

/// A block asked for or sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockAt {
    sent: bool,
    piece: u32,
    begin: u32,
}

impl BlockAt {
    /// The block that a message asks for or brings.
    pub fn of(message: &Message<'_>) -> Option<Self> {
        match *message {
            Message::Piece { piece, begin, .. } => Some(Self { sent: true, piece, begin }),
            Message::Request(b) => Some(Self { sent: false, piece: b.piece, begin: b.begin }),
            _ => None,
        }
    }

    /// R-PW-7: the next block of the same piece, or the first of the next.
    pub fn follows(self, last: Self) -> bool {
        self.sent == last.sent
            && (self.piece == last.piece && last.begin.checked_add(message::BLOCK) == Some(self.begin)
                || last.piece.checked_add(1) == Some(self.piece) && self.begin == 0)
    }
}

/// A message without a field.
pub const fn is_bare(message: &Message<'_>) -> bool {
    use Message::{Choke, HaveAll, HaveNone, Interested, NotInterested, Unchoke};
    matches!(message, Choke | Unchoke | Interested | NotInterested | HaveAll | HaveNone)
}

/// R-PW-8: an extended message whose payload is a known dictionary to the exact end of the frame.
pub fn self_validating(message: &Message<'_>) -> bool {
    match *message {
        Message::Extended { id: 0, payload } => {
            extension::parse_handshake(payload).is_ok_and(|h| h.names_extensions)
        }
        Message::Extended { payload, .. } => payload.starts_with(b"d") && extension::guess(payload).is_some(),
        _ => false,
    }
}

/// The rest of `data` from a place where a message may begin.
pub fn find(data: &[u8]) -> Option<&[u8]> {
    // The name of an Azureus message is proof enough.
    let azureus = matches!(message::amp(data), Parsed::Done { .. });
    if azureus || message::chain(data).verdict > Guess::No {
        return Some(data);
    }
    data.get(message::find_boundary(data)?..)
}
