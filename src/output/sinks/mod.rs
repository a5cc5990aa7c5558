//! Carries alerts to other programs: each sink has a queue and a thread of its own, and none of them can hold up a capture.
//!
//! A queue is bounded; when it is full the oldest alert goes, and is counted. A delivery that fails is tried again, with
//! pauses that double up to a minute; one that the receiver refuses for good is counted and left. Secrets come from files or
//! the environment, and are never printed. To add a sink, write a [`Courier`].

mod alertmanager;
mod connection;
mod eve;
mod exec;
mod file;
mod http;
mod journald;
mod outbox;
mod secret;
mod syslog;
mod tls;
mod webhook;

pub use alertmanager::Alertmanager;
pub use eve::EveFile;
pub use exec::ExecHook;
pub use file::RotatingFile;
pub use http::{HttpTarget, TargetError};
pub use journald::Journald;
pub use outbox::{Outbox, SinkCounters};
pub use secret::Secret;
pub use syslog::{Syslog, SyslogTransport};
pub use tls::{TlsClient, TlsOptions};
pub use webhook::Webhook;

use crate::output::EventWriter;
use crate::policy::AlertChange;
use std::time::Duration;

/// Delivers alerts one by one.
pub trait Courier: Send {
    /// Delivers a change of an alert.
    ///
    /// # Errors
    /// Whether it is worth another try, and why not now.
    fn deliver(&mut self, change: &AlertChange) -> Result<(), Undelivered>;

    /// How often [`refresh`](Self::refresh) is to be called.
    fn every(&self) -> Option<Duration> {
        None
    }

    /// Tells again what goes on.
    ///
    /// # Errors
    /// Those of [`deliver`](Self::deliver).
    fn refresh(&mut self) -> Result<(), Undelivered> {
        Ok(())
    }

    /// What the courier that takes its place has to know: the alerts that fire, as it told them last.
    fn firing(&mut self) -> Vec<AlertChange> {
        Vec::new()
    }

    /// Takes the place of another courier.
    fn take_over(&mut self, _firing: Vec<AlertChange>) {}
}

impl Courier for Box<dyn Courier> {
    fn deliver(&mut self, change: &AlertChange) -> Result<(), Undelivered> {
        (**self).deliver(change)
    }

    fn every(&self) -> Option<Duration> {
        (**self).every()
    }

    fn refresh(&mut self) -> Result<(), Undelivered> {
        (**self).refresh()
    }

    fn firing(&mut self) -> Vec<AlertChange> {
        (**self).firing()
    }

    fn take_over(&mut self, firing: Vec<AlertChange>) {
        (**self).take_over(firing);
    }
}

/// Why an alert was not delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undelivered {
    /// The receiver cannot be reached or is busy.
    Later(String),
    /// It will not take this one.
    Never(String),
}

/// The `alert` event, one line of JSON without its end.
fn event_of(change: &AlertChange) -> String {
    let mut events = EventWriter::new(Vec::new());
    // Memory takes everything.
    let _ = events.alert(change);
    String::from_utf8(events.into_inner()).unwrap_or_default().trim_end().to_owned()
}
