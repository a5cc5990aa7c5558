//! Starts the log on stderr in the form that its reader wants.

use super::exit::Failure;
use std::fmt;
use std::io::IsTerminal as _;
use swarmscope::config::LogFormat;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Compact, Format, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Overrides the log level that flags and the configuration choose, in the syntax of tracing's `EnvFilter`.
const LOG_VARIABLE: &str = "SWARMSCOPE_LOG";

/// Starts the log of a command that ends by itself. Its lines belong to packet time; the reader's clock would only make two
/// runs differ.
pub(super) fn start(level: &str) -> Result<(), Failure> {
    let log = tracing_subscriber::fmt().with_env_filter(filter(level)?).with_writer(std::io::stderr);
    log.with_ansi(color()).without_time().init();
    Ok(())
}

/// Starts the log of a sensor.
pub(super) fn start_sensor(level: &str, format: LogFormat) -> Result<(), Failure> {
    let log = tracing_subscriber::fmt().with_env_filter(filter(level)?).with_writer(std::io::stderr);
    match format {
        LogFormat::Json => log.json().flatten_event(true).init(),
        // Set by systemd when stderr is connected to the journal, which keeps the time and the weight itself.
        LogFormat::Text if std::env::var_os("JOURNAL_STREAM").is_some() => {
            log.with_ansi(false).event_format(ForJournal::new()).init();
        }
        LogFormat::Text => log.with_ansi(color()).with_target(false).init(),
    }
    Ok(())
}

fn filter(level: &str) -> Result<EnvFilter, Failure> {
    match std::env::var(LOG_VARIABLE) {
        Ok(text) => EnvFilter::try_new(text).map_err(|e| Failure::usage(format!("{LOG_VARIABLE}: {e}"))),
        Err(_) => Ok(EnvFilter::new(level)),
    }
}

fn color() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// Lines that begin with the weight as the journal reads it (`sd-daemon(3)`), and have no time.
struct ForJournal(Format<Compact, ()>);

impl ForJournal {
    fn new() -> Self {
        let plain = tracing_subscriber::fmt::format().compact().without_time();
        Self(plain.with_level(false).with_target(false))
    }
}

impl<S, N> FormatEvent<S, N> for ForJournal
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let priority = match *event.metadata().level() {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            Level::DEBUG | Level::TRACE => 7,
        };
        write!(writer, "<{priority}>")?;
        self.0.format_event(context, writer, event)
    }
}
