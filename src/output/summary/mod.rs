//! The summary for people: what was seen, who takes part, in which torrents, what is odd.
//!
//! Sentences claim no more than the report does: what could not be seen is said first.

mod alerts;
mod coverage;
mod exposure;
mod hosts;
mod page;
mod remarks;
mod table;
pub(super) mod text;
mod torrents;

pub(super) use coverage::limits_of_sight;
pub use page::{Color, Layout};
pub(super) use remarks::remarks;

use super::AlertLog;
use crate::ledger::report::Report;
use page::{Page, Paint};
use std::io::{self, Write};

/// Writes the summary of a report.
///
/// # Errors
/// Those of the output.
pub fn write_summary(report: &Report, out: &mut dyn Write, layout: Layout) -> io::Result<()> {
    write_summary_with_alerts(report, None, out, layout)
}

/// The same with the alerts of an analysis that was held against rules.
///
/// # Errors
/// Those of the output.
pub fn write_summary_with_alerts(
    report: &Report,
    alerts: Option<&AlertLog>,
    out: &mut dyn Write,
    layout: Layout,
) -> io::Result<()> {
    let page = &mut Page::new(out, layout);
    coverage::write_input(page, &report.coverage)?;
    if report.coverage.packets == 0 {
        return page.paragraph("The input holds no packets.", Paint::Warning);
    }
    coverage::write_coverage(page, &report.coverage)?;
    coverage::write_traffic(page, report)?;
    if let Some(alerts) = alerts {
        alerts::write_alerts(page, alerts)?;
    }
    hosts::write_hosts(page, report)?;
    torrents::write_torrents(page, report)?;
    exposure::write_exposure(page, report)?;
    torrents::write_mappings(page, &report.mappings)?;
    remarks::write_remarks(page, report)
}
