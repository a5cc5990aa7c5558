//! Mainline DHT (BEP 5 and successors): queries and responses joined by transaction and endpoint.

use super::sink::named;
use super::{Conversation, Datagram, Dissector, Packet, Sink};
use crate::base::{InfoHash, NodeId};
use crate::event::{
    Announce, AnnounceEvent, Channel, ClientSource, DhtMessage, DhtPurpose, DhtRole, Fact, Kind, NameTrust,
    Reason, TorrentName,
};
use crate::wire::Guess;
use crate::wire::client;
use crate::wire::krpc::{self, Body, Message, Query, Response};

/// What is remembered of a query until its response comes.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    method: &'static str,
    target: Option<InfoHash>,
}

/// Whether a datagram begins as a bencoded dictionary does: with the length of its first key.
pub const fn may_be(bytes: &[u8], _: u16, _: u16) -> bool {
    matches!(bytes, [b'd', b'0'..=b'9', ..]) && bytes.len() >= 15
}

/// A datagram that passed [`may_be`]; tells whether it was KRPC.
pub fn datagram(
    dissector: &mut Dissector,
    packet: &Packet,
    datagram: &Datagram<'_>,
    conversation: &mut Conversation,
    sink: &mut dyn Sink,
) -> bool {
    let message = match krpc::parse(datagram.bytes) {
        Ok(message) => message,
        Err(_) if datagram.is_cut() && krpc::may_be_cut(datagram.bytes) => {
            // The snap length took the end: beginning and all that is there are KRPC's.
            sink.fact(packet.direction, Fact::Identified { kind: Kind::Dht, reason: Reason::Krpc });
            conversation.spoke_krpc = true;
            return true;
        }
        Err(reason) => {
            if datagram.bytes.get(..4).is_some_and(|b| matches!(b, b"d1:a" | b"d1:r" | b"d1:e" | b"d2:i")) {
                sink.fact(packet.direction, Fact::Malformed { kind: Kind::Dht, reason: reason.label() });
            }
            return false;
        }
    };
    let asked = match message.body {
        Body::Query { .. } => None,
        Body::Response { .. } | Body::Error { .. } => {
            dissector.asked.take(packet.receiver(), packet.sender(), message.transaction, packet.at)
        }
    };
    // Bytes after the dictionary do not make it less of a KRPC message; an unknown method or a missing transaction id needs
    // the flow to have spoken KRPC before, or a query that fits (R-DHT-3).
    // A length written with leading zeros is no canonical bencode, and still a message to its exact end.
    let padded = message.anomalies.contains(krpc::Anomaly::PaddedLength) && message.trailing == 0;
    let certain = message.verdict() == Guess::Certain
        || (padded && known_method(&message))
        || (message.verdict() == Guess::Maybe && message.trailing > 0 && known_method(&message))
        || asked.is_some()
        || conversation.spoke_krpc;
    if (message.verdict() == Guess::No && !padded) || !certain {
        return false;
    }
    conversation.spoke_krpc = true;
    let from = packet.direction;
    sink.fact(from, Fact::Identified { kind: Kind::Dht, reason: Reason::Krpc });
    if asked.is_some() {
        sink.fact(from, Fact::TwoWay);
    }
    if let Some(version) = message.version
        && conversation.first_client(from, ClientSource::Krpc)
        && let Some(name) = client::from_krpc_version(version)
    {
        sink.fact(from, Fact::Client(&named(&name, ClientSource::Krpc)));
    }
    if let Some(external) = message.external {
        let fact =
            Fact::ExternalAddress { address: external.address, port: external.port, channel: Channel::Dht };
        sink.fact(from, fact);
    }
    match &message.body {
        Body::Query { id, query } => {
            let purpose = purpose(dissector, packet, id, query);
            if let (Some(method), true) =
                (known(query), !message.read_only || !message.transaction.is_empty())
            {
                let asked = Asked { method, target: query.target() };
                dissector.asked.put(
                    packet.sender(),
                    packet.receiver(),
                    message.transaction,
                    packet.at,
                    asked,
                );
            }
            let fact = DhtMessage {
                method: Some(query.method()),
                purpose: Some(purpose),
                target: query.target(),
                ..plain(&message, DhtRole::Query)
            };
            sink.fact(from, Fact::Dht(fact));
            self::query(packet, sink, query);
        }
        Body::Response { response, .. } => {
            let (method, target) = asked.map_or((None, None), |(a, _)| (Some(a.method), a.target));
            let listed =
                [response.values.len(), response.nodes.len() + response.nodes6.len(), response.samples.len()]
                    .map(|n| u16::try_from(n).unwrap_or(u16::MAX));
            let round_trip = asked.map(|(_, age)| age);
            let plain = plain(&message, DhtRole::Response);
            let botnet = plain.botnet || krpc::is_mozi_config(response.nodes.raw());
            let fact = DhtMessage { method, target, round_trip, listed, botnet, ..plain };
            sink.fact(from, Fact::Dht(fact));
            self::response(dissector, packet, sink, response, method, target);
        }
        Body::Error { .. } => {
            let (method, target) = asked.map_or((None, None), |(a, _)| (Some(a.method), a.target));
            let round_trip = asked.map(|(_, age)| age);
            let fact = DhtMessage { method, target, round_trip, ..plain(&message, DhtRole::Error) };
            sink.fact(from, Fact::Dht(fact));
        }
    }
    true
}

/// The method's name where it is one of the BEPs'.
fn known(query: &Query<'_>) -> Option<&'static str> {
    Some(match query {
        Query::Ping => "ping",
        Query::FindNode { .. } => "find_node",
        Query::GetPeers { .. } => "get_peers",
        Query::AnnouncePeer { .. } => "announce_peer",
        Query::Get { .. } => "get",
        Query::Put { .. } => "put",
        Query::SampleInfohashes { .. } => "sample_infohashes",
        Query::Other { .. } => return None,
    })
}

fn known_method(message: &Message<'_>) -> bool {
    match &message.body {
        Body::Query { query, .. } => known(query).is_some(),
        Body::Response { .. } => !message.transaction.is_empty(),
        Body::Error { .. } => false,
    }
}

/// What a message says without a look at its query or answer.
fn plain<'a>(message: &Message<'a>, role: DhtRole) -> DhtMessage<'a> {
    DhtMessage {
        role,
        method: None,
        purpose: None,
        node: message.node(),
        target: None,
        transaction: message.transaction.get(..20).unwrap_or(message.transaction),
        round_trip: None,
        read_only: message.read_only,
        error: match message.body {
            Body::Error { code, .. } => code,
            Body::Query { .. } | Body::Response { .. } => None,
        },
        listed: [0; 3],
        botnet: message.node().is_some_and(|id| krpc::is_mozi_id(&id)),
    }
}

/// What a query is for. A token counts for ten minutes, whether or not it was used before (BEP 5).
fn purpose(dissector: &Dissector, packet: &Packet, sender: &NodeId, query: &Query<'_>) -> DhtPurpose {
    match query {
        Query::Ping | Query::FindNode { .. } => DhtPurpose::Maintenance,
        Query::GetPeers { .. } if query.is_maintenance(sender) => DhtPurpose::Maintenance,
        Query::GetPeers { .. } => DhtPurpose::Lookup,
        Query::AnnouncePeer { token, .. } => {
            let given = dissector.tokens.get(packet.sender(), packet.receiver(), token, packet.at);
            if given.is_some() { DhtPurpose::Announce } else { DhtPurpose::AnnounceUnproven }
        }
        Query::Get { .. } | Query::Put { .. } => DhtPurpose::Storage,
        Query::SampleInfohashes { .. } => DhtPurpose::Sampling,
        Query::Other { .. } => DhtPurpose::Other,
    }
}

fn query(packet: &Packet, sink: &mut dyn Sink, query: &Query<'_>) {
    let from = packet.direction;
    match *query {
        Query::AnnouncePeer { info_hash, port, implied_port, name, .. } => {
            let port = if implied_port { Some(packet.sender().port) } else { port };
            let announce = Announce {
                channel: Channel::Dht,
                info_hash,
                port,
                event: AnnounceEvent::None,
                claimed: None,
            };
            sink.fact(from, Fact::Announce(announce));
            if let Some(name) = name.filter(|n| !n.is_empty()) {
                sink.fact(from, Fact::Name(claimed_name(info_hash, name)));
            }
        }
        Query::Ping
        | Query::FindNode { .. }
        | Query::GetPeers { .. }
        | Query::Get { .. }
        | Query::Put { .. }
        | Query::SampleInfohashes { .. }
        | Query::Other { .. } => {}
    }
}

fn response(
    dissector: &mut Dissector,
    packet: &Packet,
    sink: &mut dyn Sink,
    response: &Response<'_>,
    method: Option<&'static str>,
    target: Option<InfoHash>,
) {
    let from = packet.direction;
    if let (Some("get_peers"), Some(token)) = (method, response.token) {
        dissector.tokens.put(packet.receiver(), packet.sender(), token, packet.at, ());
    }
    // R-DHT-7: what is stored under a target hashes to it.
    if method == Some("get")
        && response.item.zip(target).is_some_and(|(item, target)| item.is_misplaced(target))
    {
        sink.fact(from, Fact::Malformed { kind: Kind::Dht, reason: "item-target" });
    }
    let endpoints = &mut dissector.endpoints;
    endpoints.clear();
    endpoints.extend(response.values.iter());
    let info_hash = target.filter(|_| method == Some("get_peers"));
    if !endpoints.is_empty() {
        sink.fact(from, Fact::Peers { info_hash, channel: Channel::Dht, endpoints });
    }
    let [seeds, peers] = [response.seeds, response.peers].map(|filter| filter.map(|f| f.0));
    if let (Some(info_hash), true) = (info_hash, seeds.or(peers).is_some()) {
        sink.fact(from, Fact::Scrape { info_hash, seeds, peers });
    }
    if let (Some(info_hash), Some(name)) = (info_hash, response.name.filter(|n| !n.is_empty())) {
        sink.fact(from, Fact::Name(claimed_name(info_hash, name)));
    }
}

fn claimed_name(info_hash: InfoHash, name: &[u8]) -> TorrentName<'_> {
    TorrentName {
        info_hash,
        also: None,
        name,
        size: None,
        pieces: None,
        piece_length: None,
        files: None,
        private: false,
        channel: Channel::Dht,
        trust: NameTrust::Claimed,
    }
}
