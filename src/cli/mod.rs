//! Says what to run: the command line, its exit status, and what people get on stderr.
//!
//! clap is named here and nowhere else. Data goes to stdout, progress and log to stderr.

mod analyze;
mod arguments;
mod exit;
mod explain;

use arguments::{Arguments, Command};
use clap::Parser as _;
use exit::Failure;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Overrides the log level that `-v` and `-q` choose, in the syntax of tracing's `EnvFilter`.
const LOG_VARIABLE: &str = "SWARMSCOPE_LOG";

/// Parses the command line and does what it says. Help, version and wrong usage end the process in clap, with status 2
/// for wrong usage.
pub(crate) fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = start_log(&arguments).and_then(|()| match &arguments.command {
        Command::Analyze(analyze) => analyze::run(analyze, arguments.quiet),
        Command::Explain(explain) => explain::run(explain, arguments.quiet),
    });
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => failure.report(),
    }
}

fn start_log(arguments: &Arguments) -> Result<(), Failure> {
    let level = match (arguments.quiet, arguments.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info",
        (false, 2) => "debug",
        (false, _) => "trace",
    };
    let filter = match std::env::var(LOG_VARIABLE) {
        Ok(text) => EnvFilter::try_new(text).map_err(|e| Failure::usage(format!("{LOG_VARIABLE}: {e}")))?,
        Err(_) => EnvFilter::new(level),
    };
    let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    // The lines of an analysis belong to packet time; the reader's clock would only make two runs differ.
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(color)
        .without_time()
        .init();
    Ok(())
}
