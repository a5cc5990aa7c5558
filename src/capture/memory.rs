//! Packets held in memory, as a source: scenes and tests.

use super::{CaptureError, LinkType, Origin, PacketSource, RawPacket, Read, SourceStatus};
use crate::base::Timestamp;

/// A packet that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedPacket {
    /// When it was captured.
    pub at: Timestamp,
    /// What its first header is.
    pub link: LinkType,
    /// The captured bytes.
    pub data: Vec<u8>,
    /// Its length on the wire, in bytes.
    pub wire_len: u32,
    /// Which [`Origin`] of the source it came from.
    pub origin: u16,
}

impl OwnedPacket {
    /// A packet captured whole, of the first origin.
    #[must_use]
    pub fn whole(at: Timestamp, link: LinkType, data: Vec<u8>) -> Self {
        let wire_len = u32::try_from(data.len()).unwrap_or(u32::MAX);
        Self { at, link, data, wire_len, origin: 0 }
    }

    /// The same packet, borrowed.
    #[must_use]
    pub fn borrowed(&self) -> RawPacket<'_> {
        let Self { at, link, ref data, wire_len, origin } = *self;
        RawPacket { at, link, data, wire_len, origin }
    }
}

impl From<RawPacket<'_>> for OwnedPacket {
    fn from(packet: RawPacket<'_>) -> Self {
        let RawPacket { at, link, data, wire_len, origin } = packet;
        Self { at, link, data: data.to_vec(), wire_len, origin }
    }
}

/// Yields the packets it was given, in that order.
///
/// ```
/// use swarmscope::base::Timestamp;
/// use swarmscope::capture::{LinkType, Memory, OwnedPacket, PacketSource, Read};
/// let packet = OwnedPacket::whole(Timestamp::from_secs(1), LinkType::ETHERNET, vec![0; 60]);
/// let mut source = Memory::new(vec![packet]);
/// assert!(matches!(source.next_packet(), Ok(Read::Packet(packet)) if packet.wire_len == 60));
/// assert!(matches!(source.next_packet(), Ok(Read::End)));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Memory {
    packets: Vec<OwnedPacket>,
    next: usize,
    status: SourceStatus,
}

impl Memory {
    /// A source of these packets, all of one unnamed origin.
    #[must_use]
    pub fn new(packets: Vec<OwnedPacket>) -> Self {
        Self::with_origins(packets, vec![Origin::default()])
    }

    /// A source of these packets; their `origin` indexes `origins`.
    #[must_use]
    pub fn with_origins(packets: Vec<OwnedPacket>, origins: Vec<Origin>) -> Self {
        let total = packets.iter().map(|packet| packet.data.len() as u64).sum();
        let status = SourceStatus { origins, bytes_total: Some(total), ..SourceStatus::default() };
        Self { packets, next: 0, status }
    }
}

impl PacketSource for Memory {
    fn next_packet(&mut self) -> Result<Read<'_>, CaptureError> {
        let Some(packet) = self.packets.get(self.next) else { return Ok(Read::End) };
        self.next += 1;
        self.status.bytes_read += packet.data.len() as u64;
        Ok(Read::Packet(packet.borrowed()))
    }

    fn status(&self) -> &SourceStatus {
        &self.status
    }
}
