//! Tells the program what it was built from, for `--version` and the metric `swarmscope_build_info`: the commit and the
//! compiler. What cannot be found out is "unknown"; `SWARMSCOPE_REVISION` names the commit where there is no git, as in a
//! package.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=SWARMSCOPE_REVISION");
    // Only what is released is worth building anew after every commit.
    let released = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if released {
        println!("cargo::rerun-if-changed=.git/logs/HEAD");
    }
    let committed = || line_of(Command::new("git").args(["rev-parse", "--short=12", "HEAD"]));
    let revision = env::var("SWARMSCOPE_REVISION").ok().or_else(|| released.then(committed).flatten());
    let compiler =
        line_of(Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("--version"));
    let version = compiler.as_deref().and_then(|line| line.split(' ').nth(1));
    println!("cargo::rustc-env=SWARMSCOPE_REVISION={}", revision.as_deref().unwrap_or("unknown"));
    println!("cargo::rustc-env=SWARMSCOPE_RUSTC={}", version.unwrap_or("unknown"));
}

/// The first line that a command prints, if it succeeds.
fn line_of(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().map(str::to_owned).filter(|line| !line.is_empty())
}
