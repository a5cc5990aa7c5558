//! The peer wire protocol of one direction (BEP 3, 5, 6, 10, 52): handshake, then messages by their lengths.
//!
//! Piece data is skipped by length and never copied. After a gap, or when the handshake was not seen, the framing is found
//! again by its arithmetic (R-PW-6 to R-PW-8): a place counts only when message after message begins exactly where the one
//! before says. What the messages state is told in `content`.

mod content;

pub use content::Context;

use super::peer_chain::{self, BlockAt, HEADER_MAX};
use crate::base::Direction;
use crate::event::{Fact, Have, Kind, Reason};
use crate::flow::Piece;
use crate::wire::message::{self, Header, Id, Message};
use crate::wire::{Parsed, handshake};
use content::Shared;

/// Bytes scanned for a message boundary before a stream that was never proven is given up.
const SCAN_MAX: u64 = 96 * 1024;
/// Messages in a row that prove a stream joined in the middle.
const CHAIN: u8 = 3;

/// A peer connection: its two directions and what they tell each other, together in one allocation.
#[derive(Debug, Default)]
pub struct Peers {
    shared: Shared,
    sides: [PeerSide; 2],
}

impl Peers {
    /// Reads a direction from here on as this side says.
    pub fn begin(&mut self, from: Direction, side: PeerSide) {
        if let Some(place) = self.sides.get_mut(from.index()) {
            *place = side;
        }
        *self.shared.have(from) = 0;
    }

    /// Takes the next bytes of the direction that `cx` names.
    pub fn piece(&mut self, cx: &mut Context<'_>, piece: Piece<'_>) {
        if let Some(side) = self.sides.get_mut(cx.from.index()) {
            side.piece(&mut self.shared, cx, piece);
        }
    }

    /// Takes the next bytes of a direction if they are the inside of a message that nobody looks at.
    pub fn passes_over(&mut self, from: Direction, len: u32) -> bool {
        self.shared.proven && self.sides.get_mut(from.index()).is_some_and(|side| side.passes_over(len))
    }

    /// The direction that `cx` names has ended.
    pub fn finish(&mut self, cx: &mut Context<'_>) {
        if let Some(side) = self.sides.get_mut(cx.from.index()) {
            side.finish(&mut self.shared, cx);
        }
    }

    /// Whether the connection was never proven and enough of this direction was looked at.
    pub fn is_hopeless(&self, from: Direction) -> bool {
        !self.shared.proven && self.sides.get(from.index()).is_some_and(PeerSide::is_hopeless)
    }

    /// Whether bytes proved that this is the peer wire.
    pub const fn is_proven(&self) -> bool {
        self.shared.proven
    }

    /// Something else proves that this is the peer wire.
    pub const fn set_proven(&mut self) {
        self.shared.proven = true;
    }

    /// Whether both sides are of another network that speaks the peer wire.
    pub const fn is_foreign(&self) -> bool {
        self.shared.foreign
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Framing {
    /// At the start of the stream: the handshake comes first.
    #[default]
    Handshake,
    /// On a message boundary or inside a message. `sure` after enough messages in a row.
    Framed { sure: bool, chain: u8 },
    /// Looking for a boundary.
    Lost,
}

/// One direction.
#[derive(Debug, Default)]
pub struct PeerSide {
    framing: Framing,
    /// Whether the bytes passed over are a bitfield, whose ones are counted.
    in_bitfield: bool,
    /// Bytes of the current message still to pass over.
    skip: u32,
    kept: Option<Box<Kept>>,
}

/// Of a side whose messages do not all begin and end with a packet.
#[derive(Debug, Default)]
struct Kept {
    /// The beginning of a message that is not complete yet.
    partial: Vec<u8>,
    /// Of a side whose framing had to be found.
    search: Option<Box<Search>>,
}

/// The search for a message boundary.
#[derive(Debug, Default)]
struct Search {
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
        Self { framing, in_bitfield: false, skip: 0, kept: None }
    }

    /// Whether enough of this side was looked at for a boundary.
    fn is_hopeless(&self) -> bool {
        let search = self.kept.as_ref().and_then(|kept| kept.search.as_ref());
        matches!(self.framing, Framing::Lost) && search.is_some_and(|s| s.scanned > SCAN_MAX)
    }

    fn is_whole(&self) -> bool {
        self.begun().is_empty()
    }

    fn begun(&self) -> &[u8] {
        self.kept.as_ref().map_or(&[], |kept| kept.partial.as_slice())
    }

    fn partial(&mut self) -> &mut Vec<u8> {
        &mut self.kept.get_or_insert_default().partial
    }

    fn search(&mut self) -> &mut Search {
        self.kept.get_or_insert_default().search.get_or_insert_default()
    }

    /// Takes the next bytes of this direction.
    fn piece(&mut self, shared: &mut Shared, cx: &mut Context<'_>, piece: Piece<'_>) {
        match piece {
            Piece::Data(data) => self.data(shared, cx, data),
            Piece::Gap(missing) => {
                // A handshake cut by the snap length still names its torrent.
                self.finish(shared, cx);
                self.gap(missing);
            }
        }
    }

    const fn passes_over(&mut self, len: u32) -> bool {
        let inside = !self.in_bitfield && self.skip >= len;
        if inside {
            self.skip -= len;
        }
        inside
    }

    fn gap(&mut self, missing: u32) {
        if missing <= self.skip && self.is_whole() {
            self.skip -= missing;
        } else {
            self.lose();
        }
    }

    fn lose(&mut self) {
        self.framing = Framing::Lost;
        self.skip = 0;
        self.in_bitfield = false;
        let Some(kept) = &mut self.kept else { return };
        kept.partial = Vec::new();
        if let Some(search) = &mut kept.search {
            search.last_block = None;
            search.tail.clear();
        }
    }

    fn data(&mut self, shared: &mut Shared, cx: &mut Context<'_>, mut data: &[u8]) {
        while !data.is_empty() {
            if self.skip > 0 {
                data = self.pass(shared, cx, data);
                continue;
            }
            if self.framing == Framing::Lost {
                self.search().scanned += data.len() as u64;
                let Some(rest) = peer_chain::find(data) else { return self.across(shared, cx, data) };
                self.framing = Framing::Framed { sure: false, chain: 0 };
                self.search().tail.clear();
                data = rest;
            }
            // Work on the bytes in place; only a message split over packets is copied.
            if self.is_whole() {
                match self.step(shared, cx, data) {
                    Step::Took(n) => data = data.get(n..).unwrap_or_default(),
                    Step::Wants(_) => {
                        self.partial().extend_from_slice(data);
                        return;
                    }
                    Step::Broken => {
                        self.broken(shared, cx);
                        data = data.get(1..).unwrap_or_default();
                    }
                }
                continue;
            }
            let mut partial = std::mem::take(self.partial());
            data = self.join(shared, cx, &mut partial, data);
            // Its room is good for the next.
            *self.partial() = partial;
        }
    }

    /// Looks for a boundary whose header lies across the segments seen last, and keeps the end of them.
    fn across(&mut self, shared: &mut Shared, cx: &mut Context<'_>, data: &[u8]) {
        let mut joined = std::mem::take(&mut self.search().tail);
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
        self.search().tail = joined;
    }

    /// Completes a split message byte group by byte group; gives back what of `data` is left.
    fn join<'d>(
        &mut self,
        shared: &mut Shared,
        cx: &mut Context<'_>,
        partial: &mut Vec<u8>,
        mut data: &'d [u8],
    ) -> &'d [u8] {
        loop {
            match self.step(shared, cx, partial) {
                Step::Wants(total) => {
                    let more = total.saturating_sub(partial.len()).max(1).min(data.len());
                    if more == 0 {
                        return data;
                    }
                    let (now, later) = data.split_at(more);
                    partial.extend_from_slice(now);
                    data = later;
                }
                Step::Took(n) => {
                    partial.drain(..n.min(partial.len()));
                    if partial.is_empty() || self.skip > 0 {
                        return data;
                    }
                }
                Step::Broken => {
                    self.broken(shared, cx);
                    partial.clear();
                    return data;
                }
            }
        }
    }

    /// Passes over the rest of a message.
    fn pass<'d>(&mut self, shared: &mut Shared, cx: &mut Context<'_>, data: &'d [u8]) -> &'d [u8] {
        let n = (self.skip as usize).min(data.len());
        let (passed, rest) = data.split_at(n);
        self.skip -= n as u32;
        if self.in_bitfield {
            let have = shared.have(cx.from);
            *have += passed.iter().map(|b| b.count_ones()).sum::<u32>();
            let have = *have;
            if self.skip == 0 {
                self.in_bitfield = false;
                cx.progress(shared.info_hash, Have::Pieces(have));
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
            *shared.have(cx.from) = 0;
            self.skip = length.saturating_sub(1);
            self.in_bitfield = true;
            self.chained(shared, cx, &Message::Bitfield(&[]));
            shared.extent(cx, self.skip as usize);
            return Step::Took(used);
        }
        let (message, used) = match message::parse(bytes) {
            Parsed::Done { message, used } => (message, used),
            Parsed::NeedMore { at_least } => return Step::Wants(at_least),
            Parsed::Bad(_) => return self.azureus(shared, cx, bytes),
        };
        if matches!(self.framing, Framing::Framed { sure: false, .. })
            && !message::plausible_mid_stream(&message)
        {
            return Step::Broken;
        }
        if message != Message::KeepAlive {
            self.chained(shared, cx, &message);
            shared.message(cx, &message);
        }
        let took = used.min(bytes.len());
        self.skip = u32::try_from(used - took).unwrap_or(u32::MAX);
        Step::Took(took)
    }

    /// What is no peer message may be one of Azureus messaging: its second word is small, which no peer message of that
    /// length allows, so that one never passes for the other.
    fn azureus(&mut self, shared: &mut Shared, cx: &mut Context<'_>, bytes: &[u8]) -> Step {
        if !shared.may_be_azureus(cx.from) {
            return Step::Broken;
        }
        let (message, used) = match message::amp(bytes) {
            Parsed::Done { message, used } => (message, used),
            Parsed::NeedMore { at_least } => return Step::Wants(at_least),
            Parsed::Bad(_) => return Step::Broken,
        };
        self.framing = Framing::Framed { sure: true, chain: 0 };
        shared.prove(cx);
        shared.azureus(cx, &message);
        let took = used.min(bytes.len());
        self.skip = u32::try_from(used - took).unwrap_or(u32::MAX);
        Step::Took(took)
    }

    /// Counts a message that begins where the one before ended, and tells when that is proof.
    fn chained(&mut self, shared: &mut Shared, cx: &mut Context<'_>, message: &Message<'_>) {
        let Framing::Framed { sure: false, chain } = self.framing else { return };
        let block = BlockAt::of(message);
        let search = self.search();
        let follows = search.last_block.zip(block).is_some_and(|(last, this)| this.follows(last));
        search.last_block = block.or(search.last_block);
        // Messages without a field are a length of one and a small number, over and over: alone they prove nothing.
        let chain = chain.saturating_add(1).min(if peer_chain::is_bare(message) { CHAIN - 1 } else { CHAIN });
        let needed = if shared.proven { 2 } else { CHAIN };
        let sure = chain >= needed || follows || peer_chain::self_validating(message);
        self.framing = Framing::Framed { sure, chain };
        if sure {
            shared.prove(cx);
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
                shared.handshake(cx, &message);
                self.framing = Framing::Framed { sure: true, chain: 0 };
                Step::Took(used)
            }
            Parsed::NeedMore { at_least } => Step::Wants(at_least),
            Parsed::Bad(_) => Step::Broken,
        }
    }

    /// The stream has ended: a handshake without a peer id is told now.
    fn finish(&mut self, shared: &mut Shared, cx: &mut Context<'_>) {
        if self.framing == Framing::Handshake
            && let Parsed::Done { message, .. } = handshake::parse(self.begun())
        {
            shared.handshake(cx, &message);
            self.framing = Framing::Lost;
        } else if self.framing == Framing::Handshake && self.begun().starts_with(handshake::MAGIC) {
            cx.fact(Fact::Identified { kind: Kind::PeerWire, reason: Reason::Handshake });
            self.framing = Framing::Lost;
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
