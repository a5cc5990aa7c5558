//! The command `swarmscope`.

mod cli;

use std::process::ExitCode;

/// Flows come and go by the thousand, each with some small pieces of memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
