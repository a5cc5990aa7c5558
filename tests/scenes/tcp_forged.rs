//! Segments that the receiver threw away but a monitor may believe, and the other way round.

use super::peer::{self, ALICE, BOB, HASH, handshake};
use super::scene::{Expect, Suite, alice, bob, confirmed};
use super::tcp_talk::{A, B, Side, Talk};
use swarmscope::event::{Kind, Reason};
use swarmscope::frame::Tcp;

const PUSH: u8 = 0x08;

fn shaken() -> Expect {
    confirmed(Kind::PeerWire).hash(HASH).reason(Reason::Handshake)
}

/// Puts something in front of each side's handshake.
fn before(mut forge: impl FnMut(&mut Talk, Side)) -> Talk {
    let mut talk = Talk::opened(alice(), bob());
    forge(&mut talk, A);
    talk.say(A, &handshake(&ALICE));
    forge(&mut talk, B);
    talk.say(B, &handshake(&BOB));
    peer::chat(&mut talk);
    talk
}

/// Plays it with both sides, and with each alone.
fn check(suite: &mut Suite, name: &str, why: &str, talk: &Talk) {
    check_alone(suite, name, why, talk, &[(A, "initiator"), (B, "responder")]);
}

/// Plays it with both sides, and with the initiator alone. Where only the responder is seen nothing says at which number
/// its bytes begin: the number of a lone SYN-ACK is not kept until data come, so that a forged first segment stands for it.
fn check_but_responder(suite: &mut Suite, name: &str, why: &str, talk: &Talk) {
    check_alone(suite, name, why, talk, &[(A, "initiator")]);
}

fn check_alone(suite: &mut Suite, name: &str, why: &str, talk: &Talk, alone: &[(Side, &str)]) {
    suite.check(name, why, &talk.scene(), &shaken());
    for &(side, word) in alone {
        suite.check(
            &format!("{name}, {word} only"),
            why,
            &talk.clone().only(|s| s.from == side).scene(),
            &shaken(),
        );
    }
}

#[test]
fn an_insertion_ends_nothing() {
    let mut suite = Suite::default();
    for (name, flags) in
        [("RST", Tcp::RST), ("RST-ACK", Tcp::RST | Tcp::ACK), ("FIN", Tcp::FIN | Tcp::ACK), ("SYN", Tcp::SYN)]
    {
        let forged = before(|talk, side| {
            talk.inject(side, flags, b"").ttl = 2;
        });
        check(&mut suite, name, "a forged end must not end the tracking", &forged);
    }
    // A SYN after a RST opens a flow of its own, with a number of its own.
    for (name, offset) in
        [("there", 0u32), ("behind", 700), ("far behind", 0x3000_0000), ("ahead", 0xffff_fc00)]
    {
        let damaged = before(|talk, side| {
            talk.inject(side, Tcp::RST, b"").bad_checksum = true;
            let syn = talk.inject(side, Tcp::SYN, b"");
            syn.bad_checksum = true;
            syn.header.seq = syn.header.seq.wrapping_add(offset);
        });
        let name = format!("RST and SYN with a bad checksum, {name}");
        check(&mut suite, &name, "the receiver drops them", &damaged);
    }
    let far = before(|talk, side| {
        talk.inject(side, Tcp::RST, b"").header.seq ^= 0x4000_0000;
    });
    check(&mut suite, "RST out of window", "no receiver accepts it", &far);
    let other = before(|talk, side| {
        let segment = talk.inject(side, Tcp::SYN, b"");
        segment.header.seq = 77;
    });
    check(&mut suite, "SYN with another number", "no receiver accepts it", &other);
    suite.finish();
}

#[test]
fn garbage_that_the_receiver_drops() {
    let junk = [b'X'; 68];
    let mut suite = Suite::default();
    let cases: [(&str, &str, Talk); 7] = [
        (
            "bad checksum",
            "the receiver drops it",
            before(|t, s| t.inject(s, Tcp::ACK | PUSH, &junk).bad_checksum = true),
        ),
        ("low TTL", "it dies on the way", before(|t, s| t.inject(s, Tcp::ACK | PUSH, &junk).ttl = 1)),
        (
            "out of window",
            "the receiver drops it",
            before(|t, s| {
                let segment = t.inject(s, Tcp::ACK | PUSH, &junk);
                segment.header.seq = segment.header.seq.wrapping_add(0x3000_0000);
            }),
        ),
        (
            "before the window",
            "the receiver drops it",
            before(|t, s| {
                let segment = t.inject(s, Tcp::ACK | PUSH, &junk);
                segment.header.seq = segment.header.seq.wrapping_sub(5_000);
            }),
        ),
        (
            "MD5 option",
            "the receiver drops an unexpected signature (RFC 2385)",
            before(|t, s| {
                t.inject(s, Tcp::ACK | PUSH, &junk).options = [&[19, 18][..], &[0xaa; 16], &[1, 1]].concat();
            }),
        ),
        (
            "no ACK flag",
            "the receiver drops data without it",
            before(|t, s| t.inject(s, PUSH, &junk).header.ack = 0),
        ),
        (
            "acknowledges the future",
            "the receiver drops it",
            before(|t, s| {
                let segment = t.inject(s, Tcp::ACK | PUSH, &junk);
                segment.header.ack = segment.header.ack.wrapping_add(0x2000_0000);
            }),
        ),
    ];
    for (name, why, talk) in &cases {
        let elsewhere = name.ends_with("window");
        let check = if elsewhere { check_but_responder } else { check };
        check(&mut suite, name, why, talk);
    }
    // Between messages it costs those it lies over, and neither the label nor what comes after.
    let mut between = Talk::opened(alice(), bob());
    for (side, id) in [(A, &ALICE), (B, &BOB)] {
        between.say(side, &handshake(id));
        between.inject(side, Tcp::ACK | PUSH, &junk).bad_checksum = true;
    }
    peer::chat(&mut between);
    check(&mut suite, "bad checksum between messages", "the receiver drops it", &between);
    suite.finish();
}

#[test]
fn two_copies_that_differ() {
    let mut suite = Suite::default();
    let junk = [b'X'; 68];
    let first_good = {
        let mut talk = Talk::opened(alice(), bob());
        for (side, id) in [(A, &ALICE), (B, &BOB)] {
            talk.say(side, &handshake(id));
            let segment = talk.inject(side, Tcp::ACK | PUSH, &junk);
            segment.header.seq = segment.header.seq.wrapping_sub(68);
        }
        peer::chat(&mut talk);
        talk
    };
    check(&mut suite, "first copy good", "the first copy counts", &first_good);
    let second_good = before(|t, s| {
        t.inject(s, Tcp::ACK | PUSH, &junk);
    });
    check(&mut suite, "second copy good", "any interpretation counts", &second_good);
    let short = before(|t, s| {
        t.inject(s, Tcp::ACK | PUSH, &[b'G'; 20]);
    });
    check(&mut suite, "a first copy of 20 bytes", "any interpretation counts", &short);
    // Bytes 20..68 good, then 10..20 bad with 20..30 good, then 0..30 good: the torrent follows from what the last began.
    let conflict = {
        let mut talk = Talk::opened(alice(), bob());
        for (side, id) in [(A, &ALICE), (B, &BOB)] {
            let whole = handshake(id);
            for (at, copy) in [(20, whole[20..].to_vec()), (10, [&junk[..10], &whole[20..30]].concat())] {
                let segment = talk.inject(side, Tcp::ACK | PUSH, &copy);
                segment.header.seq = segment.header.seq.wrapping_add(at);
            }
            talk.say(side, &whole[..30]);
            talk.lose(side, 38);
        }
        peer::chat(&mut talk);
        talk
    };
    check_but_responder(&mut suite, "a conflict before the start", "any interpretation counts", &conflict);
    // Held out of order: bytes 20..68 come first, then two versions of them, then the start.
    let held = |good_first: bool| {
        let mut talk = Talk::opened(alice(), bob());
        for (side, id) in [(A, &ALICE), (B, &BOB)] {
            let whole = handshake(id);
            let mut copies = [whole[20..].to_vec(), junk[20..].to_vec()];
            if !good_first {
                copies.reverse();
            }
            for copy in copies {
                let segment = talk.inject(side, Tcp::ACK | PUSH, &copy);
                segment.header.seq = segment.header.seq.wrapping_add(20);
            }
            talk.say(side, &whole[..20]);
            talk.lose(side, 48);
        }
        peer::chat(&mut talk);
        talk
    };
    check_but_responder(&mut suite, "held, first copy good", "the first copy counts", &held(true));
    suite.check(
        "held, second copy good",
        "the magic is clear, the torrent is not",
        &held(false).scene(),
        &confirmed(Kind::PeerWire),
    );
    suite.finish();
}

#[test]
fn an_urgent_byte() {
    let mut suite = Suite::default();
    // The application reads the stream without the urgent byte: the sender put one extra byte into the handshake.
    let mut talk = Talk::opened(alice(), bob());
    for (side, id) in [(A, &ALICE), (B, &BOB)] {
        let mut bytes = handshake(id);
        bytes.insert(5, b'!');
        talk.send(side, Tcp::ACK | PUSH | Tcp::URG, &bytes);
        talk.segments.last_mut().unwrap().header.urgent = 6;
        talk.send(side.other(), Tcp::ACK, &[]);
    }
    peer::chat(&mut talk);
    check(&mut suite, "an extra urgent byte", "receivers take it out of line", &talk);
    // An urgent pointer on good data changes nothing.
    let mut talk = Talk::opened(alice(), bob());
    for (side, id) in [(A, &ALICE), (B, &BOB)] {
        talk.send(side, Tcp::ACK | PUSH | Tcp::URG, &handshake(id));
        talk.segments.last_mut().unwrap().header.urgent = 6;
        talk.send(side.other(), Tcp::ACK, &[]);
    }
    peer::chat(&mut talk);
    check(&mut suite, "an urgent pointer", "receivers with inline urgent data", &talk);
    suite.finish();
}
