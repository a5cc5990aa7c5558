//! The client's side of TLS 1.2 and 1.3 for sinks: whom to trust, and how to show who the sensor is.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore};

/// Where systems keep the authorities that they trust: Debian and Alpine, Fedora, openSUSE.
const SYSTEM_CAS: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"];

/// What an operator says about TLS to a receiver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// Authorities that vouch for the receiver, in PEM; those of the system without it.
    pub ca_file: Option<PathBuf>,
    /// The sensor's certificate, and those above it, in PEM.
    pub cert_file: Option<PathBuf>,
    /// The key of the certificate, in PEM.
    pub key_file: Option<PathBuf>,
    /// The name that the receiver's certificate must bear, where it is not the one that it is reached by.
    pub server_name: Option<String>,
}

/// TLS, ready to be spoken: files are read when it is made, not when a connection is.
#[derive(Clone)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
    server_name: Option<String>,
}

impl TlsClient {
    /// Reads the files.
    ///
    /// # Errors
    /// Which file cannot be used, and why.
    pub fn new(options: &TlsOptions) -> io::Result<Self> {
        let wrong = |e: &dyn fmt::Display| io::Error::new(io::ErrorKind::InvalidInput, e.to_string());
        let mut roots = RootCertStore::empty();
        let ca_file = match &options.ca_file {
            Some(file) => file.as_path(),
            None => SYSTEM_CAS.iter().map(Path::new).find(|f| f.exists()).ok_or_else(|| {
                wrong(
                    &"this system has no list of authorities (package ca-certificates); name one as ca_file",
                )
            })?,
        };
        for certificate in certificates(ca_file)? {
            // Of a system's list, what cannot be read is left out: one odd authority must not silence all alerts.
            match roots.add(certificate) {
                Err(error) if options.ca_file.is_some() => return Err(about(ca_file, &error)),
                Ok(()) | Err(_) => {}
            }
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| wrong(&e))?
            .with_root_certificates(roots);
        let config = match (&options.cert_file, &options.key_file) {
            (None, None) => builder.with_no_client_auth(),
            (Some(cert), Some(key)) => {
                let private = PrivateKeyDer::from_pem_file(key).map_err(|e| about(key, &e))?;
                builder.with_client_auth_cert(certificates(cert)?, private).map_err(|e| about(cert, &e))?
            }
            _ => return Err(wrong(&"cert_file and key_file belong together")),
        };
        if let Some(name) = &options.server_name {
            ServerName::try_from(name.as_str()).map_err(|e| wrong(&format!("server_name: {e}")))?;
        }
        Ok(Self { config: Arc::new(config), server_name: options.server_name.clone() })
    }

    /// One side of a conversation with a receiver that is reached by `host`, a name or an address without brackets.
    pub(super) fn connection(&self, host: &str) -> io::Result<ClientConnection> {
        let name = self.server_name.as_deref().unwrap_or(host).to_owned();
        let name = ServerName::try_from(name).map_err(io::Error::other)?;
        ClientConnection::new(Arc::clone(&self.config), name).map_err(io::Error::other)
    }
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Keys stay out of it.
        f.debug_struct("TlsClient").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

fn certificates(file: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = read.map_err(|e| about(file, &e))?;
    if certificates.is_empty() { Err(about(file, &"holds no certificate")) } else { Ok(certificates) }
}

fn about(file: &Path, error: &dyn fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{}: {error}", file.display()))
}
