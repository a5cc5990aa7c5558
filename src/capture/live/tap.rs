//! One open interface: libpcap's handle, and the trait that stands for it so that the rest can be tested without one.

use super::batch::{Batch, PACKETS_MAX};
use super::fanout::{Fanout, Group};
use super::{CaptureMode, LiveOptions, permission};
use crate::base::Timestamp;
use crate::capture::{CaptureError, LinkType};
use pcap::{Active, Capture, Error, Packet, Precision};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::Arc;

/// How long the kernel keeps a block of packets that is not full, in milliseconds: it costs a wake-up each time.
const BLOCK_MS: i32 = 100;
/// The same where packets of several interfaces are put in order, and so wait for one another.
const BLOCK_MS_SEVERAL: i32 = 20;

/// An open interface.
pub(super) trait Tap: Send {
    /// Adds to `batch` what waits, up to [`PACKETS_MAX`] packets, and returns at once.
    ///
    /// # Errors
    /// The interface is gone or failed, for people. The tap is of no more use.
    fn read(&mut self, batch: &mut Batch) -> Result<(), String>;

    /// What the kernel counted since the tap was opened, modulo 2³².
    fn counters(&mut self) -> Option<Counters>;

    /// What packets begin with.
    fn link(&self) -> LinkType;

    /// What to wait on.
    fn fd(&self) -> Option<BorrowedFd<'_>>;
}

/// The counters of `PACKET_STATISTICS` and of the interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counters {
    pub(super) received: u32,
    pub(super) dropped: u32,
    pub(super) interface_dropped: u32,
}

/// Opens an interface by name.
pub(super) type Opener = Box<dyn FnMut(&str) -> Result<Box<dyn Tap>, OpenFault> + Send>;

/// Why an interface could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OpenFault {
    /// The right to is missing.
    Permission,
    /// The filter does not suit its link type; the text is libpcap's.
    Filter(String),
    /// Anything else, for people.
    Other(String),
}

impl OpenFault {
    /// What this is to the caller when it happens at the start.
    pub(super) fn into_error(self, interface: &str) -> CaptureError {
        let what = interface.to_owned();
        match self {
            Self::Permission => CaptureError::NoPermission { interface: what, remedy: permission::remedy() },
            Self::Filter(reason) => CaptureError::Filter(reason),
            Self::Other(reason) => CaptureError::Open { what, reason },
        }
    }

    /// What this is to people who watch the sensor.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::Permission => "no permission to capture (CAP_NET_RAW)".to_owned(),
            Self::Filter(reason) => format!("the filter does not apply: {reason}"),
            Self::Other(reason) => reason.clone(),
        }
    }
}

/// Opens interfaces through libpcap, each handle with a share of the packets where there is a fanout.
pub(super) fn libpcap(options: LiveOptions, fanout: Option<Fanout>) -> Opener {
    Box::new(move |name| open(name, &options, fanout.as_ref()).map(|tap| Box::new(tap) as Box<dyn Tap>))
}

fn open(name: &str, options: &LiveOptions, fanout: Option<&Fanout>) -> Result<Handle, OpenFault> {
    // libpcap's text for this differs with its version; and on `any` some say nothing before the first read.
    if !permission::may_capture() {
        return Err(OpenFault::Permission);
    }
    let size = |bytes: u32| i32::try_from(bytes).unwrap_or(i32::MAX);
    let capture = Capture::from_device(name)
        .and_then(|inactive| {
            inactive
                .promisc(CaptureMode::of(name, options.promiscuous) == CaptureMode::Promiscuous)
                .buffer_size(size(options.buffer_bytes))
                .snaplen(size(options.snaplen))
                .precision(Precision::Nano)
                .timeout(if options.interfaces.len() > 1 { BLOCK_MS_SEVERAL } else { BLOCK_MS })
                .open()
        })
        .and_then(Capture::setnonblock)
        .map_err(|error| OpenFault::Other(text(error)))?;
    let mut handle = Handle { link: link_type(capture.get_datalink().0), capture, _group: None };
    if let Some(filter) = &options.filter {
        handle.capture.filter(filter, true).map_err(|error| OpenFault::Filter(text(error)))?;
    }
    if let Some(fanout) = fanout {
        let joined = fanout.join(handle.capture.as_fd(), name).map_err(|error| {
            OpenFault::Other(format!("its packets cannot be spread over several handles: {}", error.desc()))
        })?;
        handle._group = Some(joined);
    }
    Ok(handle)
}

struct Handle {
    capture: Capture<Active>,
    link: LinkType,
    /// Left after the handle is closed.
    _group: Option<Arc<Group>>,
}

impl Tap for Handle {
    fn read(&mut self, batch: &mut Batch) -> Result<(), String> {
        self.capture
            .dispatch(Some(PACKETS_MAX), |packet| batch.push(time(&packet), packet.header.len, packet.data))
            .map(drop)
            .map_err(text)
    }

    fn counters(&mut self) -> Option<Counters> {
        let stat = self.capture.stats().ok()?;
        Some(Counters { received: stat.received, dropped: stat.dropped, interface_dropped: stat.if_dropped })
    }

    fn link(&self) -> LinkType {
        self.link
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.capture.as_fd())
    }
}

/// The time of a packet, whose `tv_usec` counts nanoseconds, as asked for.
fn time(packet: &Packet<'_>) -> Timestamp {
    let ts = packet.header.ts;
    Timestamp(ts.tv_sec.saturating_mul(1_000_000_000).saturating_add(ts.tv_usec))
}

/// libpcap counts link types by `DLT_*` numbers, which differ from the file format's for a few.
fn link_type(data_link: i32) -> LinkType {
    match data_link {
        // `DLT_RAW` on Linux.
        12 => LinkType::RAW,
        other => LinkType(u16::try_from(other).unwrap_or(u16::MAX)),
    }
}

/// libpcap's own words.
fn text(error: Error) -> String {
    match error {
        Error::PcapError(text) => text,
        other => other.to_string(),
    }
}
