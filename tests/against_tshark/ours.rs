//! Reads packets with the crate under test and brings the result into the common form.

use crate::reading::{Protocol, Reading, Readings};
use std::collections::{HashMap, HashSet};
use swarmscope::base::{Endpoint, NodeId, hex};
use swarmscope::frame::{Frame, Segment, Tcp};
use swarmscope::wire::handshake::{self, Handshake, Partial};
use swarmscope::wire::krpc::{self, Body, Message, Query};
use swarmscope::wire::udp_tracker::{self, Request, Response};
use swarmscope::wire::{Guess, utp};

/// What must be known of earlier packets: where streams begin.
#[derive(Default)]
pub struct Reader {
    tcp: HashMap<(Endpoint, Endpoint), Start>,
    /// Of each uTP connection and direction the first data's sequence number.
    utp: HashMap<(Endpoint, Endpoint, u16), u16>,
    /// Clients that asked a tracker for a connection id, and the tracker.
    tracker: HashSet<(Endpoint, Endpoint)>,
}

/// The first bytes of one direction of a TCP connection.
struct Start {
    next: u32,
    bytes: Vec<u8>,
    state: State,
}

/// How far the beginning of a stream is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It may still become a handshake.
    Begins,
    /// It was one.
    Read,
    /// It is something else, perhaps a key exchange that a handshake follows.
    Other,
}

impl Reader {
    /// Everything that a frame has of the protocols compared.
    pub fn read(&mut self, frame: &Frame<'_>) -> Readings {
        let mut all = Readings::new();
        match frame.segment {
            Segment::Tcp(tcp) => {
                if let Some(handshake) = self.tcp(frame, tcp) {
                    all.insert(Protocol::Handshake, handshake);
                }
            }
            Segment::Udp => self.udp(frame, &mut all),
        }
        all
    }

    fn tcp(&mut self, frame: &Frame<'_>, tcp: Tcp) -> Option<Reading> {
        let way = (frame.src, frame.dst);
        let begin = |next| Start { next, bytes: Vec::new(), state: State::Begins };
        if tcp.has(Tcp::SYN) {
            self.tcp.insert(way, begin(tcp.seq.wrapping_add(1)));
        }
        if frame.payload.is_empty() {
            return None;
        }
        let start = self.tcp.entry(way).or_insert_with(|| begin(tcp.seq));
        if start.state == State::Read || tcp.seq != start.next {
            return None;
        }
        start.next = tcp.seq.wrapping_add(frame.payload_len);
        if start.state == State::Other {
            // tshark looks for a handshake where any segment begins. The dissectors do so only after a key exchange that
            // selected plaintext; what both read there is compared all the same.
            let late = handshake(&handshake::parse_partial(frame.payload))?;
            start.state = State::Read;
            return Some(Reading { certain: false, ..late });
        }
        start.bytes.extend_from_slice(frame.payload);
        let cut = frame.payload.len() < frame.payload_len as usize;
        match handshake::parse_partial(&start.bytes) {
            Partial::Other => start.state = State::Other,
            partial @ Partial::Handshake(Handshake { peer_id, .. }) if cut || peer_id.is_some() => {
                start.state = State::Read;
                return handshake(&partial);
            }
            _ => {}
        }
        None
    }

    fn udp(&mut self, frame: &Frame<'_>, all: &mut Readings) {
        if let Ok(message) = krpc::parse(frame.payload) {
            all.insert(Protocol::Krpc, krpc(&message));
        }
        if let Ok(packet) = utp::parse_verified(frame.payload, frame.payload_len as usize) {
            let certain = utp::recognise_cut(frame.payload, frame.payload_len as usize) == Guess::Certain;
            all.insert(Protocol::Utp, Reading { certain, ..utp(&packet) });
            if let Some(reading) = self.utp(frame, &packet) {
                all.insert(Protocol::Handshake, reading);
            }
        }
        if let Some(reading) = self.tracker(frame) {
            all.insert(Protocol::Tracker, reading);
        }
    }

    /// A handshake that begins the data of a packet, in the first data or, as in TCP, later.
    fn utp(&mut self, frame: &Frame<'_>, packet: &utp::Packet<'_>) -> Option<Reading> {
        if packet.kind != utp::Kind::Data {
            return None;
        }
        let first = self.utp.entry((frame.src, frame.dst, packet.connection)).or_insert(packet.seq);
        let certain = *first == packet.seq;
        handshake(&handshake::parse_partial(packet.payload)).map(|reading| Reading { certain, ..reading })
    }

    /// As tshark does, only between two endpoints where a connection was asked for.
    fn tracker(&mut self, frame: &Frame<'_>) -> Option<Reading> {
        if let Ok(request) = udp_tracker::parse_request(frame.payload) {
            if matches!(request, Request::Connect { .. }) {
                self.tracker.insert((frame.src, frame.dst));
            }
            return self.tracker.contains(&(frame.src, frame.dst)).then(|| tracker_request(&request));
        }
        let known = self.tracker.contains(&(frame.dst, frame.src));
        let ipv6 = !frame.src.address.is_v4();
        let response = known.then(|| udp_tracker::parse_response(frame.payload, ipv6).ok()).flatten()?;
        Some(tracker_response(&response))
    }
}

fn handshake(partial: &Partial) -> Option<Reading> {
    let Partial::Handshake(handshake) = partial else { return None };
    let mut reading = Reading { certain: true, ..Reading::default() };
    reading.set("info-hash", hex(&handshake.info_hash.0));
    reading.set_some("peer id", handshake.peer_id.map(|id| hex(&id.0)));
    Some(reading)
}

fn krpc(message: &Message<'_>) -> Reading {
    let mut reading = Reading { certain: message.verdict() == Guess::Certain, ..Reading::default() };
    let transaction = message.transaction;
    reading.set_some("transaction id", (!transaction.is_empty()).then(|| hex(transaction)));
    reading.set_some("node id", message.node().map(|id| hex(&id.0)));
    match &message.body {
        Body::Query { query, .. } => {
            reading.set("kind", hex(b"q"));
            reading.set("method", hex(query.method().as_bytes()));
            // That of `put` is not in the message but computed.
            let target = query.target().filter(|_| !matches!(query, Query::Put { .. }));
            reading.set_some("info-hash", target.map(|hash| hex(&hash.0)));
            if let Query::AnnouncePeer { token, .. } | Query::Put { token, .. } = query {
                reading.set_some("token", (!token.is_empty()).then(|| hex(token)));
            }
        }
        Body::Response { response, .. } => {
            reading.set("kind", hex(b"r"));
            reading.set_some("token", response.token.map(hex));
            reading.set("peers", response.values.len());
            reading.set("nodes", node_ids(response.nodes.iter().map(|(id, _)| id)));
            reading.set("nodes6", node_ids(response.nodes6.iter().map(|(id, _)| id)));
        }
        Body::Error { .. } => reading.set("kind", hex(b"e")),
    }
    reading
}

fn node_ids(ids: impl Iterator<Item = NodeId>) -> String {
    ids.map(|id| hex(&id.0)).collect::<Vec<_>>().join(" ")
}

fn utp(packet: &utp::Packet<'_>) -> Reading {
    let mut reading = Reading::default();
    reading.set("type", packet.kind as u8);
    reading.set("connection id", packet.connection);
    reading.set("seq", packet.seq);
    reading.set("ack", packet.ack);
    reading.set("window", packet.window);
    reading.set("payload length", packet.payload_len);
    reading
}

fn tracker_request(request: &Request<'_>) -> Reading {
    let (action, hashes) = match request {
        Request::Connect { .. } => (0, Vec::new()),
        Request::Announce(announce) => (1, vec![announce.info_hash]),
        Request::Scrape { info_hashes, .. } => (2, info_hashes.collect()),
    };
    let mut reading = tracker(action, request.transaction());
    let hashes: Vec<_> = hashes.iter().map(|hash| hex(&hash.0)).collect();
    reading.set_some("info-hashes", (!hashes.is_empty()).then(|| hashes.join(" ")));
    reading
}

fn tracker_response(response: &Response<'_>) -> Reading {
    let action = match response {
        Response::Connect { .. } => 0,
        Response::Announce { .. } => 1,
        Response::Scrape { .. } => 2,
        Response::Error { .. } => 3,
    };
    tracker(action, response.transaction())
}

fn tracker(action: u32, transaction: u32) -> Reading {
    let mut reading = Reading { certain: true, ..Reading::default() };
    reading.set("action", hex(&action.to_be_bytes()));
    reading.set("transaction id", hex(&transaction.to_be_bytes()));
    reading
}
