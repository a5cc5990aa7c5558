//! Starts what carries alerts to other programs, as the configuration says.

use super::super::exit::Failure;
use std::fmt::Display;
use std::fs;
use swarmscope::config::{SecretPlace, Sinks, SyslogTransport as Transport, WebhookSink};
use swarmscope::output::live::OutputStatus;
use swarmscope::output::sinks::{
    Alertmanager, Courier, HttpTarget, Outbox, Secret, Syslog, SyslogTransport, Webhook,
};
use swarmscope::policy::AlertChange;

/// Changes of alerts that may wait for a receiver.
const ROOM: usize = 1_000;
/// Where the kernel tells the machine's name.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";

/// What was made of a configuration and can be started: secrets are read, addresses are right.
#[derive(Default)]
pub(super) struct Prepared(Vec<(&'static str, Box<dyn Courier>)>);

/// The carriers that run.
#[derive(Default)]
pub(super) struct Carriers(Vec<Carrier>);

struct Carrier {
    name: &'static str,
    outbox: Outbox,
    /// Errors at the last look.
    errors: u64,
    /// Deliveries at the last look.
    sent: u64,
    up: bool,
}

impl Prepared {
    /// Reads secrets and templates, while the program still may.
    pub(super) fn from(sinks: &Sinks) -> Result<Self, Failure> {
        let host = sinks.sensor.clone().unwrap_or_else(host_name);
        let mut couriers: Vec<(&'static str, Box<dyn Courier>)> = Vec::new();
        if let Some(syslog) = &sinks.syslog {
            let transport = match syslog.transport {
                Transport::Udp => SyslogTransport::Udp,
                Transport::Tcp => SyslogTransport::Tcp,
            };
            couriers.push(("syslog", Box::new(Syslog::new(syslog.address, transport, &host))));
        }
        if let Some(sink) = &sinks.webhook {
            couriers.push(("webhook", Box::new(webhook(sink)?)));
        }
        if let Some(sink) = &sinks.alertmanager {
            let target = target("alertmanager", &sink.url)?;
            couriers.push(("alertmanager", Box::new(Alertmanager::new(&target, &host))));
        }
        Ok(Self(couriers))
    }

    /// Starts their threads.
    pub(super) fn start(self) -> Result<Carriers, Failure> {
        let start = |(name, courier)| match Outbox::start(name, ROOM, courier) {
            Ok(outbox) => Ok(Carrier { name, outbox, errors: 0, sent: 0, up: true }),
            Err(error) => Err(Failure::Run(format!("cannot start a thread: {error}"))),
        };
        self.0.into_iter().map(start).collect::<Result<_, _>>().map(Carriers)
    }
}

impl Carriers {
    /// Puts a change into every queue.
    pub(super) fn send(&self, change: &AlertChange) {
        self.0.iter().for_each(|carrier| carrier.outbox.send(change));
    }

    /// How they fare.
    pub(super) fn status(&mut self) -> impl Iterator<Item = OutputStatus> + '_ {
        self.0.iter_mut().map(|carrier| {
            let counters = carrier.outbox.counters();
            let failed = counters.errors + counters.refused;
            // What is tried again fails at least once a minute, so a receiver that is down stays so until it takes something.
            if failed > carrier.errors {
                carrier.up = false;
            } else if counters.sent > carrier.sent {
                carrier.up = true;
            }
            (carrier.errors, carrier.sent) = (failed, counters.sent);
            OutputStatus { sink: carrier.name, up: carrier.up, errors: failed, dropped: counters.dropped }
        })
    }
}

fn webhook(sink: &WebhookSink) -> Result<Webhook, Failure> {
    let template = sink.template.as_ref().map(|path| {
        fs::read_to_string(path)
            .map_err(|error| wrong("webhook.template", format!("{}: {error}", path.display())))
    });
    let template = template.transpose()?;
    let [key, token] = [&sink.key, &sink.token].map(|place| place.as_ref().map(secret));
    Webhook::new(target("webhook", &sink.url)?, template.as_deref(), key.as_ref(), token.as_ref())
        .map_err(|error| wrong("webhook", error))
}

fn target(sink: &str, url: &str) -> Result<HttpTarget, Failure> {
    url.parse().map_err(|error| wrong(&format!("{sink}.url"), error))
}

fn wrong(setting: &str, error: impl Display) -> Failure {
    Failure::usage(format!("sinks.{setting}: {error}"))
}

fn secret(place: &SecretPlace) -> Secret {
    match place {
        SecretPlace::File(path) => Secret::File(path.clone()),
        SecretPlace::Env(name) => Secret::Environment(name.clone()),
    }
}

fn host_name() -> String {
    let name = fs::read_to_string(HOST_NAME).unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "swarmscope".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use swarmscope::config::AlertmanagerSink;

    fn mistake(sinks: &Sinks) -> String {
        match Prepared::from(sinks) {
            Err(Failure::Usage(text)) => text,
            _ => panic!("it was taken"),
        }
    }

    #[test]
    fn mistakes_are_told_with_their_setting() {
        let manager = |url: &str| Sinks {
            alertmanager: Some(AlertmanagerSink { url: url.into() }),
            ..Sinks::default()
        };
        assert!(
            Prepared::from(&manager("http://127.0.0.1:9093")).is_ok_and(|prepared| prepared.0.len() == 1)
        );
        assert!(mistake(&manager("https://127.0.0.1")).starts_with("sinks.alertmanager.url: "));
        let webhook = |template: Option<&str>, key| {
            let sink =
                WebhookSink { url: "http://h/".into(), template: template.map(Into::into), key, token: None };
            Sinks { webhook: Some(sink), ..Sinks::default() }
        };
        assert!(
            mistake(&webhook(Some("missing.json"), None))
                .starts_with("sinks.webhook.template: missing.json: ")
        );
        let key = Some(SecretPlace::Env("SWARMSCOPE_NO_SUCH_SECRET".into()));
        assert!(mistake(&webhook(None, key)).contains("SWARMSCOPE_NO_SUCH_SECRET"));
    }
}
