//! Every metric that a dashboard, a rule or the documentation names is on a real page, and each on the page is documented.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "what fails must stop the test")]

mod serving;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[test]
fn every_metric_that_is_named_exists() {
    let served = serving::watched("office.pcap", serving::loopback());
    let page = served.get("/metrics").text();
    let there: BTreeSet<&str> =
        page.lines().filter_map(|l| l.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("README.md"), root.join("docs/serving.md")];
    for folder in ["dashboards", "rules"] {
        collect(&root.join(folder), &mut files);
    }
    let mut missing = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        for name in named(&text) {
            let known = [name, stem(name)].iter().any(|n| there.contains(n));
            if !known {
                missing.push(format!("{}: {name}", file.display()));
            }
        }
    }
    assert!(missing.is_empty(), "no such metric:\n{}", missing.join("\n"));
    let told = std::fs::read_to_string(root.join("docs/serving.md")).expect("it ships");
    let told: BTreeSet<&str> = named(&told).collect();
    let untold: Vec<&&str> =
        there.iter().filter(|name| name.starts_with("swarmscope_") && !told.contains(**name)).collect();
    assert!(untold.is_empty(), "docs/serving.md does not tell of {untold:?}");
}

#[test]
fn names_are_found_in_expressions() {
    let text = r#"rate(swarmscope_packets_total{where="kernel"}[5m]) / swarmscope_x-swarmscope_dht_round_trip_seconds_bucket `swarmscope_…` myswarmscope_y swarmscope.yaml swarmscope_rules_"#;
    let found: Vec<&str> = named(text).collect();
    let want = ["swarmscope_packets_total", "swarmscope_x", "swarmscope_dht_round_trip_seconds_bucket"];
    assert_eq!(found, want);
    assert_eq!(stem(found[2]), "swarmscope_dht_round_trip_seconds");
}

/// The metric names of a text: whole words that begin with the prefix and do not end with an underscore.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
    words.filter(|w| w.starts_with("swarmscope_") && !w.ends_with('_') && !w.contains(':'))
}

/// The family of a series of a histogram.
fn stem(name: &str) -> &str {
    ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}
