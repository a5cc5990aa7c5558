//! Receivers that are killed and come back: whatever fits the queue arrives.

use super::changes;
use super::receivers::{Receiver, Speaks, certificate, server, until};
use std::collections::BTreeSet;
use swarmscope::output::sinks::{
    Alertmanager, Courier, HttpTarget, Outbox, Syslog, SyslogTransport, TlsClient, TlsOptions, Webhook,
};

/// Sends ten alerts to a receiver that lives, ten to one that is dead, and ten to one that lives again; twice.
fn survives(mut receiver: Receiver, courier: impl Courier + 'static) -> Receiver {
    let outbox = Outbox::start("test", 100, courier).unwrap();
    let send = |hosts: std::ops::Range<u8>| hosts.for_each(|host| outbox.send(&changes(host)[0]));
    let arrived = |receiver: &Receiver, hosts: u8| {
        let all: BTreeSet<u8> = (0..hosts).collect();
        until("not all of it arrived", || receiver.hosts() == all);
    };
    for round in [0, 30] {
        send(round..round + 10);
        arrived(&receiver, round + 10);
        let errors = outbox.counters().errors;
        receiver.kill();
        send(round + 10..round + 20);
        until("nobody noticed", || outbox.counters().errors > errors);
        receiver.revive();
        send(round + 20..round + 30);
        arrived(&receiver, round + 30);
    }
    until("not all was told", || outbox.counters().sent == 60);
    let counters = outbox.close();
    assert_eq!((counters.sent, counters.dropped, counters.refused), (60, 0, 0));
    receiver
}

#[test]
fn syslog_in_datagrams() {
    let receiver = Receiver::start(Speaks::Datagrams);
    let courier = Syslog::new(receiver.address, SyslogTransport::Udp, "s");
    let received = survives(receiver, courier).messages();
    assert!(received.iter().all(|m| m.starts_with("<130>1 2026-03-01T12:00:09.000000+00:00 s swarmscope ")));
}

#[test]
fn syslog_in_a_stream() {
    let receiver = Receiver::start(Speaks::Frames(None));
    let courier = Syslog::new(receiver.address, SyslogTransport::Tcp, "s");
    survives(receiver, courier);
}

#[test]
fn syslog_in_tls_to_who_asks_for_a_certificate() {
    let (cert, key) = certificate("logs.example");
    let (mine, my_key) = certificate("sensor.example");
    let receiver = Receiver::start(Speaks::Frames(Some(server(&cert, &key, Some(&mine)))));
    let options = TlsOptions {
        ca_file: Some(cert),
        cert_file: Some(mine),
        key_file: Some(my_key),
        server_name: Some("logs.example".to_owned()),
    };
    let tls = TlsClient::new(&options).unwrap();
    let courier = Syslog::new(receiver.address, SyslogTransport::Tls(tls), "s");
    survives(receiver, courier);
}

#[test]
fn a_webhook() {
    let receiver = Receiver::start(Speaks::Http(None));
    let target: HttpTarget = format!("http://{}/in", receiver.address).parse().unwrap();
    survives(receiver, Webhook::new(target, None, None, None).unwrap());
}

#[test]
fn a_webhook_in_tls() {
    let (cert, key) = certificate("127.0.0.1");
    let receiver = Receiver::start(Speaks::Http(Some(server(&cert, &key, None))));
    let target: HttpTarget = format!("https://{}/in", receiver.address).parse().unwrap();
    let tls = TlsClient::new(&TlsOptions { ca_file: Some(cert), ..TlsOptions::default() }).unwrap();
    survives(receiver, Webhook::new(target.with_tls(tls), None, None, None).unwrap());
}

#[test]
fn alertmanagers_way_of_posting() {
    let receiver = Receiver::start(Speaks::Http(None));
    let target: HttpTarget = format!("http://{}", receiver.address).parse().unwrap();
    survives(receiver, Alertmanager::new(&target, "s", None).unwrap());
}

/// Who is not the one that was named gets nothing.
#[test]
fn nobody_else_is_told() {
    let (cert, key) = certificate("logs.example");
    let (other, _) = certificate("logs.example");
    let receiver = Receiver::start(Speaks::Frames(Some(server(&cert, &key, None))));
    for (ca_file, server_name) in
        [(&other, Some("logs.example".to_owned())), (&cert, None), (&cert, Some("other.example".to_owned()))]
    {
        let options = TlsOptions { ca_file: Some(ca_file.clone()), server_name, ..TlsOptions::default() };
        let tls = SyslogTransport::Tls(TlsClient::new(&options).unwrap());
        let mut courier = Syslog::new(receiver.address, tls, "s");
        let error = courier.deliver(&changes(1)[0]).unwrap_err();
        assert!(format!("{error:?}").contains("certificate"), "{error:?}");
    }
    // One that has no certificate where one is asked for is told so, and tries again.
    let (mine, _) = certificate("sensor.example");
    let strict = Receiver::start(Speaks::Http(Some(server(&cert, &key, Some(&mine)))));
    let options = TlsOptions {
        ca_file: Some(cert),
        server_name: Some("logs.example".to_owned()),
        ..TlsOptions::default()
    };
    let target: HttpTarget = format!("https://{}", strict.address).parse().unwrap();
    let target = target.with_tls(TlsClient::new(&options).unwrap());
    assert!(target.post("{}", &[]).is_err());
    assert!(receiver.messages().is_empty() && strict.messages().is_empty());
}

/// A receiver that ends without reading what it was sent is sent it again.
#[test]
fn what_was_not_read_is_sent_again() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut courier = Syslog::new(address, SyslogTransport::Tcp, "s");
    courier.deliver(&changes(1)[0]).unwrap();
    let (unread, _) = listener.accept().unwrap();
    courier.deliver(&changes(2)[0]).unwrap();
    drop((unread, listener));
    courier.refresh().unwrap_err();
    let receiver = Receiver::start_at(address, Speaks::Frames(None));
    courier.refresh().unwrap();
    until("what was not read", || receiver.hosts() == BTreeSet::from([1, 2]));
}

/// Another courier takes over the queue, and what Alertmanager has to be told again and again.
#[test]
fn a_courier_is_replaced() {
    let [old, new] = [Receiver::start(Speaks::Http(None)), Receiver::start(Speaks::Http(None))];
    let courier = |receiver: &Receiver| {
        let target: HttpTarget = format!("http://{}", receiver.address).parse().unwrap();
        Alertmanager::new(&target, "s", None).unwrap()
    };
    let outbox = Outbox::start("test", 10, courier(&old)).unwrap();
    outbox.send(&changes(1)[0]);
    until("the first", || outbox.counters().sent == 1);
    outbox.replace(courier(&new));
    outbox.send(&changes(2)[0]);
    until("the second", || new.hosts().contains(&2));
    assert!(!old.hosts().contains(&2));
    let mut first = courier(&old);
    first.deliver(&changes(3)[0]).unwrap();
    let mut second = courier(&new);
    second.take_over(first.firing());
    second.refresh().unwrap();
    assert!(new.hosts().contains(&3));
}
