//! Event files: JSON Lines in the Suricata EVE envelope plus one `p2p` object, section 1 of the output contract.

use super::{JsonWriter, alerts, community_id, json, words};
use crate::base::{Address, Endpoint, InfoHash, Timestamp, Transport, hex};
use crate::event::{Channel, Client, DhtMessage, Direction, FlowRecord, Label};
use crate::ledger::Standing;
use crate::ledger::report::{Coverage, HostReport, TorrentReport};
use crate::policy::AlertChange;
use std::io::{self, Write};

/// Where a flow was captured and how it was wrapped: the parts of the envelope that the flow itself does not know.
#[derive(Clone, Copy, Debug, Default)]
pub struct FlowContext<'a> {
    /// Name of the capture file.
    pub file: Option<&'a str>,
    /// Name of the capture interface.
    pub interface: Option<&'a str>,
    /// VLAN ids, outermost first.
    pub vlans: &'a [u16],
    /// Encapsulations that were taken off, outermost first, e.g. `gre`.
    pub tunnels: &'a [&'a str],
}

/// One DHT message on its way.
#[derive(Clone, Copy, Debug)]
pub struct DhtEvent<'a> {
    /// Packet time.
    pub at: Timestamp,
    /// Who sent it.
    pub sender: Endpoint,
    /// To whom.
    pub receiver: Endpoint,
    /// What it says.
    pub message: &'a DhtMessage<'a>,
}

/// News of a torrent.
#[derive(Clone, Copy, Debug)]
pub enum TorrentEvent<'a> {
    /// An info-hash was seen with a home host for the first time.
    FirstSeen {
        /// Packet time.
        at: Timestamp,
        /// Which torrent.
        info_hash: InfoHash,
        /// With which home host.
        host: Address,
        /// By which way.
        channel: Channel,
    },
    /// What is known of it at the end.
    Summary {
        /// End of the analysis in packet time.
        at: Timestamp,
        /// The torrent.
        torrent: &'a TorrentReport,
    },
}

/// A change at a home host.
#[derive(Clone, Copy, Debug)]
pub struct HostEvent<'a> {
    /// Packet time.
    pub at: Timestamp,
    /// Which host.
    pub address: Address,
    /// Whether it still takes part, and how that is known.
    pub standing: &'a Standing,
    /// What is known of it, where the event tells it.
    pub host: Option<&'a HostReport>,
}

/// Writes events, one line each.
///
/// Lines are handed to `out` whole; give it a [`BufWriter`](io::BufWriter).
#[derive(Debug)]
pub struct EventWriter<W: Write> {
    out: W,
    json: JsonWriter,
}

impl<W: Write> EventWriter<W> {
    /// A writer of events to `out`.
    pub fn new(out: W) -> Self {
        Self { out, json: JsonWriter::compact() }
    }

    /// The output, for callers that write to memory.
    #[must_use]
    pub fn into_inner(self) -> W {
        self.out
    }

    /// What it writes to.
    pub fn inner_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// A `flow` event, stamped with the time of the flow's last packet. Without a grade there is no `p2p` object.
    ///
    /// # Errors
    /// Those of the output.
    pub fn flow(&mut self, record: &FlowRecord, context: &FlowContext<'_>) -> io::Result<()> {
        self.write(|w| flow_members(w, record, context))
    }

    /// A `dht` event. `src` is the sender of this message.
    ///
    /// # Errors
    /// Those of the output.
    pub fn dht(&mut self, event: &DhtEvent<'_>, context: &FlowContext<'_>) -> io::Result<()> {
        self.line(event.at, "dht", |w| {
            envelope(w, event.sender, event.receiver, Transport::Udp, context);
            w.key("app_proto").string("bittorrent");
            w.key("p2p").object(|w| {
                w.key("family").string("bittorrent");
                w.key("kinds").array(|w| w.string("dht"));
                w.key("dht").object(|w| dht(w, event.message));
            });
        })
    }

    /// A `torrent` event.
    ///
    /// # Errors
    /// Those of the output.
    pub fn torrent(&mut self, event: &TorrentEvent<'_>) -> io::Result<()> {
        match *event {
            TorrentEvent::FirstSeen { at, info_hash, host, channel } => self.line(at, "torrent", |w| {
                w.key("src_ip").plain(host);
                w.key("p2p").object(|w| {
                    w.key("action").string("first-seen");
                    w.key("info_hash").plain(info_hash);
                    w.key("host").plain(host);
                    w.key("channel").string(channel.label());
                });
            }),
            TorrentEvent::Summary { at, torrent } => self.line(at, "torrent", |w| {
                w.key("p2p").object(|w| {
                    w.key("action").string("summary");
                    json::torrent(w, torrent);
                });
            }),
        }
    }

    /// A `host` event.
    ///
    /// # Errors
    /// Those of the output.
    pub fn host(&mut self, event: &HostEvent<'_>) -> io::Result<()> {
        self.line(event.at, "host", |w| {
            w.key("src_ip").plain(event.address);
            w.key("p2p").object(|w| match event.host {
                Some(host) => json::host(w, host),
                None => {
                    w.key("address").plain(event.address);
                    json::standing(w, event.standing);
                }
            });
        })
    }

    /// A `stats` event: the coverage of the sensor so far.
    ///
    /// # Errors
    /// Those of the output.
    pub fn stats(&mut self, at: Timestamp, coverage: &Coverage) -> io::Result<()> {
        self.line(at, "stats", |w| {
            w.key("p2p").object(|w| w.key("coverage").object(|w| json::coverage(w, coverage)));
        })
    }

    /// An `alert` event.
    ///
    /// # Errors
    /// Those of the output.
    pub fn alert(&mut self, change: &AlertChange) -> io::Result<()> {
        self.line(change.alert.at, "alert", |w| alerts::event(w, change))
    }

    /// Hands everything buffered on.
    ///
    /// # Errors
    /// Those of the output.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn line(&mut self, at: Timestamp, kind: &str, fill: impl FnOnce(&mut JsonWriter)) -> io::Result<()> {
        self.write(|w| {
            head(w, at, kind);
            fill(w);
        })
    }

    fn write(&mut self, fill: impl FnOnce(&mut JsonWriter)) -> io::Result<()> {
        self.json.clear();
        self.json.object(fill);
        self.out.write_all(self.json.text().as_bytes())?;
        self.out.write_all(b"\n")
    }
}

fn head(w: &mut JsonWriter, at: Timestamp, kind: &str) {
    w.key("timestamp").plain(at);
    w.key("event_type").string(kind);
}

/// The members of a `flow` event.
pub(super) fn flow_members(w: &mut JsonWriter, record: &FlowRecord, context: &FlowContext<'_>) {
    let family = words::family_of(record.label.kinds).filter(|_| record.label.grade.is_some());
    head(w, record.end, "flow");
    w.key("flow_id").number(record.id());
    envelope(w, record.originator, record.responder, record.transport, context);
    if let Some(family) = family {
        w.key("app_proto").string(family);
    }
    w.key("flow").object(|w| flow(w, record));
    if let Some(family) = family {
        w.key("p2p").object(|w| label(w, family, record.transport, &record.label));
    }
}

fn envelope(
    w: &mut JsonWriter,
    src: Endpoint,
    dest: Endpoint,
    transport: Transport,
    context: &FlowContext<'_>,
) {
    w.key("community_id").plain(community_id(src, dest, transport));
    if let Some(interface) = context.interface {
        w.key("in_iface").string(interface);
    }
    if let Some(file) = context.file {
        w.key("pcap_filename").string(file);
    }
    if !context.vlans.is_empty() {
        w.key("vlan").array(|w| context.vlans.iter().for_each(|&id| w.number(id)));
    }
    if !context.tunnels.is_empty() {
        w.key("tunnels").array(|w| context.tunnels.iter().for_each(|name| w.string(name)));
    }
    w.key("proto").string(transport.name());
    w.key("src_ip").plain(src.address);
    w.key("src_port").number(src.port);
    w.key("dest_ip").plain(dest.address);
    w.key("dest_port").number(dest.port);
}

fn flow(w: &mut JsonWriter, record: &FlowRecord) {
    let [toserver, toclient] = record.sent;
    for (key, count) in [
        ("pkts_toserver", toserver.packets),
        ("pkts_toclient", toclient.packets),
        ("bytes_toserver", toserver.bytes),
        ("bytes_toclient", toclient.bytes),
        ("payload_toserver", toserver.payload),
        ("payload_toclient", toclient.payload),
    ] {
        w.key(key).number(count);
    }
    w.key("start").plain(record.start);
    w.key("end").plain(record.end);
    w.key("state").string(record.state.label());
    w.key("reason").string(record.reason.label());
    w.key("midstream").boolean(record.midstream);
    w.key("one_way").boolean(record.one_way);
}

fn label(w: &mut JsonWriter, family: &str, transport: Transport, label: &Label) {
    w.key("family").string(family);
    w.key("kinds").array(|w| label.kinds.iter().for_each(|kind| w.string(kind.label())));
    w.key("grade").optional(label.grade, |w, grade| w.string(grade.label()));
    w.key("reasons").array(|w| label.reasons.iter().for_each(|reason| w.string(reason.label())));
    w.key("transport").string(words::transport(transport, label.kinds));
    w.key("encryption").string(label.encryption.label());
    w.key("info_hashes").array(|w| label.info_hashes.iter().for_each(|hash| w.plain(hash)));
    w.key("client").object(|w| {
        for (key, direction) in [("src", Direction::FromOriginator), ("dest", Direction::FromResponder)] {
            let client = label.clients.get(direction.index()).and_then(Option::as_ref);
            w.key(key).optional(client, |w, Client { name, .. }| w.string(name));
        }
    });
    w.key("two_way").boolean(label.two_way);
    let [toserver, toclient] = label.pieces;
    if toserver > 0 || toclient > 0 {
        w.key("piece_bytes").object(|w| {
            w.key("toserver").number(toserver);
            w.key("toclient").number(toclient);
        });
    }
}

fn dht(w: &mut JsonWriter, message: &DhtMessage<'_>) {
    w.key("role").string(words::dht_role(message.role));
    w.key("method").optional(message.method, JsonWriter::string);
    w.key("purpose").optional(message.purpose, |w, purpose| w.string(purpose.label()));
    w.key("transaction_id").plain(hex(message.transaction));
    w.key("node_id").optional(message.node, |w, id| w.plain(id));
    w.key("target").optional(message.target, |w, target| w.plain(target));
    w.key("round_trip_ms").optional(message.round_trip, JsonWriter::millis);
    w.key("read_only").boolean(message.read_only);
    w.key("error").optional(message.error, JsonWriter::number);
    for (key, count) in ["peers", "nodes", "samples"].iter().zip(message.listed) {
        w.key(key).number(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{
        ClientSource, Counters, DhtRole, Encryption, EndReason, FlowState, Grade, Kind, Kinds, Reason,
    };
    use proptest::prelude::*;
    use serde_json::Value;

    fn written(write: impl FnOnce(&mut EventWriter<Vec<u8>>) -> io::Result<()>) -> String {
        let mut writer = EventWriter::new(Vec::new());
        write(&mut writer).unwrap();
        String::from_utf8(writer.out).unwrap()
    }

    fn record() -> FlowRecord {
        let mut reasons = crate::event::Reasons::default();
        reasons.insert(Reason::Handshake);
        FlowRecord {
            originator: "10.0.0.5:40754".parse().unwrap(),
            responder: "203.0.113.7:6881".parse().unwrap(),
            transport: Transport::Tcp,
            path: 0,
            sent: [
                Counters { packets: 51, bytes: 9_120, payload: 5_000 },
                Counters { packets: 80, bytes: 99_000, payload: 94_000 },
            ],
            start: Timestamp::from_secs(1_772_366_400),
            end: Timestamp::from_micros(1_772_366_409_120_000),
            last_stretch: [None; 2],
            state: FlowState::Closed,
            reason: EndReason::Fin,
            midstream: false,
            one_way: false,
            label: Label {
                kinds: [Kind::PeerWire].into_iter().collect(),
                grade: Some(Grade::Confirmed),
                reasons,
                encryption: Encryption::None,
                two_way: true,
                heard: [false; 2],
                info_hashes: vec![InfoHash([0x0f; 20])],
                clients: [
                    Some(Client {
                        name: "qBittorrent 4.5.2".into(),
                        source: ClientSource::PeerId,
                        engine: Some("libtorrent"),
                    }),
                    None,
                ],
                pieces: [0, 90_000],
                opens: None,
            },
            trace: None,
            opaque: crate::event::Opaque::default(),
        }
    }

    #[test]
    fn a_flow_reads_as_the_contract_shows_it() {
        let context = FlowContext {
            file: Some("x.pcap"),
            interface: Some("eth1"),
            vlans: &[20],
            tunnels: &["gre", "vxlan"],
        };
        let record = record();
        let id = record.id();
        let community = community_id(record.originator, record.responder, Transport::Tcp);
        let want = [
            r#"{"timestamp":"2026-03-01T12:00:09.120000+00:00","event_type":"flow","flow_id":"#,
            &format!(
                r#"{id},"community_id":"{community}","in_iface":"eth1","pcap_filename":"x.pcap","vlan":[20],"#
            ),
            r#""tunnels":["gre","vxlan"],"proto":"TCP","src_ip":"10.0.0.5","src_port":40754,"#,
            r#""dest_ip":"203.0.113.7","dest_port":6881,"app_proto":"bittorrent","#,
            r#""flow":{"pkts_toserver":51,"pkts_toclient":80,"bytes_toserver":9120,"bytes_toclient":99000,"#,
            r#""payload_toserver":5000,"payload_toclient":94000,"#,
            r#""start":"2026-03-01T12:00:00.000000+00:00","end":"2026-03-01T12:00:09.120000+00:00","#,
            r#""state":"closed","reason":"fin","midstream":false,"one_way":false},"#,
            r#""p2p":{"family":"bittorrent","kinds":["peer-wire"],"grade":"confirmed","reasons":["handshake"],"#,
            r#""transport":"tcp","encryption":"none","info_hashes":["0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"],"#,
            r#""client":{"src":"qBittorrent 4.5.2","dest":null},"two_way":true,"#,
            r#""piece_bytes":{"toserver":0,"toclient":90000}}}"#,
            "\n",
        ];
        assert_eq!(written(|w| w.flow(&record, &context)), want.concat());
    }

    #[test]
    fn a_flow_of_which_nothing_is_claimed_has_no_p2p_object() {
        let mut record = record();
        record.label = Label { kinds: [Kind::Dht].into_iter().collect(), ..Label::default() };
        let line: Value =
            serde_json::from_str(&written(|w| w.flow(&record, &FlowContext::default()))).unwrap();
        assert!(line.get("p2p").is_none() && line.get("app_proto").is_none() && line.get("vlan").is_none());
    }

    #[test]
    fn utp_is_a_transport_of_its_own() {
        let mut record = record();
        record.transport = Transport::Udp;
        for (kinds, word) in [(vec![Kind::Dht], "udp"), (vec![Kind::Dht, Kind::Utp], "utp")] {
            record.label.kinds = kinds.into_iter().collect::<Kinds>();
            let line: Value =
                serde_json::from_str(&written(|w| w.flow(&record, &FlowContext::default()))).unwrap();
            assert_eq!(line["p2p"]["transport"], word);
        }
    }

    #[test]
    fn the_other_events_are_objects_of_their_type() {
        let (at, host) = (Timestamp::from_secs(0), "10.0.0.5".parse().unwrap());
        let first = TorrentEvent::FirstSeen { at, info_hash: InfoHash([1; 20]), host, channel: Channel::Dht };
        let standing = Standing::default();
        let active = HostEvent { at, address: host, standing: &standing, host: None };
        for (kind, line) in [
            ("torrent", written(|w| w.torrent(&first))),
            ("host", written(|w| w.host(&active))),
            ("stats", written(|w| w.stats(at, &Coverage::default()))),
        ] {
            let line: Value = serde_json::from_str(&line).unwrap();
            assert_eq!((&line["event_type"], line["p2p"].is_object()), (&kind.into(), true));
        }
    }

    proptest! {
        #[test]
        fn every_line_is_one_line_of_json(
            method: String, transaction: Vec<u8>, file: String, name: String, error: i64
        ) {
            let message = DhtMessage {
                role: DhtRole::Error,
                method: Some(&method),
                purpose: None,
                node: None,
                target: Some(InfoHash([7; 20])),
                transaction: &transaction,
                round_trip: Some(std::time::Duration::from_micros(20_500)),
                read_only: false,
                error: Some(error),
                listed: [8, 16, 0],
                botnet: false,
            };
            let (sender, receiver) = ("10.0.0.5:6881".parse().unwrap(), "[2001:db8::1]:1".parse().unwrap());
            let event = DhtEvent { at: Timestamp(0), sender, receiver, message: &message };
            let context = FlowContext { file: Some(&file), ..FlowContext::default() };
            let mut flow = record();
            flow.label.clients[1] = Some(Client { name: name.clone(), source: ClientSource::Krpc, engine: None });
            let text = written(|w| {
                w.dht(&event, &context)?;
                w.flow(&flow, &context)
            });
            prop_assert_eq!(text.lines().count(), 2);
            let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            prop_assert_eq!(&lines[0]["p2p"]["dht"]["method"], &Value::from(method));
            prop_assert_eq!(&lines[0]["p2p"]["dht"]["round_trip_ms"], &Value::from(20.5));
            prop_assert_eq!(&lines[1]["p2p"]["client"]["dest"], &Value::from(name));
        }
    }
}
