//! Replays the captures of `tests/captures` under other addresses.

use crate::random::Random;
use crate::stage::Scene;
use std::collections::{BTreeSet, HashSet};
use std::error::Error;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;
use swarmscope::frame::build;

const IPV4: [u8; 2] = [0x08, 0x00];

/// A capture, and where the addresses of its hosts stand in it: in headers, and in the compact node info, tracker
/// answers and peer lists that name them.
pub struct Template {
    /// What it is called.
    pub name: String,
    /// How many flows its IPv4 packets belong to.
    pub flows: u64,
    packets: Vec<(Duration, Vec<u8>)>,
    mentions: Vec<Vec<(usize, usize)>>,
    hosts: Vec<[u8; 4]>,
}

impl Template {
    /// Reads a capture of Ethernet frames; what is not IPv4 is left out.
    pub fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        let mut capture = pcap::Capture::from_file(path)?;
        let mut packets = Vec::new();
        let mut begin = None;
        while let Ok(packet) = capture.next_packet() {
            let stamp = packet.header.ts;
            let at = Duration::new(u64::try_from(stamp.tv_sec)?, u32::try_from(stamp.tv_usec)? * 1000);
            if packet.data.get(12..14) == Some(&IPV4) && packet.data.len() >= 34 {
                packets.push((at.saturating_sub(*begin.get_or_insert(at)), packet.data.to_vec()));
            }
        }
        let hosts: Vec<[u8; 4]> =
            packets.iter().flat_map(|(_, p)| addresses(p)).collect::<BTreeSet<_>>().into_iter().collect();
        let flows: HashSet<[Vec<u8>; 2]> = packets.iter().filter_map(|(_, p)| flow(p)).collect();
        let mentions = packets.iter().map(|(_, packet)| mentions(packet, &hosts)).collect();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, flows: flows.len() as u64, packets, mentions, hosts })
    }

    /// How many packets one replay yields.
    pub fn len(&self) -> u64 {
        self.packets.len() as u64
    }
}

/// Source and destination; not multicast and broadcast, which stay what they are.
fn addresses(packet: &[u8]) -> impl Iterator<Item = [u8; 4]> {
    [26, 30]
        .into_iter()
        .map(|at| std::array::from_fn(|i| packet[at + i]))
        .filter(|a: &[u8; 4]| (1..224).contains(&a[0]))
}

fn flow(packet: &[u8]) -> Option<[Vec<u8>; 2]> {
    let (protocol, header) = (packet[23], usize::from(packet[14] & 15) * 4);
    let ports = packet.get(14 + header..18 + header).filter(|_| protocol == 6 || protocol == 17)?;
    let mut ends = [
        [&[protocol], &packet[26..30], &ports[..2]].concat(),
        [&[protocol], &packet[30..34], &ports[2..]].concat(),
    ];
    ends.sort();
    Some(ends)
}

/// Offset and host of every place after the link header where the four bytes of a host's address stand.
fn mentions(packet: &[u8], hosts: &[[u8; 4]]) -> Vec<(usize, usize)> {
    let places = packet.windows(4).enumerate().skip(26);
    places
        .filter_map(|(at, window)| Some((at, hosts.binary_search(&window.try_into().ok()?).ok()?)))
        .collect()
}

/// One performance of a [`Template`].
pub struct Replay {
    template: Rc<Template>,
    cast: Vec<[u8; 4]>,
    next: usize,
}

impl Replay {
    /// Hosts inside stay inside, hosts outside stay outside, each under a new address.
    pub fn new(template: Rc<Template>, random: &mut Random) -> Self {
        let cast = template.hosts.iter().map(|host| match host {
            [192, 168, _, _] => [&[10, 1], &random.next().to_le_bytes()[..2]].concat(),
            _ => [&[198, 18 + random.below(2) as u8], &random.next().to_le_bytes()[..2]].concat(),
        });
        let cast = cast.map(|address| std::array::from_fn(|i| address[i])).collect();
        Self { template, cast, next: 0 }
    }
}

impl Scene for Replay {
    fn next(&mut self, _: &mut Random) -> Option<(Vec<u8>, Duration)> {
        let (at, packet) = self.template.packets.get(self.next)?;
        let mut packet = packet.clone();
        for (place, host) in &self.template.mentions[self.next] {
            packet[*place..place + 4].copy_from_slice(&self.cast[*host]);
        }
        self.next += 1;
        let later = self.template.packets.get(self.next).map_or(*at, |(later, _)| *later);
        Some((with_checksum(packet), later.saturating_sub(*at)))
    }

    fn is_bittorrent(&self) -> bool {
        true
    }
}

/// Corrects the checksum of the IPv4 header; those of TCP and UDP stay as captured, that is, wrong.
fn with_checksum(packet: Vec<u8>) -> Vec<u8> {
    let id = u16::from_be_bytes([packet[18], packet[19]]);
    let (link, ip) = packet.split_at(14);
    [link, &build::with_id(ip.to_vec(), id)].concat()
}
