//! Lists of a rule file: named ones, those in files of their own, and those written in place.

use super::matching::Torrents;
use super::problem::{Problem, Problems, shown};
use super::read::{Fields, texts};
use super::yaml::{Node, Value};
use crate::base::{InfoHash, Network};
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a list in a file of its own, at most.
const FILE_MAX: u64 = 32 << 20;
/// Entries of a list, at most.
const ENTRIES_MAX: usize = 1_000_000;

/// The named lists and networks of one file.
#[derive(Debug, Default)]
pub(super) struct Lists {
    named: BTreeMap<String, Vec<Entry>>,
    folder: PathBuf,
}

/// One entry, and where it stands when that is not the rule file.
#[derive(Clone, Debug)]
struct Entry {
    text: String,
    place: Option<(String, u32)>,
}

impl Lists {
    /// Reads `lists` and `networks` of a file; `folder` is where `file:` paths begin.
    pub(super) fn read(fields: &Fields<'_>, folder: &Path, problems: &mut Problems) -> Self {
        let mut lists = Self { named: BTreeMap::new(), folder: folder.to_owned() };
        for name in ["lists", "networks"] {
            let Some(node) = fields.get(name) else { continue };
            let Value::Map(entries) = &node.value else {
                problems.say(
                    node.at,
                    format!("{name} is a mapping of names to lists; here is {}", node.value.sort()),
                );
                continue;
            };
            for (word, node) in entries {
                let list = texts(node, problems)
                    .into_iter()
                    .flat_map(|(node, text)| lists.expand(node, text, false, problems))
                    .collect();
                if lists.named.insert(word.text.clone(), list).is_some() {
                    problems.say(word.at, format!("a list '{}' is there already", shown(&word.text)));
                }
            }
        }
        lists
    }

    /// A field's networks.
    pub(super) fn networks(
        &self,
        fields: &Fields<'_>,
        name: &str,
        problems: &mut Problems,
    ) -> Option<Vec<Network>> {
        self.parsed(fields, name, "a network, e.g. 10.0.0.0/8 or 2001:db8::/32", |t| t.parse().ok(), problems)
    }

    /// The networks of the file's `networks`, each with its name.
    pub(super) fn named_networks(
        &self,
        fields: &Fields<'_>,
        problems: &mut Problems,
    ) -> Vec<(String, Network)> {
        let mut found = Vec::new();
        let Some(Node { value: Value::Map(entries), .. }) = fields.get("networks") else { return found };
        for (word, node) in entries {
            for entry in self.named.get(&word.text).into_iter().flatten() {
                match entry.text.parse() {
                    Ok(network) => found.push((word.text.clone(), network)),
                    Err(error) => problems.say(node.at, format!("networks: {error}")),
                }
            }
        }
        found
    }

    /// A field's torrents: v1 info-hashes (BEP 3) in 40 hexadecimal digits, v2 ones (BEP 52) in 64, `urn:btih:` and
    /// `urn:btmh:1220` before them or not. The wire shows the first 20 bytes of a v2 info-hash.
    pub(super) fn torrents(
        &self,
        fields: &Fields<'_>,
        name: &str,
        problems: &mut Problems,
    ) -> Option<Torrents> {
        let expected = "an info-hash of 40 (v1) or 64 (v2) hexadecimal digits";
        let parsed = self.parsed(fields, name, expected, info_hash, problems)?;
        Some(Arc::new(parsed.into_iter().collect::<HashSet<_, _>>()))
    }

    /// A field's values, each parsed; `$name` and `file:PATH` stand for the entries of a list.
    pub(super) fn parsed<T>(
        &self,
        fields: &Fields<'_>,
        name: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
        problems: &mut Problems,
    ) -> Option<Vec<T>> {
        let mut values = Vec::new();
        for (node, text) in fields.texts(name, problems)? {
            for entry in self.expand(node, text, true, problems) {
                match parse(&entry.text) {
                    Some(value) => values.push(value),
                    None => {
                        let place =
                            entry.place.map_or(String::new(), |(file, line)| format!("{file}:{line}: "));
                        let what = format!("{name}: {place}'{}' is not {expected}", shown(&entry.text));
                        problems.say(node.at, what);
                    }
                }
            }
        }
        Some(values)
    }

    /// What a text of a rule file stands for.
    fn expand(&self, node: &Node, text: &str, by_name: bool, problems: &mut Problems) -> Vec<Entry> {
        if let Some(path) = text.strip_prefix("file:") {
            return self.file(path).unwrap_or_else(|problem| {
                problems.say(node.at, problem.to_string());
                Vec::new()
            });
        }
        match text.strip_prefix('$') {
            Some(name) if by_name => match self.named.get(name) {
                Some(list) => list.clone(),
                None => {
                    let names: Vec<&str> = self.named.keys().map(String::as_str).collect();
                    problems.unknown(node.at, "list", text, &names);
                    Vec::new()
                }
            },
            Some(_) => {
                problems.say(node.at, "a list cannot hold another list");
                Vec::new()
            }
            None => vec![Entry { text: text.to_owned(), place: None }],
        }
    }

    /// A list in a file: one entry a line, `#` begins a comment.
    fn file(&self, name: &str) -> Result<Vec<Entry>, Problem> {
        let wrong = |what: String| Problem { file: shown(name), at: None, what };
        let path = self.folder.join(name);
        let size = std::fs::metadata(&path).map_err(|e| wrong(format!("cannot be read: {e}")))?;
        if !size.is_file() || size.len() > FILE_MAX {
            return Err(wrong(format!("is not a file of at most {FILE_MAX} bytes")));
        }
        let text = std::fs::read_to_string(&path).map_err(|e| wrong(format!("cannot be read: {e}")))?;
        let mut entries = Vec::new();
        for (line, number) in text.lines().zip(1..) {
            let text = line.split('#').next().unwrap_or_default().trim();
            if text.is_empty() {
                continue;
            }
            if entries.len() == ENTRIES_MAX {
                return Err(wrong(format!("has more than {ENTRIES_MAX} entries")));
            }
            entries.push(Entry { text: text.to_owned(), place: Some((name.to_owned(), number)) });
        }
        Ok(entries)
    }
}

fn info_hash(text: &str) -> Option<InfoHash> {
    let digits = text.strip_prefix("urn:btih:").or(text.strip_prefix("urn:btmh:1220")).unwrap_or(text);
    let all_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
    match digits.len() {
        40 | 64 if all_hex => digits.get(..40)?.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_hashes_of_both_versions_are_read() {
        let v1 = "0c618d5e892178f1c73403c2460cf596f32a413f";
        let v2 = format!("{v1}000102030405060708090a0b");
        for text in [v1, &v2, &format!("urn:btih:{v1}"), &format!("urn:btmh:1220{v2}"), &v1.to_uppercase()] {
            assert_eq!(info_hash(text).unwrap().to_string(), v1, "{text}");
        }
        for bad in ["", "0c61", &format!("{v1}0"), &"g".repeat(40)] {
            assert_eq!(info_hash(bad), None, "{bad}");
        }
    }
}
