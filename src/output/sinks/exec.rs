//! Alerts to a program of the operator's: started for each, one at a time, with the alert as JSON on standard input.
//!
//! No shell is between, nothing of an alert is in the arguments, the environment is empty, and so are the rights of a sensor that
//! gave its own up. A program that takes too long is killed with all that it started. Its exit status says how it went: 0 is
//! delivered, 75 (`EX_TEMPFAIL` of `sysexits.h`) is tried again, any other is refused.

use super::connection::now;
use super::{Courier, Undelivered, event_of};
use crate::policy::AlertChange;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// `EX_TEMPFAIL`.
const AGAIN: i32 = 75;
/// Time between two looks at whether it has ended.
const LOOK: Duration = Duration::from_millis(20);

/// The courier.
#[derive(Debug)]
pub struct ExecHook {
    command: Vec<String>,
    limit: Duration,
}

impl ExecHook {
    /// Starts a program with these arguments for each alert, and gives it so much time.
    ///
    /// # Errors
    /// When there is no program, or its path does not begin at the root: an empty environment has no `PATH`.
    pub fn new(command: &[String], limit: Duration) -> io::Result<Self> {
        let program = command.first().map(Path::new).unwrap_or(Path::new(""));
        if !program.is_absolute() {
            let why = format!("'{}' is not the whole path of a program", program.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        Ok(Self { command: command.to_vec(), limit })
    }

    fn start(&self) -> io::Result<Child> {
        let (program, arguments) = self.command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        Command::new(program)
            .args(arguments)
            .env_clear()
            .current_dir("/")
            // A group of its own, so that it can be killed with all that it started.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
    }

    /// Waits for the end; `None` when its time was over.
    fn wait(&self, child: &mut Child) -> io::Result<Option<ExitStatus>> {
        let until = now() + self.limit;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(Some(status));
            }
            if now() >= until {
                let group = i32::try_from(child.id()).map(Pid::from_raw).map_err(io::Error::other)?;
                // Gone already, if it fails.
                let _ = killpg(group, Signal::SIGKILL);
                child.wait()?;
                return Ok(None);
            }
            std::thread::sleep(LOOK);
        }
    }
}

impl Courier for ExecHook {
    fn deliver(&mut self, change: &AlertChange) -> Result<(), Undelivered> {
        let name = self.command.first().cloned().unwrap_or_default();
        let later = |error: io::Error| Undelivered::Later(format!("{name}: {error}"));
        let mut child = self.start().map_err(later)?;
        if let Some(mut stdin) = child.stdin.take() {
            let mut line = event_of(change);
            line.push('\n');
            // In a thread of its own: a program that does not read must not hold this one. Who reads only a part is free to.
            let write = move || drop(stdin.write_all(line.as_bytes()));
            std::thread::Builder::new().name("exec-stdin".to_owned()).spawn(write).map_err(later)?;
        }
        match self.wait(&mut child).map_err(later)? {
            Some(status) if status.success() => Ok(()),
            Some(status) if status.code() == Some(AGAIN) => {
                Err(Undelivered::Later(format!("{name}: asks to be tried again")))
            }
            Some(status) => Err(Undelivered::Never(format!("{name}: {status}"))),
            None => Err(Undelivered::Never(format!("{name}: killed after {} s", self.limit.as_secs_f64()))),
        }
    }
}
