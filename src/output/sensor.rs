//! How a live sensor fares: what the outputs show beside what it sees.

use crate::base::Timestamp;
use std::time::Duration;

/// The state of a running sensor.
#[derive(Clone, Debug, Default)]
pub struct SensorStatus {
    /// The interfaces it listens on.
    pub interfaces: Vec<InterfaceStatus>,
    /// How full the queue of each worker is, from 0 to 1.
    pub queues: Vec<f64>,
    /// By how much what is counted is behind what was captured.
    pub lag: Duration,
    /// Packet time up to which everything is counted.
    pub watermark: Timestamp,
    /// Fill and limit of the tables that grow with the traffic, by fixed words.
    pub tables: Vec<(&'static str, u64, u64)>,
}

/// An interface, as the operating system and the capture library describe it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InterfaceStatus {
    /// Its name.
    pub name: String,
    /// The name of its link type.
    pub link_type: String,
    /// Whether packets can arrive.
    pub up: bool,
    /// Why not, for people; a name it has been given since, too.
    pub problem: Option<String>,
    /// Which packets it takes, such as `promiscuous`.
    pub mode: String,
    /// Packets taken from it.
    pub packets: u64,
    /// Packets that the kernel had for it, dropped ones included.
    pub kernel_received: u64,
    /// Packets dropped by the kernel because the ring was full.
    pub kernel_dropped: u64,
    /// Packets dropped by the interface or its driver.
    pub interface_dropped: u64,
    /// How often it had to be opened again.
    pub retries: u64,
    /// How often it was down or gone.
    pub gaps: u64,
    /// Time in which it was down or gone.
    pub gap: Duration,
}
