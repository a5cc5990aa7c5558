//! `swarmscope explain` as a shell sees it, held against `tests/golden/`; `UPDATE_GOLDEN=1` writes them anew.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

const ENCRYPTED: &str =
    "explain tests/captures/mse-rc4.pcap --flow 198.51.100.116:12442-192.168.50.22:49909 -q";
const OFFICE: &str = "explain tests/captures/office.pcap --host 192.168.50.21 -q";

#[test]
fn an_encrypted_flow_is_explained_in_text_and_json() {
    check("explain-mse.txt", ENCRYPTED);
    check("explain-mse.json", &format!("{ENCRYPTED} --json"));
}

#[test]
fn a_host_is_explained_in_text_and_json() {
    check("explain-office.txt", OFFICE);
    check("explain-office.json", &format!("{OFFICE} --json"));
}

#[test]
fn the_number_of_workers_changes_nothing() {
    for line in [ENCRYPTED, OFFICE] {
        assert_eq!(run(line).stdout, run(&format!("{line} --workers 3")).stdout);
    }
}

#[test]
fn what_is_not_in_the_capture_is_said_in_one_line() {
    let flow = "explain tests/captures/mse-rc4.pcap --flow 192.168.50.22:1-[2001:db8::1]:2 -q";
    let host = "explain tests/captures/mse-rc4.pcap --host 192.0.2.99 -q";
    for (line, why) in
        [(flow, "no flow 192.168.50.22:1-[2001:db8::1]:2 in this capture; nearest: "), (host, "192.0.2.99")]
    {
        let output = run(line);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), stderr.lines().count()), (Some(1), 1), "{stderr}");
        assert!(stderr.contains(why) && output.stdout.is_empty(), "{stderr}");
    }
}

#[test]
fn wrong_syntax_exits_with_2() {
    for end in [
        "",
        "--flow 10.0.0.1:80",
        "--flow 2001:db8::1:80-10.0.0.1:1",
        "--host here",
        "--host 10.0.0.1 --flow 10.0.0.1:1-10.0.0.2:2",
    ] {
        assert_eq!(
            run(&format!("explain tests/captures/mse-rc4.pcap {end}")).status.code(),
            Some(2),
            "{end}"
        );
    }
}

fn check(name: &str, line: &str) {
    let output = run(line);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let version = |v: &str| format!("\"swarmscope\": \"{v}\"");
    let actual = String::from_utf8(output.stdout).unwrap();
    let actual = actual.replace(&version(env!("CARGO_PKG_VERSION")), &version("VERSION"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &actual).unwrap();
    }
    assert_eq!(actual, std::fs::read_to_string(&path).unwrap(), "{name} differs");
}

fn run(line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_swarmscope"));
    command.args(line.split_whitespace()).stdin(Stdio::null()).env_remove("SWARMSCOPE_LOG");
    command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap()
}
