//! A folder of hostile rule files: each gets an answer that says where, what and what instead, soon and in bounded words.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use swarmscope::policy::{Problem, RuleSet};

/// A folder that is gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("swarmscope-hostile-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What is told of a file or a folder; everything told begins with its name.
fn told(path: &Path) -> Vec<String> {
    let problems: Vec<Problem> = RuleSet::load(&[path.to_owned()]).unwrap_err();
    assert!((1..=50).contains(&problems.len()), "{}", problems.len());
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    for line in &lines {
        assert!(line.len() < 1_000 && !line.contains('\n') && !line.contains('\0'), "{line:?}");
        assert!(line.starts_with(path.to_str().unwrap()), "{line}");
    }
    lines
}

const HEAD: &str = "version: 1\nrules:\n";

#[test]
fn hostile_texts_are_told_by_file_line_and_column() {
    let folder = Folder::new("texts");
    let laughs = "version: 1\na: &a [lol, lol]\nb: &b [*a, *a]\nrules: *b\n".to_owned();
    let deep = format!("{HEAD}  - {{id: 1, name: a, on: host, match: {}}}\n", "[".repeat(30));
    let deeper = format!("{HEAD}  - {}\n", "{a: ".repeat(100_000));
    let long_word = format!("{HEAD}  - {{id: 1, name: a, on: {}}}\n", "x".repeat(100_000));
    let many = format!("{HEAD}{}", "  - {id: x}\n".repeat(20_000));
    let values = format!("version: 1\nlists: {{a: [{}]}}\n", "1,".repeat(200_000));
    let cases: [(&str, &str, &str); 23] = [
        // Bombs and cycles.
        ("bomb", &laughs, ":2:7: anchors (&name) are refused"),
        ("cycle", "version: 1\nrules: &a [*a]\n", ":2:11: anchors (&name) are refused"),
        ("merge", "version: 1\nrules:\n  - <<: *x\n", ":3:9: not YAML: "),
        ("tag", "version: 1\nrules: !!python/object:os.system [id]\n", ":2:34: tags (!name) are refused"),
        ("deep", &deep, ":3:"),
        ("deeper", &deeper, ":3:"),
        ("values", &values, ":2:"),
        ("documents", "version: 1\n---\nversion: 1\n", ":2:1: a second document"),
        // Wrong types.
        ("list", "- 1\n", ":1:1: a rule file is a mapping with the fields version, zone, lists"),
        ("text", "just words\n", ":1:1: a rule file is a mapping"),
        ("number", "version: 1\nrules: 7\n", ":2:8: rules is a list; here is a single value"),
        ("map", "version: 1\nrules: {a: 1}\n", ":2:8: rules is a list; here is a mapping"),
        ("of-lists", "version: 1\nrules: [[1]]\n", ":2:9: a rule is a mapping with the fields id, rev, name"),
        ("key", "version: 1\nrules:\n  - ? [a]\n    : 1\n", ":3:7: a list cannot be a field's name"),
        (
            "match",
            "version: 1\nrules:\n  - {id: 1, name: a, on: host, match: host}\n",
            ":3:39: match on host is a mapping",
        ),
        (
            "float",
            "version: 1\nrules:\n  - {id: 1.5, name: a, on: host}\n",
            ":3:10: id: '1.5' is not a number from 1 on",
        ),
        ("twice", "version: 1\nrules: []\nrules: []\n", ":3:1: 'rules' is there twice"),
        ("version", "version: 2\nrules: []\n", ":1:10: unknown version '2'"),
        // Words that are none.
        (
            "word",
            "version: 1\nruls: []\n",
            ":2:1: unknown field of a rule file 'ruls'; did you mean 'rules'? Allowed: version, zone, lists, networks, silences, rules",
        ),
        ("long", &long_word, ":3:26: unknown on 'xxxx"),
        ("many", &many, ":3:"),
        (
            "control",
            "version: 1\nrules:\n  - {id: 1, name: a, on: \"ho\\u001b[2Jst\"}\n",
            "unknown on 'ho\\x1b[2Jst'",
        ),
        ("tab", "version: 1\nrules:\n\t- {id: 1}\n", ":3:"),
    ];
    let mut wrong = Vec::new();
    for (name, text, why) in cases {
        let file = folder.file(&format!("{name}.yaml"), text);
        let lines = told(&file);
        let first = format!("{}{why}", file.display());
        let place = why.starts_with(':');
        let fits = |l: &String| if place { l.starts_with(&first) } else { l.contains(why) };
        if !lines.iter().any(fits) {
            wrong.push(format!("{name}: {why}: {lines:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn bytes_that_are_no_text_are_told_by_their_place() {
    let folder = Folder::new("bytes");
    for (name, bytes, why) in [
        ("nul", &b"version: 1\nrules: \0\n"[..], ":2:"),
        ("nul-in-word", b"version: 1\nru\0les: []\n", ":2:"),
        ("latin1", b"version: 1\nrules:\n  - {name: caf\xe9}\n", ":3:15: not UTF-8"),
        ("utf16", b"\xff\xfev\0e\0r\0", ":1:1: not UTF-8"),
        ("surrogate", b"version: 1\n# \xed\xa0\x80\n", ":2:3: not UTF-8"),
        ("binary", b"\x7fELF\x02\x01\x01\0\0\0", ":1:"),
        ("empty", b"", ":1:1: a rule file is a mapping"),
    ] {
        let file = folder.file(&format!("{name}.yaml"), bytes);
        let lines = told(&file);
        assert!(
            lines.iter().any(|l| l.starts_with(&format!("{}{why}", file.display()))),
            "{name}: {lines:#?}"
        );
    }
    let large = folder.file("large.yaml", "#".repeat(10 << 20));
    assert!(told(&large)[0].contains("has more than the 1048576 bytes that a rule file may have"));
}

/// What bears the name of a rule file and is none is told of, and never waited for.
#[test]
fn names_without_a_file_behind_them_are_told() {
    let folder = Folder::new("names");
    folder.file("good.yaml", "version: 1\nrules: []\n");
    fs::create_dir(folder.0.join("folder.yaml")).unwrap();
    symlink("loop-b.yaml", folder.0.join("loop-a.yaml")).unwrap();
    symlink("loop-a.yaml", folder.0.join("loop-b.yaml")).unwrap();
    symlink("nowhere", folder.0.join("dangling.yaml")).unwrap();
    symlink("/dev/zero", folder.0.join("endless.yaml")).unwrap();
    let made = Command::new("mkfifo").arg(folder.0.join("pipe.yaml")).status().unwrap();
    assert!(made.success());
    let lines = told(&folder.0);
    for (name, why) in [
        ("folder.yaml", "is a folder; a rule file is an ordinary file"),
        ("loop-a.yaml", "cannot be read: "),
        ("loop-b.yaml", "cannot be read: "),
        ("dangling.yaml", "cannot be read: No such file"),
        ("endless.yaml", "is a pipe, a socket or a device"),
        ("pipe.yaml", "is a pipe, a socket or a device"),
    ] {
        let line = format!("{}: {why}", folder.0.join(name).display());
        assert!(lines.iter().any(|l| l.starts_with(&line)), "{line}\n{lines:#?}");
    }
    assert_eq!(lines.len(), 6);
}

/// To root nothing is unreadable: then the program is asked as somebody else.
#[test]
fn unreadable_files_are_told() {
    let folder = Folder::new("rights");
    let file = folder.file("secret.yaml", "version: 1\nrules: []\n");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.0.join("swarmscope");
    fs::copy(env!("CARGO_BIN_EXE_swarmscope"), &program).unwrap();
    let mut command = if fs::read(&file).is_ok() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    let run = command.args(["rules", "check"]).arg(&folder.0).output().unwrap();
    let text = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(2), "{text}");
    assert!(text.contains("secret.yaml: cannot be read: Permission denied"), "{text}");
}

#[test]
fn a_folder_of_all_of_it_is_one_answer() {
    let folder = Folder::new("all");
    for n in 0..200 {
        folder.file(&format!("{n}.yaml"), "version: 1\nrules: [{id: 1, name: a, on: moon}]\n");
    }
    let run = Command::new(env!("CARGO_BIN_EXE_swarmscope"))
        .args(["rules", "check"])
        .arg(&folder.0)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(2));
    assert!(text.contains("0.yaml:2:30: unknown on 'moon'"), "{text}");
    assert!(text.contains("Allowed: flow, host, torrent, dht, exposure, sensor"), "{text}");
    assert!(text.lines().count() <= 52 && text.contains("and 150 more"), "{text}");
}
