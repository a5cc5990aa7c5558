//! The story of one flow, told when it ends: what the `flow` event of the output contract carries.

use super::{Client, Encryption, Grade, Kinds, Opens, Reason, Reasons, Trace};
use crate::base::{Endpoint, InfoHash, Timestamp, Transport};

/// Packets and bytes one side sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets.
    pub packets: u64,
    /// Bytes of whole frames on the wire.
    pub bytes: u64,
    /// Bytes of TCP or UDP payload on the wire.
    pub payload: u64,
}

impl Counters {
    /// What came since `earlier`.
    #[must_use]
    pub const fn minus(self, earlier: Self) -> Self {
        Self {
            packets: self.packets.saturating_sub(earlier.packets),
            bytes: self.bytes.saturating_sub(earlier.bytes),
            payload: self.payload.saturating_sub(earlier.payload),
        }
    }
}

/// Why a flow's record was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// Closed by FIN.
    Fin,
    /// Closed by RST.
    Rst,
    /// No packet for the idle time of its transport.
    Idle,
    /// Pushed out of a full table.
    Evicted,
    /// The input ended.
    Eof,
    /// The flow goes on: the record is an interim one.
    Running,
}

impl EndReason {
    /// The fixed word of the output contract.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Fin => "fin",
            Self::Rst => "rst",
            Self::Idle => "idle",
            Self::Evicted => "evicted",
            Self::Eof => "eof",
            Self::Running => "running",
        }
    }
}

/// Where in the TCP life cycle a flow was when its record was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FlowState {
    /// Packets of one side only, or a handshake that was not completed.
    New,
    /// Both sides spoke.
    Established,
    /// FIN or RST was seen.
    Closed,
}

impl FlowState {
    /// The fixed word of the output contract.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Established => "established",
            Self::Closed => "closed",
        }
    }
}

/// What swarmscope says of a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    /// Protocols seen or attributed.
    pub kinds: Kinds,
    /// How sure; `None` when nothing is claimed.
    pub grade: Option<Grade>,
    /// Why.
    pub reasons: Reasons,
    /// Encryption of the payload.
    pub encryption: Encryption,
    /// The other side's answer proves that neither address was forged.
    pub two_way: bool,
    /// Which sides sent payload by the other's account (acknowledgement numbers that grow), by [`crate::base::Direction::index`]: where
    /// a sensor sees one direction only, this is all there is of the other.
    pub heard: [bool; 2],
    /// Torrents named on the flow, at most eight, in order of appearance.
    pub info_hashes: Vec<InfoHash>,
    /// The clients of originator and responder.
    pub clients: [Option<Client>; 2],
    /// Payload bytes of piece data each side sent, where the peer wire was read.
    pub pieces: [u64; 2],
    /// What the originator opened with, where that is not BitTorrent's and a rule names it.
    pub opens: Option<Opens>,
}

/// What can be said of a payload that cannot be read: the evidence that attribution weighs (Message Stream Encryption,
/// PROTOCOLS: public MSE text; no standard).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opaque {
    /// How far the opening looks like an MSE key exchange.
    pub opening: Opening,
    /// The third and fourth bursts have the lengths of an MSE exchange.
    pub bursts_fit: bool,
    /// A uTP header was seen that could not be proven yet: the packets that fit, at most 255.
    pub utp_headers: u8,
    /// Payload inside proven uTP is random-looking.
    pub utp_random: bool,
    /// The lengths of the writes add up as peer messages do.
    pub lengths_fit: bool,
    /// The two directions agree in it: a block for each request, or whole blocks both ways.
    pub lengths_paired: bool,
    /// STUN and DTLS were seen on the flow: WebRTC.
    pub webrtc: bool,
    /// A BitTorrent client fetched a closed range of bytes over HTTP.
    pub client_range: bool,
    /// The whole length of the file of which a BitTorrent client fetched a closed range over HTTP.
    pub file_size: Option<u64>,
}

/// How much of an opening looks like Message Stream Encryption.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Opening {
    /// It does not, or it was not seen.
    #[default]
    Other,
    /// One direction does; the other is not visible or has not spoken.
    OneSide,
    /// Both directions do, in strict turns.
    BothSides,
}

impl Opaque {
    /// The same as reasons.
    #[must_use]
    pub fn reasons(&self) -> Reasons {
        let opening = match self.opening {
            Opening::BothSides => Some(Reason::MseShape),
            Opening::OneSide => Some(Reason::MseOneSide),
            Opening::Other => None,
        };
        let seen = [
            (self.bursts_fit, Reason::MseBursts),
            (self.lengths_fit, Reason::LengthArithmetic),
            (self.lengths_paired, Reason::RequestPairing),
            (self.utp_random, Reason::UtpOpaque),
            (self.webrtc, Reason::Webrtc),
            (self.client_range, Reason::ClientRange),
            (self.utp_headers > 0, Reason::UtpHeader),
        ];
        opening.into_iter().chain(seen.into_iter().filter_map(|(is, reason)| is.then_some(reason))).collect()
    }
}

impl Label {
    /// Info-hashes kept per flow.
    pub const INFO_HASHES: usize = 8;
}

/// One flow, both directions.
#[derive(Clone, Debug)]
pub struct FlowRecord {
    /// Sender of the SYN or of the first packet.
    pub originator: Endpoint,
    /// The other side.
    pub responder: Endpoint,
    /// TCP or UDP.
    pub transport: Transport,
    /// Index of the frame room's interned path (VLANs, tunnels, origin).
    pub path: u16,
    /// What each side sent, by [`crate::base::Direction::index`].
    pub sent: [Counters; 2],
    /// First packet.
    pub start: Timestamp,
    /// Last packet.
    pub end: Timestamp,
    /// First and last packet of the latest stretch in which each side sent something but RSTs; unknown of a flow that was
    /// not followed. A pause of five minutes ends a stretch.
    pub last_stretch: [Option<(Timestamp, Timestamp)>; 2],
    /// Life cycle.
    pub state: FlowState,
    /// Why the record was written.
    pub reason: EndReason,
    /// TCP whose SYN was not seen.
    pub midstream: bool,
    /// Packets of one side only.
    pub one_way: bool,
    /// What it is, where anything is claimed.
    pub label: Label,
    /// What an unreadable payload looks like, for attribution.
    pub opaque: Opaque,
    /// When each reason was first seen, where an explanation was asked for.
    pub trace: Option<Box<Trace>>,
}

impl FlowRecord {
    /// A number that is the same for the same flow of the same input in every run: FNV-1a over endpoints, transport and
    /// start. Positive and below 2^53, so that every JSON reader keeps it.
    #[must_use]
    pub fn id(&self) -> u64 {
        let start = self.start.0.to_be_bytes();
        let ports = [self.originator.port.to_be_bytes(), self.responder.port.to_be_bytes()];
        let bytes =
            self.originator.address.0.iter().chain(&self.responder.address.0).chain(ports.iter().flatten());
        let hash = bytes
            .chain(&start)
            .chain(&[self.transport as u8])
            .fold(0xcbf2_9ce4_8422_2325u64, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        (hash ^ (hash >> 53)) & ((1 << 53) - 1)
    }
}
