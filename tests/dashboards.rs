//! Dashboards and rules keep to the conventions of their field: those of Grafana's dashboard-linter, and some of our own.
//!
//! [`violations`] is a function of a file's name and content, so that the tests below can plant what must be caught. Whether
//! the metrics exist, the catalogue test asks of a real scrape; whether the fields do, `tests/dashboards/run` asks of
//! Grafana's schema. With `SWARMSCOPE_PROMTOOL` set to a promtool, it must understand every expression.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

#[path = "dashboards/lint.rs"]
mod lint;

use lint::{expressions, violations};

const NAMES: [&str; 4] =
    ["swarmscope-overview", "swarmscope-host", "swarmscope-dht", "swarmscope-sensor-health"];

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
        .unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn dashboard(name: &str) -> Value {
    serde_json::from_str(&read(&format!("dashboards/{name}.json"))).unwrap()
}

#[test]
fn every_dashboard_keeps_to_the_conventions() {
    for name in NAMES {
        let found = violations(name, &dashboard(name));
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards")).unwrap();
    let json = files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|e| e == "json"));
    assert_eq!(json.count(), NAMES.len(), "a dashboard that no test knows");
}

#[test]
fn each_violation_is_found() {
    // A place in the dashboard, what is planted there, and a word of the complaint.
    let plants = [
        ("/uid", json!("other"), "uid"),
        ("/id", json!(7), "id"),
        ("/schemaVersion", json!(30), "schemaVersion"),
        ("/editable", json!(true), "editable"),
        ("/description", json!(""), "description"),
        ("/tags", json!(["p2p"]), "tag"),
        ("/links", json!([]), "link"),
        ("/annotations/list", json!([]), "annotation"),
        ("/templating/list/0/query", json!("loki"), "variable datasource"),
        ("/templating/list/1/name", json!("cluster"), "variable job"),
        ("/templating/list/2/multi", json!(false), "variable instance"),
        ("/templating/list/2/datasource/uid", json!("prometheus"), "variable instance"),
        ("/panels/1/type", json!("heatmap"), "type"),
        ("/panels/1/title", json!(" "), "title"),
        ("/panels/1/description", json!(""), "description"),
        ("/panels/1/id", json!(1), "id 1 twice"),
        ("/panels/1/datasource/uid", json!("abc"), "data source"),
        ("/panels/1/targets", json!([]), "no query"),
        ("/panels/1/targets/0/datasource/uid", json!("abc"), "data source"),
        ("/panels/1/fieldConfig/defaults/unit", json!(""), "unit"),
        ("/panels/1/fieldConfig/defaults/unit", json!("bananas"), "unit"),
        ("/panels/1/gridPos/w", json!(30), "grid"),
        ("/panels/2/gridPos/x", json!(0), "overlaps"),
    ];
    for (place, value, word) in plants {
        let mut planted = dashboard(NAMES[0]);
        *planted.pointer_mut(place).unwrap_or_else(|| panic!("no {place}")) = value;
        let found = violations(NAMES[0], &planted);
        assert!(found.iter().any(|line| line.contains(word)), "{place}: {word} is not among {found:?}");
    }
}

#[test]
fn each_mistake_in_a_query_is_found() {
    let both = r#"job=~"$job", instance=~"$instance""#;
    let mistakes = [
        ("sum(rate(swarmscope_packets_total[$__rate_interval]))".to_owned(), "no matchers"),
        (r#"swarmscope_torrents{job=~"$job"}"#.to_owned(), "instance"),
        (r#"swarmscope_torrents{instance=~"$instance"}"#.to_owned(), "job"),
        (r#"swarmscope_torrents{job="$job", instance=~"$instance"}"#.to_owned(), "job"),
        (format!("sum(swarmscope_packets_total{{{both}}})"), "counter"),
        (format!("rate(swarmscope_torrents{{{both}}}[$__rate_interval])"), "no counter"),
        (format!("rate(swarmscope_packets_total{{{both}}}[5m])"), "window"),
        (format!("sum(swarmscope_torrents{{{both}}}"), "bracket"),
        (format!("other_metric{{{both}}}"), "unknown"),
        (String::new(), "empty"),
    ];
    for (expression, word) in mistakes {
        let mut planted = dashboard(NAMES[0]);
        *planted.pointer_mut("/panels/1/targets/0/expr").unwrap() = json!(expression);
        let found = violations(NAMES[0], &planted);
        assert!(found.iter().any(|line| line.contains(word)), "{expression}: {word} is not among {found:?}");
    }
}

#[test]
fn promtool_understands_every_expression() {
    let Ok(promtool) = std::env::var("SWARMSCOPE_PROMTOOL") else { return };
    let mut rules = String::from("groups:\n  - name: dashboards\n    rules:\n");
    for (number, expression) in NAMES.iter().flat_map(|name| expressions(&dashboard(name))).enumerate() {
        let plain = expression.replace("$__rate_interval", "5m").replace("$__range", "1h");
        rules += &format!("      - {{record: 'd:{number}', expr: '{}'}}\n", plain.replace('\'', "''"));
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dashboards.rules.yml");
    fs::write(&file, rules).unwrap();
    let checked = Command::new(promtool).args(["check", "rules"]).arg(&file).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn every_alert_is_explained_and_tested() {
    let rules = read("rules/prometheus/swarmscope.rules.yml");
    let tests = read("rules/prometheus/rules_test.yml");
    let runbooks = read("docs/runbooks.md");
    let blocks: Vec<&str> = rules.split("- alert: ").skip(1).collect();
    for block in &blocks {
        let name = block.lines().next().unwrap_or_default();
        for part in ["severity: ", "summary: ", "description: "] {
            assert!(block.contains(part), "{name} has no {part}");
        }
        let anchor = format!("runbook_url: docs/runbooks.md#{}\n", name.to_lowercase());
        assert!(block.contains(&anchor), "{name} has no {anchor}");
        assert!(runbooks.contains(&format!("\n## {name}\n")), "docs/runbooks.md does not know {name}");
        assert!(tests.contains(&format!("- alertname: {name}\n")), "no test in which {name} fires");
        assert!(tests.contains(&format!("{{alertname: {name}, ")), "no test in which {name} keeps quiet");
    }
    let names: BTreeSet<_> = blocks.iter().filter_map(|block| block.lines().next()).collect();
    assert_eq!(names.len(), blocks.len(), "an alert by the name of another");
    let sections = runbooks.lines().filter(|line| line.starts_with("## ")).count();
    assert_eq!(sections, names.len(), "docs/runbooks.md explains an alert that there is not");
}
