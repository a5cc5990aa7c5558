//! A TCP connection, plain or with TLS, on which every wait has an end: a receiver that drips must not hold a sink's thread.

use super::TlsClient;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use tokio_rustls::rustls::{ClientConnection, StreamOwned};

/// The connection.
pub(super) struct Connection(Stream);

enum Stream {
    Plain(Timed),
    Tls(Box<StreamOwned<ClientConnection, Timed>>),
}

/// A socket with a time by which all must be done.
struct Timed {
    socket: TcpStream,
    until: Instant,
    /// Asks what is there, and waits for nothing.
    looking: bool,
}

/// What the other side does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// It is there.
    Listening,
    /// It ended the connection, and had read all that had come.
    Closed,
    /// It broke the connection off: something that was sent may not have been read.
    Reset,
}

/// Pieces of what a receiver sends unasked that are read away at a time: session tickets of TLS, a greeting.
const PIECES_MAX: usize = 16;

impl Connection {
    /// Connects to the first of these addresses that answers; `host` is the name for TLS. All of it, the handshake
    /// included, takes `wait` at most.
    pub(super) fn open(
        addresses: impl IntoIterator<Item = SocketAddr>,
        tls: Option<(&TlsClient, &str)>,
        wait: Duration,
    ) -> io::Result<Self> {
        let until = now() + wait;
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in addresses {
            match TcpStream::connect_timeout(&address, left(until)?) {
                Ok(socket) => return Self::over(Timed { socket, until, looking: false }, tls),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn over(mut socket: Timed, tls: Option<(&TlsClient, &str)>) -> io::Result<Self> {
        let Some((tls, host)) = tls else { return Ok(Self(Stream::Plain(socket))) };
        let mut connection = tls.connection(host)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(Self(Stream::Tls(Box::new(StreamOwned::new(connection, socket)))))
    }

    /// Gives what comes next so much time.
    pub(super) fn renew(&mut self, wait: Duration) {
        self.socket().until = now() + wait;
    }

    /// Looks at the other side; what it sent unasked is read away.
    pub(super) fn peer(&mut self) -> Peer {
        if self.look(true).is_err() {
            return Peer::Reset;
        }
        let mut peer = Peer::Listening;
        for _ in 0..PIECES_MAX {
            match self.read(&mut [0; 512]) {
                Ok(0) => peer = Peer::Closed,
                Ok(_) => continue,
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => {}
                    // TLS without a farewell: what counts is how the connection below it ended.
                    io::ErrorKind::UnexpectedEof => peer = Peer::Closed,
                    _ => peer = Peer::Reset,
                },
            }
            break;
        }
        if self.look(false).is_err() { Peer::Reset } else { peer }
    }

    fn look(&mut self, looking: bool) -> io::Result<()> {
        let timed = self.socket();
        timed.looking = looking;
        timed.socket.set_nonblocking(looking)
    }

    fn socket(&mut self) -> &mut Timed {
        match &mut self.0 {
            Stream::Plain(socket) => socket,
            Stream::Tls(stream) => &mut stream.sock,
        }
    }
}

impl Read for Connection {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Stream::Plain(socket) => socket.read(into),
            Stream::Tls(stream) => stream.read(into),
        }
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Stream::Plain(socket) => socket.write(bytes),
            Stream::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Stream::Plain(socket) => socket.flush(),
            Stream::Tls(stream) => stream.flush(),
        }
    }
}

impl Read for Timed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.looking {
            return self.socket.read(into);
        }
        self.socket.set_read_timeout(Some(left(self.until)?))?;
        self.socket.read(into).map_err(late)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.looking {
            return self.socket.write(bytes);
        }
        self.socket.set_write_timeout(Some(left(self.until)?))?;
        self.socket.write(bytes).map_err(late)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// The time that is left until then.
fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// A socket whose time is over says that it would block.
fn late(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { error }
}

/// The monotonic clock.
#[allow(clippy::disallowed_methods, reason = "how long a receiver may take is no matter of packet time")]
pub(super) fn now() -> Instant {
    Instant::now()
}
