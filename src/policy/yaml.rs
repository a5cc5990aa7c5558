//! YAML 1.2 as far as rule files need it: mappings, lists and scalars, each with its place in the file.
//!
//! Scalars stay text: an info-hash such as `0000…12e4` must not become a number on the way. Anchors, aliases, tags and
//! directives are refused, which leaves nothing to build a bomb or a cycle from; size, depth and number of nodes are limited.

use super::problem::{Position, Problems, shown};
use granit_parser::{Event, Marker, Parser, ScalarStyle};

/// Bytes of a rule file, at most. Long lists belong into files of their own.
pub(super) const FILE_MAX: usize = 1 << 20;
/// Lists and mappings inside one another, at most.
const DEPTH_MAX: usize = 16;
/// Values of a file, at most.
const NODES_MAX: usize = 100_000;

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub at: Position,
    pub value: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Nothing, or `null`.
    Null,
    /// Any scalar, as it was written.
    Text(String),
    List(Vec<Node>),
    /// In the order of the file, no key twice.
    Map(Vec<(Word, Node)>),
}

/// A key and its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Word {
    pub at: Position,
    pub text: String,
}

impl Value {
    /// What it is, for people.
    pub(super) const fn sort(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Text(_) => "a single value",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// A list or mapping that is still open.
enum Open {
    List(Position, Vec<Node>),
    Map(Position, Vec<(Word, Node)>, Option<Word>),
}

/// Reads the one document of a text; `None` when something is wrong, which the problems then tell.
pub(super) fn read(text: &str, problems: &mut Problems) -> Option<Node> {
    if text.len() > FILE_MAX {
        problems.say_of_file(format!(
            "the file has {} bytes; a rule file may have {FILE_MAX}. Put long lists into a file of their own and name it as file:PATH",
            text.len()
        ));
        return None;
    }
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    let mut nodes = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                problems.say(position(error.marker()), format!("not YAML: {}", shown(&error.info())));
                return None;
            }
        };
        let at = position(&span.start);
        nodes += 1;
        if nodes > NODES_MAX {
            problems.say(at, format!("more than {NODES_MAX} values in one file"));
            return None;
        }
        let refused = match &event {
            Event::Scalar(.., anchor, _)
            | Event::SequenceStart(_, anchor, _)
            | Event::MappingStart(_, anchor, _)
                if *anchor != 0 =>
            {
                Some("anchors (&name) are refused; repeat the value, or make it a list and write $name")
            }
            Event::Alias(_) => {
                Some("aliases (*name) are refused; repeat the value, or make it a list and write $name")
            }
            Event::Scalar(.., Some(_))
            | Event::SequenceStart(_, _, Some(_))
            | Event::MappingStart(_, _, Some(_)) => Some("tags (!name) are refused; write the plain value"),
            Event::DocumentStart(..) if root.is_some() => Some("a second document; a rule file holds one"),
            Event::SequenceStart(..) | Event::MappingStart(..) if open.len() >= DEPTH_MAX => {
                Some("lists and mappings are nested too deeply")
            }
            _ => None,
        };
        if let Some(why) = refused {
            problems.say(at, why);
            return None;
        }
        let done = match event {
            Event::Scalar(text, style, ..) => Some(Node { at, value: scalar(text.into_owned(), style) }),
            Event::SequenceStart(..) => {
                open.push(Open::List(at, Vec::new()));
                None
            }
            Event::MappingStart(..) => {
                open.push(Open::Map(at, Vec::new(), None));
                None
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().map(close),
            _ => None,
        };
        if let Some(node) = done {
            match open.last_mut() {
                None => root = Some(node),
                Some(into) => put(into, node, problems)?,
            }
        }
    }
    let empty = Node { at: Position { line: 1, column: 1 }, value: Value::Null };
    Some(root.unwrap_or(empty))
}

fn position(marker: &Marker) -> Position {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Position { line: number(marker.line()), column: number(marker.col()).saturating_add(1) }
}

fn scalar(text: String, style: ScalarStyle) -> Value {
    match (text.as_str(), style) {
        ("" | "~" | "null" | "Null" | "NULL", ScalarStyle::Plain) => Value::Null,
        _ => Value::Text(text),
    }
}

fn close(open: Open) -> Node {
    match open {
        Open::List(at, items) => Node { at, value: Value::List(items) },
        Open::Map(at, entries, _) => Node { at, value: Value::Map(entries) },
    }
}

/// Adds a value to the innermost open collection.
fn put(into: &mut Open, node: Node, problems: &mut Problems) -> Option<()> {
    match into {
        Open::List(_, items) => items.push(node),
        Open::Map(_, entries, key) => match key.take() {
            Some(word) => entries.push((word, node)),
            None => {
                let Value::Text(text) = node.value else {
                    problems.say(node.at, format!("{} cannot be a field's name", node.value.sort()));
                    return None;
                };
                if entries.iter().any(|(word, _)| word.text == text) {
                    problems.say(node.at, format!("'{}' is there twice", shown(&text)));
                    return None;
                }
                *key = Some(Word { at: node.at, text });
            }
        },
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wrong(text: &str) -> String {
        let mut problems = Problems::new("f");
        assert_eq!(read(text, &mut problems), None, "{text}");
        problems.into_list().first().unwrap().to_string()
    }

    #[test]
    fn scalars_stay_as_written_and_know_their_place() {
        let mut problems = Problems::new("f");
        let node = read("a: 00012e4\nb:\n  - \"null\"\n  - null\n", &mut problems).unwrap();
        let Value::Map(entries) = node.value else { panic!() };
        assert_eq!(entries[0].1.value, Value::Text("00012e4".to_owned()));
        assert_eq!((entries[0].1.at.line, entries[0].1.at.column), (1, 4));
        let Value::List(items) = &entries[1].1.value else { panic!() };
        assert_eq!((&items[0].value, &items[1].value), (&Value::Text("null".to_owned()), &Value::Null));
    }

    #[test]
    fn bombs_cycles_and_the_rest_are_refused_with_a_reason() {
        for (text, why) in [
            ("a: &x [1]\nb: *x", "f:1:7: anchors"),
            ("a: *x", "f:1:4: not YAML"),
            ("a: &x {b: *x}", "f:1:7: anchors"),
            ("a: !!binary aaaa", "tags"),
            ("a: 1\n---\nb: 2", "second document"),
            ("[a]: 1", "f:1:1: a list cannot be a field's name"),
            ("a: 1\nb: 2\na: 3", "f:3:1: 'a' is there twice"),
            ("a: [1", "not YAML"),
            ("a:\n\t- 1", "not YAML"),
        ] {
            assert!(wrong(text).contains(why), "{text}: {}", wrong(text));
        }
        assert!(wrong(&format!("{}{}", "[".repeat(20), "]".repeat(20))).contains("nested too deeply"));
        // So deep that the parser itself gives up.
        assert!(wrong(&"[".repeat(100_000)).starts_with("f:1:"));
        assert!(wrong(&"- a\n".repeat(200_000)).contains("more than 100000 values"));
        assert!(wrong(&"#".repeat(10 << 20)).contains("10485760 bytes"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[-a:\\[\\]{}&*!|>'\" \n\t#,?0]{0,80}") {
            let mut problems = Problems::new("f");
            let read = read(&text, &mut problems);
            prop_assert_eq!(read.is_none(), !problems.is_empty());
        }
    }
}
