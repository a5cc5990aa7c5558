//! Receivers of alerts in the test's own process, which can be killed and started again at the same address.

use std::collections::BTreeSet;
use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

/// How often a receiver looks whether it shall end.
const LOOK: Duration = Duration::from_millis(5);

/// What a receiver speaks.
#[derive(Clone)]
pub enum Speaks {
    /// Datagrams.
    Datagrams,
    /// Syslog with octet counting, plain or in TLS.
    Frames(Option<Arc<ServerConfig>>),
    /// HTTP, plain or in TLS.
    Http(Option<Arc<ServerConfig>>),
}

/// A receiver, and what all its lives have received.
pub struct Receiver {
    pub address: SocketAddr,
    speaks: Speaks,
    messages: Arc<Mutex<Vec<String>>>,
    life: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
}

impl Receiver {
    /// Starts at an address that is free.
    pub fn start(speaks: Speaks) -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into(), speaks)
    }

    /// Starts at this address.
    pub fn start_at(address: SocketAddr, speaks: Speaks) -> Self {
        let mut receiver = Self { address, speaks, messages: Arc::default(), life: None };
        receiver.revive();
        receiver
    }

    /// Starts again where it was.
    pub fn revive(&mut self) {
        let end = Arc::new(AtomicBool::new(false));
        let (messages, ended) = (Arc::clone(&self.messages), Arc::clone(&end));
        let thread = if let Speaks::Datagrams = self.speaks {
            let socket = UdpSocket::bind(self.address).unwrap();
            self.address = socket.local_addr().unwrap();
            socket.set_read_timeout(Some(LOOK)).unwrap();
            spawn(move || datagrams(&socket, &messages, &ended))
        } else {
            let listener = TcpListener::bind(self.address).unwrap();
            self.address = listener.local_addr().unwrap();
            listener.set_nonblocking(true).unwrap();
            let speaks = self.speaks.clone();
            spawn(move || connections(&listener, &speaks, &messages, &ended))
        };
        self.life = Some((end, thread));
    }

    /// Drops the listener and all its connections, in whatever state they are.
    pub fn kill(&mut self) {
        let Some((end, thread)) = self.life.take() else { return };
        end.store(true, Ordering::Relaxed);
        thread.join().unwrap();
    }

    /// What was received so far.
    pub fn messages(&self) -> Vec<String> {
        self.messages.lock().unwrap().clone()
    }

    /// The hosts `10.0.0.N` that messages were about.
    pub fn hosts(&self) -> BTreeSet<u8> {
        let number = |m: String| {
            let (_, rest) = m.split_once("10.0.0.")?;
            rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        };
        self.messages().into_iter().filter_map(number).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.life.take() {
            end.store(true, Ordering::Relaxed);
            let _ = thread.join();
        }
    }
}

/// Waits until something holds, for half a minute at most.
pub fn until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(LOOK);
    }
}

fn datagrams(socket: &UdpSocket, messages: &Mutex<Vec<String>>, end: &AtomicBool) {
    let mut bytes = [0; 4_096];
    while !end.load(Ordering::Relaxed) {
        if let Ok(n) = socket.recv(&mut bytes) {
            messages.lock().unwrap().push(String::from_utf8(bytes[..n].to_vec()).unwrap());
        }
    }
}

fn connections(
    listener: &TcpListener,
    speaks: &Speaks,
    messages: &Arc<Mutex<Vec<String>>>,
    end: &Arc<AtomicBool>,
) {
    let mut threads = Vec::new();
    while !end.load(Ordering::Relaxed) {
        let Ok((stream, _)) = listener.accept() else {
            std::thread::sleep(LOOK);
            continue;
        };
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(LOOK)).unwrap();
        let (speaks, messages, end) = (speaks.clone(), Arc::clone(messages), Arc::clone(end));
        threads.push(spawn(move || {
            let (Speaks::Frames(tls) | Speaks::Http(tls)) = &speaks else { return };
            let http = matches!(speaks, Speaks::Http(_));
            // An error is the end of the conversation: of a client that went, or of this receiver's life.
            let _ = match tls {
                None => talk(Patient { inner: stream, end }, http, &messages),
                Some(config) => {
                    let tls = ServerConnection::new(Arc::clone(config)).unwrap();
                    talk(Patient { inner: StreamOwned::new(tls, stream), end }, http, &messages)
                }
            };
        }));
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// Waits for bytes until it is told to end.
struct Patient<S> {
    inner: S,
    end: Arc<AtomicBool>,
}

impl<S: Read> Read for Patient<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.inner.read(into) {
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    if self.end.load(Ordering::Relaxed) {
                        return Err(e);
                    }
                }
                other => return other,
            }
        }
    }
}

fn talk<S: Read + Write>(
    mut stream: Patient<S>,
    http: bool,
    messages: &Mutex<Vec<String>>,
) -> io::Result<()> {
    loop {
        let length = if http { head(&mut stream)? } else { octets(&mut stream)? };
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        messages.lock().unwrap().push(String::from_utf8(body).unwrap());
        if http {
            stream.inner.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?;
            return stream.inner.flush();
        }
    }
}

/// The length before a message (RFC 6587 section 3.4.1).
fn octets(stream: &mut impl Read) -> io::Result<usize> {
    let mut digits = String::new();
    while !digits.ends_with(' ') {
        digits.push(byte(stream)?);
    }
    digits.trim().parse().map_err(io::Error::other)
}

/// The length that a request's head tells.
fn head(stream: &mut impl Read) -> io::Result<usize> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(byte(stream)?);
    }
    let length = head.lines().find_map(|l| l.strip_prefix("Content-Length: "));
    length.unwrap_or_default().parse().map_err(io::Error::other)
}

fn byte(stream: &mut impl Read) -> io::Result<char> {
    let mut one = [0];
    BufReader::with_capacity(1, stream).read_exact(&mut one)?;
    Ok(char::from(one[0]))
}

/// A certificate for a name or an address, as files: (certificate, key).
pub fn certificate(name: &str) -> (PathBuf, PathBuf) {
    static N: AtomicU64 = AtomicU64::new(0);
    let folder = std::env::temp_dir().join(format!(
        "swarmscope-pki-{}-{}",
        std::process::id(),
        N.fetch_add(1, Ordering::Relaxed)
    ));
    std::fs::create_dir_all(&folder).unwrap();
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (cert, key)
}

/// The server's side of TLS, which wants the clients to show a certificate where one is given to trust.
pub fn server(cert: &PathBuf, key: &PathBuf, clients: Option<&PathBuf>) -> Arc<ServerConfig> {
    let read = |file: &PathBuf| CertificateDer::from_pem_file(file).unwrap();
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(read(clients)).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    Arc::new(builder.with_single_cert(vec![read(cert)], key).unwrap())
}
