//! The bytes of one connection, TCP or uTP: what its first bytes are, and who reads the rest.

mod beginning;

use super::http::{Http, Outcome};
use super::mse::Exchange;
use super::peer_wire::{Context, PeerSide, Peers};
use super::websocket::WebSocket;
use super::{Dissector, Packet, Sink};
use crate::base::Direction;
use crate::event::Opaque;
use crate::flow::Piece;
use crate::wire::handshake;

/// A stream that begins as something of no interest is left alone after so many bytes: a forged first segment that the
/// receiver never took must not hide the true one behind it.
const KNOWN_AFTER: u16 = 512;

/// Who reads a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// Nobody yet: the exchange keeps its first bytes.
    Opening,
    /// Peer wire.
    Peer,
    /// HTTP.
    Http,
    /// WebSocket.
    WebSocket,
    /// Nobody can: only lengths count.
    Opaque,
}

/// Who reads both directions of a stream that began as HTTP.
#[derive(Debug)]
enum Web {
    Http(Http),
    WebSocket(Box<WebSocket>),
}

/// The stream dissector.
#[derive(Debug)]
pub struct Stream {
    sides: [Side; 2],
    /// The sides that are read as peer wire.
    peers: Option<Box<Peers>>,
    /// What is known of an exchange that cannot be read; nothing from when the stream is proven to be the peer wire, except first
    /// bytes of the other side that do not tell yet what they are.
    exchange: Option<Box<Exchange>>,
    web: Option<Box<Web>>,
    /// Bytes of both directions so far, as far as it matters.
    carried: u16,
    started: [bool; 2],
    midstream: bool,
    /// The first bytes are of something known that is of no interest, or were made to look so.
    known: bool,
    /// One side opened with what looks like a key, and the other is not seen: clear messages may follow.
    veiled: bool,
    done: bool,
}

impl Stream {
    /// A stream whose beginning was seen, or one joined in the middle.
    pub fn new(midstream: bool) -> Self {
        Self {
            sides: [Side::Opening; 2],
            started: [false; 2],
            peers: None,
            exchange: None,
            web: None,
            carried: 0,
            midstream,
            known: false,
            veiled: false,
            done: false,
        }
    }

    /// Whether no byte of this side was taken yet.
    pub fn untouched(&self, side: Direction) -> bool {
        self.started.get(side.index()).is_none_or(|s| !s)
    }

    /// Whether the stream holds nothing more of interest.
    pub const fn is_done(&self) -> bool {
        self.done
    }

    /// Whether bytes are still read, and not only lengths.
    pub fn wants_bytes(&self) -> bool {
        let read = self.known || !self.sides.iter().all(|s| matches!(s, Side::Opaque));
        !self.done && (read || (self.midstream && self.exchange.as_ref().is_none_or(|e| e.wants_sample())))
    }

    /// Whether the peer wire was proven on it.
    pub fn is_peer_wire(&self) -> bool {
        self.peers.as_ref().is_some_and(|peers| peers.is_proven())
    }

    /// What can be said of it when it cannot be read.
    pub fn opaque(&self) -> Opaque {
        if let Some(Web::Http(http)) = self.web.as_deref() {
            let (client_range, file_size) = (http.is_client_range(), http.file_size());
            return Opaque { client_range, file_size, ..Opaque::default() };
        }
        if self.is_peer_wire() || self.web.is_some() {
            Opaque::default()
        } else {
            self.exchange.as_ref().map_or_else(Opaque::default, |exchange| exchange.opaque())
        }
    }

    /// Takes the next bytes of a direction.
    pub fn piece(
        &mut self,
        dissector: &mut Dissector,
        packet: &Packet,
        from: Direction,
        piece: Piece<'_>,
        sink: &mut dyn Sink,
    ) {
        if self.done {
            return;
        }
        if let Some(started) = self.started.get_mut(from.index()) {
            *started = true;
        }
        self.carried = self.carried.saturating_add(u16::try_from(len_of(piece)).unwrap_or(u16::MAX));
        self.count(from, piece);
        match from.of(self.sides) {
            Side::Opening => self.open(dissector, packet, from, piece, sink),
            Side::Peer => {
                let peers = self.peers.get_or_insert_default();
                peers.piece(&mut Context { from, metadata: &dissector.metadata, sink }, piece);
                self.done |= peers.is_foreign();
                if peers.is_hopeless(from) {
                    // What it keeps for its search goes too.
                    peers.begin(from, PeerSide::from_middle());
                    self.set(from, Side::Opaque);
                }
            }
            Side::Http => self.http(dissector, packet, from, piece, sink),
            Side::WebSocket => {
                if let Some(Web::WebSocket(websocket)) = self.web.as_deref_mut() {
                    websocket.piece(from, piece, sink);
                    self.done |= websocket.is_lost();
                }
            }
            Side::Opaque => {}
        }
        self.unveil(from, sink);
        self.settle();
    }

    /// Takes the next bytes of a direction if nobody looks at them: the inside of a body or of a block.
    pub fn passes_over(&mut self, from: Direction, len: u32) -> bool {
        if self.done || self.known || self.veiled {
            return false;
        }
        let passed = match from.of(self.sides) {
            Side::Peer => self.peers.as_mut().is_some_and(|peers| peers.passes_over(from, len)),
            Side::Http => match self.web.as_deref_mut() {
                Some(Web::Http(http)) => http.passes_over(from, len),
                Some(Web::WebSocket(_)) | None => false,
            },
            Side::Opening | Side::WebSocket | Side::Opaque => false,
        };
        if passed {
            self.carried = self.carried.saturating_add(u16::try_from(len).unwrap_or(u16::MAX));
        }
        passed
    }

    /// Reads other first bytes of a direction, which the receiver may have taken instead of those seen before.
    pub fn read_again(
        &mut self,
        dissector: &mut Dissector,
        packet: &Packet,
        bytes: &[u8],
        sink: &mut dyn Sink,
    ) {
        self.done = false;
        self.known = false;
        self.set(packet.direction, Side::Opening);
        self.piece(dissector, packet, packet.direction, Piece::Data(bytes), sink);
    }

    /// Takes the length of a segment or packet of a direction, whether its bytes were read or not. `seq` is the TCP
    /// sequence number of its first byte.
    pub fn write(&mut self, from: Direction, seq: Option<u32>, wire_len: u32) {
        if self.done || self.is_peer_wire() || self.web.is_some() {
            return;
        }
        self.exchange().write(from, seq, wire_len);
        self.settle();
    }

    /// The stream has ended.
    pub fn finish(&mut self, dissector: &mut Dissector, sink: &mut dyn Sink) {
        for from in [Direction::FromOriginator, Direction::FromResponder] {
            if from.of(self.sides) == Side::Opening {
                let head = self.take_head(from);
                if head.starts_with(handshake::MAGIC) {
                    self.peer(dissector, from, PeerSide::from_start(), &head, sink);
                } else if !self.is_peer_wire() {
                    if self.exchange().is_random(from).is_none() {
                        self.exchange().opening(from, &head);
                    }
                    if self.may_turn_clear(from) {
                        self.after_key(dissector, from, &head, sink);
                    }
                }
            }
            if from.of(self.sides) == Side::Peer {
                let mut cx = Context { from, metadata: &dissector.metadata, sink };
                self.peers.get_or_insert_default().finish(&mut cx);
            }
            self.unveil(from, sink);
        }
    }

    /// Gives a direction to another reader; first bytes that are kept of it are of no use any longer.
    fn set(&mut self, from: Direction, side: Side) {
        self.take_head(from);
        if let Some(place) = self.sides.get_mut(from.index()) {
            *place = side;
        }
    }

    fn exchange(&mut self) -> &mut Exchange {
        self.exchange.get_or_insert_default()
    }

    /// Waits for more than these first bytes of a direction.
    fn wait(&mut self, from: Direction, head: &[u8]) {
        self.set(from, Side::Opening);
        self.exchange().keep_head(from, head.to_vec());
    }

    fn take_head(&mut self, from: Direction) -> Vec<u8> {
        self.exchange.as_mut().map_or_else(Vec::new, |exchange| exchange.take_head(from))
    }

    /// Takes note of bytes that nobody may be able to read.
    fn count(&mut self, from: Direction, piece: Piece<'_>) {
        if self.is_peer_wire() || self.web.is_some() {
            return;
        }
        match piece {
            Piece::Data(data) if self.midstream => self.exchange().sample(from, data),
            Piece::Gap(_) if self.midstream => {}
            _ => self.exchange().bytes(from, len_of(piece)),
        }
    }

    /// Decides whether anything can still come of the stream.
    fn settle(&mut self) {
        if self.is_peer_wire() && self.exchange.as_ref().is_some_and(|e| !e.keeps_heads()) {
            self.exchange = None;
        }
        let promising = |exchange: &Exchange| exchange.is_promising();
        let opaque = self.sides.iter().all(|s| matches!(s, Side::Opaque))
            && !self.exchange.as_deref().is_none_or(promising);
        self.done |= opaque || (self.known && self.carried > KNOWN_AFTER);
    }

    /// Gives a direction to the peer wire reader, beginning with these bytes.
    fn peer(
        &mut self,
        dissector: &mut Dissector,
        from: Direction,
        side: PeerSide,
        bytes: &[u8],
        sink: &mut dyn Sink,
    ) {
        self.set_peer(from, side);
        let peers = self.peers.get_or_insert_default();
        peers.piece(&mut Context { from, metadata: &dissector.metadata, sink }, Piece::Data(bytes));
        self.done |= peers.is_foreign();
    }

    fn set_peer(&mut self, from: Direction, side: PeerSide) {
        self.set(from, Side::Peer);
        self.peers.get_or_insert_default().begin(from, side);
    }

    fn set_websocket(&mut self) {
        self.web = Some(Box::new(Web::WebSocket(Box::default())));
        self.set_both(Side::WebSocket);
    }

    fn set_both(&mut self, side: Side) {
        self.set(Direction::FromOriginator, side);
        self.set(Direction::FromResponder, side);
    }

    fn http(
        &mut self,
        dissector: &mut Dissector,
        packet: &Packet,
        from: Direction,
        piece: Piece<'_>,
        sink: &mut dyn Sink,
    ) {
        let web = self.web.get_or_insert_with(|| Box::new(Web::Http(Http::default())));
        let Web::Http(http) = &mut **web else { return };
        match http.piece(dissector, from, piece, sink) {
            Outcome::Reading => {}
            Outcome::Finished => self.done = true,
            Outcome::WebSocket(rest) => {
                self.set_websocket();
                if !rest.is_empty() {
                    self.piece(dissector, packet, from, Piece::Data(&rest), sink);
                }
            }
            // A proxy was asked to connect and agreed: what follows is another stream.
            Outcome::Tunnel(rest) => {
                self.web = None;
                self.exchange = None;
                self.set_both(Side::Opening);
                if !rest.is_empty() {
                    self.piece(dissector, packet, from, Piece::Data(&rest), sink);
                }
            }
        }
    }
}

const fn len_of(piece: Piece<'_>) -> u64 {
    match piece {
        Piece::Data(data) => data.len() as u64,
        Piece::Gap(missing) => missing as u64,
    }
}
