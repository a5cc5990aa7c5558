//! Extension protocol (BEP 10): the extended handshake here, and the extensions of BEP 9, 11, 21, 54 and 55.
//!
//! The number of an extended message is chosen by its *receiver*: to read what A sends, take the [`Ids`] of B's
//! handshake. Where only one direction is seen, [`guess`] reads by content.

mod messages;
#[cfg(test)]
mod tests;

pub use messages::{
    Extension, Holepunch, HolepunchError, HolepunchKind, METADATA_PIECE, Metadata, Pex, PexFlags, guess,
    parse,
};

use super::Malformed;
use super::bencode::{self, Dict, Value};
use crate::base::Address;

/// The largest `metadata_size` that is believed: the default limit of libtorrent.
pub const MAX_METADATA_SIZE: u32 = 31_457_280;

macro_rules! extensions {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// An extension that clients announce in `m`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum ExtensionName { $($(#[$doc])* $name,)* }

        impl ExtensionName {
            /// Every name that is known here.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name on the wire.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The extension of a name on the wire.
            #[must_use]
            pub fn from_wire(name: &[u8]) -> Option<Self> {
                Self::ALL.iter().copied().find(|n| n.label().as_bytes() == name)
            }
        }
    };
}

extensions! {
    /// Info dictionary from peers (BEP 9).
    UtMetadata = "ut_metadata";
    /// Peer exchange (BEP 11).
    UtPex = "ut_pex";
    /// Holepunch (BEP 55).
    UtHolepunch = "ut_holepunch";
    /// A piece was dropped (BEP 54).
    LtDonthave = "lt_donthave";
    /// The sender downloads nothing (BEP 21).
    UploadOnly = "upload_only";
    /// Share mode of libtorrent.
    ShareMode = "share_mode";
    /// Comments of µTorrent.
    UtComment = "ut_comment";
    /// Tracker exchange (BEP 28).
    LtTex = "lt_tex";
    /// Peer exchange over I2P.
    I2pPex = "i2p_pex";
    /// Merkle pieces of Tribler (BEP 30).
    TrHashpiece = "Tr_hashpiece";
}

/// The numbers that one side wants extended messages to carry when they are sent to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    numbers: [u8; ExtensionName::ALL.len()],
    /// Which of them were named, a bit each.
    named: u16,
}

const _: () = assert!(ExtensionName::ALL.len() <= u16::BITS as usize);

impl Ids {
    /// The number of an extension; 0 when the side turned it off, `None` when it never named it.
    #[must_use]
    pub fn get(&self, name: ExtensionName) -> Option<u8> {
        self.numbers.get(name as usize).copied().filter(|_| self.named & 1 << name as u32 != 0)
    }

    /// The extension that a number means; never one for 0.
    #[must_use]
    pub fn name_of(&self, id: u8) -> Option<ExtensionName> {
        ExtensionName::ALL.iter().copied().find(|&name| id != 0 && self.get(name) == Some(id))
    }

    /// Takes over what a later handshake of the same side says: it adds to and turns off, it does not replace.
    pub fn update(&mut self, later: &Self) {
        for &name in ExtensionName::ALL {
            if let Some(id) = later.get(name) {
                self.set(name, id);
            }
        }
    }

    /// Announces an extension under a number.
    pub fn set(&mut self, name: ExtensionName, id: u8) {
        if let Some(number) = self.numbers.get_mut(name as usize) {
            *number = id;
            self.named |= 1 << name as u32;
        }
    }

    fn of(m: Dict<'_>) -> Self {
        let mut ids = Self::default();
        for (name, value) in m.entries() {
            if let Some(name) = ExtensionName::from_wire(name)
                && let Some(id) = value.as_int().and_then(|n| u8::try_from(n).ok())
                && ids.get(name).is_none()
            {
                ids.set(name, id);
            }
        }
        ids
    }
}

/// The extended handshake (BEP 10): what a side says about itself. Keys of a wrong type are as good as absent, and the
/// first of two equal keys counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtendedHandshake<'a> {
    /// `m`: the extension numbers.
    pub ids: Ids,
    /// Whether there was an `m` at all; a second handshake may leave it out.
    pub names_extensions: bool,
    /// `v`: client name and version as sent; not to be trusted over the peer id.
    pub v: Option<&'a [u8]>,
    /// `p`: TCP port on which the sender listens.
    pub port: Option<u16>,
    /// `yourip`: the receiver as the sender sees it.
    pub your_ip: Option<Address>,
    /// `ipv4`: another address of the sender.
    pub ipv4: Option<Address>,
    /// `ipv6`: another address of the sender.
    pub ipv6: Option<Address>,
    /// `reqq`: how many outstanding requests the sender keeps. A setting of its client, of which no fact is made: it says
    /// nothing of what the host does.
    pub reqq: Option<u32>,
    /// `metadata_size`: bytes of the info dictionary (BEP 9), 1 to [`MAX_METADATA_SIZE`]. No fact is made of it either: the
    /// metadata itself, once its hash fits, tells more.
    pub metadata_size: Option<u32>,
    /// `upload_only`: the sender wants nothing (BEP 21).
    pub upload_only: Option<bool>,
    /// `e`: the sender prefers encrypted connections.
    pub prefers_encryption: Option<bool>,
    /// `complete_ago`: seconds since the sender became a seed, or in libtorrent since it last saw all pieces in the swarm.
    pub complete_ago: Option<u32>,
    /// Whether the dictionary is sorted and unpadded as BEP 3 asks.
    pub canonical: bool,
}

/// Reads the payload of an extended message with the number 0 (R-EXT-1).
///
/// # Errors
/// `Type` when it is no dictionary, `Trailing` when bytes follow the dictionary, and those of [`bencode::parse`].
pub fn parse_handshake(payload: &[u8]) -> Result<ExtendedHandshake<'_>, Malformed> {
    let document = bencode::parse(payload, bencode::EXTENSION)?;
    let dict = document.value.as_dict().ok_or(Malformed::Type)?;
    if document.used != payload.len() {
        return Err(Malformed::Trailing);
    }
    let mut handshake = ExtendedHandshake { canonical: document.canonical, ..ExtendedHandshake::default() };
    for (key, value) in dict.entries() {
        handshake.take(key, &value);
    }
    Ok(handshake)
}

impl<'a> ExtendedHandshake<'a> {
    fn take(&mut self, key: &[u8], value: &Value<'a>) {
        match key {
            b"m" if !self.names_extensions => {
                if let Some(m) = value.as_dict() {
                    self.names_extensions = true;
                    self.ids = Ids::of(m);
                }
            }
            b"v" => self.v = self.v.or(value.as_bytes()),
            b"p" => {
                let port = value.as_int().and_then(|n| u16::try_from(n).ok()).filter(|&p| p != 0);
                self.port = self.port.or(port);
            }
            b"yourip" => self.your_ip = self.your_ip.or(address4(value)).or(address6(value)),
            b"ipv4" => self.ipv4 = self.ipv4.or(address4(value)),
            b"ipv6" => self.ipv6 = self.ipv6.or(address6(value)),
            b"reqq" => self.reqq = self.reqq.or(count(value)),
            b"metadata_size" => {
                let size = count(value).filter(|n| (1..=MAX_METADATA_SIZE).contains(n));
                self.metadata_size = self.metadata_size.or(size);
            }
            b"upload_only" => self.upload_only = self.upload_only.or(flag(value)),
            b"e" => self.prefers_encryption = self.prefers_encryption.or(flag(value)),
            b"complete_ago" => self.complete_ago = self.complete_ago.or(count(value)),
            _ => {}
        }
    }
}

fn count(value: &Value<'_>) -> Option<u32> {
    value.as_int().and_then(|n| u32::try_from(n).ok())
}

fn flag(value: &Value<'_>) -> Option<bool> {
    value.as_int().map(|n| n != 0)
}

fn address4(value: &Value<'_>) -> Option<Address> {
    value.as_bytes()?.try_into().ok().map(Address::v4)
}

fn address6(value: &Value<'_>) -> Option<Address> {
    value.as_bytes()?.try_into().ok().map(Address::v6)
}
