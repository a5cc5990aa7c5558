//! The command as a shell sees it: arguments, exit status, what goes where.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::process::{Command, Output, Stdio};

#[test]
fn wrong_usage_exits_with_2_and_says_why() {
    for (line, why) in [
        ("", "Usage:"),
        ("analyze", "<FILE>"),
        ("analyse x.pcap", "analyse"),
        ("analyze x.pcap --no-such-flag", "--no-such-flag"),
        ("analyze x.pcap --home-net 10.0.0.0/33", "'10.0.0.0/33' is not a network"),
        ("analyze x.pcap --since yesterday", "RFC 3339"),
        ("analyze x.pcap --since 200 --until 100", "--since is not before --until"),
        ("analyze x.pcap --workers 9999", "9999"),
        ("analyze x.pcap --color sometimes", "sometimes"),
        ("analyze x.pcap --all-flows", "--events"),
        ("analyze x.pcap --log dht", "--events"),
        ("analyze x.pcap --json --events -", "both want stdout"),
        ("analyze - -", "more than once"),
        ("analyze x.pcap -v -q", "cannot be used with"),
    ] {
        let output = swarmscope(line);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{line}: {stderr}");
        assert!(stderr.contains(why), "{line}: {stderr}");
        assert!(output.stdout.is_empty(), "{line}");
    }
}

#[test]
fn a_log_filter_that_means_nothing_is_wrong_configuration() {
    let output = command("analyze x.pcap").env("SWARMSCOPE_LOG", "a=b=c").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("SWARMSCOPE_LOG"));
}

#[test]
fn help_explains_the_exit_status_and_shows_examples() {
    for line in ["--help", "analyze --help"] {
        let output = swarmscope(line);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{line}");
        assert!(text.contains("Exit status:") && text.contains("Examples:"), "{text}");
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    let version = concat!("swarmscope ", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8(swarmscope("-V").stdout).unwrap(), format!("{version}\n"));
    // In long, with the commit and the compiler that it was built from.
    let long = String::from_utf8(swarmscope("--version").stdout).unwrap();
    assert!(long.starts_with(&format!("{version} (commit ")) && long.contains(", rustc 1."), "{long}");
}

#[test]
fn events_never_overwrite_a_capture() {
    let path = std::env::temp_dir().join(format!("swarmscope-cli-{}.pcap", std::process::id()));
    std::fs::write(&path, b"precious").unwrap();
    let output = command("analyze").arg(&path).arg("--events").arg(&path).output().unwrap();
    let kept = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!((output.status.code(), kept.as_slice()), (Some(2), b"precious".as_slice()));
    assert!(String::from_utf8_lossy(&output.stderr).contains("would overwrite the input"));
}

#[test]
fn events_that_cannot_be_written_are_a_failure_at_run_time() {
    let output = swarmscope("analyze x.pcap --events /no/such/folder/events.jsonl");
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.starts_with("swarmscope: error: cannot write /no/such/folder/events.jsonl: "), "{stderr}");
}

fn swarmscope(line: &str) -> Output {
    command(line).output().unwrap()
}

fn command(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_swarmscope"));
    command.args(line.split_whitespace()).stdin(Stdio::null()).env_remove("SWARMSCOPE_LOG");
    command
}
