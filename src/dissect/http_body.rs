//! What HTTP bodies of interest state: tracker answers, `.torrent` files, port mappings by SOAP.

use super::http::Asked;
use super::sink::named;
use super::{Dissector, Sink, metadata};
use crate::base::{Direction, Endpoint, InfoHash, Transport};
use crate::event::{Channel, ClientSource, Fact, Kind, Mapping, Reason, SwarmSize};
use crate::wire::{Guess, http_tracker, metainfo, upnp};

/// Peers and torrents told of one response.
pub const LISTED: usize = 256;

/// Tells what a complete body states; whether it was of interest.
pub fn body(
    dissector: &mut Dissector,
    from: Direction,
    asked: Option<Asked>,
    body: &[u8],
    sink: &mut dyn Sink,
) -> bool {
    match asked {
        Some(Asked::Announce(info_hash)) => tracker_reply(dissector, from, Some(info_hash), body, sink),
        Some(Asked::Scrape) => tracker_reply(dissector, from, None, body, sink),
        Some(Asked::Mapping) => mapping(from, body, sink),
        Some(Asked::Anything) | None => {
            if let Ok(torrent) = metainfo::parse_torrent(body) {
                let (info_hash, also) = torrent.info.wire_hashes();
                sink.fact(from, Fact::Identified { kind: Kind::Metainfo, reason: Reason::Metainfo });
                sink.fact(from, Fact::Torrent { info_hash, channel: Channel::Metainfo });
                sink.fact(
                    from,
                    Fact::Name(metadata::describe(
                        &torrent.info,
                        info_hash,
                        info_hash,
                        also,
                        Channel::Metainfo,
                    )),
                );
                if let Some(key) = metadata::whole_v2(&torrent.info) {
                    sink.fact(from, Fact::OtherKey { info_hash, key });
                }
                return true;
            }
            // The answer alone proves a tracker when it holds peers and an interval (R-TH-2).
            let reply = http_tracker::parse_response(body);
            asked.is_none()
                && reply.is_ok_and(|r| http_tracker::recognise_response(&r, false) == Guess::Certain)
                && tracker_reply(dissector, from, None, body, sink)
        }
        Some(Asked::Webseed | Asked::Connect | Asked::Head) => false,
    }
}

fn tracker_reply(
    dissector: &mut Dissector,
    from: Direction,
    info_hash: Option<InfoHash>,
    body: &[u8],
    sink: &mut dyn Sink,
) -> bool {
    let Ok(reply) = http_tracker::parse_response(body) else { return false };
    sink.fact(from, Fact::Identified { kind: Kind::HttpTracker, reason: Reason::HttpTracker });
    if info_hash.is_some() {
        sink.fact(from, Fact::TwoWay);
    }
    let endpoints: &mut Vec<Endpoint> = &mut dissector.endpoints;
    endpoints.clear();
    endpoints.extend(reply.peers().take(LISTED));
    if !endpoints.is_empty() {
        sink.fact(from, Fact::Peers { info_hash, channel: Channel::HttpTracker, endpoints });
    }
    if let (Some(info_hash), Some(seeders), Some(leechers)) = (info_hash, reply.complete, reply.incomplete) {
        let completed = reply.downloaded;
        sink.fact(from, Fact::SwarmSize(SwarmSize { info_hash, seeders, leechers, completed }));
    }
    if let Some(address) = reply.external_ip {
        sink.fact(from, Fact::ExternalAddress { address, port: None, channel: Channel::HttpTracker });
    }
    for file in reply.files().take(LISTED) {
        let size = SwarmSize {
            info_hash: file.info_hash,
            seeders: file.complete,
            leechers: file.incomplete,
            completed: Some(file.downloaded),
        };
        sink.fact(from, Fact::SwarmSize(size));
    }
    true
}

/// A SOAP request for a port mapping, or its answer.
fn mapping(from: Direction, body: &[u8], sink: &mut dyn Sink) -> bool {
    if let Ok(upnp::Answer::ExternalAddress(address)) = upnp::parse_answer(body) {
        sink.fact(from, Fact::ExternalAddress { address, port: None, channel: Channel::PortMapping });
        return true;
    }
    let Ok(arguments) = upnp::parse_request(body) else { return false };
    let Some(external_port) = arguments.external_port else { return false };
    if let Some(name) = arguments.client() {
        sink.fact(from, Fact::Identified { kind: Kind::PortMapping, reason: Reason::PortMapping });
        sink.fact(from, Fact::Client(&named(&name, ClientSource::Upnp)));
        if let Some(port) = arguments.internal_port {
            sink.fact(from, Fact::Listens { port, channel: Channel::PortMapping });
        }
    }
    sink.fact(
        from,
        Fact::Mapping(Mapping {
            transport: arguments.transport.unwrap_or(Transport::Tcp),
            internal_port: arguments.internal_port.unwrap_or(external_port),
            external_port,
            lifetime: arguments.lease.unwrap_or(0),
            host: arguments.internal_client,
            answer: None,
            protocol: "upnp",
        }),
    );
    true
}
