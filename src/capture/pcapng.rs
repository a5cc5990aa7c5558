//! Reads the pcapng format (draft-ietf-opsawg-pcapng, "PCAP Next Generation Capture File Format").
//!
//! A file is a row of blocks, each with its length before and behind. A block whose length is sane but whose contents
//! are not is left out and noted; a block whose length is not ends the file, for nothing marks where the next begins.

use super::LinkType;
use super::pcapng_interface::{self as interface, Description};
use super::reader::{Fault, Interface, MAX_PACKET_LEN, Record, Step};
use super::window::Window;
use crate::base::Timestamp;

/// Block type of a section header (section 4.1); the same in either byte order.
pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
/// Section 4.2.
const INTERFACE_DESCRIPTION: u32 = 1;
/// Obsolete (appendix A), written by early Wireshark.
const PACKET: u32 = 2;
/// Section 4.4.
const SIMPLE_PACKET: u32 = 3;
/// Section 4.3.
const ENHANCED_PACKET: u32 = 6;

/// Block type and both lengths, in bytes: the shortest block.
const FRAMING_LEN: u32 = 12;
/// Type and length, in bytes.
const BLOCK_HEADER_LEN: usize = 8;
/// The length behind, in bytes.
const TRAILER_LEN: usize = 4;
/// Longest block believed, in bytes.
const BLOCK_LEN_MAX: u32 = 16 << 20;
/// Longest section header or interface description looked into, in bytes.
const DESCRIPTION_LEN_MAX: u32 = 1 << 20;
/// Longest packet block looked into, in bytes: the longest packet, and options of the longest kind.
const PACKET_BLOCK_LEN_MAX: u32 = MAX_PACKET_LEN as u32 + 64 * 1024;
/// Most interfaces of a section.
const INTERFACES_MAX: usize = 65_536;

/// The byte order of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Big,
    Little,
}

impl Order {
    /// From the byte-order magic of a section header.
    const fn of(magic: [u8; 4]) -> Option<Self> {
        match magic {
            [0x1a, 0x2b, 0x3c, 0x4d] => Some(Self::Big),
            [0x4d, 0x3c, 0x2b, 0x1a] => Some(Self::Little),
            _ => None,
        }
    }

    #[inline]
    pub(super) const fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Big => u32::from_be_bytes(bytes),
            Self::Little => u32::from_le_bytes(bytes),
        }
    }

    #[inline]
    pub(super) const fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Big => u16::from_be_bytes(bytes),
            Self::Little => u16::from_le_bytes(bytes),
        }
    }
}

/// Reads the blocks of one file.
pub(super) struct Reader {
    order: Order,
    interfaces: Vec<Description>,
    last: Timestamp,
    done: bool,
}

/// What a packet block says before its data.
struct PacketHeader {
    interface: usize,
    /// In the interface's units; a simple packet has none.
    ticks: Option<u64>,
    captured_len: u32,
    original_len: u32,
    /// Bytes of the body before the data.
    len: usize,
}

/// Why the loop over blocks stops.
enum Stop {
    /// The block is left out; the next follows.
    Skipped(Fault),
    /// Nothing can be read after this.
    Fatal(Fault),
}

impl Reader {
    /// Begins at the first section header, which is read like any other by the first step.
    pub(super) fn open(window: &mut Window) -> Result<Self, Fault> {
        let order = Self::section_order(window)?;
        Ok(Self { order, interfaces: Vec::new(), last: Timestamp(0), done: false })
    }

    pub(super) fn interface(&mut self, index: usize) -> Option<&mut Interface> {
        self.interfaces.get_mut(index).map(|description| &mut description.interface)
    }

    /// The next packet or damage.
    pub(super) fn step(&mut self, window: &mut Window) -> Step {
        if self.done {
            return Step::End;
        }
        loop {
            match self.block(window) {
                Ok(Some(record)) => return Step::Packet(record),
                Ok(None) if self.done => return Step::End,
                Ok(None) => {}
                Err(Stop::Skipped(fault)) => return Step::Damage(fault),
                Err(Stop::Fatal(fault)) => {
                    self.done = true;
                    return Step::Damage(fault);
                }
            }
        }
    }

    /// See [`Reader::at_hand`](super::reader::Reader::at_hand).
    #[inline]
    pub(super) fn at_hand(&mut self, ahead: &[u8]) -> Option<(Record, usize)> {
        let (kind, len) = ahead.get(..BLOCK_HEADER_LEN).and_then(halves)?;
        let (kind, len) = (self.order.u32(kind), self.order.u32(len));
        let is_packet = matches!(kind, ENHANCED_PACKET | PACKET | SIMPLE_PACKET);
        if self.done || !is_packet || len > PACKET_BLOCK_LEN_MAX || !len.is_multiple_of(4) {
            return None;
        }
        let size = usize::try_from(len).ok()?;
        let (body, trailer) = ahead.get(BLOCK_HEADER_LEN..size)?.split_last_chunk::<TRAILER_LEN>()?;
        let packet = self.packet_header(kind, body).ok().filter(|_| self.order.u32(*trailer) == len)?;
        Some((self.record(&packet, BLOCK_HEADER_LEN)?, size))
    }

    /// Reads one block; a packet if it holds one.
    #[inline]
    fn block(&mut self, window: &mut Window) -> Result<Option<Record>, Stop> {
        let offset = window.offset();
        let Some((kind, len)) = window.ahead(BLOCK_HEADER_LEN).and_then(halves) else {
            self.done = true;
            if window.buffered().is_empty() && window.failure().is_none() {
                return Ok(None);
            }
            let need = u64::from(FRAMING_LEN);
            return Err(Stop::Fatal(Fault::cut(window, offset, "a block header", need)));
        };
        let kind = self.order.u32(kind);
        if kind == SECTION_HEADER {
            self.order = Self::section_order(window).map_err(Stop::Fatal)?;
        }
        let len = self.order.u32(len);
        if !(FRAMING_LEN..=BLOCK_LEN_MAX).contains(&len) || !len.is_multiple_of(4) {
            let reason = format!(
                "block of type {kind:#x} is {len} bytes long; a multiple of 4 from 12 to {BLOCK_LEN_MAX} is possible"
            );
            return Err(Stop::Fatal(Fault::new(offset, reason)));
        }
        let looked_into = match kind {
            SECTION_HEADER | INTERFACE_DESCRIPTION => len <= DESCRIPTION_LEN_MAX,
            ENHANCED_PACKET | PACKET | SIMPLE_PACKET => len <= PACKET_BLOCK_LEN_MAX,
            _ => return self.pass_over(window, offset, len).map(|()| None),
        };
        if !looked_into {
            self.pass_over(window, offset, len)?;
            let reason = format!("block of type {kind:#x} is too long: {len} bytes");
            return Err(Stop::Skipped(Fault::new(offset, reason)));
        }
        self.look_into(window, offset, kind, len)
    }

    fn look_into(
        &mut self,
        window: &mut Window,
        offset: u64,
        kind: u32,
        len: u32,
    ) -> Result<Option<Record>, Stop> {
        let size = usize::try_from(len).unwrap_or(usize::MAX);
        let Some(block) = window.ahead(size) else { return Err(cut(window, offset, len)) };
        let (body, trailer) = block
            .get(BLOCK_HEADER_LEN..)
            .and_then(|rest| rest.split_last_chunk::<TRAILER_LEN>())
            .ok_or_else(|| Stop::Fatal(Fault::new(offset, "block without a body")))?;
        let trailer = self.order.u32(*trailer);
        let found = match kind {
            SECTION_HEADER => self.section(body).map(|()| None),
            INTERFACE_DESCRIPTION => self.describe(body).map(|()| None),
            _ => self.packet_header(kind, body).map(Some),
        };
        let start = window.consume_seen(size) + BLOCK_HEADER_LEN;
        if trailer != len {
            return Err(Stop::Skipped(mismatch(offset, len, trailer)));
        }
        match found {
            Ok(Some(packet)) => {
                window.packet_seen();
                Ok(self.record(&packet, start))
            }
            Ok(None) => Ok(None),
            Err(reason) => {
                let fault = Fault::new(offset, reason);
                Err(if kind == SECTION_HEADER { Stop::Fatal(fault) } else { Stop::Skipped(fault) })
            }
        }
    }

    /// Consumes a block of no interest, however long, without keeping it.
    fn pass_over(&mut self, window: &mut Window, offset: u64, len: u32) -> Result<(), Stop> {
        if !window.skip(u64::from(len) - TRAILER_LEN as u64) {
            return Err(cut(window, offset, len));
        }
        let Some(trailer) = window.ahead(TRAILER_LEN).and_then(|bytes| bytes.first_chunk::<4>().copied())
        else {
            return Err(cut(window, offset, len));
        };
        window.consume_seen(TRAILER_LEN);
        let trailer = self.order.u32(trailer);
        if trailer == len { Ok(()) } else { Err(Stop::Skipped(mismatch(offset, len, trailer))) }
    }

    /// The byte order of the section whose header lies ahead.
    fn section_order(window: &mut Window) -> Result<Order, Fault> {
        let offset = window.offset();
        let magic = window.ahead(12).and_then(|bytes| bytes.last_chunk::<4>().copied());
        let Some(magic) = magic else {
            return Err(Fault::cut(window, offset, "a section header", 28));
        };
        Order::of(magic).ok_or_else(|| {
            Fault::new(
                offset,
                format!("section header with byte-order magic {:#010x}", u32::from_be_bytes(magic)),
            )
        })
    }

    /// Section header: byte-order magic, major and minor version, section length, options.
    fn section(&mut self, body: &[u8]) -> Result<(), String> {
        self.interfaces.clear();
        let version = body.get(4..6).and_then(|bytes| bytes.first_chunk::<2>());
        match version.map(|major| self.order.u16(*major)) {
            None => Err("section header without a version".to_owned()),
            Some(1) => Ok(()),
            Some(major) => Err(format!("pcapng version {major} is not supported")),
        }
    }

    /// Interface description. One that is damaged still takes its number, so that packets of later ones find theirs.
    fn describe(&mut self, body: &[u8]) -> Result<(), String> {
        if self.interfaces.len() >= INTERFACES_MAX {
            return Err(format!("more than {INTERFACES_MAX} interfaces"));
        }
        let (description, fault) = interface::read(body, self.order);
        self.interfaces.push(description);
        fault.map_or(Ok(()), Err)
    }

    #[inline]
    fn packet_header(&self, kind: u32, body: &[u8]) -> Result<PacketHeader, String> {
        let mut packet = match kind {
            SIMPLE_PACKET => simple_packet(body, self.order),
            _ => stamped_packet(body, self.order, kind == PACKET),
        }
        .ok_or_else(|| format!("packet block with a body of {} bytes", body.len()))?;
        let Some(description) = self.interfaces.get(packet.interface) else {
            let (index, count) = (packet.interface, self.interfaces.len());
            return Err(format!("packet of interface {index}; the section has described {count}"));
        };
        let room = u32::try_from(body.len().saturating_sub(packet.len)).unwrap_or(u32::MAX);
        if kind == SIMPLE_PACKET {
            packet.captured_len = packet.original_len.min(description.snap_len).min(room);
        }
        if packet.captured_len > room {
            return Err(format!("packet of {} captured bytes in a block for {room}", packet.captured_len));
        }
        Ok(packet)
    }

    /// `start` is where in the window the body begins.
    #[inline]
    fn record(&mut self, packet: &PacketHeader, start: usize) -> Option<Record> {
        let description = self.interfaces.get(packet.interface)?;
        // A simple packet has no time of its own: that of the packet before it is the best guess.
        let at = packet.ticks.map_or(self.last, |ticks| description.clock.at(ticks));
        self.last = at;
        Some(Record {
            at,
            link: LinkType(description.link),
            wire_len: packet.original_len.max(packet.captured_len),
            start: start + packet.len,
            len: usize::try_from(packet.captured_len).ok()?,
            interface: packet.interface,
            normalised: packet.captured_len > packet.original_len
                || packet.captured_len > description.snap_len,
        })
    }
}

/// Simple packet: original length, data.
fn simple_packet(body: &[u8], order: Order) -> Option<PacketHeader> {
    let original_len = order.u32(*body.first_chunk::<4>()?);
    Some(PacketHeader { interface: 0, ticks: None, captured_len: 0, original_len, len: 4 })
}

/// Enhanced packet: interface, time (high, low), captured and original length, data, options. The obsolete packet
/// differs in its first four bytes: a 16-bit interface and a count of drops.
#[inline]
fn stamped_packet(body: &[u8], order: Order, obsolete: bool) -> Option<PacketHeader> {
    let (interface, rest) = body.split_first_chunk::<4>()?;
    let (high, rest) = rest.split_first_chunk::<4>()?;
    let (low, rest) = rest.split_first_chunk::<4>()?;
    let (captured_len, rest) = rest.split_first_chunk::<4>()?;
    let (original_len, _) = rest.split_first_chunk::<4>()?;
    let interface = match (obsolete, interface) {
        (true, [a, b, _, _]) => u32::from(order.u16([*a, *b])),
        (false, whole) => order.u32(*whole),
    };
    Some(PacketHeader {
        interface: usize::try_from(interface).ok()?,
        ticks: Some(u64::from(order.u32(*high)) << 32 | u64::from(order.u32(*low))),
        captured_len: order.u32(*captured_len),
        original_len: order.u32(*original_len),
        len: 20,
    })
}

fn halves(bytes: &[u8]) -> Option<([u8; 4], [u8; 4])> {
    Some((*bytes.first_chunk::<4>()?, *bytes.last_chunk::<4>()?))
}

fn cut(window: &Window, offset: u64, len: u32) -> Stop {
    Stop::Fatal(Fault::cut(window, offset, "a block", u64::from(len)))
}

fn mismatch(offset: u64, len: u32, trailer: u32) -> Fault {
    Fault::new(offset, format!("block length is {len} before the block and {trailer} behind it"))
}
