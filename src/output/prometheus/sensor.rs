//! The sensor's own health: interfaces, queues, tables, limits, outputs, configuration.

use super::Tick;
use super::declare::{Declare, gauge_value, raise, raise_to};
use crate::output::InterfaceStatus;
use prometheus::{CounterVec, Gauge, GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Result};

/// Interfaces on the page, at most.
const INTERFACES_MAX: usize = 64;
/// Workers on the page, at most.
const WORKERS_MAX: usize = 256;

/// The families.
#[derive(Debug)]
pub struct Sensor {
    interface_info: IntGaugeVec,
    interface_up: IntGaugeVec,
    gap: CounterVec,
    retries: IntCounterVec,
    queue_fill: GaugeVec,
    lag: Gauge,
    entries: IntGaugeVec,
    limits: IntGaugeVec,
    limit_hits: IntCounterVec,
    panics: IntCounter,
    output_up: IntGaugeVec,
    output_errors: IntCounterVec,
    events_dropped: IntCounterVec,
    reloaded: IntGauge,
    reloaded_at: Gauge,
}

impl Sensor {
    pub fn register(declare: &Declare<'_>) -> Result<Self> {
        let info = "An interface captured from; always 1.";
        let up = "Whether the interface is there and has a carrier.";
        let gap = "Time in which nothing could be captured.";
        let lag = "How far the packet clock is behind the wall clock.";
        let at = "When the configuration was last taken over, in seconds since the epoch.";
        let sensor = Self {
            interface_info: declare.gauges("interface_info", info, &["interface", "linktype", "mode"])?,
            interface_up: declare.gauges("interface_up", up, &["interface"])?,
            gap: declare.float_counters("capture_gap_seconds_total", gap, &["interface"])?,
            retries: declare.counters(
                "capture_open_retries_total",
                "Attempts to open the interface again.",
                &["interface"],
            )?,
            queue_fill: declare.float_gauges(
                "queue_fill_ratio",
                "How full a worker's queue is.",
                &["worker"],
            )?,
            lag: declare.float_gauge("watermark_lag_seconds", lag)?,
            entries: declare.gauges("table_entries", "Entries of a table.", &["table"])?,
            limits: declare.gauges("table_limit", "Entries of a table at most.", &["table"])?,
            limit_hits: declare.counters(
                "limit_hits_total",
                "How often a limit turned something away.",
                &["limit"],
            )?,
            panics: declare.counter("worker_panics_total", "Panics caught in dissectors.")?,
            output_up: declare.gauges("output_up", "Whether the last write succeeded.", &["sink"])?,
            output_errors: declare.counters("output_errors_total", "Writes that failed.", &["sink"])?,
            events_dropped: declare.counters(
                "events_dropped_total",
                "Events that an output could not take.",
                &["sink"],
            )?,
            reloaded: declare
                .gauge("config_last_reload_successful", "Whether the last configuration was taken over.")?,
            reloaded_at: declare.float_gauge("config_last_reload_success_timestamp_seconds", at)?,
        };
        sensor.reloaded.set(1);
        sensor.events_dropped.with_label_values(&["sse"]);
        sensor.output_errors.with_label_values(&["events"]);
        Ok(sensor)
    }

    pub fn observe(&self, tick: &Tick<'_>) {
        let sensor = tick.sensor;
        self.interface_info.reset();
        sensor
            .interfaces
            .iter()
            .take(INTERFACES_MAX)
            .for_each(|i| self.interface(i, &tick.duty.capture_mode));
        for (worker, fill) in sensor.queues.iter().take(WORKERS_MAX).enumerate() {
            self.queue_fill.with_label_values(&[worker.to_string()]).set(*fill);
        }
        self.lag.set(sensor.lag.as_secs_f64());
        for &(table, entries, limit) in &sensor.tables {
            self.entries.with_label_values(&[table]).set(gauge_value(entries));
            self.limits.with_label_values(&[table]).set(gauge_value(limit));
            // A counter that is not there until it is needed hides its first step.
            self.limit_hits.with_label_values(&[table]);
        }
        for (limit, &n) in &tick.coverage.limits {
            raise(&self.limit_hits.with_label_values(&[limit]), n);
        }
        raise(&self.panics, tick.coverage.panics);
        for output in &tick.duty.outputs {
            self.output_up.with_label_values(&[output.sink]).set(i64::from(output.up));
            raise(&self.output_errors.with_label_values(&[output.sink]), output.errors);
            raise(&self.events_dropped.with_label_values(&[output.sink]), output.dropped);
        }
        raise(&self.events_dropped.with_label_values(&["sse"]), tick.told_dropped);
        if let Some((taken, at)) = tick.duty.reload {
            self.reloaded.set(i64::from(taken));
            if taken {
                self.reloaded_at.set(at.as_secs_f64());
            }
        }
    }

    fn interface(&self, interface: &InterfaceStatus, mode: &str) {
        let InterfaceStatus { name, link_type, up, gap, retries, .. } = interface;
        self.interface_info.with_label_values(&[name.as_str(), link_type, mode]).set(1);
        self.interface_up.with_label_values(&[name]).set(i64::from(*up));
        raise_to(&self.gap.with_label_values(&[name]), gap.as_secs_f64());
        raise(&self.retries.with_label_values(&[name]), *retries);
    }
}
