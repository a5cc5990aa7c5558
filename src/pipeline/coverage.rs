//! Counts every packet exactly once, and says at the end what could be seen.

use super::worker::WorkerCounters;
use crate::base::{HomeNets, Timestamp};
use crate::capture::{LinkType, RawPacket, SourceStatus};
use crate::frame::{Decoded, Decoder, Path, Skip, link_name};
use crate::ledger::report::Coverage;
use std::collections::BTreeMap;

/// Words for packets that become no frame and yet are no [`Skip`].
const TAKEN: [&str; 3] = ["fragment", "duplicate", "icmp_unreachable"];

/// Every word for a packet that becomes no frame of its own.
#[must_use]
pub fn skip_reasons() -> Vec<&'static str> {
    Skip::ALL.iter().map(|skip| skip.label()).chain(TAKEN).collect()
}

/// Sums of the reading side.
#[derive(Debug, Default)]
pub struct Tally {
    pub packets: u64,
    bytes: u64,
    /// The earliest and the latest packet time.
    span: Option<(Timestamp, Timestamp)>,
    decoded: u64,
    held: u64,
    duplicates: u64,
    unreachable: u64,
    cut: u64,
    skips: BTreeMap<Skip, u64>,
    duplicate_bytes: u64,
    /// Decoded frames that found a full queue.
    pub queue_dropped: u64,
}

impl Tally {
    /// Takes note of a packet before it is decoded.
    #[inline(always)]
    pub fn packet(&mut self, packet: &RawPacket<'_>) {
        self.packets += 1;
        self.bytes += u64::from(packet.wire_len);
        self.cut += u64::from(packet.wire_len as usize > packet.data.len());
        let (first, last) = self.span.unwrap_or((packet.at, packet.at));
        self.span = Some((first.min(packet.at), last.max(packet.at)));
    }

    /// Takes note of what became of it.
    #[inline(always)]
    pub fn outcome(&mut self, decoded: &Decoded<'_>, wire_len: u32) {
        match decoded {
            Decoded::Frame(_) => self.decoded += 1,
            Decoded::Held => self.held += 1,
            Decoded::Duplicate => {
                self.duplicates += 1;
                self.duplicate_bytes += u64::from(wire_len);
            }
            Decoded::Unreachable(_) => self.unreachable += 1,
            Decoded::Skip(skip) => *self.skips.entry(*skip).or_default() += 1,
        }
    }

    /// Packets in = decoded + skipped by reason (G1). `false` is a bug of ours.
    pub fn adds_up(&self) -> bool {
        self.packets
            == self.decoded
                + self.held
                + self.duplicates
                + self.unreachable
                + self.skips.values().sum::<u64>()
    }

    /// The latest packet time.
    pub fn last(&self) -> Option<Timestamp> {
        self.span.map(|(_, last)| last)
    }

    /// The coverage so far.
    pub fn coverage(
        &self,
        status: &SourceStatus,
        decoder: &Decoder,
        workers: &WorkerCounters,
        home: &HomeNets,
        limits: BTreeMap<&'static str, u64>,
    ) -> Coverage {
        let mut skipped: BTreeMap<&'static str, u64> =
            self.skips.iter().map(|(s, n)| (s.label(), *n)).collect();
        for (word, n) in TAKEN.into_iter().zip([self.held, self.duplicates, self.unreachable]) {
            if n > 0 {
                skipped.insert(word, n);
            }
        }
        let mut files: Vec<String> = Vec::new();
        for file in status.origins.iter().filter_map(|o| o.file.clone()) {
            if !files.contains(&file) {
                files.push(file);
            }
        }
        let mut coverage = Coverage {
            files,
            packets: self.packets,
            bytes: self.bytes,
            first: self.span.map(|(first, _)| first),
            last: self.last(),
            decoded: self.decoded - self.queue_dropped,
            skipped,
            queue_dropped: self.queue_dropped,
            kernel_dropped: status.kernel_dropped,
            filtered: status.filtered,
            unsupported_links: decoder
                .unsupported()
                .iter()
                .map(|(link, n)| (link_words(*link), *n))
                .collect(),
            flows: 0,
            one_way_flows: 0,
            cut_frames: self.cut,
            tunnels: tunnels(decoder.paths().as_slice()),
            limits,
            damage: status
                .damage
                .iter()
                .map(|d| (d.file.display().to_string(), d.offset, d.reason.clone()))
                .collect(),
            home_nets: home.networks().iter().map(ToString::to_string).collect(),
            home_nets_default: home.is_default(),
            panics: 0,
        };
        add_workers(&mut coverage, workers);
        coverage
    }
}

/// How many paths lead through each sort of tunnel.
pub fn tunnels(paths: &[Path]) -> BTreeMap<&'static str, u64> {
    let mut tunnels = BTreeMap::new();
    for tunnel in paths.iter().flat_map(|path| &path.tunnels) {
        *tunnels.entry(tunnel.label()).or_default() += 1;
    }
    tunnels
}

/// Adds what another reader of the same live capture saw; of the tunnels, only [`tunnels`] over all paths knows.
pub fn join(into: &mut Coverage, other: &Coverage) {
    fn sum<K: Ord + Clone>(into: &mut BTreeMap<K, u64>, other: &BTreeMap<K, u64>) {
        other.iter().for_each(|(key, n)| *into.entry(key.clone()).or_default() += n);
    }
    let Coverage {
        files: _,
        packets,
        bytes,
        first,
        last,
        decoded,
        skipped,
        queue_dropped,
        kernel_dropped,
        filtered,
        unsupported_links,
        flows,
        one_way_flows,
        cut_frames,
        tunnels: _,
        limits,
        damage: _,
        home_nets: _,
        home_nets_default: _,
        panics,
    } = other;
    into.packets += packets;
    into.bytes += bytes;
    into.first = [into.first, *first].into_iter().flatten().min();
    into.last = into.last.max(*last);
    into.decoded += decoded;
    sum(&mut into.skipped, skipped);
    into.queue_dropped += queue_dropped;
    into.kernel_dropped += kernel_dropped;
    into.filtered += filtered;
    sum(&mut into.unsupported_links, unsupported_links);
    into.flows += flows;
    into.one_way_flows += one_way_flows;
    into.cut_frames += cut_frames;
    // They are the ledger's, which all readers share, as each last saw them.
    for (word, n) in limits {
        let known = into.limits.entry(word).or_default();
        *known = (*known).max(*n);
    }
    into.panics += panics;
}

/// Adds what the workers count.
pub fn add_workers(coverage: &mut Coverage, workers: &WorkerCounters) {
    coverage.flows += workers.flows;
    coverage.one_way_flows += workers.one_way_flows;
    coverage.panics += workers.panics;
    for (word, n) in [
        ("flows-evicted-probation", workers.table.evicted_probation),
        ("flows-evicted-protected", workers.table.evicted_protected),
        ("flow-states-evicted", workers.table.evicted_states),
        ("flow-states-refused", workers.table.states_refused),
    ] {
        if n > 0 {
            coverage.limits.insert(word, n);
        }
    }
}

/// A link type's number and, where it has one, name.
fn link_words(link: LinkType) -> String {
    match link_name(link) {
        Some(name) => format!("{} ({name})", link.0),
        None => link.0.to_string(),
    }
}
