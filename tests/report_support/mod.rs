//! What the tests of reports and of privacy share: the program, a folder, a strict reader of HTML.
#![allow(dead_code, reason = "each test file uses some")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// Runs the program in the project's folder.
pub fn run(line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_swarmscope"));
    command.args(line.split_whitespace()).stdin(Stdio::null()).env_remove("SWARMSCOPE_LOG");
    command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap()
}

/// A folder that goes away at the end.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("swarmscope-report-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Holds a page against a strict grammar: elements nest, attributes are quoted and told once, no stray `<`, `>` or `&`.
pub fn well_formed(page: &str) {
    let mut rest = page.strip_prefix("<!DOCTYPE html>\n").expect("a document type");
    let mut open: Vec<&str> = Vec::new();
    while let Some(at) = rest.find('<') {
        let (text, tag) = rest.split_at(at);
        if open.last() != Some(&"style") {
            text_is_escaped(text);
        }
        let (inside, after) = tag[1..].split_once('>').expect("the end of a tag");
        rest = after;
        if let Some(name) = inside.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "</{name}> closes another element");
            continue;
        }
        let (name, attributes) = inside.split_once(' ').unwrap_or((inside, ""));
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "<{name}>");
        attributes_are_quoted(attributes);
        if name != "meta" {
            open.push(name);
        }
    }
    assert_eq!((open.len(), rest.trim()), (0, ""), "{open:?}");
}

fn attributes_are_quoted(mut rest: &str) {
    let mut seen = Vec::new();
    while !rest.is_empty() {
        let (name, value) =
            rest.split_once("=\"").unwrap_or_else(|| panic!("attribute without a value: {rest}"));
        let (value, after) = value.split_once('"').expect("the end of a value");
        let fine = |c: char| c.is_ascii_alphanumeric() || c == '-';
        assert!(!name.is_empty() && name.chars().all(fine), "attribute {name:?}");
        assert!(!name.starts_with("on") && !seen.contains(&name), "attribute {name}");
        text_is_escaped(value);
        seen.push(name);
        rest = after.trim_start();
    }
}

fn text_is_escaped(text: &str) {
    assert!(!text.contains('>'), "{text:?}");
    for (at, _) in text.match_indices('&') {
        let known = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"];
        assert!(known.iter().any(|word| text[at..].starts_with(word)), "{:?}", &text[at..]);
    }
    assert!(!text.chars().any(|c| c != '\n' && (c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c))));
}
