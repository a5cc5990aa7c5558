//! The extensions' own messages: metadata (BEP 9), peer exchange (BEP 11), upload-only (BEP 21), don't-have (BEP 54),
//! holepunch (BEP 55).

use super::{ExtensionName, MAX_METADATA_SIZE};
use crate::base::{Address, Endpoint};
use crate::wire::Malformed;
use crate::wire::bencode::{self, Dict};

/// Bytes of every piece of metadata but the last (BEP 9).
pub const METADATA_PIECE: u32 = 16_384;

/// One extended message other than the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension<'a> {
    /// Part of an info dictionary.
    Metadata(Metadata<'a>),
    /// Peers.
    Pex(Pex<'a>),
    /// Help to connect through NAT.
    Holepunch(Holepunch),
    /// The sender no longer has a piece.
    DontHave {
        /// Its index.
        piece: u32,
    },
    /// Whether the sender downloads nothing.
    UploadOnly(bool),
    /// Whether the sender is in share mode.
    ShareMode(bool),
    /// An extension whose payload is not read here.
    Other(ExtensionName),
}

/// Reads the payload of an extended message whose number is known (R-EXT-2 to R-EXT-5).
///
/// # Errors
/// When the payload breaks the extension's rules; see the extension's own `parse`.
pub fn parse(name: ExtensionName, payload: &[u8]) -> Result<Extension<'_>, Malformed> {
    Ok(match name {
        ExtensionName::UtMetadata => Extension::Metadata(Metadata::parse(payload)?),
        // What aria2 sends when it has nobody to name. Without a number it would be no sign of peer exchange.
        ExtensionName::UtPex if payload == b"de" => Extension::Pex(Pex::default()),
        ExtensionName::UtPex => Extension::Pex(Pex::parse(payload)?),
        ExtensionName::UtHolepunch => Extension::Holepunch(Holepunch::parse(payload)?),
        ExtensionName::LtDonthave => {
            let piece = payload.try_into().map_err(|_| Malformed::Length)?;
            Extension::DontHave { piece: u32::from_be_bytes(piece) }
        }
        ExtensionName::UploadOnly => Extension::UploadOnly(switch(payload)?),
        ExtensionName::ShareMode => Extension::ShareMode(switch(payload)?),
        ExtensionName::UtComment
        | ExtensionName::LtTex
        | ExtensionName::I2pPex
        | ExtensionName::TrHashpiece => Extension::Other(name),
    })
}

/// Reads an extended message whose number is not known, as when one direction was not captured.
///
/// Metadata first, peer exchange second, holepunch last, by the strength of their form. One-byte and four-byte
/// payloads say nothing without a number.
#[must_use]
pub fn guess(payload: &[u8]) -> Option<Extension<'_>> {
    if payload.first() == Some(&b'd') {
        let metadata = Metadata::parse(payload).map(Extension::Metadata);
        return metadata.or_else(|_| Pex::parse(payload).map(Extension::Pex)).ok();
    }
    Holepunch::parse(payload).map(Extension::Holepunch).ok()
}

fn switch(payload: &[u8]) -> Result<bool, Malformed> {
    match payload {
        [0] => Ok(false),
        [1] => Ok(true),
        [_] => Err(Malformed::Value),
        _ => Err(Malformed::Length),
    }
}

/// `ut_metadata` (BEP 9): the info dictionary in pieces of 16 KiB.
///
/// The examples printed in the BEP contradict its text in two places; this follows the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metadata<'a> {
    /// Asks for a piece.
    Request {
        /// Its index.
        piece: u32,
    },
    /// A piece.
    Data {
        /// Its index.
        piece: u32,
        /// Bytes of the whole info dictionary.
        total_size: u32,
        /// The piece's bytes, to be believed only when the hash of all pieces fits.
        bytes: &'a [u8],
    },
    /// The sender does not have or does not give it.
    Reject {
        /// Its index.
        piece: u32,
    },
}

impl<'a> Metadata<'a> {
    /// Reads a payload (R-EXT-3).
    ///
    /// # Errors
    /// `Key` or `Type` without `msg_type` and `piece`, `Value` for an unknown `msg_type` (to be ignored, says the BEP) or
    /// an impossible piece, `Length` when the bytes after the dictionary are not exactly that piece, `Trailing` when
    /// there should be none.
    pub fn parse(payload: &'a [u8]) -> Result<Self, Malformed> {
        let document = bencode::parse(payload, bencode::EXTENSION)?;
        let dict = document.value.as_dict().ok_or(Malformed::Type)?;
        let bytes = payload.get(document.used..).unwrap_or_default();
        let msg_type = int(dict, b"msg_type")?;
        let piece = u32::try_from(int(dict, b"piece")?).map_err(|_| Malformed::Value)?;
        match msg_type {
            0 | 2 if !bytes.is_empty() => Err(Malformed::Trailing),
            0 => Ok(Self::Request { piece }),
            1 => {
                let total_size = u32::try_from(int(dict, b"total_size")?).map_err(|_| Malformed::Value)?;
                let begin = piece.checked_mul(METADATA_PIECE).ok_or(Malformed::Value)?;
                if total_size > MAX_METADATA_SIZE || begin >= total_size {
                    return Err(Malformed::Value);
                }
                if bytes.len() != total_size.saturating_sub(begin).min(METADATA_PIECE) as usize {
                    return Err(Malformed::Length);
                }
                Ok(Self::Data { piece, total_size, bytes })
            }
            2 => Ok(Self::Reject { piece }),
            _ => Err(Malformed::Value),
        }
    }
}

fn int(dict: Dict<'_>, key: &[u8]) -> Result<i64, Malformed> {
    dict.get(key).ok_or(Malformed::Key)?.as_int().ok_or(Malformed::Type)
}

/// `ut_pex` (BEP 11): peers that the sender gained and lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pex<'a> {
    added: &'a [u8],
    added_flags: &'a [u8],
    added6: &'a [u8],
    added6_flags: &'a [u8],
    dropped: &'a [u8],
    dropped6: &'a [u8],
}

impl<'a> Pex<'a> {
    /// Reads a payload (R-EXT-2). Flags may be missing; they are 0 then.
    ///
    /// # Errors
    /// `Key` without any of the four lists, `Type` when one is no string, `Length` when a list does not divide into
    /// entries or its flags are not one a peer, `Trailing` for bytes after the dictionary.
    pub fn parse(payload: &'a [u8]) -> Result<Self, Malformed> {
        let document = bencode::parse(payload, bencode::EXTENSION)?;
        let dict = document.value.as_dict().ok_or(Malformed::Type)?;
        if document.used != payload.len() {
            return Err(Malformed::Trailing);
        }
        let mut pex = Self::default();
        let mut lists = 0u8;
        for (key, value) in dict.entries() {
            let (slot, is_list) = match key {
                b"added" => (&mut pex.added, true),
                b"added.f" => (&mut pex.added_flags, false),
                b"added6" => (&mut pex.added6, true),
                b"added6.f" => (&mut pex.added6_flags, false),
                b"dropped" => (&mut pex.dropped, true),
                b"dropped6" => (&mut pex.dropped6, true),
                _ => continue,
            };
            *slot = value.as_bytes().ok_or(Malformed::Type)?;
            lists = lists.saturating_add(u8::from(is_list));
        }
        if lists == 0 {
            return Err(Malformed::Key);
        }
        let whole = |list: &[u8], entry: usize| list.len().is_multiple_of(entry);
        let flags =
            |list: &[u8], entry: usize, flags: &[u8]| flags.is_empty() || flags.len() == list.len() / entry;
        let fits = whole(pex.added, 6)
            && whole(pex.dropped, 6)
            && whole(pex.added6, 18)
            && whole(pex.dropped6, 18)
            && flags(pex.added, 6, pex.added_flags)
            && flags(pex.added6, 18, pex.added6_flags);
        if fits { Ok(pex) } else { Err(Malformed::Length) }
    }

    /// The IPv4 peers gained.
    pub fn added(&self) -> impl Iterator<Item = (Endpoint, PexFlags)> + use<'a> {
        compact4(self.added).zip(flags_of(self.added_flags))
    }

    /// The IPv6 peers gained.
    pub fn added6(&self) -> impl Iterator<Item = (Endpoint, PexFlags)> + use<'a> {
        compact6(self.added6).zip(flags_of(self.added6_flags))
    }

    /// The peers lost, IPv4 first.
    pub fn dropped(&self) -> impl Iterator<Item = Endpoint> + use<'a> {
        compact4(self.dropped).chain(compact6(self.dropped6))
    }
}

fn compact4(list: &[u8]) -> impl Iterator<Item = Endpoint> + use<'_> {
    list.as_chunks::<6>().0.iter().copied().map(Endpoint::from_compact4)
}

fn compact6(list: &[u8]) -> impl Iterator<Item = Endpoint> + use<'_> {
    list.as_chunks::<18>().0.iter().copied().map(Endpoint::from_compact6)
}

fn flags_of(flags: &[u8]) -> impl Iterator<Item = PexFlags> + use<'_> {
    flags.iter().copied().chain(std::iter::repeat(0)).map(PexFlags)
}

/// What peer exchange says of a peer (BEP 11).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PexFlags(pub u8);

impl PexFlags {
    /// It prefers encryption.
    #[must_use]
    pub const fn prefers_encryption(self) -> bool {
        self.0 & 0x01 != 0
    }

    /// It is a seed or downloads nothing.
    #[must_use]
    pub const fn is_seed(self) -> bool {
        self.0 & 0x02 != 0
    }

    /// It speaks uTP.
    #[must_use]
    pub const fn utp(self) -> bool {
        self.0 & 0x04 != 0
    }

    /// It speaks ut_holepunch.
    #[must_use]
    pub const fn holepunch(self) -> bool {
        self.0 & 0x08 != 0
    }

    /// The sender connected to it: it can be reached.
    #[must_use]
    pub const fn is_reachable(self) -> bool {
        self.0 & 0x10 != 0
    }
}

/// `ut_holepunch` (BEP 55): a relay brings two peers behind NAT together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holepunch {
    /// What is asked or told.
    pub kind: HolepunchKind,
    /// The *other* peer.
    pub peer: Endpoint,
}

/// What a holepunch message wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HolepunchKind {
    /// Asks the relay to introduce the sender to the peer.
    Rendezvous,
    /// Tells to connect to the peer: uTP SYNs follow from both ends.
    Connect,
    /// It does not work.
    Error(HolepunchError),
}

/// Why a holepunch failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HolepunchError {
    /// 1: not a valid endpoint.
    NoSuchPeer,
    /// 2: the relay is not connected to it.
    NotConnected,
    /// 3: it does not speak holepunch.
    NoSupport,
    /// 4: the sender asked for itself.
    NoSelf,
    /// Anything else.
    Unknown(u32),
}

impl Holepunch {
    /// Reads a payload (R-EXT-5). The error field is written by the BEP and left out by libtorrent where there is no
    /// error; both are read.
    ///
    /// # Errors
    /// `Length` unless there are 8, 12, 20 or 24 bytes as the family asks, `Value` for an unknown type or family or
    /// for port 0.
    pub fn parse(payload: &[u8]) -> Result<Self, Malformed> {
        let (&[kind, family], rest) = payload.split_first_chunk::<2>().ok_or(Malformed::Length)?;
        let (peer, rest) = match family {
            0 => {
                let (&compact, rest) = rest.split_first_chunk::<6>().ok_or(Malformed::Length)?;
                (Endpoint::from_compact4(compact), rest)
            }
            1 => {
                let (&address, rest) = rest.split_first_chunk::<16>().ok_or(Malformed::Length)?;
                let (&port, rest) = rest.split_first_chunk::<2>().ok_or(Malformed::Length)?;
                (Endpoint::new(Address::v6(address), u16::from_be_bytes(port)), rest)
            }
            _ => return Err(Malformed::Value),
        };
        let code = match rest {
            [] => 0,
            _ => u32::from_be_bytes(rest.try_into().map_err(|_| Malformed::Length)?),
        };
        if peer.port == 0 {
            return Err(Malformed::Value);
        }
        let kind = match kind {
            0 => HolepunchKind::Rendezvous,
            1 => HolepunchKind::Connect,
            2 => HolepunchKind::Error(HolepunchError::from_wire(code)),
            _ => return Err(Malformed::Value),
        };
        Ok(Self { kind, peer })
    }
}

impl HolepunchError {
    const fn from_wire(code: u32) -> Self {
        match code {
            1 => Self::NoSuchPeer,
            2 => Self::NotConnected,
            3 => Self::NoSupport,
            4 => Self::NoSelf,
            other => Self::Unknown(other),
        }
    }
}
