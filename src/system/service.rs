//! The service manager's view of this process (`sd_notify(3)`). Without one, nothing happens.

use sd_notify::NotifyState;
use std::time::Duration;

/// Tells systemd how the service fares.
#[derive(Clone, Debug)]
pub struct Service {
    watchdog: Option<Duration>,
}

impl Service {
    /// As the environment says (`NOTIFY_SOCKET`, `WATCHDOG_USEC`).
    #[must_use]
    pub fn from_environment() -> Self {
        Self { watchdog: sd_notify::watchdog_enabled() }
    }

    /// Time after which the manager takes a silent service for hung: [`Service::alive`] is due at least twice in it.
    #[must_use]
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Everything is open and running; one line on what it does.
    pub fn ready(&self, status: &str) {
        tell(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    /// The packets' way through the process is not blocked. To be said from that way, never from a timer.
    pub fn alive(&self) {
        if self.watchdog.is_some() {
            tell(&[NotifyState::Watchdog]);
        }
    }

    /// One line on how it fares.
    pub fn status(&self, status: &str) {
        tell(&[NotifyState::Status(status)]);
    }

    /// The configuration is read anew; [`Service::ready`] ends this.
    pub fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(_) => tell(&[NotifyState::Reloading]),
        }
    }

    /// It was asked to stop.
    pub fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }
}

/// A manager that does not listen is no reason to stop capturing.
fn tell(state: &[NotifyState<'_>]) {
    drop(sd_notify::notify(state));
}
