//! Captures in other forms that say the same: cut anew, out of order, repeated, in fragments, wrapped. What is read from them
//! must not change.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::time::Duration;
use swarmscope::base::{Address, Endpoint, HomeNets, Transport};
use swarmscope::capture::{self, FileOptions, LinkType, Memory, OwnedPacket, PacketSource, Read};
use swarmscope::event::{FlowRecord, Grade, Kind, Reason};
use swarmscope::frame::{Tcp, build};
use swarmscope::output::{AnalysisSink, FlowContext};
use swarmscope::pipeline::{AnalyzeLimits, AnalyzeOptions, analyze_source};

/// Pieces that one direction of a connection is cut into; what follows stays whole. Openings decide, and single bytes of
/// whole files would take minutes.
const PIECES_MAX: usize = 3_000;

/// What tells a flow that cannot be read.
const SHAPES: [Reason; 6] = [
    Reason::MseShape,
    Reason::MseBursts,
    Reason::MseOneSide,
    Reason::LengthArithmetic,
    Reason::FanOut,
    Reason::UtpOpaque,
];

/// A way to say the same in other packets.
pub type Change = fn(&[OwnedPacket]) -> Vec<OwnedPacket>;

/// All of them.
pub const CHANGES: [(&str, Change); 8] = [
    ("1 byte", |p| recut(p, 1)),
    ("7 bytes", |p| recut(p, 7)),
    ("20 bytes", |p| recut(p, 20)),
    ("shuffled", shuffle),
    ("doubled", |p| p.iter().flat_map(|p| [p.clone(), later(p, 300_000, p.data.clone())]).collect()),
    ("IP fragments", |p| {
        wrap(p, |ip, n| {
            build::fragments(ip, 64.max(ip.len() / 60), n).iter().map(|f| build::ethernet(f)).collect()
        })
    }),
    ("VLAN", |p| wrap(p, |ip, _| vec![build::vlan(&[20], ip)])),
    ("VXLAN", |p| {
        let ends = ["172.31.0.1:50000", "172.31.0.2:4789"].map(|e| e.parse::<Endpoint>().unwrap());
        wrap(p, move |ip, _| {
            vec![build::ethernet(&build::udp(ends[0], ends[1], &build::vxlan(42, &build::ethernet(ip))))]
        })
    }),
];

/// The packets of a capture, of its first `flows` connections. What is no whole Ethernet frame with IP is left out.
pub fn packets(file: &Path, flows: usize) -> Vec<OwnedPacket> {
    let mut source = capture::open(&[file.to_path_buf()], &FileOptions::default()).unwrap();
    let (mut packets, mut seen) = (Vec::new(), HashMap::new());
    while let Ok(Read::Packet(packet)) = source.next_packet() {
        let packet = OwnedPacket { origin: 0, ..OwnedPacket::from(packet) };
        let Some(parcel) = Parcel::of(&packet) else { continue };
        let count = seen.len();
        if *seen.entry(parcel.pair()).or_insert(count) < flows {
            packets.push(packet);
        }
    }
    packets
}

/// What the program says: of each pair of endpoints, and of each home host.
#[derive(Debug, Default, PartialEq)]
pub struct Says {
    pub flows: BTreeMap<Pair, FlowSays>,
    pub hosts: BTreeMap<Address, BTreeSet<String>>,
}

type Pair = (Endpoint, Endpoint, &'static str);

/// Of one pair: only what is `strong` or better.
#[derive(Debug, Default, PartialEq)]
pub struct FlowSays {
    pub confirmed: bool,
    pub kinds: BTreeSet<Kind>,
    pub info_hashes: BTreeSet<String>,
    /// Unreadable: told by the shape of an exchange, by how random its first bytes look and by the lengths of writes, which
    /// depend on how many bytes come at once.
    pub by_shape: bool,
}

/// Analyzes packets.
pub fn says(packets: &[OwnedPacket], home: &HomeNets) -> Says {
    let mut collector = Collector::default();
    let options = AnalyzeOptions { home: home.clone(), ..AnalyzeOptions::default() };
    let mut source = Memory::new(packets.to_vec());
    let report = analyze_source(&mut source, &options, AnalyzeLimits::default(), &mut collector).unwrap();
    assert_eq!(report.coverage.panics, 0);
    for host in &report.hosts {
        let facts = collector.0.hosts.entry(host.address).or_default();
        facts.extend(host.torrents.iter().map(ToString::to_string));
        facts.extend(host.clients.iter().map(|c| c.name.clone()));
    }
    collector.0
}

impl Says {
    /// Where two forms of one capture are read differently. Unless it must be `exact`, one flow told by shape may differ,
    /// or one in ten.
    pub fn differences(&self, other: &Self, exact: bool) -> Vec<String> {
        let (mut found, mut excused) = (Vec::new(), Vec::new());
        if self.hosts != other.hosts {
            found.push(format!("hosts {:?}\n    became {:?}", self.hosts, other.hosts));
        }
        let none = FlowSays::default();
        let keys: BTreeSet<&Pair> = self.flows.keys().chain(other.flows.keys()).collect();
        for key in keys {
            let (a, b) = (self.flows.get(key).unwrap_or(&none), other.flows.get(key).unwrap_or(&none));
            if (a.confirmed, &a.kinds, &a.info_hashes) != (b.confirmed, &b.kinds, &b.info_hashes) {
                let list = if a.by_shape || b.by_shape { &mut excused } else { &mut found };
                list.push(format!("{key:?} {a:?}\n    became {b:?}"));
            }
        }
        let told_by_shape = self.flows.values().filter(|f| f.by_shape).count();
        if exact || excused.len() > 1.max(told_by_shape / 10) {
            found.append(&mut excused);
        }
        found
    }
}

#[derive(Default)]
struct Collector(Says);

impl AnalysisSink for Collector {
    fn flow(&mut self, record: &FlowRecord, _: &FlowContext<'_>) {
        let label = &record.label;
        if label.grade < Some(Grade::Strong) {
            return;
        }
        let ends = [record.originator, record.responder];
        let key = (*ends.iter().min().unwrap(), *ends.iter().max().unwrap(), record.transport.name());
        let says = self.0.flows.entry(key).or_default();
        says.confirmed |= label.grade == Some(Grade::Confirmed);
        says.kinds.extend(label.kinds.iter());
        says.info_hashes.extend(label.info_hashes.iter().map(ToString::to_string));
        says.by_shape |= SHAPES.iter().any(|&r| label.reasons.contains(r));
    }
}

/// A TCP segment or UDP datagram inside an Ethernet frame.
struct Parcel<'a> {
    /// The whole IP packet.
    ip: &'a [u8],
    ends: [Endpoint; 2],
    transport: Transport,
    header: Tcp,
    payload: &'a [u8],
}

impl<'a> Parcel<'a> {
    fn of(packet: &'a OwnedPacket) -> Option<Self> {
        if packet.link != LinkType::ETHERNET || packet.data.len() < packet.wire_len as usize {
            return None;
        }
        let mut at = 12;
        while packet.data.get(at..at + 2)? == [0x81, 0x00] {
            at += 4;
        }
        let ip = packet.data.get(at + 2..)?;
        let word = |bytes: &[u8], at: usize| Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
        let long = |bytes: &[u8], at: usize| Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
        let (number, addresses, start, total) = match (word(&packet.data, at)?, ip.first()?) {
            // Without options, and no fragment.
            (0x0800, 0x45) if word(ip, 6)? & 0x3fff == 0 => {
                let four = |at: usize| Some(Address::v4(*ip.get(at..)?.first_chunk()?));
                (*ip.get(9)?, [four(12)?, four(16)?], 20, word(ip, 2)? as usize)
            }
            (0x86dd, _) => {
                let six = |at: usize| Some(Address(*ip.get(at..)?.first_chunk()?));
                (*ip.get(6)?, [six(8)?, six(24)?], 40, word(ip, 4)? as usize + 40)
            }
            _ => return None,
        };
        let ip = ip.get(..total)?;
        let segment = ip.get(start..)?;
        let ends =
            [Endpoint::new(addresses[0], word(segment, 0)?), Endpoint::new(addresses[1], word(segment, 2)?)];
        let (transport, header, skip) = match number {
            6 => {
                let flags = *segment.get(13)?;
                let header =
                    Tcp { seq: long(segment, 4)?, ack: long(segment, 8)?, flags, urgent: word(segment, 18)? };
                (Transport::Tcp, header, usize::from(segment.get(12)? >> 4) * 4)
            }
            17 => (Transport::Udp, Tcp::default(), 8),
            _ => return None,
        };
        Some(Self { ip, ends, transport, header, payload: segment.get(skip..)? })
    }

    fn pair(&self) -> Pair {
        let [a, b] = self.ends;
        (a.min(b), a.max(b), self.transport.name())
    }
}

/// A packet of the same moment, or a little later.
fn later(packet: &OwnedPacket, nanos: u64, data: Vec<u8>) -> OwnedPacket {
    OwnedPacket::whole(packet.at + Duration::from_nanos(nanos), packet.link, data)
}

/// Cuts TCP segments into pieces of `size` bytes.
fn recut(packets: &[OwnedPacket], size: usize) -> Vec<OwnedPacket> {
    let mut cut: HashMap<[Endpoint; 2], usize> = HashMap::new();
    let mut out = Vec::new();
    for packet in packets {
        let parcel = Parcel::of(packet).unwrap();
        let so_far = cut.entry(parcel.ends).or_default();
        let is_syn = parcel.header.has(Tcp::SYN);
        if parcel.transport == Transport::Udp
            || parcel.payload.len() <= size
            || is_syn
            || *so_far > PIECES_MAX
        {
            out.push(packet.clone());
            continue;
        }
        let last = (parcel.payload.len() - 1) / size;
        *so_far += last + 1;
        for (n, piece) in parcel.payload.chunks(size).enumerate() {
            let mut header = parcel.header;
            header.seq = header.seq.wrapping_add((n * size) as u32);
            if n < last {
                header.flags &= !(Tcp::FIN | Tcp::RST);
            }
            let ip = build::tcp(parcel.ends[0], parcel.ends[1], header, piece);
            out.push(later(packet, n as u64, build::ethernet(&ip)));
        }
    }
    out
}

/// Reverses runs of up to four packets of one direction that carry data: a network reorders what is under way at once, and
/// not the answer before the question.
fn shuffle(packets: &[OwnedPacket]) -> Vec<OwnedPacket> {
    let movable = |packet: &OwnedPacket| {
        let parcel = Parcel::of(packet).unwrap();
        let fixed = parcel.header.flags & (Tcp::SYN | Tcp::FIN | Tcp::RST) != 0 || parcel.payload.is_empty();
        (!fixed).then_some(parcel.ends)
    };
    let mut out = packets.to_vec();
    let mut at = 0;
    while at < packets.len() {
        let ends = movable(&packets[at]);
        let run =
            packets[at..].iter().take(4).take_while(|p| ends.is_some() && movable(p) == ends).count().max(1);
        for n in 0..run {
            out[at + n].data = packets[at + run - 1 - n].data.clone();
            out[at + n].wire_len = out[at + n].data.len() as u32;
        }
        at += run;
    }
    out
}

/// Gives every IP packet another frame, or several.
fn wrap(packets: &[OwnedPacket], frames: impl Fn(&[u8], u32) -> Vec<Vec<u8>>) -> Vec<OwnedPacket> {
    let each = |(n, packet): (usize, &OwnedPacket)| {
        let frames = frames(Parcel::of(packet).unwrap().ip, n as u32);
        let packet = packet.clone();
        frames.into_iter().enumerate().map(move |(i, frame)| later(&packet, i as u64, frame))
    };
    packets.iter().enumerate().flat_map(each).collect()
}
