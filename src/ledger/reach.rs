//! From attempts to answers: which ports stand open to the Internet, and how well a host can be reached.
//!
//! Every word rests on attempts that were seen. A port that nobody tried is *not tested*, never closed; and what lies
//! before the sensor may drop attempts that it never sees.

use super::Ledger;
use super::exposure::{Hearer, Scan, Span, Tried};
use super::host::Host;
use super::report::{Interval, MappingReport, NatStatus, PortReport, PortState, ScanReport};
use super::visits::Visits;
use super::window::Window;
use crate::base::{Address, Endpoint, Timestamp, Transport};
use crate::event::{Answer, Kind};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Distinct ports of one host that a source must find shut to be called a scanner.
pub const SCAN_PORTS: usize = 5;
/// Attempts without any answer that it takes to call a port stealth; scanners try twice.
const STEALTH_ATTEMPTS: u64 = 2;
/// An attempt without answer this close to a refusal is the one refused: the ICMP message follows it.
const SAME: Duration = Duration::from_secs(1);
/// A lone attempt without answer between two accepted ones this close is a lost packet.
const LOST: Duration = Duration::from_secs(60);
/// Evidence of the same kind further apart than this is two intervals: nobody knows what was between.
const SILENT: Duration = Duration::from_secs(900);

impl Ledger {
    /// What was seen of the ports of a home host: all that were tried, and all that it told others.
    pub(super) fn ports_of(
        &self,
        address: Address,
        host: &Host,
        tried: &[(Transport, u16, &Tried)],
    ) -> Vec<PortReport> {
        let told = told_ports(host);
        let mapped: BTreeSet<(Transport, u16)> = self.mapped_ports(address);
        let mut ports: BTreeMap<(Transport, u16), Vec<Span>> = BTreeMap::new();
        let mut sources: BTreeMap<(Transport, u16), &Tried> = BTreeMap::new();
        for (transport, port, tried) in tried {
            ports.insert((*transport, *port), tried.spans.clone());
            sources.insert((*transport, *port), tried);
        }
        // Told ports are one number for both transports; a client that speaks no UDP has none there.
        let speaks_udp = [Kind::Dht, Kind::Utp].iter().any(|kind| host.kinds.contains_key(kind));
        let transports = if speaks_udp { &[Transport::Tcp, Transport::Udp][..] } else { &[Transport::Tcp] };
        for (port, transport) in told.iter().flat_map(|port| transports.iter().map(move |t| (*port, *t))) {
            ports.entry((transport, port)).or_default();
        }
        for key in mapped.iter().chain(&host.reached) {
            ports.entry(*key).or_default();
        }
        ports
            .into_iter()
            .map(|(key, spans)| {
                let p2p = told.contains(&key.1) || host.reached.contains(&key);
                let known = p2p || mapped.contains(&key);
                let (transport, port) = key;
                let inside = address.is_private();
                let intervals = intervals(&spans);
                let state = state(&intervals, known && inside);
                let open = intervals.iter().filter(|i| i.answer == Answer::Accepted);
                PortReport {
                    host: address,
                    transport,
                    port,
                    state,
                    open_for: open.map(|i| i.last.since(i.first)).sum(),
                    sources: sources.get(&key).map_or(0, |t| t.sources.len() as u64),
                    attempts: intervals.iter().map(|i| i.attempts).sum(),
                    p2p,
                    mapped: mapped.contains(&key),
                    forwarded: inside && !intervals.is_empty(),
                    intervals,
                    scanners: sources.get(&key).map_or(0, |t| self.scanners_of(address, &told, t)),
                    callers: sources.get(&key).map_or(0, |t| t.guests.callers.len() as u64),
                    visits: sources
                        .get(&key)
                        .map_or_else(Vec::new, |t| t.guests.visits.iter().map(Visits::report).collect()),
                }
            })
            .collect()
    }

    /// The ports of hosts that take part, of those that anybody tried since this hearer's last call, as they look
    /// now.
    ///
    /// An attempt is known when its flow is over and not when it was made, so no time could say which are new. What is older
    /// than `oldest` is news of a time before the host took part, and left out.
    #[must_use]
    pub fn ports_with_news(&self, hearer: Hearer, oldest: Timestamp) -> Vec<PortReport> {
        let [rules, history] = [hearer == Hearer::Rules, hearer == Hearer::History];
        let unheard = |[to_rules, to_history]: [bool; 2]| rules && to_rules || history && to_history;
        let new = |tried: &Tried| unheard(tried.fresh) && tried.last().is_some_and(|last| last >= oldest);
        let fresh: BTreeSet<(Endpoint, Transport)> =
            self.tried.iter().filter(|t| new(t)).map(|t| *t.key()).collect();
        let hosts: BTreeSet<Address> = fresh.iter().map(|(end, _)| end.address).collect();
        let hosts: BTreeSet<Address> = hosts.into_iter().filter(|host| self.takes_part(host)).collect();
        let told = |p: &PortReport| fresh.contains(&(Endpoint::new(p.host, p.port), p.transport));
        let mut ports = Vec::new();
        self.attempts(&hosts, |address, tried| {
            if let Some(host) = self.hosts.get(&address) {
                ports.extend(self.ports_of(address, &host, tried).into_iter().filter(told));
            }
        });
        for key in fresh.iter().filter(|(end, _)| hosts.contains(&end.address)) {
            if let Some(mut tried) = self.tried.get_mut(key) {
                let [to_rules, to_history] = tried.fresh;
                tried.fresh = [to_rules && !rules, to_history && !history];
            }
        }
        ports
    }

    /// Port mappings that home hosts asked for since `since` for the first time, in order of time.
    #[must_use]
    pub fn mappings_since(&self, since: Timestamp) -> Vec<MappingReport> {
        let Ok(mappings) = self.mappings.lock() else { return Vec::new() };
        let asked = |m: &&MappingReport| m.at >= since && m.mapping.answer.is_none();
        let mut found: Vec<MappingReport> = mappings.iter().filter(asked).cloned().collect();
        found.sort_by_key(|m| (m.at, m.host, m.mapping.internal_port, m.mapping.transport));
        found
    }

    fn mapped_ports(&self, host: Address) -> BTreeSet<(Transport, u16)> {
        let Ok(mappings) = self.mappings.lock() else { return BTreeSet::new() };
        mappings
            .iter()
            .filter(|m| m.host == host && m.mapping.internal_port != 0)
            .map(|m| (m.mapping.transport, m.mapping.internal_port))
            .collect()
    }

    /// How many of those that tried a port found several ports of the host shut.
    fn scanners_of(&self, host: Address, told: &BTreeSet<u16>, tried: &Tried) -> u64 {
        let scanned = |source: &&Address| {
            self.scans.get(&(host, **source)).is_some_and(|s| s.unasked(told) >= SCAN_PORTS)
        };
        tried.sources.iter().filter(scanned).count() as u64
    }

    /// How many peers a mapping let in while it lasted.
    pub(super) fn used_by(&self, mapping: &MappingReport) -> u64 {
        let inside = mapping.mapping.host.unwrap_or(mapping.host);
        let key = (Endpoint::new(inside, mapping.mapping.internal_port), mapping.mapping.transport);
        let until = mapping.until().unwrap_or(Timestamp::MAX);
        self.tried.get(&key).map_or(0, |t| t.guests.callers_between(mapping.at, until))
    }

    /// Sources that found several ports of a host that takes part shut, of those that tried since `since`.
    #[must_use]
    pub fn scans_since(&self, since: Timestamp) -> Vec<ScanReport> {
        let late = |scan: &Scan| scan.window.last >= since && scan.ports.len() >= SCAN_PORTS;
        let hosts: BTreeSet<Address> = self.scans.iter().filter(|s| late(s)).map(|s| s.key().0).collect();
        let hosts = hosts.into_iter().filter(|host| self.takes_part(host)).collect();
        let mut scans = self.scans(&hosts);
        scans.retain(|scan| scan.last >= since);
        scans
    }

    fn takes_part(&self, host: &Address) -> bool {
        self.hosts.get(host).is_some_and(|h| h.active.is_some() || h.facts.confirmed.is_some())
    }

    /// Sources that found several ports of a host shut.
    pub(super) fn scans(&self, hosts: &BTreeSet<Address>) -> Vec<ScanReport> {
        let told: BTreeMap<Address, BTreeSet<u16>> = hosts
            .iter()
            .filter_map(|address| Some((*address, told_ports(&*self.hosts.get(address)?))))
            .collect();
        let none = BTreeSet::new();
        let mut scans: Vec<ScanReport> = self
            .scans
            .iter()
            .filter(|s| hosts.contains(&s.key().0))
            .map(|s| {
                let (host, source) = *s.key();
                let ports = s.unasked(told.get(&host).unwrap_or(&none)) as u64;
                ScanReport { host, source, ports, first: s.window.first, last: s.window.last }
            })
            .filter(|scan| scan.ports >= SCAN_PORTS as u64)
            .collect();
        scans.sort_by_key(|s| (s.host, s.first, s.source));
        scans
    }

    /// The attempts by host, for the hosts that matter.
    pub(super) fn attempts(
        &self,
        hosts: &BTreeSet<Address>,
        mut visit: impl FnMut(Address, &[(Transport, u16, &Tried)]),
    ) {
        let mut by_host: BTreeMap<Address, Vec<(Transport, u16, Tried)>> = BTreeMap::new();
        for entry in &self.tried {
            let (Endpoint { address, port }, transport) = *entry.key();
            if hosts.contains(&address) {
                let copy = entry.value().clone();
                by_host.entry(address).or_default().push((transport, port, copy));
            }
        }
        for host in hosts {
            let tried = by_host.get(host).map_or(&[][..], Vec::as_slice);
            let tried: Vec<(Transport, u16, &Tried)> = tried.iter().map(|(t, p, x)| (*t, *p, x)).collect();
            visit(*host, &tried);
        }
    }
}

/// The ports on which the host told others to reach it.
fn told_ports(host: &Host) -> BTreeSet<u16> {
    host.facts.listens.keys().map(|(port, _)| *port).collect()
}

/// How well a host's BitTorrent can be reached by this transport, as clients show it in colours. Where it has several ports,
/// as when several machines share a public address, one that lets strangers in is enough.
pub fn nat_status(ports: &[PortReport], transport: Transport) -> NatStatus {
    let mut ports = ports.iter().filter(|p| p.p2p && p.transport == transport).peekable();
    if ports.peek().is_none() {
        return NatStatus::Unknown;
    }
    let latest: Vec<&Interval> = ports.filter_map(|p| p.intervals.last()).collect();
    let Some(now) = latest.iter().map(|i| i.last).max() else { return NatStatus::Yellow };
    // A port left for another says nothing of today.
    let lets_in = |i: &&Interval| i.answer == Answer::Accepted && now.since(i.last) <= SILENT;
    if latest.iter().any(lets_in) { NatStatus::Green } else { NatStatus::Red }
}

/// The state that the latest attempts show.
fn state(intervals: &[Interval], expected_open: bool) -> PortState {
    let Some(latest) = intervals.last() else { return PortState::NotTested };
    match latest.answer {
        Answer::Accepted => PortState::Open,
        Answer::Refused if expected_open => PortState::ForwardedRefused,
        Answer::Refused => PortState::Closed,
        Answer::Silence | Answer::Filtered if latest.attempts < STEALTH_ATTEMPTS => PortState::NotTested,
        Answer::Silence | Answer::Filtered if expected_open => PortState::ForwardedRefused,
        Answer::Silence | Answer::Filtered => PortState::Stealth,
    }
}

/// Attempts in order of time, those of the same outcome joined.
fn intervals(spans: &[Span]) -> Vec<Interval> {
    let noise = |silence: &Span| {
        let Window { first, last, .. } = silence.window;
        let refused = |s: &Span| {
            matches!(s.answer, Answer::Refused | Answer::Filtered) && s.window.near(first, last, SAME)
        };
        let before = |s: &Span| {
            s.answer == Answer::Accepted && s.window.last <= first && first.since(s.window.last) <= LOST
        };
        let after = |s: &Span| {
            s.answer == Answer::Accepted && s.window.first >= last && s.window.first.since(last) <= LOST
        };
        spans.iter().any(refused)
            || (silence.attempts == 1 && spans.iter().any(before) && spans.iter().any(after))
    };
    let mut intervals: Vec<Interval> = Vec::new();
    for span in spans {
        if span.answer == Answer::Silence && noise(span) {
            continue;
        }
        let Span { answer, window, attempts } = *span;
        if let Some(last) = intervals.last_mut()
            && last.answer == answer
            && window.first.since(last.last) <= SILENT
        {
            last.last = last.last.max(window.last);
            last.attempts += attempts;
            continue;
        }
        intervals.push(Interval { answer, first: window.first, last: window.last, attempts });
    }
    intervals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;

    fn span(answer: Answer, first: i64, last: i64, attempts: u64) -> Span {
        let window = Window::between(Timestamp::from_secs(first), Timestamp::from_secs(last));
        Span { answer, window, attempts }
    }

    fn told(spans: &[Span]) -> Vec<(Answer, i64, i64)> {
        let seconds = |t: Timestamp| t.0 / 1_000_000_000;
        intervals(spans).iter().map(|i| (i.answer, seconds(i.first), seconds(i.last))).collect()
    }

    #[test]
    fn a_port_that_is_opened_and_shut_again_has_three_intervals() {
        let spans = [
            span(Answer::Silence, 10, 12, 6),
            span(Answer::Accepted, 14, 14, 1),
            span(Answer::Accepted, 20, 20, 1),
            span(Answer::Silence, 21, 30, 4),
        ];
        let expected = [(Answer::Silence, 10, 12), (Answer::Accepted, 14, 20), (Answer::Silence, 21, 30)];
        assert_eq!(told(&spans), expected);
        assert_eq!(state(&intervals(&spans), true), PortState::ForwardedRefused);
        assert_eq!(state(&intervals(&spans), false), PortState::Stealth);
    }

    #[test]
    fn a_lost_packet_between_two_accepted_attempts_closes_nothing() {
        let lost = span(Answer::Silence, 16, 16, 1);
        let spans = [span(Answer::Accepted, 14, 14, 1), lost, span(Answer::Accepted, 20, 20, 1)];
        assert_eq!(told(&spans), [(Answer::Accepted, 14, 20)]);
    }

    #[test]
    fn a_refusal_by_icmp_stands_for_the_attempt_that_it_answers() {
        let spans = [span(Answer::Silence, 16, 16, 1), span(Answer::Refused, 16, 16, 0)];
        assert_eq!(told(&spans), [(Answer::Refused, 16, 16)]);
        assert_eq!(state(&intervals(&spans), false), PortState::Closed);
    }

    #[test]
    fn nobody_knows_what_was_between_evidence_far_apart() {
        let spans = [span(Answer::Accepted, 0, 0, 1), span(Answer::Accepted, 7_200, 7_200, 1)];
        assert_eq!(told(&spans).len(), 2);
    }

    #[test]
    fn one_unanswered_attempt_tells_nothing_and_none_even_less() {
        assert_eq!(state(&intervals(&[span(Answer::Silence, 1, 1, 1)]), true), PortState::NotTested);
        assert_eq!(state(&[], true), PortState::NotTested);
    }

    #[test]
    fn one_open_port_of_several_is_enough_unless_it_was_left_long_ago() {
        let status = |accepted: i64, silent: i64| {
            let port = |port, spans: &[Span]| PortReport {
                host: Address::v4([198, 51, 100, 2]),
                transport: Transport::Tcp,
                port,
                state: state(&intervals(spans), true),
                open_for: Duration::ZERO,
                sources: 1,
                attempts: 1,
                p2p: true,
                mapped: false,
                forwarded: false,
                intervals: intervals(spans),
                scanners: 0,
                callers: 0,
                visits: Vec::new(),
            };
            let open = port(6_881, &[span(Answer::Accepted, accepted, accepted, 1)]);
            let shut = port(6_882, &[span(Answer::Silence, silent, silent, 2)]);
            nat_status(&[open, shut], Transport::Tcp)
        };
        assert_eq!(status(20, 10), NatStatus::Green);
        assert_eq!(status(10, 20), NatStatus::Green, "another machine's port");
        assert_eq!(status(10, 1_000), NatStatus::Red, "a port of another day");
    }
}
