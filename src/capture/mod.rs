//! Yields raw packets from an interface, a file or memory, with the time stamped on them.
//!
//! It knows nothing of what is inside a packet but its link type. To add a source, add a file with a [`PacketSource`] and
//! one line to the function that chooses it.
//!
//! Files pass through three layers: `paths` says what there is to read, `reader` takes compression off and chooses the
//! format, `pcap` and `pcapng` find packets in a `window` on the bytes.

mod files;
mod filter;
mod live;
mod memory;
mod paths;
mod pcap;
mod pcapng;
mod pcapng_interface;
mod reader;
mod resync;
mod run;
mod window;
mod write;

pub use files::{FileOptions, Files, open};
pub use live::{ANY, CaptureMode, InterfaceState, InterfaceStatus, Live, LiveOptions};
pub use memory::{Memory, OwnedPacket};
pub use run::{Packets, RUN, Run};
pub use window::ExpansionLimit;
pub use write::{PcapWriter, Precision};

use crate::base::Timestamp;
use std::path::PathBuf;

/// A link type number of the pcap file format (`LINKTYPE_*` of tcpdump.org), e.g. 1 for Ethernet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: address family in host byte order of the capturing machine.
    pub const NULL: Self = Self(0);
    /// IEEE 802.3 Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// Raw IP (some systems write 12 or 14 into files).
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback: address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux cooked capture v1 (SLL).
    pub const LINUX_SLL: Self = Self(113);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux cooked capture v2.
    pub const LINUX_SLL2: Self = Self(276);
}

/// One packet as captured.
#[derive(Clone, Copy, Debug)]
pub struct RawPacket<'a> {
    /// When it was captured.
    pub at: Timestamp,
    /// What its first header is.
    pub link: LinkType,
    /// The captured bytes; fewer than `wire_len` when the snap length cut it.
    pub data: &'a [u8],
    /// Its length on the wire, in bytes.
    pub wire_len: u32,
    /// Which [`Origin`] of the source it came from.
    pub origin: u16,
}

/// Where packets come from: a file, an interface of a file, a live interface.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Origin {
    /// The file's name, for files.
    pub file: Option<String>,
    /// The interface's name where known.
    pub interface: Option<String>,
}

/// The answer of [`PacketSource::next_packet`].
#[derive(Debug)]
pub enum Read<'a> {
    /// A packet.
    Packet(RawPacket<'a>),
    /// Nothing arrived for a while (live sources only); the wall clock's reading, less the time that a packet may lie in
    /// the kernel: no packet of before is to be expected.
    Idle(Timestamp),
    /// The source is exhausted.
    End,
}

/// A place in a file from which on it could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub file: PathBuf,
    /// Byte offset of the damage, after decompression.
    pub offset: u64,
    /// What is wrong there, for people.
    pub reason: String,
}

/// What a source can tell of itself.
#[derive(Clone, Debug, Default)]
pub struct SourceStatus {
    /// Every place packets have come from so far; [`RawPacket::origin`] indexes it.
    pub origins: Vec<Origin>,
    /// Parts of the input that could not be read.
    pub damage: Vec<Damage>,
    /// Files of folders that are no captures and were passed over; the first 4,096 of them.
    pub ignored: Vec<PathBuf>,
    /// Packets that a capture filter or time window left out.
    pub filtered: u64,
    /// Packets whose headers contradicted themselves (more captured than the wire or the snap length allows, a second of
    /// more than a second) and were put right.
    pub normalised: u64,
    /// Packets that the kernel dropped, of all interfaces.
    pub kernel_dropped: u64,
    /// The interfaces of a live capture, in the order they were asked for; looked at twice a second.
    pub interfaces: Vec<InterfaceStatus>,
    /// Bytes of input read so far, before decompression, for progress display.
    pub bytes_read: u64,
    /// Total bytes of input, when known.
    pub bytes_total: Option<u64>,
}

/// Yields packets, one or several at a time. They borrow the source's buffer until the next call.
pub trait PacketSource: Send {
    /// The next packet, in file order.
    ///
    /// # Errors
    /// Only for what ends the whole run; a damaged file is recorded in [`SourceStatus::damage`] instead.
    fn next_packet(&mut self) -> Result<Read<'_>, CaptureError>;

    /// The next packets that lie in memory together, in file order: at most [`RUN`], and one where a source knows no
    /// better. A packet of `until` or later is the last of its run, so that whoever reads can look at the source there.
    ///
    /// # Errors
    /// As for [`Self::next_packet`].
    fn next_run(&mut self, until: Timestamp) -> Result<Run<'_>, CaptureError> {
        let _ = until;
        Ok(match self.next_packet()? {
            Read::Packet(packet) => Run::Packets(packet.into()),
            Read::Idle(now) => Run::Idle(now),
            Read::End => Run::End,
        })
    }

    /// Origins, damage and counters so far.
    fn status(&self) -> &SourceStatus;
}

/// Why a source could not be opened or went away.
#[derive(Debug)]
pub enum CaptureError {
    /// The path or interface cannot be opened.
    Open {
        /// What was to be opened.
        what: String,
        /// Why not.
        reason: String,
    },
    /// The BPF filter does not compile; the text is libpcap's.
    Filter(String),
    /// There is no interface of that name.
    UnknownInterface {
        /// What was asked for.
        name: String,
        /// What there is.
        existing: Vec<String>,
    },
    /// The process may not capture.
    NoPermission {
        /// What was to be opened.
        interface: String,
        /// How the permission is given, for people.
        remedy: String,
    },
}

impl std::fmt::Display for CaptureError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Open { what, reason } => write!(f, "{what}: {reason}"),
            Self::Filter(reason) => write!(f, "bad filter: {reason}"),
            Self::UnknownInterface { name, existing } => {
                write!(f, "{name}: there is no such interface; there are {} and any", existing.join(", "))
            }
            Self::NoPermission { interface, remedy } => {
                write!(f, "{interface}: no permission to capture; {remedy}")
            }
        }
    }
}

impl std::error::Error for CaptureError {}
