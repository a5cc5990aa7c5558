//! Runs tshark and brings what it says of each packet into the common form.

use crate::pdml::{Element, Packets};
use crate::reading::{Protocol, Reading, Readings};
use std::collections::BTreeMap;
use std::io::BufReader;
use std::path::Path;
use std::process::{Command, Stdio};

/// The tshark on the path.
pub struct Tshark {
    /// What it calls itself.
    pub version: String,
    /// Whether it reads the UDP tracker protocol; so since 4.2.
    pub reads_trackers: bool,
}

impl Tshark {
    /// `None` when there is none.
    pub fn find() -> Option<Self> {
        let version = output(&["--version"])?.lines().next()?.to_owned();
        let protocols = output(&["-G", "protocols"])?;
        Some(Self { version, reads_trackers: protocols.contains("\tbt-tracker\n") })
    }

    /// What it reads in a capture, by packet number. Packets in which it sees nothing of BitTorrent are absent.
    pub fn read(&self, capture: &Path) -> BTreeMap<u64, Readings> {
        let tracker = if self.reads_trackers { " or bt-tracker" } else { "" };
        // ICMP quotes packets that were sent; those of them that the capture has are compared where they were sent.
        let filter =
            format!("(bt-dht or bt-utp or bittorrent.info_hash{tracker}) and not icmp and not icmpv6");
        let mut child = Command::new("tshark")
            // Unless told to, tshark does not look for uTP at all, and for KRPC not on ports of other protocols.
            .args(["-n", "--enable-heuristic", "bt_utp_udp"])
            .args(["-o", "udp.try_heuristic_first:TRUE", "-o", "tcp.try_heuristic_first:TRUE", "-T", "pdml"])
            .args(["-J", "bt-dht bt-utp bittorrent bt-tracker", "-Y", &filter, "-r"])
            .arg(capture)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("tshark starts");
        let mut packets = Packets::new(BufReader::new(child.stdout.take().expect("it is piped")));
        let mut all = BTreeMap::new();
        while let Some(protocols) = packets.next_packet().expect("PDML is readable") {
            let number = protocols.iter().find(|p| p.name == "geninfo").and_then(|p| p.child("num"));
            let number = number.and_then(|n| n.show.parse().ok()).expect("every packet has a number");
            all.insert(number, readings(&protocols));
        }
        let status = child.wait().expect("tshark ends");
        assert!(status.success(), "tshark fails on {}: {status}", capture.display());
        all
    }
}

fn output(arguments: &[&str]) -> Option<String> {
    let output = Command::new("tshark").args(arguments).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn readings(protocols: &[Element]) -> Readings {
    let mut all = Readings::new();
    for element in protocols {
        let (protocol, reading) = match &element.name[..] {
            "bt-dht" => (Protocol::Krpc, krpc(element)),
            "bt-utp" => (Protocol::Utp, utp(element)),
            "bt-tracker" => (Protocol::Tracker, tracker(element)),
            "bittorrent" if element.child("bittorrent.info_hash").is_some() => {
                (Protocol::Handshake, handshake(element))
            }
            _ => continue,
        };
        all.entry(protocol).or_insert(Reading { certain: true, ..reading });
    }
    all
}

fn handshake(element: &Element) -> Reading {
    let mut reading = Reading::default();
    reading.set_some("info-hash", value(element, "bittorrent.info_hash"));
    reading.set_some("peer id", value(element, "bittorrent.peer_id"));
    reading
}

fn utp(element: &Element) -> Reading {
    let mut reading = Reading::default();
    for (field, name) in [
        ("type", "bt-utp.type"),
        ("connection id", "bt-utp.connection_id"),
        ("seq", "bt-utp.seq_nr"),
        ("ack", "bt-utp.ack_nr"),
        ("window", "bt-utp.wnd_size"),
        ("payload length", "bt-utp.len"),
    ] {
        reading.set_some(field, show(element, name));
    }
    reading
}

fn tracker(element: &Element) -> Reading {
    let mut reading = Reading::default();
    reading.set_some("action", value(element, "bt-tracker.action"));
    reading.set_some("transaction id", value(element, "bt-tracker.transaction_id"));
    let hashes = element.children.iter().filter(|c| c.name == "bt-tracker.info_hash").map(|c| &c.value[..]);
    let hashes = hashes.collect::<Vec<_>>().join(" ");
    reading.set_some("info-hashes", (!hashes.is_empty()).then_some(hashes));
    reading
}

fn krpc(message: &Element) -> Reading {
    let complaint = message.contains("bt-dht.invalid_string");
    let mut reading = Reading { complaint, ..Reading::default() };
    reading.set_some("transaction id", entry(message, "t").map(|t| &t.value));
    let kind = entry(message, "y").map(|y| &y.value[..]);
    reading.set_some("kind", kind);
    if kind == Some(&hex("q")[..]) {
        reading.set_some("method", entry(message, "q").map(|q| &q.value));
    }
    let part = if kind == Some(&hex("q")[..]) { "a" } else { "r" };
    if let Some(dict) = entry(message, part) {
        reading.set_some("node id", entry(dict, "id").map(|id| &id.value));
        reading.set_some(
            "info-hash",
            entry(dict, "info_hash").or_else(|| entry(dict, "target")).map(|h| &h.value),
        );
        reading.set_some("token", entry(dict, "token").map(|token| &token.value));
        if part == "a" {
            return reading;
        }
        let peers =
            entry(dict, "values").map(|v| v.children.iter().filter(|c| c.name == "bt-dht.peer").count());
        reading.set("peers", peers.unwrap_or_default());
        reading.set("nodes", node_ids(entry(dict, "nodes")));
        reading.set("nodes6", node_ids(entry(dict, "nodes6")));
    }
    reading
}

fn node_ids(nodes: Option<&Element>) -> String {
    let nodes = nodes.into_iter().flat_map(|nodes| &nodes.children);
    nodes.filter_map(|node| value(node, "bt-dht.id")).collect::<Vec<_>>().join(" ")
}

/// The value of a key of a dictionary: tshark shows an entry as its key, the value, and for integers an `e` before it.
fn entry<'a>(dict: &'a Element, key: &str) -> Option<&'a Element> {
    let key = hex(key);
    let mut entries = dict.children.iter().filter(|c| c.name == "bt-dht.bencoded.dict_entry");
    let entry = entries.find(|entry| entry.children.first().is_some_and(|k| k.value == key))?;
    entry.children.get(1)
}

fn value<'a>(element: &'a Element, name: &str) -> Option<&'a str> {
    element.child(name).map(|field| &field.value[..])
}

fn show<'a>(element: &'a Element, name: &str) -> Option<&'a str> {
    element.child(name).map(|field| &field.show[..])
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}
