//! A stretch of a packet: the bytes that were captured, and how long it was on the wire.

/// The part of a packet that is still to be parsed. `wire` is never less than `bytes.len()`.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    /// What was captured of it.
    pub(super) bytes: &'a [u8],
    /// Its length on the wire, in bytes.
    pub(super) wire: u32,
}

impl<'a> View<'a> {
    /// A whole packet. Some writers put a wire length below the captured one; the captured bytes are believed.
    #[inline(always)]
    pub(super) fn new(bytes: &'a [u8], wire: u32) -> Self {
        Self { bytes, wire: wire.max(u32::try_from(bytes.len()).unwrap_or(u32::MAX)) }
    }

    /// The next `N` bytes, or `None` when fewer were captured.
    #[inline(always)]
    pub(super) fn take<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (head, rest) = self.bytes.split_first_chunk::<N>()?;
        self.bytes = rest;
        self.wire = self.wire.saturating_sub(N as u32);
        Some(head)
    }

    /// The next `n` bytes as a slice, or `None` when fewer were captured.
    pub(super) fn take_slice(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.bytes.split_at_checked(n)?;
        self.bytes = rest;
        self.wire = self.wire.saturating_sub(u32::try_from(n).unwrap_or(u32::MAX));
        Some(head)
    }

    /// Cuts off whatever lies beyond `wire` bytes: padding, trailers.
    #[inline(always)]
    pub(super) fn limit(&mut self, wire: u32) {
        if wire < self.wire {
            self.wire = wire;
            self.bytes = self.bytes.get(..wire as usize).unwrap_or(self.bytes);
        }
    }

    /// The four bits that tell the IP version.
    #[inline]
    pub(super) fn nibble(&self) -> Option<u8> {
        self.bytes.first().map(|b| b >> 4)
    }
}

/// Eight bytes of a fixed header in one load, as a number for digests.
#[inline(always)]
pub(super) fn word<const N: usize>(header: &[u8; N], at: usize) -> u64 {
    header.get(at..).and_then(|h| h.first_chunk()).map_or(0, |h| u64::from_le_bytes(*h))
}

/// The big-endian number at an offset of a fixed header.
#[inline]
pub(super) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|b| u16::from_be_bytes(*b))
}
