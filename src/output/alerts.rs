//! Alerts as JSON: the `alert` event of the EVE envelope, and the records of a whole analysis.

use super::{JsonWriter, words};
use crate::base::Timestamp;
use crate::event::Family;
use crate::policy::{Alert, AlertAction, AlertChange, Evidence, Severity, Unit};

/// Alerts kept of an analysis.
const RECORDS_MAX: usize = 10_000;

/// Alerts of an analysis, in the order in which they opened.
#[derive(Clone, Debug, Default)]
pub struct AlertLog {
    records: Vec<AlertRecord>,
    left_out: u64,
}

/// One alert from its opening to its end.
#[derive(Clone, Debug)]
pub struct AlertRecord {
    /// As it opened.
    pub alert: Alert,
    /// When it was resolved, if it was.
    pub resolved: Option<Timestamp>,
}

impl AlertLog {
    /// Takes note of a change.
    pub fn note(&mut self, change: &AlertChange) {
        match change.action {
            AlertAction::Opened if self.records.len() < RECORDS_MAX => {
                self.records.push(AlertRecord { alert: change.alert.clone(), resolved: None });
            }
            AlertAction::Opened => self.left_out += 1,
            AlertAction::Repeated => {}
            AlertAction::Resolved => {
                let same = |r: &&mut AlertRecord| {
                    r.resolved.is_none()
                        && r.alert.rule.id == change.alert.rule.id
                        && r.alert.group == change.alert.group
                };
                if let Some(record) = self.records.iter_mut().rev().find(same) {
                    record.resolved = Some(change.alert.at);
                }
            }
        }
    }

    /// The alerts.
    pub fn records(&self) -> impl ExactSizeIterator<Item = &AlertRecord> {
        self.records.iter()
    }

    /// How many more opened.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The most urgent of those that opened.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.records.iter().map(|r| r.alert.severity()).max()
    }
}

impl AlertRecord {
    /// Its object, as in the summary.
    #[must_use]
    pub fn json(&self) -> String {
        let mut w = JsonWriter::compact();
        w.object(|w| record(w, self));
        w.text().to_owned()
    }
}

/// The members of an `alert` event behind `event_type`.
pub(super) fn event(w: &mut JsonWriter, change: &AlertChange) {
    let alert = &change.alert;
    place(w, &alert.evidence);
    if let Some(family) = words::family_of(alert.evidence.kinds) {
        w.key("app_proto").string(family);
    }
    w.key("alert").object(|w| {
        signature_members(w, alert);
        // Suricata's metadata: names with lists of strings, so that strict readers have all of it.
        w.key("metadata").object(|w| {
            let mut one = |name: &str, value: &str| w.key(name).array(|w| w.string(value));
            one("rule", &alert.rule.name);
            one("state", change.action.label());
            one("since", &alert.since.to_string());
            one("value", &alert.unit().show(alert.value));
            one("summary", alert.summary());
            alert.rule.labels.iter().for_each(|(name, value)| one(&format!("label_{name}"), value));
            alert.group.iter().for_each(|(name, value)| one(&format!("group_{name}"), value));
        });
    });
    w.key("p2p").object(|w| {
        w.key("action").string(change.action.label());
        members(w, alert);
    });
}

/// The members of `alert` that all readers of EVE know.
pub(super) fn signature_members(w: &mut JsonWriter, alert: &Alert) {
    // Suricata's word for a packet that was let through; swarmscope holds nothing up.
    w.key("action").string("allowed");
    w.key("gid").number(1);
    w.key("signature_id").number(alert.rule.id);
    w.key("rev").number(alert.rule.rev);
    w.key("signature").string(signature(alert));
    w.key("category").string(category(alert));
    w.key("severity").number(alert.severity().number());
}

/// The members of an alert's object in the summary.
pub(super) fn record(w: &mut JsonWriter, record: &AlertRecord) {
    let alert = &record.alert;
    w.key("rule").string(&alert.rule.name);
    w.key("signature_id").number(alert.rule.id);
    w.key("severity").string(alert.severity().label());
    w.key("opened").plain(alert.at);
    w.key("resolved").optional(record.resolved, |w, at| w.plain(at));
    w.key("host").optional(alert.host(), |w, host| w.plain(host));
    w.key("summary").string(alert.summary());
    members(w, alert);
}

fn members(w: &mut JsonWriter, alert: &Alert) {
    w.key("since").plain(alert.since);
    w.key("value").number(if alert.value > 0.0 { alert.value as u64 } else { 0 });
    if alert.unit() == Unit::Share {
        w.key("share").share((alert.value * 1e6) as u64, 1_000_000);
    }
    w.key("group").object(|w| alert.group.iter().for_each(|(name, value)| w.key(name).string(value)));
    w.key("labels").object(|w| alert.rule.labels.iter().for_each(|(name, value)| w.key(name).string(value)));
    w.key("annotations")
        .object(|w| alert.annotations.iter().for_each(|(name, value)| w.key(name).string(value)));
    if let Some(link) = &alert.link {
        w.key("link").string(link);
    }
    evidence(w, &alert.evidence);
}

fn evidence(w: &mut JsonWriter, evidence: &Evidence) {
    if let Some(family) = evidence.kinds.family() {
        w.key("family").string(match family {
            Family::Bittorrent => words::family(family),
            _ => words::family_of(evidence.kinds).unwrap_or_else(|| words::family(family)),
        });
    }
    w.key("kinds").array(|w| evidence.kinds.iter().for_each(|kind| w.string(kind.label())));
    if let Some(grade) = evidence.grade {
        w.key("grade").string(grade.label());
    }
    w.key("reasons").array(|w| evidence.reasons.iter().for_each(|reason| w.string(reason.label())));
    if let Some(encryption) = evidence.encryption {
        w.key("encryption").string(encryption.label());
    }
    if let Some(torrent) = evidence.torrent {
        w.key("info_hash").plain(torrent);
    }
    if let Some(client) = &evidence.client {
        w.key("client").string(client);
    }
    if let Some(detail) = &evidence.detail {
        w.key("detail").string(detail);
    }
}

/// The members of the envelope that say where.
pub(super) fn place(w: &mut JsonWriter, evidence: &Evidence) {
    if !evidence.vlans.is_empty() {
        w.key("vlan").array(|w| evidence.vlans.iter().for_each(|&id| w.number(id)));
    }
    if let Some(transport) = evidence.transport {
        w.key("proto").string(transport.name());
    }
    if let Some(host) = evidence.host {
        w.key("src_ip").plain(host);
    }
    if let Some(port) = evidence.port {
        w.key("src_port").number(port);
    }
    if let Some(remote) = evidence.remote {
        w.key("dest_ip").plain(remote.address);
        w.key("dest_port").number(remote.port);
    }
}

fn signature(alert: &Alert) -> &str {
    if alert.rule.description.is_empty() { &alert.rule.name } else { &alert.rule.description }
}

fn category(alert: &Alert) -> &str {
    alert.rule.labels.get("policy").map_or("policy", String::as_str)
}
