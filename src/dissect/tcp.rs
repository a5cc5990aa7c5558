//! One TCP connection: both directions put in order and given to the stream dissector.

use super::stream::Stream;
use super::{Dissector, Packet, Sink, Verdict};
use crate::base::Direction;
use crate::event::{Fact, Opaque};
use crate::flow::{Assembler, Piece};
use crate::wire::handshake;

/// How far into a stream an urgent byte is tried both ways.
const URGENT_MAX: usize = 256;

/// Bytes that a side must acknowledge before it is said to hear the other: as many as a handshake has.
const HEARD_FROM: u32 = handshake::LEN as u32;

/// A segment as the flow's owner hands it in.
#[derive(Clone, Copy, Debug)]
pub struct TcpSegment<'a> {
    /// Sequence number of the first payload byte, or of the SYN.
    pub seq: u32,
    /// Acknowledgement number, where the ACK flag is set.
    pub ack: Option<u32>,
    /// SYN flag.
    pub syn: bool,
    /// Captured payload.
    pub payload: &'a [u8],
    /// Payload length on the wire.
    pub wire_len: u32,
    /// The originator's initial sequence number, where a SYN or SYN-ACK told it before any conversation was kept.
    pub originator_isn: Option<u32>,
    /// Whether a SYN or SYN-ACK of the connection was seen.
    pub syn_seen: bool,
    /// Whether the responder has sent payload before.
    pub answered: bool,
    /// The urgent pointer, where the URG flag is set.
    pub urgent: Option<u16>,
}

/// The state of one connection.
#[derive(Debug)]
pub struct TcpConversation {
    assemblers: [Assembler; 2],
    /// Sequence number of each direction's first byte, where the beginning was seen.
    starts: Numbers,
    stream: Stream,
    /// Whether data of this side was acknowledged by the other. Both ways it is told, once.
    acknowledged: [bool; 2],
    /// The first acknowledgement number of each side.
    first_acks: Numbers,
    hears_told: [bool; 2],
}

/// A number of each direction, where known; four bytes less than two options, twice in every connection.
#[derive(Debug, Default)]
struct Numbers {
    numbers: [u32; 2],
    known: [bool; 2],
}

impl Numbers {
    fn get(&self, of: Direction) -> Option<u32> {
        of.of(self.known).then(|| of.of(self.numbers))
    }

    fn set(&mut self, of: Direction, number: u32) {
        if let (Some(place), Some(known)) = (self.numbers.get_mut(of.index()), self.known.get_mut(of.index()))
        {
            (*place, *known) = (number, true);
        }
    }

    /// The number of a direction, which is this one where none was known.
    fn get_or_set(&mut self, of: Direction, number: u32) -> u32 {
        self.get(of).unwrap_or_else(|| {
            self.set(of, number);
            number
        })
    }
}

impl TcpConversation {
    /// A connection whose first segment of interest is this one.
    pub fn new(from: Direction, segment: &TcpSegment<'_>) -> Self {
        let originator = segment.originator_isn.map(|isn| isn.wrapping_add(1));
        // What the originator acknowledges before the responder's first byte is where that byte will be.
        let responder = segment
            .ack
            .filter(|_| segment.syn_seen && !segment.answered && from == Direction::FromOriginator);
        Self {
            assemblers: [Assembler::new(originator), Assembler::new(responder)],
            starts: Numbers {
                numbers: [originator, responder].map(Option::unwrap_or_default),
                known: [originator, responder].map(|start| start.is_some()),
            },
            stream: Stream::new(!segment.syn_seen),
            acknowledged: [false; 2],
            first_acks: Numbers::default(),
            hears_told: [false; 2],
        }
    }

    pub fn opaque(&self) -> Opaque {
        self.stream.opaque()
    }

    /// Takes a segment.
    pub fn segment(
        &mut self,
        dissector: &mut Dissector,
        packet: &Packet,
        segment: &TcpSegment<'_>,
        sink: &mut dyn Sink,
    ) -> Verdict {
        let from = packet.direction;
        // A SYN takes one number itself; with TCP Fast Open it may carry data (RFC 7413).
        let seq = segment.seq.wrapping_add(u32::from(segment.syn));
        let Some(assembler) = self.assemblers.get_mut(from.index()) else { return Verdict::Nothing };
        if segment.syn || segment.syn_seen {
            assembler.start_at(seq);
        }
        self.acknowledge(from, segment.ack, sink);
        if segment.wire_len == 0 {
            return self.verdict();
        }
        self.begins_elsewhere(from, segment, seq);
        if self.starts.get(from).is_none_or(|start| start == seq) {
            self.first_bytes(dissector, packet, segment, seq, sink);
        }
        let mut given = Vec::new();
        let begins = self.starts.get(from) == Some(seq) && segment.payload.starts_with(handshake::MAGIC);
        if self.stream.wants_bytes() {
            let Some(assembler) = self.assemblers.get_mut(from.index()) else { return Verdict::Nothing };
            let stream = &mut self.stream;
            assembler.push(seq, segment.payload, segment.wire_len, |piece| {
                if let (Piece::Data(data), true) = (piece, begins) {
                    given.extend_from_slice(data);
                }
                stream.piece(dissector, packet, from, piece, sink);
            });
        }
        let end = Some(seq.wrapping_add(segment.wire_len));
        let held_followed = self.assemblers.get(from.index()).is_some_and(|a| a.next() != end);
        if begins && held_followed && !self.stream.is_peer_wire() {
            // What was held before spoilt the stream that this segment began: read the segment, then what it led to.
            let rest = given.get(segment.payload.len()..).unwrap_or_default();
            let whole = [segment.payload, rest].concat();
            self.stream.read_again(dissector, packet, &whole, sink);
        }
        self.stream.write(from, Some(seq), segment.wire_len);
        self.verdict()
    }

    /// Takes a segment that was neither a SYN nor urgent if it tells nothing: an acknowledgement between sides that acknowledged
    /// each other before, the next bytes of what nobody looks at. `false` where [`Self::segment`] is to be asked.
    pub fn passes_over(&mut self, from: Direction, seq: u32, wire_len: u32) -> bool {
        // Both were seen to send: that one hears the other says nothing more then.
        if self.acknowledged != [true, true] {
            return false;
        }
        if wire_len == 0 {
            return true;
        }
        let Some(assembler) = self.assemblers.get_mut(from.index()) else { return false };
        let passed = assembler.is_next(seq)
            && self.starts.get(from).is_some_and(|start| start != seq)
            && self.stream.passes_over(from, wire_len);
        if passed {
            assembler.pass(wire_len);
        }
        passed
    }

    /// A handshake before anything else begins the direction wherever it stands: the SYN that said otherwise may have been
    /// forged so that its receiver never took it (a bad checksum, a TTL too low), after a RST of the same kind.
    fn begins_elsewhere(&mut self, from: Direction, segment: &TcpSegment<'_>, seq: u32) {
        let (Some(start), Some(assembler)) = (self.starts.get(from), self.assemblers.get_mut(from.index()))
        else {
            return;
        };
        if start != seq
            && assembler.next() == Some(start)
            && self.stream.untouched(from)
            && segment.payload.starts_with(handshake::MAGIC)
        {
            self.starts.set(from, seq);
            assembler.start_anew(seq);
        }
    }

    /// Looks at a segment at the very start of a direction once more: which of two copies the receiver took, and whether
    /// it counts the urgent byte (RFC 6093), depends on its system. A flow is what any of these readings makes it.
    fn first_bytes(
        &mut self,
        dissector: &mut Dissector,
        packet: &Packet,
        segment: &TcpSegment<'_>,
        seq: u32,
        sink: &mut dyn Sink,
    ) {
        let from = packet.direction;
        self.starts.get_or_set(from, seq);
        if self.stream.is_peer_wire() {
            return;
        }
        let untouched = self.stream.untouched(from);
        if !untouched && segment.payload.starts_with(handshake::MAGIC) {
            self.stream.read_again(dissector, packet, segment.payload, sink);
        }
        let Some(at) = segment.urgent.and_then(|p| usize::from(p).checked_sub(1)) else { return };
        if let Some((before, [_, after @ ..])) = segment.payload.split_at_checked(at)
            && at < URGENT_MAX
        {
            let without = [before, after].concat();
            if without.starts_with(handshake::MAGIC) {
                self.stream.read_again(dissector, packet, &without, sink);
            }
        }
    }

    pub fn finish(&mut self, dissector: &mut Dissector, packet: &Packet, sink: &mut dyn Sink) {
        for from in [Direction::FromOriginator, Direction::FromResponder] {
            let stream = &mut self.stream;
            if let Some(assembler) = self.assemblers.get_mut(from.index()) {
                assembler.finish(|piece: Piece<'_>| stream.piece(dissector, packet, from, piece, sink));
            }
        }
        self.stream.finish(dissector, sink);
    }

    /// Notes that `from` acknowledged what the other side sent: once both have, neither address was forged.
    fn acknowledge(&mut self, from: Direction, ack: Option<u32>, sink: &mut dyn Sink) {
        let other = from.reverse();
        if let Some(ack) = ack {
            self.hears(from, ack, sink);
        }
        if self.acknowledged == [true, true] || ack.is_none() {
            return;
        }
        let Some(next) = self.assemblers.get(other.index()).and_then(Assembler::next) else { return };
        if ack == Some(next)
            && !self.stream.untouched(other)
            && let Some(seen) = self.acknowledged.get_mut(other.index())
        {
            *seen = true;
        }
        if self.acknowledged == [true, true] {
            sink.fact(from, Fact::TwoWay);
        }
    }

    /// Notes that `from` acknowledges ever more: the other side sends, whether it is seen or not.
    fn hears(&mut self, from: Direction, ack: u32, sink: &mut dyn Sink) {
        let Some(told) = self.hears_told.get_mut(from.index()) else { return };
        let grown = ack.wrapping_sub(self.first_acks.get_or_set(from, ack));
        if !*told && (HEARD_FROM..1 << 31).contains(&grown) {
            *told = true;
            sink.fact(from, Fact::Hears);
        }
    }

    fn verdict(&self) -> Verdict {
        if self.stream.is_done() { Verdict::Done } else { Verdict::Follow }
    }
}
