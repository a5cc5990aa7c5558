//! The health of a sensor as plain values: what only the capture side and the policy know, told at each tick.
//!
//! Counters are totals since the start and never go down; what is exported as a counter is held against that again.

use crate::base::{Address, Timestamp, Transport};
use std::collections::BTreeMap;
use std::time::Duration;

/// How the sensor is at a tick.
#[derive(Clone, Debug, Default)]
pub struct SensorStatus {
    /// The interfaces captured from.
    pub interfaces: Vec<InterfaceStatus>,
    /// How full each worker's queue is, 0 to 1, by worker.
    pub queue_fill: Vec<f64>,
    /// How far the packet clock is behind the wall clock.
    pub lag: Duration,
    /// Tables of the pipeline; those of the ledger are read there.
    pub tables: Vec<TableFill>,
    /// Event files and other outputs.
    pub outputs: Vec<OutputStatus>,
    /// The last reload of the configuration, if there was one: whether it was taken, and when.
    pub reload: Option<(bool, Timestamp)>,
    /// Whether captures are open and rules loaded: what `/-/ready` answers.
    pub ready: bool,
    /// What is wrong, in words for the operator, beyond what the other fields show.
    pub problems: Vec<String>,
}

/// One interface.
#[derive(Clone, Debug, Default)]
pub struct InterfaceStatus {
    /// Its name.
    pub name: String,
    /// Its link type by libpcap's name, such as `EN10MB`.
    pub link_type: String,
    /// How packets are taken, such as `promiscuous`.
    pub mode: String,
    /// Whether it is there and has a carrier.
    pub up: bool,
    /// Packets the kernel dropped because the ring was full.
    pub kernel_dropped: u64,
    /// Packets the interface or its driver dropped.
    pub interface_dropped: u64,
    /// Time in which nothing could be captured.
    pub gap: Duration,
    /// Attempts to open it again.
    pub open_retries: u64,
}

/// How full a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableFill {
    /// A fixed word.
    pub table: &'static str,
    /// Entries now.
    pub entries: u64,
    /// Entries at most.
    pub limit: u64,
}

/// One output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputStatus {
    /// A fixed word, such as `events`.
    pub sink: &'static str,
    /// Whether the last write succeeded.
    pub up: bool,
    /// Writes that failed.
    pub errors: u64,
    /// Events it could not take.
    pub dropped: u64,
}

/// What the policy says at a tick; empty as long as none is loaded.
#[derive(Clone, Debug, Default)]
pub struct PolicyStatus {
    /// Alerts that fire, by rule and severity.
    pub firing: BTreeMap<(String, String), u64>,
    /// Evaluations of all rules.
    pub evaluations: u64,
    /// Time spent on them.
    pub evaluation_time: Duration,
    /// The state of each home host, a word of the output contract.
    pub states: BTreeMap<Address, &'static str>,
    /// Ports by state, words of the output contract.
    pub exposed_ports: BTreeMap<&'static str, u64>,
    /// Hosts by transport and NAT status: `green`, `yellow`, `red`, `unknown`.
    pub nat: BTreeMap<(Transport, &'static str), u64>,
    /// Alerts, newest first.
    pub alerts: Vec<Item>,
    /// Exposure items.
    pub exposure: Vec<Item>,
}

/// An object for the API that its own room has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The home host it is about.
    pub host: Option<Address>,
    /// The JSON object.
    pub json: String,
}

impl SensorStatus {
    /// A lag from which on it is a problem.
    const LAG_MAX: Duration = Duration::from_secs(10);

    /// Everything that is wrong, in words for the operator.
    #[must_use]
    pub fn all_problems(&self) -> Vec<String> {
        let down = self.interfaces.iter().filter(|i| !i.up).map(|i| format!("interface {} is down", i.name));
        let failing = self.outputs.iter().filter(|o| !o.up).map(|o| format!("output {} fails", o.sink));
        let lag = (self.lag > Self::LAG_MAX)
            .then(|| format!("packets are analyzed {} s after they came", self.lag.as_secs()));
        let reload =
            self.reload.and_then(|(ok, at)| (!ok).then(|| format!("the configuration of {at} was refused")));
        down.chain(failing).chain(lag).chain(reload).chain(self.problems.iter().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_and_nothing_else() {
        let fine = InterfaceStatus { name: "eth0".into(), up: true, ..InterfaceStatus::default() };
        let mut status = SensorStatus { interfaces: vec![fine.clone()], ..SensorStatus::default() };
        assert!(status.all_problems().is_empty());
        status.interfaces.push(InterfaceStatus { name: "eth1".into(), up: false, ..fine });
        status.lag = Duration::from_secs(11);
        status.outputs = vec![OutputStatus { sink: "events", up: false, errors: 1, dropped: 0 }];
        status.problems = vec!["disk full".into()];
        let want = [
            "interface eth1 is down",
            "output events fails",
            "packets are analyzed 11 s after they came",
            "disk full",
        ];
        assert_eq!(status.all_problems(), want);
    }
}
