//! Turns bytes into values, and back where tests need it: one file a protocol.
//!
//! Pure functions over byte slices. This room knows no flow, no time, no direction that the bytes do not tell, does no
//! I/O, never panics, never allocates by a length that the bytes declare, and allocates nothing on hot paths. To add a
//! protocol, add a file here and a dissector in the room `dissect`. Rule ids such as `R-DHT-1` in comments name the
//! recognition rules that the protocol vectors in `tests/vectors` cite.

pub mod acns;
pub mod bencode;
pub mod client;
pub mod dns;
pub mod extension;
mod fields;
pub mod handshake;
pub mod http;
pub mod http_tracker;
pub mod krpc;
pub mod lsd;
pub mod message;
pub mod metainfo;
pub mod mse;
pub mod names;
pub mod node_id;
pub mod opening;
pub mod other;
pub mod peer_choice;
pub mod port_mapping;
pub mod sdp;
pub mod stun;
pub mod tls;
pub mod udp_tracker;
pub mod upnp;
pub mod utp;
pub mod webseed;
pub mod websocket;

/// The three answers of a stream parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed<T> {
    /// One whole message, and how many bytes of the input it took.
    Done {
        /// The message.
        message: T,
        /// Bytes consumed.
        used: usize,
    },
    /// A valid beginning; ask again with at least this many bytes in all.
    NeedMore {
        /// Total input length wanted.
        at_least: usize,
    },
    /// Not this protocol, or broken.
    Bad(Malformed),
}

/// How sure a recogniser is after a look at the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guess {
    /// The bytes cannot be this protocol.
    No,
    /// They may be: one more independent fact is needed.
    Maybe,
    /// They are, and nothing else known begins so.
    Certain,
}

/// Why bytes could not be read. Counted, never logged by packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Malformed {
    /// The input ends inside a value.
    Truncated,
    /// A declared length contradicts the input or the protocol.
    Length,
    /// Nested deeper than the limit.
    Depth,
    /// More values than the limit.
    Tokens,
    /// A number that does not parse or does not fit.
    Number,
    /// A required key is missing, or a key is not a string.
    Key,
    /// A value of the wrong type.
    Type,
    /// A value outside of what the protocol allows.
    Value,
    /// Bytes after the end of the message.
    Trailing,
    /// The leading magic or type code is another protocol's.
    Magic,
}

impl Malformed {
    /// Every reason, in the order of the metrics page.
    pub const ALL: [Self; 10] = [
        Self::Truncated,
        Self::Length,
        Self::Depth,
        Self::Tokens,
        Self::Number,
        Self::Key,
        Self::Type,
        Self::Value,
        Self::Trailing,
        Self::Magic,
    ];

    /// The fixed word for labels and JSON.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Length => "length",
            Self::Depth => "depth",
            Self::Tokens => "tokens",
            Self::Number => "number",
            Self::Key => "key",
            Self::Type => "type",
            Self::Value => "value",
            Self::Trailing => "trailing",
            Self::Magic => "magic",
        }
    }
}
