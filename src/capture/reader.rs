//! What the file readers have in common: the record they hand on, and the choice between them by magic number.

use super::window::{ExpansionLimit, Window};
use super::{LinkType, RawPacket, pcap, pcapng};
use crate::base::Timestamp;
use flate2::bufread::MultiGzDecoder;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Longest packet a file may hold, in bytes: libpcap's 256 KiB and some slack for pseudo-headers.
pub(super) const MAX_PACKET_LEN: usize = 256 * 1024 + 4_096;

/// Length of a pcap file header, in bytes; what an empty file lacks.
pub(super) const FILE_HEADER_LEN: usize = 24;

/// Window size of a zstd frame, as a power of two: 128 MiB. Frames made with `--ultra --long=28` or more are refused.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// One packet, its data still in the [`Window`] at `start..start + len`, or in bytes of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) at: Timestamp,
    pub(super) link: LinkType,
    pub(super) wire_len: u32,
    pub(super) start: usize,
    pub(super) len: usize,
    /// Which interface of the file; see [`Reader::interface`].
    pub(super) interface: usize,
    /// Whether a field contradicted another and was put right.
    pub(super) normalised: bool,
}

impl Record {
    /// The packet, of the bytes that `start` counts in.
    #[inline(always)]
    pub(super) fn packet<'a>(&self, bytes: &'a [u8], origin: u16) -> RawPacket<'a> {
        let Self { at, link, wire_len, start, len, .. } = *self;
        RawPacket { at, link, data: bytes.get(start..start + len).unwrap_or_default(), wire_len, origin }
    }

    /// Consumes the record, which lies ahead in the window and is so long; `start` counts in the window from now on.
    pub(super) fn consume(self, len: usize, window: &mut Window) -> Self {
        let at = window.consume_seen(len);
        window.packet_seen();
        Self { start: at + self.start, ..self }
    }
}

/// What a reader finds next.
#[derive(Debug)]
pub(super) enum Step {
    Packet(Record),
    /// Something unreadable. There may be more behind it.
    Damage(Fault),
    End,
}

/// Something unreadable in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Offset in the decompressed stream.
    pub(super) offset: u64,
    pub(super) reason: String,
}

impl Fault {
    pub(super) fn new(offset: u64, reason: impl Into<String>) -> Self {
        Self { offset, reason: reason.into() }
    }

    /// The stream ended inside something that begins at `offset`: by its own failure, or because the file is cut.
    pub(super) fn cut(window: &Window, offset: u64, what: &str, need: u64) -> Self {
        match window.failure() {
            Some((offset, reason)) => Self { offset, reason },
            None => {
                let have = (window.offset() + window.buffered().len() as u64).saturating_sub(offset);
                Self::new(offset, format!("cut in {what}: {need} bytes needed, {have} present"))
            }
        }
    }
}

/// An interface that a file names, and the index of its origin once a packet has come from it.
#[derive(Clone, Debug, Default)]
pub(super) struct Interface {
    pub(super) name: Option<String>,
    pub(super) origin: Option<u16>,
}

/// A reader of one of the two formats.
pub(super) enum Reader {
    Pcap(pcap::Reader),
    Pcapng(pcapng::Reader),
}

impl Reader {
    /// The next packet, damage, or the end.
    pub(super) fn step(&mut self, window: &mut Window) -> Step {
        match self {
            Self::Pcap(reader) => reader.step(window),
            Self::Pcapng(reader) => reader.step(window),
        }
    }

    /// The record that begins the bytes that were read already, and its whole length; `start` counts in those. `None` where
    /// they do not hold all of it, or something is odd about it: then [`Self::step`] is to be asked.
    #[inline(always)]
    pub(super) fn at_hand(&mut self, ahead: &[u8]) -> Option<(Record, usize)> {
        match self {
            Self::Pcap(reader) => reader.at_hand(ahead),
            Self::Pcapng(reader) => reader.at_hand(ahead),
        }
    }

    /// The interface of a record just read.
    #[inline]
    pub(super) fn interface(&mut self, index: usize) -> Option<&mut Interface> {
        match self {
            Self::Pcap(reader) => Some(reader.interface()),
            Self::Pcapng(reader) => reader.interface(index),
        }
    }
}

/// Puts the right window and reader on a byte stream, taking gzip and zstd off. What is taken from the stream is
/// counted in `input`; `buf` is a buffer to recycle.
pub(super) fn open_stream(
    source: Box<dyn Read + Send>,
    input: Arc<AtomicU64>,
    buf: Vec<u8>,
    limit: ExpansionLimit,
) -> Result<(Window, Reader), Fault> {
    let mut window = Window::file(source, buf, Arc::clone(&input));
    let decoder: Box<dyn Read + Send> = match window.ahead(4) {
        Some([0x1f, 0x8b, ..]) => Box::new(MultiGzDecoder::new(window)),
        // A frame, or the skippable frame (RFC 8878, section 3.1.2) that parallel compressors write first.
        Some([0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18]) => {
            Box::new(zstd_decoder(window).map_err(|error| Fault::new(0, format!("zstd: {error}")))?)
        }
        _ => {
            let reader = choose(&mut window)?;
            return Ok((window, reader));
        }
    };
    let mut window = Window::expanded(decoder, input, limit);
    let reader = choose(&mut window)?;
    Ok((window, reader))
}

fn zstd_decoder(window: Window) -> io::Result<zstd::Decoder<'static, Window>> {
    let mut decoder = zstd::Decoder::with_buffer(window)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    Ok(decoder)
}

fn choose(window: &mut Window) -> Result<Reader, Fault> {
    let Some(&[a, b, c, d]) = window.ahead(4).and_then(|bytes| bytes.first_chunk::<4>()) else {
        if let Some((offset, reason)) = window.failure() {
            return Err(Fault { offset, reason });
        }
        return Err(match window.buffered() {
            [] => Fault::new(0, format!("empty file: 0 bytes, need {FILE_HEADER_LEN}")),
            some => Fault::new(
                0,
                format!("not a capture: {} bytes ({}), need {FILE_HEADER_LEN}", some.len(), spaced_hex(some)),
            ),
        });
    };
    let magic = [a, b, c, d];
    if magic == pcapng::SECTION_HEADER.to_be_bytes() {
        return pcapng::Reader::open(window).map(Reader::Pcapng);
    }
    match pcap::Variant::of(magic) {
        Some(variant) => pcap::Reader::open(window, variant).map(Reader::Pcap),
        None => {
            // A pipe hands out its first bytes in crumbs.
            window.ahead(512);
            let seen = window.buffered().len();
            let reason = not_a_capture(magic, window.buffered().get(..seen.min(512)).unwrap_or_default());
            Err(Fault::new(0, reason))
        }
    }
}

fn not_a_capture(magic: [u8; 4], beginning: &[u8]) -> String {
    let hint = match magic {
        [0x1f, 0x8b, ..] => "gzip inside a compressed file: decompress it once",
        [0x28, 0xb5, 0x2f, 0xfd] => "zstd inside a compressed file: decompress it once",
        [0x04, 0x22, 0x4d, 0x18] => "lz4, not supported: decompress it first",
        [0xfd, b'7', b'z', b'X'] => "xz, not supported: decompress it first",
        [b'B', b'Z', b'h', _] => "bzip2, not supported: decompress it first",
        [b'P', b'K', 3 | 5, 4 | 6] => "a zip archive: unpack it first",
        [b's', b'n', b'o', b'o'] => "a snoop capture: convert it with editcap",
        [b'G', b'M', b'B', b'U'] => "a Network Monitor capture: convert it with editcap",
        _ if beginning.iter().all(|b| matches!(b, b'\t' | b'\n' | b'\r' | b' '..=b'~')) => "text",
        _ => "neither pcap nor pcapng, plain or in gzip or zstd",
    };
    format!("not a capture: begins with {} ({hint})", spaced_hex(&magic))
}

fn spaced_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ")
}
