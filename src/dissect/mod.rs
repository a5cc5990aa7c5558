//! Recognises protocols and turns a flow's bytes into facts.
//!
//! One UDP socket carries DHT, uTP and tracker messages, so every datagram is recognised on its own; a TCP stream (or the
//! stream inside uTP) belongs to one protocol once its first bytes are recognised. Ports decide nothing except where a
//! protocol itself fixes them (NAT-PMP, SSDP). A dissector knows no flow table and counts nothing: it tells facts to a
//! [`Sink`]. To add a datagram protocol, write a file with a `datagram` function and add a line to `DATAGRAMS`; to add a
//! stream protocol, add its first bytes to `opening`.

mod dht;
mod http;
mod http_body;
mod http_message;
mod lengths;
mod lsd;
mod mapping;
mod metadata;
mod mse;
mod names;
mod opening;
mod opens;
mod other;
mod peer_chain;
mod peer_wire;
mod pending;
mod sink;
mod stream;
mod tcp;
mod udp_tracker;
mod utp;
mod webrtc;
mod websocket;

pub use metadata::MetadataStore;
pub use sink::{Packet, Sink};
pub use tcp::TcpSegment;

use crate::base::{Direction, Endpoint, HashKey, Timestamp};
use crate::event::{ClientSource, Opaque, Opens};
use crate::wire::other::OtherProtocol;
use crate::wire::udp_tracker::Request;
use pending::Pending;
use std::sync::Arc;
use std::time::Duration;
use tcp::TcpConversation;
use utp::UtpConversation;

/// A datagram's payload: what was captured, and how long it was on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Captured bytes.
    pub bytes: &'a [u8],
    /// Payload length on the wire.
    pub wire_len: u32,
}

impl Datagram<'_> {
    /// Whether the snap length took its end.
    const fn is_cut(&self) -> bool {
        self.bytes.len() < self.wire_len as usize
    }
}

/// What a flow's owner should do with it after a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to remember of this packet.
    Nothing,
    /// Keep the conversation: more packets are needed or wanted.
    Follow,
    /// The flow holds nothing more of interest.
    Done,
    /// A dissector failed; the flow must not be given to it again.
    Poisoned,
}

type DissectDatagram = fn(&mut Dissector, &Packet, &Datagram<'_>, &mut Conversation, &mut dyn Sink) -> bool;

/// A protocol that is recognised datagram by datagram.
struct Entry {
    /// A quick look at the first bytes and the ports: can it be this protocol at all?
    may_be: fn(&[u8], u16, u16) -> bool,
    /// The full look. Tells whether the datagram was this protocol's.
    dissect: DissectDatagram,
}

/// The datagram protocols, in the order of trial: the first that takes a datagram ends the search.
const DATAGRAMS: [Entry; 8] = [
    Entry { may_be: dht::may_be, dissect: dht::datagram },
    Entry { may_be: |bytes, _, _| bytes.starts_with(b"BT-SEARCH"), dissect: lsd::datagram },
    Entry { may_be: mapping::may_be, dissect: mapping::datagram },
    Entry { may_be: |bytes, _, _| udp_tracker::may_be(bytes), dissect: udp_tracker::datagram },
    Entry { may_be: |bytes, _, _| webrtc::may_be(bytes), dissect: webrtc::datagram },
    Entry { may_be: |bytes, _, _| utp::may_be(bytes), dissect: utp::datagram },
    Entry { may_be: names::may_be, dissect: names::datagram },
    Entry { may_be: other::may_be, dissect: other::datagram },
];

/// Queries wait for their response this long (R-DHT-5).
const DHT_PATIENCE: Duration = Duration::from_secs(15);
/// Nodes accept their tokens for up to ten minutes (BEP 5).
const TOKEN_LIFE: Duration = Duration::from_secs(600);
/// Tracker requests wait this long.
const TRACKER_PATIENCE: Duration = Duration::from_secs(60);
/// A tracker's connection id is good for two minutes (BEP 15).
const CONNECTION_LIFE: Duration = Duration::from_secs(120);

/// The dissectors of one worker and what they share.
pub struct Dissector {
    asked: Pending<dht::Asked>,
    /// Tokens that nodes gave with their answers.
    tokens: Pending<()>,
    tracked: Pending<udp_tracker::Requested>,
    connections: Pending<()>,
    metadata: Arc<MetadataStore>,
    /// Scratch space for lists of peers.
    endpoints: Vec<Endpoint>,
}

impl Dissector {
    /// Dissectors that hash with this key and share this store of torrent metadata.
    #[must_use]
    pub fn new(key: HashKey, metadata: Arc<MetadataStore>) -> Self {
        Self {
            asked: Pending::new(key, DHT_PATIENCE),
            tokens: Pending::new(key, TOKEN_LIFE),
            tracked: Pending::new(key, TRACKER_PATIENCE),
            connections: Pending::new(key, CONNECTION_LIFE),
            metadata,
            endpoints: Vec::new(),
        }
    }

    /// Forgets questions whose answer would come too late at `now`.
    pub fn expire(&mut self, now: Timestamp) {
        self.asked.expire(now);
    }

    /// How many DHT queries stayed without an answer since the last call.
    pub const fn take_unanswered(&mut self) -> u64 {
        self.asked.take_unanswered()
    }

    /// Whether a datagram of a flow without a conversation deserves a closer look: a few comparisons of its first bytes.
    #[inline]
    #[must_use]
    pub fn may_interest(bytes: &[u8], source_port: u16, destination_port: u16) -> bool {
        DATAGRAMS.iter().any(|entry| (entry.may_be)(bytes, source_port, destination_port))
    }

    /// What the first datagram of a flow is, apart from BitTorrent, where a rule names it; of one from inside, whether it opens
    /// a tunnel.
    #[must_use]
    pub fn opens(bytes: &[u8], wire_len: u32, ports: [u16; 2], from_home: bool) -> Option<Opens> {
        if from_home {
            opens::tunnel(bytes, wire_len, ports)
        } else {
            opens::datagram(bytes, wire_len, ports)
        }
    }

    /// Unpacks a gzip body (RFC 1952) to at most `most` bytes; empty when it is damaged from the start.
    fn unpack(packed: &[u8], most: usize) -> Vec<u8> {
        use std::io::Read;
        let mut body = Vec::new();
        let _ = flate2::read::GzDecoder::new(packed).take(most as u64).read_to_end(&mut body);
        body
    }

    /// Dissects a datagram.
    pub fn datagram(
        &mut self,
        packet: &Packet,
        datagram: &Datagram<'_>,
        conversation: &mut Conversation,
        sink: &mut dyn Sink,
    ) -> Verdict {
        if utp::of_proven(self, packet, datagram, conversation, sink) {
            return Verdict::Follow;
        }
        let (source, destination) = (packet.sender().port, packet.receiver().port);
        for entry in &DATAGRAMS {
            if (entry.may_be)(datagram.bytes, source, destination)
                && (entry.dissect)(self, packet, datagram, conversation, sink)
            {
                break;
            }
        }
        if conversation.wants_more() { Verdict::Follow } else { Verdict::Nothing }
    }

    /// Dissects a TCP segment. `opening` is the originator's initial sequence number where known.
    pub fn segment(
        &mut self,
        packet: &Packet,
        segment: &TcpSegment<'_>,
        conversation: &mut Conversation,
        sink: &mut dyn Sink,
    ) -> Verdict {
        let tcp =
            conversation.tcp.get_or_insert_with(|| Box::new(TcpConversation::new(packet.direction, segment)));
        tcp.segment(self, packet, segment, sink)
    }

    /// Tells what waited for a gap to close: the flow has ended.
    pub fn finish(&mut self, packet: &Packet, conversation: &mut Conversation, sink: &mut dyn Sink) {
        if let Some(tcp) = &mut conversation.tcp {
            tcp.finish(self, packet, sink);
        }
        if let Some(utp) = &mut conversation.utp {
            utp.finish(self, packet, sink);
        }
    }
}

/// What dissectors remember of one flow.
#[derive(Debug, Default)]
pub struct Conversation {
    tcp: Option<Box<TcpConversation>>,
    utp: Option<Box<UtpConversation>>,
    /// Datagrams so far that look like uTP.
    utp_headers: u8,
    spoke_krpc: bool,
    /// Client sources already told, a bit a source, by direction.
    clients_told: [u8; 2],
    /// The last tracker request that was only a candidate, and the interval of the last orphan response.
    tracker: Option<Box<TrackerMemory>>,
    webrtc: Option<webrtc::Seen>,
    /// The last other network whose weak signature was seen, and who sent it.
    other: Option<(OtherProtocol, Direction)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct TrackerMemory {
    info_hash: Option<crate::base::InfoHash>,
    interval: u32,
    /// When a connection id was granted to a request that was not seen.
    granted: Option<Timestamp>,
}

impl Conversation {
    /// Takes a TCP segment that was neither a SYN nor urgent if it tells nothing, which most segments of a transfer do not.
    /// `false` where it is to be dissected.
    pub fn passes_over(&mut self, from: Direction, seq: u32, wire_len: u32) -> bool {
        self.tcp.as_mut().is_some_and(|tcp| tcp.passes_over(from, seq, wire_len))
    }

    /// What can be said of a payload that cannot be read.
    #[must_use]
    pub fn opaque(&self) -> Opaque {
        let tcp = self.tcp.as_ref().map(|t| t.opaque());
        let seen = tcp.or_else(|| self.utp.as_ref().map(|u| u.opaque(self.utp_headers))).unwrap_or_default();
        Opaque { webrtc: self.webrtc.is_some_and(webrtc::Seen::both), ..seen }
    }

    fn wants_more(&self) -> bool {
        self.utp.is_some() || self.tracker.is_some() || self.other.is_some() || self.webrtc.is_some()
    }

    /// True once for each source and direction, so that a client is named once a flow and not once a packet.
    fn first_client(&mut self, from: Direction, source: ClientSource) -> bool {
        let bit = 1 << source as u8;
        self.clients_told.get_mut(from.index()).is_some_and(|told| {
            let first = *told & bit == 0;
            *told |= bit;
            first
        })
    }

    /// Remembers a tracker request that the bytes alone do not prove; tells whether the same torrent was asked before.
    fn tracker_candidate(&mut self, _: Direction, request: &Request<'_>) -> bool {
        let info_hash = match request {
            Request::Connect { .. } => return false,
            Request::Announce(announce) => Some(announce.info_hash),
            Request::Scrape { info_hashes, .. } => { *info_hashes }.next(),
        };
        let memory = self.tracker.get_or_insert_default();
        let again = info_hash.is_some() && memory.info_hash == info_hash;
        memory.info_hash = info_hash;
        again
    }

    /// Remembers which other network's weak signature was seen, and from which side; tells whether the other side showed
    /// the same: a question and its answer.
    fn other_answered(&mut self, protocol: OtherProtocol, from: Direction) -> bool {
        let before = self.other.replace((protocol, from));
        before == Some((protocol, from.reverse()))
    }

    /// Remembers that a connection id was granted to a request that was not seen, or something like it.
    fn note_granted(&mut self, at: Timestamp, granted: bool) {
        if granted {
            self.tracker.get_or_insert_default().granted = Some(at);
        } else if let Some(memory) = &mut self.tracker {
            memory.granted = None;
        }
    }

    /// Whether a connection id was granted so lately that an announce may have followed.
    fn was_granted(&self, now: Timestamp) -> bool {
        let granted = self.tracker.as_ref().and_then(|memory| memory.granted);
        granted.is_some_and(|at| now.since(at) <= TRACKER_PATIENCE)
    }

    /// Remembers the interval of a response without a request; tells whether the last one had the same.
    fn same_interval(&mut self, interval: u32) -> bool {
        let memory = self.tracker.get_or_insert_default();
        let same = memory.interval == interval;
        memory.interval = interval;
        same
    }
}
