//! The shipped rules load, and every rule test of `rules/tests` holds.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use swarmscope::pipeline::rule_test;
use swarmscope::policy::{AlertAction, Case, EngineCounters, RuleSet, vocabulary};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("rules").join(name)
}

#[test]
fn every_rule_test_holds() {
    let mut tests = 0;
    let mut failed: Vec<String> = Vec::new();
    let mut tested: Vec<String> = Vec::new();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder("tests")).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "yaml")) {
        for case in Case::load(file).unwrap_or_else(|p| panic!("{p:#?}")) {
            if case.capture.is_none() {
                tested.extend(case.run().iter().map(|c| c.alert.rule.name.clone()));
            }
            let wrong = rule_test(&case).unwrap();
            failed.extend(wrong.iter().map(|w| format!("{}: {}: {w}", file.display(), case.name)));
            tests += 1;
        }
    }
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
    assert!(tests > 10, "only {tests} tests found");
    let shipped = RuleSet::load(&[folder("policy")]).unwrap_or_else(|p| panic!("{p:#?}"));
    for rule in &shipped.rules {
        assert!(tested.contains(&rule.name), "no test makes {} fire", rule.name);
    }
}

fn cases() -> Vec<Case> {
    let files = std::fs::read_dir(folder("tests")).unwrap().map(|e| e.unwrap().path());
    let yaml = files.filter(|f| f.extension().is_some_and(|e| e == "yaml"));
    yaml.flat_map(|file| Case::load(&file).unwrap_or_else(|p| panic!("{p:#?}"))).collect()
}

/// Whoever adds a condition adds a test of it.
#[test]
fn everything_that_can_be_asked_has_a_test_in_which_it_fires() {
    let mut missing = vocabulary();
    for case in cases().iter().filter(|case| case.capture.is_none()) {
        let opened = case.run().into_iter().filter(|c| c.action == AlertAction::Opened);
        opened.for_each(|change| missing.retain(|word| !change.alert.rule.words.contains(word)));
    }
    assert!(missing.is_empty(), "no test for: {missing:#?}");
}

/// And for everything that can happen to an alert there is a test that counts it.
#[test]
fn every_transition_is_counted_in_a_test() {
    let mut missing: BTreeSet<&str> = EngineCounters::default().life().map(|(word, _)| word).into();
    for case in &cases() {
        missing.retain(|word| case.counters().all(|(w, n)| w != *word || n == 0));
    }
    assert!(missing.is_empty(), "no test counts: {missing:?}");
}

/// What is wrong with a rule is told with its place, the wrong word and the allowed ones.
#[test]
fn wrong_rules_are_told_where_and_why() {
    for (rule, why) in [
        (
            "{id: 1, name: a, on: host, mach: {}}",
            "6:32: unknown field of a rule 'mach'; did you mean 'match'? Allowed: id,",
        ),
        (
            "{id: 1, name: a, on: hosts}",
            "6:26: unknown on 'hosts'; did you mean 'host'? Allowed: flow, host, torrent, dht",
        ),
        ("{id: 1, name: a}", "6:5: a rule lacks 'on'"),
        ("{id: -1, name: a, on: host}", "6:10: id: '-1' is not a number"),
        ("{id: 1, name: a b, on: host}", "name: 'a b' is not a name"),
        ("{id: 1, name: a, on: dht, match: {kind: dht}}", "unknown field of match on dht 'kind'"),
        ("{id: 1, name: a, on: host, match: {kind: tor}}", "unknown kind 'tor'"),
        ("{id: 1, name: a, on: host, match: {host: 10.0.0.0/33}}", "host: '10.0.0.0/33' is not a network"),
        ("{id: 1, name: a, on: host, match: {host: $nets}}", "unknown list '$nets'. Allowed: few"),
        ("{id: 1, name: a, on: host, match: {host: file:no-such.txt}}", "no-such.txt: cannot be read"),
        ("{id: 1, name: a, on: host, match: {host: [[1]]}}", "expected a single value; here is a list"),
        ("{id: 1, name: a, on: host, match: [kind]}", "match on host is a mapping"),
        (
            "{id: 1, name: a, on: host, match: {info_hash: abc}}",
            "'abc' is not an info-hash of 40 (v1) or 64 (v2)",
        ),
        ("{id: 1, name: a, on: host, condition: {sum: bytes, over: 1h}}", "has one bound, 'gt'"),
        (
            "{id: 1, name: a, on: host, condition: {sum: byts, gt: 1}}",
            "unknown sum 'byts'; did you mean 'bytes'?",
        ),
        (
            "{id: 1, name: a, on: host, condition: {sum: bytes, gt: 1 GIB}}",
            "'1 GIB' is not an amount of bytes",
        ),
        ("{id: 1, name: a, on: host, condition: {sum: bytes, rate: bytes, gt: 1}}", "here is sum and rate"),
        (
            "{id: 1, name: a, on: host, condition: {present: true, gt: 1}}",
            "'gt' has no meaning beside 'present'",
        ),
        (
            "{id: 1, name: a, on: host, condition: {present: true, over: 0}}",
            "over: a window lasts longer than 0",
        ),
        ("{id: 1, name: a, on: sensor, condition: {distinct: peers, gt: 1}}", "unknown distinct 'peers'"),
        ("{id: 1, name: a, on: host, for: soon}", "for: 'soon' is not a duration"),
        ("{id: 1, name: a, on: host, labels: {severity: bad}}", "unknown severity 'bad'"),
        ("{id: 1, name: a, on: host, labels: {9a: b}}", "begins with no digit"),
        (
            "{id: 1, name: a, on: host, annotations: {summary: \"{{hoost}}\"}}",
            "unknown name in {{}} 'hoost'; did you mean 'host'?",
        ),
        (
            "{id: 1, name: a, on: host, group_by: [torent]}",
            "unknown group_by 'torent'; did you mean 'torrent'?",
        ),
        (
            "{id: 1, name: a, on: host, match: {when: {zone: Mars/Olympus}}}",
            "'Mars/Olympus' is not a time zone",
        ),
        (
            "{id: 1, name: a, on: host}\n  - {id: 1, name: b, on: host}",
            "the id 1 is that of a rule in r.yaml too",
        ),
        ("&a {id: 1, name: a, on: host}", "anchors (&name) are refused"),
    ] {
        let text = format!("version: 1\nlists:\n  few: [10.0.0.0/8]\n\nrules:\n  - {rule}\n");
        let problems = RuleSet::parse("r.yaml", &text, Path::new(".")).unwrap_err();
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(told.iter().all(|t| t.starts_with("r.yaml")), "{told:?}");
        assert!(told.iter().any(|t| t.contains(why)), "{rule}\n{why}\n{told:?}");
    }
}

#[test]
fn hostile_files_give_an_answer() {
    let bomb = format!("version: 1\nrules: {}", "[".repeat(100_000));
    let many = format!("version: 1\nrules:\n{}", "  - {id: x}\n".repeat(20_000));
    for text in [
        "",
        "- 1",
        "version: 2",
        "version: 1\nrules: 7",
        "version: 1\nruls: []",
        bomb.as_str(),
        many.as_str(),
    ] {
        let problems = RuleSet::parse("r.yaml", text, Path::new(".")).unwrap_err();
        assert!((1..=50).contains(&problems.len()), "{}", problems.len());
        assert!(problems.iter().all(|p| p.to_string().len() < 1_000));
    }
}
