//! Secrets: read from a file or the environment, never from the command line, never printed.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Where a secret is.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// In a file; a line end at its end is no part of it.
    File(PathBuf),
    /// In a variable of the environment.
    Environment(String),
}

/// Longest secret, in bytes.
const SECRET_MAX: u64 = 4_096;

impl Secret {
    /// The secret itself.
    ///
    /// # Errors
    /// Where it cannot be read, or is empty; the message names the place, not the secret.
    pub fn read(&self) -> io::Result<String> {
        use std::io::Read as _;
        let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("{self:?}: {what}"));
        let text = match self {
            Self::File(path) => {
                let mut text = String::new();
                let file = std::fs::File::open(path)
                    .map_err(|e| io::Error::new(e.kind(), format!("{self:?}: {e}")))?;
                file.take(SECRET_MAX).read_to_string(&mut text).map_err(|_| wrong("is not text"))?;
                text
            }
            Self::Environment(name) => std::env::var(name).map_err(|_| wrong("is not set"))?,
        };
        let text = text.trim_end_matches(['\r', '\n']);
        let printable = text.bytes().all(|b| (0x20..0x7f).contains(&b));
        if text.is_empty() || !printable {
            return Err(wrong("is empty, or not a line of printable ASCII"));
        }
        Ok(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "secret file {}", path.display()),
            Self::Environment(name) => write!(f, "secret variable {name}"),
        }
    }
}
