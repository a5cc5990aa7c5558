//! What a flow tells once it has ended, or so far: its record, the attempt that it was, the sums of an ordinary one.

use crate::base::Transport;
use crate::event::{Answer, Counters, EndReason, FlowRecord, FlowState, Knock, Label, Opens};
use crate::flow::{EndCause, Flow};
use crate::ledger::PlainFlow;

/// What an ordinary flow tells of its hosts.
pub const fn plain(flow: &Flow) -> PlainFlow {
    PlainFlow {
        ends: [flow.originator, flow.responder],
        transport: flow.transport,
        packets: flow.packets,
        bytes: flow.bytes,
        payload: flow.payload,
        opens: None,
        first: flow.first,
        last: flow.last,
    }
}

/// What a TCP flow says of the port it went to. Without a SYN nobody knows who called whom.
pub fn knock(flow: &Flow) -> Option<Knock> {
    if flow.transport != Transport::Tcp || flow.midstream {
        return None;
    }
    let [from, back] = flow.packets;
    // A port is open when it accepts, not for as long as an accepted connection lasts.
    let (answer, first, last) = match (flow.syn_ack, flow.refused) {
        // What follows the SYN-ACK shows that it arrived outside, be it an acknowledgement or a scanner's RST.
        (Some(at), _) if from > 1 => (Answer::Accepted, at, at),
        (None, true) => (Answer::Refused, flow.first, flow.last),
        (None, false) if back == 0 => (Answer::Silence, flow.first, flow.last),
        _ => return None,
    };
    Some(Knock {
        target: flow.responder,
        transport: flow.transport,
        source: flow.originator.address,
        answer,
        attempts: if answer == Answer::Accepted { 1 } else { u64::from(from) },
        first,
        last,
    })
}

/// What an ended flow was opened with, given what its first bytes were named; nothing where nobody was let in.
pub fn opened_with(flow: &Flow, accepted: bool, named: Option<Opens>) -> Option<Opens> {
    match (flow.transport, flow.payload) {
        (Transport::Tcp, _) if !accepted => None,
        (Transport::Tcp, [0, _]) => Some(Opens::Nothing),
        _ => Some(named.unwrap_or(Opens::Unknown)),
    }
}

pub fn end_reason(flow: &Flow, cause: EndCause) -> EndReason {
    match cause {
        EndCause::Evicted => EndReason::Evicted,
        _ if flow.rst => EndReason::Rst,
        _ if flow.fin => EndReason::Fin,
        EndCause::Idle => EndReason::Idle,
        EndCause::Finished => EndReason::Eof,
    }
}

pub fn record(flow: &Flow, reason: EndReason) -> FlowRecord {
    let side = |i: usize| Counters {
        packets: u64::from(flow.packets.get(i).copied().unwrap_or_default()),
        bytes: flow.bytes.get(i).copied().unwrap_or_default(),
        payload: flow.payload.get(i).copied().unwrap_or_default(),
    };
    let one_way = flow.packets.contains(&0);
    FlowRecord {
        originator: flow.originator,
        responder: flow.responder,
        transport: flow.transport,
        path: flow.path,
        sent: [side(0), side(1)],
        start: flow.first,
        end: flow.last,
        last_stretch: [None; 2],
        state: match (flow.fin || flow.rst, one_way) {
            (true, _) => FlowState::Closed,
            (false, true) => FlowState::New,
            (false, false) => FlowState::Established,
        },
        reason,
        midstream: flow.midstream,
        one_way,
        label: Label::default(),
        opaque: Default::default(),
        trace: None,
    }
}
