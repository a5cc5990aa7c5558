//! Alerts: what is told, and the evidence it rests on.

use super::group::Key;
use super::observation::{Sample, What};
use super::rule::{Rule, Severity};
use super::template::{Field, Filter};
use super::units::{self, Unit};
use crate::base::{Address, Endpoint, InfoHash, Timestamp, Transport, printable};
use crate::event::{DhtRole, Encryption, Grade, Kind, Kinds, Reason, Reasons};
use std::sync::Arc;

/// VLANs kept of a group's evidence.
const VLANS: usize = 4;
/// Bytes kept of a client's name or another text of the wire.
const TEXT_MAX: usize = 64;

/// Something happened to an alert.
#[derive(Clone, Debug)]
pub struct AlertChange {
    /// What.
    pub action: AlertAction,
    /// The alert as it is now.
    pub alert: Alert,
}

/// What can happen to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AlertAction {
    /// Its condition holds, and has held for as long as the rule asks.
    Opened,
    /// It still holds after the rule's repeat interval.
    Repeated,
    /// It no longer holds.
    Resolved,
}

impl AlertAction {
    /// The fixed word of the output contract.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Repeated => "repeated",
            Self::Resolved => "resolved",
        }
    }
}

/// An alert.
#[derive(Clone, Debug)]
pub struct Alert {
    /// The rule it came from.
    pub rule: Arc<Rule>,
    /// The watermark at which this was found.
    pub at: Timestamp,
    /// Since when the condition holds.
    pub since: Timestamp,
    /// What keeps it apart from the rule's other alerts: names and values.
    pub group: Vec<(&'static str, String)>,
    /// The condition's value.
    pub value: f64,
    /// The last news that counted, with the labels of all.
    pub evidence: Evidence,
    /// The rule's annotations, filled in.
    pub annotations: Vec<(String, String)>,
    /// Where a person reads more: the host's page, or that of all alerts; none where the engine was not told of a page.
    pub link: Option<String>,
}

impl Alert {
    /// How urgent it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.rule.severity
    }

    /// The unit of the value.
    #[must_use]
    pub fn unit(&self) -> Unit {
        self.rule.condition.unit()
    }

    /// One line for people: the annotation `summary`, or the rule's description.
    #[must_use]
    pub fn summary(&self) -> &str {
        let summary = self.annotations.iter().find(|(name, _)| name == "summary");
        summary.map_or(self.rule.description.as_str(), |(_, text)| text)
    }

    /// The home host that it is about, where it is about one.
    #[must_use]
    pub const fn host(&self) -> Option<Address> {
        self.evidence.host
    }
}

/// What an alert rests on.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The home host.
    pub host: Option<Address>,
    /// Its port.
    pub port: Option<u16>,
    /// The other side.
    pub remote: Option<Endpoint>,
    /// TCP or UDP.
    pub transport: Option<Transport>,
    /// VLANs, the outermost first.
    pub vlans: Vec<u16>,
    /// The torrent.
    pub torrent: Option<InfoHash>,
    /// Protocols of all the news that counted.
    pub kinds: Kinds,
    /// The best grade.
    pub grade: Option<Grade>,
    /// Reasons of all the news that counted.
    pub reasons: Reasons,
    /// The last encryption.
    pub encryption: Option<Encryption>,
    /// The host's client, where it named one.
    pub client: Option<String>,
    /// The exposure, the state, the DHT query, or what else the news says in a word.
    pub detail: Option<String>,
}

impl Evidence {
    /// Takes note of news that counted.
    pub(super) fn learn(&mut self, sample: &Sample<'_>, torrent: Option<InfoHash>) {
        self.host = sample.host;
        self.port = sample.port;
        self.remote = sample.remote;
        self.transport = sample.transport;
        self.torrent = torrent.or(sample.torrents.first().copied());
        if self.vlans != sample.vlans {
            self.vlans = sample.vlans.iter().copied().take(VLANS).collect();
        }
        let detail = match sample.what {
            What::Flow(flow) => {
                self.kinds = self.kinds.union(flow.kinds);
                self.reasons = self.reasons.union(flow.reasons);
                self.grade = self.grade.max(Some(flow.grade));
                self.encryption = Some(flow.encryption);
                if let Some(client) = flow.client
                    && self.client.as_ref() != Some(&client.name)
                {
                    self.client = Some(client.name.clone());
                }
                None
            }
            What::Torrent { complete, .. } => complete.then_some("complete"),
            What::Dht { role, method, .. } => {
                self.kinds.insert(Kind::Dht);
                Some(match role {
                    DhtRole::Query => method.unwrap_or("query"),
                    DhtRole::Response => "response",
                    DhtRole::Error => "error",
                })
            }
            What::Behaviour(behaviour) => {
                self.kinds.insert(Kind::Dht);
                Some(behaviour.label())
            }
            What::Exposure { news, detail } => detail.or_else(|| word(&super::Exposure::WORDS, news)),
            What::HostState(state) => word(&super::HostState::WORDS, state),
            What::Sensor(_) => None,
        };
        if let Some(detail) = detail
            && self.detail.as_deref() != Some(detail)
        {
            self.detail = Some(printable(detail.as_bytes(), TEXT_MAX));
        }
    }
}

fn word<T: PartialEq>(table: &[(&'static str, T)], value: T) -> Option<&'static str> {
    table.iter().find(|(_, v)| *v == value).map(|(w, _)| *w)
}

/// What stands between the address of a sensor's page and a host, in the address of the host's page.
pub const HOST_PAGE: &str = "/#/hosts/";

/// The page of a host, or of all alerts, below the address of a sensor's page.
pub(super) fn link(page: &str, host: Option<Address>) -> String {
    // An address holds nothing that would have to be escaped.
    host.map_or_else(|| format!("{page}/#/alerts"), |host| format!("{page}{HOST_PAGE}{host}"))
}

/// What the annotations of an alert are made of.
pub(super) struct Telling<'a> {
    pub rule: &'a Rule,
    /// What keeps the group apart.
    pub key: &'a [Key],
    pub value: f64,
    pub since: Timestamp,
    /// The network of the host, or nothing.
    pub network: &'a str,
    pub link: Option<&'a str>,
    pub evidence: &'a Evidence,
}

impl Telling<'_> {
    /// The annotations of the rule for the group.
    pub(super) fn annotations(&self) -> Vec<(String, String)> {
        let fill = |field, filter| self.fill(field, filter);
        self.rule.annotations.iter().map(|(name, template)| (name.clone(), template.fill(fill))).collect()
    }

    /// What a place of a template is filled with; `-` where it is not known.
    fn fill(&self, field: Field, filter: Option<Filter>) -> String {
        let &Telling { rule, key, value, since, network, link, evidence } = self;
        let unit = match filter {
            None => rule.condition.unit(),
            Some(Filter::Bytes) => Unit::Bytes,
            Some(Filter::Rate) => Unit::Rate,
            Some(Filter::Percent) => Unit::Share,
            Some(Filter::Number) => Unit::Count,
        };
        let words = |words: Vec<&str>| (!words.is_empty()).then(|| words.join(", "));
        let text = match field {
            Field::Rule => Some(rule.name.clone()),
            Field::Id => Some(rule.id.to_string()),
            Field::Severity => Some(rule.severity.label().to_owned()),
            Field::Description => Some(rule.description.clone()),
            Field::Over => Some(units::show_duration(rule.over)),
            Field::Since => Some(since.to_string()),
            Field::Value => Some(unit.show(value)),
            Field::Threshold => rule.condition.limit().map(|limit| unit.show(limit.value)),
            Field::Host => evidence.host.map(|h| h.to_string()),
            Field::Port => evidence.port.map(|p| p.to_string()),
            Field::Remote => evidence.remote.map(|r| r.address.to_string()),
            Field::RemotePort => evidence.remote.map(|r| r.port.to_string()),
            Field::Transport => evidence.transport.map(|t| t.name().to_owned()),
            Field::Network => key
                .iter()
                .find_map(|k| match k {
                    Key::Network(name) => Some(name.to_string()),
                    _ => None,
                })
                .or_else(|| (!network.is_empty()).then(|| network.to_owned())),
            Field::Torrent => evidence.torrent.map(|t| t.to_string()),
            Field::Vlan => words(
                evidence
                    .vlans
                    .iter()
                    .map(u16::to_string)
                    .collect::<Vec<_>>()
                    .iter()
                    .map(String::as_str)
                    .collect(),
            ),
            Field::Kinds => words(evidence.kinds.iter().map(Kind::label).collect()),
            Field::Reasons => words(evidence.reasons.iter().map(Reason::label).collect()),
            Field::Grade => evidence.grade.map(|g| g.label().to_owned()),
            Field::Encryption => evidence.encryption.map(|e| e.label().to_owned()),
            Field::Client => evidence.client.clone(),
            Field::Link => link.map(str::to_owned),
            Field::Detail => evidence.detail.clone(),
        };
        text.unwrap_or_else(|| "-".to_owned())
    }
}
