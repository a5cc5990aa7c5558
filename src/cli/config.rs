//! `swarmscope config`: what the sensor's configuration says, and whether it says it right.

use super::exit::{Exit, Failure};
use clap::{Args, Subcommand, ValueHint};
use std::io::{self, Write as _};
use std::path::PathBuf;
use swarmscope::config::Config;

#[derive(Args, Debug)]
pub(crate) struct ConfigArguments {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Say whether a configuration file is right, and if not, where it is wrong
    Check(FileArgument),
    /// Print the configuration with the defaults of all that it does not say
    Show(FileArgument),
}

#[derive(Args, Debug)]
struct FileArgument {
    /// The file; /etc/swarmscope/swarmscope.yaml without it
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(arguments: &ConfigArguments) -> Result<Exit, Failure> {
    let text = match &arguments.command {
        ConfigCommand::Check(FileArgument { file }) => {
            let (_, read) = Config::load(file.as_deref()).map_err(Failure::usage)?;
            match read {
                Some(file) => format!("{}: fine\n", file.display()),
                None => "there is no configuration file: the defaults hold\n".to_owned(),
            }
        }
        ConfigCommand::Show(FileArgument { file }) => {
            let (config, _) = Config::load(file.as_deref()).map_err(Failure::usage)?;
            config.to_yaml().map_err(Failure::Run)?
        }
    };
    io::stdout().write_all(text.as_bytes()).map_err(|error| Failure::writing("the configuration", &error))?;
    Ok(Exit::Done)
}
