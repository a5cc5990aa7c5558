//! Which home host an abuse notice is about: outside address, port, time and torrent against what was seen.
//!
//! Notices are sometimes wrong, clocks too, and several hosts may share one address. So every candidate is told with what
//! speaks for it and against it, and a "no such activity" only beside how well the sensor saw at that time.

use super::report::{HostReport, MappingReport, Report, TorrentHost};
use crate::base::{Address, Endpoint, HomeNets, InfoHash, Timestamp, Transport};
use crate::event::FlowRecord;
use std::collections::BTreeMap;
use std::time::Duration;

/// How far the clock of whoever wrote the notice may be off.
pub const CLOCK_SKEW: Duration = Duration::from_secs(15 * 60);

/// What a notice claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The outside address.
    pub address: Address,
    /// The outside port.
    pub port: Option<u16>,
    /// When.
    pub at: Timestamp,
    /// The torrent.
    pub info_hash: Option<InfoHash>,
}

/// How far the clocks of two sensors may differ.
const SENSOR_SKEW: Duration = Duration::from_secs(60);
/// Endpoints outside of which it is remembered who talked to them, at most.
const TALKS: usize = 65_536;
/// Home hosts and flows remembered for each, at most; beyond, it tells them apart no better.
const TALKERS: usize = 8;

/// What a second sensor saw outside the address translation: with whom the address and port of a notice talked at that time,
/// and which home hosts talked to the same endpoints meanwhile. Translation changes the near end of a flow, never the far one
/// (RFC 3022 section 2.2).
#[derive(Clone, Debug, Default)]
pub struct OutsideView {
    talks: BTreeMap<(Endpoint, Transport), Talk>,
}

#[derive(Clone, Debug)]
struct Talk {
    first: Timestamp,
    last: Timestamp,
    /// Payload bytes of the near and the far side of its flows, at most [`TALKERS`]: translation leaves them as they are.
    payloads: Vec<[u64; 2]>,
    /// Home hosts, in order, with whether a flow of theirs moved the very same bytes.
    inside: Vec<(Address, bool)>,
}

impl OutsideView {
    /// Takes in a flow that the outer sensor saw.
    pub fn saw_outside(&mut self, claim: &Claim, flow: &FlowRecord) {
        let (from, to) = (claim.at - CLOCK_SKEW, claim.at + CLOCK_SKEW);
        if flow.end < from || flow.start > to {
            return;
        }
        for (near, far, payload) in sides(flow) {
            let known = self.talks.contains_key(&(far, flow.transport));
            if near.address != claim.address
                || claim.port.is_some_and(|port| port != near.port)
                || (!known && self.talks.len() >= TALKS)
            {
                continue;
            }
            let talk = self.talks.entry((far, flow.transport)).or_insert_with(|| Talk {
                first: flow.start,
                last: flow.end,
                payloads: Vec::new(),
                inside: Vec::new(),
            });
            talk.first = talk.first.min(flow.start);
            talk.last = talk.last.max(flow.end);
            if talk.payloads.len() < TALKERS {
                talk.payloads.push(payload);
            }
        }
    }

    /// Takes in a flow that the inner sensor saw, once the outer one's are.
    pub fn saw_inside(&mut self, home: &HomeNets, flow: &FlowRecord) {
        for (near, far, payload) in sides(flow) {
            let Some(talk) = self.talks.get_mut(&(far, flow.transport)) else { continue };
            let meanwhile = flow.start <= talk.last + SENSOR_SKEW && talk.first <= flow.end + SENSOR_SKEW;
            if !meanwhile || !home.contains(&near.address) {
                continue;
            }
            let same = payload != [0, 0] && talk.payloads.contains(&payload);
            match talk.inside.binary_search_by_key(&near.address, |(host, _)| *host) {
                Ok(at) => talk.inside.get_mut(at).into_iter().for_each(|(_, known)| *known |= same),
                Err(at) if talk.inside.len() < TALKERS => talk.inside.insert(at, (near.address, same)),
                Err(_) => {}
            }
        }
    }

    /// With how many of the endpoints the host talked meanwhile; and with how many it did so alone of all home hosts, or was
    /// alone in moving the very same bytes.
    fn shared_with(&self, host: Address) -> [usize; 2] {
        let shared = self.talks.values().filter(|talk| talk.inside.iter().any(|(h, _)| *h == host));
        let alone = shared.clone().filter(|talk| {
            let same: Vec<Address> = talk.inside.iter().filter(|(_, same)| *same).map(|(h, _)| *h).collect();
            if same.is_empty() { talk.inside.len() == 1 } else { same == [host] }
        });
        [shared.count(), alone.count()]
    }
}

/// Both ends of a flow as the near one, with the payload bytes of near and far side.
fn sides(flow: &FlowRecord) -> [(Endpoint, Endpoint, [u64; 2]); 2] {
    let [forth, back] = flow.sent.map(|counters| counters.payload);
    [(flow.originator, flow.responder, [forth, back]), (flow.responder, flow.originator, [back, forth])]
}

/// How well a host fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Confidence {
    /// It was active then, and nothing else speaks for it; or something speaks against it.
    Low,
    /// The torrent fits but neither address nor port, or address and port fit and no torrent was named.
    Medium,
    /// It was seen in the torrent at that time, and the address or the port is known to be its own.
    High,
}

impl Confidence {
    /// The fixed word of the output.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// A home host that a notice may be about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The host.
    pub host: Address,
    /// How well it fits.
    pub confidence: Confidence,
    /// What was seen, in sentences.
    pub evidence: Vec<String>,
}

/// The hosts that a notice may be about, those that fit best first; `outside` is what a second sensor saw, if there is one.
#[must_use]
pub fn candidates(report: &Report, claim: &Claim, outside: Option<&OutsideView>) -> Vec<Candidate> {
    let of = |host| candidate(report, host, claim, outside);
    let mut found: Vec<Candidate> = report.hosts.iter().filter_map(of).collect();
    found.sort_by_key(|c| (std::cmp::Reverse(c.confidence), c.host));
    found
}

fn candidate(
    report: &Report,
    host: &HostReport,
    claim: &Claim,
    outside: Option<&OutsideView>,
) -> Option<Candidate> {
    if !near(host.first, host.last, claim.at) {
        return None;
    }
    let mut evidence = vec![format!("it was active from {} to {}", host.first, host.last)];
    let torrent = claim.info_hash.map(|hash| in_torrent(report, host.address, hash, claim.at));
    match (claim.info_hash, torrent) {
        (Some(hash), Some(Some(member))) => evidence.push(format!(
            "it was seen in torrent {hash} as {} from {} to {}: {} bytes of pieces in, {} out",
            member.role.label(),
            member.first,
            member.last,
            member.downloaded,
            member.uploaded
        )),
        (Some(hash), _) => evidence.push(format!("it was not seen in torrent {hash} at that time")),
        (None, _) => {}
    }
    let address = address_fits(host, claim.address, &mut evidence);
    let port = claim.port.is_some_and(|port| port_fits(report, host, claim, port, &mut evidence));
    let seen = outside.is_some_and(|outside| seen_outside(outside, host.address, claim, &mut evidence));
    let address = address.or_else(|| seen.then_some(()));
    let port = port || (seen && claim.port.is_some());
    let contradicted = address.is_none() && !host.external.is_empty();
    if contradicted {
        evidence.push("others said that they see it at another address".to_owned());
    }
    let tied = address.is_some() || port;
    let confidence = match torrent {
        Some(Some(_)) if tied && !contradicted => Confidence::High,
        Some(Some(_)) => Confidence::Medium,
        None if address.is_some() && (port || claim.port.is_none()) => Confidence::Medium,
        _ if tied => Confidence::Low,
        _ => return None,
    };
    Some(Candidate { host: host.address, confidence, evidence })
}

fn near(first: Timestamp, last: Timestamp, at: Timestamp) -> bool {
    first - CLOCK_SKEW <= at && at <= last + CLOCK_SKEW
}

fn in_torrent(report: &Report, host: Address, hash: InfoHash, at: Timestamp) -> Option<&TorrentHost> {
    let is = |key: &InfoHash, also: Option<InfoHash>| *key == hash || also == Some(hash);
    let torrents = report.torrents.iter().filter(|t| is(&t.info_hash, t.also));
    torrents.flat_map(|t| &t.hosts).find(|m| m.address == host && near(m.first, m.last, at))
}

/// Says how the host is tied to an outside address, if it is.
fn address_fits(host: &HostReport, address: Address, evidence: &mut Vec<String>) -> Option<()> {
    if host.address == address {
        evidence.push(format!("{address} is its own address"));
        return Some(());
    }
    let (_, votes) = host.external.iter().find(|(outside, _)| *outside == address)?;
    evidence.push(format!("{votes} messages told it that it is seen at {address}"));
    Some(())
}

/// Says how the host is tied to the outside address, and to the port if one was named, by a second sensor, if it is.
fn seen_outside(outside: &OutsideView, host: Address, claim: &Claim, evidence: &mut Vec<String>) -> bool {
    let [shared, alone] = outside.shared_with(host);
    if shared > 0 {
        let port = claim.port.map_or_else(String::new, |port| format!(" port {port}"));
        evidence.push(format!(
            "the sensor outside saw {}{port} talk to {} endpoints; this host talked to {shared} of them meanwhile, to {alone} \
             of them as no other home host did",
            claim.address,
            outside.talks.len(),
        ));
    }
    alone > 0
}

/// Says how the host is tied to an outside port, if it is.
fn port_fits(
    report: &Report,
    host: &HostReport,
    claim: &Claim,
    port: u16,
    evidence: &mut Vec<String>,
) -> bool {
    let at = claim.at;
    let mapped = |m: &&MappingReport| {
        m.host == host.address
            && m.mapping.external_port == port
            && m.at <= at + CLOCK_SKEW
            && took_effect(report, m)
    };
    let mapping = report.mappings.iter().find(mapped);
    if let Some(m) = mapping {
        let (protocol, inside) = (m.mapping.protocol, m.mapping.internal_port);
        evidence.push(format!("it had port {port} mapped to its port {inside} by {protocol} at {}", m.at));
    }
    let told = host.listens.iter().find(|(p, _, first, last)| *p == port && near(*first, *last, at));
    if let Some((_, channel, first, _)) = told {
        evidence.push(format!("it told others its port {port} ({}) since {first}", channel.label()));
    }
    let outside = host.external_ports.iter().find(|e| e.port == port && e.address == claim.address);
    if let Some(outside) = outside {
        evidence.push(format!("others told it that it is seen at {outside}"));
    }
    mapping.is_some() || told.is_some() || outside.is_some()
}

/// Whether a router did what it was asked. One that granted another port than the one asked for answers with the port that it
/// granted (RFC 6886 section 3.3, RFC 6887 section 11.3); one that was not heard may have done it.
fn took_effect(report: &Report, mapping: &MappingReport) -> bool {
    let same = |m: &&MappingReport| {
        let key = |m: &MappingReport| (m.host, m.mapping.transport, m.mapping.internal_port);
        key(m) == key(mapping)
    };
    match mapping.mapping.answer {
        Some(result) => result == 0,
        None => !report.mappings.iter().filter(same).any(|m| {
            let MappingReport { mapping: answer, .. } = m;
            match answer.answer {
                Some(0) => answer.external_port != 0 && answer.external_port != mapping.mapping.external_port,
                Some(_) => answer.external_port == 0 || answer.external_port == mapping.mapping.external_port,
                None => false,
            }
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Endpoint, Transport};
    use crate::event::Mapping;

    const HOST: Address = Address::v4([10, 0, 0, 5]);
    const OUTSIDE: Address = Address::v4([198, 51, 100, 2]);

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn report(mappings: &[(u16, Option<u16>)]) -> Report {
        let host = HostReport { address: HOST, first: at(0), last: at(100), ..HostReport::default() };
        let mapping = |(external_port, answer): &(u16, Option<u16>)| MappingReport {
            host: HOST,
            router: Endpoint::new(Address::v4([10, 0, 0, 1]), 5_351),
            mapping: Mapping {
                transport: Transport::Tcp,
                internal_port: 6_881,
                external_port: *external_port,
                lifetime: 3_600,
                host: None,
                answer: *answer,
                protocol: "nat-pmp",
            },
            at: at(10),
            last: at(10),
            used_by: 0,
        };
        Report { hosts: vec![host], mappings: mappings.iter().map(mapping).collect(), ..Report::default() }
    }

    fn claim(port: u16, at: Timestamp) -> Claim {
        Claim { address: OUTSIDE, port: Some(port), at, info_hash: None }
    }

    #[test]
    fn a_mapping_counts_as_the_router_granted_it() {
        let fits = |mappings: &[(u16, Option<u16>)], port| {
            !candidates(&report(mappings), &claim(port, at(50)), None).is_empty()
        };
        assert!(fits(&[(7_000, None)], 7_000), "nobody heard the answer");
        assert!(fits(&[(7_000, None), (7_000, Some(0))], 7_000));
        assert!(!fits(&[(7_000, None), (7_000, Some(2))], 7_000), "refused");
        assert!(!fits(&[(7_000, None), (0, Some(2))], 7_000), "refused without a word on the port");
        assert!(!fits(&[(7_000, None), (7_001, Some(0))], 7_000), "another was granted");
        assert!(fits(&[(7_000, None), (7_001, Some(0))], 7_001));
        assert!(!fits(&[(7_001, Some(2))], 7_001));
    }

    #[test]
    fn an_outside_port_that_others_told_counts_with_its_address() {
        let mut report = report(&[]);
        report.hosts[0].external = vec![(OUTSIDE, 3)];
        report.hosts[0].external_ports = vec![Endpoint::new(OUTSIDE, 40_000)];
        let confidence = |port, at| candidates(&report, &claim(port, at), None).first().map(|c| c.confidence);
        assert_eq!(confidence(40_000, at(50)), Some(Confidence::Medium));
        assert_eq!(confidence(40_001, at(50)), Some(Confidence::Low));
        // The clock of the notice may be off, but not by more than is said.
        assert_eq!(confidence(40_000, at(100) + CLOCK_SKEW), Some(Confidence::Medium));
        assert_eq!(confidence(40_000, at(101) + CLOCK_SKEW), None);
    }
}
