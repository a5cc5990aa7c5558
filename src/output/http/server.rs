//! The HTTP thread: takes connections in, and gives each its time.

use super::connections::Slot;
use super::site::Site;
use super::{Server, routes};
use crate::output::live::Live;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::LocalSet;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

/// How long a client may take to say what it wants, and to agree on keys.
const HEADER: Duration = Duration::from_secs(5);
/// Bytes of a request's head, at most.
const HEAD_MAX: usize = 8_192;
/// Lines of a request's head, at most.
const HEADERS_MAX: usize = 64;
/// How often a connection's time is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// Where no connection can be accepted, mostly for want of file descriptors, this is waited.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A server that answers. Dropped, it stops.
#[derive(Debug)]
pub struct Running {
    addresses: Vec<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// The addresses that are listened on.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the HTTP thread died of a panic");
        }
    }
}

/// Starts the thread.
pub fn start(server: Server, live: Arc<Live>) -> io::Result<Running> {
    let addresses = server.addresses();
    // One thread beside this one, for passwords; no more, or a guesser could take all processors.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build()?;
    let (stop, stopped) = oneshot::channel();
    let thread = std::thread::Builder::new().name("http".into()).spawn(move || {
        let Server { listeners, options, web } = server;
        let site = Rc::new(Site::new(live, options, web));
        let local = LocalSet::new();
        for listener in listeners {
            local.spawn_local(accept(Rc::clone(&site), listener));
        }
        // The sender's end is dropped to stop.
        let _ = local.block_on(&runtime, stopped);
        runtime.shutdown_background();
    })?;
    Ok(Running { addresses, stop: Some(stop), thread: Some(thread) })
}

async fn accept(site: Rc<Site>, listener: std::net::TcpListener) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!("cannot serve HTTP: {error}");
            return;
        }
    };
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => match site.connections.admit(peer.ip(), Instant::now()) {
                Some(slot) => {
                    tokio::task::spawn_local(connection(Rc::clone(&site), stream, slot));
                }
                None => site.live.metrics.serving.evicted.inc(),
            },
            Err(_) => {
                site.live.metrics.serving.accept_errors.inc();
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// A connection from its first byte to its last, or until its time is over.
async fn connection(site: Rc<Site>, stream: TcpStream, slot: Rc<Slot>) {
    // An answer is written in one piece; waiting for more of it gains nothing.
    let _ = stream.set_nodelay(true);
    let exchange = async {
        match site.web().tls.clone() {
            Some(config) => {
                let agreed = tokio::time::timeout(HEADER, TlsAcceptor::from(config).accept(stream)).await;
                if let Ok(Ok(stream)) = agreed {
                    exchange(&site, stream, &slot).await;
                }
            }
            None => exchange(&site, stream, &slot).await,
        }
    };
    let over = async {
        while !slot.is_over(Instant::now()) {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::select! {
        () = exchange => {}
        () = over => site.live.metrics.serving.evicted.inc(),
        () = slot.evicted.notified() => site.live.metrics.serving.evicted.inc(),
    }
    site.connections.remove(&slot);
}

/// One request and its answer (RFC 9112). What is no request is answered by hyper, and counted here.
async fn exchange(site: &Rc<Site>, stream: impl AsyncRead + AsyncWrite + Unpin, slot: &Rc<Slot>) {
    let service = service_fn(|request| {
        slot.answering();
        routes::answer(Rc::clone(site), request, Rc::clone(slot))
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER)
        .max_buf_size(HEAD_MAX)
        .max_headers(HEADERS_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        let serving = &site.live.metrics.serving;
        if error.is_parse_too_large() {
            serving.answered(431);
        } else if error.is_timeout() {
            serving.answered(408);
            serving.evicted.inc();
        } else if error.is_parse() {
            serving.answered(400);
        }
    }
}
