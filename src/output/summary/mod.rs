//! The summary for people: what was seen, who takes part, in which torrents, what is odd.
//!
//! Sentences claim no more than the report does: what could not be seen is said first.

mod coverage;
mod exposure;
mod hosts;
mod page;
mod remarks;
mod table;
mod text;
mod torrents;

pub use page::{Color, Layout};

use crate::ledger::report::Report;
use page::{Page, Paint};
use std::io::{self, Write};

/// Writes the summary of a report.
///
/// # Errors
/// Those of the output.
pub fn write_summary(report: &Report, out: &mut dyn Write, layout: Layout) -> io::Result<()> {
    let page = &mut Page::new(out, layout);
    coverage::write_input(page, &report.coverage)?;
    if report.coverage.packets == 0 {
        return page.paragraph("The input holds no packets.", Paint::Warning);
    }
    coverage::write_coverage(page, &report.coverage)?;
    coverage::write_traffic(page, report)?;
    hosts::write_hosts(page, report)?;
    torrents::write_torrents(page, report)?;
    exposure::write_exposure(page, report)?;
    torrents::write_mappings(page, &report.mappings)?;
    remarks::write_remarks(page, report)
}
