//! Declares families in the program's name space, and keeps counters from ever going down.

use prometheus::core::Collector;
use prometheus::{
    Counter, CounterVec, Gauge, GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    Result,
};

/// Declares and registers families named `swarmscope_…`.
pub struct Declare<'a> {
    registry: &'a Registry,
}

impl<'a> Declare<'a> {
    /// Declares into this registry.
    pub const fn new(registry: &'a Registry) -> Self {
        Self { registry }
    }

    /// A counter without labels.
    pub fn counter(&self, name: &str, help: &str) -> Result<IntCounter> {
        self.add(IntCounter::with_opts(opts(name, help)))
    }

    /// Counters by label.
    pub fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec> {
        self.add(IntCounterVec::new(opts(name, help), labels))
    }

    /// A counter of seconds.
    pub fn float_counter(&self, name: &str, help: &str) -> Result<Counter> {
        self.add(Counter::with_opts(opts(name, help)))
    }

    /// Counters of seconds by label.
    pub fn float_counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<CounterVec> {
        self.add(CounterVec::new(opts(name, help), labels))
    }

    /// A gauge of whole numbers.
    pub fn gauge(&self, name: &str, help: &str) -> Result<IntGauge> {
        self.add(IntGauge::with_opts(opts(name, help)))
    }

    /// Gauges of whole numbers by label.
    pub fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec> {
        self.add(IntGaugeVec::new(opts(name, help), labels))
    }

    /// A gauge.
    pub fn float_gauge(&self, name: &str, help: &str) -> Result<Gauge> {
        self.add(Gauge::with_opts(opts(name, help)))
    }

    /// Gauges by label.
    pub fn float_gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec> {
        self.add(GaugeVec::new(opts(name, help), labels))
    }

    /// Registers a family that was declared elsewhere.
    pub fn add<C: Collector + Clone + 'static>(&self, family: Result<C>) -> Result<C> {
        let family = family?;
        self.registry.register(Box::new(family.clone()))?;
        Ok(family)
    }
}

/// `process_…` is the one name space that all exporters share.
fn opts(name: &str, help: &str) -> Opts {
    if name.starts_with("process_") {
        Opts::new(name, help)
    } else {
        Opts::new(format!("swarmscope_{name}"), help)
    }
}

/// Raises a counter to a total that somebody else counts; a total that shrank is not followed.
pub fn raise(counter: &IntCounter, total: u64) {
    counter.inc_by(total.saturating_sub(counter.get()));
}

/// The same in seconds.
pub fn raise_to(counter: &Counter, total: f64) {
    counter.inc_by((total - counter.get()).max(0.0));
}

/// A whole number as a gauge takes it.
pub fn gauge_value(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_that_shrinks_leaves_the_counter_where_it_was() {
        let counter = IntCounter::new("n", "n").unwrap();
        for (total, want) in [(5, 5), (3, 5), (6, 6)] {
            raise(&counter, total);
            assert_eq!(counter.get(), want);
        }
        let seconds = Counter::new("s", "s").unwrap();
        raise_to(&seconds, 1.5);
        raise_to(&seconds, 0.5);
        assert!((seconds.get() - 1.5).abs() < f64::EPSILON);
    }
}
