//! One interface through its life: open, down, gone, renamed, made anew.
//!
//! Time comes from the caller, as the time since the capture began.

use super::batch::{Batch, Record};
use super::network::{Network, Sighting};
use super::tap::{Counters, OpenFault, Opener, Tap};
use super::{ANY, CaptureMode, InterfaceState, InterfaceStatus};
use crate::capture::{CaptureError, LinkType};
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// Pause before the first attempt to open again; it doubles with each.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// Longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// An interface that is listened to, or waited for.
pub(super) struct Interface {
    /// As it was asked for.
    wanted: String,
    /// As it is called now.
    name: String,
    mode: CaptureMode,
    tap: Option<Box<dyn Tap>>,
    /// Packets read and not yet handed on.
    pub(super) batch: Batch,
    state: InterfaceState,
    link: Option<LinkType>,
    /// As it was when last looked at.
    seen: Option<Sighting>,
    next_try: Duration,
    pause: Duration,
    gaps: Gaps,
    retries: u64,
    packets: u64,
    /// Sums of the kernel's counters, and their readings when last added.
    kernel: Totals,
    counted: Counters,
}

impl Interface {
    pub(super) fn new(name: &str, mode: CaptureMode) -> Self {
        Self {
            wanted: name.to_owned(),
            name: name.to_owned(),
            mode,
            tap: None,
            batch: Batch::default(),
            state: InterfaceState::Closed("not opened yet".to_owned()),
            link: None,
            seen: None,
            next_try: Duration::ZERO,
            pause: PAUSE_MIN,
            gaps: Gaps::default(),
            retries: 0,
            packets: 0,
            kernel: Totals::default(),
            counted: Counters::default(),
        }
    }

    /// Opens it for the first time: what can only be a mistake is one.
    pub(super) fn open_first(&mut self, network: &Network, opener: &mut Opener) -> Result<(), CaptureError> {
        self.seen = network.look(&self.name);
        match opener(&self.name) {
            Ok(tap) => self.opened(tap, Duration::ZERO),
            // An interface that is switched off, as mirror ports are at boot, is waited for.
            Err(fault @ OpenFault::Other(_)) if self.seen.is_some_and(|seen| !seen.running) => {
                self.close(Duration::ZERO, fault.reason());
            }
            Err(fault) => return Err(fault.into_error(&self.name)),
        }
        Ok(())
    }

    /// Whether it is open and has no packet at hand.
    pub(super) fn is_empty(&self) -> bool {
        self.tap.is_some() && self.batch.head().is_none()
    }

    /// Reads a batch, the last one being used up; whether there was a packet.
    pub(super) fn read(&mut self, now: Duration) -> bool {
        let Some(tap) = &mut self.tap else { return false };
        self.batch.clear();
        if let Err(reason) = tap.read(&mut self.batch) {
            self.close(now, reason);
        }
        self.batch.head().is_some()
    }

    /// The next packet read.
    pub(super) fn next(&mut self) -> Option<(Record, &[u8])> {
        let next = self.batch.next();
        self.packets += u64::from(next.is_some());
        next
    }

    /// What its packets begin with.
    pub(super) fn link(&self) -> LinkType {
        self.link.unwrap_or(LinkType::ETHERNET)
    }

    /// What to wait on while it is open.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.tap.as_ref()?.fd()
    }

    /// Looks at the interface, and opens it again when it is time.
    pub(super) fn check(&mut self, now: Duration, network: &Network, opener: &mut Opener) {
        if self.tap.is_some() && self.wanted != ANY {
            self.look(now, network);
        }
        if self.tap.is_none() {
            self.try_again(now, network, opener);
        }
    }

    /// What is to be told of it.
    pub(super) fn tell(&mut self, now: Duration) -> InterfaceStatus {
        self.count();
        InterfaceStatus {
            name: self.wanted.clone(),
            renamed_to: (self.name != self.wanted).then(|| self.name.clone()),
            link_type: self.link,
            state: self.state.clone(),
            mode: self.mode,
            packets: self.packets,
            kernel_received: self.kernel.received,
            kernel_dropped: self.kernel.dropped,
            interface_dropped: self.kernel.interface_dropped,
            retries: self.retries,
            gaps: self.gaps.count,
            gap: self.gaps.until(now),
        }
    }

    /// Compares the open interface with what it was when last looked at.
    fn look(&mut self, now: Duration, network: &Network) {
        let Some(before) = self.seen else { return };
        let mut seen = network.look(&self.name).filter(|seen| seen.index == before.index);
        if seen.is_none()
            && let Some(name) = network.name_of(before.index)
        {
            // The handle is bound to the number, so it goes on capturing.
            seen = network.look(&name);
            self.name = name;
        }
        let Some(seen) = seen else {
            self.close(now, "the interface disappeared".to_owned());
            return;
        };
        self.seen = Some(seen);
        match (seen.running, &self.state) {
            (true, InterfaceState::Up) => {
                // It went down and came back between two looks.
                if seen.carrier_changes != before.carrier_changes {
                    self.gaps.add(now.saturating_sub(self.gaps.looked));
                }
            }
            (true, _) => {
                self.state = InterfaceState::Up;
                self.gaps.end(now);
            }
            (false, InterfaceState::Up) => {
                self.state = InterfaceState::Down;
                self.gaps.begin(now);
            }
            (false, _) => {}
        }
        self.gaps.looked = now;
    }

    /// Opens it again when the pause is over, or at once when it has changed since the last attempt.
    fn try_again(&mut self, now: Duration, network: &Network, opener: &mut Opener) {
        let seen = network.look(&self.wanted);
        let same = |a: &Option<Sighting>, b: &Option<Sighting>| {
            a.map(|s| (s.index, s.running)) == b.map(|s| (s.index, s.running))
        };
        if now < self.next_try && (seen.is_none() || same(&seen, &self.seen)) {
            return;
        }
        self.seen = seen;
        self.name.clone_from(&self.wanted);
        self.retries += 1;
        match opener(&self.wanted) {
            Ok(tap) => self.opened(tap, now),
            Err(fault) => {
                self.state = InterfaceState::Closed(fault.reason());
                self.next_try = now + self.pause;
                self.pause = (self.pause * 2).min(PAUSE_MAX);
            }
        }
    }

    fn opened(&mut self, tap: Box<dyn Tap>, now: Duration) {
        self.link = Some(tap.link());
        self.tap = Some(tap);
        self.counted = Counters::default();
        self.pause = PAUSE_MIN;
        self.gaps.looked = now;
        if self.wanted == ANY || self.seen.is_none_or(|seen| seen.running) {
            self.state = InterfaceState::Up;
            self.gaps.end(now);
        } else {
            self.state = InterfaceState::Down;
            self.gaps.begin(now);
        }
    }

    fn close(&mut self, now: Duration, reason: String) {
        self.count();
        self.tap = None;
        self.state = InterfaceState::Closed(reason);
        self.pause = PAUSE_MIN;
        self.next_try = now + self.pause;
        self.gaps.begin(now);
    }

    /// Adds what the kernel counted since the last time; its counters wrap at 2³².
    fn count(&mut self) {
        let Some(now) = self.tap.as_mut().and_then(|tap| tap.counters()) else { return };
        let Counters { received, dropped, interface_dropped } = self.counted;
        self.kernel.received += u64::from(now.received.wrapping_sub(received));
        self.kernel.dropped += u64::from(now.dropped.wrapping_sub(dropped));
        self.kernel.interface_dropped += u64::from(now.interface_dropped.wrapping_sub(interface_dropped));
        self.counted = now;
    }
}

/// The kernel's counters since the beginning, over all handles.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    received: u64,
    dropped: u64,
    interface_dropped: u64,
}

/// Times without capture.
#[derive(Clone, Copy, Debug, Default)]
struct Gaps {
    count: u64,
    ended: Duration,
    /// When the present gap began.
    since: Option<Duration>,
    /// When the interface was last looked at: nobody knows what happened since.
    looked: Duration,
}

impl Gaps {
    /// It may have begun right after the interface was last seen to be well.
    fn begin(&mut self, now: Duration) {
        if self.since.is_none() {
            self.count += 1;
            self.since = Some(self.looked.min(now));
        }
    }

    fn end(&mut self, now: Duration) {
        if let Some(since) = self.since.take() {
            self.ended += now.saturating_sub(since);
        }
    }

    /// A gap that is over already.
    fn add(&mut self, at_most: Duration) {
        self.count += 1;
        self.ended += at_most;
    }

    fn until(&self, now: Duration) -> Duration {
        self.ended + self.since.map_or(Duration::ZERO, |since| now.saturating_sub(since))
    }
}
