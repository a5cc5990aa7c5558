//! The policy: alerts that fire, and what evaluating the rules costs.

use super::declare::{Declare, gauge_value, raise, raise_to};
use crate::output::live::PolicyStatus;
use prometheus::{Counter, IntCounter, IntCounterVec, IntGaugeVec, Result};

/// Pairs of rule and severity on the page, at most; rules are the operator's, and a file may hold many.
const RULES_MAX: usize = 256;

/// The families.
#[derive(Debug)]
pub struct Policy {
    firing: IntGaugeVec,
    held: IntCounterVec,
    evaluations: IntCounter,
    seconds: Counter,
}

impl Policy {
    pub fn register(declare: &Declare<'_>) -> Result<Self> {
        let seconds = "Time spent on evaluating the rules.";
        let held =
            "Alerts that were not told, or only later: too many of the rule, one lately, a silence, no room.";
        let held = declare.counters("alerts_held_total", held, &["reason"])?;
        for reason in PolicyStatus::default().held.map(|(reason, _)| reason) {
            held.with_label_values(&[reason]);
        }
        Ok(Self {
            held,
            firing: declare.gauges("alerts_firing", "Alerts that fire.", &["rule", "severity"])?,
            evaluations: declare.counter("policy_evaluations_total", "Evaluations of the rules.")?,
            seconds: declare.float_counter("policy_evaluation_seconds_total", seconds)?,
        })
    }

    pub fn observe(&self, policy: &PolicyStatus) {
        // A rule that a reload took away leaves the page.
        self.firing.reset();
        for ((rule, severity), &n) in policy.firing.iter().take(RULES_MAX) {
            self.firing.with_label_values(&[rule, severity]).set(gauge_value(n));
        }
        for (reason, n) in policy.held {
            raise(&self.held.with_label_values(&[reason]), n);
        }
        raise(&self.evaluations, policy.evaluations);
        raise_to(&self.seconds, policy.evaluation_time.as_secs_f64());
    }
}
