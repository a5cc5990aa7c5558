//! `swarmscope notice`: says which home host an abuse notice is about.

use super::analyze::{check_input, warn_of_damage};
use super::arguments::InputArguments;
use super::exit::{Exit, Failure};
use super::history::{self, Then};
use clap::Args;
use std::fs::File;
use std::io::{self, BufWriter, Read as _, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;
use swarmscope::base::{Address, HomeNets, InfoHash, Network, Timestamp};
use swarmscope::event::FlowRecord;
use swarmscope::ledger::notice::{CLOCK_SKEW, Claim, OutsideView, candidates};
use swarmscope::ledger::report::Coverage;
use swarmscope::ledger::{Ledger, Seen};
use swarmscope::output::{
    AnalysisSink, FlowContext, NoticeAnswer, Progress, write_notice, write_notice_json,
};
use swarmscope::pipeline::{AnalyzeError, AnalyzeOptions, acns, analyze};

/// Makes the sensor's health be remembered by quarters of an hour.
pub(super) const QUIET_FOR: Duration = Duration::from_secs(6 * 3_600);

#[derive(Args, Debug)]
pub(crate) struct NoticeArguments {
    #[command(flatten)]
    pub(crate) input: InputArguments,
    /// Read the notice from an ACNS 2.0 XML file; what is said besides goes before what it says
    #[arg(long, value_name = "XML", help_heading = "The notice")]
    pub(crate) acns: Option<PathBuf>,
    /// The outside address
    #[arg(long, value_name = "ADDRESS", required_unless_present = "acns", help_heading = "The notice")]
    pub(crate) address: Option<Address>,
    /// The outside port
    #[arg(long, value_name = "PORT", help_heading = "The notice")]
    pub(crate) port: Option<u16>,
    /// When, e.g. 2026-03-01T12:00:00Z or seconds since the epoch
    #[arg(long, value_name = "TIME", required_unless_present = "acns", help_heading = "The notice")]
    pub(crate) time: Option<Timestamp>,
    /// The torrent
    #[arg(long, value_name = "HASH", value_parser = info_hash, help_heading = "The notice")]
    pub(crate) info_hash: Option<InfoHash>,
    /// A capture by a second sensor, outside the address translation, of the same time; repeatable
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::AnyPath, conflicts_with = "state", help_heading = "The notice")]
    pub(crate) outside: Vec<PathBuf>,
    /// Ask the history in this folder, which watch or analyze wrote, in place of captures
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath, help_heading = "The notice")]
    pub(crate) state: Option<PathBuf>,
    /// Print the answer as one JSON object
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

impl NoticeArguments {
    /// What the pipeline needs to know.
    pub(crate) fn options(&self) -> AnalyzeOptions {
        let all_flows = !self.outside.is_empty();
        AnalyzeOptions { news: true, all_flows, quiet_for: Some(QUIET_FOR), ..self.input.options() }
    }

    fn claim(&self) -> Result<Claim, Failure> {
        let read = self.acns.as_deref().map(read).transpose()?.unwrap_or_default();
        let missing = |what| Failure::usage(format!("the notice names no {what}: say --{what}"));
        Ok(Claim {
            address: self.address.or(read.address).ok_or_else(|| missing("address"))?,
            port: self.port.or(read.port),
            at: self.time.or(read.at).ok_or_else(|| missing("time"))?,
            info_hash: self.info_hash.or(read.info_hash),
        })
    }
}

fn read(path: &Path) -> Result<acns::Notice, Failure> {
    let wrong = |why: &dyn std::fmt::Display| Failure::usage(format!("{}: {why}", path.display()));
    let file = File::open(path).map_err(|e| wrong(&e))?;
    let mut bytes = Vec::new();
    file.take(acns::SIZE_MAX as u64 + 1).read_to_end(&mut bytes).map_err(|e| wrong(&e))?;
    acns::parse(&bytes).map_err(|e| wrong(&e))
}

pub(super) fn info_hash(text: &str) -> Result<InfoHash, String> {
    text.to_lowercase().parse().map_err(|_| "expected 40 hexadecimal digits".to_owned())
}

/// Runs the command.
pub(crate) fn run(arguments: &NoticeArguments, quiet: bool) -> Result<Exit, Failure> {
    let claim = arguments.claim()?;
    if let Some(dir) = &arguments.state {
        let Then { report, seen } = history::near(dir, claim.at, CLOCK_SKEW, QUIET_FOR)?;
        let candidates = candidates(&report, &claim, None);
        let coverage = &report.coverage;
        let answer = NoticeAnswer {
            claim: &claim,
            candidates: &candidates,
            seen: &seen,
            coverage,
            of_that_time: true,
        };
        return tell(&answer, arguments.json);
    }
    check_input(&arguments.input)?;
    let options = arguments.options();
    let outside = if arguments.outside.is_empty() { None } else { Some(outside(arguments, &claim, quiet)?) };
    let mut watched = Watched {
        at: claim.at,
        seen: Seen::default(),
        outside: outside.map(|view| (view, options.home.clone())),
        progress: Progress::on_stderr(!quiet),
    };
    let result = analyze(&options, &mut watched);
    watched.progress.finish();
    let report = result.map_err(failed)?;
    let candidates = candidates(&report, &claim, watched.outside.as_ref().map(|(view, _)| view));
    let answer = NoticeAnswer {
        claim: &claim,
        candidates: &candidates,
        seen: &watched.seen,
        coverage: &report.coverage,
        of_that_time: false,
    };
    let exit = tell(&answer, arguments.json)?;
    if !quiet {
        warn_of_damage(&report.coverage);
    }
    Ok(exit)
}

/// What the second sensor saw of the address that the notice names.
fn outside(arguments: &NoticeArguments, claim: &Claim, quiet: bool) -> Result<OutsideView, Failure> {
    let network = claim.address.to_string().parse::<Network>().map_err(Failure::usage)?;
    let options = AnalyzeOptions {
        inputs: arguments.outside.clone(),
        home: HomeNets::new(vec![network]),
        all_flows: true,
        ..arguments.input.options()
    };
    let mut outer =
        Outer { claim: *claim, view: OutsideView::default(), progress: Progress::on_stderr(!quiet) };
    let result = analyze(&options, &mut outer);
    outer.progress.finish();
    result.map(|_| outer.view).map_err(failed)
}

fn failed(error: AnalyzeError) -> Failure {
    match error {
        AnalyzeError::Usage(text) => Failure::Usage(text),
        AnalyzeError::Failed(text) => Failure::Run(text),
    }
}

fn tell(answer: &NoticeAnswer<'_>, json: bool) -> Result<Exit, Failure> {
    print(answer, json).map_err(|error| Failure::writing("the answer", &error))?;
    Ok(match (answer.found(), answer.saw_well()) {
        (true, _) => Exit::Done,
        (false, true) => Exit::No,
        (false, false) => Exit::CannotTell,
    })
}

fn print(answer: &NoticeAnswer<'_>, json: bool) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    if json {
        write_notice_json(answer, &mut out)?;
    } else {
        write_notice(answer, &mut out)?;
    }
    out.flush()
}

/// Listens to the second sensor's captures.
struct Outer {
    claim: Claim,
    view: OutsideView,
    progress: Progress,
}

impl AnalysisSink for Outer {
    fn flow(&mut self, record: &FlowRecord, _: &FlowContext<'_>) {
        self.view.saw_outside(&self.claim, record);
    }

    fn progress(&mut self, bytes_read: u64, bytes_total: Option<u64>, packets: u64) -> ControlFlow<()> {
        self.progress.update(bytes_read, bytes_total, packets);
        ControlFlow::Continue(())
    }
}

/// How well the sensor saw around the time of the notice, and who did what a second sensor saw.
struct Watched {
    at: Timestamp,
    seen: Seen,
    outside: Option<(OutsideView, HomeNets)>,
    progress: Progress,
}

impl AnalysisSink for Watched {
    fn flow(&mut self, record: &FlowRecord, _: &FlowContext<'_>) {
        if let Some((view, home)) = &mut self.outside {
            view.saw_inside(home, record);
        }
    }

    fn tick(&mut self, now: Timestamp, ledger: &Ledger, _: &Coverage) {
        // What is remembered of the sensor is bounded: looked at while it is fresh.
        let (from, to) = (self.at - CLOCK_SKEW, self.at + CLOCK_SKEW);
        if now >= from && !self.seen.watched {
            self.seen = ledger.seen(from, to);
        }
    }

    fn progress(&mut self, bytes_read: u64, bytes_total: Option<u64>, packets: u64) -> ControlFlow<()> {
        self.progress.update(bytes_read, bytes_total, packets);
        ControlFlow::Continue(())
    }
}
