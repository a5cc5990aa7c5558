//! Signals as flags: a handler sets one, the threads look at it when it suits them.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What was asked for by signal.
#[derive(Clone, Debug)]
pub struct Signals {
    stop: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
    report: Arc<AtomicBool>,
}

impl Signals {
    /// Hears SIGINT and SIGTERM (stop; a second one ends the process at once, with 128 and its number), SIGHUP (reload)
    /// and SIGUSR1 (report).
    ///
    /// # Errors
    /// What the system says when a handler cannot be set.
    pub fn install() -> io::Result<Self> {
        let signals = Self { stop: Arc::default(), reload: Arc::default(), report: Arc::default() };
        for signal in [SIGINT, SIGTERM] {
            // This one first: it finds the flag set only by an earlier signal.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&signals.stop))?;
            flag::register(signal, Arc::clone(&signals.stop))?;
        }
        flag::register(SIGHUP, Arc::clone(&signals.reload))?;
        flag::register(SIGUSR1, Arc::clone(&signals.report))?;
        Ok(signals)
    }

    /// Set once it is time to stop; may be set by others too.
    #[must_use]
    pub fn stop(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    /// Asks for a reload, as SIGHUP does.
    pub fn ask_reload(&self) {
        self.reload.store(true, Ordering::Relaxed);
    }

    /// Whether a reload was asked for since the last call.
    #[must_use]
    pub fn take_reload(&self) -> bool {
        self.reload.swap(false, Ordering::Relaxed)
    }

    /// Whether a report was asked for since the last call.
    #[must_use]
    pub fn take_report(&self) -> bool {
        self.report.swap(false, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal_hook::low_level::raise;

    #[test]
    fn each_signal_sets_its_flag_and_no_other() {
        let signals = Signals::install().unwrap();
        let stop = signals.stop();
        assert!(!signals.take_reload() && !signals.take_report() && !stop.load(Ordering::Relaxed));
        raise(SIGHUP).unwrap();
        assert!(signals.take_reload() && !signals.take_report() && !stop.load(Ordering::Relaxed));
        assert!(!signals.take_reload(), "once");
        raise(SIGUSR1).unwrap();
        assert!(signals.take_report() && !signals.take_report());
        raise(SIGTERM).unwrap();
        assert!(stop.load(Ordering::Relaxed));
    }
}
