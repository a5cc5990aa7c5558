//! The packed lists of KRPC responses: `nodes`, `nodes6` (BEP 5, BEP 32), `values` (BEP 5), `samples` (BEP 51).

use crate::base::{Endpoint, InfoHash, NodeId};
use crate::wire::bencode::List;

/// Entries kept of one list (R-LIM-1). A datagram can hold some 2,500 nodes; honest nodes send 8 nodes, 100 values.
pub const LISTED_MAX: usize = 200;

/// `nodes` with `N` = 26 or `nodes6` with `N` = 38: node id, address and port of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompactNodes<'a, const N: usize>(&'a [u8]);

impl<'a, const N: usize> CompactNodes<'a, N> {
    /// `None` when the length is no multiple of an entry's (R-DHT-4).
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        bytes.len().is_multiple_of(N).then_some(Self(bytes))
    }

    /// How many nodes are listed.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len() / N
    }

    /// Whether none is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes.
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        self.0
    }

    /// The first [`LISTED_MAX`] nodes.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, Endpoint)> + use<'a, N> {
        self.0.chunks_exact(N).take(LISTED_MAX).filter_map(|entry| {
            let (id, at) = entry.split_first_chunk::<20>()?;
            Some((NodeId(*id), endpoint(at)?))
        })
    }
}

/// `values`: a list of strings, each one endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Values<'a>(Option<List<'a>>);

impl<'a> Values<'a> {
    /// Of a validated list.
    #[must_use]
    pub const fn new(list: List<'a>) -> Self {
        Self(Some(list))
    }

    /// The first [`LISTED_MAX`] peers, IPv4 or IPv6 by the length of each.
    pub fn iter(&self) -> impl Iterator<Item = Endpoint> + use<'a> {
        self.members().flatten()
    }

    /// How many [`Self::iter`] gives.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether no peer is listed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Whether a member is no endpoint.
    pub(super) fn has_odd(&self) -> bool {
        self.members().any(|m| m.is_none())
    }

    fn members(&self) -> impl Iterator<Item = Option<Endpoint>> + use<'a> {
        self.0.into_iter().flat_map(|list| list.items()).take(LISTED_MAX).map(|v| endpoint(v.as_bytes()?))
    }
}

/// `samples`: info-hashes that a node stores peers of (BEP 51).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Samples<'a>(&'a [u8]);

impl<'a> Samples<'a> {
    /// `None` when the length is no multiple of 20.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        bytes.len().is_multiple_of(20).then_some(Self(bytes))
    }

    /// How many info-hashes are listed.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len() / 20
    }

    /// Whether none is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first [`LISTED_MAX`] info-hashes.
    pub fn iter(&self) -> impl Iterator<Item = InfoHash> + use<'a> {
        self.0.chunks_exact(20).take(LISTED_MAX).filter_map(InfoHash::from_slice)
    }
}

/// An endpoint of 6 bytes (BEP 23) or 18 (BEP 7).
pub(super) fn endpoint(bytes: &[u8]) -> Option<Endpoint> {
    let v4 = bytes.try_into().map(Endpoint::from_compact4);
    v4.or_else(|_| bytes.try_into().map(Endpoint::from_compact6)).ok()
}
