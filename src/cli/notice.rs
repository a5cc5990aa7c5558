//! `swarmscope notice`: says which home host an abuse notice is about.

use super::analyze::{check_input, warn_of_damage};
use super::arguments::InputArguments;
use super::exit::{Exit, Failure};
use clap::Args;
use std::fs::File;
use std::io::{self, BufWriter, Read as _, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;
use swarmscope::base::{Address, InfoHash, Timestamp};
use swarmscope::event::FlowRecord;
use swarmscope::ledger::notice::{CLOCK_SKEW, Claim, candidates};
use swarmscope::ledger::report::Coverage;
use swarmscope::ledger::{Ledger, Seen};
use swarmscope::output::{
    AnalysisSink, DhtEvent, FlowContext, HostEvent, NoticeAnswer, Progress, TorrentEvent, write_notice,
    write_notice_json,
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
    /// Print the answer as one JSON object
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

impl NoticeArguments {
    /// What the pipeline needs to know.
    pub(crate) fn options(&self) -> AnalyzeOptions {
        AnalyzeOptions { news: true, quiet_for: Some(QUIET_FOR), ..self.input.options() }
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
    check_input(&arguments.input)?;
    let claim = arguments.claim()?;
    let mut watched = Watched { at: claim.at, seen: Seen::default(), progress: Progress::on_stderr(!quiet) };
    let result = analyze(&arguments.options(), &mut watched);
    watched.progress.finish();
    let report = result.map_err(|error| match error {
        AnalyzeError::Usage(text) => Failure::Usage(text),
        AnalyzeError::Failed(text) => Failure::Run(text),
    })?;
    let candidates = candidates(&report, &claim);
    let answer = NoticeAnswer {
        claim: &claim,
        candidates: &candidates,
        seen: &watched.seen,
        coverage: &report.coverage,
    };
    print(&answer, arguments.json).map_err(|error| Failure::writing("the answer", &error))?;
    if !quiet {
        warn_of_damage(&report.coverage);
    }
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

/// How well the sensor saw around the time of the notice.
struct Watched {
    at: Timestamp,
    seen: Seen,
    progress: Progress,
}

impl AnalysisSink for Watched {
    fn flow(&mut self, _: &FlowRecord, _: &FlowContext<'_>) {}

    fn dht(&mut self, _: &DhtEvent<'_>, _: &FlowContext<'_>) {}

    fn torrent(&mut self, _: &TorrentEvent<'_>) {}

    fn host(&mut self, _: &HostEvent<'_>) {}

    fn tick(&mut self, now: Timestamp, ledger: &Ledger, _: &Coverage) {
        // What is remembered of the sensor is bounded: looked at while it is fresh.
        let (from, to) = (self.at - CLOCK_SKEW, self.at + CLOCK_SKEW);
        if now >= from && !self.seen.watched {
            self.seen = ledger.seen(from, to);
        }
    }

    fn stats(&mut self, _: Timestamp, _: &Coverage) {}

    fn progress(&mut self, bytes_read: u64, bytes_total: Option<u64>, packets: u64) -> ControlFlow<()> {
        self.progress.update(bytes_read, bytes_total, packets);
        ControlFlow::Continue(())
    }
}
