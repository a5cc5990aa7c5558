//! Collects info dictionaries from ut_metadata (BEP 9), verified by hash before a word of them is believed.
//!
//! A download asks several peers for pieces of one dictionary, and their flows may belong to different workers: so the
//! store is shared. It is touched only by metadata messages, which are rare.

use crate::base::{InfoHash, InfoHashV2, KeyedState};
use crate::event::{Channel, Fact, NameTrust, TorrentKey, TorrentName};
use crate::wire::metainfo;
use std::collections::HashMap;
use std::sync::Mutex;

/// Bytes of one info dictionary at most.
const SIZE_MAX: usize = 4 << 20;
/// Torrents in progress at most.
const TORRENTS: usize = 256;
/// Bytes of all of them at most.
const TOTAL_MAX: usize = 64 << 20;
/// Verified torrents remembered, so that their later copies are passed over.
const DONE_MAX: usize = 65_536;
/// Bytes of every piece but the last (BEP 9).
const PIECE: usize = 16_384;

#[derive(Debug, Default)]
struct Assembly {
    total: usize,
    pieces: HashMap<u32, Vec<u8>>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Inner {
    torrents: HashMap<InfoHash, Assembly, KeyedState>,
    order: std::collections::VecDeque<InfoHash>,
    bytes: usize,
    done: std::collections::HashSet<InfoHash, KeyedState>,
}

/// Info dictionaries in progress.
#[derive(Debug, Default)]
pub struct MetadataStore {
    inner: Mutex<Inner>,
}

impl MetadataStore {
    /// Takes a piece of a torrent's info dictionary; tells the torrent's name and keys once all pieces are there and their hash is
    /// the info-hash.
    pub fn piece(
        &self,
        info_hash: InfoHash,
        piece: u32,
        total: u32,
        bytes: &[u8],
        mut tell: impl FnMut(Fact<'_>),
    ) {
        let Some(whole) = self.add(info_hash, piece, total, bytes) else { return };
        let v1 = metainfo::info_hash_v1(&whole);
        let v2 = metainfo::info_hash_v2(&whole);
        let v2_short = Some(metainfo::truncate(&v2));
        if v1 != info_hash && v2_short != Some(info_hash) {
            return; // a forged piece: the next complete set may be genuine
        }
        if let Ok(mut inner) = self.inner.lock()
            && inner.done.len() < DONE_MAX
        {
            inner.done.insert(info_hash);
        }
        if let Ok(info) = metainfo::parse_info(&whole) {
            tell(Fact::Name(describe(&info, info_hash, v1, v2_short, Channel::PeerWire)));
            if let Some(key) = whole_v2(&info) {
                tell(Fact::OtherKey { info_hash, key });
            }
        }
    }

    /// Files a piece; gives the whole dictionary when it was the last one.
    fn add(&self, info_hash: InfoHash, piece: u32, total: u32, bytes: &[u8]) -> Option<Vec<u8>> {
        let total = usize::try_from(total).ok().filter(|&t| t > 0 && t <= SIZE_MAX)?;
        let at = (piece as usize).checked_mul(PIECE).filter(|&at| at < total)?;
        if bytes.len() != PIECE.min(total - at) {
            return None;
        }
        let mut inner = self.inner.lock().ok()?;
        if inner.done.contains(&info_hash) {
            return None;
        }
        if !inner.torrents.contains_key(&info_hash) {
            while inner.torrents.len() >= TORRENTS || inner.bytes + bytes.len() > TOTAL_MAX {
                let oldest = inner.order.pop_front()?;
                let dropped = inner.torrents.remove(&oldest).map_or(0, |a| a.bytes);
                inner.bytes -= dropped;
            }
            inner.order.push_back(info_hash);
            inner.torrents.insert(info_hash, Assembly { total, ..Assembly::default() });
        }
        let assembly = inner.torrents.get_mut(&info_hash)?;
        if assembly.total != total || assembly.pieces.contains_key(&piece) {
            return None;
        }
        assembly.pieces.insert(piece, bytes.to_vec());
        assembly.bytes += bytes.len();
        let complete = assembly.bytes == total;
        inner.bytes += bytes.len();
        if !complete {
            return None;
        }
        let assembly = inner.torrents.remove(&info_hash)?;
        inner.order.retain(|h| *h != info_hash);
        inner.bytes -= assembly.bytes;
        let mut pieces: Vec<(u32, Vec<u8>)> = assembly.pieces.into_iter().collect();
        pieces.sort_unstable_by_key(|(n, _)| *n);
        Some(pieces.into_iter().flat_map(|(_, b)| b).collect())
    }
}

/// The whole v2 info-hash of a torrent that has one.
pub fn whole_v2(info: &metainfo::Info<'_>) -> Option<TorrentKey> {
    info.v2().map(|hash| TorrentKey::V2(InfoHashV2(hash)))
}

/// A verified info dictionary as a fact.
pub fn describe<'a>(
    info: &metainfo::Info<'a>,
    info_hash: InfoHash,
    v1: InfoHash,
    v2: Option<InfoHash>,
    channel: Channel,
) -> TorrentName<'a> {
    let hybrid = info.version == metainfo::Version::Hybrid;
    let other = if info_hash == v1 { v2 } else { Some(v1) };
    TorrentName {
        info_hash,
        also: other.filter(|_| hybrid),
        name: info.name,
        size: info.size,
        pieces: Some(info.pieces),
        piece_length: Some(info.piece_length),
        files: Some(info.files),
        private: info.private,
        channel,
        trust: NameTrust::Verified,
    }
}
