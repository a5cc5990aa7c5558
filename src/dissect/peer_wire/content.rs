//! What handshakes and messages of the peer wire state (BEP 3, 5, 6, 9, 10, 11, 21, 52, 54, 55; Azureus messaging), as facts.

use crate::base::{Direction, Endpoint, InfoHash};
use crate::dissect::metadata::MetadataStore;
use crate::dissect::sink::{Sink, named};
use crate::event::{Channel, ClientSource, Fact, Have, Kind, Reason, TorrentKey};
use crate::wire::extension::{self, Extension, Holepunch, HolepunchKind, Ids, Metadata};
use crate::wire::handshake::{Handshake, Pair};
use crate::wire::message::{Amp, AmpBody, AmpHandshake, Message};
use crate::wire::{client, other};

/// Peers told of one peer-exchange message.
const PEX_MAX: usize = 256;

/// What a direction needs of the world while it reads.
pub struct Context<'a> {
    pub from: Direction,
    pub metadata: &'a MetadataStore,
    pub sink: &'a mut dyn Sink,
}

impl Context<'_> {
    pub fn fact(&mut self, fact: Fact<'_>) {
        self.sink.fact(self.from, fact);
    }

    pub fn progress(&mut self, info_hash: Option<InfoHash>, have: Have) {
        self.fact(Fact::Progress { info_hash, have });
    }
}

/// What the two directions of a connection tell each other.
#[derive(Debug, Default)]
pub struct Shared {
    /// The torrent, once a handshake named it.
    pub info_hash: Option<InfoHash>,
    /// Bytes proved that this is the peer wire.
    pub proven: bool,
    /// Both sides are of another network that speaks the peer wire.
    pub foreign: bool,
    /// Hashes of BEP 52 were asked for, given or refused.
    merkle: bool,
    /// Which sides sent an extended handshake.
    extended: [bool; 2],
    /// The pieces that each side has, as far as its messages tell.
    have: [u32; 2],
    /// How many pieces the messages so far show that there are at least.
    reaches: u32,
    /// Of each side whose handshake was seen: whether it may speak Azureus messaging.
    azureus: [Option<bool>; 2],
    /// The handshakes, until both were seen and compared.
    handshakes: Option<Box<[Option<Handshake>; 2]>>,
    /// Extension ids that each side announced for messages *to* it (BEP 10).
    ids: [Ids; 2],
}

impl Shared {
    /// The count of the sender's pieces.
    #[expect(clippy::indexing_slicing, reason = "two counts, two directions")]
    pub fn have(&mut self, from: Direction) -> &mut u32 {
        &mut self.have[from.index()]
    }

    /// Messages proved the protocol where no handshake was seen.
    pub fn prove(&mut self, cx: &mut Context<'_>) {
        if !self.proven && self.azureus == [None, None] {
            self.proven = true;
            cx.fact(Fact::Identified { kind: Kind::PeerWire, reason: Reason::MessageChain });
        }
    }

    /// Whether a side may speak Azureus messaging: its handshake says so, or was not seen.
    pub fn may_be_azureus(&self, from: Direction) -> bool {
        from.of(self.azureus).unwrap_or(true)
    }

    /// Tells a handshake. One of Blizzard's downloader names the other network until the other side turns out to be none
    /// of it: a peer id is a claim, and a client must not hide behind it.
    pub fn handshake(&mut self, cx: &mut Context<'_>, handshake: &Handshake) {
        let seen = self.handshakes.get_or_insert_default().get_mut(cx.from.index());
        if let (Some(seen), Some(azureus)) = (seen, self.azureus.get_mut(cx.from.index())) {
            (*seen, *azureus) = (Some(*handshake), Some(handshake.reserved.azureus()));
        }
        if handshake.peer_id.is_some_and(|id| other::is_blizzard(&id.0)) {
            cx.fact(Fact::Identified { kind: Kind::Blizzard, reason: Reason::OtherMagic });
            self.foreign = !self.azureus.contains(&None) && !self.proven;
            return;
        }
        self.proven = true;
        self.info_hash.get_or_insert(handshake.info_hash);
        cx.fact(Fact::Identified { kind: Kind::PeerWire, reason: Reason::Handshake });
        cx.fact(Fact::Handshake {
            info_hash: handshake.info_hash,
            peer_id: handshake.peer_id,
            reserved: handshake.reserved.0,
        });
        if let Some(name) = handshake.peer_id.and_then(|id| client::from_peer_id(&id.0)) {
            cx.fact(Fact::Client(&named(&name, ClientSource::PeerId)));
        }
        self.compare(cx);
    }

    /// Two handshakes of one hybrid torrent name both of its keys (BEP 52): the initiator's and the responder's.
    fn compare(&mut self, cx: &mut Context<'_>) {
        let Some([Some(one), Some(two)]) = self.handshakes.as_deref() else { return };
        let (one, two) = (*one, *two);
        // On a proven stream there is no third.
        self.handshakes = None;
        // Which side of a uTP connection began it is not known here; only an initiator offers what a responder takes.
        for pair in [Pair::of(&one, &two), Pair::of(&two, &one)] {
            if let Pair::Upgraded { v1, v2 } = pair {
                cx.fact(Fact::OtherKey { info_hash: v1, key: TorrentKey::Swarm(v2) });
                return;
            }
        }
    }

    /// Tells a message.
    pub fn message(&mut self, cx: &mut Context<'_>, message: &Message<'_>) {
        if !self.proven && self.azureus != [None, None] {
            return; // the other network's
        }
        match *message {
            Message::Have { piece } => {
                self.reach(cx, piece.saturating_add(1));
                self.gained(cx, 1);
            }
            // Nobody proposes a piece that the torrent does not have (BEP 6).
            Message::Suggest { piece } | Message::AllowedFast { piece } => {
                self.reach(cx, piece.saturating_add(1));
            }
            Message::HashRequest(_) | Message::Hashes { .. } | Message::HashReject(_) => self.hashes(cx),
            Message::Bitfield(bits) => {
                let have = bits.iter().map(|b| b.count_ones()).sum();
                *self.have(cx.from) = have;
                let last = (1u32..).zip(bits).filter(|(_, b)| **b != 0).last();
                let reaches = last.map_or(0, |(n, b)| n.saturating_mul(8).saturating_sub(b.trailing_zeros()));
                self.reaches = self.reaches.max(reaches);
                self.extent(cx, bits.len());
                cx.progress(self.info_hash, Have::Pieces(have));
            }
            Message::Piece { piece, length, .. } => {
                self.reach(cx, piece.saturating_add(1));
                cx.fact(Fact::Pieces { info_hash: self.info_hash, bytes: u64::from(length) });
            }
            Message::Port(port) => cx.fact(Fact::Listens { port, channel: Channel::Dht }),
            Message::HaveAll => cx.progress(self.info_hash, Have::All),
            Message::HaveNone => *self.have(cx.from) = 0,
            Message::Extended { id, payload } => self.extended(cx, id, payload),
            Message::KeepAlive
            | Message::Choke
            | Message::Unchoke
            | Message::Interested
            | Message::NotInterested
            | Message::Request(_)
            | Message::Cancel(_)
            | Message::Reject(_)
            | Message::Skipped(_) => {}
        }
    }

    /// Tells a message of Azureus messaging.
    pub fn azureus(&mut self, cx: &mut Context<'_>, message: &Amp<'_>) {
        match message.body() {
            AmpBody::Peer(message) => self.message(cx, &message),
            AmpBody::Handshake(hello) => azureus_handshake(cx, &hello),
            AmpBody::Have(pieces) => self.gained(cx, pieces),
            AmpBody::Peers(peers) => {
                let endpoints: Vec<Endpoint> = peers.added().take(PEX_MAX).collect();
                cx.fact(Fact::Peers {
                    info_hash: Some(peers.info_hash),
                    channel: Channel::Pex,
                    endpoints: &endpoints,
                });
            }
            AmpBody::Metadata(metadata) => self.metadata(cx, metadata),
            AmpBody::Other => {}
        }
    }

    /// Tells how many pieces there may be by a bitfield of so many bytes.
    pub fn extent(&self, cx: &mut Context<'_>, bytes: usize) {
        let at_most = u32::try_from(bytes).ok().and_then(|n| n.checked_mul(8));
        if let (Some(info_hash), Some(_)) = (self.info_hash, at_most) {
            cx.fact(Fact::Extent { info_hash, at_least: self.reaches, at_most });
        }
    }

    /// Takes note that there are so many pieces at least; told when it is more than before.
    fn reach(&mut self, cx: &mut Context<'_>, pieces: u32) {
        if let (Some(info_hash), true) = (self.info_hash, pieces > self.reaches) {
            self.reaches = pieces;
            cx.fact(Fact::Extent { info_hash, at_least: pieces, at_most: None });
        }
    }

    /// Takes note that the torrent has hashes of BEP 52; told once.
    fn hashes(&mut self, cx: &mut Context<'_>) {
        if let (Some(info_hash), false) = (self.info_hash, self.merkle) {
            self.merkle = true;
            cx.fact(Fact::MerkleHashes { info_hash });
        }
    }

    fn gained(&mut self, cx: &mut Context<'_>, pieces: u32) {
        let have = self.have(cx.from);
        *have = have.saturating_add(pieces);
        let have = *have;
        cx.progress(self.info_hash, Have::Pieces(have));
    }

    fn extended(&mut self, cx: &mut Context<'_>, id: u8, payload: &[u8]) {
        if id == 0 {
            return self.extended_handshake(cx, payload);
        }
        // The number is the receiver's (BEP 10); where its handshake was not seen, the payload's form must tell.
        let to = cx.from.reverse();
        let receiver = self.ids.get(to.index()).filter(|_| to.of(self.extended));
        let message = match receiver {
            Some(ids) => ids.name_of(id).and_then(|name| {
                let mut unread = |reason| cx.fact(Fact::Malformed { kind: Kind::PeerWire, reason });
                extension::parse(name, payload).map_err(|reason| unread(reason.label())).ok()
            }),
            None => extension::guess(payload),
        };
        match message {
            Some(Extension::Pex(pex)) => {
                let endpoints: Vec<Endpoint> =
                    pex.added().chain(pex.added6()).map(|(e, _)| e).take(PEX_MAX).collect();
                if !endpoints.is_empty() {
                    cx.fact(Fact::Peers {
                        info_hash: self.info_hash,
                        channel: Channel::Pex,
                        endpoints: &endpoints,
                    });
                }
            }
            Some(Extension::Metadata(metadata)) => self.metadata(cx, metadata),
            // No peer is where none was found.
            Some(Extension::Holepunch(Holepunch { kind: HolepunchKind::Error(_), .. })) => {}
            Some(Extension::Holepunch(message)) => {
                let endpoints = &[message.peer];
                cx.fact(Fact::Peers { info_hash: self.info_hash, channel: Channel::Holepunch, endpoints });
            }
            // The piece will be announced anew once it is there again.
            Some(Extension::DontHave { .. }) => {
                let have = self.have(cx.from);
                *have = have.saturating_sub(1);
            }
            Some(Extension::UploadOnly(on)) => {
                cx.fact(Fact::UploadOnly { info_hash: self.info_hash, on });
            }
            Some(Extension::ShareMode(_) | Extension::Other(_)) | None => {}
        }
    }

    fn metadata(&self, cx: &mut Context<'_>, metadata: Metadata<'_>) {
        if let (Metadata::Data { piece, total_size, bytes }, Some(info_hash)) = (metadata, self.info_hash) {
            let store = cx.metadata;
            store.piece(info_hash, piece, total_size, bytes, |fact| cx.fact(fact));
        }
    }

    fn extended_handshake(&mut self, cx: &mut Context<'_>, payload: &[u8]) {
        let hello = match extension::parse_handshake(payload) {
            Ok(hello) => hello,
            Err(reason) => {
                cx.fact(Fact::Malformed { kind: Kind::PeerWire, reason: reason.label() });
                return;
            }
        };
        let side = cx.from.index();
        if let (Some(ids), Some(extended)) = (self.ids.get_mut(side), self.extended.get_mut(side)) {
            ids.update(&hello.ids);
            *extended = true;
        }
        if let Some(name) = hello.v.and_then(client::from_extended) {
            cx.fact(Fact::Client(&named(&name, ClientSource::Extended)));
        }
        if let Some(port) = hello.port.filter(|&p| p != 0) {
            cx.fact(Fact::Listens { port, channel: Channel::PeerWire });
        }
        if let Some(address) = hello.your_ip {
            cx.fact(Fact::ExternalAddress { address, port: None, channel: Channel::PeerWire });
        }
        if let Some(on) = hello.upload_only {
            cx.fact(Fact::UploadOnly { info_hash: self.info_hash, on });
        }
    }
}

fn azureus_handshake(cx: &mut Context<'_>, hello: &AmpHandshake<'_>) {
    let text = hello.client.map(|name| [name, hello.version.unwrap_or_default()].join(&b' '));
    if let Some(name) = text.and_then(|text| client::from_extended(&text)) {
        cx.fact(Fact::Client(&named(&name, ClientSource::Extended)));
    }
    if let Some(port) = hello.tcp_port {
        cx.fact(Fact::Listens { port, channel: Channel::PeerWire });
    }
}
