//! Which home host an abuse notice is about: outside address, port, time and torrent against what was seen.
//!
//! Notices are sometimes wrong, clocks too, and several hosts may share one address. So every candidate is told with what
//! speaks for it and against it, and a "no such activity" only beside how well the sensor saw at that time.

use super::report::{HostReport, MappingReport, Report, TorrentHost};
use crate::base::{Address, InfoHash, Timestamp};
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

/// The hosts that a notice may be about, those that fit best first.
#[must_use]
pub fn candidates(report: &Report, claim: &Claim) -> Vec<Candidate> {
    let mut found: Vec<Candidate> =
        report.hosts.iter().filter_map(|host| candidate(report, host, claim)).collect();
    found.sort_by_key(|c| (std::cmp::Reverse(c.confidence), c.host));
    found
}

fn candidate(report: &Report, host: &HostReport, claim: &Claim) -> Option<Candidate> {
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
            !candidates(&report(mappings), &claim(port, at(50))).is_empty()
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
        let confidence = |port, at| candidates(&report, &claim(port, at)).first().map(|c| c.confidence);
        assert_eq!(confidence(40_000, at(50)), Some(Confidence::Medium));
        assert_eq!(confidence(40_001, at(50)), Some(Confidence::Low));
        // The clock of the notice may be off, but not by more than is said.
        assert_eq!(confidence(40_000, at(100) + CLOCK_SKEW), Some(Confidence::Medium));
        assert_eq!(confidence(40_000, at(101) + CLOCK_SKEW), None);
    }
}
