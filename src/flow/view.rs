//! What the flow table tells of flows, and its limits.

use super::key::Key;
use crate::base::{Direction, Endpoint, Timestamp, Transport};
use std::time::Duration;

/// Caps and idle times of a table.
#[derive(Clone, Copy, Debug)]
pub struct FlowLimits {
    /// Flows held at most.
    pub flows: usize,
    /// Flows with state held at most.
    pub states: usize,
    /// TCP flows end after this long without a packet.
    pub tcp_idle: Duration,
    /// UDP flows end after this long without a packet.
    pub udp_idle: Duration,
    /// TCP flows that have not been answered, or were closed, end after this long.
    pub tcp_brief: Duration,
}

impl Default for FlowLimits {
    fn default() -> Self {
        Self {
            flows: 1 << 20,
            states: 1 << 16,
            tcp_idle: Duration::from_secs(3_600),
            udp_idle: Duration::from_secs(300),
            tcp_brief: Duration::from_secs(60),
        }
    }
}

/// Handle of a flow, valid until the table is told of the next packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowId(pub(super) u32);

/// Where the flow of a packet is to be looked for: what [`FlowTable::seek`](super::FlowTable::seek) tells.
#[derive(Clone, Copy, Debug)]
pub struct Sought {
    pub(super) hash: u64,
    pub(super) key: Key,
    /// The slot it probably lies in.
    pub(super) guess: u32,
    /// Whether the packet was sent by the lower of the two endpoints, in the table's order.
    pub(super) from_lo: bool,
}

/// What [`FlowTable::touch`](super::FlowTable::touch) found.
#[derive(Clone, Copy, Debug)]
pub struct Touch {
    /// The packet's flow.
    pub id: FlowId,
    /// Which side sent the packet.
    pub direction: Direction,
    /// Whether the packet opened the flow.
    pub new: bool,
    /// Whether state is kept for the flow.
    pub has_state: bool,
    /// Whether the flow was retired.
    pub retired: bool,
    /// Where the state lies, if any.
    pub(super) state: u32,
}

/// Why a flow left the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndCause {
    /// No packet in time.
    Idle,
    /// Pushed out by the cap.
    Evicted,
    /// The input ended.
    Finished,
}

/// A flow as others see it. Index 0 is the originator's side.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    /// Sender of the SYN or of the first packet.
    pub originator: Endpoint,
    /// The other side.
    pub responder: Endpoint,
    /// TCP or UDP.
    pub transport: Transport,
    /// The path of its first packet.
    pub path: u16,
    /// Packets by side.
    pub packets: [u32; 2],
    /// Wire bytes by side.
    pub bytes: [u64; 2],
    /// Payload bytes by side.
    pub payload: [u64; 2],
    /// First packet.
    pub first: Timestamp,
    /// Last packet.
    pub last: Timestamp,
    /// TCP whose SYN was not seen.
    pub midstream: bool,
    /// A FIN was seen.
    pub fin: bool,
    /// A RST was seen.
    pub rst: bool,
    /// When the responder answered the SYN with a SYN-ACK.
    pub syn_ack: Option<Timestamp>,
    /// The responder sent an RST.
    pub refused: bool,
}

/// A flow that left the table.
#[derive(Debug)]
pub struct Ended<S> {
    /// Its last state.
    pub flow: Flow,
    /// What the room above kept for it.
    pub state: Option<S>,
    /// Why it left.
    pub cause: EndCause,
}

/// How often the table did what an operator must know of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableCounters {
    /// Flows opened.
    pub opened: u64,
    /// One-packet flows pushed out by the cap.
    pub evicted_probation: u64,
    /// Other flows pushed out by the cap.
    pub evicted_protected: u64,
    /// Flows with state that ended to make room for the state of others.
    pub evicted_states: u64,
    /// States refused by the cap.
    pub states_refused: u64,
}
