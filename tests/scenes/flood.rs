//! RELIABILITY 4.2 and 4.3, floods: real transfers inside a flood of one-packet flows, and spoofed packets from one side.

use super::peer::{ALICE, BOB, HASH, bitfield, chat, handshake, plain};
use super::scene::{Scene, SeenFlow, Suite, bob, confirmed, end, play};
use super::tcp_talk::{A, B, Dice, Talk};
use super::utp::Utp;
use std::time::Duration;
use swarmscope::base::{Endpoint, Timestamp};
use swarmscope::event::Kind;
use swarmscope::flow::FlowLimits;
use swarmscope::frame::{Tcp, build};
use swarmscope::ledger::LedgerLimits;
use swarmscope::pipeline::AnalyzeLimits;

/// Caps so small that a flood overruns them many times.
fn small() -> AnalyzeLimits {
    AnalyzeLimits {
        flows: FlowLimits { flows: 1_024, states: 256, ..FlowLimits::default() },
        ledger: LedgerLimits {
            hosts: 256,
            swarms: 64,
            endpoints: 256,
            ports: 256,
            ..LedgerLimits::default()
        },
        ..AnalyzeLimits::default()
    }
}

/// Puts `each` packets of a flood before every packet of a scene.
fn among(scene: &Scene, each: usize, mut packet: impl FnMut(&mut Dice) -> Vec<u8>) -> Scene {
    let mut dice = Dice(99);
    let mut flooded = Scene { step: Duration::from_micros(5), ..Scene::default() };
    for (_, frame) in &scene.packets {
        for _ in 0..each {
            flooded.ip(&packet(&mut dice));
        }
        flooded.frame(frame.clone());
    }
    flooded
}

fn anywhere(dice: &mut Dice) -> Endpoint {
    let n = dice.next();
    end(&format!("198.18.{}.{}:{}", n >> 8 & 0xff, n & 0xff, 1_024 + dice.below(60_000)))
}

/// Technique: a flood of SYN, of opaque UDP, or of DHT queries makes the tables of flows and states overflow.
#[test]
fn a_transfer_inside_a_flood_is_found() {
    type Flood = fn(&mut Dice) -> Vec<u8>;
    let floods: [(&str, Flood); 4] = [
        ("SYN", |dice| {
            let header = Tcp { seq: dice.next() as u32, flags: Tcp::SYN, ..Tcp::default() };
            build::tcp(anywhere(dice), end("10.0.0.9:443"), header, b"")
        }),
        ("one data segment", |dice| {
            let header = Tcp { seq: dice.next() as u32, ack: 1, flags: Tcp::ACK, ..Tcp::default() };
            let bytes = dice.bytes(100);
            build::tcp(anywhere(dice), end("10.0.0.9:443"), header, &bytes)
        }),
        ("random UDP", |dice| {
            let bytes = dice.bytes(80);
            build::udp(anywhere(dice), end("10.0.0.9:9"), &bytes)
        }),
        ("DHT queries", |dice| {
            let id = dice.bytes(20);
            let ping = [&b"d1:ad2:id20:"[..], &id, b"e1:q4:ping1:t2:aa1:y1:qe"].concat();
            build::udp(anywhere(dice), end("10.0.0.9:6881"), &ping)
        }),
    ];
    let mut split = plain();
    split.mss = 400;
    split.recut(|run| super::tcp_talk::pieces(run, if run.len() < 200 { 20 } else { 1_000 }));
    let mut utp = Utp::new();
    utp.open();
    utp.say(0, &handshake(&ALICE), 7).say(1, &handshake(&BOB), 7).say(0, &bitfield(64), 1_400);
    let mut failures = Vec::new();
    for (name, flood) in floods {
        for (what, scene, expect) in [
            ("split handshake", split.scene(), confirmed(Kind::PeerWire).hash(HASH).two_way(true)),
            ("uTP", utp.scene.clone(), confirmed(Kind::Utp).also(Kind::PeerWire).hash(HASH)),
        ] {
            // Many times the caps in all; between two packets of the transfer less than three quarters of the smallest.
            let seen = play(among(&scene, 190, flood).source(), small());
            if let Err(wrong) = expect.judge(&seen) {
                let wrong: String = wrong.chars().take(200).collect();
                failures.push(format!("{what} among {name}: {wrong}"));
            }
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

/// Technique: packets with a victim's address as their source. What one side says proves the protocol, never the sender.
#[test]
fn spoofed_packets_confirm_no_participant() {
    let victim = end("10.0.0.77:6881");
    let mut suite = Suite::default();
    let mut check = |name: &str, scene: &Scene| {
        let seen =
            suite.check(name, "nobody answered", scene, &super::scene::Expect::default().at_most_any());
        let two_way = |f: &SeenFlow| f.record.label.two_way;
        suite.require(name, "a spoofed packet is one-way evidence", !seen.flows.iter().any(two_way));
        let host = seen.report.hosts.iter().find(|h| h.address == victim.address);
        suite.require(name, "the host is said to be claimed only", host.is_none_or(|h| h.claimed_only));
    };
    let mut dice = Dice(4);
    let mut pings = Scene::default();
    let mut announces = Scene::default();
    let mut trackers = Scene::default();
    for n in 0..2_000u32 {
        let id = dice.bytes(20);
        let to = anywhere(&mut dice);
        let t = n.to_be_bytes();
        pings.udp(victim, to, &[&b"d1:ad2:id20:"[..], &id, b"e1:q4:ping1:t4:", &t, b"1:y1:qe"].concat());
        let peers = [&b"e1:q13:announce_peer1:t4:"[..], &t, b"1:y1:qe"].concat();
        let args = [&b"9:info_hash20:"[..], &HASH, b"4:porti6881e5:token4:abcd"].concat();
        announces.udp(victim, to, &[&b"d1:ad2:id20:"[..], &id, &args, &peers].concat());
        trackers.udp(victim, to, &[&b"\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0"[..], &t].concat());
    }
    check("2,000 pings", &pings);
    check("2,000 announces", &announces);
    check("2,000 tracker requests", &trackers);
    let mut answers = Scene::default();
    answers.udp(bob(), victim, b"d1:rd2:id20:abcdefghij0123456789e1:t2:aa1:y1:re");
    check("an answer to no query", &answers);
    let mut shake = Talk::new(victim, bob());
    shake.send(A, Tcp::SYN, &[]).send(A, Tcp::ACK, &handshake(&ALICE));
    chat(&mut shake);
    shake.only(|s| s.from == A);
    check("a TCP handshake of one side", &shake.scene());
    let mut both = Talk::new(victim, bob());
    both.say(A, &handshake(&ALICE)).say(B, &handshake(&BOB)).say(A, &bitfield(64));
    // A forger who sees no answers acknowledges numbers of his own making.
    for segment in &mut both.segments {
        segment.header.ack = segment.header.ack.wrapping_add(0x0123_4567);
    }
    check("acknowledgements of nothing", &both.scene());
    let mut utp = Utp::new();
    utp.send(0, super::utp::SYN, &[]).send(0, super::utp::DATA, &handshake(&ALICE));
    utp.scene.packets.iter_mut().for_each(|(_, frame)| frame[29] = 77);
    check("uTP of one side", &utp.scene);
    suite.finish();
}

/// Time that jumps between the packets of a flood ends nothing early.
#[test]
fn a_lone_packet_from_the_future_does_not_end_a_transfer() {
    let mut suite = Suite::default();
    let mut scene = plain().in_pieces(20).scene();
    let odd = build::ethernet(&build::udp(end("198.18.0.1:9"), end("10.0.0.9:9"), b"x"));
    scene.packets.insert(4, (Timestamp::from_secs(4_000_000_000), odd));
    suite.check("2096", "one clock is wrong", &scene, &confirmed(Kind::PeerWire).hash(HASH).two_way(true));
    suite.finish();
}
