//! Arbitrary data stored in the DHT (BEP 44), used for feeds of torrents by BEP 46.

use crate::base::InfoHash;
use crate::wire::bencode::{Dict, Value, parse};
use sha1::{Digest, Sha1};

/// The most bytes of salt (BEP 44).
const SALT_MAX: usize = 64;

/// What a `put` stores or a `get` brings back. Signatures are not verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// Found under the hash of its value.
    Immutable {
        /// `v`, bencoded.
        value: &'a [u8],
    },
    /// Found under the hash of its owner's key.
    Mutable {
        /// `v`, bencoded.
        value: &'a [u8],
        /// `k`: Ed25519 public key.
        key: &'a [u8; 32],
        /// `salt`: tells several items of one owner apart; empty where absent.
        salt: &'a [u8],
        /// `sig`: Ed25519 signature; absent in some broken senders.
        signature: Option<&'a [u8; 64]>,
        /// `seq`: version.
        seq: i64,
        /// `cas`: store only if this is the present version.
        cas: Option<i64>,
    },
}

impl<'a> Item<'a> {
    /// From the arguments of a `put` or the result of a `get`; `None` without `v`. Mutable with a `k` of 32 bytes.
    pub(super) fn read(dict: Dict<'a>) -> Option<Self> {
        let value = dict.get_raw(b"v")?;
        let bytes = |key| dict.get(key).and_then(|v| v.as_bytes());
        let int = |key| dict.get(key).and_then(|v| v.as_int());
        let Some(key) = bytes(b"k").and_then(|k| k.try_into().ok()) else {
            return Some(Self::Immutable { value });
        };
        Some(Self::Mutable {
            value,
            key,
            salt: bytes(b"salt").filter(|s| s.len() <= SALT_MAX).unwrap_or_default(),
            signature: bytes(b"sig").and_then(|s| s.try_into().ok()),
            seq: int(b"seq").unwrap_or(0),
            cas: int(b"cas"),
        })
    }

    /// `v`, bencoded.
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        match self {
            Self::Immutable { value } | Self::Mutable { value, .. } => value,
        }
    }

    /// `v`, read.
    #[must_use]
    pub fn value(&self) -> Option<Value<'a>> {
        parse(self.raw(), crate::wire::bencode::DATAGRAM).ok().map(|document| document.value)
    }

    /// Where a `put` stores it, recomputed (R-DHT-7): SHA-1 of the value, or of key and salt.
    #[must_use]
    pub fn target(&self) -> InfoHash {
        match self {
            Self::Immutable { value } => InfoHash(Sha1::digest(value).into()),
            Self::Mutable { key, salt, .. } => mutable_target(key, salt),
        }
    }

    /// Whether a `get` for `target` that brings this item is answered wrongly (R-DHT-7). An answer does not repeat the salt,
    /// so that of a mutable item nobody can tell.
    #[must_use]
    pub fn is_misplaced(&self, target: InfoHash) -> bool {
        match self {
            Self::Immutable { .. } => self.target() != target,
            Self::Mutable { .. } => false,
        }
    }

    /// The torrent that a BEP 46 feed names at present: `ih` of a mutable item.
    #[must_use]
    pub fn feed(&self) -> Option<InfoHash> {
        match self {
            Self::Immutable { .. } => None,
            Self::Mutable { .. } => InfoHash::from_slice(self.value()?.as_dict()?.get(b"ih")?.as_bytes()?),
        }
    }
}

/// Where the items of a public key are found (BEP 44, BEP 46): SHA-1 of key and salt.
#[must_use]
pub(crate) fn mutable_target(key: &[u8; 32], salt: &[u8]) -> InfoHash {
    InfoHash(Sha1::new().chain_update(key).chain_update(salt).finalize().into())
}
