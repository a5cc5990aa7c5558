//! The peer wire protocol of one direction (BEP 3, 5, 6, 10, 52): handshake, then messages by their lengths.
//!
//! Piece data is skipped by length and never copied. After a gap, or when the handshake was not seen, the framing is found
//! again by its arithmetic (R-PW-6 to R-PW-8): a place counts only when message after message begins exactly where the one
//! before says.

use super::Sink;
use super::metadata::MetadataStore;
use super::peer_chain::{self, BlockAt, HEADER_MAX};
use crate::base::{Direction, Endpoint, InfoHash};
use crate::event::{Channel, Client, ClientSource, Fact, Have, Kind, Reason};
use crate::flow::Piece;
use crate::wire::Parsed;
use crate::wire::client;
use crate::wire::extension::{self, Extension, Ids, Metadata};
use crate::wire::handshake::{self, Handshake};
use crate::wire::message::{self, Header, Id, Message};

/// Bytes scanned for a message boundary before a stream that was never proven is given up.
const SCAN_MAX: u64 = 96 * 1024;
/// Peers told of one peer-exchange message.
const PEX_MAX: usize = 256;
/// Messages in a row that prove a stream joined in the middle.
const CHAIN: u8 = 3;

/// What the two directions of a connection tell each other.
#[derive(Debug, Default)]
pub struct Shared {
    /// The torrent, once a handshake named it.
    pub info_hash: Option<InfoHash>,
    /// Bytes proved that this is the peer wire.
    pub proven: bool,
    /// Extension ids that each side announced for messages *to* it (BEP 10).
    ids: [Option<Ids>; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// At the start of the stream: the handshake comes first.
    Handshake,
    /// On a message boundary or inside a message. `sure` after enough messages in a row.
    Framed { sure: bool, chain: u8 },
    /// Looking for a boundary.
    Lost,
}

/// One direction.
#[derive(Debug)]
pub struct PeerSide {
    framing: Framing,
    /// The beginning of a message that is not complete yet.
    partial: Vec<u8>,
    /// Bytes of the current message still to pass over.
    skip: u32,
    /// Whether the bytes passed over are a bitfield, whose ones are counted.
    in_bitfield: bool,
    have: u32,
    last_block: Option<BlockAt>,
    scanned: u64,
    /// The last bytes in which no boundary was found: small segments cut headers.
    tail: Vec<u8>,
}

impl PeerSide {
    /// A side whose stream begins with the handshake.
    pub const fn from_start() -> Self {
        Self::new(Framing::Handshake)
    }

    /// A side joined in the middle.
    pub const fn from_middle() -> Self {
        Self::new(Framing::Lost)
    }

    /// A side whose handshake cannot be read but whose next byte begins a message.
    pub const fn from_boundary() -> Self {
        Self::new(Framing::Framed { sure: false, chain: 0 })
    }

    const fn new(framing: Framing) -> Self {
        Self {
            framing,
            partial: Vec::new(),
            skip: 0,
            in_bitfield: false,
            have: 0,
            last_block: None,
            scanned: 0,
            tail: Vec::new(),
        }
    }

    /// Whether this side was never proven and enough of it was looked at.
    pub const fn is_hopeless(&self) -> bool {
        matches!(self.framing, Framing::Lost) && self.scanned > SCAN_MAX
    }

    /// Takes the next bytes of this direction.
    pub fn piece(&mut self, shared: &mut Shared, cx: &mut Context<'_>, piece: Piece<'_>) {
        match piece {
            Piece::Data(data) => self.data(shared, cx, data),
            Piece::Gap(missing) => {
                // A handshake cut by the snap length still names its torrent.
                self.finish(shared, cx);
                self.gap(missing);
            }
        }
    }

    fn gap(&mut self, missing: u32) {
        if missing <= self.skip && self.partial.is_empty() {
            self.skip -= missing;
        } else {
            self.lose();
        }
    }

    fn lose(&mut self) {
        self.framing = Framing::Lost;
        self.partial.clear();
        self.skip = 0;
        self.in_bitfield = false;
        self.last_block = None;
        self.tail.clear();
    }

    fn data(&mut self, shared: &mut Shared, cx: &mut Context<'_>, mut data: &[u8]) {
        while !data.is_empty() {
            if self.skip > 0 {
                data = self.pass(shared, cx, data);
                continue;
            }
            if self.framing == Framing::Lost {
                self.scanned += data.len() as u64;
                let Some(rest) = peer_chain::find(data) else { return self.across(shared, cx, data) };
                self.framing = Framing::Framed { sure: false, chain: 0 };
                self.tail.clear();
                data = rest;
            }
            // Work on the bytes in place; only a message split over packets is copied.
            if self.partial.is_empty() {
                match self.step(shared, cx, data) {
                    Step::Took(n) => data = data.get(n..).unwrap_or_default(),
                    Step::Wants(_) => {
                        self.partial.extend_from_slice(data);
                        return;
                    }
                    Step::Broken => {
                        self.broken(shared, cx);
                        data = data.get(1..).unwrap_or_default();
                    }
                }
                continue;
            }
            let partial = std::mem::take(&mut self.partial);
            let (rest, partial) = self.join(shared, cx, partial, data);
            self.partial = partial;
            data = rest;
        }
    }

    /// Looks for a boundary whose header lies across the segments seen last, and keeps the end of them.
    fn across(&mut self, shared: &mut Shared, cx: &mut Context<'_>, data: &[u8]) {
        let mut joined = std::mem::take(&mut self.tail);
        joined.extend_from_slice(data.get(..HEADER_MAX.min(data.len())).unwrap_or_default());
        if let Some(at) = message::find_boundary(&joined) {
            self.framing = Framing::Framed { sure: false, chain: 0 };
            joined.drain(..at);
            joined.extend_from_slice(data.get(HEADER_MAX..).unwrap_or_default());
            // Once: the tail is empty now, and without one there is no more in the first bytes than in all of them.
            return self.data(shared, cx, &joined);
        }
        if let Some(end) = data.len().checked_sub(HEADER_MAX) {
            joined = data.get(end..).unwrap_or_default().to_vec();
        }
        joined.drain(..joined.len().saturating_sub(HEADER_MAX - 1));
        self.tail = joined;
    }

    /// Completes a split message byte group by byte group; gives back what of `data` is left, and the buffer.
    fn join<'d>(
        &mut self,
        shared: &mut Shared,
        cx: &mut Context<'_>,
        mut partial: Vec<u8>,
        mut data: &'d [u8],
    ) -> (&'d [u8], Vec<u8>) {
        loop {
            match self.step(shared, cx, &partial) {
                Step::Wants(total) => {
                    let more = total.saturating_sub(partial.len()).max(1).min(data.len());
                    if more == 0 {
                        return (data, partial);
                    }
                    let (now, later) = data.split_at(more);
                    partial.extend_from_slice(now);
                    data = later;
                }
                Step::Took(n) => {
                    partial.drain(..n.min(partial.len()));
                    if partial.is_empty() || self.skip > 0 {
                        return (data, partial);
                    }
                }
                Step::Broken => {
                    self.broken(shared, cx);
                    partial.clear();
                    return (data, partial);
                }
            }
        }
    }

    /// Passes over the rest of a message.
    fn pass<'d>(&mut self, shared: &Shared, cx: &mut Context<'_>, data: &'d [u8]) -> &'d [u8] {
        let n = (self.skip as usize).min(data.len());
        let (passed, rest) = data.split_at(n);
        self.skip -= n as u32;
        if self.in_bitfield {
            self.have += passed.iter().map(|b| b.count_ones()).sum::<u32>();
            if self.skip == 0 {
                self.in_bitfield = false;
                cx.progress(shared.info_hash, Have::Pieces(self.have));
            }
        }
        rest
    }

    /// Reads one handshake or message from the front of `bytes`.
    fn step(&mut self, shared: &mut Shared, cx: &mut Context<'_>, bytes: &[u8]) -> Step {
        if self.framing == Framing::Handshake {
            return self.handshake(shared, cx, bytes);
        }
        if let Parsed::Done { message: Header { id: Id::Bitfield, length }, used } = message::header(bytes)
            && bytes.len() < 4 + length as usize
        {
            // A bitfield over several packets: its ones are counted as they pass.
            self.have = 0;
            self.skip = length.saturating_sub(1);
            self.in_bitfield = true;
            self.chained(shared, cx, &Message::Bitfield(&[]));
            return Step::Took(used);
        }
        let (message, used) = match message::parse(bytes) {
            Parsed::Done { message, used } => (message, used),
            Parsed::NeedMore { at_least } => return Step::Wants(at_least),
            Parsed::Bad(_) => return Step::Broken,
        };
        if matches!(self.framing, Framing::Framed { sure: false, .. })
            && !message::plausible_mid_stream(&message)
        {
            return Step::Broken;
        }
        if message != Message::KeepAlive {
            self.chained(shared, cx, &message);
            self.message(shared, cx, &message);
        }
        let took = used.min(bytes.len());
        self.skip = u32::try_from(used - took).unwrap_or(u32::MAX);
        Step::Took(took)
    }

    /// Counts a message that begins where the one before ended, and tells when that is proof.
    fn chained(&mut self, shared: &mut Shared, cx: &mut Context<'_>, message: &Message<'_>) {
        let Framing::Framed { sure: false, chain } = self.framing else { return };
        let block = BlockAt::of(message);
        let follows = self.last_block.zip(block).is_some_and(|(last, this)| this.follows(last));
        self.last_block = block.or(self.last_block);
        // Messages without a field are a length of one and a small number, over and over: alone they prove nothing.
        let chain = chain.saturating_add(1).min(if peer_chain::is_bare(message) { CHAIN - 1 } else { CHAIN });
        let needed = if shared.proven { 2 } else { CHAIN };
        let sure = chain >= needed || follows || peer_chain::self_validating(message);
        self.framing = Framing::Framed { sure, chain };
        if sure && !shared.proven {
            shared.proven = true;
            cx.fact(Fact::Identified { kind: Kind::PeerWire, reason: Reason::MessageChain });
        }
    }

    fn broken(&mut self, shared: &Shared, cx: &mut Context<'_>) {
        // R-PW-5: the label stays; the loss of framing is counted once for each time it was had.
        if shared.proven && matches!(self.framing, Framing::Framed { sure: true, .. }) {
            cx.fact(Fact::Malformed { kind: Kind::PeerWire, reason: "framing" });
        }
        self.lose();
    }

    fn handshake(&mut self, shared: &mut Shared, cx: &mut Context<'_>, bytes: &[u8]) -> Step {
        match handshake::parse(bytes) {
            Parsed::Done { message, used } => {
                if message.peer_id.is_none() && bytes.len() < 68 {
                    // The peer id may still come; without it the end of the stream tells the handshake.
                    return Step::Wants(68);
                }
                shared.tell_handshake(cx, &message);
                self.framing = Framing::Framed { sure: true, chain: 0 };
                Step::Took(used)
            }
            Parsed::NeedMore { at_least } => Step::Wants(at_least),
            Parsed::Bad(_) => Step::Broken,
        }
    }

    /// The stream has ended: a handshake without a peer id is told now.
    pub fn finish(&mut self, shared: &mut Shared, cx: &mut Context<'_>) {
        if self.framing == Framing::Handshake
            && let Parsed::Done { message, .. } = handshake::parse(&self.partial)
        {
            shared.tell_handshake(cx, &message);
            self.framing = Framing::Lost;
        } else if self.framing == Framing::Handshake && self.partial.starts_with(handshake::MAGIC) {
            cx.fact(Fact::Identified { kind: Kind::PeerWire, reason: Reason::Handshake });
            self.framing = Framing::Lost;
        }
    }

    fn message(&mut self, shared: &mut Shared, cx: &mut Context<'_>, message: &Message<'_>) {
        match *message {
            Message::Have { .. } => {
                self.have = self.have.saturating_add(1);
                cx.progress(shared.info_hash, Have::Pieces(self.have));
            }
            Message::Bitfield(bits) => {
                self.have = bits.iter().map(|b| b.count_ones()).sum();
                cx.progress(shared.info_hash, Have::Pieces(self.have));
            }
            Message::Piece { length, .. } => {
                cx.fact(Fact::Pieces { info_hash: shared.info_hash, bytes: u64::from(length) })
            }
            Message::Port(port) => cx.fact(Fact::Listens { port, channel: Channel::Dht }),
            Message::HaveAll => {
                cx.progress(shared.info_hash, Have::All);
            }
            Message::HaveNone => self.have = 0,
            Message::Extended { id, payload } => shared.extended(cx, id, payload),
            Message::KeepAlive
            | Message::Choke
            | Message::Unchoke
            | Message::Interested
            | Message::NotInterested
            | Message::Request(_)
            | Message::Cancel(_)
            | Message::Suggest { .. }
            | Message::Reject(_)
            | Message::AllowedFast { .. }
            | Message::HashRequest(_)
            | Message::Hashes { .. }
            | Message::HashReject(_)
            | Message::Skipped(_) => {}
        }
    }
}

/// What became of an attempt to read a message.
enum Step {
    /// This many bytes were taken.
    Took(usize),
    /// The message needs this many bytes from its start.
    Wants(usize),
    /// No message begins here.
    Broken,
}

impl Shared {
    fn tell_handshake(&mut self, cx: &mut Context<'_>, handshake: &Handshake) {
        self.proven = true;
        self.info_hash.get_or_insert(handshake.info_hash);
        cx.fact(Fact::Identified { kind: Kind::PeerWire, reason: Reason::Handshake });
        cx.fact(Fact::Handshake {
            info_hash: handshake.info_hash,
            peer_id: handshake.peer_id,
            reserved: handshake.reserved.0,
        });
        if let Some(name) = handshake.peer_id.and_then(|id| client::from_peer_id(&id.0)) {
            cx.fact(Fact::Client(&Client { name: name.to_string(), source: ClientSource::PeerId }));
        }
    }

    fn extended(&mut self, cx: &mut Context<'_>, id: u8, payload: &[u8]) {
        if id == 0 {
            return self.extended_handshake(cx, payload);
        }
        // The number is the receiver's (BEP 10); where its handshake was not seen, the payload's form must tell.
        let receiver = self.ids.get(cx.from.reverse().index()).and_then(Option::as_ref);
        let message = match receiver {
            Some(ids) => ids.name_of(id).and_then(|name| extension::parse(name, payload).ok()),
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
            Some(Extension::Metadata(Metadata::Data { piece, total_size, bytes })) => {
                if let Some(info_hash) = self.info_hash {
                    let store = cx.metadata;
                    store.piece(info_hash, piece, total_size, bytes, |name| cx.fact(Fact::Name(name)));
                }
            }
            Some(Extension::Holepunch(message)) => {
                let endpoints = &[message.peer];
                cx.fact(Fact::Peers { info_hash: self.info_hash, channel: Channel::Holepunch, endpoints });
            }
            Some(
                Extension::Metadata(_)
                | Extension::DontHave { .. }
                | Extension::UploadOnly(_)
                | Extension::ShareMode(_)
                | Extension::Other(_),
            )
            | None => {}
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
        if let Some(ids) = self.ids.get_mut(cx.from.index()) {
            ids.get_or_insert_default().update(&hello.ids);
        }
        if let Some(name) = hello.v.and_then(client::from_extended) {
            cx.fact(Fact::Client(&Client { name: name.to_string(), source: ClientSource::Extended }));
        }
        if let Some(port) = hello.port.filter(|&p| p != 0) {
            cx.fact(Fact::Listens { port, channel: Channel::PeerWire });
        }
        if let Some(address) = hello.your_ip {
            cx.fact(Fact::ExternalAddress { address, port: None, channel: Channel::PeerWire });
        }
    }
}

/// What a direction needs of the world while it reads.
pub struct Context<'a> {
    pub from: Direction,
    pub metadata: &'a MetadataStore,
    pub sink: &'a mut dyn Sink,
}

impl Context<'_> {
    fn fact(&mut self, fact: Fact<'_>) {
        self.sink.fact(self.from, fact);
    }

    fn progress(&mut self, info_hash: Option<InfoHash>, have: Have) {
        self.fact(Fact::Progress { info_hash, have });
    }
}
