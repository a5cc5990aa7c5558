//! What of names and addresses leaves, as the command line and the configuration say it.

use super::exit::Failure;
use clap::{Args, ValueEnum, ValueHint};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use swarmscope::config;
use swarmscope::output::privacy::{Names, Pseudonyms, Veil};

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct PrivacyArguments {
    /// How to tell names of torrents: as they are, as digits that stand for them, or not at all [default: shown]
    #[arg(long, value_name = "HOW", help_heading = "Privacy")]
    pub(crate) names: Option<NamesWord>,
    /// Tell pseudonyms in place of all addresses, made with the key in this file; prefixes are kept
    ///
    /// The file holds 32 bytes in hexadecimal or base64, and nobody else may read it. The same key gives the same pseudonyms
    /// in every output and every run.
    #[arg(long, value_name = "KEYFILE", value_hint = ValueHint::FilePath, help_heading = "Privacy")]
    pub(crate) anonymize: Option<PathBuf>,
}

/// How names are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum NamesWord {
    /// As they are.
    Shown,
    /// As digits that stand for them.
    Hashed,
    /// Not at all.
    Off,
}

impl From<NamesWord> for Names {
    fn from(word: NamesWord) -> Self {
        match word {
            NamesWord::Shown => Self::Shown,
            NamesWord::Hashed => Self::Hashed,
            NamesWord::Off => Self::Off,
        }
    }
}

impl From<NamesWord> for config::Names {
    fn from(word: NamesWord) -> Self {
        match word {
            NamesWord::Shown => Self::Shown,
            NamesWord::Hashed => Self::Hashed,
            NamesWord::Off => Self::Off,
        }
    }
}

impl PrivacyArguments {
    /// What is kept back. Reads the key.
    pub(crate) fn veil(&self) -> Result<Arc<Veil>, Failure> {
        veil(self.names.map(Names::from).unwrap_or_default(), self.anonymize.as_deref())
    }
}

/// What a configuration keeps back. Reads the key.
pub(crate) fn configured(privacy: &config::Privacy) -> Result<Arc<Veil>, Failure> {
    let names = match privacy.names {
        config::Names::Shown => Names::Shown,
        config::Names::Hashed => Names::Hashed,
        config::Names::Off => Names::Off,
    };
    veil(names, privacy.anonymize_key_file.as_deref())
}

fn veil(names: Names, key: Option<&Path>) -> Result<Arc<Veil>, Failure> {
    let pseudonyms = key.map(Pseudonyms::from_file).transpose().map_err(Failure::usage)?;
    Ok(Arc::new(Veil::new(names, pseudonyms)))
}
