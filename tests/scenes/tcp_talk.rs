//! A TCP conversation that can be cut, shuffled, doubled and forged before it is played.

use super::scene::Scene;
use swarmscope::base::Endpoint;
use swarmscope::frame::Tcp;
use swarmscope::frame::build;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Sends the SYN.
    A,
    /// Answers.
    B,
}
pub use Side::{A, B};

impl Side {
    pub const fn index(self) -> usize {
        match self {
            A => 0,
            B => 1,
        }
    }
    pub const fn other(self) -> Self {
        match self {
            A => B,
            B => A,
        }
    }
}

/// One segment.
#[derive(Clone, Debug)]
pub struct Segment {
    pub from: Side,
    pub header: Tcp,
    pub data: Vec<u8>,
    pub ttl: u8,
    /// TCP options, a multiple of four bytes.
    pub options: Vec<u8>,
    /// Spoils the checksum.
    pub bad_checksum: bool,
}

/// The conversation of two endpoints.
#[derive(Clone, Debug)]
pub struct Talk {
    pub ends: [Endpoint; 2],
    pub segments: Vec<Segment>,
    pub next: [u32; 2],
    pub mss: usize,
}

const PUSH: u8 = 0x08;

impl Talk {
    /// A connection that has not been opened.
    pub fn new(a: Endpoint, b: Endpoint) -> Self {
        Self { ends: [a, b], segments: Vec::new(), next: [1_000_000, 2_000_000_000], mss: 1_448 }
    }

    /// A connection after the three-way handshake.
    pub fn opened(a: Endpoint, b: Endpoint) -> Self {
        let mut talk = Self::new(a, b);
        talk.open();
        talk
    }

    /// SYN, SYN-ACK, ACK.
    pub fn open(&mut self) -> &mut Self {
        self.send(A, Tcp::SYN, &[]).send(B, Tcp::SYN | Tcp::ACK, &[]).send(A, Tcp::ACK, &[])
    }

    /// FIN from both.
    pub fn close(&mut self) -> &mut Self {
        self.send(A, Tcp::FIN | Tcp::ACK, &[]).send(B, Tcp::FIN | Tcp::ACK, &[]).send(A, Tcp::ACK, &[])
    }

    /// Sends data in full segments; the other side acknowledges.
    pub fn say(&mut self, from: Side, data: &[u8]) -> &mut Self {
        for chunk in data.chunks(self.mss) {
            self.send(from, Tcp::ACK | PUSH, chunk);
        }
        self.send(from.other(), Tcp::ACK, &[])
    }

    /// Sends one segment with the right numbers and takes it into account.
    pub fn send(&mut self, from: Side, flags: u8, data: &[u8]) -> &mut Self {
        let header = Tcp {
            seq: self.next[from.index()],
            ack: if flags & Tcp::ACK == 0 { 0 } else { self.next[from.other().index()] },
            flags,
            urgent: 0,
        };
        let takes = data.len() as u32 + u32::from(flags & (Tcp::SYN | Tcp::FIN) != 0);
        self.next[from.index()] = header.seq.wrapping_add(takes);
        self.push(from, header, data)
    }

    /// Adds a segment as it is, for forgeries.
    pub fn push(&mut self, from: Side, header: Tcp, data: &[u8]) -> &mut Self {
        self.segments.push(Segment {
            from,
            header,
            data: data.to_vec(),
            ttl: 64,
            options: Vec::new(),
            bad_checksum: false,
        });
        self
    }

    /// Adds a data segment at the current place of the stream without moving on: an injected copy.
    pub fn inject(&mut self, from: Side, flags: u8, data: &[u8]) -> &mut Segment {
        let header =
            Tcp { seq: self.next[from.index()], ack: self.next[from.other().index()], flags, urgent: 0 };
        self.push(from, header, data);
        self.segments.last_mut().unwrap()
    }

    /// Skips bytes that were never captured.
    pub fn lose(&mut self, from: Side, bytes: u32) -> &mut Self {
        self.next[from.index()] = self.next[from.index()].wrapping_add(bytes);
        self
    }

    /// Cuts every uninterrupted run of data of one side anew: `cut` gets the run and gives (offset, bytes) in the order
    /// of capture.
    pub fn recut(&mut self, mut cut: impl FnMut(&[u8]) -> Vec<(usize, Vec<u8>)>) -> &mut Self {
        let mut done: Vec<Segment> = Vec::new();
        let mut old = std::mem::take(&mut self.segments).into_iter().peekable();
        while let Some(first) = old.next() {
            if first.data.is_empty() || first.header.flags & Tcp::SYN != 0 {
                done.push(first);
                continue;
            }
            let mut run = first.data.clone();
            while let Some(more) = old.next_if(|s| {
                s.from == first.from
                    && s.header.seq == first.header.seq.wrapping_add(run.len() as u32)
                    && !s.data.is_empty()
            }) {
                run.extend(more.data);
            }
            for (offset, data) in cut(&run) {
                let header = Tcp { seq: first.header.seq.wrapping_add(offset as u32), ..first.header };
                done.push(Segment { header, data, ..first.clone() });
            }
        }
        self.segments = done;
        self
    }

    /// Cuts all data into pieces of `size` bytes.
    pub fn in_pieces(&mut self, size: usize) -> &mut Self {
        self.recut(|run| pieces(run, size))
    }

    /// Keeps the segments that pass.
    pub fn only(&mut self, mut keep: impl FnMut(&Segment) -> bool) -> &mut Self {
        self.segments.retain(|s| keep(s));
        self
    }

    /// Shuffles within windows of `window` segments, the same way every time.
    pub fn shuffled(&mut self, window: usize) -> &mut Self {
        let mut dice = Dice(7);
        for window in self.segments.chunks_mut(window) {
            for i in (1..window.len()).rev() {
                window.swap(i, dice.below(i + 1));
            }
        }
        self
    }

    /// Sends every segment twice.
    pub fn doubled(&mut self) -> &mut Self {
        self.segments = self.segments.iter().flat_map(|s| [s.clone(), s.clone()]).collect();
        self
    }

    /// The IP packets.
    pub fn packets(&self) -> impl Iterator<Item = Vec<u8>> {
        self.segments.iter().map(|s| {
            let (from, to) = (self.ends[s.from.index()], self.ends[s.from.other().index()]);
            let mut ip = build::tcp(from, to, s.header, &s.data);
            let start = if from.address.is_v4() { 20 } else { 40 };
            if !s.options.is_empty() {
                let mut segment = ip[start..].to_vec();
                segment[12] = ((5 + s.options.len() / 4) << 4) as u8;
                segment.splice(20..20, s.options.iter().copied());
                ip = build::ip(from.address, to.address, 6, &segment);
            }
            if s.bad_checksum {
                ip[start + 16] ^= 0x55;
            }
            build::with_ttl(ip, s.ttl)
        })
    }

    /// The conversation as a scene.
    pub fn scene(&self) -> Scene {
        let mut scene = Scene::default();
        for ip in self.packets() {
            scene.ip(&ip);
        }
        scene
    }
}

/// A run in pieces, in order.
pub fn pieces(run: &[u8], size: usize) -> Vec<(usize, Vec<u8>)> {
    run.chunks(size).enumerate().map(|(i, c)| (i * size, c.to_vec())).collect()
}

/// A fixed sequence of numbers that look random.
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
    pub fn below(&mut self, n: usize) -> usize {
        self.next() as usize % n
    }
    pub fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| (self.next() >> 11) as u8).collect()
    }
}
