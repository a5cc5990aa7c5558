//! Reads a folder of rule files into one set of rules; all problems are told, and a set with problems is none.

use super::clock::{self, wrong_time};
use super::lists::Lists;
use super::nets::NetSet;
use super::problem::{Position, Problem, Problems};
use super::read::{Fields, list};
use super::rule::Rule;
use super::yaml;
use crate::base::{Network, Timestamp};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rules of a set, at most.
const RULES_MAX: usize = 10_000;
/// Files of a folder, at most.
const FILES_MAX: usize = 1_000;

/// Rules that belong together.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    /// In the order of their ids.
    pub rules: Vec<Arc<Rule>>,
    pub(super) silences: Vec<Silence>,
    /// Named networks: (name, network).
    pub(super) networks: Vec<(String, Network)>,
}

/// A time in which alerts are not told.
#[derive(Clone, Debug)]
pub(super) struct Silence {
    from: Timestamp,
    to: Timestamp,
    /// Names; none are all.
    rules: Vec<String>,
    /// None are all.
    hosts: Option<NetSet>,
}

impl Silence {
    pub(super) fn covers(&self, at: Timestamp, rule: &str, host: Option<crate::base::Address>) -> bool {
        self.from <= at
            && at < self.to
            && (self.rules.is_empty() || self.rules.iter().any(|r| r == rule))
            && self.hosts.as_ref().is_none_or(|set| host.is_some_and(|h| set.contains(&h)))
    }
}

impl RuleSet {
    /// Reads files and folders (their `*.yaml` and `*.yml`, not those of folders inside).
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the files.
    pub fn load(paths: &[PathBuf]) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut set = Self::default();
        for path in paths {
            match files_of(path) {
                Ok(files) => files.iter().for_each(|file| match read_file(file) {
                    Ok(text) => set.add(&file.display().to_string(), &text, parent(file), &mut problems),
                    Err(problem) => problems.push(problem),
                }),
                Err(problem) => problems.push(problem),
            }
        }
        set.finish(problems)
    }

    /// Reads one text; `file` is its name in messages, and `folder` where its `file:` lists are.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn parse(file: &str, text: &str, folder: &Path) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut set = Self::default();
        set.add(file, text, folder, &mut problems);
        set.finish(problems)
    }

    fn finish(mut self, mut problems: Vec<Problem>) -> Result<Self, Vec<Problem>> {
        self.rules.sort_by_key(|r| r.id);
        let mut ids: BTreeMap<u32, &Rule> = BTreeMap::new();
        let mut names: BTreeMap<&str, &Rule> = BTreeMap::new();
        let mut twice = |rule: &Rule, other: Option<&Rule>, what: String| {
            if let Some(other) = other {
                let what = format!("{what} is that of a rule in {} too", other.file);
                problems.push(Problem { file: rule.file.clone(), at: None, what });
            }
        };
        for rule in &self.rules {
            twice(rule, ids.insert(rule.id, rule), format!("the id {}", rule.id));
            twice(rule, names.insert(&rule.name, rule), format!("the name {}", rule.name));
        }
        if self.rules.len() > RULES_MAX {
            let what = format!("{} rules; at most {RULES_MAX} are allowed", self.rules.len());
            problems.push(Problem { file: "rules".to_owned(), at: None, what });
        }
        if problems.is_empty() { Ok(self) } else { Err(problems) }
    }

    fn add(&mut self, file: &str, text: &str, folder: &Path, all: &mut Vec<Problem>) {
        let mut problems = Problems::new(file);
        self.add_text(file, text, folder, &mut problems);
        all.extend(problems.into_list());
    }

    fn add_text(&mut self, file: &str, text: &str, folder: &Path, problems: &mut Problems) -> Option<()> {
        let root = yaml::read(text, problems)?;
        let allowed = ["version", "zone", "lists", "networks", "silences", "rules"];
        let fields = Fields::of(&root, "a rule file", &allowed, problems)?;
        fields.require("version", problems)?;
        fields.word("version", &[("1", ())], problems)?;
        let zone = clock::zone(&fields, problems);
        let lists = Lists::read(&fields, folder, problems);
        self.networks.extend(lists.named_networks(&fields, problems));
        for node in fields.get("silences").map(|n| list(n, "silences", problems)).unwrap_or_default() {
            self.silences.extend(silence(node, &lists, problems));
        }
        for node in fields.get("rules").map(|n| list(n, "rules", problems)).unwrap_or_default() {
            self.rules.extend(Rule::read(node, file, &lists, &zone, problems).map(Arc::new));
        }
        Some(())
    }
}

fn silence(node: &yaml::Node, lists: &Lists, problems: &mut Problems) -> Option<Silence> {
    let fields = Fields::of(node, "a silence", &["from", "to", "rules", "hosts", "comment"], problems)?;
    fields.text("comment", problems);
    let mut time = |name: &str| -> Option<Timestamp> {
        let node = fields.require(name, problems)?;
        let text = super::read::text(node, problems)?;
        let time = text.parse().ok();
        if time.is_none() {
            problems.say(node.at, wrong_time(text));
        }
        time
    };
    let (from, to) = (time("from")?, time("to")?);
    if from >= to {
        problems.say(fields.at, "a silence ends after it begins");
    }
    let rules = fields.texts("rules", problems).unwrap_or_default();
    let hosts = lists.networks(&fields, "hosts", problems).map(|nets| nets.into_iter().collect());
    Some(Silence { from, to, rules: rules.into_iter().map(|(_, t)| t.to_owned()).collect(), hosts })
}

fn files_of(path: &Path) -> Result<Vec<PathBuf>, Problem> {
    let wrong = |what: String| Problem { file: path.display().to_string(), at: None, what };
    let cannot = |e: std::io::Error| wrong(format!("cannot be read: {e}"));
    if !fs::metadata(path).map_err(cannot)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(cannot)? {
        let file = entry.map_err(cannot)?.path();
        // Whatever else bears such a name is told of, when it is read: a rule that is not there should not be missed.
        if file.extension().is_some_and(|e| e == "yaml" || e == "yml") {
            files.push(file);
        }
    }
    files.sort();
    match files.len() {
        0 => Err(wrong("there is no *.yaml in this folder".to_owned())),
        n if n > FILES_MAX => Err(wrong(format!("{n} files; at most {FILES_MAX} are read"))),
        _ => Ok(files),
    }
}

/// Never reads more than a rule file may have, whatever is behind the name.
pub(super) fn read_file(path: &Path) -> Result<String, Problem> {
    let wrong = |what: String| Problem { file: path.display().to_string(), at: None, what };
    // Before it is opened: a pipe would wait for a writer for ever, and a device may never end.
    let kind = fs::metadata(path).map_err(|e| wrong(format!("cannot be read: {e}")))?.file_type();
    if !kind.is_file() {
        let what = if kind.is_dir() { "a folder" } else { "a pipe, a socket or a device" };
        return Err(wrong(format!("is {what}; a rule file is an ordinary file")));
    }
    let file = fs::File::open(path).map_err(|e| wrong(format!("cannot be read: {e}")))?;
    let mut bytes = Vec::new();
    let limit = yaml::FILE_MAX as u64 + 1;
    file.take(limit).read_to_end(&mut bytes).map_err(|e| wrong(format!("cannot be read: {e}")))?;
    if bytes.len() > yaml::FILE_MAX {
        return Err(wrong(format!(
            "has more than the {} bytes that a rule file may have. Put long lists into a file of their own and name it as file:PATH",
            yaml::FILE_MAX
        )));
    }
    String::from_utf8(bytes).map_err(|error| {
        let read = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let at = Some(end_of(&String::from_utf8_lossy(read)));
        Problem { at, ..wrong("not UTF-8: rule files are text in UTF-8".to_owned()) }
    })
}

/// The place behind a text.
fn end_of(text: &str) -> Position {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let line = text.matches('\n').count() + 1;
    let column = text.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Position { line: number(line), column: number(column) }
}

pub(super) fn parent(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new("."))
}
