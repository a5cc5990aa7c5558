//! Alerts to Prometheus' Alertmanager, API version 2.
//!
//! Alertmanager takes an alert for resolved when nobody posts it for a while, so those that fire are posted again every
//! minute. The labels are the alert's identity there: they hold the rule and the group, and nothing that counts.

use super::{Courier, HttpTarget, Secret, Undelivered};
use crate::policy::{AlertAction, AlertChange};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

/// Time between two posts of what fires.
const EVERY: Duration = Duration::from_secs(60);
/// Alerts of one post.
const POST_MAX: usize = 500;

/// The courier.
pub struct Alertmanager {
    target: HttpTarget,
    sensor: String,
    token: Option<String>,
    firing: BTreeMap<String, AlertChange>,
}

impl Alertmanager {
    /// Posts to the Alertmanager at `base`, e.g. `http://127.0.0.1:9093`; `sensor` becomes a label. `token` goes into
    /// `Authorization: Bearer`, for one that stands behind a proxy.
    ///
    /// # Errors
    /// When the secret cannot be read.
    pub fn new(base: &HttpTarget, sensor: &str, token: Option<&Secret>) -> io::Result<Self> {
        let token = token.map(Secret::read).transpose()?.map(|token| format!("Bearer {token}"));
        let target = base.join("/api/v2/alerts");
        Ok(Self { target, sensor: sensor.to_owned(), token, firing: BTreeMap::new() })
    }

    fn post(&self, alerts: Vec<Value>) -> Result<(), Undelivered> {
        let token = self.token.as_deref().map(|token| ("Authorization", token));
        self.target.post(&Value::Array(alerts).to_string(), token.as_slice())
    }
}

impl Courier for Alertmanager {
    fn deliver(&mut self, change: &AlertChange) -> Result<(), Undelivered> {
        let (key, mut alert) = alert(change, &self.sensor);
        if change.action == AlertAction::Resolved {
            alert.insert("endsAt".to_owned(), Value::String(change.alert.at.to_string()));
            self.firing.remove(&key);
        } else {
            self.firing.insert(key, change.clone());
        }
        self.post(vec![Value::Object(alert)])
    }

    fn every(&self) -> Option<Duration> {
        Some(EVERY)
    }

    fn refresh(&mut self) -> Result<(), Undelivered> {
        let firing: Vec<&AlertChange> = self.firing.values().collect();
        let posted = |change: &&AlertChange| Value::Object(alert(change, &self.sensor).1);
        firing.chunks(POST_MAX).try_for_each(|alerts| self.post(alerts.iter().map(posted).collect()))
    }

    fn firing(&mut self) -> Vec<AlertChange> {
        std::mem::take(&mut self.firing).into_values().collect()
    }

    fn take_over(&mut self, firing: Vec<AlertChange>) {
        self.firing = firing.into_iter().map(|change| (alert(&change, &self.sensor).0, change)).collect();
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
    let link = alert.link.as_deref().map(|link| ("generatorURL", text(link)));
    (key, members.into_iter().chain(link).map(|(name, value)| (name.to_owned(), value)).collect())
}
