//! The command `swarmscope`.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
