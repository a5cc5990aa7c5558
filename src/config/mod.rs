//! The configuration file of the sensor, in YAML: what may stand in it, what holds without it, and what is wrong with it.
//!
//! A flag of the command line wins over the file, the file over the default. A word that is not known is an error: a
//! sensor that silently ignores half of its configuration is worse than none. To add a setting, add a field with its
//! default here, a line to `packaging/swarmscope.yaml`, and a flag where it makes sense.

mod error;
mod sinks;
mod text;
mod values;

pub use error::ConfigError;
pub use sinks::{
    AlertmanagerSink, EveSink, ExecSink, JournaldSink, SecretPlace, Sinks, SyslogSink, SyslogTransport,
    TlsClient, WebhookSink,
};
pub use text::ListenAddress;
pub use values::{ByteSize, LogFormat, LogLevel, Names, TimeSpan, memory_size, page_address};

use crate::base::Network;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::net::Ipv4Addr;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the file is looked for unless another is named.
pub const DEFAULT_FILE: &str = "/etc/swarmscope/swarmscope.yaml";

/// Port of the web page, the API and the metrics.
pub const DEFAULT_PORT: u16 = 9847;

/// Largest file that is read, in bytes.
const FILE_MAX: u64 = 1 << 20;

/// Everything that can be configured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Interfaces to listen on; `any` stands for all.
    pub interfaces: Vec<String>,
    /// Networks whose hosts are reported on; private addresses when empty.
    #[serde(with = "text::list")]
    pub home_networks: Vec<Network>,
    /// A capture filter in libpcap's language.
    pub filter: Option<String>,
    /// Worker threads, 1 to 256.
    #[serde(deserialize_with = "values::workers")]
    pub workers: u16,
    /// Whether each worker has a capture handle and a reading thread of its own.
    pub fanout: bool,
    /// Memory that the tables of flows, hosts, torrents and endpoints are cut to; the ring is not part of it.
    #[serde(deserialize_with = "values::memory")]
    pub memory: ByteSize,
    /// Size of the kernel's ring of packets, per interface and handle.
    #[serde(deserialize_with = "values::buffer")]
    pub buffer: ByteSize,
    /// Most bytes captured of a packet.
    #[serde(deserialize_with = "values::snaplen")]
    pub snaplen: u32,
    /// Whether packets to other machines are captured, as on a mirror port.
    pub promiscuous: bool,
    /// The user to become once everything is open.
    pub user: Option<String>,
    /// How long a host must be quiet to be called cleared.
    pub quiet_for: TimeSpan,
    /// The web page, the API and the metrics.
    pub web: Web,
    /// What the metrics tell.
    pub metrics: Metrics,
    /// The file of events.
    pub events: Events,
    /// Rules that raise alerts.
    pub rules: Rules,
    /// Where alerts are carried to.
    pub sinks: Sinks,
    /// What is remembered over a restart.
    pub state: State,
    /// What is told on stderr.
    pub log: Log,
    /// What is not told to anyone.
    pub privacy: Privacy,
}

/// The web page, the API and the metrics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Web {
    /// Addresses to listen on; none turns it off.
    #[serde(with = "text::list")]
    pub listen_addresses: Vec<ListenAddress>,
    /// TLS and passwords, in the form of Prometheus' exporter-toolkit.
    pub config_file: Option<PathBuf>,
    /// Whether it may be served beyond loopback without TLS and users; nothing about people is told then.
    pub insecure: bool,
    /// Whether `POST /-/reload` is answered.
    pub enable_lifecycle: bool,
    /// Names under which it may be asked for, besides addresses and `localhost`.
    pub allowed_hosts: Vec<String>,
    /// Path of the metrics.
    #[serde(deserialize_with = "values::path")]
    pub telemetry_path: String,
    /// The address by which people reach the page, for links in alerts.
    #[serde(deserialize_with = "values::address_of_page")]
    pub external_url: Option<String>,
}

/// What the metrics tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Home hosts with series of their own; the others share `host="other"`. 0 turns series of hosts off.
    #[serde(deserialize_with = "values::hosts")]
    pub max_hosts: u32,
}

/// The file of events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Events {
    /// The file, JSON Lines; none is written without it.
    pub path: Option<PathBuf>,
    /// Whether flows without a label are written too.
    pub all_flows: bool,
    /// Whether every DHT message is written too.
    pub dht: bool,
    /// Size from which on the file is put aside and begun anew.
    pub rotate_size: Option<ByteSize>,
    /// The same by age, in hours of packet time.
    pub rotate_hours: Option<NonZeroU16>,
    /// Whether files that were put aside are compressed.
    pub compress: bool,
}

/// Rules that raise alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// The folder with rule files; no rule is in force without it.
    pub dir: Option<PathBuf>,
    /// The list of what is counted and shown, but alerts nobody; read at the start.
    pub allow: Option<PathBuf>,
}

/// What is remembered over a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct State {
    /// The folder; nothing is remembered without it.
    pub dir: Option<PathBuf>,
    /// Days after which it is forgotten.
    #[serde(deserialize_with = "values::days")]
    pub keep_days: u32,
    /// Size of the file from which on the oldest day is forgotten.
    #[serde(deserialize_with = "values::store")]
    pub max_size: ByteSize,
}

/// What is told on stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// From which weight on.
    pub level: LogLevel,
    /// In which form.
    pub format: LogFormat,
}

/// What is not told to anyone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Privacy {
    /// How names of torrents are told.
    pub names: Names,
    /// File with the key of the pseudonyms that take the place of addresses; none tells addresses.
    pub anonymize_key_file: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            home_networks: Vec::new(),
            filter: None,
            workers: 1,
            fanout: false,
            memory: ByteSize(512 << 20),
            buffer: ByteSize(64 << 20),
            snaplen: 262_144,
            promiscuous: true,
            user: None,
            quiet_for: TimeSpan(Duration::from_secs(86_400)),
            web: Web::default(),
            metrics: Metrics::default(),
            events: Events::default(),
            rules: Rules::default(),
            sinks: Sinks::default(),
            state: State::default(),
            log: Log::default(),
            privacy: Privacy::default(),
        }
    }
}

impl Default for Web {
    fn default() -> Self {
        Self {
            listen_addresses: vec![ListenAddress((Ipv4Addr::LOCALHOST, DEFAULT_PORT).into())],
            config_file: None,
            insecure: false,
            enable_lifecycle: false,
            allowed_hosts: Vec::new(),
            telemetry_path: "/metrics".to_owned(),
            external_url: None,
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self { max_hosts: 500 }
    }
}

impl Default for State {
    fn default() -> Self {
        Self { dir: None, keep_days: 90, max_size: ByteSize(1 << 30) }
    }
}

impl Config {
    /// Reads the file named, or [`DEFAULT_FILE`] where that exists, or takes the defaults; with the file that was read.
    ///
    /// # Errors
    /// [`ConfigError`] with the place of the mistake.
    pub fn load(named: Option<&Path>) -> Result<(Self, Option<PathBuf>), ConfigError> {
        let file = named.unwrap_or(Path::new(DEFAULT_FILE));
        match Self::read(file) {
            Ok(config) => Ok((config, Some(file.to_owned()))),
            Err(error) if named.is_none() && error.is_missing_file() => Ok((Self::default(), None)),
            Err(error) => Err(error),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`ConfigError`] with the place of the mistake.
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        let unreadable = |error: std::io::Error| ConfigError::unreadable(file, &error);
        let mut bytes = Vec::new();
        File::open(file)
            .map_err(unreadable)?
            .take(FILE_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        if bytes.len() as u64 > FILE_MAX {
            return Err(ConfigError::whole_file(
                file,
                "larger than 1 MiB: this is no configuration".to_owned(),
            ));
        }
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            ConfigError::unreadable(file, &std::io::Error::new(ErrorKind::InvalidData, error))
        })?;
        Self::parse(file, text)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`ConfigError`] with the place of the mistake.
    pub fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        // A configuration has no use for anchors, so aliases, with which a small file becomes a huge one, are not resolved.
        let options = serde_saphyr::options! {
            budget: serde_saphyr::budget! { max_aliases: 0, max_anchors: 0, max_depth: 16, max_documents: 1, max_nodes: 10_000, max_merge_keys: 0 },
            strict_booleans: true,
            with_snippet: false,
        };
        let config: Option<Self> = serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| ConfigError::yaml(file, &error))?;
        Ok(config.unwrap_or_default())
    }

    /// The configuration as a file that says the same.
    ///
    /// # Errors
    /// What the serializer says; nothing in a configuration makes it fail.
    pub fn to_yaml(&self) -> Result<String, String> {
        serde_saphyr::to_string(self).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests;
