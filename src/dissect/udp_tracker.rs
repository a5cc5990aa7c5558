//! UDP trackers (BEP 15, BEP 41): requests and responses joined by transaction id, sessions by connection id.

use super::sink::named;
use super::{Conversation, Datagram, Dissector, Packet, Sink};
use crate::base::InfoHash;
use crate::event::{Announce, AnnounceEvent, Channel, ClientSource, Fact, Kind, Reason, SwarmSize};
use crate::wire::client;
use crate::wire::udp_tracker::{self, Event, Request, Response};
use crate::wire::{Guess, Malformed};

/// Info-hashes of a scrape that are remembered until its answer comes.
const SCRAPED: usize = 8;

/// Bytes of a connect response.
const CONNECT_LEN: usize = 16;
/// Peers looked at of a response whose request was not seen.
const PEERS_LOOKED_AT: usize = 256;

/// What is remembered of a request until its response comes.
#[derive(Clone, Copy, Debug)]
pub enum Requested {
    /// A connection id.
    Connect,
    /// Peers of a torrent.
    Announce(InfoHash),
    /// Sizes of swarms, the first of them.
    Scrape([Option<InfoHash>; SCRAPED]),
}

impl Requested {
    fn scrape(info_hashes: impl Iterator<Item = InfoHash>) -> Self {
        let mut kept = [None; SCRAPED];
        for (slot, info_hash) in kept.iter_mut().zip(info_hashes) {
            *slot = Some(info_hash);
        }
        Self::Scrape(kept)
    }
}

/// Whether a datagram can be a request or a response at all: one look at two words.
#[must_use]
pub fn may_be(datagram: &[u8]) -> bool {
    match datagram {
        [0, 0, 0, 0..=3, ..] => datagram.len() >= 8,
        [0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80, ..] => datagram.len() >= 16,
        [_, _, _, _, _, _, _, _, 0, 0, 0, 1 | 2, ..] => datagram.len() >= 36,
        _ => false,
    }
}

/// A datagram that passed [`may_be`]; tells whether it was a tracker's or for one.
pub fn datagram(
    dissector: &mut Dissector,
    packet: &Packet,
    datagram: &Datagram<'_>,
    conversation: &mut Conversation,
    sink: &mut dyn Sink,
) -> bool {
    response(dissector, packet, datagram, conversation, sink)
        || request(dissector, packet, datagram, conversation, sink)
}

fn request(
    dissector: &mut Dissector,
    packet: &Packet,
    datagram: &Datagram<'_>,
    conversation: &mut Conversation,
    sink: &mut dyn Sink,
) -> bool {
    let Ok(request) = udp_tracker::parse_request(datagram.bytes) else { return false };
    let (client_side, server) = (packet.sender(), packet.receiver());
    let known = request.connection_id().is_some_and(|id| {
        dissector.connections.get(client_side, server, &id.to_be_bytes(), packet.at).is_some()
    });
    let verdict = udp_tracker::recognise_request(&request, known);
    let repeated = verdict == Guess::Maybe && conversation.tracker_candidate(packet.direction, &request);
    if verdict != Guess::Certain && !repeated {
        // Its answer may still prove it (R-TU-2).
        let remembered = match &request {
            Request::Connect { .. } => return false,
            Request::Announce(a) => Requested::Announce(a.info_hash),
            Request::Scrape { info_hashes, .. } => Requested::scrape(*info_hashes),
        };
        let id = request.transaction().to_be_bytes();
        dissector.tracked.put(client_side, server, &id, packet.at, remembered);
        return false;
    }
    let from = packet.direction;
    sink.fact(from, Fact::Identified { kind: Kind::UdpTracker, reason: Reason::UdpTracker });
    let remembered = match &request {
        Request::Connect { .. } => Requested::Connect,
        Request::Announce(a) => {
            let announce = Announce {
                channel: Channel::UdpTracker,
                info_hash: a.info_hash,
                port: (a.port != 0).then_some(a.port),
                event: event(a.event),
                claimed: Some([a.uploaded, a.downloaded, a.left]),
            };
            sink.fact(from, Fact::Announce(announce));
            if conversation.first_client(from, ClientSource::PeerId)
                && let Some(name) = client::from_peer_id(&a.peer_id.0)
            {
                sink.fact(from, Fact::Client(&named(&name, ClientSource::PeerId)));
            }
            Requested::Announce(a.info_hash)
        }
        Request::Scrape { info_hashes, .. } => {
            for info_hash in info_hashes.take(SCRAPED) {
                sink.fact(from, Fact::Torrent { info_hash, channel: Channel::UdpTracker });
            }
            Requested::scrape(*info_hashes)
        }
    };
    let id = request.transaction().to_be_bytes();
    dissector.tracked.put(client_side, server, &id, packet.at, remembered);
    true
}

fn response(
    dissector: &mut Dissector,
    packet: &Packet,
    datagram: &Datagram<'_>,
    conversation: &mut Conversation,
    sink: &mut dyn Sink,
) -> bool {
    let Some((_, rest)) = datagram.bytes.split_first_chunk::<4>() else { return false };
    let Some((id, _)) = rest.split_first_chunk::<4>() else { return false };
    let (server, client_side) = (packet.sender(), packet.receiver());
    let Some((requested, _)) = dissector.tracked.get(client_side, server, id, packet.at) else {
        return orphan(packet, datagram, conversation, sink);
    };
    let ipv6 = !packet.sender().address.is_v4();
    let response = match udp_tracker::parse_response(datagram.bytes, ipv6) {
        Ok(response) => response,
        Err(reason) => {
            malformed(packet, sink, reason);
            return false;
        }
    };
    let from = packet.direction;
    sink.fact(from, Fact::Identified { kind: Kind::UdpTracker, reason: Reason::UdpTracker });
    sink.fact(from, Fact::TwoWay);
    match (response, requested) {
        (Response::Connect { connection_id, .. }, _) => {
            dissector.connections.put(client_side, server, &connection_id.to_be_bytes(), packet.at, ());
        }
        (Response::Announce { leechers, seeders, peers, .. }, Requested::Announce(info_hash)) => {
            let endpoints = &mut dissector.endpoints;
            endpoints.clear();
            endpoints.extend(peers.take(256));
            sink.fact(from.reverse(), Fact::Torrent { info_hash, channel: Channel::UdpTracker });
            sink.fact(from, Fact::SwarmSize(SwarmSize { info_hash, seeders, leechers, completed: None }));
            if !endpoints.is_empty() {
                let info_hash = Some(info_hash);
                sink.fact(from, Fact::Peers { info_hash, channel: Channel::UdpTracker, endpoints });
            }
        }
        (Response::Scrape { entries, .. }, Requested::Scrape(info_hashes)) => {
            for (entry, info_hash) in entries.zip(info_hashes.into_iter().flatten()) {
                let size = SwarmSize {
                    info_hash,
                    seeders: entry.seeders,
                    leechers: entry.leechers,
                    completed: Some(entry.completed),
                };
                sink.fact(from.reverse(), Fact::Torrent { info_hash, channel: Channel::UdpTracker });
                sink.fact(from, Fact::SwarmSize(size));
            }
        }
        _ => {}
    }
    true
}

/// A response whose request was not seen (R-TU-3). Two announce responses of the same server that agree in their interval
/// are enough, and so is one that lists peers within its own sums right behind a granted connection id.
fn orphan(
    packet: &Packet,
    datagram: &Datagram<'_>,
    conversation: &mut Conversation,
    sink: &mut dyn Sink,
) -> bool {
    let ipv6 = !packet.sender().address.is_v4();
    let (interval, leechers, seeders, peers) = match udp_tracker::parse_response(datagram.bytes, ipv6) {
        Ok(Response::Announce { interval, leechers, seeders, peers, .. }) => {
            (interval, leechers, seeders, peers)
        }
        Ok(Response::Connect { connection_id, .. }) if datagram.bytes.len() == CONNECT_LEN => {
            // Ids are random: a counter or an empty field is none.
            conversation.note_granted(packet.at, connection_id >> 32 != 0);
            return false;
        }
        _ => return false,
    };
    if !(300..=7_200).contains(&interval) {
        return false;
    }
    let same_interval = conversation.same_interval(interval);
    let listed = peers.count() as u64;
    let plausible = (1..=u64::from(leechers) + u64::from(seeders)).contains(&listed)
        && peers.take(PEERS_LOOKED_AT).all(|peer| peer.port != 0 && !peer.address.is_group());
    if !(same_interval || plausible && conversation.was_granted(packet.at)) {
        return false;
    }
    sink.fact(packet.direction, Fact::Identified { kind: Kind::UdpTracker, reason: Reason::UdpTracker });
    true
}

fn malformed(packet: &Packet, sink: &mut dyn Sink, reason: Malformed) {
    sink.fact(packet.direction, Fact::Malformed { kind: Kind::UdpTracker, reason: reason.label() });
}

/// The announce event in the vocabulary of facts.
#[must_use]
pub const fn event(event: Event) -> AnnounceEvent {
    match event {
        Event::None => AnnounceEvent::None,
        Event::Completed => AnnounceEvent::Completed,
        Event::Started => AnnounceEvent::Started,
        Event::Stopped => AnnounceEvent::Stopped,
        Event::Paused => AnnounceEvent::Paused,
    }
}
