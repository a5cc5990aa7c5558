//! Packets and flows: what came, and what became of every packet.

use super::Tick;
use super::declare::{Declare, gauge_value, raise};
use prometheus::{IntCounter, IntCounterVec, IntGauge, Result};

/// The table of [`SensorStatus::tables`](crate::output::SensorStatus::tables) whose entries are the flows that run.
const FLOW_TABLE: &str = "flows";

/// The families.
#[derive(Debug)]
pub struct Traffic {
    packets: IntCounter,
    bytes: IntCounter,
    decoded: IntCounter,
    skipped: IntCounterVec,
    filtered: IntCounter,
    dropped: IntCounterVec,
    flows: IntCounter,
    one_way: IntCounter,
    active: IntGauge,
    malformed: IntCounterVec,
}

impl Traffic {
    pub fn register(declare: &Declare<'_>, skip_reasons: &[&'static str]) -> Result<Self> {
        let skipped = "Packets that did not become a frame of their own.";
        let traffic = Self {
            packets: declare.counter("packets_total", "Packets read.")?,
            bytes: declare.counter("packet_bytes_total", "Bytes of the packets on the wire.")?,
            decoded: declare.counter("packets_decoded_total", "Packets decoded to a TCP or UDP frame.")?,
            skipped: declare.counters("packets_skipped_total", skipped, &["reason"])?,
            filtered: declare.counter("packets_filtered_total", "Packets that a filter left out.")?,
            dropped: declare.counters(
                "packets_dropped_total",
                "Packets lost before they were read, by the place where they were lost.",
                &["where"],
            )?,
            flows: declare.counter("flows_total", "Flows seen.")?,
            one_way: declare.counter("flows_one_way_total", "Flows with packets of one side only.")?,
            active: declare.gauge("flows_active", "Flows in the table of flows.")?,
            malformed: declare.counters(
                "malformed_messages_total",
                "Messages that should have parsed and did not.",
                &["protocol", "reason"],
            )?,
        };
        for reason in skip_reasons {
            traffic.skipped.with_label_values(&[reason]);
        }
        for place in ["kernel", "interface", "queue"] {
            traffic.dropped.with_label_values(&[place]);
        }
        traffic.malformed.with_label_values(&["dht", "not-a-dictionary"]);
        Ok(traffic)
    }

    pub fn observe(&self, tick: &Tick<'_>) {
        let Tick { coverage, sensor, totals, .. } = *tick;
        raise(&self.packets, coverage.packets);
        raise(&self.bytes, coverage.bytes);
        raise(&self.decoded, coverage.decoded);
        for (reason, &n) in &coverage.skipped {
            raise(&self.skipped.with_label_values(&[reason]), n);
        }
        raise(&self.filtered, coverage.filtered);
        let kernel: u64 = sensor.interfaces.iter().map(|i| i.kernel_dropped).sum();
        let interface = sensor.interfaces.iter().map(|i| i.interface_dropped).sum();
        for (place, n) in [
            ("kernel", kernel.max(coverage.kernel_dropped)),
            ("interface", interface),
            ("queue", coverage.queue_dropped),
        ] {
            raise(&self.dropped.with_label_values(&[place]), n);
        }
        raise(&self.flows, coverage.flows);
        raise(&self.one_way, coverage.one_way_flows);
        let active = sensor.tables.iter().find(|(table, ..)| *table == FLOW_TABLE);
        self.active.set(active.map_or(0, |&(_, entries, _)| gauge_value(entries)));
        for ((kind, reason), &n) in &totals.malformed {
            raise(&self.malformed.with_label_values(&[kind.label(), reason]), n);
        }
    }
}
