//! `process_…`: the process as the kernel sees it, from `/proc/self` (proc(5)).
//!
//! The crate's own collector rounds CPU time to whole seconds, which `rate()` turns into steps.

use super::declare::{Declare, raise_to};
use prometheus::{Counter, Gauge, IntGauge, Result};
use std::fs;

/// Ticks a second in `/proc`: `USER_HZ`, 100 on every architecture that Linux still runs on.
const TICKS: f64 = 100.0;

/// The families.
#[derive(Debug)]
pub struct Process {
    cpu: Counter,
    resident: IntGauge,
    open: IntGauge,
    most: IntGauge,
    start: Gauge,
    threads: IntGauge,
}

/// One reading.
#[derive(Debug, PartialEq)]
struct Reading {
    cpu_seconds: f64,
    resident_bytes: i64,
    threads: i64,
    /// After the machine's start.
    start_seconds: f64,
}

impl Process {
    pub fn register(declare: &Declare<'_>) -> Result<Self> {
        let start = "When the process was started, in seconds since the epoch.";
        Ok(Self {
            cpu: declare.float_counter("process_cpu_seconds_total", "Time spent on the processors.")?,
            resident: declare.gauge("process_resident_memory_bytes", "Resident memory.")?,
            open: declare.gauge("process_open_fds", "Open file descriptors.")?,
            most: declare.gauge("process_max_fds", "Open file descriptors at most.")?,
            start: declare.float_gauge("process_start_time_seconds", start)?,
            threads: declare.gauge("process_threads", "Threads.")?,
        })
    }

    /// Reads everything; tells whether all of it could be read.
    pub fn observe(&self) -> bool {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let reading = read(&text("/proc/self/stat"), &text("/proc/self/status"));
        if let Some(reading) = &reading {
            raise_to(&self.cpu, reading.cpu_seconds);
            self.resident.set(reading.resident_bytes);
            self.threads.set(reading.threads);
            if let Some(booted) = booted(&text("/proc/stat")) {
                self.start.set(booted + reading.start_seconds);
            }
        }
        let open = fs::read_dir("/proc/self/fd").map(Iterator::count);
        let most = most_open(&text("/proc/self/limits"));
        // The directory that is being read is open too.
        self.open.set(open.as_ref().map_or(0, |n| i64::try_from(n.saturating_sub(1)).unwrap_or(i64::MAX)));
        self.most.set(most.unwrap_or_default());
        reading.is_some() && open.is_ok() && most.is_some()
    }
}

fn read(stat: &str, status: &str) -> Option<Reading> {
    // The second field is the program's name in brackets, and may hold blanks and brackets.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let number = |n: usize| fields.get(n)?.parse::<f64>().ok();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: i64 = resident.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(Reading {
        cpu_seconds: (number(11)? + number(12)?) / TICKS,
        threads: number(17)? as i64,
        start_seconds: number(19)? / TICKS,
        resident_bytes: kib.checked_mul(1_024)?,
    })
}

/// When the machine was started.
fn booted(stat: &str) -> Option<f64> {
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn most_open(limits: &str) -> Option<i64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_moves_no_field() {
        let stat = "1 (a) b) S 1 1 1 0 -1 0 0 0 0 0 125 50 0 0 20 0 7 0 1000 1 1";
        let reading = read(stat, "Name:\tx\nVmRSS:\t     12 kB\n").unwrap();
        let want = Reading { cpu_seconds: 1.75, resident_bytes: 12_288, threads: 7, start_seconds: 10.0 };
        assert_eq!(reading, want);
        assert_eq!(read("", ""), None);
    }

    #[test]
    fn this_process_can_be_read() {
        let registry = prometheus::Registry::new();
        let process = Process::register(&Declare::new(&registry)).unwrap();
        assert!(process.observe());
        assert!(process.resident.get() > 1_000_000 && process.threads.get() > 0 && process.open.get() > 2);
        assert!(process.start.get() > 1.6e9 && process.most.get() > 10);
    }
}
