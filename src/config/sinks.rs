//! Where alerts are carried to, besides the event file: addresses here, secrets in files or the environment.

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
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
}

/// A web service that takes a POST for each change of an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSink {
    /// `http://host[:port]/path`.
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
    /// Its base, such as `http://127.0.0.1:9093`.
    pub url: String,
}
