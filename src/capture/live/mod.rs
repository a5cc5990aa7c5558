//! Interfaces as one source of packets, read through libpcap while they go down, come up, vanish and return.
//!
//! Three facts about Linux and libpcap (1.10) shape this:
//!
//! * A read with a time limit never returns on a silent link when the kernel hands packets over in blocks (TPACKET_V3), so
//!   handles are non-blocking and `poll(2)` waits.
//! * A link that goes down gives no error; its packets are merely missing. So the state of every interface is looked up in
//!   sysfs, and the time it was down is added up as a gap.
//! * An interface that was deleted gives the same error for ever. So the handle is closed and opened anew with growing
//!   pauses; a handle follows its interface when that is renamed.
//!
//! Where one reading thread is not enough, [`Live::open_shares`] lets the kernel spread the packets over several handles.

mod batch;
mod fanout;
mod interface;
mod network;
mod permission;
mod tap;
mod told;

pub use told::{CaptureMode, InterfaceState, InterfaceStatus};

use super::filter::Filter;
use super::{CaptureError, Origin, PacketSource, RawPacket, Read, SourceStatus};
use crate::base::{HashKey, Timestamp};
use fanout::Fanout;
use interface::Interface;
use network::Network;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tap::Opener;

/// The interface that stands for all of them.
pub const ANY: &str = "any";

/// Longest wait for a packet before [`Read::Idle`].
const WAIT: Duration = Duration::from_millis(100);
/// How long a packet of one interface waits for an earlier one of another, which the kernel may still hold.
const HOLD: Duration = Duration::from_millis(40);
/// Shortest wait for the end of that time; so many packets become due together.
const HOLD_STEP: Duration = Duration::from_millis(5);
/// How often the interfaces and the kernel's counters are looked at.
const CHECK_EVERY: Duration = Duration::from_millis(500);
/// Longest reading on of what the kernel holds, once it is time to stop.
const LAST_READING_MAX: Duration = Duration::from_millis(100);
/// Wake-ups in a row without a packet, from which on a pause is made: whatever the cause, no core is to be lost to it.
const EMPTY_WAKES_MAX: u32 = 16;
/// That pause.
const PAUSE: Duration = Duration::from_millis(10);

/// What is captured, and how.
#[derive(Clone, Debug)]
pub struct LiveOptions {
    /// The interfaces, by name; [`ANY`] stands for all.
    pub interfaces: Vec<String>,
    /// Size of each interface's ring of packets in the kernel, in bytes.
    pub buffer_bytes: u32,
    /// Most bytes captured of a packet.
    pub snaplen: u32,
    /// Whether packets to other machines are wanted, as on a mirror port. Not possible on [`ANY`].
    pub promiscuous: bool,
    /// A filter in libpcap's language; the kernel leaves out what does not match, uncounted.
    pub filter: Option<String>,
    /// Set by anyone, at any time: ends the capture.
    pub stop: Arc<AtomicBool>,
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            buffer_bytes: 64 << 20,
            snaplen: 262_144,
            promiscuous: true,
            filter: None,
            stop: Arc::default(),
        }
    }
}

/// Interfaces, read in turn. Ends only by [`LiveOptions::stop`].
///
/// Packets of several interfaces come in the order of their times, as the two directions of a tap must: an answer read
/// before its question would be taken for none. [`Read::Idle`] names a moment before which no packet is to be expected any more.
pub struct Live {
    interfaces: Vec<Interface>,
    network: Network,
    opener: Opener,
    stop: Arc<AtomicBool>,
    status: SourceStatus,
    start: Instant,
    /// The wall clock when last read.
    wall: Timestamp,
    next_check: Duration,
    stopping_since: Option<Duration>,
    empty_wakes: u32,
}

impl Live {
    /// Opens every interface this many times, and has the kernel share its packets out: all between two addresses come from
    /// the same one of the captures. Each has a ring of [`LiveOptions::buffer_bytes`].
    ///
    /// The kernel goes by the outer addresses of IPv4 and IPv6, behind at most two VLAN tags and PPPoE; other packets, MPLS
    /// among them, all come from one of the captures.
    ///
    /// # Errors
    /// As of [`Live::open`]; and [`CaptureError::Open`] where the kernel, older than Linux 4.12, cannot.
    pub fn open_shares(options: &LiveOptions, shares: usize) -> Result<Vec<Self>, CaptureError> {
        check_filter(options)?;
        let fanout = Fanout::new(HashKey::random().mix(&[shares as u64]) as u32);
        (0..shares)
            .map(|_| {
                let opener = tap::libpcap(options.clone(), Some(fanout.clone()));
                Self::with(options, Network::default(), opener)
            })
            .collect()
    }

    /// Opens every interface. One that is there but down is no error: it is waited for.
    ///
    /// # Errors
    /// [`CaptureError::UnknownInterface`], [`CaptureError::NoPermission`], [`CaptureError::Filter`], and
    /// [`CaptureError::Open`] for what else the system objects to.
    pub fn open(options: &LiveOptions) -> Result<Self, CaptureError> {
        check_filter(options)?;
        Self::with(options, Network::default(), tap::libpcap(options.clone(), None))
    }

    fn with(options: &LiveOptions, network: Network, opener: Opener) -> Result<Self, CaptureError> {
        check_names(&options.interfaces, &network)?;
        let interfaces = options
            .interfaces
            .iter()
            .map(|name| Interface::new(name, CaptureMode::of(name, options.promiscuous)))
            .collect();
        let origins = options
            .interfaces
            .iter()
            .map(|name| Origin { file: None, interface: Some(name.clone()) })
            .collect();
        let mut live = Self {
            interfaces,
            network,
            opener,
            stop: Arc::clone(&options.stop),
            status: SourceStatus { origins, ..SourceStatus::default() },
            start: monotonic(),
            wall: Timestamp::MIN,
            next_check: CHECK_EVERY,
            stopping_since: None,
            empty_wakes: 0,
        };
        for interface in &mut live.interfaces {
            interface.open_first(&live.network, &mut live.opener)?;
        }
        live.tell(Duration::ZERO);
        Ok(live)
    }

    /// The interface with the earliest packet at hand, and the packet's time.
    fn earliest(&self) -> Option<(usize, Timestamp)> {
        let heads = self.interfaces.iter().enumerate();
        heads.filter_map(|(n, i)| Some((i.batch.head()?, n))).min().map(|(at, n)| (n, at))
    }

    /// Whether a packet of this time must wait, since one of before may come from an interface that has none at hand.
    fn is_held(&mut self, at: Timestamp) -> bool {
        if self.interfaces.len() < 2
            || self.stopping_since.is_some()
            || at + HOLD <= self.wall
            || !self.interfaces.iter().any(Interface::is_empty)
        {
            return false;
        }
        self.wall = wall_clock();
        // A time to come means that the clock was set back: no reason to wait for it.
        at <= self.wall && at + HOLD > self.wall
    }

    /// Reads a batch from each interface that has none; whether there was any packet.
    fn fill(&mut self, now: Duration) -> bool {
        let mut any = false;
        for interface in self.interfaces.iter_mut().filter(|interface| interface.is_empty()) {
            any |= interface.read(now);
        }
        any
    }

    /// Waits for a packet of an interface that has none, at most for `limit`; true for a packet.
    fn wait(&mut self, limit: Duration) -> bool {
        if self.empty_wakes >= EMPTY_WAKES_MAX {
            std::thread::sleep(PAUSE);
        }
        let mut waiting: Vec<PollFd<'_>> = self
            .interfaces
            .iter()
            .filter(|interface| interface.is_empty())
            .filter_map(Interface::fd)
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        if waiting.is_empty() {
            std::thread::sleep(limit);
            return false;
        }
        let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::ZERO);
        // A signal interrupts the wait: that is how a stop is noticed at once.
        matches!(poll(&mut waiting, limit), Ok(ready) if ready > 0)
    }

    fn check(&mut self, now: Duration) {
        for interface in &mut self.interfaces {
            interface.check(now, &self.network, &mut self.opener);
        }
        self.tell(now);
        self.next_check = now + CHECK_EVERY;
    }

    /// Brings the status up to date.
    fn tell(&mut self, now: Duration) {
        self.status.interfaces.clear();
        self.status.interfaces.extend(self.interfaces.iter_mut().map(|interface| interface.tell(now)));
        self.status.kernel_dropped = self.status.interfaces.iter().map(|i| i.kernel_dropped).sum();
    }

    /// Whether what is still in the kernel may be read: once stopping, for a short while.
    fn may_read(&mut self, now: Duration) -> bool {
        if !self.stop.load(Ordering::Relaxed) {
            return true;
        }
        now <= *self.stopping_since.get_or_insert(now) + LAST_READING_MAX
    }
}

impl PacketSource for Live {
    fn next_packet(&mut self) -> Result<Read<'_>, CaptureError> {
        let at = loop {
            let earliest = self.earliest();
            if let Some((n, at)) = earliest
                && !self.is_held(at)
            {
                break n;
            }
            let now = monotonic().saturating_duration_since(self.start);
            if now >= self.next_check {
                self.check(now);
            }
            if self.may_read(now) && self.fill(now) {
                self.empty_wakes = 0;
                continue;
            }
            if self.stopping_since.is_some() {
                if earliest.is_some() {
                    continue;
                }
                self.check(now);
                return Ok(Read::End);
            }
            let limit = match earliest {
                Some((_, at)) => (at + HOLD).since(self.wall).max(HOLD_STEP),
                None => WAIT,
            };
            if self.wait(limit) {
                self.empty_wakes = self.empty_wakes.saturating_add(1);
                continue;
            }
            self.empty_wakes = 0;
            if earliest.is_none() {
                return Ok(Read::Idle(wall_clock() - 2 * WAIT));
            }
        };
        let (origin, Some(interface)) = (u16::try_from(at).unwrap_or(u16::MAX), self.interfaces.get_mut(at))
        else {
            return Ok(Read::Idle(wall_clock() - 2 * WAIT));
        };
        let link = interface.link();
        Ok(match interface.next() {
            Some((record, data)) => {
                Read::Packet(RawPacket { at: record.at, link, data, wire_len: record.wire_len, origin })
            }
            None => Read::Idle(wall_clock() - 2 * WAIT),
        })
    }

    fn status(&self) -> &SourceStatus {
        &self.status
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Compiles the filter for Ethernet: a slip is told even where permission or the interface is missing.
fn check_filter(options: &LiveOptions) -> Result<(), CaptureError> {
    options.filter.as_deref().map_or(Ok(()), |filter| Filter::new(filter).map(drop))
}

/// Interfaces that exist, each named once, and [`ANY`] not beside another.
fn check_names(names: &[String], network: &Network) -> Result<(), CaptureError> {
    let refuse = |what: &str, reason: &str| {
        Err(CaptureError::Open { what: what.to_owned(), reason: reason.to_owned() })
    };
    if names.is_empty() {
        return refuse("capture", "no interface was named");
    }
    for (place, name) in names.iter().enumerate() {
        if names.iter().take(place).any(|earlier| earlier == name) {
            return refuse(name, "the interface was named twice");
        }
        if name == ANY && names.len() > 1 {
            return refuse(name, "it stands for all interfaces: name it alone, or name the others");
        }
        // Where there is no sysfs, libpcap knows.
        if let Some(existing) = network.names()
            && name != ANY
            && !existing.contains(name)
        {
            return Err(CaptureError::UnknownInterface { name: name.clone(), existing });
        }
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "live capture alone may: it times gaps and pauses, not packets"
)]
fn monotonic() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "live capture alone may: a silent link has no packet time")]
fn wall_clock() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
