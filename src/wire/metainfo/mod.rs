//! Metainfo: `.torrent` files and the info dictionary in them (BEP 3, BEP 27, BEP 47, BEP 52), and magnet links (BEP 9).
//!
//! An info-hash covers the info dictionary's exact bytes, so these are kept as a window and never written anew: a
//! dictionary whose keys are out of order would hash differently.

mod magnet;
mod size;

pub use magnet::{Magnet, parse_magnet};

use super::bencode::{self, Dict, METAINFO, Value};
use super::{Guess, Malformed};
use crate::base::InfoHash;
use sha1::Digest;

/// Which of the two formats an info dictionary has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// `pieces` (BEP 3).
    V1,
    /// `file tree` (BEP 52).
    V2,
    /// Both: one torrent with two info-hashes.
    Hybrid,
}

/// An info dictionary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info<'a> {
    /// `name.utf-8`, or else `name`; empty where absent. Untrusted bytes.
    pub name: &'a [u8],
    /// Bytes a piece; never 0.
    pub piece_length: u64,
    /// How many pieces.
    pub pieces: u32,
    /// Bytes of all files, padding files (BEP 47) left out; `None` where not told or beyond 64 bits.
    pub size: Option<u64>,
    /// How many files, padding files left out.
    pub files: u32,
    /// Whether only trackers may tell peers (BEP 27).
    pub private: bool,
    /// Which format.
    pub version: Version,
    /// Whether it is bencoded as BEP 3 asks.
    pub canonical: bool,
    /// The dictionary's exact bytes.
    pub raw: &'a [u8],
}

impl Info<'_> {
    /// SHA-1 of the dictionary; `None` for a torrent of BEP 52 only.
    #[must_use]
    pub fn v1(&self) -> Option<InfoHash> {
        (self.version != Version::V2).then(|| info_hash_v1(self.raw))
    }

    /// SHA-256 of the dictionary; `None` for a torrent of BEP 3 only.
    #[must_use]
    pub fn v2(&self) -> Option<[u8; 32]> {
        (self.version != Version::V1).then(|| info_hash_v2(self.raw))
    }

    /// The info-hashes by which its swarm or, for a hybrid torrent, swarms are known on the wire.
    #[must_use]
    pub fn wire_hashes(&self) -> (InfoHash, Option<InfoHash>) {
        let v2 = self.v2().map(|full| truncate(&full));
        match (self.v1(), v2) {
            (Some(v1), also) => (v1, also),
            (None, v2) => (v2.unwrap_or_else(|| info_hash_v1(self.raw)), None),
        }
    }

    /// Whether an info-hash seen on the wire is this dictionary's, which proves the name.
    #[must_use]
    pub fn verifies(&self, info_hash: &InfoHash) -> bool {
        info_hash_v1(self.raw) == *info_hash || truncate(&info_hash_v2(self.raw)) == *info_hash
    }
}

/// SHA-1 of an info dictionary's exact bytes (BEP 3).
#[must_use]
pub fn info_hash_v1(raw: &[u8]) -> InfoHash {
    InfoHash(sha1::Sha1::digest(raw).into())
}

/// SHA-256 of an info dictionary's exact bytes (BEP 52).
#[must_use]
pub fn info_hash_v2(raw: &[u8]) -> [u8; 32] {
    sha2::Sha256::digest(raw).into()
}

/// The first twenty bytes of a BEP 52 info-hash: how handshakes, trackers and the DHT carry it.
#[must_use]
pub fn truncate(full: &[u8; 32]) -> InfoHash {
    full.first_chunk().map_or(InfoHash([0; 20]), |&first| InfoHash(first))
}

/// Reads an info dictionary, as `ut_metadata` (BEP 9) brings it. Bytes after it are left alone: it ends where it ends.
///
/// # Errors
/// `Key` when `piece length` or both `pieces` and `file tree` are missing, `Type` when one is of the wrong type, `Length`
/// when `pieces` is no multiple of 20 bytes, `Value` for a piece length below 1 or a piece count beyond 32 bits,
/// otherwise as [`bencode::parse`].
pub fn parse_info(bytes: &[u8]) -> Result<Info<'_>, Malformed> {
    let document = bencode::parse(bytes, METAINFO)?;
    info(document.value.as_dict().ok_or(Malformed::Type)?, document.canonical)
}

/// A `.torrent` file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torrent<'a> {
    /// `announce`: URL of the tracker.
    pub announce: Option<&'a [u8]>,
    /// `created by`: the program that made it.
    pub created_by: Option<&'a [u8]>,
    /// `info`.
    pub info: Info<'a>,
    /// The file's length; fewer than the input's when bytes follow.
    pub used: usize,
}

/// Reads a `.torrent` file (R-TH-3).
///
/// # Errors
/// `Magic` when the input begins with no dictionary, `Key` when it has no `info`, otherwise as [`parse_info`].
pub fn parse_torrent(body: &[u8]) -> Result<Torrent<'_>, Malformed> {
    if body.first() != Some(&b'd') {
        return Err(Malformed::Magic);
    }
    let document = bencode::parse(body, METAINFO)?;
    let dict = document.value.as_dict().ok_or(Malformed::Type)?;
    let (mut announce, mut created_by, mut found) = (None, None, None);
    for (key, value) in dict.entries() {
        match key {
            b"announce" => announce = announce.or(value.as_bytes()),
            b"created by" => created_by = created_by.or(value.as_bytes()),
            b"info" => found = found.or(Some(value)),
            _ => {}
        }
    }
    let dict = found.ok_or(Malformed::Key)?.as_dict().ok_or(Malformed::Type)?;
    Ok(Torrent { announce, created_by, info: info(dict, document.canonical)?, used: document.used })
}

/// Whether a body is a `.torrent` file (R-TH-3).
#[must_use]
pub fn recognise(body: &[u8]) -> Guess {
    if parse_torrent(body).is_ok() { Guess::Certain } else { Guess::No }
}

fn info(dict: Dict<'_>, canonical: bool) -> Result<Info<'_>, Malformed> {
    let (mut name, mut name_utf8, mut piece_length, mut private) = (None, None, None, false);
    let (mut pieces, mut length, mut files, mut tree) = (None, None, None, None);
    for (key, value) in dict.entries() {
        match key {
            b"name" => name = name.or(value.as_bytes()),
            b"name.utf-8" => name_utf8 = name_utf8.or(value.as_bytes()),
            b"piece length" => piece_length = piece_length.or(Some(value)),
            b"pieces" => pieces = pieces.or(Some(value)),
            b"length" => length = length.or(value.as_int()),
            b"files" => files = files.or(value.as_list()),
            b"file tree" => tree = tree.or(Some(value)),
            b"private" => private |= value.as_int() == Some(1),
            _ => {}
        }
    }
    let piece_length = positive(piece_length)?;
    let hashes = pieces.map(piece_hashes).transpose()?;
    let tree = tree.map(|t| t.as_dict().ok_or(Malformed::Type)).transpose()?;
    let (version, total) = match (hashes, tree) {
        (None, None) => return Err(Malformed::Key),
        (_, Some(tree)) => {
            let version = if hashes.is_some() { Version::Hybrid } else { Version::V2 };
            (version, size::of_tree(tree, piece_length))
        }
        (Some(_), None) => (Version::V1, size::of_files(length, files)),
    };
    Ok(Info {
        name: name_utf8.or(name).unwrap_or_default(),
        piece_length,
        pieces: hashes.or(total.pieces).ok_or(Malformed::Value)?,
        size: total.bytes,
        files: total.files,
        private,
        version,
        canonical,
        raw: dict.raw(),
    })
}

fn positive(value: Option<Value<'_>>) -> Result<u64, Malformed> {
    let n = value.ok_or(Malformed::Key)?.as_int().ok_or(Malformed::Type)?;
    u64::try_from(n).ok().filter(|&n| n > 0).ok_or(Malformed::Value)
}

/// `pieces`: one SHA-1 each.
fn piece_hashes(value: Value<'_>) -> Result<u32, Malformed> {
    let hashes = value.as_bytes().ok_or(Malformed::Type)?;
    if !hashes.len().is_multiple_of(20) {
        return Err(Malformed::Length);
    }
    u32::try_from(hashes.len() / 20).map_err(|_| Malformed::Value)
}

#[cfg(test)]
mod tests;
