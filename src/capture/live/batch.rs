//! Packets copied out of the kernel's ring: the block they lay in goes back to the kernel while they are worked on.

use crate::base::Timestamp;

/// Most packets of a batch; with full frames it stays within a second-level cache.
pub(super) const PACKETS_MAX: usize = 64;

/// A packet of a batch, its bytes apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) at: Timestamp,
    pub(super) wire_len: u32,
    start: usize,
    len: usize,
}

/// Packets in the order they were read.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    records: Vec<Record>,
    next: usize,
}

impl Batch {
    /// Adds a packet at the end.
    pub(super) fn push(&mut self, at: Timestamp, wire_len: u32, data: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(data);
        self.records.push(Record { at, wire_len, start, len: data.len() });
    }

    /// The time of the next packet.
    pub(super) fn head(&self) -> Option<Timestamp> {
        self.records.get(self.next).map(|record| record.at)
    }

    /// Takes the next packet.
    pub(super) fn next(&mut self) -> Option<(Record, &[u8])> {
        let record = *self.records.get(self.next)?;
        self.next += 1;
        let data = self.bytes.get(record.start..)?.get(..record.len)?;
        Some((record, data))
    }

    /// Forgets all packets and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
        self.next = 0;
    }
}
