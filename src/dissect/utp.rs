//! uTP (BEP 29), recognised by the consistency of a flow and never by the look of one header.
//!
//! Three per cent of ordinary UDP flows hold a packet that looks like a uTP header. Proof is: a SYN answered with its own
//! connection id and sequence number; ids and numbers that pair up in both directions; or, where only one side is seen,
//! timestamps that run with the capture's clock while the numbers step as they must (R-UTP-2).

use super::stream::Stream;
use super::{Conversation, Datagram, Dissector, Packet, Sink};
use crate::base::{Direction, Timestamp};
use crate::event::{Fact, Kind, Opaque, Opening, Reason};
use crate::flow::{Piece, UtpOrder};
use crate::wire::utp::{self, Kind as PacketKind};
use crate::wire::{Guess, handshake};

/// uTP connections followed on one pair of endpoints.
const CONNECTIONS: usize = 8;
/// An answer to a SYN comes within this time.
const SYN_ANSWER_SECS: i64 = 6;
/// Packets that a side must acknowledge after its first acknowledgement before it is said to hear the other.
const HEARD_FROM: u16 = 2;
/// How far an acknowledgement may lie behind what the other side sent.
const ACK_DISTANCE: u16 = 1_000;

/// Whether a datagram begins as a uTP version 1 header does: type 0 to 4, a known extension, twenty bytes.
pub const fn may_be(bytes: &[u8]) -> bool {
    matches!(bytes, [0x01 | 0x11 | 0x21 | 0x31 | 0x41, 0..=3, ..]) && bytes.len() >= 20
}

/// One side of a connection.
#[derive(Debug, Default)]
struct Half {
    /// The id in the packets it sends.
    id: Option<u16>,
    /// The highest sequence number it sent, and the packets so far, at most 255.
    seq: u16,
    packets: u8,
    /// Its clock, until both directions prove the connection.
    slope: Option<Box<Slope>>,
    /// The first packet it acknowledged, and whether it was told that it acknowledges more.
    first_ack: Option<u16>,
    hears: bool,
    order: UtpOrder,
}

/// Whether a sender's clock runs with the capture's.
#[derive(Debug)]
struct Slope {
    /// Its first packet's clock: its timestamp and the capture's.
    first: (u32, Timestamp),
    last_at: Timestamp,
    /// Packets whose clock and number fit the ones before, and those that do not.
    steps: u32,
    misfits: u32,
}

#[derive(Debug)]
struct Connection {
    /// Who sent the SYN, its sequence number and when.
    syn: Option<(Direction, u16, Timestamp)>,
    halves: [Half; 2],
    /// Both directions agree, and how.
    two_way: Option<Reason>,
    /// What was told.
    proven: Option<Reason>,
    stream: Stream,
}

/// What is remembered of a flow that may carry uTP.
#[derive(Debug, Default)]
pub struct UtpConversation {
    connections: Vec<Connection>,
    headers: u8,
}

/// A datagram that passed [`may_be`]; tells whether it is (or may be) uTP.
pub fn datagram(
    dissector: &mut Dissector,
    packet: &Packet,
    datagram: &Datagram<'_>,
    conversation: &mut Conversation,
    sink: &mut dyn Sink,
) -> bool {
    let Ok(header) = utp::parse_cut(datagram.bytes, datagram.wire_len as usize) else { return false };
    if utp::recognise_cut(datagram.bytes, datagram.wire_len as usize) == Guess::No {
        return false;
    }
    let utp = conversation.utp.get_or_insert_default();
    utp.headers = utp.headers.saturating_add(1);
    utp.packet(dissector, packet, &header, sink);
    true
}

/// A datagram of a flow whose uTP is proven, with an extension that nobody knows: it is read all the same.
pub fn of_proven(
    dissector: &mut Dissector,
    packet: &Packet,
    datagram: &Datagram<'_>,
    conversation: &mut Conversation,
    sink: &mut dyn Sink,
) -> bool {
    let Some(utp) =
        conversation.utp.as_deref_mut().filter(|u| u.connections.iter().any(|c| c.proven.is_some()))
    else {
        return false;
    };
    if !matches!(datagram.bytes, [0x01 | 0x11 | 0x21 | 0x31 | 0x41, 4..=255, ..]) {
        return false;
    }
    let Ok(header) = utp::parse_verified(datagram.bytes, datagram.wire_len as usize) else { return false };
    let known = utp.find(packet.direction, &header).is_some();
    if known {
        utp.packet(dissector, packet, &header, sink);
    }
    known
}

impl UtpConversation {
    /// What can be said of what is not proven or not readable.
    pub fn opaque(&self) -> Opaque {
        let inner = self.connections.iter().map(|c| c.stream.opaque());
        let readable = self.connections.iter().any(|c| c.stream.is_peer_wire());
        let mut opaque = inner.max_by_key(|o| (o.opening, o.bursts_fit)).unwrap_or_default();
        if readable {
            opaque = Opaque::default();
        }
        let proven = self.connections.iter().any(|c| c.proven.is_some());
        let random = !readable && opaque.opening != Opening::Other;
        Opaque {
            opening: Opening::Other,
            bursts_fit: random && opaque.bursts_fit,
            utp_headers: if proven { 0 } else { self.headers },
            utp_random: random && proven,
            ..Opaque::default()
        }
    }

    /// Tells what waited for lost packets: the flow has ended.
    pub fn finish(&mut self, dissector: &mut Dissector, packet: &Packet, sink: &mut dyn Sink) {
        for connection in &mut self.connections {
            for from in [Direction::FromOriginator, Direction::FromResponder] {
                let stream = &mut connection.stream;
                if let Some(half) = connection.halves.get_mut(from.index()) {
                    half.order.finish(|piece| stream.piece(dissector, packet, from, piece, sink));
                }
            }
            connection.stream.finish(dissector, sink);
        }
    }

    fn packet(
        &mut self,
        dissector: &mut Dissector,
        packet: &Packet,
        header: &utp::Packet<'_>,
        sink: &mut dyn Sink,
    ) {
        let from = packet.direction;
        let at = self.find(from, header).unwrap_or_else(|| self.open(packet, header));
        let Some(connection) = self.connections.get_mut(at) else { return };
        connection.note(packet, header);
        if connection.hears(from, header) {
            sink.fact(from, Fact::Hears);
        }
        if let Some(reason) = connection.proof(from)
            && connection.proven != Some(reason)
            && connection.proven.is_none_or(|known| known == Reason::UtpOneWay)
        {
            connection.proven = Some(reason);
            sink.fact(from, Fact::Identified { kind: Kind::Utp, reason });
            if reason != Reason::UtpOneWay {
                sink.fact(from, Fact::TwoWay);
            }
        }
        if header.kind == PacketKind::Data {
            connection.data(dissector, packet, header, sink);
        }
    }

    /// The connection that a packet belongs to: by its id, or by the other side's id, from which it differs by one.
    fn find(&self, from: Direction, header: &utp::Packet<'_>) -> Option<usize> {
        let (mine, theirs) = (from.index(), from.reverse().index());
        self.connections.iter().position(|c| {
            let id = |i: usize| c.halves.get(i).and_then(|h| h.id);
            match (id(mine), id(theirs)) {
                (Some(id), _) if header.kind == PacketKind::Syn => id == header.connection.wrapping_add(1),
                (Some(id), _) => id == header.connection,
                (None, Some(other)) => near(other, header.connection),
                (None, None) => false,
            }
        })
    }

    fn open(&mut self, packet: &Packet, header: &utp::Packet<'_>) -> usize {
        if self.connections.len() >= CONNECTIONS {
            self.connections.remove(0);
        }
        let syn = header.kind == PacketKind::Syn;
        let mut halves = [Half::default(), Half::default()];
        if syn && let Some(answering) = halves.get_mut(packet.direction.reverse().index()) {
            answering.id = Some(header.connection);
        }
        // Nearly always the only one.
        self.connections.reserve_exact(1);
        self.connections.push(Connection {
            syn: syn.then_some((packet.direction, header.seq, packet.at)),
            halves,
            two_way: None,
            proven: None,
            stream: Stream::new(!syn),
        });
        self.connections.len() - 1
    }
}

const fn near(a: u16, b: u16) -> bool {
    matches!(a.wrapping_sub(b), 0 | 1 | u16::MAX)
}

impl Connection {
    fn note(&mut self, packet: &Packet, header: &utp::Packet<'_>) {
        let Some(half) = self.halves.get_mut(packet.direction.index()) else { return };
        let syn = header.kind == PacketKind::Syn;
        // A RESET may carry either side's id.
        if header.kind != PacketKind::Reset {
            half.id.get_or_insert(if syn { header.connection.wrapping_add(1) } else { header.connection });
        }
        if self.two_way.is_some() {
            half.slope = None;
        } else {
            half.clock(packet.at, header);
        }
        if half.packets == 0 || header.seq.wrapping_sub(half.seq) < 0x8000 {
            half.seq = header.seq;
        }
        half.packets = half.packets.saturating_add(1);
        if syn {
            half.order = UtpOrder::new(Some(header.seq.wrapping_add(1)));
        } else if header.kind == PacketKind::State
            && half.packets == 1
            && self.syn.is_some_and(|(initiator, ..)| initiator != packet.direction)
        {
            // Code and BEP 29 differ by one here: the first DATA has this number or the next.
            half.order = UtpOrder::default();
        }
        self.acknowledge(packet, header);
    }

    /// Whether the sender acknowledges more packets than at first: the other side sends, seen or not. True once.
    fn hears(&mut self, from: Direction, header: &utp::Packet<'_>) -> bool {
        let Some(half) = self.halves.get_mut(from.index()) else { return false };
        if half.hears || header.kind == PacketKind::Syn || self.proven.is_none() {
            return false;
        }
        let grown = header.ack.wrapping_sub(*half.first_ack.get_or_insert(header.ack));
        half.hears = (HEARD_FROM..ACK_DISTANCE).contains(&grown);
        half.hears
    }

    fn acknowledge(&mut self, packet: &Packet, header: &utp::Packet<'_>) {
        if self.proven.is_some_and(|r| r != Reason::UtpOneWay) {
            return;
        }
        if let Some((initiator, seq, at)) = self.syn
            && initiator != packet.direction
            && header.ack == seq
            && packet.at.0.saturating_sub(at.0) <= SYN_ANSWER_SECS * 1_000_000_000
        {
            self.two_way = Some(Reason::UtpSyn);
            return;
        }
        let other = packet.direction.reverse().index();
        let Some(other) = self.halves.get(other) else { return };
        let Some(mine) = self.halves.get(packet.direction.index()) else { return };
        let ids_pair =
            mine.id.zip(other.id).is_some_and(|(a, b)| a.wrapping_sub(b) == 1 || b.wrapping_sub(a) == 1);
        if ids_pair && other.packets > 0 && other.seq.wrapping_sub(header.ack) <= ACK_DISTANCE {
            self.two_way = Some(Reason::UtpTwoWay);
        }
    }

    /// What proves the connection by now.
    fn proof(&self, from: Direction) -> Option<Reason> {
        self.two_way.or_else(|| {
            let half = self.halves.get(from.index())?;
            let slope = half.slope.as_ref()?;
            (slope.steps >= 2 && slope.misfits == 0).then_some(Reason::UtpOneWay)
        })
    }

    fn data(
        &mut self,
        dissector: &mut Dissector,
        packet: &Packet,
        header: &utp::Packet<'_>,
        sink: &mut dyn Sink,
    ) {
        let from = packet.direction;
        // R-UTP-4: a handshake at the start of a DATA packet decides alone. Otherwise bytes are read only of what a SYN
        // opened or of what is proven: a chance header must not lend its payload the look of a stream.
        let handshake = header.payload.starts_with(handshake::MAGIC);
        if self.proven.is_none() && !handshake && self.syn.is_none() {
            return;
        }
        if self.proven.is_none() && handshake {
            self.proven = Some(Reason::UtpOneWay);
            sink.fact(from, Fact::Identified { kind: Kind::Utp, reason: Reason::Handshake });
        }
        let payload_len = u32::try_from(header.payload_len).unwrap_or(u32::MAX);
        let Some(half) = self.halves.get_mut(from.index()) else { return };
        let stream = &mut self.stream;
        if stream.wants_bytes() {
            half.order.push(header.seq, header.payload, payload_len, |piece: Piece<'_>| {
                stream.piece(dissector, packet, from, piece, sink);
            });
        }
        stream.write(from, None, payload_len);
    }
}

impl Half {
    /// The slope proof: the sender's microseconds run with the capture's, and its numbers step by little.
    fn clock(&mut self, at: Timestamp, header: &utp::Packet<'_>) {
        let Some(slope) = &mut self.slope else {
            let first = (header.timestamp_us, at);
            self.slope = Some(Box::new(Slope { first, last_at: at, steps: 0, misfits: 0 }));
            return;
        };
        if at < slope.last_at {
            return;
        }
        let (first, since) = slope.first;
        let theirs = f64::from(header.timestamp_us.wrapping_sub(first));
        let ours = at.since(since).as_secs_f64() * 1e6;
        let fits = (theirs - ours).abs() <= (ours * 0.2).max(20_000.0);
        let step = header.seq.wrapping_sub(self.seq);
        let steps = step <= 64 || step >= 0xffc0;
        if fits && steps && slope.last_at != at {
            slope.steps = slope.steps.saturating_add(1);
        } else if !(fits && steps) {
            slope.misfits = slope.misfits.saturating_add(1);
        }
        slope.last_at = at;
    }
}
