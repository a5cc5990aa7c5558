//! What only the program around a sensor knows: its outputs, its configuration, its policy.
//!
//! Counters are totals since the start and never go down; what is exported as a counter is held against that again.

use crate::base::{Address, Timestamp};
use crate::output::SensorStatus;
use std::collections::BTreeMap;
use std::time::Duration;

/// How the program around the sensor fares.
#[derive(Clone, Debug, Default)]
pub struct Duty {
    /// How packets are taken from interfaces, such as `promiscuous`.
    pub capture_mode: String,
    /// Event files and other outputs.
    pub outputs: Vec<OutputStatus>,
    /// The last reload of the configuration, if there was one: whether it was taken over, and when.
    pub reload: Option<(bool, Timestamp)>,
    /// What the policy says.
    pub policy: PolicyStatus,
    /// What is wrong, in words for the operator, beyond what the other fields show.
    pub problems: Vec<String>,
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

/// What the policy says; empty as long as no rules are loaded.
#[derive(Clone, Debug)]
pub struct PolicyStatus {
    /// Alerts that fire, by rule and severity.
    pub firing: BTreeMap<(String, String), u64>,
    /// Alerts that were not told, or only later, by fixed words for the reason.
    pub held: [(&'static str, u64); 4],
    /// Evaluations of the rules.
    pub evaluations: u64,
    /// Time spent on them.
    pub evaluation_time: Duration,
    /// Alerts, firing ones first, newest first.
    pub alerts: Vec<AlertItem>,
}

impl Default for PolicyStatus {
    fn default() -> Self {
        Self {
            firing: BTreeMap::new(),
            held: [("capped", 0), ("suppressed", 0), ("silenced", 0), ("no-room", 0)],
            evaluations: 0,
            evaluation_time: Duration::ZERO,
            alerts: Vec::new(),
        }
    }
}

/// An alert as the policy room writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertItem {
    /// The home host it is about.
    pub host: Option<Address>,
    /// The JSON object.
    pub json: String,
}

/// A lag from which on it is a problem.
const LAG_MAX: Duration = Duration::from_secs(10);

impl Duty {
    /// Everything that is wrong, in words for the operator.
    #[must_use]
    pub fn problems(&self, sensor: &SensorStatus) -> Vec<String> {
        let down =
            sensor.interfaces.iter().filter(|i| !i.up).map(|i| format!("interface {} is down", i.name));
        let failing = self.outputs.iter().filter(|o| !o.up).map(|o| format!("output {} fails", o.sink));
        let lag = (sensor.lag > LAG_MAX)
            .then(|| format!("packets are counted {} s after they came", sensor.lag.as_secs()));
        let reload = self.reload.and_then(|(taken, at)| {
            (!taken).then(|| format!("the configuration was refused at {at}; the one before is in use"))
        });
        down.chain(failing).chain(lag).chain(reload).chain(self.problems.iter().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::InterfaceStatus;

    #[test]
    fn what_is_wrong_is_said_and_nothing_else() {
        let fine = InterfaceStatus { name: "eth0".into(), up: true, ..InterfaceStatus::default() };
        let mut sensor = SensorStatus { interfaces: vec![fine.clone()], ..SensorStatus::default() };
        let mut duty = Duty { reload: Some((true, Timestamp(0))), ..Duty::default() };
        assert!(duty.problems(&sensor).is_empty());
        sensor.interfaces.push(InterfaceStatus { name: "eth1".into(), up: false, ..fine });
        sensor.lag = Duration::from_secs(11);
        duty.outputs = vec![OutputStatus { sink: "events", up: false, errors: 1, dropped: 0 }];
        duty.problems = vec!["disk full".into()];
        let want = [
            "interface eth1 is down",
            "output events fails",
            "packets are counted 11 s after they came",
            "disk full",
        ];
        assert_eq!(duty.problems(&sensor), want);
    }
}
