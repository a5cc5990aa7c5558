//! The alerts of an analysis that was held against rules.

use super::page::{Page, Paint};
use super::text::{counted, moment, safe};
use crate::output::AlertLog;
use crate::policy::Severity;
use std::io;

/// Alerts shown; `--json` has all of them.
const ALERTS_MAX: usize = 50;

pub(super) fn write_alerts(page: &mut Page<'_>, alerts: &AlertLog) -> io::Result<()> {
    let all = alerts.records().len() as u64 + alerts.left_out();
    page.title(&format!("ALERTS ({all})"), "the most urgent first")?;
    if all == 0 {
        return page.paragraph("No rule found anything.", Paint::Plain);
    }
    let mut records: Vec<_> = alerts.records().collect();
    records.sort_by_key(|r| (std::cmp::Reverse(r.alert.severity()), r.alert.at));
    for record in records.iter().take(ALERTS_MAX) {
        let alert = &record.alert;
        let paint = match alert.severity() {
            Severity::Critical => Paint::Bad,
            Severity::Warning => Paint::Warning,
            Severity::Notice | Severity::Info => Paint::Plain,
        };
        let end = record.resolved.map_or(String::new(), |at| format!(", resolved {}", moment(at)));
        let text = format!(
            "{} {}: {} ({}{end})",
            alert.severity().label(),
            alert.rule.name,
            safe(alert.summary()),
            moment(alert.at)
        );
        page.point(&text, paint)?;
    }
    let left = all.saturating_sub(ALERTS_MAX as u64);
    if left > 0 {
        page.paragraph(&format!("… and {} more", counted(left, "alert", "alerts")), Paint::Plain)?;
    }
    Ok(())
}
