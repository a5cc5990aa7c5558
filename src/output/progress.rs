//! The progress bar on stderr. It alone may read the monotonic clock.

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Input of which at least this many bytes are known to come is worth a bar.
const LONG_INPUT: u64 = 64 << 20;
/// How long an input of unknown size has to last to be worth one.
const LONG_TIME: Duration = Duration::from_secs(1);

/// Shows how far the input was read, with rate and time left, once it proves long; on a terminal only.
#[derive(Debug)]
pub struct Progress(State);

#[derive(Debug)]
enum State {
    Silent,
    Waiting(Instant),
    Shown(ProgressBar),
}

impl Progress {
    /// Progress on stderr if that is a terminal and `wanted`.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "a rate for the person who waits is not packet time")]
    pub fn on_stderr(wanted: bool) -> Self {
        Self(if wanted && std::io::stderr().is_terminal() {
            State::Waiting(Instant::now())
        } else {
            State::Silent
        })
    }

    /// `read` bytes of `total`, and how many packets they were.
    pub fn update(&mut self, read: u64, total: Option<u64>, packets: u64) {
        if let State::Waiting(since) = self.0
            && worth_showing(total, since.elapsed())
        {
            self.0 = State::Shown(bar(total, since.elapsed()));
        }
        if let State::Shown(bar) = &self.0 {
            if let Some(total) = total {
                bar.set_length(total);
            }
            bar.set_message(HumanCount(packets).to_string());
            bar.set_position(read);
        }
    }

    /// Takes the bar away, so that what follows starts on a clean line.
    pub fn finish(&mut self) {
        if let State::Shown(bar) = std::mem::replace(&mut self.0, State::Silent) {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

fn worth_showing(total: Option<u64>, waited: Duration) -> bool {
    match total {
        Some(total) => total > LONG_INPUT,
        None => waited > LONG_TIME,
    }
}

const KNOWN_SIZE: &str = "{percent:>3}% of {total_bytes}  {rate}/s  {msg} packets  {eta} left  {wide_bar}";
const UNKNOWN_SIZE: &str = "{spinner} {bytes}  {rate}/s  {msg} packets  {elapsed}";

fn bar(total: Option<u64>, waited: Duration) -> ProgressBar {
    let template = if total.is_some() { KNOWN_SIZE } else { UNKNOWN_SIZE };
    let rate = |state: &ProgressState, text: &mut dyn std::fmt::Write| {
        // Over all the time so far: indicatif's own estimate takes what was read before the bar appeared for a burst.
        let rate = state.pos() as f64 / state.elapsed().as_secs_f64().max(1e-3);
        let _ = write!(text, "{}", HumanBytes(rate as u64));
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr()).with_elapsed(waited);
    bar.set_style(style.with_key("rate", rate));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_templates_are_understood() {
        for template in [KNOWN_SIZE, UNKNOWN_SIZE] {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }

    #[test]
    fn only_long_input_gets_a_bar() {
        assert!(!worth_showing(Some(1 << 20), Duration::from_secs(60)));
        assert!(worth_showing(Some(65 << 20), Duration::ZERO));
        assert!(!worth_showing(None, Duration::from_millis(900)));
        assert!(worth_showing(None, Duration::from_millis(1_100)));
    }
}
