//! Where alerts are carried to, besides the event file: addresses here, secrets in files or the environment.

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;

/// Where alerts are carried to. Nothing here has a flag: what a flag says, every user of the machine can read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sinks {
    /// The sensor's name in what is sent; the machine's without it.
    pub sensor: Option<String>,
    /// A syslog receiver.
    pub syslog: Option<SyslogSink>,
    /// A web service.
    pub webhook: Option<WebhookSink>,
    /// Prometheus' Alertmanager.
    pub alertmanager: Option<AlertmanagerSink>,
    /// The journal of this machine.
    pub journald: Option<JournaldSink>,
    /// A file for strict readers of Suricata's EVE format.
    pub eve: Option<EveSink>,
    /// A program.
    pub exec: Option<ExecSink>,
}

/// A syslog receiver (RFC 5424).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyslogSink {
    /// Its address and port.
    pub address: SocketAddr,
    /// How to reach it.
    #[serde(default)]
    pub transport: SyslogTransport,
    /// With whom `tls` is spoken.
    #[serde(default)]
    pub tls: TlsClient,
}

/// How to reach a syslog receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SyslogTransport {
    /// A datagram each.
    #[default]
    Udp,
    /// A stream with octet counting.
    Tcp,
    /// The same within TLS (RFC 5425).
    Tls,
}

/// TLS to a receiver.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsClient {
    /// Authorities that vouch for the receiver, in PEM; the system's without it.
    pub ca_file: Option<PathBuf>,
    /// The sensor's certificate, in PEM.
    pub cert_file: Option<PathBuf>,
    /// Its key, in PEM.
    pub key_file: Option<PathBuf>,
    /// The name in the receiver's certificate, where it is not the one it is reached by.
    pub server_name: Option<String>,
}

/// A web service that takes a POST for each change of an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSink {
    /// `http://host[:port]/path`, or `https`.
    pub url: String,
    /// A file with the JSON to send; the `alert` event without it.
    #[serde(default)]
    pub template: Option<PathBuf>,
    /// What the body is signed with.
    #[serde(default)]
    pub key: Option<SecretPlace>,
    /// What the sensor shows itself by.
    #[serde(default)]
    pub token: Option<SecretPlace>,
    /// With whom `https` is spoken.
    #[serde(default)]
    pub tls: TlsClient,
}

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretPlace {
    /// In this file.
    File(PathBuf),
    /// In this variable of the environment.
    Env(String),
}

/// Prometheus' Alertmanager.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertmanagerSink {
    /// Its base, such as `http://127.0.0.1:9093`, or `https`.
    pub url: String,
    /// What the sensor shows itself by.
    #[serde(default)]
    pub token: Option<SecretPlace>,
    /// With whom `https` is spoken.
    #[serde(default)]
    pub tls: TlsClient,
}

/// The journal of this machine, in its native protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JournaldSink {
    /// Its socket; `/run/systemd/journal/socket` without it.
    pub socket: Option<PathBuf>,
}

/// A file of alerts alone, without anything that Suricata would not write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EveSink {
    /// The file.
    pub path: PathBuf,
}

/// A program that is started for each change of an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecSink {
    /// Its whole path, and its arguments.
    pub command: Vec<String>,
    /// After how many seconds it is killed.
    #[serde(default = "ten")]
    pub seconds: NonZeroU16,
}

const fn ten() -> NonZeroU16 {
    NonZeroU16::MIN.saturating_add(9)
}
