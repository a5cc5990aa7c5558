//! Starts what carries alerts to other programs, as the configuration says, and lets others take their place at a reload.

use super::super::exit::Failure;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use swarmscope::config::{
    SecretPlace, Sinks, SyslogSink, SyslogTransport as Transport, TlsClient, WebhookSink,
};
use swarmscope::output::live::OutputStatus;
use swarmscope::output::sinks::{
    Alertmanager, Courier, EveFile, ExecHook, HttpTarget, Journald, Outbox, Secret, Syslog, SyslogTransport,
    TlsClient as Tls, TlsOptions, Webhook,
};
use swarmscope::policy::{Alert, AlertAction, AlertChange};

/// Changes of alerts that may wait for a receiver.
const ROOM: usize = 1_000;
/// Where the kernel tells the machine's name.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";
/// The name of the one that has to be told of all that fires, again and again.
const ALERTMANAGER: &str = "alertmanager";

/// What was made of a configuration and can be started: secrets and certificates are read, addresses are right.
#[derive(Default)]
pub(super) struct Prepared {
    couriers: Vec<(&'static str, Box<dyn Courier>)>,
    /// A file belongs to who the program becomes, so it is opened later.
    eve: Option<PathBuf>,
}

/// The carriers that run.
#[derive(Default)]
pub(super) struct Carriers {
    running: Vec<Carrier>,
    /// Those that a reload has taken away, until they have ended.
    leaving: Vec<Outbox>,
}

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
    /// Reads secrets, certificates and templates, while the program still may.
    pub(super) fn from(sinks: &Sinks) -> Result<Self, Failure> {
        let host = sinks.sensor.clone().unwrap_or_else(host_name);
        let mut couriers: Vec<(&'static str, Box<dyn Courier>)> = Vec::new();
        if let Some(sink) = &sinks.syslog {
            couriers.push(("syslog", Box::new(syslog(sink, &host)?)));
        }
        if let Some(sink) = &sinks.webhook {
            couriers.push(("webhook", Box::new(webhook(sink)?)));
        }
        if let Some(sink) = &sinks.alertmanager {
            let target = target(ALERTMANAGER, &sink.url, &sink.tls)?;
            let token = sink.token.as_ref().map(secret);
            let courier = Alertmanager::new(&target, &host, token.as_ref());
            couriers.push((ALERTMANAGER, Box::new(courier.map_err(|error| wrong(ALERTMANAGER, error))?)));
        }
        if let Some(sink) = &sinks.journald {
            let socket = sink.socket.as_deref().unwrap_or(Path::new(Journald::SOCKET));
            couriers.push(("journald", Box::new(Journald::new(socket))));
        }
        if let Some(sink) = &sinks.exec {
            let limit = Duration::from_secs(u64::from(sink.seconds.get()));
            let hook = ExecHook::new(&sink.command, limit).map_err(|error| wrong("exec.command", error))?;
            couriers.push(("exec", Box::new(hook)));
        }
        Ok(Self { couriers, eve: sinks.eve.as_ref().map(|sink| sink.path.clone()) })
    }

    /// Starts their threads.
    pub(super) fn start(self) -> Result<Carriers, Failure> {
        let mut carriers = Carriers::default();
        carriers.go_on_with(self)?;
        Ok(carriers)
    }
}

impl Carriers {
    /// Goes on with other couriers: queues stay where a carrier of that name is there already. Nothing changes when the
    /// alert file cannot be opened.
    pub(super) fn go_on_with(&mut self, prepared: Prepared) -> Result<(), Failure> {
        let mut couriers = prepared.couriers;
        if let Some(path) = &prepared.eve {
            let file = EveFile::new(path)
                .map_err(|error| wrong("eve.path", format!("{}: {error}", path.display())))?;
            couriers.push(("eve", Box::new(file)));
        }
        let (stay, leave): (Vec<_>, Vec<_>) =
            self.running.drain(..).partition(|c| couriers.iter().any(|(name, _)| *name == c.name));
        self.running = stay;
        self.leaving.extend(leave.into_iter().map(|carrier| carrier.outbox));
        self.leaving.iter().for_each(Outbox::closing);
        for (name, courier) in couriers {
            if let Some(carrier) = self.running.iter().find(|carrier| carrier.name == name) {
                carrier.outbox.replace(courier);
                continue;
            }
            let outbox = Outbox::start(name, ROOM, courier)
                .map_err(|error| Failure::Run(format!("cannot start a thread: {error}")))?;
            self.running.push(Carrier { name, outbox, errors: 0, sent: 0, up: true });
        }
        Ok(())
    }

    /// Puts a change into every queue.
    pub(super) fn send(&self, change: &AlertChange) {
        self.running.iter().for_each(|carrier| carrier.outbox.send(change));
    }

    /// Tells Alertmanager, which forgets what it is not told, of alerts that fired before a restart.
    pub(super) fn resume(&self, alerts: impl Iterator<Item = Alert>) {
        if let Some(manager) = self.running.iter().find(|carrier| carrier.name == ALERTMANAGER) {
            for alert in alerts {
                manager.outbox.send(&AlertChange { action: AlertAction::Repeated, alert });
            }
        }
    }

    /// How they fare.
    pub(super) fn status(&mut self) -> impl Iterator<Item = OutputStatus> + '_ {
        self.running.iter_mut().map(|carrier| {
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

impl Drop for Carriers {
    fn drop(&mut self) {
        // All at once: each may take its time.
        self.running.iter().for_each(|carrier| carrier.outbox.closing());
    }
}

fn syslog(sink: &SyslogSink, host: &str) -> Result<Syslog, Failure> {
    let transport = match sink.transport {
        Transport::Udp => SyslogTransport::Udp,
        Transport::Tcp => SyslogTransport::Tcp,
        Transport::Tls => SyslogTransport::Tls(tls("syslog", &sink.tls)?),
    };
    if sink.transport != Transport::Tls && sink.tls != TlsClient::default() {
        return Err(wrong("syslog.tls", "has no meaning without transport: tls"));
    }
    Ok(Syslog::new(sink.address, transport, host))
}

fn webhook(sink: &WebhookSink) -> Result<Webhook, Failure> {
    let template = sink.template.as_ref().map(|path| {
        fs::read_to_string(path)
            .map_err(|error| wrong("webhook.template", format!("{}: {error}", path.display())))
    });
    let template = template.transpose()?;
    let [key, token] = [&sink.key, &sink.token].map(|place| place.as_ref().map(secret));
    let target = target("webhook", &sink.url, &sink.tls)?;
    Webhook::new(target, template.as_deref(), key.as_ref(), token.as_ref())
        .map_err(|error| wrong("webhook", error))
}

fn target(sink: &str, url: &str, options: &TlsClient) -> Result<HttpTarget, Failure> {
    let target: HttpTarget = url.parse().map_err(|error| wrong(&format!("{sink}.url"), error))?;
    if target.is_secure() {
        Ok(target.with_tls(tls(sink, options)?))
    } else if *options == TlsClient::default() {
        Ok(target)
    } else {
        Err(wrong(&format!("{sink}.tls"), "has no meaning for a url that begins with http://"))
    }
}

fn tls(sink: &str, options: &TlsClient) -> Result<Tls, Failure> {
    let TlsClient { ca_file, cert_file, key_file, server_name } = options.clone();
    Tls::new(&TlsOptions { ca_file, cert_file, key_file, server_name })
        .map_err(|error| wrong(&format!("{sink}.tls"), error))
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
    use swarmscope::config::{AlertmanagerSink, Config};

    fn mistake(sinks: &Sinks) -> String {
        match Prepared::from(sinks) {
            Err(Failure::Usage(text)) => text,
            _ => panic!("it was taken"),
        }
    }

    #[test]
    fn mistakes_are_told_with_their_setting() {
        let manager = |url: &str| Sinks {
            alertmanager: Some(AlertmanagerSink { url: url.into(), token: None, tls: TlsClient::default() }),
            ..Sinks::default()
        };
        assert!(
            Prepared::from(&manager("http://127.0.0.1:9093"))
                .is_ok_and(|prepared| prepared.couriers.len() == 1)
        );
        assert!(mistake(&manager("ftp://127.0.0.1")).starts_with("sinks.alertmanager.url: "));
        let webhook = |template: Option<&str>, key| {
            let (url, template) = ("http://h/".into(), template.map(Into::into));
            let sink = WebhookSink { url, template, key, token: None, tls: TlsClient::default() };
            Sinks { webhook: Some(sink), ..Sinks::default() }
        };
        assert!(
            mistake(&webhook(Some("missing.json"), None))
                .starts_with("sinks.webhook.template: missing.json: ")
        );
        let key = Some(SecretPlace::Env("SWARMSCOPE_NO_SUCH_SECRET".into()));
        assert!(mistake(&webhook(None, key)).contains("SWARMSCOPE_NO_SUCH_SECRET"));
        for (text, why) in [
            (
                "syslog: {address: '[::1]:6514', transport: tls, tls: {ca_file: none.pem}}",
                "sinks.syslog.tls: none.pem",
            ),
            ("syslog: {address: '[::1]:514', tls: {ca_file: a.pem}}", "sinks.syslog.tls: has no meaning"),
            ("webhook: {url: 'https://h/', tls: {ca_file: none.pem}}", "sinks.webhook.tls: none.pem"),
            ("webhook: {url: 'http://h/', tls: {ca_file: a.pem}}", "sinks.webhook.tls: has no meaning"),
            ("exec: {command: [ls]}", "sinks.exec.command: 'ls' is not the whole path"),
            ("exec: {command: []}", "sinks.exec.command: "),
        ] {
            let config = Config::parse(Path::new("c.yaml"), &format!("sinks:\n  {text}\n")).unwrap();
            assert!(mistake(&config.sinks).starts_with(why), "{}", mistake(&config.sinks));
        }
    }
}
