//! Says what to run: the command line, its exit status, and what people get on stderr.
//!
//! clap is named here and nowhere else. Data goes to stdout, progress and log to stderr.

mod analyze;
mod arguments;
mod config;
mod exit;
mod explain;
mod log;
mod notice;
mod privacy;
mod report;
mod rules;
mod verify;
mod watch;

use arguments::{Arguments, Command};
use clap::Parser as _;
use std::process::ExitCode;

/// Parses the command line and does what it says. Help, version and wrong usage end the process in clap, with status 2
/// for wrong usage.
pub(crate) fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.command {
        Command::Analyze(analyze) => {
            log::start(level(&arguments)).and_then(|()| analyze::run(analyze, arguments.quiet))
        }
        Command::Explain(explain) => {
            log::start(level(&arguments)).and_then(|()| explain::run(explain, arguments.quiet))
        }
        Command::Notice(notice) => {
            log::start(level(&arguments)).and_then(|()| notice::run(notice, arguments.quiet))
        }
        Command::Verify(verify) => {
            log::start(level(&arguments)).and_then(|()| verify::run(verify, arguments.quiet))
        }
        Command::Report(report) => {
            log::start(level(&arguments)).and_then(|()| report::run(report, arguments.quiet))
        }
        Command::Rules(rules) => log::start(level(&arguments)).and_then(|()| rules::run(rules)),
        Command::Watch(watch) => watch::run(watch, arguments.verbose, arguments.quiet),
        Command::Config(config) => config::run(config),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => failure.report(),
    }
}

fn level(arguments: &Arguments) -> &'static str {
    match (arguments.quiet, arguments.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info",
        (false, 2) => "debug",
        (false, _) => "trace",
    }
}
