//! Scripted BitTorrent: one long transfer, and many tiny conversations.

use crate::random::{Random, ipv4};
use crate::stage::Scene;
use std::collections::VecDeque;
use std::time::Duration;
use swarmscope::base::Endpoint;
use swarmscope::frame::{Tcp, build};

/// Payload of a full segment.
const SEGMENT: usize = 1448;
/// The block that clients ask for (BEP 3).
const BLOCK: usize = 16_384;

/// A plain peer connection (BEP 3) from handshake on: requests one way, pieces in full frames the other.
pub struct Transfer {
    peers: [Endpoint; 2],
    sent: [u32; 2],
    left: u64,
    block: u32,
    waiting: VecDeque<(usize, u8, Vec<u8>)>,
    begun: bool,
}

impl Transfer {
    /// A transfer of about this many packets.
    pub fn new(packets: u64, random: &mut Random) -> Self {
        let peers = [random.inside(), random.outside(51_413)];
        let sent = [random.next() as u32, random.next() as u32];
        Self { peers, sent, left: packets, block: 0, waiting: VecDeque::new(), begun: false }
    }

    fn open(&mut self, random: &mut Random) {
        self.begun = true;
        let info_hash = random.id();
        let handshake = |id: &[u8; 20]| [b"\x13BitTorrent protocol", &[0; 8][..], &info_hash, id].concat();
        let [mine, theirs] = [random.id(), random.id()].map(|id| {
            std::array::from_fn(|i| match i {
                0..8 => b"-qB4520-"[i],
                i => b'A' + id[i] % 26,
            })
        });
        self.waiting.extend([
            (0, Tcp::SYN, Vec::new()),
            (1, Tcp::SYN | Tcp::ACK, Vec::new()),
            (0, Tcp::ACK, Vec::new()),
            (0, Tcp::ACK, handshake(&mine)),
            (1, Tcp::ACK, handshake(&theirs)),
            (1, Tcp::ACK, [&[0, 0, 0, 126, 5], &[0xff; 125][..]].concat()),
            (0, Tcp::ACK, vec![0, 0, 0, 1, 2]),
            (1, Tcp::ACK, vec![0, 0, 0, 1, 1]),
        ]);
    }

    fn ask_and_answer(&mut self, random: &mut Random) {
        let place =
            [(self.block / 16).to_be_bytes(), (self.block % 16 * BLOCK as u32).to_be_bytes()].concat();
        self.block += 1;
        let request = [&[0, 0, 0, 13, 6], &place[..], &(BLOCK as u32).to_be_bytes()].concat();
        let piece = [&(BLOCK as u32 + 9).to_be_bytes()[..], &[7], &place, &random.bytes(BLOCK)].concat();
        self.waiting.push_back((0, Tcp::ACK, request));
        for (nth, segment) in piece.chunks(SEGMENT).enumerate() {
            self.waiting.push_back((1, Tcp::ACK, segment.to_vec()));
            if nth % 2 == 1 {
                self.waiting.push_back((0, Tcp::ACK, Vec::new()));
            }
        }
    }
}

impl Scene for Transfer {
    fn next(&mut self, random: &mut Random) -> Option<(Vec<u8>, Duration)> {
        self.left = self.left.checked_sub(1)?;
        if !self.begun {
            self.open(random);
        }
        if self.waiting.is_empty() {
            self.ask_and_answer(random);
        }
        let (sender, flags, payload) = self.waiting.pop_front()?;
        let ack = if flags & Tcp::ACK == 0 { 0 } else { self.sent[1 - sender] };
        let header = Tcp { seq: self.sent[sender], ack, flags, urgent: 0 };
        let frame = build::tcp(self.peers[sender], self.peers[1 - sender], header, &payload);
        let takes = payload.len() as u32 + u32::from(flags & Tcp::SYN != 0);
        self.sent[sender] = self.sent[sender].wrapping_add(takes);
        Some((build::ethernet(&frame), Duration::from_micros(12)))
    }

    fn is_bittorrent(&self) -> bool {
        true
    }
}

/// A DHT query and its response (BEP 5).
pub struct Lookup {
    peers: [Endpoint; 2],
    transaction: u16,
    answers: u64,
}

impl Lookup {
    /// Between a home host and a node outside.
    pub fn new(random: &mut Random) -> Self {
        let peers = [random.inside(), random.outside(6881)];
        Self { peers, transaction: random.next() as u16, answers: 0 }
    }
}

impl Scene for Lookup {
    fn next(&mut self, random: &mut Random) -> Option<(Vec<u8>, Duration)> {
        let transaction = self.transaction.to_be_bytes();
        let id = random.id();
        let (sender, message) = match self.answers {
            0 => {
                let query = b"9:find_node1:t2:";
                let target = random.id();
                (
                    0,
                    [
                        b"d1:ad2:id20:",
                        &id[..],
                        b"6:target20:",
                        &target,
                        b"e1:q",
                        query,
                        &transaction,
                        b"1:y1:qe",
                    ]
                    .concat(),
                )
            }
            1 => {
                let nodes = random.bytes(208);
                (
                    1,
                    [b"d1:rd2:id20:", &id[..], b"5:nodes208:", &nodes, b"e1:t2:", &transaction, b"1:y1:re"]
                        .concat(),
                )
            }
            _ => return None,
        };
        self.answers += 1;
        let frame = build::udp(self.peers[sender], self.peers[1 - sender], &message);
        Some((build::ethernet(&frame), random.pause(60.0)))
    }

    fn is_bittorrent(&self) -> bool {
        true
    }
}

/// A short uTP connection (BEP 29): SYN, STATE, one DATA, STATE, FIN.
pub struct ShortUtp {
    peers: [Endpoint; 2],
    connection: u16,
    step: u64,
}

impl ShortUtp {
    const TYPES: [(u8, usize); 5] = [(0x41, 0), (0x21, 1), (0x01, 0), (0x21, 1), (0x11, 0)];

    /// Between a home host and a peer outside.
    pub fn new(random: &mut Random) -> Self {
        Self { peers: [random.inside(), random.outside(6881)], connection: random.next() as u16, step: 0 }
    }
}

impl Scene for ShortUtp {
    fn next(&mut self, random: &mut Random) -> Option<(Vec<u8>, Duration)> {
        let &(type_version, sender) = Self::TYPES.get(self.step as usize)?;
        let syn_or_answer = self.step == 0 || sender == 1;
        let connection = self.connection.wrapping_add(u16::from(!syn_or_answer));
        let (sequence, acknowledged) = match sender {
            0 => (1 + (self.step as u16).div_ceil(2), u16::from(self.step > 0) * 100),
            _ => (101, (self.step as u16).div_ceil(2)),
        };
        let mut packet = vec![type_version, 0];
        packet.extend(connection.to_be_bytes());
        packet.extend((random.next() as u32).to_be_bytes()); // timestamp
        packet.extend((random.below(90_000) as u32).to_be_bytes()); // its difference
        packet.extend(0x0010_0000_u32.to_be_bytes()); // window
        packet.extend(sequence.to_be_bytes());
        packet.extend(acknowledged.to_be_bytes());
        if type_version == 0x01 {
            packet.extend(random.bytes(120));
        }
        self.step += 1;
        let frame = build::udp(self.peers[sender], self.peers[1 - sender], &packet);
        Some((build::ethernet(&frame), random.pause(60.0)))
    }

    fn is_bittorrent(&self) -> bool {
        true
    }
}

/// Hosts inside that announce themselves to a node outside (BEP 5), one after the other, four to a torrent.
pub struct Announces {
    hosts: u32,
    next: u32,
}

impl Announces {
    /// One announce of each of this many hosts.
    pub const fn new(hosts: u32) -> Self {
        Self { hosts, next: 0 }
    }
}

impl Scene for Announces {
    fn next(&mut self, random: &mut Random) -> Option<(Vec<u8>, Duration)> {
        let host = self.next;
        self.next = (host < self.hosts).then(|| host + 1)?;
        let from = Endpoint { address: ipv4(0x0a01_0000 + host), port: 6_881 };
        let mut info_hash = [0x5a; 20];
        info_hash[..4].copy_from_slice(&(host / 4).to_be_bytes());
        let (id, token) = (random.id(), random.id());
        let message = [
            b"d1:ad2:id20:",
            &id[..],
            b"9:info_hash20:",
            &info_hash,
            b"4:porti6881e5:token20:",
            &token,
            b"e1:q13:announce_peer1:t2:aa1:y1:qe",
        ]
        .concat();
        Some((
            build::ethernet(&build::udp(from, random.outside(6_881), &message)),
            Duration::from_micros(200),
        ))
    }

    fn is_bittorrent(&self) -> bool {
        true
    }
}
