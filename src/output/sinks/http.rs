//! Just enough HTTP/1.1 (RFC 9112) to post a small body and read whether it was taken: no redirects, no cookies, a reply of at
//! most 4 KiB, an end to every wait. `https` needs a [`TlsClient`].

use super::connection::Connection;
use super::{TlsClient, Undelivered};
use std::fmt::{self, Write as _};
use std::io::{Read as _, Write as _};
use std::net::ToSocketAddrs as _;
use std::time::Duration;

/// Longest wait for a connection, and after it for the exchange.
const WAIT: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read.
const REPLY_MAX: usize = 4_096;
/// Pieces of an answer that are read: a receiver that drips must not hold the thread.
const PIECES_MAX: usize = 16;

/// Where to post to.
#[derive(Clone, Debug)]
pub struct HttpTarget {
    /// As in `Host:`, with the port.
    authority: String,
    path: String,
    secure: bool,
    tls: Option<TlsClient>,
}

/// Why a text is no address to post to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetError {
    /// It does not begin with `http://` or `https://`.
    Scheme,
    /// It has a user or a password: secrets come from files or the environment.
    Secret,
    /// The rest is wrong.
    Malformed,
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "expected http://host[:port]/path or https://host[:port]/path",
            Self::Secret => "a password does not belong into an address; name a file or a variable",
            Self::Malformed => "expected http://host[:port]/path",
        })
    }
}

impl std::error::Error for TargetError {}

impl std::str::FromStr for HttpTarget {
    type Err = TargetError;
    fn from_str(text: &str) -> Result<Self, TargetError> {
        let (rest, secure) = match (text.strip_prefix("http://"), text.strip_prefix("https://")) {
            (Some(rest), _) => (rest, false),
            (None, Some(rest)) => (rest, true),
            (None, None) => return Err(TargetError::Scheme),
        };
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(at).ok_or(TargetError::Malformed)?;
        if authority.contains('@') {
            return Err(TargetError::Secret);
        }
        let fine = |b: u8| (0x21..0x7f).contains(&b);
        if authority.is_empty() || !text.bytes().all(fine) {
            return Err(TargetError::Malformed);
        }
        let host_end = authority.rfind(']').map_or(0, |at| at + 1);
        let has_port = authority.get(host_end..).is_some_and(|rest| rest.contains(':'));
        let authority = if has_port {
            authority.to_owned()
        } else {
            format!("{authority}:{}", if secure { 443 } else { 80 })
        };
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { authority, path, secure, tls: None })
    }
}

impl HttpTarget {
    /// Whether it is reached by TLS: then [`with_tls`](Self::with_tls) has to say how.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// The same target, reached by this TLS where it is an `https` one.
    #[must_use]
    pub fn with_tls(self, tls: TlsClient) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// The same target with a path behind its own.
    #[must_use]
    pub fn join(&self, path: &str) -> Self {
        Self { path: format!("{}{path}", self.path.trim_end_matches('/')), ..self.clone() }
    }

    /// Posts JSON; `headers` are names and values of printable ASCII.
    ///
    /// # Errors
    /// Whether it is worth another try.
    pub fn post(&self, body: &str, headers: &[(&str, &str)]) -> Result<(), Undelivered> {
        let later = |e: std::io::Error| Undelivered::Later(format!("{}: {e}", self.authority));
        let mut stream = self.connect().map_err(later)?;
        let mut head = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: swarmscope/{}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n",
            self.path,
            self.authority,
            env!("CARGO_PKG_VERSION"),
            body.len()
        );
        for (name, value) in headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.push_str("\r\n");
        head.push_str(body);
        stream.write_all(head.as_bytes()).and_then(|()| stream.flush()).map_err(later)?;
        let mut reply = Vec::new();
        let mut piece = [0; 1_024];
        for _ in 0..PIECES_MAX {
            let n = stream.read(&mut piece).map_err(later)?;
            reply.extend_from_slice(piece.get(..n).unwrap_or_default());
            // The first line is all that matters.
            if n == 0 || reply.len() >= REPLY_MAX || reply.contains(&b'\n') {
                break;
            }
        }
        judge(&self.authority, &reply)
    }

    fn connect(&self) -> std::io::Result<Connection> {
        let host = self.authority.rsplit_once(':').map_or(self.authority.as_str(), |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let tls = match (self.secure, &self.tls) {
            (false, _) => None,
            (true, Some(tls)) => Some((tls, host)),
            (true, None) => return Err(std::io::Error::other("https, and nobody is said to be trusted")),
        };
        let mut connection = Connection::open(self.authority.to_socket_addrs()?, tls, WAIT)?;
        connection.renew(WAIT);
        Ok(connection)
    }
}

/// Reads the status line.
fn judge(who: &str, reply: &[u8]) -> Result<(), Undelivered> {
    let status = reply
        .strip_prefix(b"HTTP/1.")
        .and_then(|rest| rest.get(2..5))
        .and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u16>().ok());
    match status {
        Some(200..=299) => Ok(()),
        Some(status @ (408 | 425 | 429 | 500..=599)) => {
            Err(Undelivered::Later(format!("{who}: status {status}")))
        }
        Some(status) => Err(Undelivered::Never(format!("{who}: status {status}"))),
        None => Err(Undelivered::Later(format!("{who}: no HTTP answer"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_secrets_in_them_refused() {
        let target = |text: &str| text.parse::<HttpTarget>();
        assert_eq!(target("http://am.example/x?y").unwrap().authority, "am.example:80");
        let six = target("http://[::1]:9093").unwrap();
        assert_eq!((six.authority.as_str(), six.path.as_str()), ("[::1]:9093", "/"));
        assert_eq!(target("http://[::1]").unwrap().authority, "[::1]:80");
        assert_eq!(target("http://a/b/").unwrap().join("/c").path, "/b/c");
        let secure = target("https://a/").unwrap();
        assert!(secure.is_secure() && secure.authority == "a:443");
        assert_eq!(target("ftp://a/").unwrap_err(), TargetError::Scheme);
        assert_eq!(target("https://u:p@a/").unwrap_err(), TargetError::Secret);
        for bad in ["http://", "http:///x", "http://a/ b", "http://a/\r\nX: y"] {
            assert_eq!(target(bad).unwrap_err(), TargetError::Malformed, "{bad}");
        }
    }

    #[test]
    fn answers_tell_whether_to_try_again() {
        assert_eq!(judge("a", b"HTTP/1.1 204 No Content\r\n"), Ok(()));
        for (reply, again) in [
            (&b"HTTP/1.1 302 Found\r\nLocation: http://b/\r\n"[..], false),
            (b"HTTP/1.1 400 Bad", false),
            (b"HTTP/1.0 429 Slow down", true),
            (b"HTTP/1.1 503 x", true),
            (b"SSH-2.0-x", true),
            (b"", true),
        ] {
            let result = judge("a", reply).unwrap_err();
            assert_eq!(matches!(result, Undelivered::Later(_)), again, "{result:?}");
        }
    }
}
