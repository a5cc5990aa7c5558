//! The conventions that a dashboard is held to, as a function from its JSON to complaints.

use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Panels that Grafana's published libraries can draw, so that ours can be looked at without a server.
const TYPES: [&str; 7] = ["timeseries", "stat", "bargauge", "gauge", "table", "text", "row"];

/// Units as Grafana calls them; those that have a use here.
const UNITS: [&str; 11] =
    ["Bps", "bytes", "cps", "pps", "reqps", "percentunit", "s", "short", "dateTimeFromNow", "bool", "hertz"];

/// What may stand in a query besides our own metrics.
const OTHERS: [&str; 2] = ["up", "ALERTS"];

/// Everything in which the dashboard departs from the conventions, one sentence each.
pub fn violations(name: &str, dashboard: &Value) -> Vec<String> {
    let mut found = Vec::new();
    head(name, dashboard, &mut found);
    variables(dashboard, &mut found);
    for panel in panels(dashboard) {
        one_panel(panel, &mut found);
    }
    places(dashboard, &mut found);
    for expression in expressions(dashboard) {
        query(&expression, &mut found);
    }
    found.iter().map(|line| format!("{name}: {line}")).collect()
}

/// Every query of panels and annotations.
pub fn expressions(dashboard: &Value) -> Vec<String> {
    let targets =
        panels(dashboard).flat_map(|panel| list(panel, "/targets")).map(|target| text(target, "/expr"));
    let annotations =
        list(dashboard, "/annotations/list").filter(|a| a.get("builtIn").is_none()).map(|a| text(a, "/expr"));
    targets.chain(annotations).map(str::to_owned).collect()
}

fn head(name: &str, dashboard: &Value, found: &mut Vec<String>) {
    let mut must = |holds: bool, what: &str| {
        if !holds {
            found.push(what.to_owned());
        }
    };
    must(text(dashboard, "/uid") == name, "the uid is not the file's name");
    must(dashboard.get("id") == Some(&Value::Null), "the id is not null: it belongs to one server");
    must(
        (39..=41).contains(&dashboard["schemaVersion"].as_i64().unwrap_or(0)),
        "schemaVersion is not 39 to 41",
    );
    must(dashboard["editable"] == json!(false), "it is editable");
    must(!text(dashboard, "/title").is_empty(), "it has no title");
    must(!text(dashboard, "/description").is_empty(), "it has no description");
    must(
        list(dashboard, "/tags").any(|tag| tag == "swarmscope"),
        "it lacks the tag by which dashboards find each other",
    );
    must(
        list(dashboard, "/links").any(|link| link["type"] == "dashboards"),
        "it does not link to the others",
    );
    must(
        list(dashboard, "/annotations/list")
            .any(|a| a["datasource"] == source() && text(a, "/expr").starts_with("ALERTS{")),
        "no annotation shows alerts",
    );
}

/// The data source and the selection of sensors are the viewer's choice.
fn variables(dashboard: &Value, found: &mut Vec<String>) {
    let named = |name: &str| list(dashboard, "/templating/list").find(move |v| v["name"] == name);
    if !named("datasource").is_some_and(|v| v["type"] == "datasource" && v["query"] == "prometheus") {
        found.push("the variable datasource does not choose a Prometheus".to_owned());
    }
    for name in ["job", "instance"] {
        let good = named(name).is_some_and(|v| {
            v["type"] == "query"
                && v["datasource"] == source()
                && v["multi"] == json!(true)
                && v["includeAll"] == json!(true)
                && v["allValue"] == ".+"
                && v["refresh"] == json!(2)
        });
        if !good {
            found.push(format!("the variable {name} is missing, or does not choose several or all"));
        }
    }
}

fn one_panel(panel: &Value, found: &mut Vec<String>) {
    let (kind, title) = (text(panel, "/type"), text(panel, "/title"));
    let mut must = |holds: bool, what: &str| {
        if !holds {
            found.push(format!("panel {} \"{title}\": {what}", panel["id"]));
        }
    };
    must(TYPES.contains(&kind), "its type is not one that can be drawn without a server");
    must(!title.trim().is_empty(), "no title");
    if kind == "row" {
        return;
    }
    must(text(panel, "/description").ends_with('.'), "no description, or no sentence");
    if kind == "text" {
        return;
    }
    must(panel["datasource"] == source(), "its data source is not the variable");
    must(list(panel, "/targets").next().is_some(), "no query");
    must(
        list(panel, "/targets").all(|t| t["datasource"] == source()),
        "a query's data source is not the variable",
    );
    let letters: BTreeSet<_> = list(panel, "/targets").map(|target| text(target, "/refId")).collect();
    must(letters.len() == list(panel, "/targets").count(), "two queries of one letter");
    must(
        UNITS.contains(&text(panel, "/fieldConfig/defaults/unit")),
        "no unit, or one that Grafana does not know",
    );
}

/// Ids are unique, and panels lie side by side on a grid of 24 columns.
fn places(dashboard: &Value, found: &mut Vec<String>) {
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in panels(dashboard) {
        let id = panel["id"].as_u64().unwrap_or(0);
        if !ids.insert(id) {
            found.push(format!("id {id} twice"));
        }
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap_or(0));
        if w == 0 || h == 0 || x + w > 24 {
            found.push(format!("panel {id} leaves the grid"));
        }
        let cells = (x..x + w).flat_map(|column| (y..y + h).map(move |line| (column, line)));
        if cells.filter(|cell| !taken.insert(*cell)).count() > 0 {
            found.push(format!("panel {id} overlaps another"));
        }
    }
}

/// What holds for each selector in a query, and for the query as a whole.
fn query(expression: &str, found: &mut Vec<String>) {
    let mut must = |holds: bool, what: &str| {
        if !holds {
            found.push(format!("{what}: {expression}"));
        }
    };
    must(!expression.is_empty(), "an empty query");
    must(balanced(expression), "a bracket is not closed");
    for (at, name) in metrics(expression) {
        let rest = expression.get(at + name.len()..).unwrap_or_default();
        must(
            OTHERS.contains(&name) || name.starts_with("swarmscope_") || name.starts_with("process_"),
            "an unknown metric",
        );
        let Some(matchers) = rest.strip_prefix('{').and_then(|r| r.split_once('}')).map(|(inside, _)| inside)
        else {
            must(false, "a metric with no matchers");
            continue;
        };
        must(matchers.contains(r#"job=~"$job""#), "no matcher for the variable job");
        must(matchers.contains(r#"instance=~"$instance""#), "no matcher for the variable instance");
        let before = expression.get(..at).unwrap_or_default();
        let growth = ["rate(", "increase("].iter().any(|function| before.ends_with(function));
        let counter = ["_total", "_bucket", "_sum", "_count"].iter().any(|end| name.ends_with(end));
        must(growth || !counter, "a counter without rate or increase");
        must(counter || !growth, "rate or increase of what is no counter");
    }
    for window in expression.split('[').skip(1).filter_map(|rest| rest.split(']').next()) {
        must(["$__rate_interval", "$__range"].contains(&window), "a window of fixed length");
    }
}

/// The names in a query that stand before matchers, or are ours by their prefix, with their places.
fn metrics(expression: &str) -> Vec<(usize, &str)> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut found = Vec::new();
    let mut quoted = false;
    let mut start = None;
    for (at, c) in expression.char_indices().chain([(expression.len(), ' ')]) {
        if !quoted && word(c) {
            start = start.or(Some(at));
        } else if let Some(name) = start.take().and_then(|from| Some((from, expression.get(from..at)?)))
            && (c == '{' || name.1.starts_with("swarmscope_") || name.1.starts_with("process_"))
        {
            found.push(name);
        }
        quoted ^= c == '"';
    }
    found
}

fn balanced(expression: &str) -> bool {
    let mut open = Vec::new();
    let mut quoted = false;
    for c in expression.chars() {
        match c {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            ')' | ']' | '}' if open.pop() != Some(c) => return false,
            _ => {}
        }
    }
    open.is_empty() && !quoted
}

fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    list(dashboard, "/panels").flat_map(|panel| std::iter::once(panel).chain(list(panel, "/panels")))
}

fn list<'a>(value: &'a Value, place: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(place).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, place: &str) -> &'a str {
    value.pointer(place).and_then(Value::as_str).unwrap_or_default()
}

/// The data source that every panel must have.
fn source() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}
