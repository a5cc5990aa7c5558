//! The file with certificates and users that Prometheus' exporters share (exporter-toolkit, `web-configuration.md`).
//!
//! `promtool check web-config` accepts the same file. What it may say and cannot be done here is refused in words, never
//! passed over. HTTP/2 is not spoken, whatever `http2` says.

use super::tls;
use hyper::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use tokio_rustls::rustls::ServerConfig;

/// What the file says, ready for use; the default protects nothing.
#[derive(Default)]
pub struct WebConfig {
    /// TLS, where it is spoken.
    pub tls: Option<Arc<ServerConfig>>,
    /// Whether every client has shown a certificate by the time it asks.
    pub clients_have_certificates: bool,
    /// Users and the bcrypt hashes of their passwords.
    pub users: BTreeMap<String, String>,
    /// Headers for every answer.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The files read, and what they looked like.
    files: Vec<(PathBuf, Look)>,
}

/// Modification time and length of a file, where there is one.
type Look = Option<(SystemTime, u64)>;

/// Why the file cannot be used.
#[derive(Debug)]
pub struct WebConfigError {
    file: PathBuf,
    /// What is wrong, with the place where YAML has one.
    why: String,
}

impl fmt::Display for WebConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "web configuration {}: {}", self.file.display(), self.why)
    }
}

impl std::error::Error for WebConfigError {}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    tls_server_config: Option<Tls>,
    http_server_config: Http,
    basic_auth_users: BTreeMap<String, String>,
}

/// `tls_server_config`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    pub cert_file: PathBuf,
    pub key_file: PathBuf,
    pub client_auth_type: String,
    pub client_ca_file: Option<PathBuf>,
    pub min_version: String,
    pub max_version: String,
    pub cipher_suites: Vec<String>,
    pub curve_preferences: Vec<String>,
    /// Go ignores it since 1.17, and so do we.
    #[serde(rename = "prefer_server_cipher_suites")]
    _prefer_server_cipher_suites: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Http {
    #[serde(rename = "http2")]
    _http2: Option<bool>,
    headers: BTreeMap<String, String>,
}

/// Headers that the file may set.
const HEADERS: [&str; 5] = [
    "content-security-policy",
    "strict-transport-security",
    "x-content-type-options",
    "x-frame-options",
    "x-xss-protection",
];

impl WebConfig {
    /// Reads the file and the certificates it names.
    ///
    /// # Errors
    /// [`WebConfigError`]: the file or one it names cannot be read or says what cannot be done.
    pub fn read(path: &Path) -> Result<Self, WebConfigError> {
        let wrong = |why: String| WebConfigError { file: path.to_owned(), why };
        let mut files = vec![(path.to_owned(), look(path))];
        let text = std::fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
        // An empty file protects nothing, and is one.
        let file: Option<File> = serde_saphyr::from_str(&text).map_err(|e| wrong(e.to_string()))?;
        let mut file = file.unwrap_or_default();
        for (user, hash) in &file.basic_auth_users {
            if hash.parse::<bcrypt::HashParts>().is_err() {
                return Err(wrong(format!("basic_auth_users: the password of {user:?} is no bcrypt hash")));
            }
        }
        let mut clients_have_certificates = false;
        let tls = match &mut file.tls_server_config {
            Some(config) => {
                let folder = path.parent().unwrap_or(Path::new(""));
                for named in [&mut config.cert_file, &mut config.key_file]
                    .into_iter()
                    .chain(&mut config.client_ca_file)
                {
                    *named = folder.join(&named);
                    files.push((named.clone(), look(named)));
                }
                clients_have_certificates = tls::requires_certificate(config);
                Some(tls::server_config(config).map_err(|why| wrong(format!("tls_server_config: {why}")))?)
            }
            None => None,
        };
        let headers = file.http_server_config.headers.iter().map(|(name, value)| header(name, value));
        let headers = headers.collect::<Result<_, _>>().map_err(wrong)?;
        Ok(Self { tls, clients_have_certificates, users: file.basic_auth_users, headers, files })
    }

    /// Whether nobody who is not named can read along or ask.
    pub fn protects(&self) -> bool {
        self.tls.is_some() && self.knows_clients()
    }

    /// Whether clients must say who they are.
    pub fn knows_clients(&self) -> bool {
        !self.users.is_empty() || self.clients_have_certificates
    }

    /// Reads the file again if it, or one that it names, has changed.
    ///
    /// # Errors
    /// As [`read`](Self::read), once for each change.
    pub fn renewed(&mut self) -> Option<Result<Self, WebConfigError>> {
        let changed = self.files.iter().any(|(path, was)| look(path) != *was);
        let (first, _) = self.files.first().filter(|_| changed)?;
        let renewed = Self::read(first);
        self.files.iter_mut().for_each(|(path, seen)| *seen = look(path));
        Some(renewed)
    }
}

fn look(path: &Path) -> Look {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let known = HEADERS.into_iter().find(|h| h.eq_ignore_ascii_case(name));
    let known = known.ok_or_else(|| {
        format!("http_server_config: header {name:?} cannot be set; these can: {}", HEADERS.join(", "))
    })?;
    let value = HeaderValue::from_str(value)
        .map_err(|_| format!("http_server_config: the value of header {name:?} is no header value"))?;
    Ok((HeaderName::from_static(known), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<WebConfig, String> {
        static N: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let n = N.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("swarmscope-web-{}-{n}.yml", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let read = WebConfig::read(&path).map_err(|e| e.to_string());
        std::fs::remove_file(path).unwrap();
        read
    }

    #[test]
    fn users_and_headers_are_read() {
        let hash = bcrypt::hash("secret", 4).unwrap();
        let text = format!(
            "basic_auth_users:\n  anna: {hash}\nhttp_server_config:\n  http2: true\n  headers:\n    X-Frame-Options: DENY\n"
        );
        let config = read(&text).unwrap();
        assert!(config.knows_clients() && !config.protects());
        assert_eq!((config.users.len(), config.headers.len()), (1, 1));
        assert!(!read("").unwrap().knows_clients());
    }

    #[test]
    fn what_cannot_be_done_is_refused_in_words() {
        for (text, why) in [
            ("basic_auth_users:\n  anna: secret\n", "no bcrypt hash"),
            ("tls_server_confg:\n  cert_file: x\n", "tls_server_confg"),
            ("http_server_config:\n  headers:\n    Set-Cookie: a\n", "cannot be set"),
            ("tls_server_config:\n  cert_file: absent.crt\n  key_file: absent.key\n", "absent.crt"),
            (
                "tls_server_config:\n  cert_file: a\n  key_file: b\n  client_auth_type: Sometimes\n",
                "Sometimes",
            ),
            ("- a\n", "web configuration"),
        ] {
            let error = read(text).err().unwrap();
            assert!(error.contains(why), "{error}");
        }
    }
}
