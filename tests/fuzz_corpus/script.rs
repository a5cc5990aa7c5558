//! The language of the targets that take more than one message: bytes that tell a sequence of packets.
//!
//! Every byte string is a script, so that a fuzzer never wastes a mutation, and packets can be written as one, so that the
//! protocol vectors seed the corpus.

use std::collections::HashMap;
use std::time::Duration;
use swarmscope::base::{Endpoint, Timestamp};
use swarmscope::capture::{LinkType, OwnedPacket};
use swarmscope::frame::{Tcp, build};

/// Reads a script; at its end every field is 0.
#[derive(Clone, Copy, Debug)]
pub struct Script<'a>(pub &'a [u8]);

impl<'a> Script<'a> {
    pub const fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub fn u8(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    pub fn u16(&mut self) -> u16 {
        u16::from_le_bytes([self.u8(), self.u8()])
    }

    /// A length of two bytes, and that many bytes or what is left.
    pub fn bytes(&mut self) -> &'a [u8] {
        let len = usize::from(self.u16()).min(self.0.len());
        let (taken, rest) = self.0.split_at(len);
        self.0 = rest;
        taken
    }
}

/// Home hosts, remote ones, and the groups of local discovery.
const HOSTS: [[&str; 2]; 8] = [
    ["192.168.1.10", "198.51.100.7"],
    ["192.168.1.11", "203.0.113.9"],
    ["192.168.1.10", "192.168.1.11"],
    ["192.168.1.10", "239.192.152.143"],
    ["fd00::10", "2001:db8::7"],
    ["fe80::1", "ff15::efc0:988f"],
    ["198.51.100.7", "203.0.113.9"],
    ["192.168.1.10", "192.168.1.1"],
];
const PORTS: [[u16; 2]; 12] = [
    [51_413, 6_881],
    [6_881, 6_881],
    [50_000, 6_969],
    [50_001, 80],
    [6_771, 6_771],
    [50_002, 443],
    [50_003, 5_351],
    [1_900, 1_900],
    [50_004, 8_999],
    [50_005, 3_478],
    [45_000, 7_680],
    [40_000, 40_001],
];
/// Link types of raw records, supported and not.
pub const LINKS: [LinkType; 12] = [
    LinkType::ETHERNET,
    LinkType::RAW,
    LinkType::NULL,
    LinkType::LOOP,
    LinkType::LINUX_SLL,
    LinkType::LINUX_SLL2,
    LinkType::IPV4,
    LinkType::IPV6,
    LinkType(9),
    LinkType(51),
    LinkType(104),
    LinkType(105),
];

/// One packet to be, fields in the order of the script.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// See [`CARRIERS`]; the bits above are the constants below.
    pub how: u8,
    /// Index into [`HOSTS`] and, times 8, into [`PORTS`].
    pub ends: u8,
    /// TCP flags; 0 for an ordinary segment.
    pub flags: u8,
    /// The square root of the milliseconds since the packet before.
    pub pause: u8,
    pub payload: &'a [u8],
}

/// What packets travel in: Ethernet, VLAN, VXLAN, GRE, IP fragments, bytes as they are, cooked, raw IP.
const CARRIERS: u8 = 0b111;
pub const RAW: u8 = 5;
pub const IS_TCP: u8 = 1 << 3;
pub const REPLY: u8 = 1 << 4;
const CUT: u8 = 1 << 5;
const AGAIN: u8 = 1 << 6;
const LONG_PAUSE: u8 = 1 << 7;

impl<'a> Record<'a> {
    pub fn read(script: &mut Script<'a>) -> Self {
        let [how, ends, flags, pause] = [(); 4].map(|()| script.u8());
        Self { how, ends, flags, pause, payload: script.bytes() }
    }

    pub fn write(&self, script: &mut Vec<u8>) {
        let len = u16::try_from(self.payload.len()).unwrap_or(u16::MAX);
        script.extend([self.how, self.ends, self.flags, self.pause]);
        script.extend(len.to_le_bytes());
        script.extend(&self.payload[..usize::from(len)]);
    }
}

/// Makes the packets of a script.
#[derive(Debug)]
pub struct Stage {
    now: Timestamp,
    /// What each sender sends next.
    sequences: HashMap<(Endpoint, Endpoint), u32>,
    identification: u16,
}

impl Default for Stage {
    fn default() -> Self {
        Self { now: Timestamp::from_secs(1_700_000_000), sequences: HashMap::new(), identification: 1 }
    }
}

impl Stage {
    /// The packets of a record, in the order they are captured.
    pub fn perform(&mut self, record: &Record<'_>) -> Vec<OwnedPacket> {
        let pause = u64::from(record.pause).pow(2);
        let long = record.how & LONG_PAUSE != 0;
        self.now = self.now + Duration::from_millis(if long { pause * 100 } else { pause });
        if record.how & CARRIERS == RAW {
            let link = LINKS[usize::from(record.ends) % LINKS.len()];
            return vec![self.captured(link, record.payload.to_vec(), record.how)];
        }
        let ip = self.ip(record);
        let (a, b) = (endpoint("10.0.0.1", 4_789), endpoint("10.0.0.2", 4_789));
        let ethernet = LinkType::ETHERNET;
        let (link, frames) = match record.how & CARRIERS {
            1 => (ethernet, vec![build::vlan(&[7, 8], &ip)]),
            2 => {
                (ethernet, vec![build::ethernet(&build::udp(a, b, &build::vxlan(9, &build::ethernet(&ip))))])
            }
            3 => {
                let inside = build::gre(build::ethertype(&ip), &ip);
                (ethernet, vec![build::ethernet(&build::ip(a.address, b.address, 47, &inside))])
            }
            4 => {
                let id = u32::from(self.identification);
                (ethernet, build::fragments(&ip, 64, id).iter().map(|f| build::ethernet(f)).collect())
            }
            6 => {
                let kind = build::ethertype(&ip).to_be_bytes();
                (
                    LinkType::LINUX_SLL,
                    vec![[&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0][..], &kind, &ip].concat()],
                )
            }
            7 => (LinkType::RAW, vec![ip]),
            _ => (ethernet, vec![build::ethernet(&ip)]),
        };
        frames.into_iter().map(|frame| self.captured(link, frame, record.how)).collect()
    }

    fn ip(&mut self, record: &Record<'_>) -> Vec<u8> {
        let [a, b] = HOSTS[usize::from(record.ends) % HOSTS.len()];
        let [c, d] = PORTS[usize::from(record.ends) / HOSTS.len() % PORTS.len()];
        let (a, b) = (endpoint(a, c), endpoint(b, d));
        let (src, dst) = if record.how & REPLY == 0 { (a, b) } else { (b, a) };
        self.identification = self.identification.wrapping_add(1);
        let packet = if record.how & IS_TCP == 0 {
            build::udp(src, dst, record.payload)
        } else {
            let flags = if record.flags == 0 { Tcp::ACK } else { record.flags };
            let len = record.payload.len() as u32;
            let ack = self.sequences.get(&(dst, src)).copied().unwrap_or_default();
            let next = self.sequences.entry((src, dst)).or_insert(u32::MAX - 1_000);
            let seq = if record.how & AGAIN == 0 { *next } else { next.wrapping_sub(len) };
            *next = seq.wrapping_add(len).wrapping_add(u32::from(flags & Tcp::SYN != 0));
            build::tcp(src, dst, Tcp { seq, ack, flags, urgent: 0 }, record.payload)
        };
        build::with_id(packet, self.identification)
    }

    fn captured(&self, link: LinkType, mut data: Vec<u8>, how: u8) -> OwnedPacket {
        let wire_len = data.len() as u32;
        if how & CUT != 0 {
            data.truncate(data.len().min(96).max(data.len() / 2));
        }
        OwnedPacket { wire_len, ..OwnedPacket::whole(self.now, link, data) }
    }
}

fn endpoint(address: &str, port: u16) -> Endpoint {
    Endpoint::new(address.parse().unwrap(), port)
}
