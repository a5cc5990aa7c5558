//! `swarmscope analyze`: runs the pipeline over captures and writes what was asked for.

use super::arguments::{AnalyzeArguments, InputArguments};
use super::exit::{Exit, Failure, say};
use super::rules;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use swarmscope::base::Timestamp;
use swarmscope::event::{FlowRecord, FlowUpdate};
use swarmscope::ledger::report::{Coverage, Report};
use swarmscope::output::privacy::Veiled;
use swarmscope::output::report::{CaptureReport, Timeline, write_capture_html};
use swarmscope::output::{
    AlertLog, AnalysisSink, DhtEvent, EventWriter, FlowContext, HostEvent, Layout, Policed, Progress,
    TorrentEvent, write_json_with_alerts, write_summary_with_alerts,
};
use swarmscope::pipeline::{AnalyzeError, analyze};
use swarmscope::policy::{AlertChange, Engine, EngineLimits, Subject};

/// Runs the command.
pub(crate) fn run(arguments: &AnalyzeArguments, quiet: bool) -> Result<Exit, Failure> {
    check(arguments)?;
    // Wrong rules are told before the events of the last run are overwritten.
    let rules =
        if arguments.rules.is_empty() { None } else { Some(Arc::new(rules::load(&arguments.rules)?)) };
    let veil = arguments.privacy.veil()?;
    let mut outputs = Outputs::open(arguments.events.as_deref(), !quiet)?;
    outputs.timeline = arguments.html.as_ref().map(|_| Timeline::default());
    let mut outputs = Veiled::new(Arc::clone(&veil), outputs);
    let mut options = arguments.options();
    let result = match rules {
        None => analyze(&options, &mut outputs),
        Some(rules) => {
            let mut engine = Engine::new(rules, options.home.clone(), EngineLimits::default());
            let dht_too = options.log_dht;
            options.log_dht |= engine.wants(Subject::Dht);
            let result = analyze(&options, &mut Policed::new(&mut engine, &mut outputs, dht_too));
            tracing::debug!(counters = ?engine.counters(), "rules");
            result
        }
    };
    let mut outputs = outputs.into_inner();
    let alerts = std::mem::take(&mut outputs.alerts);
    let timeline = outputs.timeline.take();
    // What went wrong on our side explains a run cut short, so it is told first.
    outputs.finish()?;
    let mut report = result.map_err(|error| match error {
        AnalyzeError::Usage(text) => Failure::Usage(text),
        AnalyzeError::Failed(text) => Failure::Run(text),
    })?;
    veil.report(&mut report);
    if let (Some(path), Some(mut timeline)) = (&arguments.html, timeline) {
        timeline.finish();
        let alerts = (!arguments.rules.is_empty()).then_some(&alerts);
        let capture = CaptureReport { report: &report, alerts, timeline: &timeline };
        write_html(path, &capture).map_err(|e| Failure::writing(&path.display().to_string(), &e))?;
    }
    if !arguments.events.as_deref().is_some_and(is_stdio) {
        print(&report, &alerts, arguments).map_err(|error| Failure::writing("the summary", &error))?;
    }
    if !quiet && !report.coverage.damage.is_empty() {
        warn_of_damage(&report.coverage);
    }
    let alerted = arguments.fail_on.is_some_and(|level| alerts.worst() >= Some(level.into()));
    Ok(match (alerted, report.coverage.damage.is_empty()) {
        (true, _) => Exit::Alerted,
        (false, true) => Exit::Done,
        (false, false) => Exit::Partly,
    })
}

/// What clap cannot know to be wrong.
fn check(arguments: &AnalyzeArguments) -> Result<(), Failure> {
    check_input(&arguments.input)?;
    let (events, html) = (arguments.events.as_deref(), arguments.html.as_deref());
    if arguments.json && events.is_some_and(is_stdio) {
        return Err(Failure::usage("--json and --events - both want stdout: write the events to a file"));
    }
    if html.is_some_and(is_stdio) {
        return Err(Failure::usage("--html wants a file: stdout has the summary"));
    }
    keep_input("--events", events.filter(|path| !is_stdio(path)), &arguments.input)?;
    keep_input("--html", html, &arguments.input)
}

/// Opening an output truncates it: a capture must not be lost to a slip of the hand.
pub(super) fn keep_input(option: &str, output: Option<&Path>, input: &InputArguments) -> Result<(), Failure> {
    let Some(output) = output.and_then(|path| path.canonicalize().ok()) else { return Ok(()) };
    let same = |input: &&PathBuf| input.canonicalize().is_ok_and(|input| input == output);
    match input.inputs.iter().find(same) {
        Some(input) => Err(Failure::usage(format!("{option} would overwrite the input {}", input.display()))),
        None => Ok(()),
    }
}

/// A file for what tells of people: nobody else may read it.
pub(super) fn create(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options().write(true).create(true).truncate(true).mode(0o600).open(path)
}

fn write_html(path: &Path, capture: &CaptureReport<'_>) -> io::Result<()> {
    let mut out = BufWriter::new(create(path)?);
    write_capture_html(capture, &mut out)?;
    out.flush()
}

/// What clap cannot know to be wrong about the input.
pub(super) fn check_input(input: &InputArguments) -> Result<(), Failure> {
    if let (Some(since), Some(until)) = (input.since, input.until)
        && since >= until
    {
        return Err(Failure::usage("--since is not before --until: no packet could match"));
    }
    let standard_inputs = input.inputs.iter().filter(|path| is_stdio(path)).count();
    if standard_inputs > 1 {
        return Err(Failure::usage("standard input (-) was named more than once"));
    }
    if standard_inputs == 1 && io::stdin().is_terminal() {
        return Err(Failure::usage("standard input is a terminal: pipe a capture into it"));
    }
    Ok(())
}

fn is_stdio(path: impl AsRef<Path>) -> bool {
    path.as_ref() == Path::new("-")
}

fn print(report: &Report, alerts: &AlertLog, arguments: &AnalyzeArguments) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    if arguments.json {
        write_json_with_alerts(report, alerts, &mut out)?;
    } else {
        let alerts = (!arguments.rules.is_empty()).then_some(alerts);
        write_summary_with_alerts(report, alerts, &mut out, Layout::of_stdout(arguments.color.into()))?;
    }
    out.flush()
}

pub(super) fn warn_of_damage(coverage: &Coverage) {
    for (file, offset, reason) in &coverage.damage {
        // The packets of one file among several are not counted apart.
        let before = match coverage.files.len() {
            0 | 1 => format!("{} packets before it were analysed", coverage.packets),
            _ => "what came before it was analysed".to_owned(),
        };
        say("warning", &format!("{file}: damaged at byte {offset}: {reason}; {before}"));
    }
}

/// A file of events, or stdout.
type EventFile = EventWriter<BufWriter<Box<dyn Write>>>;

/// Where an analysis goes while it runs: the event file and the progress bar.
struct Outputs {
    events: Option<(String, EventFile)>,
    /// The first failure to write; nothing is written after it.
    failure: Option<Failure>,
    alerts: AlertLog,
    /// Bytes over time, for a report.
    timeline: Option<Timeline>,
    progress: Progress,
}

impl Outputs {
    fn open(events: Option<&Path>, progress: bool) -> Result<Self, Failure> {
        let events = match events {
            None => None,
            Some(path) => {
                let name = path.display().to_string();
                let target: Box<dyn Write> = if is_stdio(path) {
                    Box::new(io::stdout())
                } else {
                    Box::new(File::create(path).map_err(|error| Failure::writing(&name, &error))?)
                };
                Some((name, EventWriter::new(BufWriter::with_capacity(1 << 16, target))))
            }
        };
        Ok(Self {
            events,
            failure: None,
            alerts: AlertLog::default(),
            timeline: None,
            progress: Progress::on_stderr(progress),
        })
    }

    fn finish(mut self) -> Result<(), Failure> {
        self.progress.finish();
        self.write(EventWriter::flush);
        self.failure.map_or(Ok(()), Err)
    }

    fn write(&mut self, write: impl FnOnce(&mut EventFile) -> io::Result<()>) {
        if self.failure.is_none()
            && let Some((name, events)) = &mut self.events
            && let Err(error) = write(events)
        {
            let name = if name == "-" { "events to stdout" } else { name };
            self.failure = Some(Failure::writing(name, &error));
        }
    }
}

impl AnalysisSink for Outputs {
    fn flow(&mut self, record: &FlowRecord, context: &FlowContext<'_>) {
        self.write(|events| events.flow(record, context));
    }

    fn dht(&mut self, event: &DhtEvent<'_>, context: &FlowContext<'_>) {
        self.write(|events| events.dht(event, context));
    }

    fn torrent(&mut self, event: &TorrentEvent<'_>) {
        self.write(|events| events.torrent(event));
    }

    fn host(&mut self, event: &HostEvent<'_>) {
        self.write(|events| events.host(event));
    }

    fn update(&mut self, update: &FlowUpdate<'_>, _: &FlowContext<'_>) {
        if let Some(timeline) = &mut self.timeline {
            timeline.note(update);
        }
    }

    fn alert(&mut self, change: &AlertChange) {
        self.alerts.note(change);
        self.write(|events| events.alert(change));
    }

    fn stats(&mut self, at: Timestamp, coverage: &Coverage) {
        self.write(|events| events.stats(at, coverage));
    }

    fn progress(&mut self, bytes_read: u64, bytes_total: Option<u64>, packets: u64) -> ControlFlow<()> {
        self.progress.update(bytes_read, bytes_total, packets);
        if self.failure.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Full(io::ErrorKind);

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn failure_of(kind: io::ErrorKind) -> (ControlFlow<()>, Failure) {
        let target: Box<dyn Write> = Box::new(Full(kind));
        let events = Some(("e.jsonl".to_owned(), EventWriter::new(BufWriter::with_capacity(1, target))));
        let mut outputs = Outputs {
            events,
            failure: None,
            alerts: AlertLog::default(),
            timeline: None,
            progress: Progress::on_stderr(false),
        };
        outputs.stats(Timestamp(0), &Coverage::default());
        let flow = outputs.progress(0, None, 0);
        (flow, outputs.finish().unwrap_err())
    }

    #[test]
    fn a_reader_that_left_stops_the_analysis_without_a_word() {
        assert_eq!(failure_of(io::ErrorKind::BrokenPipe), (ControlFlow::Break(()), Failure::ClosedPipe));
    }

    #[test]
    fn a_full_disk_is_told_with_the_name_of_the_file() {
        let (flow, failure) = failure_of(io::ErrorKind::StorageFull);
        assert_eq!(flow, ControlFlow::Break(()));
        assert!(matches!(failure, Failure::Run(text) if text.starts_with("cannot write e.jsonl: ")));
    }
}
