//! The state of alerts as JSON, so that a restart neither forgets a quota nor tells an alert again.
//!
//! Rules are found again by id and shape: where a rule asks something else than before, its state is of no use and left out.

use super::engine::{Engine, Running};
use super::group::{Group, Key, Life};
use super::rule::GroupBy;
use super::window::{Sums, Thing, Things, Window};
use crate::base::Timestamp;
use crate::event::Grade;
use serde_json::{Map, Value, json};

/// The version of this form.
const VERSION: u64 = 1;

impl Engine {
    /// All that has to survive a restart.
    #[must_use]
    pub fn save(&self) -> Value {
        let rules: Vec<Value> = self.rules.iter().map(save_rule).collect();
        json!({"version": VERSION, "rules": rules})
    }

    /// Takes saved state in, where it fits the rules; gives how many groups were taken over and how many were left out.
    pub fn restore(&mut self, state: &Value) -> (usize, usize) {
        let (mut taken, mut left) = (0, 0);
        if state["version"].as_u64() != Some(VERSION) {
            return (0, 0);
        }
        for saved in state["rules"].as_array().into_iter().flatten() {
            let groups = saved["groups"].as_array().map(Vec::as_slice).unwrap_or_default();
            let same = |r: &&mut Running| {
                Some(u64::from(r.rule.id)) == saved["id"].as_u64()
                    && Some(r.rule.shape.as_str()) == saved["shape"].as_str()
            };
            let Some(running) = self.rules.iter_mut().find(same) else {
                left += groups.len();
                continue;
            };
            for group in groups {
                match restore_group(running, group) {
                    Some(group) => {
                        running.groups.insert(group);
                        taken += 1;
                    }
                    None => left += 1,
                }
            }
        }
        self.recount();
        (taken, left)
    }
}

fn save_rule(running: &Running) -> Value {
    let groups: Vec<Value> = running.groups.iter().map(save_group).collect();
    json!({"id": running.rule.id, "shape": running.rule.shape, "groups": groups})
}

fn save_group(group: &Group) -> Value {
    let key: Vec<Value> = group
        .key
        .iter()
        .map(|key| if *key == Key::Unknown { Value::Null } else { Value::String(key.text()) })
        .collect();
    let (life, since, told) = match group.life {
        Life::Quiet => ("quiet", None, None),
        Life::Pending { since } => ("pending", Some(since.0), None),
        Life::Firing { since, told } => ("firing", Some(since.0), told.map(|t| t.0)),
    };
    let evidence = &group.evidence;
    json!({
        "key": key,
        "life": life,
        "since": since,
        "told": told,
        "seen": group.seen.0,
        "first": group.first.0,
        "suppressed_until": group.suppressed_until.0,
        "window": save_window(&group.window),
        "evidence": {
            "host": evidence.host.map(|h| h.to_string()),
            "port": evidence.port,
            "torrent": evidence.torrent.map(|t| t.to_string()),
            "grade": evidence.grade.map(Grade::label),
            "client": evidence.client,
            "detail": evidence.detail,
        },
    })
}

fn save_window(window: &Window) -> Value {
    let sums = |sums: &Sums| sums.steps.iter().map(|(at, n)| json!([at, n])).collect::<Vec<_>>();
    match window {
        Window::Seen => Value::Null,
        Window::Sum(sum) => json!(sums(sum)),
        Window::Shares([part, whole]) => json!([sums(part), sums(whole)]),
        Window::Distinct(things) => {
            let mut seen: Vec<(&Thing, &i64)> = things.seen.iter().collect();
            seen.sort();
            let text = |thing: &Thing| match thing {
                Thing::Address(a) => json!({"address": a.to_string()}),
                Thing::Torrent(t) => json!({"torrent": t.to_string()}),
                Thing::Port(p) => json!({"port": p}),
            };
            seen.into_iter().map(|(thing, at)| json!([at, text(thing)])).collect()
        }
    }
}

fn restore_group(running: &Running, saved: &Value) -> Option<Group> {
    let time = |name: &str| saved[name].as_i64().map(Timestamp);
    let texts = saved["key"].as_array()?;
    let by = &running.rule.group_by;
    let key: Option<Box<[Key]>> = (texts.len() == by.len())
        .then(|| by.iter().zip(texts).map(|(by, text)| restore_key(*by, text)).collect())?;
    let mut group = Group::new(&running.rule, key?, time("seen")?);
    group.first = time("first")?;
    group.suppressed_until = time("suppressed_until")?;
    group.life = match (saved["life"].as_str()?, time("since")) {
        ("pending", Some(since)) => Life::Pending { since },
        ("firing", Some(since)) => Life::Firing { since, told: time("told") },
        _ => Life::Quiet,
    };
    restore_window(&mut group.window, &saved["window"])?;
    let evidence = &saved["evidence"];
    let text = |name: &str| evidence[name].as_str();
    group.evidence.host = text("host").and_then(|t| t.parse().ok());
    group.evidence.port = evidence["port"].as_u64().and_then(|p| p.try_into().ok());
    group.evidence.torrent = text("torrent").and_then(|t| t.parse().ok());
    group.evidence.grade = text("grade").and_then(|t| Grade::ALL.into_iter().find(|g| g.label() == t));
    group.evidence.client = text("client").map(str::to_owned);
    group.evidence.detail = text("detail").map(str::to_owned);
    Some(group)
}

fn restore_key(by: GroupBy, saved: &Value) -> Option<Key> {
    let Some(text) = saved.as_str() else { return Some(Key::Unknown) };
    Some(match by {
        GroupBy::Host => Key::Host(text.parse().ok()?),
        GroupBy::Remote => Key::Remote(text.parse().ok()?),
        GroupBy::Network => Key::Network(text.into()),
        GroupBy::Torrent => Key::Torrent(text.parse().ok()?),
        GroupBy::Port => Key::Port(text.parse().ok()?),
        GroupBy::Vlan => Key::Vlan(text.parse().ok()?),
        GroupBy::Client => Key::Client(text.into()),
    })
}

fn restore_window(window: &mut Window, saved: &Value) -> Option<()> {
    match window {
        Window::Seen => {}
        Window::Sum(sums) => restore_sums(sums, saved)?,
        Window::Shares(both) => {
            both.iter_mut().zip(saved.as_array()?).try_for_each(|(sums, saved)| restore_sums(sums, saved))?;
        }
        Window::Distinct(things) => restore_things(things, saved)?,
    }
    Some(())
}

fn restore_sums(sums: &mut Sums, saved: &Value) -> Option<()> {
    for step in saved.as_array()? {
        sums.add(step[0].as_i64()?, step[1].as_u64()?);
    }
    Some(())
}

fn restore_things(things: &mut Things, saved: &Value) -> Option<()> {
    for entry in saved.as_array()? {
        let text: Option<&Map<String, Value>> = entry[1].as_object();
        let (name, value) = text?.iter().next()?;
        let thing = match name.as_str() {
            "address" => Thing::Address(value.as_str()?.parse().ok()?),
            "torrent" => Thing::Torrent(value.as_str()?.parse().ok()?),
            _ => Thing::Port(value.as_u64()?.try_into().ok()?),
        };
        things.add(entry[0].as_i64()?, thing, usize::MAX);
    }
    Some(())
}
