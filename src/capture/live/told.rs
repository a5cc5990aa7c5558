//! What a live capture tells of its interfaces.

use super::ANY;
use crate::capture::LinkType;
use std::time::Duration;

/// One interface of a live capture. Counters begin with the capture and never go down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceStatus {
    /// Its name as it was asked for.
    pub name: String,
    /// Its name now, where it was renamed.
    pub renamed_to: Option<String>,
    /// What its packets begin with; `None` until it was opened once.
    pub link_type: Option<LinkType>,
    /// Whether packets can be seen, and if not, why.
    pub state: InterfaceState,
    /// Which packets it takes.
    pub mode: CaptureMode,
    /// Packets handed on.
    pub packets: u64,
    /// Packets that the kernel had for the capture, dropped ones included. Packets handed on, dropped ones and those still
    /// in the ring add up to it exactly, save on the loopback interface, where the kernel counts each twice.
    pub kernel_received: u64,
    /// Packets that the kernel dropped since the ring was full.
    pub kernel_dropped: u64,
    /// Packets that the interface itself dropped, as far as its driver tells.
    pub interface_dropped: u64,
    /// Attempts to open it again.
    pub retries: u64,
    /// Times when nothing could be captured: it was down, gone, or not open.
    pub gaps: u64,
    /// How long they were together, the present one included.
    pub gap: Duration,
}

impl InterfaceStatus {
    /// Whether packets can be seen.
    #[must_use]
    pub fn up(&self) -> bool {
        self.state == InterfaceState::Up
    }
}

/// Whether an interface can be listened to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InterfaceState {
    /// It carries packets.
    Up,
    /// It is there, without a carrier or switched off.
    Down,
    /// It is not open and will be tried again; the reason, for people.
    Closed(String),
}

/// Which packets an interface takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaptureMode {
    /// All that reach it.
    Promiscuous,
    /// Those of this machine, and to groups it belongs to.
    Ordinary,
}

impl CaptureMode {
    /// `promiscuous` or `ordinary`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Promiscuous => "promiscuous",
            Self::Ordinary => "ordinary",
        }
    }

    /// What `any` cannot, it is not asked for.
    pub(super) fn of(interface: &str, promiscuous: bool) -> Self {
        if promiscuous && interface != ANY { Self::Promiscuous } else { Self::Ordinary }
    }
}
