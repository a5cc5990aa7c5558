//! What a worker keeps for a flow that is of interest.

use crate::base::{Direction, Timestamp};
use crate::dissect::Conversation;
use crate::event::{Draft, Trace};
use crate::flow::Flow;
use crate::frame::{Frame, Segment, Tcp};
use std::time::Duration;

/// A side that sends nothing for so long has paused.
const PAUSE: Duration = Duration::from_secs(300);

/// What a worker keeps for a flow that is of interest, within the 512 bytes that a labelled flow may take.
#[derive(Debug)]
pub struct Followed {
    pub label: Draft,
    last_stretch: [Stretch; 2],
    pub conversation: Conversation,
    /// Only where an explanation was asked for.
    pub trace: Option<Box<Trace>>,
}

/// First and last packet of the stretch in which a side sent last.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    /// [`Stretch::SILENT`] for a side that sent nothing since its flow is followed.
    first: Timestamp,
    /// Of a side that sent nothing: since when the flow is followed.
    last: Timestamp,
}

impl Stretch {
    const SILENT: Timestamp = Timestamp::MAX;
}

impl Followed {
    /// Of a flow that is followed from here on.
    pub fn new(since: Timestamp) -> Self {
        Self {
            label: Draft::default(),
            last_stretch: [Stretch { first: Stretch::SILENT, last: since }; 2],
            conversation: Conversation::default(),
            trace: None,
        }
    }

    /// Takes note of who sends. An RST is the kernel's, of a program that may be gone.
    pub fn sent(&mut self, frame: &Frame<'_>, direction: Direction) {
        let reset = matches!(frame.segment, Segment::Tcp(tcp) if tcp.has(Tcp::RST));
        if let (false, Some(stretch)) = (reset, self.last_stretch.get_mut(direction.index())) {
            let Stretch { first, last } = *stretch;
            *stretch = if first != Stretch::SILENT && frame.at.since(last) < PAUSE {
                Stretch { first, last: last.max(frame.at) }
            } else {
                Stretch { first: frame.at, last: frame.at }
            };
        }
    }

    /// Whether a packet tells nothing but that it was sent, and needs no dissector.
    pub fn passes_over(&mut self, frame: &Frame<'_>, direction: Direction) -> bool {
        match frame.segment {
            Segment::Tcp(tcp) if tcp.flags & (Tcp::SYN | Tcp::URG) == 0 && self.trace.is_none() => {
                self.conversation.passes_over(direction, tcp.seq, frame.payload_len)
            }
            Segment::Tcp(_) | Segment::Udp => false,
        }
    }

    /// When each side sent last. What a side sent before the flow was followed, it sent by then.
    pub fn last_stretch(&self, flow: &Flow) -> [Option<(Timestamp, Timestamp)>; 2] {
        let [a, b] = self.last_stretch;
        let [packets_a, packets_b] = flow.packets;
        [(a, packets_a), (b, packets_b)].map(|(Stretch { first, last }, packets)| {
            if first == Stretch::SILENT {
                (packets > 0).then_some((flow.first.min(last), last))
            } else {
                Some((first, last))
            }
        })
    }
}
