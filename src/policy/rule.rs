//! One rule, read and compiled.

use super::clock::{When, Zone};
use super::condition::Condition;
use super::lists::Lists;
use super::matching::{Carrier, Match, participation};
use super::problem::Problems;
use super::read::Fields;
use super::template::Template;
use super::units;
use super::vocabulary::{LIFE, words_of};
use super::yaml::{Node, Value};
use super::{Exposure, HostState};
use crate::event::{DhtRole, Encryption, Family, Grade, Kind, Kinds, Word};
use crate::ledger::DHT_RULES;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How urgent an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth looking at.
    Notice,
    /// Act on it soon.
    Warning,
    /// Act on it now.
    Critical,
}

impl Severity {
    /// The words of rules, outputs and `--fail-on`, the least urgent first.
    pub const WORDS: [(&'static str, Self); 4] = [
        ("info", Self::Info),
        ("notice", Self::Notice),
        ("warning", Self::Warning),
        ("critical", Self::Critical),
    ];

    /// The fixed word.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// Suricata's number: 1 is the most urgent.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Critical => 1,
            Self::Warning => 2,
            Self::Notice | Self::Info => 3,
        }
    }
}

/// What a rule is about: which news it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// Flows, each end at home apart.
    Flow,
    /// The same flows added up by home host, or changes of the host's state.
    Host,
    /// What home hosts do in torrents.
    Torrent,
    /// DHT messages.
    Dht,
    /// Ports of home hosts.
    Exposure,
    /// The sensor itself.
    Sensor,
}

impl Subject {
    /// The words of rules.
    pub const WORDS: [(&'static str, Self); 6] = [
        ("flow", Self::Flow),
        ("host", Self::Host),
        ("torrent", Self::Torrent),
        ("dht", Self::Dht),
        ("exposure", Self::Exposure),
        ("sensor", Self::Sensor),
    ];

    /// The fixed word.
    #[must_use]
    pub fn label(self) -> &'static str {
        Self::WORDS.iter().find(|(_, s)| *s == self).map_or("", |(word, _)| word)
    }
}

/// By what alerts are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GroupBy {
    Host,
    Remote,
    Network,
    Torrent,
    Port,
    Vlan,
    Client,
}

impl GroupBy {
    pub(super) const WORDS: [(&'static str, Self); 7] = [
        ("host", Self::Host),
        ("remote", Self::Remote),
        ("network", Self::Network),
        ("torrent", Self::Torrent),
        ("port", Self::Port),
        ("vlan", Self::Vlan),
        ("client", Self::Client),
    ];

    pub(super) fn label(self) -> &'static str {
        Self::WORDS.iter().find(|(_, s)| *s == self).map_or("", |(word, _)| word)
    }

    fn default_of(subject: Subject) -> Vec<Self> {
        match subject {
            Subject::Flow => vec![Self::Host, Self::Remote],
            Subject::Host | Subject::Dht => vec![Self::Host],
            Subject::Torrent => vec![Self::Host, Self::Torrent],
            Subject::Exposure => vec![Self::Host, Self::Port],
            Subject::Sensor => vec![],
        }
    }

    fn of(subject: Subject) -> Vec<(&'static str, Self)> {
        let fits = |(_, by): &&(&'static str, Self)| match (by, subject) {
            (_, Subject::Sensor) => false,
            (Self::Torrent, _) => matches!(subject, Subject::Flow | Subject::Host | Subject::Torrent),
            (Self::Vlan | Self::Client, _) => {
                matches!(subject, Subject::Flow | Subject::Host | Subject::Torrent)
            }
            (Self::Remote, _) => subject != Subject::Torrent,
            _ => true,
        };
        Self::WORDS.iter().filter(fits).copied().collect()
    }
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its number, `alert.signature_id`; unique.
    pub id: u32,
    /// Its revision, `alert.rev`.
    pub rev: u32,
    /// Its name; unique.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// How urgent its alerts are.
    pub severity: Severity,
    /// What it is about.
    pub subject: Subject,
    /// All labels, the severity among them.
    pub labels: BTreeMap<String, String>,
    /// The file it was read from.
    pub file: String,
    /// What it asks, in the words of [`vocabulary`](super::vocabulary()).
    pub words: BTreeSet<String>,
    pub(super) matching: Match,
    pub(super) group_by: Vec<GroupBy>,
    pub(super) condition: Condition,
    pub(super) over: Duration,
    pub(super) hold: Duration,
    pub(super) repeat: Option<Duration>,
    pub(super) suppress: Duration,
    pub(super) max_active: usize,
    pub(super) annotations: Vec<(String, Template)>,
    /// The rule as compiled, apart from texts: state kept for another shape is of no use.
    pub(super) shape: String,
}

const FIELDS: [&str; 16] = [
    "id",
    "rev",
    "name",
    "description",
    "enabled",
    "on",
    "match",
    "group_by",
    "condition",
    "for",
    "repeat",
    "suppress",
    "max_active",
    "severity",
    "labels",
    "annotations",
];
pub(super) const MATCH_FIELDS: [&str; 30] = [
    "family",
    "kind",
    "grade",
    "two_way",
    "encryption",
    "transport",
    "direction",
    "client",
    "not_client",
    "host",
    "not_host",
    "remote",
    "not_remote",
    "port",
    "remote_port",
    "vlan",
    "not_vlan",
    "info_hash",
    "not_info_hash",
    "complete",
    "query",
    "role",
    "sent",
    "behaviour",
    "news",
    "state",
    "when",
    "not_when",
    "network",
    "not_network",
];
/// Alerts of one rule that are active at a time, unless it says otherwise.
const MAX_ACTIVE: usize = 1_000;
/// Longest name, label or annotation.
const TEXT_MAX: usize = 1_024;

impl Rule {
    /// Reads a rule; `None` when it is wrong or switched off.
    pub(super) fn read(
        node: &Node,
        file: &str,
        lists: &Lists,
        zone: &Zone,
        problems: &mut Problems,
    ) -> Option<Self> {
        let fields = Fields::of(node, "a rule", &FIELDS, problems)?;
        let before = problems.count();
        for name in ["id", "name", "on"] {
            fields.require(name, problems);
        }
        let number = |t: &str| t.parse::<u32>().ok().filter(|n| (1..=i32::MAX as u32).contains(n));
        let id = fields.parse("id", "a number from 1 on, e.g. 9000001", number, problems);
        let rev = fields.parse("rev", "a number from 1 on", number, problems);
        let name = fields.parse("name", "a name of letters, digits and - _ .", name, problems);
        let description = fields.parse("description", "a text of at most 1024 bytes", short, problems);
        let subject = fields.word("on", &Subject::WORDS, problems);
        let severity = fields.word("severity", &Severity::WORDS, problems);
        let duration =
            |name, problems: &mut Problems| fields.parse(name, units::DURATION, units::duration, problems);
        let hold = duration("for", problems).unwrap_or_default();
        let repeat = duration("repeat", problems).filter(|r| !r.is_zero());
        let suppress = duration("suppress", problems).unwrap_or_default();
        let active = |t: &str| t.parse().ok().filter(|n| (1..=100_000).contains(n));
        let max_active = fields.parse("max_active", "a number from 1 to 100000", active, problems);
        let mut labels = texts_of(fields.get("labels"), "labels", problems);
        let annotations = texts_of(fields.get("annotations"), "annotations", problems)
            .into_iter()
            .filter_map(|(key, (node, text))| Some((key, Template::read(text, node.at, problems)?)))
            .collect();
        let labelled = labels.remove("severity").and_then(|(node, text)| {
            let found = Severity::WORDS.iter().find(|(w, _)| *w == text).map(|(_, s)| *s);
            if found.is_none() {
                problems.unknown(node.at, "severity", text, &Severity::WORDS.map(|(w, _)| w));
            }
            found
        });
        let subject = subject?;
        let matching = read_match(fields.get("match"), subject, lists, zone, problems);
        let group_by = fields.words("group_by", &GroupBy::of(subject), problems);
        let condition = Condition::read(fields.get("condition"), subject, problems);
        let enabled = fields.flag("enabled", problems) != Some(false);
        if problems.count() > before || !enabled {
            return None;
        }
        let severity = severity.or(labelled).unwrap_or(Severity::Warning);
        let mut labels: BTreeMap<String, String> =
            labels.into_iter().map(|(key, (_, text))| (key, text.to_owned())).collect();
        labels.insert("severity".to_owned(), severity.label().to_owned());
        let (condition, over) = condition?;
        let group_by = group_by.unwrap_or_else(|| GroupBy::default_of(subject));
        let mut words = words_of(subject, fields.get("match"), &group_by, &condition);
        words.extend(LIFE.iter().filter(|w| fields.get(w).is_some()).map(|w| (*w).to_owned()));
        Some(Self {
            id: id?,
            rev: rev.unwrap_or(1),
            name: name?,
            description: description.unwrap_or_default(),
            severity,
            subject,
            labels,
            file: file.to_owned(),
            words,
            shape: format!("{subject:?} {group_by:?} {condition:?} {over:?}"),
            matching: matching?,
            group_by,
            condition,
            over,
            hold,
            repeat,
            suppress,
            max_active: max_active.unwrap_or(MAX_ACTIVE),
            annotations,
        })
    }
}

fn name(text: &str) -> Option<String> {
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (!text.is_empty() && text.len() <= 64 && text.chars().all(fine)).then(|| text.to_owned())
}

fn short(text: &str) -> Option<String> {
    (text.len() <= TEXT_MAX).then(|| text.trim().to_owned())
}

/// A mapping of names to texts, with the place of each.
fn texts_of<'a>(
    node: Option<&'a Node>,
    sort: &str,
    problems: &mut Problems,
) -> BTreeMap<String, (&'a Node, &'a str)> {
    let mut texts = BTreeMap::new();
    let Some(node) = node else { return texts };
    let Value::Map(entries) = &node.value else {
        problems
            .say(node.at, format!("{sort} is a mapping of names to texts; here is {}", node.value.sort()));
        return texts;
    };
    for (key, value) in entries {
        // The names that Prometheus and Alertmanager allow.
        let fine = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !key.text.chars().all(fine)
            || key.text.starts_with(|c: char| c.is_ascii_digit())
            || key.text.is_empty()
        {
            problems.say(
                key.at,
                format!("{sort}: a name is made of letters, digits and _, and begins with no digit"),
            );
        } else if let Some(text) = super::read::text(value, problems) {
            if text.len() > TEXT_MAX {
                problems.say(value.at, format!("{sort}: a text has at most {TEXT_MAX} bytes"));
            } else {
                texts.insert(key.text.clone(), (value, text));
            }
        }
    }
    texts
}

fn read_match(
    node: Option<&Node>,
    subject: Subject,
    lists: &Lists,
    zone: &Zone,
    problems: &mut Problems,
) -> Option<Match> {
    let allowed: Vec<&str> = MATCH_FIELDS.iter().copied().filter(|f| fits(f, subject)).collect();
    let empty = Node { at: super::Position { line: 1, column: 1 }, value: Value::Map(Vec::new()) };
    let node = node.unwrap_or(&empty);
    let fields = Fields::of(node, &format!("match on {}", subject.label()), &allowed, problems)?;
    let mut asks = Match::default();
    let kinds = fields.words("kind", &kind_words(), problems);
    let families = [
        ("bittorrent", Family::Bittorrent),
        ("other-p2p", Family::OtherP2p),
        ("look-alike", Family::LookAlike),
    ];
    let families = fields.words("family", &families, problems);
    asks.kinds = match (kinds, families) {
        (Some(kinds), None) => kinds.into_iter().collect(),
        (kinds, families) => families
            .unwrap_or_else(|| vec![Family::Bittorrent])
            .into_iter()
            .map(participation)
            .fold(kinds.unwrap_or_default().into_iter().collect(), Kinds::union),
    };
    let grades = Grade::ALL.map(|g| (g.label(), g));
    let grades = fields.words("grade", &grades, problems);
    asks.grades = grades.unwrap_or_else(|| vec![Grade::Confirmed, Grade::Strong]).into_iter().collect();
    let encryption = Encryption::ALL.map(|e| (e.label(), e));
    asks.encryption = collect(fields.words("encryption", &encryption, problems));
    asks.transports = collect(fields.words("transport", &Carrier::WORDS, problems));
    let yes_no_any = [("true", Some(true)), ("false", Some(false)), ("any", None)];
    asks.two_way = fields.word("two_way", &yes_no_any, problems).unwrap_or(Some(true));
    asks.opened = fields.word("direction", &[("out", true), ("in", false)], problems);
    asks.complete = fields.flag("complete", problems);
    asks.sent = fields.flag("sent", problems);
    let nets = |names: [&str; 2], problems: &mut Problems| {
        let sets: Vec<_> = names.iter().filter_map(|n| lists.networks(&fields, n, problems)).collect();
        (!sets.is_empty()).then(|| sets.into_iter().flatten().collect())
    };
    asks.hosts = nets(["host", "network"], problems);
    asks.not_hosts = nets(["not_host", "not_network"], problems).unwrap_or_default();
    asks.remotes = nets(["remote", "remote"], problems);
    asks.not_remotes = nets(["not_remote", "not_remote"], problems).unwrap_or_default();
    let numbers = |name, expected, problems: &mut Problems| {
        lists.parsed(&fields, name, expected, range, problems).unwrap_or_default()
    };
    asks.ports = numbers("port", PORT, problems);
    asks.remote_ports = numbers("remote_port", PORT, problems);
    let vlans = |name, problems: &mut Problems| {
        let vlan = |t: &str| t.parse::<u16>().ok().filter(|v| *v < 4_096);
        lists.parsed(&fields, name, "a VLAN, e.g. 20", vlan, problems).unwrap_or_default()
    };
    asks.vlans = vlans("vlan", problems);
    asks.not_vlans = vlans("not_vlan", problems);
    let lower = |t: &str| (!t.is_empty()).then(|| t.to_lowercase());
    let names = |name, problems: &mut Problems| {
        lists.parsed(&fields, name, "the beginning of a client's name", lower, problems).unwrap_or_default()
    };
    asks.clients = names("client", problems);
    asks.not_clients = names("not_client", problems);
    asks.torrents = lists.torrents(&fields, "info_hash", problems);
    asks.not_torrents = lists.torrents(&fields, "not_info_hash", problems);
    asks.queries = fields
        .words("query", &QUERIES.map(|q| (q, q)), problems)
        .unwrap_or_default()
        .into_iter()
        .map(str::to_owned)
        .collect();
    let roles = [("query", DhtRole::Query), ("response", DhtRole::Response), ("error", DhtRole::Error)];
    asks.roles = collect(fields.words("role", &roles, problems));
    asks.news = collect(fields.words("news", &Exposure::WORDS, problems));
    asks.states = collect(fields.words("state", &HostState::WORDS, problems));
    let behaviours = DHT_RULES.map(|rule| (rule.word, rule.behaviour));
    asks.behaviours = collect(fields.words("behaviour", &behaviours, problems));
    asks.when = fields.get("when").and_then(|n| When::read(n, zone, problems));
    asks.not_when = fields.get("not_when").and_then(|n| When::read(n, zone, problems));
    Some(asks)
}

/// The queries of BEP 5, BEP 42, BEP 44 and BEP 51.
const QUERIES: [&str; 8] =
    ["ping", "find_node", "get_peers", "announce_peer", "get", "put", "sample_infohashes", "vote"];
const PORT: &str = "a port or a range of ports, e.g. 6881 or 6881-6999";

fn collect<T: super::matching::Bit>(words: Option<Vec<T>>) -> super::matching::Small<T> {
    words.unwrap_or_default().into_iter().collect()
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (low, high) = (low.parse().ok()?, high.parse().ok()?);
    (low <= high).then_some((low, high))
}

fn kind_words() -> Vec<(&'static str, Kind)> {
    <Kind as Word>::ALL.iter().map(|k| (k.label(), *k)).collect()
}

/// Whether a field of `match` means anything for a subject.
fn fits(field: &str, subject: Subject) -> bool {
    use Subject::{Dht, Exposure, Flow, Host, Sensor, Torrent};
    match field {
        "when" | "not_when" => true,
        _ if subject == Sensor => false,
        "host" | "not_host" | "network" | "not_network" => true,
        "family" | "kind" | "grade" | "two_way" | "encryption" | "client" | "not_client" | "vlan"
        | "not_vlan" | "info_hash" | "not_info_hash" | "direction" => {
            matches!(subject, Flow | Host | Torrent)
        }
        "transport" => matches!(subject, Flow | Host),
        "remote" | "not_remote" | "port" | "remote_port" => subject != Torrent,
        "complete" => subject == Torrent,
        "query" | "role" | "sent" | "behaviour" => subject == Dht,
        "news" => subject == Exposure,
        "state" => subject == Host,
        _ => false,
    }
}
