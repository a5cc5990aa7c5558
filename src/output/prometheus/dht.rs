//! The DHT (BEP 5): messages, and how long answers took.

use super::declare::{Declare, raise};
use crate::event::DhtRole;
use crate::ledger::DhtTotals;
use crate::output::words;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Bucket, Histogram, Metric, MetricFamily, MetricType};
use prometheus::{IntCounter, IntCounterVec, Result};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The families.
#[derive(Debug)]
pub struct Dht {
    messages: IntCounterVec,
    round_trips: RoundTrips,
    unanswered: IntCounter,
}

impl Dht {
    pub fn register(declare: &Declare<'_>) -> Result<Self> {
        let messages = declare.counters(
            "dht_messages_total",
            "DHT messages; method unknown is an answer whose query was not seen.",
            &["method", "direction", "type"],
        )?;
        for method in DhtTotals::methods() {
            for direction in ["in", "out"] {
                for role in [DhtRole::Query, DhtRole::Response, DhtRole::Error] {
                    messages.with_label_values(&[method, direction, words::dht_role(role)]);
                }
            }
        }
        let unanswered = "DHT queries to which no answer was seen in time.";
        Ok(Self {
            messages,
            round_trips: declare.add(RoundTrips::new())?,
            unanswered: declare.counter("dht_unanswered_total", unanswered)?,
        })
    }

    pub fn observe(&self, totals: &DhtTotals) {
        for ((method, from_home, role), &n) in &totals.messages {
            let direction = if *from_home { "out" } else { "in" };
            raise(&self.messages.with_label_values(&[method, direction, words::dht_role(*role)]), n);
        }
        self.round_trips.take_over(totals);
        raise(&self.unanswered, totals.unanswered);
    }
}

/// A histogram whose classes are counted by the ledger.
#[derive(Clone, Debug)]
struct RoundTrips {
    desc: Desc,
    /// Answers by class, and the sum of their times in seconds.
    now: Arc<Mutex<([u64; DhtTotals::BOUNDS_MS.len() + 1], f64)>>,
}

impl RoundTrips {
    const NAME: &'static str = "swarmscope_dht_round_trip_seconds";
    const HELP: &'static str = "Time from a DHT query to its answer, where both were seen.";

    fn new() -> Result<Self> {
        let desc = Desc::new(Self::NAME.to_owned(), Self::HELP.to_owned(), Vec::new(), HashMap::new())?;
        Ok(Self { desc, now: Arc::default() })
    }

    fn take_over(&self, totals: &DhtTotals) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        *now = (totals.round_trips, totals.round_trip_time.as_secs_f64());
    }
}

impl Collector for RoundTrips {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let (classes, sum) = *self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let mut count = 0;
        let mut buckets = Vec::new();
        for (bound, n) in DhtTotals::BOUNDS_MS.iter().zip(classes) {
            count += n;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound as f64 / 1e3);
            bucket.set_cumulative_count(count);
            buckets.push(bucket);
        }
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets);
        histogram.set_sample_count(classes.iter().sum());
        histogram.set_sample_sum(sum);
        let mut metric = Metric::default();
        metric.set_histogram(histogram);
        let mut family = MetricFamily::default();
        family.set_name(Self::NAME.to_owned());
        family.set_help(Self::HELP.to_owned());
        family.set_field_type(MetricType::HISTOGRAM);
        family.set_metric(vec![metric]);
        vec![family]
    }
}
