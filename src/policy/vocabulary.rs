//! Everything that a rule can ask, as fixed words: so that a test can tell what no test of rules has tried.

use super::condition::{Condition, Distinct, Measure};
use super::observation::Exposure;
use super::rule::{GroupBy, MATCH_FIELDS, Subject};
use super::yaml::{Node, Value};
use crate::event::{Encryption, Grade};
use crate::ledger::{DHT_RULES, HostState};
use std::collections::BTreeSet;

/// Fields of `match` whose words are told apart here.
const CLOSED: [&str; 6] = ["family", "grade", "encryption", "news", "state", "behaviour"];
/// What makes the life of an alert other than it would be.
pub(super) const LIFE: [&str; 4] = ["for", "repeat", "suppress", "max_active"];

/// Every word: `on host`, `match news scanned`, `condition sum bytes`, `group_by vlan`, `for`, …
#[must_use]
pub fn vocabulary() -> BTreeSet<String> {
    let family = ["bittorrent", "other-p2p", "look-alike"];
    let grades = Grade::ALL.map(Grade::label);
    let encryption = Encryption::ALL.map(Encryption::label);
    let news = Exposure::WORDS.map(|(word, _)| word);
    let states = HostState::WORDS.map(|(word, _)| word);
    let behaviours = DHT_RULES.map(|rule| rule.word);
    let words: [(&str, &[&str]); 6] = [
        ("family", &family),
        ("grade", &grades),
        ("encryption", &encryption),
        ("news", &news),
        ("state", &states),
        ("behaviour", &behaviours),
    ];
    let closed =
        words.iter().flat_map(|(field, words)| words.iter().map(move |w| format!("match {field} {w}")));
    let open = MATCH_FIELDS.iter().filter(|f| !CLOSED.contains(f)).map(|f| format!("match {f}"));
    let subjects = Subject::WORDS.iter().map(|(word, _)| format!("on {word}"));
    let groups = GroupBy::WORDS.iter().map(|(word, _)| format!("group_by {word}"));
    let life = LIFE.iter().map(|word| (*word).to_owned());
    closed.chain(open).chain(subjects).chain(groups).chain(life).chain(conditions()).collect()
}

fn conditions() -> impl Iterator<Item = String> {
    let of_measure = |m: &Measure| match m.is_bytes() {
        true => vec![format!("condition sum {}", m.word()), format!("condition rate {}", m.word())],
        false => vec![format!("condition count {}", m.word())],
    };
    let distinct = Distinct::WORDS.iter().map(|(word, _)| format!("condition distinct {word}"));
    let plain = ["present", "first", "share"].map(|word| format!("condition {word}"));
    Measure::ALL.iter().flat_map(of_measure).chain(distinct).chain(plain)
}

/// The words of a rule; `asks` is its `match`.
pub(super) fn words_of(
    subject: Subject,
    asks: Option<&Node>,
    groups: &[GroupBy],
    condition: &Condition,
) -> BTreeSet<String> {
    let mut words = BTreeSet::from([format!("on {}", subject.label()), word_of(condition)]);
    words.extend(groups.iter().map(|by| format!("group_by {}", by.label())));
    if let Some(Node { value: Value::Map(entries), .. }) = asks {
        for (field, node) in entries {
            let field = field.text.as_str();
            match &node.value {
                Value::List(items) if CLOSED.contains(&field) => {
                    words.extend(items.iter().filter_map(|item| closed(field, item)));
                }
                _ if CLOSED.contains(&field) => words.extend(closed(field, node)),
                _ => {
                    words.insert(format!("match {field}"));
                }
            }
        }
    }
    words
}

fn closed(field: &str, node: &Node) -> Option<String> {
    match &node.value {
        Value::Text(word) => Some(format!("match {field} {word}")),
        _ => None,
    }
}

fn word_of(condition: &Condition) -> String {
    match condition {
        Condition::Present => "condition present".to_owned(),
        Condition::First { .. } => "condition first".to_owned(),
        Condition::Share { .. } => "condition share".to_owned(),
        Condition::Rate(measure, _) => format!("condition rate {}", measure.word()),
        Condition::Sum(measure, _) if measure.is_bytes() => format!("condition sum {}", measure.word()),
        Condition::Sum(measure, _) => format!("condition count {}", measure.word()),
        Condition::Distinct(what, _) => {
            let word = Distinct::WORDS.iter().find(|(_, w)| w == what).map_or("", |(word, _)| word);
            format!("condition distinct {word}")
        }
    }
}
