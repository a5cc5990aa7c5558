//! Alerts to syslog (RFC 5424), over UDP (RFC 5426), TCP with octet counting (RFC 6587) or TLS (RFC 5425).
//!
//! Syslog has no receipts. So a connection is looked at before each message, and now and then between them: one that the
//! receiver broke off may hold what it never read, and what was sent in the last minute is sent again. A datagram that the
//! receiver's machine refuses is sent again; one that is lost on the way is lost.

use super::connection::{Connection, Peer, now};
use super::{Courier, TlsClient, Undelivered};
use crate::base::printable;
use crate::policy::{AlertChange, Severity};
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// Longest wait for a connection, and for a full buffer.
const WAIT: Duration = Duration::from_secs(5);
/// Time in which a refusal of a datagram comes back: there and back in most networks.
const REFUSAL: Duration = Duration::from_millis(50);
/// Time between two looks at a connection on which nothing is sent.
const EVERY: Duration = Duration::from_secs(5);
/// Messages that are kept for a connection that breaks: so many, so long.
const KEPT: (usize, Duration) = (64, Duration::from_secs(60));
/// Longest message, in bytes: what every receiver should take (RFC 5424 section 6.1).
const MESSAGE_MAX: usize = 2_048;
/// Facility local0.
const FACILITY: u8 = 16;

/// How to reach the receiver.
#[derive(Clone, Debug)]
pub enum SyslogTransport {
    /// A datagram each.
    Udp,
    /// A stream with octet counting.
    Tcp,
    /// The same within TLS.
    Tls(TlsClient),
}

/// The courier.
pub struct Syslog {
    receiver: SocketAddr,
    transport: SyslogTransport,
    host: String,
    socket: Option<UdpSocket>,
    stream: Option<Connection>,
    /// Sent lately, and perhaps not read.
    sent: VecDeque<(Instant, String)>,
    /// To be sent again.
    again: VecDeque<String>,
}

impl Syslog {
    /// Sends to a receiver; `host` is the sensor's name in the messages.
    #[must_use]
    pub fn new(receiver: SocketAddr, transport: SyslogTransport, host: &str) -> Self {
        let host = host.chars().filter(char::is_ascii_graphic).take(255).collect();
        let (sent, again) = (VecDeque::new(), VecDeque::new());
        Self { receiver, transport, host, socket: None, stream: None, sent, again }
    }

    fn datagram(&mut self, message: &str) -> io::Result<()> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => {
                let any: SocketAddr = match self.receiver {
                    SocketAddr::V4(_) => ([0; 4], 0).into(),
                    SocketAddr::V6(_) => ([0u16; 8], 0).into(),
                };
                let socket = UdpSocket::bind(any)?;
                socket.connect(self.receiver)?;
                socket.set_read_timeout(Some(REFUSAL))?;
                socket
            }
        };
        socket.send(message.as_bytes())?;
        // A receiver never answers: what comes is the word of its machine that nobody listens there.
        match socket.recv(&mut [0; 16]) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Err(error),
            _ => {
                self.socket = Some(socket);
                Ok(())
            }
        }
    }

    /// Sends into the stream, what has to be sent again first.
    fn stream(&mut self, message: &str) -> io::Result<()> {
        self.look();
        while let Some(message) = self.again.front().cloned() {
            self.write(&message)?;
            self.again.pop_front();
        }
        self.write(message)
    }

    fn write(&mut self, message: &str) -> io::Result<()> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let host = self.receiver.ip().to_string();
                let tls = match &self.transport {
                    SyslogTransport::Tls(tls) => Some((tls, host.as_str())),
                    _ => None,
                };
                Connection::open([self.receiver], tls, WAIT)?
            }
        };
        stream.renew(WAIT);
        let framed = format!("{} {message}", message.len());
        if let Err(error) = stream.write_all(framed.as_bytes()).and_then(|()| stream.flush()) {
            self.broken();
            return Err(error);
        }
        self.stream = Some(stream);
        if self.sent.len() >= KEPT.0 {
            self.sent.pop_front();
        }
        self.sent.push_back((now(), message.to_owned()));
        Ok(())
    }

    /// Looks whether the receiver still listens, and what may not have reached it.
    fn look(&mut self) {
        let Some(stream) = &mut self.stream else { return };
        match stream.peer() {
            Peer::Listening => self.sent.retain(|(at, _)| now().saturating_duration_since(*at) < KEPT.1),
            Peer::Closed => {
                self.stream = None;
                self.sent.clear();
            }
            Peer::Reset => {
                self.stream = None;
                self.broken();
            }
        }
    }

    fn broken(&mut self) {
        let late = |(at, message): (Instant, String)| {
            (now().saturating_duration_since(at) < KEPT.1).then_some(message)
        };
        let lately: Vec<String> = self.sent.drain(..).filter_map(late).collect();
        lately.into_iter().rev().for_each(|message| self.again.push_front(message));
        self.again.truncate(KEPT.0);
    }

    fn later(&self) -> impl Fn(io::Error) -> Undelivered + use<> {
        let receiver = self.receiver;
        move |error| Undelivered::Later(format!("{receiver}: {error}"))
    }
}

impl Courier for Syslog {
    fn deliver(&mut self, change: &AlertChange) -> Result<(), Undelivered> {
        let message = message(change, &self.host);
        let sent = match self.transport {
            SyslogTransport::Udp => self.datagram(&message),
            SyslogTransport::Tcp | SyslogTransport::Tls(_) => self.stream(&message),
        };
        sent.map_err(self.later())
    }

    fn every(&self) -> Option<Duration> {
        (!matches!(self.transport, SyslogTransport::Udp)).then_some(EVERY)
    }

    fn refresh(&mut self) -> Result<(), Undelivered> {
        self.look();
        while let Some(message) = self.again.front().cloned() {
            self.write(&message).map_err(self.later())?;
            self.again.pop_front();
        }
        Ok(())
    }
}

/// The severity of RFC 5424, which journald calls priority.
pub(super) const fn priority(severity: Severity) -> u8 {
    match severity {
        Severity::Critical => 2,
        Severity::Warning => 4,
        Severity::Notice => 5,
        Severity::Info => 6,
    }
}

fn message(change: &AlertChange, host: &str) -> String {
    let alert = &change.alert;
    let severity = priority(alert.severity());
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
