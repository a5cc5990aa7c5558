//! TLS by the shared file's `tls_server_config` (exporter-toolkit), whose words are those of Go's `crypto/tls`.

use super::web_config::Tls;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

const REQUIRED: &str = "RequireAndVerifyClientCert";
const IF_GIVEN: &str = "VerifyClientCertIfGiven";

/// Whether a client without a certificate of ours is turned away.
pub fn requires_certificate(config: &Tls) -> bool {
    config.client_auth_type == REQUIRED
}

/// The server's side of TLS. The error says what is wrong, in the file's words.
pub fn server_config(config: &Tls) -> Result<Arc<ServerConfig>, String> {
    let provider = Arc::new(provider(config)?);
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions(config)?)
        .map_err(|e| e.to_string())?;
    let builder = match client_verifier(config, provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let certificates = certificates(&config.cert_file)?;
    let key = PrivateKeyDer::from_pem_file(&config.key_file).map_err(|e| about(&config.key_file, &e))?;
    let mut server = builder.with_single_cert(certificates, key).map_err(|e| e.to_string())?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(server))
}

fn client_verifier(
    config: &Tls,
    provider: Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, String> {
    let optional = match (config.client_auth_type.as_str(), &config.client_ca_file) {
        ("" | "NoClientCert", None) => return Ok(None),
        ("" | "NoClientCert", Some(_)) => {
            return Err("client_ca_file is given, but client_auth_type asks for no certificate".into());
        }
        (REQUIRED, _) => false,
        (IF_GIVEN, _) => true,
        ("RequestClientCert" | "RequireAnyClientCert" | "RequireClientCert", _) => {
            return Err(format!(
                "client_auth_type: certificates are verified here: {REQUIRED} or {IF_GIVEN}"
            ));
        }
        (other, _) => {
            return Err(format!(
                "client_auth_type: {other:?} is none of NoClientCert, {IF_GIVEN}, {REQUIRED}"
            ));
        }
    };
    let file = config.client_ca_file.as_ref().ok_or("client_auth_type needs a client_ca_file")?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|e| about(file, &e))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = if optional { builder.allow_unauthenticated() } else { builder };
    builder.build().map(Some).map_err(|e| about(file, &e))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = read.map_err(|e| about(file, &e))?;
    if certificates.is_empty() { Err(about(file, &"holds no certificate")) } else { Ok(certificates) }
}

fn about(file: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{}: {error}", file.display())
}

/// Versions below 1.2 are not spoken here (RFC 8996), so a lower minimum means 1.2.
fn versions(config: &Tls) -> Result<Vec<&'static SupportedProtocolVersion>, String> {
    let number = |name: &str, default| match name {
        "" => Ok(default),
        "TLS10" => Ok(10),
        "TLS11" => Ok(11),
        "TLS12" => Ok(12),
        "TLS13" => Ok(13),
        other => Err(format!("{other:?} is none of TLS10, TLS11, TLS12, TLS13")),
    };
    let range = number(&config.min_version, 12)?..=number(&config.max_version, 13)?;
    let versions: Vec<_> =
        [(12, &TLS12), (13, &TLS13)].into_iter().filter(|(n, _)| range.contains(n)).map(|(_, v)| v).collect();
    if versions.is_empty() { Err("no version of TLS from 1.2 on is allowed".into()) } else { Ok(versions) }
}

/// Cipher suites and curves, cut down to those that the file names.
fn provider(config: &Tls) -> Result<CryptoProvider, String> {
    let mut provider = ring::default_provider();
    if !config.cipher_suites.is_empty() {
        // Go names the suites of TLS 1.3 without the version.
        let name = |suite| format!("{suite:?}").replace("TLS13_", "TLS_");
        provider.cipher_suites.retain(|s| {
            let name = name(s.suite());
            config
                .cipher_suites
                .iter()
                .any(|wanted| *wanted == name || wanted.strip_suffix("_SHA256") == Some(&name))
        });
        if provider.cipher_suites.is_empty() {
            return Err("cipher_suites: none of them is known here".into());
        }
    }
    if !config.curve_preferences.is_empty() {
        let go = |name: &str| match name {
            "CurveP256" => "secp256r1",
            "CurveP384" => "secp384r1",
            "X25519" => "X25519",
            _ => "unknown",
        };
        let wanted: Vec<&str> = config.curve_preferences.iter().map(|c| go(c)).collect();
        provider.kx_groups.retain(|g| wanted.contains(&format!("{:?}", g.name()).as_str()));
        if provider.kx_groups.is_empty() {
            return Err("curve_preferences: none of them is known here".into());
        }
    }
    Ok(provider)
}
