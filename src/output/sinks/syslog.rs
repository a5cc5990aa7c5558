//! Alerts to syslog (RFC 5424), over UDP (RFC 5426) or TCP with octet counting (RFC 6587).

use super::{Courier, Undelivered};
use crate::base::printable;
use crate::policy::{AlertChange, Severity};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

/// Longest wait for a connection or a full buffer.
const WAIT: Duration = Duration::from_secs(5);
/// Longest message, in bytes: what every receiver should take (RFC 5424 section 6.1).
const MESSAGE_MAX: usize = 2_048;
/// Facility local0.
const FACILITY: u8 = 16;

/// How to reach the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyslogTransport {
    /// A datagram each; what is lost is lost.
    Udp,
    /// A stream with octet counting.
    Tcp,
}

/// The courier.
#[derive(Debug)]
pub struct Syslog {
    receiver: SocketAddr,
    transport: SyslogTransport,
    host: String,
    stream: Option<TcpStream>,
}

impl Syslog {
    /// Sends to a receiver; `host` is the sensor's name in the messages.
    #[must_use]
    pub fn new(receiver: SocketAddr, transport: SyslogTransport, host: &str) -> Self {
        let host = host.chars().filter(char::is_ascii_graphic).take(255).collect();
        Self { receiver, transport, host, stream: None }
    }

    fn datagram(&self, message: &str) -> io::Result<()> {
        let any: SocketAddr = match self.receiver {
            SocketAddr::V4(_) => ([0; 4], 0).into(),
            SocketAddr::V6(_) => ([0u16; 8], 0).into(),
        };
        UdpSocket::bind(any)?.send_to(message.as_bytes(), self.receiver).map(drop)
    }

    fn stream(&mut self, message: &str) -> io::Result<()> {
        let mut stream = match self.stream.take().filter(alive) {
            Some(stream) => stream,
            None => TcpStream::connect_timeout(&self.receiver, WAIT)?,
        };
        stream.set_write_timeout(Some(WAIT))?;
        stream.write_all(format!("{} {message}", message.len()).as_bytes())?;
        self.stream = Some(stream);
        Ok(())
    }
}

/// Whether the other side still listens: it never sends, so the end of its stream is the end.
fn alive(stream: &TcpStream) -> bool {
    let waits = |e: &io::Error| e.kind() == io::ErrorKind::WouldBlock;
    let quiet = stream.set_nonblocking(true).is_ok() && stream.peek(&mut [0]).is_err_and(|e| waits(&e));
    quiet && stream.set_nonblocking(false).is_ok()
}

impl Courier for Syslog {
    fn deliver(&mut self, change: &AlertChange) -> Result<(), Undelivered> {
        let message = message(change, &self.host);
        let sent = match self.transport {
            SyslogTransport::Udp => self.datagram(&message),
            SyslogTransport::Tcp => self.stream(&message),
        };
        sent.map_err(|e| Undelivered::Later(format!("{}: {e}", self.receiver)))
    }
}

fn message(change: &AlertChange, host: &str) -> String {
    let alert = &change.alert;
    let severity = match alert.severity() {
        Severity::Critical => 2,
        Severity::Warning => 4,
        Severity::Notice => 5,
        Severity::Info => 6,
    };
    // RFC 5424 wants no more than six digits of a second and `Z` or an offset: the contract's form has both.
    let host = if host.is_empty() { "-" } else { host };
    let mut text =
        format!("<{}>1 {} {host} swarmscope - alert [p2p@32473", FACILITY * 8 + severity, alert.at);
    let mut parameter = |name: &str, value: &str| {
        let _ = write!(text, " {name}=\"");
        for c in printable(value.as_bytes(), 256).chars() {
            if matches!(c, '"' | '\\' | ']') {
                text.push('\\');
            }
            text.push(c);
        }
        text.push('"');
    };
    parameter("rule", &alert.rule.name);
    parameter("id", &alert.rule.id.to_string());
    parameter("action", change.action.label());
    parameter("severity", alert.severity().label());
    for (name, value) in &alert.group {
        parameter(name, value);
    }
    let _ = write!(text, "] {}: {}", change.action.label(), printable(alert.summary().as_bytes(), 1_024));
    // Not in the middle of a character.
    let end = (0..=MESSAGE_MAX.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.truncate(end.unwrap_or(0));
    text
}
