//! uTP (BEP 29), recognised by the consistency of a flow and never by the look of one header.
//!
//! Three per cent of ordinary UDP flows hold a packet that looks like a uTP header. Proof is: a SYN answered with its own
//! connection id and sequence number; ids and numbers that pair up in both directions; or, where only one side is seen,
//! timestamps that run with the capture's clock while the numbers step as they must (R-UTP-2).

use super::stream::Stream;
use super::{Conversation, Datagram, Dissector, Packet, Sink};
use crate::base::{Direction, Timestamp};
use crate::event::{Fact, Kind, Opaque, Opening, Reason};
use crate::flow::{Piece, UtpOrders};
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
    /// The first packet it acknowledged, and whether it was told that it acknowledges more.
    first_ack: Option<u16>,
    hears: bool,
}

/// What is needed of a connection until both directions prove it.
#[derive(Debug)]
struct Unproven {
    /// Who sent the SYN, its sequence number and when.
    syn: Option<(Direction, u16, Timestamp)>,
    /// The clock of each side.
    slopes: [Option<Slope>; 2],
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
    unproven: Option<Box<Unproven>>,
    halves: [Half; 2],
    orders: UtpOrders,
    /// Both directions agree, and how.
    two_way: Option<Reason>,
    /// What was told.
    proven: Option<Reason>,
    stream: Stream,
}

/// What is remembered of a flow that may carry uTP.
#[derive(Debug, Default)]
pub struct UtpConversation {
    /// Nearly always the only one.
    oldest: Option<Connection>,
    #[expect(clippy::box_collection, reason = "a pointer instead of three words, in every uTP flow")]
    later: Option<Box<Vec<Connection>>>,
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
    conversation.utp_headers = conversation.utp_headers.saturating_add(1);
    let utp = conversation.utp.get_or_insert_default();
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
    let Some(utp) = conversation.utp.as_deref_mut().filter(|u| u.is_proven()) else {
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
    /// What can be said of what is not proven or not readable, after so many headers.
    pub fn opaque(&self, headers: u8) -> Opaque {
        let inner = self.connections().map(|c| c.stream.opaque());
        let readable = self.connections().any(|c| c.stream.is_peer_wire());
        let mut opaque = inner.max_by_key(|o| (o.opening, o.bursts_fit)).unwrap_or_default();
        if readable {
            opaque = Opaque::default();
        }
        let proven = self.is_proven();
        let random = !readable && opaque.opening != Opening::Other;
        Opaque {
            opening: Opening::Other,
            bursts_fit: random && opaque.bursts_fit,
            utp_headers: if proven { 0 } else { headers },
            utp_random: random && proven,
            ..Opaque::default()
        }
    }

    /// Tells what waited for lost packets: the flow has ended.
    pub fn finish(&mut self, dissector: &mut Dissector, packet: &Packet, sink: &mut dyn Sink) {
        for Connection { orders, stream, .. } in self.connections_mut() {
            for from in [Direction::FromOriginator, Direction::FromResponder] {
                orders.finish(from, |piece| stream.piece(dissector, packet, from, piece, sink));
            }
            stream.finish(dissector, sink);
        }
    }

    /// From the oldest to the latest.
    fn connections(&self) -> impl Iterator<Item = &Connection> {
        self.oldest.iter().chain(self.later.iter().flat_map(|later| later.iter()))
    }

    fn connections_mut(&mut self) -> impl Iterator<Item = &mut Connection> {
        self.oldest.iter_mut().chain(self.later.iter_mut().flat_map(|later| later.iter_mut()))
    }

    fn is_proven(&self) -> bool {
        self.connections().any(|c| c.proven.is_some())
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
        let Some(connection) = self.connections_mut().nth(at) else { return };
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
        self.connections().position(|c| {
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
        let syn = header.kind == PacketKind::Syn;
        let mut halves = [Half::default(), Half::default()];
        if syn && let Some(answering) = halves.get_mut(packet.direction.reverse().index()) {
            answering.id = Some(header.connection);
        }
        let syn_sent = syn.then_some((packet.direction, header.seq, packet.at));
        self.add(Connection {
            unproven: Some(Box::new(Unproven { syn: syn_sent, slopes: [None, None] })),
            halves,
            orders: UtpOrders::default(),
            two_way: None,
            proven: None,
            stream: Stream::new(!syn),
        })
    }

    /// Takes a connection in, in place of the oldest where there are too many; tells its place.
    fn add(&mut self, connection: Connection) -> usize {
        if self.oldest.is_none() {
            self.oldest = Some(connection);
            return 0;
        }
        let later = self.later.get_or_insert_default();
        if later.len() + 1 >= CONNECTIONS {
            self.oldest = Some(later.remove(0));
        }
        later.reserve_exact(1);
        later.push(connection);
        later.len()
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
        if let Some(slope) = self.unproven.as_mut().and_then(|u| u.slopes.get_mut(packet.direction.index())) {
            half.clock(slope, packet.at, header);
        }
        if half.packets == 0 || header.seq.wrapping_sub(half.seq) < 0x8000 {
            half.seq = header.seq;
        }
        half.packets = half.packets.saturating_add(1);
        if syn {
            self.orders.begin(packet.direction, Some(header.seq.wrapping_add(1)));
        } else if header.kind == PacketKind::State
            && half.packets == 1
            && self.syn().is_some_and(|(initiator, ..)| initiator != packet.direction)
        {
            // Code and BEP 29 differ by one here: the first DATA has this number or the next.
            self.orders.begin(packet.direction, None);
        }
        self.two_way = self.two_way.or_else(|| self.agreement(packet, header));
        if self.two_way.is_some() {
            self.unproven = None;
        }
    }

    /// The SYN, where it was seen and both directions do not prove the connection yet.
    fn syn(&self) -> Option<(Direction, u16, Timestamp)> {
        self.unproven.as_ref()?.syn
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

    /// How a packet shows that both directions agree.
    fn agreement(&self, packet: &Packet, header: &utp::Packet<'_>) -> Option<Reason> {
        if let Some((initiator, seq, at)) = self.syn()
            && initiator != packet.direction
            && header.ack == seq
            && packet.at.0.saturating_sub(at.0) <= SYN_ANSWER_SECS * 1_000_000_000
        {
            return Some(Reason::UtpSyn);
        }
        let other = self.halves.get(packet.direction.reverse().index())?;
        let mine = self.halves.get(packet.direction.index())?;
        let ids_pair =
            mine.id.zip(other.id).is_some_and(|(a, b)| a.wrapping_sub(b) == 1 || b.wrapping_sub(a) == 1);
        let acknowledges = other.packets > 0 && other.seq.wrapping_sub(header.ack) <= ACK_DISTANCE;
        (ids_pair && acknowledges).then_some(Reason::UtpTwoWay)
    }

    /// What proves the connection by now.
    fn proof(&self, from: Direction) -> Option<Reason> {
        self.two_way.or_else(|| {
            let slope = self.unproven.as_ref()?.slopes.get(from.index())?.as_ref()?;
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
        if self.proven.is_none() && !handshake && self.syn().is_none() {
            return;
        }
        if self.proven.is_none() && handshake {
            self.proven = Some(Reason::UtpOneWay);
            sink.fact(from, Fact::Identified { kind: Kind::Utp, reason: Reason::Handshake });
        }
        let payload_len = u32::try_from(header.payload_len).unwrap_or(u32::MAX);
        let stream = &mut self.stream;
        if stream.wants_bytes() {
            self.orders.push(from, header.seq, header.payload, payload_len, |piece: Piece<'_>| {
                stream.piece(dissector, packet, from, piece, sink);
            });
        }
        stream.write(from, None, payload_len);
    }
}

impl Half {
    /// The slope proof: the sender's microseconds run with the capture's, and its numbers step by little.
    fn clock(&self, slope: &mut Option<Slope>, at: Timestamp, header: &utp::Packet<'_>) {
        let Some(slope) = slope else {
            let first = (header.timestamp_us, at);
            *slope = Some(Slope { first, last_at: at, steps: 0, misfits: 0 });
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
