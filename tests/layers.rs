//! Who may import whom: the slope of ARCHITECTURE.md, enforced on the text of `src`.
//!
//! Every path that names another room (`crate::room`, `super::…` that climbs out, `swarmscope::room`, grouped or not, in
//! `use` or in an expression, unit tests included) must be in the table below, and so must third-party crates that belong
//! to one room. Comments, doc links and string literals do not count.

#![allow(clippy::expect_used, reason = "a test may fail by panicking")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A room and the rooms it may import, in building order: `*` is every room above its line.
const ROOMS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("wire", &["base"]),
    ("capture", &["base"]),
    ("frame", &["base", "capture"]),
    ("flow", &["base", "frame"]),
    ("event", &["base", "wire", "flow"]),
    ("dissect", &["base", "wire", "event"]),
    ("ledger", &["base", "event"]),
    ("policy", &["base", "event", "ledger"]),
    ("output", &["base", "event", "ledger", "policy"]),
    ("pipeline", &["*"]),
    ("config", &["*"]),
    ("cli", &["*"]),
];

/// The roots of the two crates, `lib.rs` and `main.rs`: they may name every room.
const ROOT: &str = "main";

/// Third-party crates that only certain rooms may name, so that each can be replaced in one place.
const CRATES: &[(&str, &[&str])] = &[
    ("etherparse", &["frame"]),
    ("pcap", &["capture"]),
    ("zstd", &["capture"]),
    ("flate2", &["capture"]),
    ("bendy", &["wire"]),
    ("dashmap", &["ledger"]),
    ("prometheus", &["output"]),
    ("clap", &["cli", ROOT]),
    ("crossbeam_channel", &["pipeline"]),
];

/// Parts of the standard library that reach outside of the process: outside of unit tests, these rooms alone use them.
const OUTSIDE_WORLD: &[&str] = &["fs", "env", "process", "thread"];
const ROOMS_WITH_A_DOOR: &[&str] = &["capture", "output", "pipeline", "config", "cli", ROOT];

#[test]
fn imports_go_downhill() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    assert!(files.len() > 20, "only {} files under {}", files.len(), src.display());
    let mut report = String::new();
    for file in &files {
        let text = std::fs::read_to_string(file).expect("source files are readable UTF-8");
        for (line, what) in violations(file.strip_prefix(&src).expect("below src"), &text) {
            writeln!(report, "src/{}:{line}: {what}", file.strip_prefix(&src).expect("below src").display())
                .expect("a String takes everything");
        }
    }
    assert!(report.is_empty(), "imports that climb the slope of ARCHITECTURE.md:\n{report}");
}

#[test]
fn the_table_is_a_slope() {
    for (i, (room, may)) in ROOMS.iter().enumerate() {
        let above = ROOMS.get(..i).expect("i is an index of ROOMS");
        for other in may.iter().filter(|other| **other != "*") {
            assert!(above.iter().any(|(name, _)| name == other), "{room} may import {other}, built after it");
        }
    }
}

#[test]
fn planted_violations_are_found() {
    let planted: &[(&str, &str, &str)] = &[
        ("base/time.rs", "use crate::wire::Parsed;", "base may not import wire"),
        ("wire/krpc.rs", "use crate::{base::NodeId, flow::Table};", "wire may not import flow"),
        (
            "wire/krpc.rs",
            "use crate::{\n  base::{self, NodeId},\n  event::{Fact},\n};",
            "wire may not import event",
        ),
        ("wire/mod.rs", "use super::frame::Frame;", "wire may not import frame"),
        ("wire/krpc.rs", "use super::super::frame::Frame;", "wire may not import frame"),
        (
            "wire/client/table.rs",
            "fn f() { super::super::super::ledger::open(); }",
            "wire may not import ledger",
        ),
        ("wire/krpc.rs", "mod tests { use super::super::super::flow::Key; }", "wire may not import flow"),
        ("flow/mod.rs", "fn f() -> crate::dissect::Entry { todo() }", "flow may not import dissect"),
        ("flow/table.rs", "type T = Vec<crate::event::Fact>;", "flow may not import event"),
        ("dissect/mod.rs", "use crate::flow::FlowKey;", "dissect may not import flow"),
        ("output/json.rs", "use crate::capture::SourceStatus;", "output may not import capture"),
        ("output/json.rs", "use crate::wire::Guess;", "output may not import wire"),
        ("ledger/hosts.rs", "use swarmscope::frame::Frame;", "ledger may not import frame"),
        ("wire/lsd.rs", "use crate::*;", "wire may not import the whole crate"),
        ("wire/lsd.rs", "use crate as house;", "wire may not import the whole crate"),
        ("wire/mod.rs", "use super::*;", "wire may not import the whole crate"),
        ("wire/lsd.rs", "use crate::attic::Thing;", "wire may not import attic"),
        ("attic/mod.rs", "", "attic is no room of the table"),
        ("wire/lsd.rs", "#[path = \"../flow/table.rs\"] mod table;", "a #[path] hides where a module lives"),
        ("wire/krpc.rs", "use etherparse::SlicedPacket;", "etherparse belongs to frame, not to wire"),
        (
            "pipeline/mod.rs",
            "let n = pcap::Capture::from_file(f);",
            "pcap belongs to capture, not to pipeline",
        ),
        ("flow/mod.rs", "use ::dashmap::DashMap;", "dashmap belongs to ledger, not to flow"),
        ("output/mod.rs", "use {std::fmt, clap as c};", "clap belongs to cli, main, not to output"),
        ("wire/krpc.rs", "fn f() { std::fs::read(p) }", "wire may not use std::fs"),
        ("ledger/mod.rs", "use std::{fmt, thread};", "ledger may not use std::thread"),
    ];
    for (file, text, want) in planted {
        let found: Vec<String> =
            violations(Path::new(file), text).into_iter().map(|(_, what)| what).collect();
        assert_eq!(found, [*want], "{file}: {text}");
    }
}

#[test]
fn the_line_of_a_violation_is_told() {
    let text = "//! Sentence.\n\nuse crate::{\n    base::Time,\n    flow::Key,\n};\n";
    assert_eq!(violations(Path::new("wire/lsd.rs"), text), [(5, "wire may not import flow".to_owned())]);
}

#[test]
fn what_is_allowed_stays_silent() {
    let allowed = [
        ("wire/krpc.rs", "use crate::base::{NodeId, hex};\nuse crate::wire::bencode;\nuse super::Malformed;"),
        ("wire/mod.rs", "mod tests { use super::*; }"),
        ("wire/krpc.rs", "mod tests { use super::*; fn f() { super::super::Parsed::Bad } }"),
        ("wire/krpc.rs", "mod tests { fn f() { std::fs::read(p); std::env::var(v); } }"),
        ("wire/client/tests.rs", "use std::fs;"),
        ("flow/table.rs", "#[path = \"table_tests.rs\"] mod tests;"),
        ("wire/krpc.rs", "//! See [`crate::flow`].\n/* use crate::flow; /* nested */ use crate::event; */"),
        (
            "wire/krpc.rs",
            "let s = \"crate::flow\"; let r = r#\"use \"crate::flow\"\"#; let b = b\"pcap::x\"; let c = '\"';",
        ),
        ("wire/krpc.rs", "fn f<'a>(x: &'a [u8]) -> &'a [u8] { x } // crate::flow::Key"),
        ("wire/krpc.rs", "let pcap = 1; let y = x.etherparse; use crate::wire::{self};"),
        ("frame/mod.rs", "use crate::capture::RawPacket; use etherparse::*;"),
        ("main.rs", "use swarmscope::{pipeline, output::report}; use clap::Parser; mod cli;"),
        ("lib.rs", "pub mod base; pub mod wire;"),
        ("cli.rs", "use swarmscope::output::Report; use crate::config::Config; use clap::Args;"),
    ];
    for (file, text) in allowed {
        assert_eq!(violations(Path::new(file), text), [], "{file}: {text}");
    }
}

fn rust_files(folder: &Path, into: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder is readable")
        .map(|entry| entry.expect("the folder is readable").path())
        .collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            rust_files(&entry, into);
        } else if entry.extension().is_some_and(|e| e == "rs") {
            into.push(entry);
        }
    }
}

/// What one file (path below `src`) does against the table: line and sentence.
fn violations(file: &Path, text: &str) -> Vec<(usize, String)> {
    // `src/room/a/b.rs` is the module room::a::b; `mod.rs` is its folder, `lib.rs` and `main.rs` are the root.
    let mut module: Vec<String> =
        file.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if module
        .last()
        .is_some_and(|last| last == "mod" || (module.len() == 1 && (last == "lib" || last == "main")))
    {
        module.pop();
    }
    let room = module.first().map_or(ROOT, String::as_str).to_owned();
    let line_of = |room: &str| ROOMS.iter().position(|(name, _)| *name == room);
    if line_of(&room).is_none() && room != ROOT {
        return vec![(1, format!("{room} is no room of the table"))];
    }
    let may_import = |other: &str| match line_of(&room).and_then(|line| ROOMS.get(line)) {
        Some((_, ["*"])) => line_of(other) < line_of(&room) && line_of(other).is_some(),
        Some((_, may)) => may.contains(&other),
        None => true,
    };

    let mut found = Vec::new();
    for named in named_paths(&tokens(text), &module) {
        let (line, path) = (named.line, &named.path);
        let complaint = match path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["#path"] => Some("a #[path] hides where a module lives".to_owned()),
            ["crate"] => (room != ROOT).then(|| format!("{room} may not import the whole crate")),
            ["crate", other, ..] => {
                (*other != room && !may_import(other)).then(|| format!("{room} may not import {other}"))
            }
            ["std", part, ..]
                if OUTSIDE_WORLD.contains(part)
                    && !named.in_tests
                    && !ROOMS_WITH_A_DOOR.contains(&&*room) =>
            {
                Some(format!("{room} may not use std::{part}"))
            }
            [krate, ..] => CRATES
                .iter()
                .find(|(name, owners)| name == krate && !owners.contains(&&*room))
                .map(|(name, owners)| format!("{name} belongs to {}, not to {room}", owners.join(", "))),
            [] => None,
        };
        found.extend(complaint.map(|what| (line, what)));
    }
    found
}

/// A path as it stands in the source, made absolute: `crate::…` for this package, otherwise as written.
struct Named {
    line: usize,
    path: Vec<String>,
    in_tests: bool,
}

/// Every path of at least two segments, and every path of a `use`, with groups taken apart.
fn named_paths(tokens: &[Token], module: &[String]) -> Vec<Named> {
    let mut found = Vec::new();
    let mut here = module.to_vec();
    let mut depth = 0_usize;
    let mut inline: Vec<usize> = Vec::new(); // brace depths at which inline modules began
    let mut in_use = false;
    let mut i = 0;
    while let Some(token) = tokens.get(i) {
        match token.text.as_str() {
            "mod" if text(tokens, i + 2) == "{" => {
                here.push(text(tokens, i + 1).to_owned());
                inline.push(depth);
                i += 2;
                continue;
            }
            // A bare file name stays in the room; anything longer could lead out of it.
            "#" if text(tokens, i + 1) == "["
                && text(tokens, i + 2) == "path"
                && text(tokens, i + 4).contains('/') =>
            {
                found.push(Named { line: token.line, path: vec!["#path".to_owned()], in_tests: false });
                i += 2;
            }
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                if inline.last() == Some(&depth) {
                    inline.pop();
                    here.pop();
                }
            }
            "use" => in_use = true,
            ";" => in_use = false,
            word if is_word(word) && !is_field(tokens, i) => {
                let mut paths = Vec::new();
                let end = spell(tokens, i, &mut Vec::new(), &mut paths);
                for (line, path) in paths {
                    if path.len() > 1 || in_use {
                        let in_tests = here.iter().any(|m| m == "tests" || m.ends_with("_tests"));
                        found.extend(absolute(path, &here).map(|path| Named { line, path, in_tests }));
                    }
                }
                if in_use && text(tokens, end) == "as" {
                    i = end + 2; // the new name of `use a::b as c` is no path
                    continue;
                }
                i = end;
                continue;
            }
            _ => {}
        }
        i += 1;
    }
    found
}

/// Follows one path from its first word, through groups; returns the index after it.
fn spell(
    tokens: &[Token],
    mut i: usize,
    prefix: &mut Vec<String>,
    into: &mut Vec<(usize, Vec<String>)>,
) -> usize {
    let before = prefix.len();
    let mut line = tokens.get(i).map_or(0, |t| t.line);
    loop {
        match tokens.get(i) {
            Some(t) if t.text == "{" => {
                i += 1;
                while i < tokens.len() && text(tokens, i) != "}" {
                    if is_word(text(tokens, i)) && text(tokens, i) != "as" {
                        i = spell(tokens, i, prefix, into);
                        if text(tokens, i) == "as" {
                            i += 2;
                        }
                    } else if text(tokens, i) == "*" {
                        into.push((line, prefix.clone()));
                        i += 1;
                    } else {
                        i += 1;
                    }
                }
                i += 1;
                break;
            }
            Some(t) if is_word(&t.text) => {
                line = t.line;
                if t.text != "self" || prefix.is_empty() {
                    prefix.push(t.text.clone());
                }
                i += 1;
            }
            _ => {
                into.push((line, prefix.clone())); // `a::*`, `a::<T>`
                break;
            }
        }
        if text(tokens, i) != "::" {
            into.push((line, prefix.clone()));
            break;
        }
        i += 1;
    }
    prefix.truncate(before);
    i
}

/// Resolves `crate`, `swarmscope`, `self` and `super` in the module `here`; `None` for a path inside of its own module.
fn absolute(mut path: Vec<String>, here: &[String]) -> Option<Vec<String>> {
    if path.iter().map(String::as_str).take(2).eq(["self", "super"]) {
        path.remove(0);
    }
    let climbs = path.iter().take_while(|segment| *segment == "super").count();
    let first = path.first()?.clone();
    let rest: Vec<String> = path.into_iter().skip(climbs.max(1)).collect();
    let base = match first.as_str() {
        "crate" | "swarmscope" => &[][..],
        "super" => here.get(..here.len().saturating_sub(climbs)).unwrap_or_default(),
        "self" | "Self" => return None,
        _ => return Some([vec![first], rest].concat()),
    };
    Some([vec!["crate".to_owned()], base.to_vec(), rest].concat())
}

struct Token {
    line: usize,
    text: String,
}

fn text(tokens: &[Token], i: usize) -> &str {
    tokens.get(i).map_or("", |t| t.text.as_str())
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Whether the word is a field or a method: `x.pcap`.
fn is_field(tokens: &[Token], i: usize) -> bool {
    i > 0 && text(tokens, i - 1) == "."
}

/// Words, `::`, plain strings and single characters of Rust source, without comments and other literals.
fn tokens(source: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = source;
    let mut line = 1;
    while let Some(c) = rest.chars().next() {
        let skipped = literal_or_comment(rest);
        let length = skipped.unwrap_or_else(|| match c {
            ':' if rest.starts_with("::") => 2,
            c if c.is_alphanumeric() || c == '_' => {
                rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
            }
            c => c.len_utf8(),
        });
        let (token, tail) = rest.split_at(length);
        if c == '"' || (skipped.is_none() && !c.is_whitespace()) {
            found.push(Token { line, text: token.to_owned() });
        }
        line += token.matches('\n').count();
        rest = tail;
    }
    found
}

/// Length of the comment, string or character literal at the beginning of `rest`, if there is one.
fn literal_or_comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment(rest));
    }
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|p| {
        let body = rest.strip_prefix(p).unwrap_or_default();
        body.starts_with('"')
            || (p.ends_with('r') && body.trim_start_matches('#').starts_with('"') && body.starts_with('#'))
    });
    if let Some(prefix) = prefix {
        let body = rest.get(prefix.len()..).unwrap_or_default();
        if prefix.ends_with('r') {
            let hashes = body.len() - body.trim_start_matches('#').len();
            let end = format!("\"{}", "#".repeat(hashes));
            let inside = body.get(hashes + 1..).unwrap_or_default();
            return Some(
                inside.find(&end).map_or(rest.len(), |at| prefix.len() + hashes + 1 + at + end.len()),
            );
        }
        return Some(prefix.len() + quoted(body, '"'));
    }
    // A quote begins a character when it is escaped or closed after one character; otherwise a lifetime.
    let quote = rest.strip_prefix('b').unwrap_or(rest);
    let mut after = quote.strip_prefix('\'')?.chars();
    let escaped = after.next()? == '\\';
    (escaped || after.next() == Some('\'')).then(|| rest.len() - quote.len() + quoted(quote, '\''))
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(tail) = rest.get(at..).filter(|t| !t.is_empty()) {
        if tail.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if tail.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += tail.chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// Length of the quoted text at the beginning of `body`, both quotes included.
fn quoted(body: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in body.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    body.len()
}
