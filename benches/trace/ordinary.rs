//! Scenes that are not BitTorrent: what a monitor sees most of the time and must not spend time on.

use crate::random::{Random, ipv4};
use crate::stage::Scene;
use std::time::Duration;
use swarmscope::base::Endpoint;
use swarmscope::frame::{Tcp, build};

/// The application that a [`Connection`] plays.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Application {
    /// HTTP/1.1 (RFC 9112), port 80.
    Http,
    /// TLS 1.3 (RFC 8446), port 443.
    Tls,
    /// Small packets both ways, port 22.
    Shell,
}

/// A whole TCP connection: handshake, request, answer in segments with an acknowledgement every second one, both FINs.
pub struct Connection {
    application: Application,
    client: Endpoint,
    server: Endpoint,
    sent: [u32; 2],
    segments: u64,
    segment_size: usize,
    step: u64,
    closing: u64,
}

impl Connection {
    /// A connection whose server sends this many segments.
    pub fn new(application: Application, segments: u64, random: &mut Random) -> Self {
        let port = match application {
            Application::Http => 80,
            Application::Tls => 443,
            Application::Shell => 22,
        };
        let segment_size = match random.below(100) {
            _ if application == Application::Shell => 48,
            0..26 => 1448,
            26..50 => 560,
            _ => 180,
        };
        Self {
            application,
            client: random.inside(),
            server: random.outside(port),
            sent: [random.next() as u32, random.next() as u32],
            segments,
            segment_size,
            step: 0,
            closing: 0,
        }
    }

    fn segment(&mut self, from_server: bool, flags: u8, payload: &[u8]) -> Vec<u8> {
        let [client, server] = self.sent;
        let (src, dst, seq, ack) = if from_server {
            (self.server, self.client, server, client)
        } else {
            (self.client, self.server, client, server)
        };
        let ack = if flags & Tcp::ACK == 0 { 0 } else { ack };
        let takes = payload.len() as u32 + u32::from(flags & (Tcp::SYN | Tcp::FIN) != 0);
        let sender = &mut self.sent[usize::from(from_server)];
        *sender = sender.wrapping_add(takes);
        build::ethernet(&build::tcp(src, dst, Tcp { seq, ack, flags, urgent: 0 }, payload))
    }

    fn opening(&self, random: &mut Random) -> Vec<u8> {
        match self.application {
            Application::Http => {
                format!("GET /{:x} HTTP/1.1\r\nHost: www.example.net\r\n\r\n", random.next()).into_bytes()
            }
            Application::Tls => record(0x16, random.bytes(300)),
            Application::Shell => b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
        }
    }

    fn answer(&self, nth: u64, random: &mut Random) -> Vec<u8> {
        match (self.application, nth) {
            (Application::Http, 0) => {
                let head = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n".to_vec();
                [head, random.bytes(self.segment_size.saturating_sub(58))].concat()
            }
            (Application::Tls, 0) => record(0x16, random.bytes(self.segment_size)),
            (Application::Tls, _) => record(0x17, random.bytes(self.segment_size - 5)),
            (Application::Shell, 0) => b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
            _ => random.bytes(self.segment_size),
        }
    }
}

impl Scene for Connection {
    fn next(&mut self, random: &mut Random) -> Option<(Vec<u8>, Duration)> {
        let data = self.segments + self.segments / 2; // with the acknowledgements between
        let frame = match self.step {
            0 => self.segment(false, Tcp::SYN, &[]),
            1 => self.segment(true, Tcp::SYN | Tcp::ACK, &[]),
            2 => self.segment(false, Tcp::ACK, &[]),
            3 => {
                let request = self.opening(random);
                self.segment(false, Tcp::ACK, &request)
            }
            step if step < 4 + data => {
                let nth = step - 4;
                if nth % 3 == 2 {
                    let typed =
                        if self.application == Application::Shell { random.bytes(36) } else { Vec::new() };
                    self.segment(false, Tcp::ACK, &typed)
                } else {
                    let payload = self.answer(nth, random);
                    self.segment(true, Tcp::ACK, &payload)
                }
            }
            _ => {
                self.closing += 1;
                match self.closing {
                    1 => self.segment(false, Tcp::FIN | Tcp::ACK, &[]),
                    2 => self.segment(true, Tcp::FIN | Tcp::ACK, &[]),
                    3 => self.segment(false, Tcp::ACK, &[]),
                    _ => return None,
                }
            }
        };
        self.step += 1;
        Some((frame, random.pause(40.0)))
    }
}

/// One TLS record (RFC 8446, section 5.1).
fn record(kind: u8, body: Vec<u8>) -> Vec<u8> {
    [&[kind, 3, 3], &(body.len() as u16).to_be_bytes()[..], &body].concat()
}

/// Datagrams both ways: QUIC by its headers, DNS, or bytes that mean nothing.
pub struct Datagrams {
    kind: DatagramKind,
    client: Endpoint,
    server: Endpoint,
    left: u64,
    sent: u64,
    word: u64,
}

/// What [`Datagrams`] carry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum DatagramKind {
    /// A query and its response (RFC 1035).
    Dns,
    /// RFC 9000: two long headers, then short ones.
    Quic,
    /// Random bytes in one direction.
    Noise,
}

impl Datagrams {
    /// A flow of this many datagrams.
    pub fn new(kind: DatagramKind, datagrams: u64, random: &mut Random) -> Self {
        let port = match kind {
            DatagramKind::Dns => 53,
            DatagramKind::Quic => 443,
            DatagramKind::Noise => 1024 + random.below(64_000) as u16,
        };
        let (client, server) = (random.inside(), random.outside(port));
        Self { kind, client, server, left: datagrams, sent: 0, word: random.next() }
    }

    fn payload(&self, from_server: bool, random: &mut Random) -> Vec<u8> {
        match self.kind {
            DatagramKind::Dns => dns(self.word as u16, from_server),
            DatagramKind::Noise => {
                let length = 20 + random.below(300) as usize;
                random.bytes(length)
            }
            DatagramKind::Quic if self.sent < 2 => {
                let ids = [&[8], &self.word.to_be_bytes()[..], &[0]].concat();
                [vec![0xc3, 0, 0, 0, 1], ids, random.bytes(1186)].concat()
            }
            DatagramKind::Quic => {
                let length = match (from_server, random.below(10)) {
                    (true, 0..3) => 1200,
                    (true, _) => 300,
                    (false, _) => 32,
                };
                [vec![0x40 | self.sent as u8 & 0x3f], random.bytes(length)].concat()
            }
        }
    }
}

impl Scene for Datagrams {
    fn next(&mut self, random: &mut Random) -> Option<(Vec<u8>, Duration)> {
        self.left = self.left.checked_sub(1)?;
        let from_server = match self.kind {
            DatagramKind::Noise => false,
            DatagramKind::Dns => self.sent % 2 == 1,
            DatagramKind::Quic => !self.sent.is_multiple_of(3),
        };
        let payload = self.payload(from_server, random);
        self.sent += 1;
        let (src, dst) = if from_server { (self.server, self.client) } else { (self.client, self.server) };
        Some((build::ethernet(&build::udp(src, dst, &payload)), random.pause(40.0)))
    }
}

fn dns(id: u16, response: bool) -> Vec<u8> {
    let flags: [u8; 2] = if response { [0x81, 0x80] } else { [0x01, 0] };
    let question = b"\x03www\x07example\x03net\x00\x00\x01\x00\x01";
    let header = [&id.to_be_bytes()[..], &flags, &[0, 1, 0, u8::from(response), 0, 0, 0, 0]].concat();
    let answer: &[u8] =
        if response { b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x01\x2c\x00\x04\xc6\x33\x64\x50" } else { b"" };
    [&header, &question[..], answer].concat()
}

/// SYNs that nobody answers: scans and dead peers.
pub struct Unanswered {
    from: Endpoint,
    to: Endpoint,
    seq: u32,
    left: u64,
}

impl Unanswered {
    /// A SYN and its retransmissions.
    pub fn new(syns: u64, random: &mut Random) -> Self {
        let port = 1 + random.below(65_000) as u16;
        Self { from: random.inside(), to: random.outside(port), seq: random.next() as u32, left: syns }
    }
}

impl Scene for Unanswered {
    fn next(&mut self, _: &mut Random) -> Option<(Vec<u8>, Duration)> {
        self.left = self.left.checked_sub(1)?;
        let header = Tcp { seq: self.seq, ack: 0, flags: Tcp::SYN, urgent: 0 };
        Some((build::ethernet(&build::tcp(self.from, self.to, header, &[])), Duration::from_secs(1)))
    }
}

/// Flows of one packet each, as fast as a scanner or a forger sends them.
pub struct Flood {
    left: u64,
}

impl Flood {
    /// This many one-packet flows.
    pub const fn new(flows: u64) -> Self {
        Self { left: flows }
    }
}

impl Scene for Flood {
    fn next(&mut self, random: &mut Random) -> Option<(Vec<u8>, Duration)> {
        self.left = self.left.checked_sub(1)?;
        let port = 1 + random.below(65_000) as u16;
        let (src, dst) = (random.outside(port), random.inside());
        let frame = if self.left.is_multiple_of(2) {
            let header = Tcp { seq: random.next() as u32, ack: 0, flags: Tcp::SYN, urgent: 0 };
            build::tcp(src, dst, header, &[])
        } else {
            let payload = random.bytes(40);
            build::udp(src, dst, &payload)
        };
        Some((build::ethernet(&frame), Duration::from_micros(20)))
    }
}

/// Datagrams that mean nothing, one of each flow in turn: every packet belongs to the flow heard of longest ago.
pub struct Rounds {
    flows: u32,
    next: u32,
}

impl Rounds {
    /// Rounds through this many flows, without end.
    pub const fn new(flows: u32) -> Self {
        Self { flows, next: 0 }
    }
}

impl Scene for Rounds {
    fn next(&mut self, _: &mut Random) -> Option<(Vec<u8>, Duration)> {
        let flow = self.next % self.flows.max(1);
        self.next = self.next.wrapping_add(1);
        let from =
            Endpoint { address: ipv4(0x0a00_0100 + flow % 2_000), port: 1_024 + (flow / 2_000) as u16 };
        let to = Endpoint { address: ipv4(0xc612_0000 + flow % (1 << 17)), port: 40_000 };
        Some((build::ethernet(&build::udp(from, to, &[0xaa; 60])), Duration::from_micros(20)))
    }
}
