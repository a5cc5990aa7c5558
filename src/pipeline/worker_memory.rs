//! What a labelled flow costs in memory, as docs/cost.md tells it: counted over 16,384 flows of each sort, by what giving the
//! table back frees.

use super::*;
use crate::base::{Address, Endpoint, HomeNets};
use crate::frame::PathId;
use crate::ledger::LedgerLimits;

/// Flows of each sort.
const FLOWS: u32 = 16_384;

/// A packet of a flow: whether it is the responder's, sequence and acknowledgement number and flags (TCP), payload.
type Sent = (bool, [u32; 2], u8, Vec<u8>);

fn client(n: u32) -> Endpoint {
    Endpoint::new(Address::v4((0x0a00_0000 + n / 60_000).to_be_bytes()), (1_025 + n % 60_000) as u16)
}

const SERVER: Endpoint = Endpoint::new(Address::v4([198, 51, 100, 9]), 6_881);

/// When the first packet comes.
const START: Timestamp = Timestamp::from_secs(1_772_366_400);

/// A worker of live capture to which each flow sent these packets.
fn worker(flows: u32, udp: bool, packets: impl Fn(u32) -> Vec<Sent>) -> Worker {
    let home = HomeNets::default();
    let ledger = Arc::new(Ledger::new(home, LedgerLimits::default()));
    let keep =
        Keep { all_flows: false, dht: false, interim: Duration::from_secs(1_000), live: true, subject: None };
    let mut worker = Worker::new(ledger, FlowLimits::default(), HashKey::random(), Arc::default(), keep);
    let mut number = 0;
    for flow in 0..flows {
        for (back, [seq, ack], flags, payload) in packets(flow) {
            number += 1;
            let (src, dst) = if back { (SERVER, client(flow)) } else { (client(flow), SERVER) };
            let tcp = Segment::Tcp(Tcp { seq, ack, flags, urgent: 0 });
            let frame = Frame {
                at: START + Duration::from_micros(number),
                number,
                src,
                dst,
                segment: if udp { Segment::Udp } else { tcp },
                payload: &payload,
                payload_len: payload.len() as u32,
                wire_len: payload.len() as u32 + 54,
                path: PathId::default(),
            };
            worker.frames(&[frame]);
        }
    }
    worker
}

#[test]
fn a_flow_that_is_over_leaves_a_quiet_link_at_a_tick() {
    let mut worker = worker(3, true, |_| vec![datagram(false, b"what nobody reads".to_vec())]);
    worker.tick(START + Duration::from_secs(2));
    assert_eq!(worker.counters().held, [3, 0]);
    worker.tick(START + Duration::from_secs(3_600));
    assert_eq!(worker.counters().held, [0, 0]);
}

/// Heap bytes a flow of the table and of all that it keeps, after each flow sent these packets.
fn bytes_a_flow(udp: bool, packets: impl Fn(u32) -> Vec<Sent>) -> usize {
    let mut worker = worker(FLOWS, udp, packets);
    // Some in a thousand keys are not random enough.
    let labelled = worker
        .flows
        .with_state()
        .filter(|(_, f)| f.label.grade.is_some() || f.conversation.opaque() != Opaque::default());
    assert!(labelled.count() > FLOWS as usize * 99 / 100);
    let flows =
        std::mem::replace(&mut worker.flows, FlowTable::new(FlowLimits::default(), HashKey::random()));
    let freed = allocation_counter::measure(|| drop(flows));
    usize::try_from(-freed.bytes_current).unwrap() / FLOWS as usize
}

fn random(seed: u32, len: usize) -> Vec<u8> {
    let mut x = u64::from(seed) + 0x1234_5678_9abc_def1;
    let mut next = || {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (x >> 56) as u8
    };
    (0..len).map(|_| next()).collect()
}

fn datagram(back: bool, payload: Vec<u8>) -> Sent {
    (back, [0; 2], 0, payload)
}

fn dht(_: u32) -> Vec<Sent> {
    let query = [
        &b"d1:ad2:id20:"[..],
        &[7; 20],
        b"9:info_hash20:",
        &[9; 20],
        b"e1:q9:get_peers1:t2:aa1:v4:LT\x02\x001:y1:qe",
    ];
    let response =
        [&b"d1:rd2:id20:"[..], &[8; 20], b"5:token2:ab6:valuesl6:abcdefee1:t2:aa1:v4:LT\x02\x001:y1:re"];
    vec![datagram(false, query.concat()), datagram(true, response.concat())]
}

fn udp_tracker(n: u32) -> Vec<Sent> {
    let (id, n) = ([3; 8], n.to_be_bytes());
    let connect = [&[0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80, 0, 0, 0, 0][..], &n].concat();
    let connected = [&[0; 4][..], &n, &id].concat();
    let announce = [
        &id[..],
        &[0, 0, 0, 1],
        &n,
        &[9; 20],
        b"-qB4520-abcdefghijkl",
        &[0; 24],
        &[0, 0, 0, 2],
        &[0; 8],
        &[0, 0, 0, 50, 0x1a, 0xe1],
    ];
    let answer =
        [&[0, 0, 0, 1][..], &n, &[0, 0, 7, 8, 0, 0, 0, 1, 0, 0, 0, 1], &[198, 51, 100, 10, 0x1a, 0xe1]];
    [connect, connected, announce.concat(), answer.concat()]
        .into_iter()
        .enumerate()
        .map(|(i, payload)| datagram(i % 2 == 1, payload))
        .collect()
}

fn handshake() -> Vec<u8> {
    [&b"\x13BitTorrent protocol\0\0\0\0\0\x10\0\x05"[..], &[7; 20], b"-qB4520-abcdefghijkl"].concat()
}

fn extended() -> Vec<u8> {
    let hello = b"\x14\x00d1:md11:ut_metadatai2e6:ut_pexi1ee1:v15:qBittorrent/4.5e";
    [&(hello.len() as u32).to_be_bytes()[..], hello].concat()
}

fn utp(_: u32) -> Vec<Sent> {
    let header = |kind: u8, id: u16, seq: u16, ack: u16| {
        [
            &[kind, 0][..],
            &id.to_be_bytes(),
            &[1, 2, 3, 4, 0, 0, 5, 6],
            &[0, 16, 0, 0],
            &seq.to_be_bytes(),
            &ack.to_be_bytes(),
        ]
        .concat()
    };
    let data = |id, seq, ack| [header(0x01, id, seq, ack), handshake(), extended()].concat();
    vec![
        datagram(false, header(0x41, 100, 1, 0)),
        datagram(true, header(0x21, 100, 500, 1)),
        datagram(false, data(101, 2, 499)),
        datagram(true, data(100, 500, 2)),
        datagram(false, header(0x21, 101, 3, 500)),
    ]
}

/// Three packets of handshake, then turns of payload.
fn stream(turns: &[Vec<u8>]) -> Vec<Sent> {
    let mut sent = vec![
        (false, [0, 0], Tcp::SYN, Vec::new()),
        (true, [0, 1], Tcp::SYN | Tcp::ACK, Vec::new()),
        (false, [1, 1], Tcp::ACK, Vec::new()),
    ];
    let mut next = [1u32; 2];
    for (i, payload) in turns.iter().enumerate() {
        let (own, other) = (i % 2, 1 - i % 2);
        sent.push((own == 1, [next[own], next[other]], Tcp::ACK, payload.clone()));
        next[own] += payload.len() as u32;
    }
    sent
}

fn peer_wire(_: u32) -> Vec<Sent> {
    let request = [0, 0, 0, 13, 6, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 4, 0];
    let block = [&[0, 0, 4, 9, 7, 0, 0, 0, 3, 0, 0, 0, 0][..], &[0x5a; 1_024]].concat();
    stream(&[handshake(), handshake(), extended(), extended(), request.to_vec(), block])
}

fn mse(n: u32) -> Vec<Sent> {
    let lengths = [300, 200, 124, 1_400, 1_400];
    let turns = lengths.iter().zip(0..).map(|(len, i)| random(n * 8 + i, *len)).collect::<Vec<_>>();
    stream(&turns)
}

fn mse_opening(n: u32) -> Vec<Sent> {
    // Segments of an exchange that does not come to its end.
    let turns = [600, 600, 130, 130, 600, 600].iter().zip(0..).map(|(len, i)| random(n * 8 + i, *len));
    stream(&turns.collect::<Vec<_>>())
}

fn http_tracker(_: u32) -> Vec<Sent> {
    let request = b"GET /announce?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=-qB4520-abcdefghijkl&port=51413&left=0&uploaded=0&downloaded=0 HTTP/1.1\r\nHost: tracker.example\r\nUser-Agent: qBittorrent/4.5.2\r\n\r\n";
    let reply =
        b"HTTP/1.1 200 OK\r\nContent-Length: 46\r\n\r\nd8:intervali1800e5:peers12:abcdefabcdee000000e";
    stream(&[request.to_vec(), reply.to_vec(), request.to_vec()])
}

#[test]
fn a_followed_flow_takes_no_more_than_is_written_down() {
    type Packets = fn(u32) -> Vec<Sent>;
    let sorts: [(&str, usize, bool, Packets); 7] = [
        ("DHT", 320, true, dht),
        ("UDP tracker", 320, true, udp_tracker),
        ("MSE", 512, false, mse),
        // Both sides' first bytes wait: 1,400 each, and where they are.
        ("MSE with first bytes", 512 + 2 * (1_400 + 24), false, mse_opening),
        ("peer wire", 512, false, peer_wire),
        ("uTP", 512, true, utp),
        ("HTTP tracker", 512, false, http_tracker),
    ];
    for (name, most, udp, packets) in sorts {
        let bytes = bytes_a_flow(udp, packets);
        assert!(bytes <= most, "{name}: {bytes} bytes");
    }
}
