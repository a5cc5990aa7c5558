//! The shipped rules load, and every rule test of `rules/tests` holds.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]

use std::path::{Path, PathBuf};
use swarmscope::policy::{Case, RuleSet};

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
            let changes = case.run();
            tested.extend(changes.iter().map(|c| c.alert.rule.name.clone()));
            let wrong = case.judge(&changes, None);
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
