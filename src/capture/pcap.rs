//! Reads the classic pcap format (draft-ietf-opsawg-pcap, "PCAP Capture File Format"; `pcap-savefile(5)`).
//!
//! This is the hot path of `analyze`: one bounds check for a record's header, one for its data, no copy. Lengths that
//! contradict each other are what some writers produce; they are put right and counted rather than refused.

use super::LinkType;
use super::reader::{FILE_HEADER_LEN, Fault, Interface, MAX_PACKET_LEN, Record, Step};
use super::resync::{self, Plausible};
use super::window::Window;
use crate::base::Timestamp;

/// Length of a record header, in bytes.
const RECORD_HEADER_LEN: usize = 16;
/// The same in the modified format, which adds interface index, protocol and packet type.
const MODIFIED_RECORD_HEADER_LEN: usize = 24;

/// What the magic number says of the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Variant {
    pub(super) big_endian: bool,
    /// Nanoseconds in one unit of a record's fraction of a second.
    pub(super) fraction_unit: i64,
    pub(super) record_header_len: usize,
}

impl Variant {
    /// The variant with this magic number at its beginning.
    pub(super) const fn of(magic: [u8; 4]) -> Option<Self> {
        let (big_endian, fraction_unit, record_header_len) = match magic {
            [0xd4, 0xc3, 0xb2, 0xa1] => (false, 1_000, RECORD_HEADER_LEN),
            [0xa1, 0xb2, 0xc3, 0xd4] => (true, 1_000, RECORD_HEADER_LEN),
            [0x4d, 0x3c, 0xb2, 0xa1] => (false, 1, RECORD_HEADER_LEN),
            [0xa1, 0xb2, 0x3c, 0x4d] => (true, 1, RECORD_HEADER_LEN),
            // Alexey Kuznetzov's modified libpcap; Suricata's test captures from macOS use it.
            [0x34, 0xcd, 0xb2, 0xa1] => (false, 1_000, MODIFIED_RECORD_HEADER_LEN),
            [0xa1, 0xb2, 0xcd, 0x34] => (true, 1_000, MODIFIED_RECORD_HEADER_LEN),
            _ => return None,
        };
        Some(Self { big_endian, fraction_unit, record_header_len })
    }

    #[inline]
    const fn u32(self, bytes: [u8; 4]) -> u32 {
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    const fn u16(self, bytes: [u8; 2]) -> u16 {
        if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }
}

/// A record's header, fields in wire order.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordHeader {
    secs: u32,
    fraction: u32,
    pub(super) captured_len: u32,
    pub(super) original_len: u32,
}

impl RecordHeader {
    #[inline]
    pub(super) fn read(bytes: &[u8], variant: Variant) -> Option<Self> {
        let ([secs, fraction, captured_len, original_len], _) =
            bytes.first_chunk::<RECORD_HEADER_LEN>()?.as_chunks::<4>()
        else {
            return None;
        };
        Some(Self {
            secs: variant.u32(*secs),
            fraction: variant.u32(*fraction),
            captured_len: variant.u32(*captured_len),
            original_len: variant.u32(*original_len),
        })
    }

    /// Seconds are unsigned: they reach 2106. A fraction of a second or more is carried over.
    #[inline]
    pub(super) fn at(self, variant: Variant) -> Timestamp {
        Timestamp(i64::from(self.secs) * 1_000_000_000 + i64::from(self.fraction) * variant.fraction_unit)
    }

    #[inline]
    pub(super) fn has_proper_fraction(self, variant: Variant) -> bool {
        i64::from(self.fraction) * variant.fraction_unit < 1_000_000_000
    }
}

/// In which order the two lengths of a record stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lengths {
    /// Captured, original: version 2.4.
    Usual,
    /// Original, captured: before version 2.3.
    Swapped,
    /// Version 2.3 did both; the smaller is the captured one.
    SmallerFirst,
}

/// Reads the records of one file.
pub(super) struct Reader {
    variant: Variant,
    lengths: Lengths,
    link: LinkType,
    snap_len: u32,
    interface: Interface,
    last: Option<Timestamp>,
    done: bool,
}

impl Reader {
    /// Reads the file header.
    pub(super) fn open(window: &mut Window, variant: Variant) -> Result<Self, Fault> {
        let Some(header) = window.ahead(FILE_HEADER_LEN) else {
            return Err(Fault::cut(window, 0, "the file header", FILE_HEADER_LEN as u64));
        };
        let header = FileHeader::read(header, variant).ok_or_else(|| Fault::new(0, "bad file header"))?;
        window.consume_seen(FILE_HEADER_LEN);
        // Bits above are the length of a frame check sequence and whether it is known.
        let number = header.link & 0x03ff_ffff;
        let link = u16::try_from(number)
            .map_err(|_| Fault::new(20, format!("link type {number} is not supported")))?;
        let lengths = match header.minor {
            0..3 => Lengths::Swapped,
            3 => Lengths::SmallerFirst,
            _ => Lengths::Usual,
        };
        Ok(Self {
            variant,
            lengths,
            link: LinkType(link),
            snap_len: if header.snap_len == 0 { u32::MAX } else { header.snap_len },
            interface: Interface::default(),
            last: None,
            done: false,
        })
    }

    pub(super) fn interface(&mut self) -> &mut Interface {
        &mut self.interface
    }

    /// The next record, or why there is none.
    pub(super) fn step(&mut self, window: &mut Window) -> Step {
        let header_len = self.variant.record_header_len;
        let header = window.ahead(header_len).and_then(|bytes| RecordHeader::read(bytes, self.variant));
        let Some(header) = header else { return self.end(window) };
        let (captured_len, _) = self.ordered(header.captured_len, header.original_len);
        let len = usize::try_from(captured_len).unwrap_or(usize::MAX);
        if len > MAX_PACKET_LEN {
            return self.lost(window, captured_len);
        }
        if window.ahead(header_len + len).is_none() {
            return self.cut(window, (header_len + len) as u64);
        }
        match self.at_hand(window.buffered()) {
            Some((record, len)) => Step::Packet(record.consume(len, window)),
            None => self.end(window),
        }
    }

    /// See [`Reader::at_hand`](super::reader::Reader::at_hand).
    #[inline(always)]
    pub(super) fn at_hand(&mut self, ahead: &[u8]) -> Option<(Record, usize)> {
        let header = RecordHeader::read(ahead, self.variant)?;
        let (captured_len, original_len) = self.ordered(header.captured_len, header.original_len);
        let (start, len) = (self.variant.record_header_len, usize::try_from(captured_len).ok()?);
        if len > MAX_PACKET_LEN || ahead.len() < start + len {
            return None;
        }
        let at = header.at(self.variant);
        self.last = Some(at);
        let record = Record {
            at,
            link: self.link,
            wire_len: original_len.max(captured_len),
            start,
            len,
            interface: 0,
            normalised: captured_len > original_len
                || captured_len > self.snap_len
                || !header.has_proper_fraction(self.variant),
        };
        Some((record, start + len))
    }

    #[inline]
    fn ordered(&self, captured: u32, original: u32) -> (u32, u32) {
        match self.lengths {
            Lengths::Usual => (captured, original),
            Lengths::Swapped => (original, captured),
            Lengths::SmallerFirst => (captured.min(original), captured.max(original)),
        }
    }

    #[cold]
    fn end(&mut self, window: &Window) -> Step {
        if self.done {
            return Step::End;
        }
        self.done = true;
        if window.buffered().is_empty() && window.failure().is_none() {
            return Step::End;
        }
        let need = self.variant.record_header_len as u64;
        Step::Damage(Fault::cut(window, window.offset(), "a record header", need))
    }

    #[cold]
    fn cut(&mut self, window: &mut Window, need: u64) -> Step {
        self.done = true;
        let fault = Fault::cut(window, window.offset(), "a packet", need);
        window.stop();
        Step::Damage(fault)
    }

    /// A record that no writer can have meant: looks for the next one that makes sense.
    #[cold]
    fn lost(&mut self, window: &mut Window, captured_len: u32) -> Step {
        let offset = window.offset();
        let what = format!("record of {captured_len} captured bytes, at most {MAX_PACKET_LEN} are possible");
        let plausible = Plausible { variant: self.variant, snap_len: self.snap_len, last: self.last };
        let found = if self.lengths == Lengths::Usual { resync::find(window, plausible) } else { None };
        match found {
            Some(distance) => {
                window.consume_seen(distance);
                Step::Damage(Fault::new(offset, format!("{what}; resumed {distance} bytes later")))
            }
            None => {
                self.done = true;
                window.stop();
                let scanned = resync::SCAN;
                Step::Damage(Fault::new(
                    offset,
                    format!("{what}; no record found in {scanned} bytes after it"),
                ))
            }
        }
    }
}

/// The file header, fields in wire order.
struct FileHeader {
    minor: u16,
    snap_len: u32,
    link: u32,
}

impl FileHeader {
    fn read(bytes: &[u8], variant: Variant) -> Option<Self> {
        let (_magic, rest) = bytes.split_first_chunk::<4>()?;
        let (_major, rest) = rest.split_first_chunk::<2>()?;
        let (minor, rest) = rest.split_first_chunk::<2>()?;
        let (_zone, rest) = rest.split_first_chunk::<4>()?;
        let (_accuracy, rest) = rest.split_first_chunk::<4>()?;
        let (snap_len, rest) = rest.split_first_chunk::<4>()?;
        let (link, _) = rest.split_first_chunk::<4>()?;
        Some(Self { minor: variant.u16(*minor), snap_len: variant.u32(*snap_len), link: variant.u32(*link) })
    }
}
