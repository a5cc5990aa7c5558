//! uTP (BEP 29): proven by the consistency of a flow, and innocent datagrams that begin like it.

use super::load::{self, Verdict};
use super::peer::{self, ALICE, BOB, HASH, handshake};
use super::scene::{Expect, Scene, Suite, alice, bob, confirmed, end, nothing, strong, suspected_at_most};
use super::tcp_talk::Dice;
use std::time::Duration;
use swarmscope::event::{Kind, Reason};

pub const DATA: u8 = 0;
pub const FIN: u8 = 1;
pub const STATE: u8 = 2;
pub const RESET: u8 = 3;
pub const SYN: u8 = 4;

/// One uTP connection: ids as BEP 29 has them, clocks that run with the scene's.
pub struct Utp {
    pub scene: Scene,
    pub id: u16,
    /// Next sequence number of initiator and responder.
    pub seq: [u16; 2],
    /// Extension bytes put after the header, with the first extension's type.
    pub extension: (u8, Vec<u8>),
}

impl Utp {
    pub fn new() -> Self {
        let scene = Scene { step: Duration::from_millis(20), ..Scene::default() };
        Self { scene, id: 0x3a51, seq: [5_000, 61_000], extension: (0, Vec::new()) }
    }

    /// Bytes of a packet of side 0 or 1.
    pub fn packet(&self, from: usize, kind: u8, seq: u16, payload: &[u8]) -> Vec<u8> {
        let id = if from == 0 && kind != SYN { self.id.wrapping_add(1) } else { self.id };
        let ack = if kind == SYN { 0 } else { self.seq[1 - from].wrapping_sub(1) };
        let micros = ((self.scene.now.0 / 1_000 + 20_000) as u32).wrapping_add(from as u32 * 0x1234_5678);
        let difference = if kind == SYN { 0u32 } else { 4_000 };
        [
            &[kind << 4 | 1, self.extension.0][..],
            &id.to_be_bytes(),
            &micros.to_be_bytes(),
            &difference.to_be_bytes(),
            &0x0010_0000u32.to_be_bytes(),
            &seq.to_be_bytes(),
            &ack.to_be_bytes(),
            &self.extension.1,
            payload,
        ]
        .concat()
    }

    pub fn send(&mut self, from: usize, kind: u8, payload: &[u8]) -> &mut Self {
        let packet = self.packet(from, kind, self.seq[from], payload);
        self.put(from, &packet);
        if kind != STATE && kind != RESET {
            self.seq[from] = self.seq[from].wrapping_add(1);
        }
        self
    }

    pub fn put(&mut self, from: usize, packet: &[u8]) -> &mut Self {
        let ends = [alice(), bob()];
        self.scene.udp(ends[from], ends[1 - from], packet);
        self
    }

    pub fn open(&mut self) -> &mut Self {
        self.send(0, SYN, &[]).send(1, STATE, &[])
    }

    pub fn say(&mut self, from: usize, bytes: &[u8], size: usize) -> &mut Self {
        for chunk in bytes.chunks(size) {
            self.send(from, DATA, chunk);
        }
        self.send(1 - from, STATE, &[])
    }
}

fn shaken() -> Expect {
    confirmed(Kind::Utp).also(Kind::PeerWire).hash(HASH).reason(Reason::Handshake)
}

fn talk(size: usize) -> Utp {
    let mut utp = Utp::new();
    utp.open();
    utp.say(0, &handshake(&ALICE), size).say(1, &handshake(&BOB), size);
    utp.say(0, &[peer::bitfield(64), peer::interested()].concat(), 1_400);
    utp.say(1, &peer::unchoke(), 1_400).say(0, &peer::request(1, 0), 1_400);
    utp.say(1, &peer::piece(1, 0), 1_400);
    utp.send(0, FIN, &[]);
    utp
}

#[test]
fn proven_by_both_sides() {
    let mut suite = Suite::default();
    let mut lone = Utp::new();
    lone.send(0, SYN, &[]);
    suite.check("SYN alone", "a header proves nothing", &lone.scene, &suspected_at_most());
    lone.send(1, STATE, &[]);
    let utp = confirmed(Kind::Utp).reason(Reason::UtpSyn).two_way(true);
    suite.check("SYN and STATE", "both numbers come back", &lone.scene, &utp);
    for size in [1_400, 48, 20, 7, 1] {
        suite.check(
            &format!("handshake in pieces of {size}"),
            "writes may be cut",
            &talk(size).scene,
            &shaken(),
        );
    }
    let mut late = talk(1_400);
    late.scene.packets.drain(..2);
    suite.check("no SYN", "the capture began later", &late.scene, &shaken());
    let mut middle = Utp::new();
    let mut dice = Dice(3);
    for _ in 0..8 {
        let (a, b) = (dice.bytes(300), dice.bytes(1_200));
        middle.send(0, DATA, &a).send(1, STATE, &[]).send(1, DATA, &b).send(0, STATE, &[]);
    }
    suite.check(
        "joined in the middle",
        "numbers pair up",
        &middle.scene,
        &confirmed(Kind::Utp).reason(Reason::UtpTwoWay),
    );
    let mut plain = Utp::new();
    for index in 0..6 {
        plain.say(0, &peer::request(index, 0), 1_400).say(1, &peer::piece(index, 0), 1_400);
    }
    let chained = confirmed(Kind::Utp).also(Kind::PeerWire).reason(Reason::MessageChain);
    suite.check("joined in the middle, clear", "messages follow one another", &plain.scene, &chained);
    let mut reordered = talk(7);
    reordered.scene.packets[2..12].reverse();
    suite.check("out of order", "the network reorders", &reordered.scene, &shaken());
    let mut swapped = talk(20);
    for pair in swapped.scene.packets.chunks_mut(2) {
        pair.reverse();
    }
    suite.check("pairs swapped", "even the SYN and its answer", &swapped.scene, &shaken());
    let mut doubled = talk(20);
    doubled.scene.packets = doubled.scene.packets.iter().flat_map(|p| [p.clone(), p.clone()]).collect();
    suite.check("doubled", "retransmission", &doubled.scene, &shaken());
    let mut wrap = Utp::new();
    wrap.seq = [65_534, 65_533];
    wrap.id = 65_535;
    wrap.open().say(0, &handshake(&ALICE), 7).say(1, &handshake(&BOB), 7);
    suite.check("numbers wrap", "ids and sequence numbers pass 2^16", &wrap.scene, &shaken());
    for (name, first, chain) in [
        ("selective acknowledgement", 1, &b"\x00\x04\0\0\0\0"[..]),
        ("one-byte selective acknowledgement", 1, b"\x00\x01\x05"),
        ("extension bits", 2, b"\x00\x08\0\0\0\0\0\0\0\0"),
        ("close reason", 3, b"\x00\x04\0\0\0\x0b"),
        ("two extensions", 1, b"\x03\x04\0\0\0\0\x00\x04\0\0\0\x0b"),
        ("unknown second extension", 1, b"\x77\x04\0\0\0\0\x00\x02ab"),
        ("unknown extension", 9, b"\x00\x02ab"),
    ] {
        let mut utp = Utp::new();
        utp.open();
        utp.extension = (first, chain.to_vec());
        utp.say(0, &handshake(&ALICE), 1_400).say(1, &handshake(&BOB), 1_400);
        suite.check(name, "extensions may come with any packet", &utp.scene, &shaken());
    }
    for vector in load::flows().filter(|f| f.expect.class == "bt.utp") {
        let mut scene = Scene::default();
        for (dir, bytes, _) in &vector.packets {
            let (from, to) = if *dir == "a2b" { (alice(), bob()) } else { (bob(), alice()) };
            scene.udp(from, to, bytes);
        }
        let expect =
            if vector.expect.verdict == Verdict::Match { confirmed(Kind::Utp) } else { suspected_at_most() };
        suite.check(vector.id, "the vectors", &scene, &expect);
    }
    suite.finish();
}

#[test]
fn proven_by_one_side() {
    let mut suite = Suite::default();
    let mut one_way = |name: &str, from: usize, expect: &Expect| {
        let mut utp = talk(1_400);
        let sender = [alice(), bob()][from].address.as_v4().unwrap();
        utp.scene.packets.retain(|(_, frame)| frame[26..30] == sender);
        suite.check(name, "asymmetric routing", &utp.scene, expect);
    };
    one_way("initiator only", 0, &shaken().two_way(false));
    one_way("responder only", 1, &shaken().two_way(false));
    let mut one = Utp::new();
    one.seq = [50, 61];
    one.send(0, DATA, &handshake(&ALICE));
    suite.check("one packet", "the handshake in it proves both", &one.scene, &shaken().two_way(false));
    let mut split = talk(7);
    split.scene.packets.retain(|(_, frame)| frame[26] == 10);
    suite.check("initiator only, pieces of 7", "asymmetric routing", &split.scene, &shaken());
    let mut opaque = Utp::new();
    let mut dice = Dice(5);
    for _ in 0..12 {
        let bytes = dice.bytes(1_000);
        opaque.send(1, DATA, &bytes);
    }
    let clock = strong(Kind::Utp).reason(Reason::UtpOneWay);
    suite.check("encrypted, one way", "the clock and the numbers run", &opaque.scene, &clock);
    suite.finish();
}

#[test]
fn what_only_begins_like_it() {
    let mut suite = Suite::default();
    let ports = [(40_000, 53), (40_000, 3478), (51_820, 51_820), (40_000, 443), (40_000, 40_001)];
    for vector in load::packets_of("bt.utp").filter(|p| p.expect.verdict == Verdict::Reject) {
        for (a, b) in ports {
            let (a, b) = (end(&format!("10.0.0.5:{a}")), end(&format!("203.0.113.7:{b}")));
            let mut scene = Scene::default();
            for _ in 0..10 {
                scene.udp(a, b, &vector.bytes).udp(b, a, &vector.bytes);
            }
            suite.check(vector.id, "a reject of the vectors, again and again", &scene, &nothing());
        }
    }
    let mut dice = Dice(11);
    let mut random = Scene::default();
    for n in 0..20_000u32 {
        let a = end(&format!("10.0.{}.{}:40000", n / 200 % 100, 1 + n % 200));
        let bytes = {
            let n = 20 + dice.below(600);
            dice.bytes(n)
        };
        random.udp(a, bob(), &bytes);
    }
    suite.check("random datagrams", "three per mille begin like it", &random, &suspected_at_most());
    let mut quic = Scene::default();
    for n in 0..400u32 {
        let mut bytes = dice.bytes(200);
        bytes[0] = 0x41;
        bytes[1] = (n % 3) as u8;
        quic.udp(alice(), end("203.0.113.7:443"), &bytes);
        quic.udp(end("203.0.113.7:443"), alice(), &bytes);
    }
    suite.check("QUIC short headers", "0x41 is a legal first byte", &quic, &suspected_at_most());
    let mut dns = Scene::default();
    for id in [0x0100u16, 0x1100, 0x2100, 0x3100, 0x4100, 0x0101, 0x2101] {
        let name = b"\x03www\x07example\x03com\0\0\x01\0\x01";
        let ask = [&id.to_be_bytes()[..], b"\x01\0\0\x01\0\0\0\0\0\0", name].concat();
        let answer = [
            &id.to_be_bytes()[..],
            b"\x81\x80\0\x01\0\x01\0\0\0\0",
            name,
            b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xcb\0\x71\x09",
        ]
        .concat();
        dns.udp(alice(), end("203.0.113.7:5353"), &ask).udp(end("203.0.113.7:5353"), alice(), &answer);
    }
    suite.check("DNS", "ids that look like types", &dns, &nothing());
    suite.finish();
}
