//! Typed reading of a YAML tree: each wrong thing is told with its place and what would have been right.

use super::problem::{Position, Problems, shown};
use super::yaml::{Node, Value};

/// The fields of a mapping; unknown ones were told of.
pub(super) struct Fields<'a> {
    pub at: Position,
    sort: String,
    entries: Vec<(&'a str, &'a Node)>,
}

impl<'a> Fields<'a> {
    /// Reads a mapping that is called `sort` in messages and may have these fields.
    pub(super) fn of(node: &'a Node, sort: &str, allowed: &[&str], problems: &mut Problems) -> Option<Self> {
        let Value::Map(map) = &node.value else {
            let expected = format!("{sort} is a mapping with the fields {}", allowed.join(", "));
            problems.say(node.at, format!("{expected}; here is {}", node.value.sort()));
            return None;
        };
        let mut entries = Vec::with_capacity(map.len());
        for (word, value) in map {
            if allowed.contains(&word.text.as_str()) {
                entries.push((word.text.as_str(), value));
            } else {
                problems.unknown(word.at, &format!("field of {sort}"), &word.text, allowed);
            }
        }
        Some(Self { at: node.at, sort: sort.to_owned(), entries })
    }

    /// A field that has a value.
    pub(super) fn get(&self, name: &str) -> Option<&'a Node> {
        let (_, node) = self.entries.iter().find(|(n, _)| *n == name)?;
        (node.value != Value::Null).then_some(*node)
    }

    /// A field that must be there.
    pub(super) fn require(&self, name: &str, problems: &mut Problems) -> Option<&'a Node> {
        let found = self.get(name);
        if found.is_none() {
            problems.say(self.at, format!("{} lacks '{name}'", self.sort));
        }
        found
    }

    pub(super) fn text(&self, name: &str, problems: &mut Problems) -> Option<&'a str> {
        text(self.get(name)?, problems)
    }

    /// A field that is one of a few words.
    pub(super) fn word<T: Copy>(
        &self,
        name: &str,
        table: &[(&str, T)],
        problems: &mut Problems,
    ) -> Option<T> {
        let node = self.get(name)?;
        word(node, name, text(node, problems)?, table, problems)
    }

    /// A field that is one word or a list of words of a table.
    pub(super) fn words<T: Copy>(
        &self,
        name: &str,
        table: &[(&str, T)],
        problems: &mut Problems,
    ) -> Option<Vec<T>> {
        let items = self.texts(name, problems)?;
        Some(items.into_iter().filter_map(|(node, text)| word(node, name, text, table, problems)).collect())
    }

    /// A field that is one value or a list of them; the texts with their nodes.
    pub(super) fn texts(&self, name: &str, problems: &mut Problems) -> Option<Vec<(&'a Node, &'a str)>> {
        let node = self.get(name)?;
        Some(texts(node, problems))
    }

    /// A field that is parsed; `expected` says what it should have been.
    pub(super) fn parse<T>(
        &self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
        problems: &mut Problems,
    ) -> Option<T> {
        let node = self.get(name)?;
        let text = text(node, problems)?;
        let parsed = parse(text);
        if parsed.is_none() {
            problems.say(node.at, format!("{name}: '{}' is not {expected}", shown(text)));
        }
        parsed
    }

    /// A field that is `true` or `false`.
    pub(super) fn flag(&self, name: &str, problems: &mut Problems) -> Option<bool> {
        self.word(name, &[("true", true), ("false", false)], problems)
    }
}

/// A single value.
pub(super) fn text<'a>(node: &'a Node, problems: &mut Problems) -> Option<&'a str> {
    match &node.value {
        Value::Text(text) => Some(text),
        other => {
            problems.say(node.at, format!("expected a single value; here is {}", other.sort()));
            None
        }
    }
}

/// A single value or a list of single values.
pub(super) fn texts<'a>(node: &'a Node, problems: &mut Problems) -> Vec<(&'a Node, &'a str)> {
    match &node.value {
        Value::List(items) => items.iter().filter_map(|i| Some((i, text(i, problems)?))).collect(),
        _ => text(node, problems).map(|t| (node, t)).into_iter().collect(),
    }
}

/// The items of a list of anything.
pub(super) fn list<'a>(node: &'a Node, sort: &str, problems: &mut Problems) -> &'a [Node] {
    match &node.value {
        Value::List(items) => items,
        other => {
            problems.say(node.at, format!("{sort} is a list; here is {}", other.sort()));
            &[]
        }
    }
}

fn word<T: Copy>(
    node: &Node,
    name: &str,
    text: &str,
    table: &[(&str, T)],
    problems: &mut Problems,
) -> Option<T> {
    let found = table.iter().find(|(w, _)| *w == text).map(|(_, value)| *value);
    if found.is_none() {
        let allowed: Vec<&str> = table.iter().map(|(w, _)| *w).collect();
        problems.unknown(node.at, name, text, &allowed);
    }
    found
}
