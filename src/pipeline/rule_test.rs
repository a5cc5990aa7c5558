//! Runs a test of rules, on its script or its capture.

use super::analyze::{AnalyzeError, AnalyzeOptions, analyze};
use crate::output::{AnalysisSink, Policed};
use crate::policy::{AlertChange, Case, Engine, EngineLimits, Subject};
use std::sync::Arc;

/// Runs a test and gives what differs from what it expects, one line each.
///
/// # Errors
/// Those of analyzing its capture.
pub fn rule_test(case: &Case) -> Result<Vec<String>, AnalyzeError> {
    let Some(capture) = &case.capture else { return Ok(case.check()) };
    let mut engine = Engine::new(Arc::clone(&case.rules), case.home.clone(), EngineLimits::default());
    let options = AnalyzeOptions {
        inputs: vec![capture.clone()],
        home: case.home.clone(),
        news: true,
        log_dht: engine.wants(Subject::Dht),
        deduplicate: true,
        ..AnalyzeOptions::default()
    };
    let mut changes = Changes(Vec::new());
    let report = analyze(&options, &mut Policed::new(&mut engine, &mut changes, false))?;
    Ok(case.judge(&changes.0, report.coverage.first))
}

/// Keeps the alerts and nothing else.
struct Changes(Vec<AlertChange>);

impl AnalysisSink for Changes {
    fn alert(&mut self, change: &AlertChange) {
        self.0.push(change.clone());
    }
}
