//! Owns threads, queues and shutdown.

use crate::base::{HomeNets, Timestamp};
use crate::ledger::report::Report;
use crate::output::AnalysisSink;
use std::path::PathBuf;

/// What to analyze, and how.
#[derive(Clone, Debug)]
pub struct AnalyzeOptions {
    /// Files, folders, or `-` for standard input.
    pub inputs: Vec<PathBuf>,
    /// The networks whose hosts are reported on.
    pub home: HomeNets,
    /// A BPF filter in the syntax of libpcap.
    pub filter: Option<String>,
    /// Packets before this time are left out.
    pub since: Option<Timestamp>,
    /// Packets at this time or later are left out.
    pub until: Option<Timestamp>,
    /// Worker threads; 0 analyzes in the reading thread.
    pub workers: usize,
    /// Tell the sink of every flow, not only of those with a grade.
    pub all_flows: bool,
    /// Tell the sink of DHT messages.
    pub log_dht: bool,
    /// Count a frame that a span port mirrored twice only once.
    pub deduplicate: bool,
}

/// Why an analysis could not be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnalyzeError {
    /// It was asked for wrongly, e.g. with a filter that does not compile. The text is for people.
    Usage(String),
    /// It failed, e.g. because an input cannot be opened. The text is for people.
    Failed(String),
}

impl std::fmt::Display for AnalyzeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Usage(text) | Self::Failed(text)) = self;
        f.write_str(text)
    }
}

impl std::error::Error for AnalyzeError {}

/// Analyzes the inputs from end to end and tells the sink on the way.
///
/// # Errors
/// See [`AnalyzeError`]. A damaged input is no error: the report says where it is damaged.
pub fn analyze(options: &AnalyzeOptions, sink: &mut dyn AnalysisSink) -> Result<Report, AnalyzeError> {
    let _ = (options, sink);
    Err(AnalyzeError::Failed("this build has no pipeline".to_owned()))
}
