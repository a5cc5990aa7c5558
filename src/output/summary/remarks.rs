//! Anything odd: what deserves a second look, and what weakens the rest.

use super::page::{Page, Paint};
use super::text::{bytes, counted};
use crate::event::{Family, Grade};
use crate::ledger::report::{FlowSum, HostReport, Report};
use crate::output::words;
use std::io;

/// Remarks of each sort.
/// Oddities that have sentences of their own.
const TOLD: [&str; 3] =
    ["hosts-with-conflicting-clients", "hosts-with-one-way-evidence-only", "malformed-messages"];

const EACH_MAX: usize = 10;

pub(super) fn write_remarks(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    let remarks = all(report);
    if remarks.is_empty() {
        return Ok(());
    }
    page.title("REMARKABLE", "")?;
    remarks.iter().try_for_each(|(text, paint)| page.point(text, *paint))
}

/// The same as plain sentences.
pub(in crate::output) fn remarks(report: &Report) -> Vec<String> {
    all(report).into_iter().map(|(text, _)| text).collect()
}

fn all(report: &Report) -> Vec<(String, Paint)> {
    [about_us(report), about_hosts(report), about_traffic(report)].concat()
}

/// Where swarmscope itself fell short.
fn about_us(report: &Report) -> Vec<(String, Paint)> {
    let mut remarks = Vec::new();
    if report.coverage.panics > 0 {
        let flows = counted(report.coverage.panics, "flow was", "flows were");
        remarks.push((
            format!("{flows} given up on because of a fault in swarmscope: please report it"),
            Paint::Bad,
        ));
    }
    for (limit, &times) in &report.coverage.limits {
        remarks
            .push((format!("limit reached: {limit}, {}", counted(times, "time", "times")), Paint::Warning));
    }
    remarks
}

fn about_hosts(report: &Report) -> Vec<(String, Paint)> {
    let named = |choose: fn(&HostReport) -> bool, text: &'static str| {
        let mut hosts =
            report.hosts.iter().filter(move |host| choose(host)).map(|host| host.address.to_string());
        let shown: Vec<String> = hosts.by_ref().take(EACH_MAX).collect();
        let more = hosts.count();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        (!shown.is_empty()).then(|| (format!("{}{more}: {text}", shown.join(", ")), Paint::Warning))
    };
    [
        named(|h| h.claimed_only, "evidence in one direction only, which a third party could have forged"),
        named(|h| h.client_conflict, "the named clients contradict one another: several clients, several users behind one address, or a false name"),
        named(|h| h.external.len() > 1, "peers see more than one outside address of this host"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn about_traffic(report: &Report) -> Vec<(String, Paint)> {
    let mut remarks = Vec::new();
    if let Some(sum) =
        report.totals.flows.get(&(Family::Bittorrent, Grade::Suspected)).filter(|sum| sum.flows > 0)
    {
        let FlowSum { flows, bytes_in, bytes_out, bytes_across } = *sum;
        let all = bytes_in.saturating_add(bytes_out).saturating_add(bytes_across);
        let flows = counted(flows, "flow is", "flows are");
        remarks.push((
            format!("{flows} only suspected ({}): not counted in the tables above", bytes(all)),
            Paint::Plain,
        ));
    }
    for (what, &times) in report.oddities.iter().filter(|(what, _)| !TOLD.contains(what)) {
        remarks.push((format!("{what}: {}", counted(times, "time", "times")), Paint::Plain));
    }
    let mut malformed: Vec<_> = report.totals.malformed.iter().collect();
    malformed.sort_by_key(|&(_, &times)| std::cmp::Reverse(times));
    for ((kind, reason), times) in malformed.iter().take(EACH_MAX) {
        let times = counted(**times, "time", "times");
        remarks.push((format!("malformed {}: {reason}, {times}", words::protocol(*kind)), Paint::Plain));
    }
    remarks
}
