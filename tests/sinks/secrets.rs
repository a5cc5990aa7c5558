//! Secrets stay secret: in no log line, no error, no debugging output, whatever the receiver does.

use super::{changes, web};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use swarmscope::output::sinks::{Alertmanager, Outbox, Secret, TlsClient, TlsOptions, Webhook};
use tracing_subscriber::fmt::MakeWriter;

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[test]
fn secrets_are_never_logged() {
    let log = Log::default();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    // Of the whole process: the sinks have threads of their own.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let file = std::env::temp_dir().join(format!("swarmscope-secret-{}", std::process::id()));
    std::fs::write(&file, "hunter2-in-a-file\n").unwrap();
    let secret = Secret::File(file.clone());
    let (target, told) = web(&[
        "HTTP/1.1 503 Busy\r\n\r\n",
        "no HTTP at all",
        "HTTP/1.1 403 hunter2-in-a-file\r\n\r\n",
        "HTTP/1.1 401 Who are you?\r\n\r\n",
    ]);
    let webhook = Webhook::new(target.clone(), None, Some(&secret), Some(&secret)).unwrap();
    let outbox = Outbox::start("webhook", 10, webhook).unwrap();
    outbox.send(&changes(1)[0]);
    let heads: Vec<String> = told.iter().take(3).map(|(head, _)| head).collect();
    assert!(heads.iter().all(|head| head.contains("Authorization: Bearer hunter2-in-a-file\r\n")));
    outbox.close();
    let outbox =
        Outbox::start("alertmanager", 10, Alertmanager::new(&target, "s", Some(&secret)).unwrap()).unwrap();
    outbox.send(&changes(1)[0]);
    assert!(told.recv().unwrap().0.contains("Authorization: Bearer hunter2-in-a-file\r\n"));
    outbox.close();

    // A secret of the wrong form, and a key of TLS that is none.
    std::fs::write(&file, "hunter2-in-a-file\u{7}\n").unwrap();
    let error = secret.read().unwrap_err().to_string();
    let (cert, _) = super::receivers::certificate("a");
    let options = TlsOptions {
        ca_file: Some(cert.clone()),
        cert_file: Some(cert),
        key_file: Some(file.clone()),
        server_name: None,
    };
    let other = TlsClient::new(&options).unwrap_err().to_string();
    std::fs::remove_file(file).unwrap();

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("alert not delivered yet") && log.contains("alert refused"), "{log}");
    for text in [log, error, other, format!("{secret:?}")] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}
