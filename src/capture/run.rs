//! Packets that are lent together, so that whoever reads can look the second one up while memory answers for the first.

use super::RawPacket;
use super::reader::Record;
use super::window::Window;
use crate::base::Timestamp;

/// Most packets of a run: enough to wait for memory once instead of each time, few enough to stay in the first cache.
pub const RUN: usize = 32;

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

/// The packets of a [`Run`], in order.
pub struct Packets<'a>(Lent<'a>);

enum Lent<'a> {
    One(Option<RawPacket<'a>>),
    Window(&'a Window, std::slice::Iter<'a, (Record, u16)>),
}

impl<'a> Packets<'a> {
    /// Records that all lie in this window still, each with its origin.
    pub(super) fn in_window(window: &'a Window, records: &'a [(Record, u16)]) -> Self {
        Self(Lent::Window(window, records.iter()))
    }
}

impl std::fmt::Debug for Packets<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let left = match &self.0 {
            Lent::One(packet) => usize::from(packet.is_some()),
            Lent::Window(_, records) => records.len(),
        };
        f.debug_tuple("Packets").field(&left).finish()
    }
}

impl<'a> From<RawPacket<'a>> for Packets<'a> {
    fn from(packet: RawPacket<'a>) -> Self {
        Self(Lent::One(Some(packet)))
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = RawPacket<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<RawPacket<'a>> {
        match &mut self.0 {
            Lent::One(packet) => packet.take(),
            Lent::Window(window, records) => {
                records.next().map(|(record, origin)| record.packet(window, *origin))
            }
        }
    }
}
