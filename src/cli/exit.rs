//! Exit status, section 3 of the output contract.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;
use swarmscope::base::printable;

/// Longest message, in bytes.
const MESSAGE_MAX: usize = 4_096;

/// How a command that did its work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All of it.
    Done,
    /// The input was partly unreadable.
    Partly,
    /// An alert opened of the level that `--fail-on` names, or higher.
    Alerted,
    /// It cannot be told whether the host is cleared.
    CannotTell,
    /// The host is not cleared, or what was asked for was not found.
    No,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Partly | Exit::CannotTell => 3,
            Exit::Alerted | Exit::No => 4,
        })
    }
}

/// Why a command did not do its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The reader of our output left; nobody is to be told.
    ClosedPipe,
    /// It failed.
    Run(String),
    /// It was asked for wrongly.
    Usage(String),
}

impl Failure {
    /// Wrong usage, said in a sentence.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self::Usage(message.to_string())
    }

    /// What writing to `target` failed with.
    pub(crate) fn writing(target: &str, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ClosedPipe,
            _ => Self::Run(format!("cannot write {target}: {error}")),
        }
    }

    /// Tells the user, and the status to exit with.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Self::ClosedPipe => ExitCode::SUCCESS,
            Self::Run(message) => {
                say("error", message);
                ExitCode::from(1)
            }
            Self::Usage(message) => {
                say("error", message);
                ExitCode::from(2)
            }
        }
    }
}

/// One line on stderr; file names and reasons in it may hold any bytes.
pub(crate) fn say(severity: &str, message: &str) {
    // Nothing is left to tell when stderr is closed.
    let _ = writeln!(io::stderr(), "swarmscope: {severity}: {}", printable(message.as_bytes(), MESSAGE_MAX));
}
