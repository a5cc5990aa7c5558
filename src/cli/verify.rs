//! `swarmscope verify`: says whether a host has stopped, and how that is known.

use super::analyze::{check_input, warn_of_damage};
use super::arguments::InputArguments;
use super::exit::{Exit, Failure};
use clap::Args;
use std::io::{self, BufWriter, Write as _};
use std::ops::ControlFlow;
use swarmscope::base::{Address, Timestamp};
use swarmscope::config::TimeSpan;
use swarmscope::event::FlowRecord;
use swarmscope::ledger::report::Coverage;
use swarmscope::ledger::{HostState, Ledger, Standing};
use swarmscope::output::{
    AnalysisSink, DhtEvent, FlowContext, HostEvent, Progress, TorrentEvent, Verdict, write_verdict,
    write_verdict_json,
};
use swarmscope::pipeline::{AnalyzeError, AnalyzeOptions, analyze};

/// Changes of state that are told at most.
const STATES: usize = 1_000;

#[derive(Args, Debug)]
pub(crate) struct VerifyArguments {
    /// The host, by its address inside
    #[arg(value_name = "HOST")]
    pub(crate) host: Address,
    #[command(flatten)]
    pub(crate) input: InputArguments,
    /// How long it must be quiet to be called cleared, such as 24h or 7d
    #[arg(long, value_name = "TIME", default_value = "24h", help_heading = "What to verify")]
    pub(crate) quiet_for: TimeSpan,
    /// Print the verdict as one JSON object
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

impl VerifyArguments {
    /// What the pipeline needs to know.
    pub(crate) fn options(&self) -> AnalyzeOptions {
        AnalyzeOptions { news: true, quiet_for: Some(self.quiet_for.0), ..self.input.options_for(self.host) }
    }
}

/// Runs the command.
pub(crate) fn run(arguments: &VerifyArguments, quiet: bool) -> Result<Exit, Failure> {
    check_input(&arguments.input)?;
    let mut watched = Watched {
        host: arguments.host,
        standing: Standing::default(),
        states: Vec::new(),
        progress: Progress::on_stderr(!quiet),
    };
    let result = analyze(&arguments.options(), &mut watched);
    watched.progress.finish();
    let report = result.map_err(|error| match error {
        AnalyzeError::Usage(text) => Failure::Usage(text),
        AnalyzeError::Failed(text) => Failure::Run(text),
    })?;
    if report.coverage.packets == 0 {
        return Err(Failure::Run("the input holds no packets".to_owned()));
    }
    let verdict = Verdict {
        host: arguments.host,
        quiet_for: arguments.quiet_for.0,
        standing: &watched.standing,
        states: &watched.states,
        coverage: &report.coverage,
    };
    print(&verdict, arguments.json).map_err(|error| Failure::writing("the verdict", &error))?;
    if !quiet {
        warn_of_damage(&report.coverage);
    }
    Ok(match watched.standing.state {
        HostState::Cleared => Exit::Done,
        HostState::CannotTell | HostState::NotSeen => Exit::CannotTell,
        HostState::Active | HostState::Quiet | HostState::Changed | HostState::Recurred => Exit::No,
    })
}

fn print(verdict: &Verdict<'_>, json: bool) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    if json {
        write_verdict_json(verdict, &mut out)?;
    } else {
        write_verdict(verdict, &mut out)?;
    }
    out.flush()
}

/// What becomes of the host while the captures are read.
struct Watched {
    host: Address,
    standing: Standing,
    states: Vec<(Timestamp, HostState)>,
    progress: Progress,
}

impl AnalysisSink for Watched {
    fn flow(&mut self, _: &FlowRecord, _: &FlowContext<'_>) {}

    fn dht(&mut self, _: &DhtEvent<'_>, _: &FlowContext<'_>) {}

    fn torrent(&mut self, _: &TorrentEvent<'_>) {}

    fn host(&mut self, _: &HostEvent<'_>) {}

    fn tick(&mut self, now: Timestamp, ledger: &Ledger, _: &Coverage) {
        self.standing = ledger.standing(self.host);
        let state = self.standing.state;
        if self.states.last().is_none_or(|(_, s)| *s != state) && self.states.len() < STATES {
            self.states.push((now, state));
        }
    }

    fn stats(&mut self, _: Timestamp, _: &Coverage) {}

    fn progress(&mut self, bytes_read: u64, bytes_total: Option<u64>, packets: u64) -> ControlFlow<()> {
        self.progress.update(bytes_read, bytes_total, packets);
        ControlFlow::Continue(())
    }
}
