//! Alerts to Prometheus' Alertmanager, API version 2.
//!
//! Alertmanager takes an alert for resolved when nobody posts it for a while, so those that fire are posted again every
//! minute. The labels are the alert's identity there: they hold the rule and the group, and nothing that counts.

use super::{Courier, HttpTarget, Undelivered};
use crate::policy::{AlertAction, AlertChange};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// Time between two posts of what fires.
const EVERY: Duration = Duration::from_secs(60);
/// Alerts of one post.
const POST_MAX: usize = 500;

/// The courier.
#[derive(Debug)]
pub struct Alertmanager {
    target: HttpTarget,
    sensor: String,
    firing: BTreeMap<String, Value>,
}

impl Alertmanager {
    /// Posts to the Alertmanager at `base`, e.g. `http://127.0.0.1:9093`; `sensor` becomes a label.
    #[must_use]
    pub fn new(base: &HttpTarget, sensor: &str) -> Self {
        Self { target: base.join("/api/v2/alerts"), sensor: sensor.to_owned(), firing: BTreeMap::new() }
    }

    fn post(&self, alerts: &[Value]) -> Result<(), Undelivered> {
        self.target.post(&Value::Array(alerts.to_vec()).to_string(), &[])
    }
}

impl Courier for Alertmanager {
    fn deliver(&mut self, change: &AlertChange) -> Result<(), Undelivered> {
        let (key, mut alert) = alert(change, &self.sensor);
        if change.action == AlertAction::Resolved {
            alert.insert("endsAt".to_owned(), Value::String(change.alert.at.to_string()));
            self.firing.remove(&key);
        } else {
            self.firing.insert(key, Value::Object(alert.clone()));
        }
        self.post(&[Value::Object(alert)])
    }

    fn every(&self) -> Option<Duration> {
        Some(EVERY)
    }

    fn refresh(&mut self) -> Result<(), Undelivered> {
        let firing: Vec<Value> = self.firing.values().cloned().collect();
        firing.chunks(POST_MAX).try_for_each(|alerts| self.post(alerts))
    }
}

/// The labels as a text, and the whole alert.
fn alert(change: &AlertChange, sensor: &str) -> (String, Map<String, Value>) {
    let alert = &change.alert;
    let mut labels = Map::new();
    let text = |text: &str| Value::String(text.to_owned());
    for (name, value) in &alert.rule.labels {
        labels.insert(name.clone(), text(value));
    }
    for (name, value) in &alert.group {
        labels.insert((*name).to_owned(), text(value));
    }
    labels.insert("alertname".to_owned(), text(&alert.rule.name));
    labels.insert("rule_id".to_owned(), Value::String(alert.rule.id.to_string()));
    labels.insert("sensor".to_owned(), text(sensor));
    let mut annotations: Map<String, Value> =
        alert.annotations.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    annotations.entry("summary").or_insert_with(|| text(alert.summary()));
    annotations.insert("value".to_owned(), Value::String(alert.unit().show(alert.value)));
    let labels = Value::Object(labels);
    let key = labels.to_string();
    let starts = Value::String(alert.since.to_string());
    let members = [("labels", labels), ("annotations", Value::Object(annotations)), ("startsAt", starts)];
    (key, members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
