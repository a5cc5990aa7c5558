//! Serves a running sensor over HTTP/1.1: metrics, the API, the stream of events, the page.
//!
//! One thread, one connection one exchange: no keep-alive, so that a connection's whole life has one time limit. Requests
//! are small and have no body; connections are few, and the oldest that has not even asked makes room, so that a scrape
//! always gets through. A `Host` that nobody named is refused (DNS rebinding), and beyond loopback nothing about people is
//! told to those who did not say who they are. Nothing here can hold up the capture: it reads what the keeper published.

mod answer;
mod api;
mod assets;
mod auth;
mod connections;
mod guard;
mod query;
mod routes;
mod server;
mod site;
mod tls;
mod web_config;

pub use server::Running;

use crate::output::live::Live;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use web_config::{WebConfig, WebConfigError};

/// What is done when a reload of the configuration is asked for.
pub type Reload = Arc<dyn Fn() + Send + Sync>;

/// Where to listen, and to whom.
#[derive(Clone, Default)]
pub struct HttpOptions {
    /// The addresses to listen on.
    pub listen: Vec<SocketAddr>,
    /// A file with TLS certificates and users, of the form that Prometheus' exporters share.
    pub web_config: Option<PathBuf>,
    /// Names by which browsers and scrapers may call the sensor, beside `localhost` and addresses.
    pub allowed_hosts: Vec<String>,
    /// Listen beyond loopback without TLS and users; personal data is then told to nobody.
    pub insecure_ok: bool,
    /// The path of the metrics; `/metrics` without it.
    pub metrics_path: Option<String>,
    /// What `POST /-/reload` does; without it there is no such path.
    pub reload: Option<Reload>,
}

/// Why a sensor cannot be served.
#[derive(Debug)]
pub enum HttpError {
    /// Listening there would show others who talks to whom.
    Unprotected(SocketAddr),
    /// The address cannot be listened on.
    Listen(SocketAddr, io::Error),
    /// The file with certificates and users is wrong.
    WebConfig(WebConfigError),
    /// The thread cannot be started.
    Start(io::Error),
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unprotected(address) => write!(
                f,
                "will not listen on {address}, where others could see who talks to whom: give a web configuration file \
                 with TLS and users, listen on 127.0.0.1, or say that this is meant: --web.insecure"
            ),
            Self::Listen(address, error) if error.kind() == io::ErrorKind::AddrInUse => {
                write!(f, "cannot listen on {address}: another program does")
            }
            Self::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
            Self::WebConfig(error) => error.fmt(f),
            Self::Start(error) => write!(f, "cannot start the HTTP thread: {error}"),
        }
    }
}

impl std::error::Error for HttpError {}

/// A server that listens and does not answer yet, so that ports are taken while the program still may.
pub struct Server {
    listeners: Vec<TcpListener>,
    options: HttpOptions,
    web: WebConfig,
}

impl Server {
    /// Takes the addresses and reads the file with certificates and users.
    ///
    /// # Errors
    /// [`HttpError`], for one line to the operator.
    pub fn bind(options: HttpOptions) -> Result<Self, HttpError> {
        let web = match &options.web_config {
            Some(path) => WebConfig::read(path).map_err(HttpError::WebConfig)?,
            None => WebConfig::default(),
        };
        let mut listeners = Vec::new();
        for &address in &options.listen {
            if !address.ip().is_loopback() && !web.protects() && !options.insecure_ok {
                return Err(HttpError::Unprotected(address));
            }
            let listener = TcpListener::bind(address).and_then(|l| l.set_nonblocking(true).map(|()| l));
            listeners.push(listener.map_err(|error| HttpError::Listen(address, error))?);
        }
        Ok(Self { listeners, options, web })
    }

    /// The addresses that are listened on, with the ports that were chosen where 0 was asked for.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|l| l.local_addr().ok()).collect()
    }

    /// Answers from now on, on a thread of its own.
    ///
    /// # Errors
    /// [`HttpError::Start`].
    pub fn start(self, live: Arc<Live>) -> Result<Running, HttpError> {
        server::start(self, live).map_err(HttpError::Start)
    }
}
