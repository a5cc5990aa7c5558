//! Alerts in a file as strict readers of Suricata's EVE format want them: its members, its types, and nothing besides.
//!
//! The event file of the sensor keeps to the same envelope and adds an object of its own, `p2p`; some readers refuse what
//! they do not know, and for them is this one. It is opened for each alert, so whoever puts it aside needs to tell nobody.

use super::{Courier, Undelivered};
use crate::output::{JsonWriter, alerts};
use crate::policy::{AlertAction, AlertChange};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The courier.
#[derive(Debug)]
pub struct EveFile {
    path: PathBuf,
}

impl EveFile {
    /// Appends to this file, made if it is not there, for its owner and group alone.
    ///
    /// # Errors
    /// Those of opening it.
    pub fn new(path: &Path) -> io::Result<Self> {
        let file = Self { path: path.to_owned() };
        file.open().map(|_| file)
    }

    fn open(&self) -> io::Result<File> {
        OpenOptions::new().append(true).create(true).mode(0o640).open(&self.path)
    }

    fn append(&self, line: &str) -> io::Result<()> {
        let mut file = self.open()?;
        let before = file.metadata()?.len();
        let written = file.write_all(line.as_bytes());
        if written.is_err() {
            // Half a line would spoil the next.
            file.set_len(before)?;
        }
        written
    }
}

impl Courier for EveFile {
    fn deliver(&mut self, change: &AlertChange) -> Result<(), Undelivered> {
        let later = |error| Undelivered::Later(format!("{}: {error}", self.path.display()));
        self.append(&line(change)).map_err(later)
    }
}

/// The event, one line.
fn line(change: &AlertChange) -> String {
    let alert = &change.alert;
    let mut w = JsonWriter::compact();
    w.object(|w| {
        // Suricata writes the zone without a colon.
        w.key("timestamp").string(&alert.at.to_string().replace("+00:00", "+0000"));
        w.key("event_type").string("alert");
        alerts::place(w, &alert.evidence);
        if let Some(family) = crate::output::words::family_of(alert.evidence.kinds) {
            w.key("app_proto").string(family);
        }
        w.key("alert").object(|w| {
            alerts::signature_members(w, alert);
            // The words of metadata that Suricata's own rules use. Whatever else is to be said is a tag.
            w.key("metadata").object(|w| {
                w.key("signature_severity").array(|w| w.string(signature_severity(change)));
                w.key("tag").array(|w| tags(change).iter().for_each(|tag| w.string(tag)));
            });
        });
    });
    format!("{}\n", w.text())
}

/// The words of Emerging Threats' rules for how bad it is.
fn signature_severity(change: &AlertChange) -> &'static str {
    use crate::policy::Severity::{Critical, Info, Notice, Warning};
    match (change.action, change.alert.severity()) {
        (AlertAction::Resolved, _) | (_, Info) => "Informational",
        (_, Notice) => "Minor",
        (_, Warning) => "Major",
        (_, Critical) => "Critical",
    }
}

fn tags(change: &AlertChange) -> Vec<String> {
    let alert = &change.alert;
    let mut tags = vec![
        format!("state={}", change.action.label()),
        format!("rule={}", alert.rule.name),
        format!("since={}", alert.since),
        format!("value={}", alert.unit().show(alert.value)),
        format!("summary={}", alert.summary()),
    ];
    tags.extend(alert.link.iter().map(|link| format!("link={link}")));
    tags.extend(alert.rule.labels.iter().map(|(name, value)| format!("{name}={value}")));
    tags.extend(alert.group.iter().map(|(name, value)| format!("{name}={value}")));
    tags
}
