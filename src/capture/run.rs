//! Packets that are lent together, so that whoever reads can look the second one up while memory answers for the first.

use super::RawPacket;
use super::reader::Reader;
use crate::base::Timestamp;
use std::fmt;
use std::ops::RangeInclusive;

/// Most packets of a run: enough to wait for memory once instead of each time, few enough to stay in the first cache.
pub const RUN: usize = 64;

/// The answer of [`PacketSource::next_run`](super::PacketSource::next_run).
#[derive(Debug)]
pub enum Run<'a> {
    /// One packet or several.
    Packets(Packets<'a>),
    /// As [`Read::Idle`](super::Read::Idle).
    Idle(Timestamp),
    /// The source is exhausted.
    End,
}

/// The packets of a [`Run`], in order. One that was not taken out comes with the next run.
pub struct Packets<'a>(Lent<'a>);

enum Lent<'a> {
    One(Option<RawPacket<'a>>),
    Several(Several<'a>),
}

/// Packets of a file, read as they are asked for: where a record begins is known only when the length of the one before has
/// come from memory, which it does while that is decoded. Measured: some 4 % of the time of a mixed trace.
pub(super) struct Several<'a> {
    pub(super) first: Option<RawPacket<'a>>,
    /// Packets that may still be lent behind the first.
    pub(super) left: usize,
    /// The window's bytes behind the first, and where in the window they begin.
    pub(super) ahead: &'a [u8],
    pub(super) start: &'a mut usize,
    pub(super) reader: &'a mut Reader,
    /// The packet times that are wanted.
    pub(super) wanted: &'a RangeInclusive<Timestamp>,
    /// From here on something is due.
    pub(super) until: Timestamp,
    pub(super) normalised: &'a mut u64,
}

impl<'a> Several<'a> {
    /// The next packet, as long as it is ordinary and in memory.
    #[inline(always)]
    fn next(&mut self) -> Option<RawPacket<'a>> {
        let packet = match self.first.take() {
            Some(first) => first,
            None => self.read()?,
        };
        if packet.at >= self.until {
            self.left = 0;
        }
        Some(packet)
    }

    #[inline(always)]
    fn read(&mut self) -> Option<RawPacket<'a>> {
        self.left = self.left.checked_sub(1)?;
        let (record, len) = self.reader.at_hand(self.ahead)?;
        let origin = self.reader.interface(record.interface)?.origin?;
        if !self.wanted.contains(&record.at) {
            return None;
        }
        let packet = record.packet(self.ahead, origin);
        self.ahead = self.ahead.get(len..)?;
        *self.start += len;
        *self.normalised += u64::from(record.normalised);
        Some(packet)
    }
}

impl<'a> From<RawPacket<'a>> for Packets<'a> {
    fn from(packet: RawPacket<'a>) -> Self {
        Self(Lent::One(Some(packet)))
    }
}

impl<'a> From<Several<'a>> for Packets<'a> {
    fn from(several: Several<'a>) -> Self {
        Self(Lent::Several(several))
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = RawPacket<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<RawPacket<'a>> {
        match &mut self.0 {
            Lent::One(packet) => packet.take(),
            Lent::Several(several) => several.next(),
        }
    }
}

impl fmt::Debug for Packets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packets").finish_non_exhaustive()
    }
}
