//! The house stands on a slope: imports go downhill only, and a third-party crate is named only where it belongs.
//!
//! The two tables are the rule; `ARCHITECTURE.md` says why. The check reads text, not types: comments and literals are left
//! out, then every path that begins with `crate`, `swarmscope`, `super`, or the name of a dependency is followed through its
//! braces. [`violations`] is a function of a path and a text, so that the tests below can plant what must be caught.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// A room and whom it may import, the lowest first. The command line is a crate of its own and stands at the end.
const ROOMS: [(&str, &[&str]); 14] = [
    ("base", &[]),
    ("system", &["base"]),
    ("config", &["base"]),
    ("wire", &["base"]),
    ("capture", &["base"]),
    ("frame", &["base", "capture"]),
    ("flow", &["base", "frame"]),
    ("event", &["base"]),
    // Its assemblers of `flow`; the table of flows stays out of its sight, see `UNSEEN`.
    ("dissect", &["base", "wire", "event", "flow"]),
    ("ledger", &["base", "event"]),
    ("policy", &["base", "event", "ledger"]),
    ("store", &["base", "event", "ledger", "policy"]),
    ("output", &["base", "event", "ledger", "policy"]),
    (
        "pipeline",
        &["base", "wire", "capture", "frame", "flow", "event", "dissect", "ledger", "policy", "output"],
    ),
];

/// The binary: `src/main.rs` and `src/cli`.
const BINARY: &str = "cli";
const BINARY_MAY: [&str; 10] =
    ["base", "system", "config", "capture", "event", "ledger", "policy", "store", "output", "pipeline"];

/// Names that a room must not know though it may import the room they live in.
const UNSEEN: [(&str, &str); 1] = [("dissect", "FlowTable")];

/// Which rooms may name which third-party crate. Every dependency has a row.
const CRATES: [(&str, &[&str]); 37] = [
    ("aes", &["output"]),
    ("arrayvec", &["pipeline"]),
    ("bcrypt", &["output"]),
    ("bendy", &["wire"]),
    ("caps", &["system"]),
    ("clap", &[BINARY]),
    ("crossbeam_channel", &["pipeline"]),
    ("dashmap", &["ledger"]),
    ("either", &["base"]),
    ("etherparse", &["frame"]),
    ("flate2", &["capture", "dissect", "output"]),
    ("granit_parser", &["policy"]),
    ("hyper", &["output"]),
    ("hyper_util", &["output"]),
    ("indicatif", &["output"]),
    ("jiff", &["policy"]),
    ("memchr", &["wire"]),
    ("mimalloc", &[BINARY]),
    ("nix", &["capture", "output", "system"]),
    ("pcap", &["capture"]),
    ("prometheus", &["output"]),
    ("rusqlite", &["store"]),
    ("sd_notify", &["system"]),
    ("serde", &["config", "output"]),
    ("serde_json", &["wire", "policy", "output", "store"]),
    ("serde_saphyr", &["config", "output"]),
    ("sha1", &["wire", "output"]),
    ("sha2", &["wire", "output"]),
    ("sha3", &["wire"]),
    ("signal_hook", &["system"]),
    ("terminal_size", &["output"]),
    ("tokio", &["output"]),
    ("tokio_rustls", &["output"]),
    ("tracing", &["output", "pipeline", BINARY]),
    ("tracing_subscriber", &[BINARY]),
    ("unicode_width", &["output"]),
    ("zstd", &["capture", "output"]),
];

#[test]
fn nobody_imports_uphill() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = rust_files(&root.join("src"));
    assert!(files.len() > 50, "only {} files found", files.len());
    let found: Vec<String> = files
        .iter()
        .flat_map(|file| {
            let path = file.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            violations(&path, &fs::read_to_string(file).unwrap())
        })
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_table_itself_goes_downhill() {
    for (place, (room, may)) in ROOMS.iter().enumerate() {
        for other in *may {
            let below = ROOMS.iter().position(|(name, _)| name == other).unwrap();
            assert!(below < place, "{room} imports {other}, which stands above it");
        }
    }
}

#[test]
fn every_room_has_a_row() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(source).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let name = name.trim_end_matches(".rs");
        assert!(
            ["lib", "main", BINARY].contains(&name) || allowed(name).is_some(),
            "src/{name} is in no row of the table"
        );
    }
}

#[test]
fn every_dependency_has_a_row() {
    let manifest = include_str!("../Cargo.toml");
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap();
    for line in section.lines().take_while(|line| !line.starts_with('[')) {
        let Some((name, _)) = line.split_once(" =") else { continue };
        let name = name.replace('-', "_");
        assert!(CRATES.iter().any(|(c, _)| *c == name), "dependency {name} is in no row of the table");
    }
}

#[test]
fn planted_violations_are_caught() {
    for (path, text, why) in [
        ("src/wire/krpc/mod.rs", "use crate::flow::FlowKey;", "wire imports flow"),
        ("src/wire/a.rs", "fn f() { let x = crate::ledger::points(r); }", "wire imports ledger"),
        ("src/base/a.rs", "use crate::{wire};", "base imports wire"),
        (
            "src/frame/a.rs",
            "use crate::{base::Address, capture::{RawPacket}, event::Kind};",
            "frame imports event",
        ),
        ("src/frame/a.rs", "use crate::{\n    base, // one\n    output as o,\n};", "frame imports output"),
        ("src/flow/a.rs", "pub(in crate::flow) use crate :: wire :: Parsed;", "flow imports wire"),
        ("src/flow/a.rs", "use ::{crate::dissect::Sink};", "flow imports dissect"),
        ("src/event/mod.rs", "use super::wire::Parsed;", "event imports wire"),
        ("src/event/fact.rs", "use super::super::flow::X;", "event imports flow"),
        ("src/event/fact.rs", "use super::{fact, super::{base::B, dissect::D}};", "event imports dissect"),
        ("src/event/a.rs", "mod tests { use super::super::super::ledger::L; }", "event imports ledger"),
        ("src/event/a.rs", "fn f() { super::super::output::write(); }", "event imports output"),
        ("src/capture/a.rs", "use super::super::*;", "capture imports all of the crate"),
        ("src/capture/a.rs", "use crate as all;", "capture imports all of the crate"),
        ("src/capture/a.rs", "use crate::{self as all};", "capture imports all of the crate"),
        ("src/output/a.rs", "macro_rules! m { () => { $crate::frame::F } }", "output imports frame"),
        ("src/pipeline/a.rs", "use crate::cli::run;", "pipeline imports cli"),
        ("src/lib.rs", "use crate::pipeline::X;", "lib.rs imports pipeline"),
        ("src/main.rs", "use swarmscope::wire::W;", "cli imports wire"),
        ("src/cli/a.rs", "fn f() -> swarmscope::{frame::F} {}", "cli imports frame"),
        ("src/cli/a.rs", "use swarmscope::{base, dissect::{self, D}};", "cli imports dissect"),
        ("src/dissect/a.rs", "use crate::flow::{Assembler, FlowTable};", "dissect names FlowTable"),
        ("src/wire/a.rs", "use etherparse::SlicedPacket;", "wire names the crate etherparse"),
        ("src/wire/a.rs", "use ::pcap::Capture;", "wire names the crate pcap"),
        ("src/flow/a.rs", "type M = dashmap::DashMap<u8, u8>;", "flow names the crate dashmap"),
        ("src/flow/a.rs", "use {std::fmt, dashmap as d};", "flow names the crate dashmap"),
        ("src/flow/a.rs", "extern crate bendy;", "flow names the crate bendy"),
        ("src/output/a.rs", "#[derive(Debug, clap::ValueEnum)] enum E {}", "output names the crate clap"),
        ("src/ledger/a.rs", "use prometheus::Registry;", "ledger names the crate prometheus"),
        (
            "src/ledger/a.rs",
            "fn f<'a>(c: char) { c == '\"'; crossbeam_channel::bounded(1); }",
            "crossbeam_channel",
        ),
        ("src/wire/a.rs", "#[path = \"../flow/table.rs\"] mod table;", "wire takes a file by its path"),
        ("src/wire/a.rs", "include!(\"../flow/table.rs\");", "wire takes a file by its path"),
    ] {
        let found = violations(path, text);
        assert_eq!(found.len(), 1, "{path}: {text}\n{found:?}");
        assert!(found[0].contains(why), "{path}: {text}\n{found:?}");
    }
}

#[test]
fn what_is_allowed_passes() {
    for (path, text) in [
        (
            "src/wire/a.rs",
            "// use crate::flow::X;\n/* crate::{flow} /* pcap:: */ */ use crate::base::Address;",
        ),
        ("src/wire/a.rs", "/// See [`F`](crate::frame::F).\nconst S: &str = \"use crate::flow::X\";"),
        ("src/wire/a.rs", "const R: &[u8] = br#\"crate::flow \"quoted\" pcap::X\"#; const C: char = '\\'';"),
        ("src/wire/a.rs", "pub(crate) fn f() { self::pcap::x(); a::zstd::b(); record.clap; }"),
        ("src/wire/krpc/a.rs", "use super::super::bencode::Token; use crate::wire::Parsed;"),
        (
            "src/wire/a.rs",
            "mod tests { use super::super::bencode; mod deep { use super::super::super::krpc; } }",
        ),
        ("src/wire/a.rs", "mod one {} mod two { use super::Value; }"),
        ("src/frame/a.rs", "use crate::{base::{Address, wire}, capture::RawPacket};"),
        ("src/capture/mod.rs", "mod pcap; use super::capture::Source; use pcap::Reader;"),
        ("src/main.rs", "mod cli; use crate::cli::run; use swarmscope::pipeline::analyze;"),
        ("src/lib.rs", "pub mod base; pub mod wire;"),
        ("src/flow/a.rs", "#[cfg(test)] #[path = \"a_tests.rs\"] mod tests;"),
    ] {
        assert_eq!(violations(path, text), Vec::<String>::new(), "{path}: {text}");
    }
}

/// What a file of the crate, `path` from its root, does that the tables do not allow; one line each.
fn violations(path: &str, text: &str) -> Vec<String> {
    let (room, home) = place(path);
    let tokens = tokens(text);
    let mut found = Vec::new();
    let mut say = |what: String| {
        let line = format!("{path}: {room} {what}");
        if !found.contains(&line) {
            found.push(line);
        }
    };
    for names in paths(&tokens, &home) {
        match names.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["crate", "*" | "self", ..] | ["crate"] => say("imports all of the crate".to_owned()),
            ["crate", other, ..] if !may_import(room, other) => say(format!("imports {other}")),
            [name, ..] if !may_name(room, name) => say(format!("names the crate {name}")),
            _ => {}
        }
    }
    for (who, name) in UNSEEN {
        if who == room && tokens.iter().any(|t| t == name) {
            say(format!("names {name}"));
        }
    }
    let elsewhere = |w: &[String]| match [w[0].as_str(), w[1].as_str(), w[2].as_str()] {
        ["path", "=", file] => file.contains('/'),
        ["include", "!", _] => true,
        _ => false,
    };
    if tokens.windows(3).any(elsewhere) {
        say("takes a file by its path".to_owned());
    }
    found
}

/// The room of a file, and the module that it is.
fn place(path: &str) -> (&str, Vec<String>) {
    let inside = path.strip_prefix("src/").unwrap().strip_suffix(".rs").unwrap();
    match inside {
        "lib" => return ("lib.rs", Vec::new()),
        "main" => return (BINARY, Vec::new()),
        _ => {}
    }
    let mut module: Vec<String> = inside.split('/').map(str::to_owned).collect();
    if module.last().unwrap() == "mod" {
        module.pop();
    }
    (inside.split('/').next().unwrap(), module)
}

fn allowed(room: &str) -> Option<&'static [&'static str]> {
    ROOMS.iter().find(|(name, _)| *name == room).map(|(_, may)| *may)
}

fn may_import(room: &str, other: &str) -> bool {
    room == other
        || match room {
            BINARY => BINARY_MAY.contains(&other),
            _ => allowed(room).is_some_and(|may| may.contains(&other)),
        }
}

fn may_name(room: &str, name: &str) -> bool {
    CRATES.iter().find(|(c, _)| *c == name).is_none_or(|(_, rooms)| rooms.contains(&room))
}

/// Every path of a text with more than one name or in a `use`, braces multiplied out; those that reach the crate's root,
/// however they do it, begin with `crate`.
fn paths(tokens: &[String], home: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut module: Vec<String> = home.to_vec();
    // The brace depth at which each inline module opened.
    let mut inline: Vec<usize> = Vec::new();
    let (mut depth, mut at) = (0, 0);
    while let Some(token) = tokens.get(at) {
        let before = at.checked_sub(1).map_or("", |i| tokens[i].as_str());
        let next = tokens.get(at + 1).map_or("", String::as_str);
        let mut here = Vec::new();
        match token.as_str() {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                if inline.last() == Some(&depth) {
                    inline.pop();
                    module.pop();
                }
            }
            "mod" if tokens.get(at + 2).is_some_and(|t| t == "{") => {
                inline.push(depth);
                module.push(next.to_owned());
            }
            "use" => at = tree(tokens, at + 1, &[], &mut here),
            "crate" if before == "extern" => here.push(vec![next.to_owned()]),
            name if is_name(name) && next == "::" => at = tree(tokens, at, &[], &mut here),
            _ => {}
        }
        found.extend(here.into_iter().map(|names| from_root(names, &module)));
        at += 1;
    }
    found
}

/// Reads the path or tree at `at` behind `prefix`, adds what it names to `out`, and gives the place of its last token.
fn tree(tokens: &[String], mut at: usize, prefix: &[String], out: &mut Vec<Vec<String>>) -> usize {
    let mut names = prefix.to_vec();
    loop {
        let token = tokens.get(at).map_or("", String::as_str);
        if token == "{" {
            at += 1;
            while tokens.get(at).is_some_and(|t| t != "}") {
                if tokens[at] == "," {
                    at += 1;
                    continue;
                }
                let last = tree(tokens, at, &names, out);
                at = last + 1;
                // A new name: `as name`.
                while tokens.get(at).is_some_and(|t| t != "," && t != "}") {
                    at += 1;
                }
            }
            return at;
        }
        if is_name(token) || token == "*" {
            names.push(token.to_owned());
        } else if token != "::" {
            out.push(names);
            return at.saturating_sub(1);
        }
        let next = tokens.get(at + 1).map_or("", String::as_str);
        if token != "::" && next != "::" {
            out.push(names);
            return at;
        }
        at += 1;
    }
}

/// Rewrites a path that climbs to the root, or names the crate from outside, to one that begins with `crate`.
fn from_root(names: Vec<String>, module: &[String]) -> Vec<String> {
    let root = || "crate".to_owned();
    let mut at = module.to_vec();
    match names.first().map(String::as_str) {
        Some("swarmscope") => return std::iter::once(root()).chain(names.into_iter().skip(1)).collect(),
        Some("super" | "self") => {}
        _ => return names,
    }
    let mut rest = names.into_iter().peekable();
    while let Some(step) = rest.next_if(|n| n == "super" || n == "self") {
        if step == "super" {
            at.pop();
        }
    }
    std::iter::once(root()).chain(at).chain(rest).collect()
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The names, signs and strings of a text, `::` as one; comments and other literals left out.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let name_len = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let used = if first.is_whitespace() {
            first.len_utf8()
        } else if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(len) = raw_string(rest) {
            len
        } else if first == '"' {
            let len = quoted(rest, '"');
            tokens.push(rest[..len].to_owned());
            len
        } else if first == '\'' {
            character_or_lifetime(rest)
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            let len = name_len.max(first.len_utf8());
            tokens.push(rest[..len].to_owned());
            len
        };
        rest = &rest[used..];
    }
    tokens
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let step = match text.as_bytes()[at..] {
            [b'/', b'*', ..] => 1,
            [b'*', b'/', ..] => -1,
            _ => 0,
        };
        depth += step;
        at += if step == 0 { 1 } else { 2 };
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of a raw string at the start of the text, its prefix included.
fn raw_string(text: &str) -> Option<usize> {
    let after = ["r", "br", "cr"].iter().find_map(|prefix| text.strip_prefix(prefix))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(text.len() - body.len() + body.find(&end).map_or(body.len(), |at| at + end.len()))
}

fn quoted(text: &str, quote: char) -> usize {
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn character_or_lifetime(text: &str) -> usize {
    let mut after = text.chars().skip(1);
    match (after.next(), after.next()) {
        (Some('\\'), _) | (Some(_), Some('\'')) => quoted(text, '\''),
        _ => 1,
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found
}
