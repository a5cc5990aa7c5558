//! What may not grow unnoticed: an ordinary packet of a known flow allocates nothing. Instructions and memory are counted by
//! `benches/instructions`.

use std::time::Duration;
use swarmscope::base::{Address, Endpoint, Timestamp};
use swarmscope::capture::{LinkType, Memory, OwnedPacket};
use swarmscope::frame::{Tcp, build};
use swarmscope::output::AnalysisSink;
use swarmscope::pipeline::{AnalyzeLimits, AnalyzeOptions, analyze_source};

/// Flows of each trace.
const FLOWS: u16 = 20;
/// Packets of each flow in the shorter trace; the longer has twice as many.
const ROUNDS: usize = 200;

/// Hears everything and keeps nothing.
struct Deaf;

impl AnalysisSink for Deaf {}

/// One packet of a flow: its number, whether it is the server's, and how many of this side came before.
type Packet = fn(client: Endpoint, server: Endpoint, back: bool, nth: usize) -> Vec<u8>;

/// A trace in which every flow sends `rounds` packets in turns, all within one tick.
fn trace(packet: Packet, rounds: usize) -> Memory {
    let at = |nth: usize| Timestamp::from_secs(1_772_366_400) + Duration::from_micros(100 * nth as u64);
    let frames = (0..rounds).flat_map(|round| (0..FLOWS).map(move |flow| (round, flow)));
    let packets = frames.enumerate().map(|(nth, (round, flow))| {
        let client = Endpoint::new(Address::v4([10, 0, 0, 5]), 40_000 + flow);
        let server = Endpoint::new(Address::v4([198, 51, 100, 9]), 443);
        let frame = build::ethernet(&packet(client, server, round % 2 == 1, round / 2));
        OwnedPacket::whole(at(nth), LinkType::ETHERNET, frame)
    });
    Memory::new(packets.collect())
}

fn allocations(packet: Packet, rounds: usize) -> u64 {
    let mut source = trace(packet, rounds);
    let options = AnalyzeOptions::default();
    let counted = allocation_counter::measure(|| {
        assert!(analyze_source(&mut source, &options, AnalyzeLimits::default(), &mut Deaf).is_ok());
    });
    counted.count_total
}

fn segment(from: Endpoint, to: Endpoint, seq: usize, ack: usize, flags: u8, payload: &[u8]) -> Vec<u8> {
    build::tcp(from, to, Tcp { seq: seq as u32, ack: ack as u32, flags, urgent: 0 }, payload)
}

/// TLS: hellos, then records that nobody can read.
fn tls(client: Endpoint, server: Endpoint, back: bool, nth: usize) -> Vec<u8> {
    let (from, to) = if back { (server, client) } else { (client, server) };
    let hello: &[u8] = &[0x16, 3, 1, 0, 5, 2, 0, 0, 1, 0];
    let data = [&[0x17, 3, 3, 4, 0][..], &[0x5a; 1_024]].concat();
    match nth {
        0 if back => segment(from, to, 0, 1, Tcp::SYN | Tcp::ACK, b""),
        0 => segment(from, to, 0, 0, Tcp::SYN, b""),
        1 => segment(from, to, 1, 1, Tcp::ACK, hello),
        n => segment(from, to, 11 + n * data.len(), 1, Tcp::ACK, &data),
    }
}

/// QUIC's short headers.
fn quic(client: Endpoint, server: Endpoint, back: bool, nth: usize) -> Vec<u8> {
    let (from, to) = if back { (server, client) } else { (client, server) };
    build::udp(from, to, &[&[0x40 | nth as u8 & 0x3f][..], &[0x5a; 600]].concat())
}

/// A peer connection whose payload is read to its end: handshakes, then blocks one way and acknowledgements the other.
fn peer_wire(client: Endpoint, server: Endpoint, back: bool, nth: usize) -> Vec<u8> {
    let (from, to) = if back { (server, client) } else { (client, server) };
    let handshake =
        [&b"\x13BitTorrent protocol\0\0\0\0\0\0\0\0"[..], &[7; 20], b"-qB4520-abcdefghijkl"].concat();
    let block =
        [&[0, 0, 4, 9, 7, 0, 0, 0, 3][..], &(nth as u32 * 1_024).to_be_bytes(), &[0x5a; 1_024]].concat();
    match nth {
        0 if back => segment(from, to, 0, 1, Tcp::SYN | Tcp::ACK, b""),
        0 => segment(from, to, 0, 0, Tcp::SYN, b""),
        1 => segment(from, to, 1, 1, Tcp::ACK, &handshake),
        n if back => segment(from, to, 69 + (n - 2) * block.len(), 69, Tcp::ACK, &block),
        n => segment(from, to, 69, 69 + (n - 1) * block.len(), Tcp::ACK, b""),
    }
}

#[test]
fn an_ordinary_packet_of_a_known_flow_allocates_nothing() {
    // What the threads, locks and tables of a first run set up once is not this packet's.
    allocations(quic, ROUNDS);
    for (name, packet) in [("TLS", tls as Packet), ("QUIC", quic)] {
        let (few, many) = (allocations(packet, ROUNDS), allocations(packet, 2 * ROUNDS));
        assert_eq!(many - few, 0, "{name}: allocations of {ROUNDS} more packets a flow");
    }
}

#[test]
fn a_block_of_a_transfer_costs_less_than_one_allocation() {
    let (few, many) = (allocations(peer_wire, ROUNDS), allocations(peer_wire, 2 * ROUNDS));
    let packets = ROUNDS as u64 * u64::from(FLOWS);
    // The ledger is told once a batch of 256 packets, which takes a few.
    assert!((many - few) * 4 < packets, "{} allocations of {packets} more packets", many - few);
}
