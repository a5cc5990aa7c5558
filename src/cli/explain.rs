//! `swarmscope explain`: runs the pipeline and prints why flows carry their labels.

use super::analyze::{check_input, warn_of_damage};
use super::arguments::ExplainArguments;
use super::exit::{Exit, Failure};
use std::io::{self, BufWriter, Write as _};
use std::ops::ControlFlow;
use swarmscope::event::{FlowRecord, Subject};
use swarmscope::ledger::report::Report;
use swarmscope::output::{
    AnalysisSink, Explained, FlowContext, Progress, write_explanation, write_explanation_json,
};
use swarmscope::pipeline::{AnalyzeError, analyze};

/// Flows explained at most.
const FLOWS_MAX: usize = 200;
/// Flows named when the one asked for is not there.
const NEAREST_MAX: usize = 5;

/// Runs the command.
pub(crate) fn run(arguments: &ExplainArguments, quiet: bool) -> Result<Exit, Failure> {
    check_input(&arguments.input)?;
    let options = arguments.options();
    let Some(subject) = options.subject else { return Err(Failure::usage("say --flow or --host")) };
    let mut found = Found::new(subject, !quiet);
    let result = analyze(&options, &mut found);
    found.progress.finish();
    let report = result.map_err(|error| match error {
        AnalyzeError::Usage(text) => Failure::Usage(text),
        AnalyzeError::Failed(text) => Failure::Run(text),
    })?;
    if !found.seen {
        return Err(Failure::Run(found.not_here()));
    }
    print(&found, &report, arguments.json).map_err(|error| Failure::writing("the explanation", &error))?;
    if report.coverage.damage.is_empty() {
        return Ok(Exit::Done);
    }
    if !quiet {
        warn_of_damage(&report.coverage);
    }
    Ok(Exit::Partly)
}

fn print(found: &Found, report: &Report, json: bool) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let asked = match found.subject {
        Subject::Host(address) => Some(address),
        Subject::Flow(..) => None,
    };
    let host = report.hosts.iter().find(|h| Some(h.address) == asked);
    if json {
        write_explanation_json(&found.flows, host, asked, found.left_out, &mut out)?;
    } else {
        if let (Some(address), true) = (asked, found.flows.is_empty()) {
            writeln!(out, "host {address}: no flow of it carries a label")?;
        }
        write_explanation(&found.flows, host, found.left_out, &mut out)?;
    }
    out.flush()
}

/// What an analysis tells of the subject.
struct Found {
    subject: Subject,
    seen: bool,
    flows: Vec<Explained>,
    left_out: u64,
    nearest: Vec<String>,
    progress: Progress,
}

impl Found {
    fn new(subject: Subject, progress: bool) -> Self {
        let progress = Progress::on_stderr(progress);
        Self { subject, seen: false, flows: Vec::new(), left_out: 0, nearest: Vec::new(), progress }
    }

    fn not_here(&self) -> String {
        let what = match self.subject {
            Subject::Flow(a, b) => format!("no flow {a}-{b} in this capture"),
            Subject::Host(address) => format!("no flow of host {address} in this capture"),
        };
        if self.nearest.is_empty() { what } else { format!("{what}; nearest: {}", self.nearest.join(", ")) }
    }
}

impl AnalysisSink for Found {
    fn flow(&mut self, record: &FlowRecord, context: &FlowContext<'_>) {
        let ends = [record.originator, record.responder];
        if !self.subject.is(ends) {
            if self.subject.is_near(ends) && self.nearest.len() < NEAREST_MAX {
                self.nearest.push(format!("{}-{}", ends[0], ends[1]));
            }
            return;
        }
        self.seen = true;
        if matches!(self.subject, Subject::Host(_)) && record.label.grade.is_none() {
            return;
        }
        if self.flows.len() < FLOWS_MAX {
            self.flows.push(Explained::new(record, context));
        } else {
            self.left_out += 1;
        }
    }

    fn progress(&mut self, bytes_read: u64, bytes_total: Option<u64>, packets: u64) -> ControlFlow<()> {
        self.progress.update(bytes_read, bytes_total, packets);
        ControlFlow::Continue(())
    }
}
