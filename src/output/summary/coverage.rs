//! What was read, how much of it could be seen, and what was found in it.

use super::page::{Page, Paint};
use super::text::{bit_rate, bytes, count, counted, duration, percent, span};
use crate::event::{Encryption, Family, Grade};
use crate::ledger::report::{Coverage, FlowSum, Report};
use crate::output::words;
use std::collections::BTreeMap;
use std::io;

/// File names shown.
const FILES_MAX: usize = 4;

pub(super) fn write_input(page: &mut Page<'_>, c: &Coverage) -> io::Result<()> {
    page.piece("INPUT", Paint::Title)?;
    page.blank()?;
    let mut files: Vec<String> = c.files.iter().take(FILES_MAX).cloned().collect();
    if c.files.len() > FILES_MAX {
        files.push(format!("and {} more", c.files.len() - FILES_MAX));
    }
    page.entry("read", &files, ", ", Paint::Plain)?;
    page.sentence(
        "packets",
        &format!("{} ({} on the wire)", count(c.packets), bytes(c.bytes)),
        Paint::Plain,
    )?;
    if let (Some(first), Some(last)) = (c.first, c.last) {
        let time = last.since(first);
        let mut items = vec![format!("{} UTC", span(first, last)), duration(time)];
        items.extend(bit_rate(c.bytes, time));
        page.entry("time", &items, ", ", Paint::Plain)?;
    }
    for (file, offset, reason) in &c.damage {
        let text = format!("{file}: {reason} (at byte {}); what came before it was analysed", count(*offset));
        page.sentence("damaged", &text, Paint::Bad)?;
    }
    Ok(())
}

pub(super) fn write_coverage(page: &mut Page<'_>, c: &Coverage) -> io::Result<()> {
    page.title("COVERAGE", "what could be seen")?;
    let decoded =
        format!("{} of {} packets ({})", count(c.decoded), count(c.packets), percent(c.decoded, c.packets));
    page.sentence("decoded", &decoded, Paint::Plain)?;
    page.entry("skipped", &tally(&c.skipped), ", ", Paint::Plain)?;
    page.entry("unreadable", &link_types(c), ", ", Paint::Warning)?;
    if c.filtered > 0 {
        page.sentence("filtered", &format!("{} left out as asked", packets(c.filtered)), Paint::Plain)?;
    }
    for (lost, by) in [(c.kernel_dropped, "by the kernel"), (c.queue_dropped, "because a queue was full")] {
        if lost > 0 {
            page.sentence("dropped", &format!("{} {by}", packets(lost)), Paint::Warning)?;
        }
    }
    let flows = format!(
        "{}, {} seen in one direction only",
        counted(c.flows, "flow", "flows"),
        percent(c.one_way_flows, c.flows)
    );
    page.sentence(
        "flows",
        &flows,
        if c.one_way_flows > c.flows / 2 { Paint::Warning } else { Paint::Plain },
    )?;
    if c.cut_frames > 0 {
        let text = format!("{} by the snap length: their payload is incomplete", packets(c.cut_frames));
        page.sentence("cut", &text, Paint::Warning)?;
    }
    page.entry("tunnels", &tally(&c.tunnels), ", ", Paint::Plain)?;
    let mut nets = c.home_nets.clone();
    if let Some(last) = nets.last_mut().filter(|_| c.home_nets_default) {
        last.push_str(" (default; name yours with --home-net)");
    }
    page.entry("home nets", &nets, ", ", Paint::Plain)
}

pub(super) fn write_traffic(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    let totals = &report.totals;
    let any = totals.flows.values().any(|sum| sum.flows > 0);
    page.title("TRAFFIC", if any { "flows and bytes on the wire by how sure the label is" } else { "" })?;
    for (family, label) in [
        (Family::Bittorrent, "BitTorrent"),
        (Family::OtherP2p, "other P2P"),
        (Family::LookAlike, "look-alikes"),
    ] {
        let by_grade: Vec<String> = Grade::ALL
            .iter()
            .filter_map(|&grade| Some((grade, totals.flows.get(&(family, grade))?)))
            .map(|(grade, sum)| format!("{}: {}", grade.label(), flows_and_bytes(sum)))
            .collect();
        page.entry(label, &by_grade, "; ", Paint::Plain)?;
    }
    let kinds: Vec<String> = totals
        .kinds
        .iter()
        .map(|(&kind, sum)| format!("{} {}", words::protocol(kind), flows_and_bytes(sum)))
        .collect();
    page.entry("protocols", &kinds, "; ", Paint::Plain)?;
    page.entry("encryption", &shares(&totals.encryption), ", ", Paint::Plain)?;
    if found(report, |grade| grade >= Grade::Strong) {
        return Ok(());
    }
    page.paragraph("No BitTorrent traffic was recognised in what could be seen.", Paint::Title)?;
    if found(report, |_| true) {
        page.point("Some flows are suspected, which proves nothing and accuses nobody.", Paint::Plain)?;
    }
    limits_of_sight(&report.coverage).iter().try_for_each(|limit| page.point(limit, Paint::Plain))
}

/// Whether any BitTorrent flow carries such a grade.
pub(super) fn found(report: &Report, grade: impl Fn(Grade) -> bool) -> bool {
    report.totals.flows.iter().any(|(key, sum)| key.0 == Family::Bittorrent && grade(key.1) && sum.flows > 0)
}

/// Why "nothing found" may mean "nothing visible", the weightiest first.
pub(in crate::output) fn limits_of_sight(c: &Coverage) -> Vec<String> {
    let mut limits = Vec::new();
    if c.decoded < c.packets {
        limits.push(format!("{} were not decoded and are not judged.", packets(c.packets - c.decoded)));
    }
    if c.one_way_flows > 0 {
        let share = percent(c.one_way_flows, c.flows);
        limits.push(format!(
            "{share} of the flows were seen in one direction only: proofs that need both are missing."
        ));
    }
    if c.cut_frames > 0 {
        limits.push(format!("{} were cut by the snap length: capture with -s 0.", packets(c.cut_frames)));
    }
    let dropped = c.kernel_dropped.saturating_add(c.queue_dropped);
    if dropped > 0 {
        limits.push(format!("{} were dropped before they could be read.", packets(dropped)));
    }
    if !c.damage.is_empty() {
        limits.push("Part of the input is damaged and was not read.".to_owned());
    }
    limits.push("Traffic inside a VPN or another opaque tunnel cannot be recognised.".to_owned());
    limits
}

fn packets(n: u64) -> String {
    counted(n, "packet", "packets")
}

fn link_types(c: &Coverage) -> Vec<String> {
    c.unsupported_links.iter().map(|(name, &n)| format!("link type {name} ({})", packets(n))).collect()
}

fn tally(counts: &BTreeMap<&'static str, u64>) -> Vec<String> {
    counts.iter().map(|(name, &n)| format!("{name} {}", count(n))).collect()
}

fn total(sum: &FlowSum) -> u64 {
    sum.bytes_in.saturating_add(sum.bytes_out).saturating_add(sum.bytes_across)
}

fn flows_and_bytes(sum: &FlowSum) -> String {
    format!("{}, {}", counted(sum.flows, "flow", "flows"), bytes(total(sum)))
}

fn shares(by_encryption: &BTreeMap<Encryption, FlowSum>) -> Vec<String> {
    let all = by_encryption.values().map(total).fold(0, u64::saturating_add);
    by_encryption
        .iter()
        .filter(|(_, sum)| sum.flows > 0)
        .map(|(encryption, sum)| format!("{} {}", encryption_name(*encryption), percent(total(sum), all)))
        .collect()
}

fn encryption_name(encryption: Encryption) -> &'static str {
    match encryption {
        Encryption::None => "none",
        Encryption::Mse => "MSE (cannot tell which)",
        Encryption::MseRc4 => "MSE with RC4",
        Encryption::MsePlaintext => "MSE handshake, then clear",
    }
}
