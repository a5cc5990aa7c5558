//! The first bytes of a direction: which reader they choose, and what becomes of those that choose none.

use super::{Side, Stream};
use crate::base::{Direction, InfoHashV2};
use crate::dissect::opening::{OPENING_MAX, Opened, opened};
use crate::dissect::peer_wire::PeerSide;
use crate::dissect::{Dissector, Packet, Sink, opens};
use crate::event::{Channel, Encryption, Fact, Kind, Reason, TorrentKey};
use crate::flow::Piece;
use crate::wire::{handshake, mse, names, tls};

impl Stream {
    /// Takes bytes of a direction of which is not known yet what it is.
    pub(super) fn open(
        &mut self,
        dissector: &mut Dissector,
        packet: &Packet,
        from: Direction,
        piece: Piece<'_>,
        sink: &mut dyn Sink,
    ) {
        let head = self.take_head(from);
        let data = match piece {
            Piece::Data(data) => data,
            Piece::Gap(_) => {
                // The beginning is lost: what follows may still be peer messages.
                self.exchange().opening(from, &head);
                if head.starts_with(handshake::MAGIC) {
                    self.peer(dissector, from, PeerSide::from_start(), &head, sink);
                    self.piece(dissector, packet, from, piece, sink);
                } else {
                    self.set_peer(from, PeerSide::from_middle());
                }
                return;
            }
        };
        // The usual case needs no copy: the first segment tells.
        let joined;
        let whole = if head.is_empty() {
            data
        } else {
            joined = [head.as_slice(), data].concat();
            &joined
        };
        let opened = opened(whole, self.midstream);
        self.opened(dissector, packet, from, opened, whole, sink);
    }

    fn opened(
        &mut self,
        dissector: &mut Dissector,
        packet: &Packet,
        from: Direction,
        opened: Opened,
        head: &[u8],
        sink: &mut dyn Sink,
    ) {
        if from == Direction::FromOriginator
            && !self.midstream
            && let Some(opens) = opens::stream(&opened, head)
        {
            sink.fact(from, Fact::Opens(opens));
        }
        match opened {
            Opened::Wait => self.wait(from, head),
            Opened::Handshake(at) => {
                self.peer(dissector, from, PeerSide::from_start(), head.get(at..).unwrap_or_default(), sink);
            }
            Opened::Http => {
                self.set(from, Side::Http);
                self.http(dissector, packet, from, Piece::Data(head), sink);
            }
            Opened::WebSocket => {
                self.set_websocket();
                self.piece(dissector, packet, from, Piece::Data(head), sink);
            }
            Opened::Tls(name) => {
                let name = name.and_then(|n| String::from_utf8(n).ok());
                if let Some(named) = name.as_deref().and_then(tls::torrent_sni) {
                    let info_hash = named.info_hash();
                    sink.fact(from, Fact::Identified { kind: Kind::PeerWire, reason: Reason::TorrentSni });
                    sink.fact(from, Fact::Torrent { info_hash, channel: Channel::Tls });
                    if let tls::TorrentSni::V2(whole) = named {
                        let key = TorrentKey::V2(InfoHashV2(whole));
                        sink.fact(from, Fact::OtherKey { info_hash, key });
                    }
                }
                if name.is_some_and(|name| names::is_torrent_name(name.as_bytes())) {
                    sink.fact(from, Fact::Hint(Reason::NameHint));
                }
                self.done = true;
            }
            Opened::Other(kind) => {
                sink.fact(from, Fact::Identified { kind, reason: Reason::OtherMagic });
                self.done = true;
            }
            Opened::Known => {
                self.known = true;
                self.set(from, Side::Opaque);
            }
            Opened::Unknown => self.unknown(dissector, from, head, sink),
        }
    }

    /// First bytes that nothing is known of: an MSE exchange, the middle of a peer stream, or none of our business.
    fn unknown(&mut self, dissector: &mut Dissector, from: Direction, head: &[u8], sink: &mut dyn Sink) {
        if self.is_peer_wire() || self.midstream {
            return self.peer(dissector, from, PeerSide::from_middle(), head, sink);
        }
        if let Some(at) = mse::find_clear_handshake(head) {
            return self.clear_after_mse(dissector, from, at, head, sink);
        }
        // Randomness is judged once, when a whole key is there; then only the search for a clear handshake goes on.
        if head.len() >= mse::KEY && self.exchange().is_random(from).is_none() {
            self.exchange().opening(from, head);
        }
        let may_be_mse = self.exchange().is_random(from) != Some(false);
        if may_be_mse && head.len() < OPENING_MAX {
            self.wait(from, head);
        } else if self.may_turn_clear(from) {
            self.after_key(dissector, from, head, sink);
        } else {
            self.set(from, Side::Opaque);
        }
    }

    /// Whether this side opened with what looks like a key and nothing of the other is seen, whose clear handshake would tell
    /// that plaintext was selected.
    pub(super) fn may_turn_clear(&mut self, from: Direction) -> bool {
        !self.midstream && self.untouched(from.reverse()) && self.exchange().is_random(from) == Some(true)
    }

    /// Looks for clear messages behind a key exchange of which one side is seen: in that they are like those of a stream
    /// joined in the middle.
    pub(super) fn after_key(
        &mut self,
        dissector: &mut Dissector,
        from: Direction,
        head: &[u8],
        sink: &mut dyn Sink,
    ) {
        self.veiled = true;
        self.peer(dissector, from, PeerSide::from_middle(), head, sink);
    }

    /// Tells what the opening was once clear messages followed it.
    pub(super) fn unveil(&mut self, from: Direction, sink: &mut dyn Sink) {
        if self.veiled && self.is_peer_wire() {
            self.veiled = false;
            sink.fact(from, Fact::Encrypted(Encryption::MsePlaintext));
        }
    }

    /// MSE that selected plaintext (R-MSE-4): the responder's handshake is clear, and so is all framing from here on.
    fn clear_after_mse(
        &mut self,
        dissector: &mut Dissector,
        from: Direction,
        at: usize,
        head: &[u8],
        sink: &mut dyn Sink,
    ) {
        sink.fact(from, Fact::Identified { kind: Kind::PeerWire, reason: Reason::MsePlaintext });
        sink.fact(from, Fact::Encrypted(Encryption::MsePlaintext));
        self.peers.get_or_insert_default().set_proven();
        self.peer(dissector, from, PeerSide::from_start(), head.get(at..).unwrap_or_default(), sink);
        // The initiator's handshake travelled encrypted as the initial payload; its framing is clear after burst 3.
        let other = from.reverse();
        let clear_from = self.exchange().initiator_clear_from();
        match other.of(self.sides) {
            Side::Opening => {
                let head = self.take_head(other);
                let rest = head.get(clear_from..).unwrap_or_default().to_vec();
                self.peer(dissector, other, PeerSide::from_boundary(), &rest, sink);
            }
            Side::Opaque => self.set_peer(other, PeerSide::from_middle()),
            Side::Peer | Side::Http | Side::WebSocket => {}
        }
    }
}
