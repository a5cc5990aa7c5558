//! Tests of rules: news, written down or from a capture, and the alerts that must come of it, at their packet times.

use super::alert::{AlertAction, AlertChange};
use super::clock::wrong_time;
use super::engine::{Engine, EngineCounters, EngineLimits};
use super::load::{RuleSet, parent, read_file};
use super::problem::{Problem, Problems};
use super::read::{Fields, list};
use super::script::{Event, read_event};
use super::units;
use super::yaml::{self, Node, Value};
use crate::base::{HomeNets, Network, Timestamp};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A test of rules.
#[derive(Debug)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// The rules that it tests.
    pub rules: Arc<RuleSet>,
    /// The home networks.
    pub home: HomeNets,
    /// A capture to take the news from, instead of a script.
    pub capture: Option<PathBuf>,
    start: Timestamp,
    events: Vec<Event>,
    until: Duration,
    tick: Duration,
    restart: Option<Duration>,
    /// Rules whose alerts are looked at; none are all.
    only: Vec<String>,
    expected: Vec<Expected>,
    /// What must have happened to alerts how often, those of all rules.
    counters: Vec<(String, u64)>,
}

/// An alert that must come.
#[derive(Debug)]
struct Expected {
    at: Duration,
    /// Names and values, as [`fields_of`] has them.
    fields: Vec<(String, String)>,
}

/// 2026-03-02, a Monday, 12:00 UTC.
const START: Timestamp = Timestamp::from_secs(1_772_452_800);
const CASE: [&str; 12] = [
    "name", "why", "rules", "only", "home", "capture", "start", "tick", "until", "events", "restart",
    "counters",
];
/// Ticks of a test, at most.
const TICKS_MAX: u128 = 1_000_000;

impl Case {
    /// Reads the tests of a file; paths in it begin at its folder.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn load(file: &Path) -> Result<Vec<Self>, Vec<Problem>> {
        let text = read_file(file).map_err(|p| vec![p])?;
        let mut problems = Problems::new(&file.display().to_string());
        let mut more = Vec::new();
        let cases = read_cases(&text, parent(file), &mut problems, &mut more).unwrap_or_default();
        more.extend(problems.into_list());
        if more.is_empty() { Ok(cases) } else { Err(more) }
    }

    /// Runs the script.
    #[must_use]
    pub fn run(&self) -> Vec<AlertChange> {
        self.play().0
    }

    /// Runs the script and tells what differs from what must come, one line each.
    #[must_use]
    pub fn check(&self) -> Vec<String> {
        let (changes, counters) = self.play();
        let mut differences = self.judge(&changes, None);
        for (name, expected) in &self.counters {
            let came: u64 = counters
                .iter()
                .flat_map(EngineCounters::life)
                .filter_map(|(word, n)| (word == name).then_some(n))
                .sum();
            if came != *expected {
                differences.push(format!("{name}: {came} times, not {expected}"));
            }
        }
        differences
    }

    /// What it says must happen to alerts how often.
    pub fn counters(&self) -> impl Iterator<Item = (&str, u64)> {
        self.counters.iter().map(|(name, n)| (name.as_str(), *n))
    }

    /// What came of the script, and what each engine counted.
    fn play(&self) -> (Vec<AlertChange>, Vec<EngineCounters>) {
        let engine = || Engine::new(Arc::clone(&self.rules), self.home.clone(), EngineLimits::default());
        let mut current = engine();
        let mut changes = Vec::new();
        let mut counters = Vec::new();
        let mut events = self.events.iter().peekable();
        let mut at = Duration::ZERO;
        let mut restart = self.restart;
        while at <= self.until {
            while let Some(event) = events.next_if(|e| e.at <= at) {
                event.tell(&mut current, self.start);
            }
            changes.extend(current.tick(self.start + at));
            if restart.take_if(|r| *r <= at).is_some() {
                let state = current.save();
                counters.push(*current.counters());
                current = engine();
                current.restore(&state);
            }
            at += self.tick;
        }
        counters.push(*current.counters());
        (changes, counters)
    }

    /// Compares what came with what must come; `first` is the time from which `at` is counted in a capture. Gives what
    /// differs, one line each.
    #[must_use]
    pub fn judge(&self, changes: &[AlertChange], first: Option<Timestamp>) -> Vec<String> {
        let start = first.unwrap_or(self.start);
        let looked_at = |c: &&AlertChange| self.only.is_empty() || self.only.contains(&c.alert.rule.name);
        let came: Vec<(Duration, Vec<(String, String)>)> =
            changes.iter().filter(looked_at).map(|c| (c.alert.at.since(start), fields_of(c))).collect();
        let mut left: Vec<&(Duration, Vec<(String, String)>)> = came.iter().collect();
        let mut differences = Vec::new();
        for expected in &self.expected {
            let fits = |(at, fields): &(Duration, Vec<(String, String)>)| {
                at.as_millis() == expected.at.as_millis()
                    && expected.fields.iter().all(|f| fields.contains(f))
            };
            match left.iter().position(|c| fits(c)) {
                Some(place) => drop(left.remove(place)),
                None => differences.push(format!("missing: {}", show(expected.at, &expected.fields))),
            }
        }
        differences.extend(left.iter().map(|(at, fields)| format!("not expected: {}", show(*at, fields))));
        differences
    }
}

/// What a test can say of an alert.
fn fields_of(change: &AlertChange) -> Vec<(String, String)> {
    let alert = &change.alert;
    let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut fields = vec![
        own("action", change.action.label()),
        own("rule", &alert.rule.name),
        own("severity", alert.severity().label()),
        own("value", &alert.unit().show(alert.value)),
    ];
    fields.extend(alert.group.iter().map(|(name, value)| own(name, value)));
    let evidence = [
        ("host", alert.evidence.host.map(|h| h.to_string())),
        ("torrent", alert.evidence.torrent.map(|t| t.to_string())),
        ("detail", alert.evidence.detail.clone()),
        ("client", alert.evidence.client.clone()),
    ];
    for (name, value) in evidence {
        if let Some(value) = value.filter(|_| fields.iter().all(|(n, _)| n != name)) {
            fields.push((name.to_owned(), value));
        }
    }
    fields.extend(alert.annotations.iter().map(|(name, text)| own(name, text)));
    fields
}

fn show(at: Duration, fields: &[(String, String)]) -> String {
    let mut text = format!("at {}", units::show_duration(at));
    for (name, value) in fields {
        text.push_str(&format!(", {name}: {value}"));
    }
    text
}

fn read_cases(
    text: &str,
    folder: &Path,
    problems: &mut Problems,
    more: &mut Vec<Problem>,
) -> Option<Vec<Case>> {
    let root = yaml::read(text, problems)?;
    let fields = Fields::of(&root, "a file of rule tests", &["version", "tests"], problems)?;
    fields.require("version", problems)?;
    fields.word("version", &[("1", ())], problems)?;
    let tests = list(fields.require("tests", problems)?, "tests", problems);
    Some(tests.iter().filter_map(|node| read_case(node, folder, problems, more)).collect())
}

fn read_case(node: &Node, folder: &Path, problems: &mut Problems, more: &mut Vec<Problem>) -> Option<Case> {
    let allowed: Vec<&str> = CASE.into_iter().chain(["expect"]).collect();
    let fields = Fields::of(node, "a rule test", &allowed, problems)?;
    for name in ["name", "rules", "expect"] {
        fields.require(name, problems)?;
    }
    fields.text("why", problems);
    let texts = |name, problems: &mut Problems| -> Vec<String> {
        let texts = fields.texts(name, problems).unwrap_or_default();
        texts.into_iter().map(|(_, t)| t.to_owned()).collect()
    };
    let paths: Vec<PathBuf> = texts("rules", problems).iter().map(|p| folder.join(p)).collect();
    let rules = RuleSet::load(&paths).map_err(|mut wrong| more.append(&mut wrong)).ok()?;
    let network = |t: &str| t.parse::<Network>().ok();
    let home = fields.texts("home", problems).unwrap_or_default();
    let home = home.into_iter().filter_map(|(node, text)| {
        let parsed = network(text);
        if parsed.is_none() {
            problems.say(node.at, "home: expected a network, e.g. 10.0.0.0/8");
        }
        parsed
    });
    let home = HomeNets::new(home.collect());
    let duration =
        |name, problems: &mut Problems| fields.parse(name, units::DURATION, units::duration, problems);
    let tick = duration("tick", problems).unwrap_or(Duration::from_secs(1));
    let restart = duration("restart", problems);
    let until = duration("until", problems);
    let start = match fields.get("start") {
        None => START,
        Some(node) => {
            let text = super::read::text(node, problems)?;
            text.parse().map_err(|_| problems.say(node.at, wrong_time(text))).ok()?
        }
    };
    let only = texts("only", problems);
    for (node, name) in fields.texts("only", problems).unwrap_or_default() {
        if rules.rules.iter().all(|r| r.name != name) {
            let names: Vec<&str> = rules.rules.iter().map(|r| r.name.as_str()).collect();
            problems.unknown(node.at, "rule", name, &names);
        }
    }
    let mut events = Vec::new();
    for node in fields.get("events").map(|n| list(n, "events", problems)).unwrap_or_default() {
        read_event(node, &mut events, problems);
    }
    events.sort_by_key(|e| e.at);
    let expected: Vec<Expected> = list(fields.get("expect")?, "expect", problems)
        .iter()
        .filter_map(|node| read_expected(node, problems))
        .collect();
    let capture = fields.text("capture", problems).map(|path| folder.join(path));
    if capture.is_some() != events.is_empty() {
        problems.say(node.at, "a rule test has either a capture or events");
    }
    let counters = read_counters(&fields, problems);
    if capture.is_some() && !counters.is_empty() {
        problems.say(node.at, "counters: are those of a script, not of a capture");
    }
    let last = events.last().map(|e| e.at).into_iter().chain(expected.iter().map(|e| e.at)).max();
    let until = until.or(last).unwrap_or_default();
    if tick.is_zero() || until.as_nanos() / tick.as_nanos().max(1) > TICKS_MAX {
        problems.say(node.at, format!("a rule test has at most {TICKS_MAX} ticks; say a longer tick:"));
        return None;
    }
    Some(Case {
        name: fields.text("name", problems)?.to_owned(),
        rules: Arc::new(rules),
        home,
        capture,
        start,
        events,
        until,
        tick,
        restart,
        only,
        expected,
        counters,
    })
}

fn read_counters(fields: &Fields<'_>, problems: &mut Problems) -> Vec<(String, u64)> {
    let words = EngineCounters::default().life().map(|(word, _)| word);
    let Some(node) = fields.get("counters") else { return Vec::new() };
    let Some(counters) = Fields::of(node, "counters", &words, problems) else { return Vec::new() };
    let number = |word: &&str| {
        let n = counters.parse(word, "a number", |t| t.parse().ok(), problems)?;
        Some(((*word).to_owned(), n))
    };
    words.iter().filter_map(number).collect()
}

fn read_expected(node: &Node, problems: &mut Problems) -> Option<Expected> {
    let Value::Map(entries) = &node.value else {
        problems.say(node.at, "an expected alert is a mapping, e.g. {at: 62s, rule: dht-crawler}");
        return None;
    };
    let mut at = None;
    let mut fields = Vec::new();
    for (word, value) in entries {
        let text = super::read::text(value, problems)?;
        if word.text == "at" {
            at = units::duration(text);
        } else {
            fields.push((word.text.clone(), text.to_owned()));
        }
        let actions =
            [AlertAction::Opened, AlertAction::Repeated, AlertAction::Resolved].map(AlertAction::label);
        if word.text == "action" && !actions.contains(&text) {
            problems.unknown(value.at, "action", text, &actions);
        }
    }
    if at.is_none() {
        problems.say(node.at, format!("an expected alert says at: {}", units::DURATION));
    }
    if fields.iter().all(|(name, _)| name != "action") {
        fields.push(("action".to_owned(), AlertAction::Opened.label().to_owned()));
    }
    Some(Expected { at: at?, fields })
}
