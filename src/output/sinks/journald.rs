//! Alerts to journald, in its native protocol (systemd's `JOURNAL_NATIVE_PROTOCOL`): a datagram of fields each.

use super::syslog::priority;
use super::{Courier, Undelivered};
use crate::base::printable;
use crate::policy::AlertChange;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest wait for room in the journal's buffer.
const WAIT: Duration = Duration::from_secs(5);
/// Longest value of a field, in bytes: some dozens of them fit into a datagram.
const VALUE_MAX: usize = 1_024;
/// What makes alerts easy to find: `journalctl MESSAGE_ID=…`.
const MESSAGE_ID: &str = "6f3c0b8a5d0e4e0f9a1d7c52e8b94b11";

/// The courier.
#[derive(Debug)]
pub struct Journald {
    path: PathBuf,
    socket: Option<UnixDatagram>,
}

impl Journald {
    /// The socket that journald listens on.
    pub const SOCKET: &'static str = "/run/systemd/journal/socket";

    /// Sends to the journal at this socket.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), socket: None }
    }

    fn send(&mut self, fields: &[u8]) -> io::Result<()> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(&self.path)?;
                socket.set_write_timeout(Some(WAIT))?;
                socket
            }
        };
        socket.send(fields)?;
        self.socket = Some(socket);
        Ok(())
    }
}

impl Courier for Journald {
    fn deliver(&mut self, change: &AlertChange) -> Result<(), Undelivered> {
        // A journal that was started anew left the old socket dead: a second try is with a new one.
        let fields = fields(change);
        let sent = self.send(&fields).or_else(|_| self.send(&fields));
        sent.map_err(|error| Undelivered::Later(format!("{}: {error}", self.path.display())))
    }
}

fn fields(change: &AlertChange) -> Vec<u8> {
    let alert = &change.alert;
    let mut out = Vec::new();
    // `printable` leaves no line end, so none of the values needs the protocol's binary form.
    let mut field = |name: &str, value: &str| {
        let line = format!("{name}={}\n", printable(value.as_bytes(), VALUE_MAX));
        out.extend_from_slice(line.as_bytes());
    };
    field("MESSAGE", &format!("{}: {}", change.action.label(), alert.summary()));
    field("PRIORITY", &priority(alert.severity()).to_string());
    field("SYSLOG_IDENTIFIER", "swarmscope");
    field("MESSAGE_ID", MESSAGE_ID);
    field("SWARMSCOPE_ACTION", change.action.label());
    field("SWARMSCOPE_RULE", &alert.rule.name);
    field("SWARMSCOPE_RULE_ID", &alert.rule.id.to_string());
    field("SWARMSCOPE_SEVERITY", alert.severity().label());
    field("SWARMSCOPE_AT", &alert.at.to_string());
    field("SWARMSCOPE_VALUE", &alert.unit().show(alert.value));
    if let Some(host) = alert.host() {
        field("SWARMSCOPE_HOST", &host.to_string());
    }
    if let Some(link) = &alert.link {
        field("SWARMSCOPE_LINK", link);
    }
    for (name, value) in &alert.group {
        field(&format!("SWARMSCOPE_GROUP_{}", name.to_ascii_uppercase()), value);
    }
    out
}
