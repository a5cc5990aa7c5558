//! Peer wire over TCP: cut, shuffled, one-sided, joined late, and behind proxies.

use super::load;
use super::peer::{self, ALICE, BOB, HASH, converse, handshake, plain};
use super::scene::{Expect, Suite, alice, bob, confirmed, nothing, suspected_at_most};
use super::tcp_talk::{A, B, Dice, Side, Talk, pieces};
use swarmscope::event::{Encryption, Kind, Reason};
use swarmscope::frame::Tcp;

fn shaken() -> Expect {
    confirmed(Kind::PeerWire).hash(HASH).reason(Reason::Handshake).encryption(Encryption::None)
}

fn chained() -> Expect {
    confirmed(Kind::PeerWire).reason(Reason::MessageChain)
}

fn keep(from: Side) -> Talk {
    let mut talk = plain();
    talk.only(|s| s.from == from);
    talk
}

#[test]
fn however_the_segments_arrive() {
    let mut suite = Suite::default();
    let mut check = |name: &str, why: &str, talk: &Talk| {
        suite.check(name, why, &talk.scene(), &shaken());
    };
    check("whole", "the plain case", &plain());
    for size in [1, 2, 7, 19, 20, 47, 48, 67] {
        check(&format!("pieces of {size}"), "writes may be cut anywhere", plain().in_pieces(size));
    }
    check(
        "1 byte, reversed",
        "the network reorders",
        plain().recut(|run| {
            if run.len() > 68 { pieces(run, 1_448) } else { pieces(run, 4).into_iter().rev().collect() }
        }),
    );
    check(
        "68 single bytes, reversed",
        "the last byte comes first",
        plain().recut(|run| {
            if run.len() > 68 { pieces(run, 1_448) } else { pieces(run, 1).into_iter().rev().collect() }
        }),
    );
    check("7 bytes, shuffled in windows of 8", "the network reorders", plain().in_pieces(7).shuffled(8));
    let mut dice = Dice(3);
    check(
        "3 bytes, wholly shuffled",
        "the network reorders",
        plain().recut(|run| {
            let mut cut = pieces(run, if run.len() > 68 { 1_448 } else { 3 });
            (1..cut.len()).rev().for_each(|i| cut.swap(i, dice.below(i + 1)));
            cut
        }),
    );
    check("doubled", "retransmission", plain().in_pieces(20).doubled());
    check(
        "consistent overlap",
        "retransmission in other sizes",
        plain().recut(|run| {
            (0..run.len()).step_by(10).map(|i| (i, run[i..run.len().min(i + 25)].to_vec())).collect()
        }),
    );
    check(
        "whole again after pieces",
        "a retransmission covers what came in pieces",
        plain().recut(|run| [pieces(run, 5), pieces(run, 1_448)].concat()),
    );
    let mut wrap = Talk::new(alice(), bob());
    wrap.next = [u32::MAX - 30, u32::MAX - 5];
    wrap.open();
    converse(&mut wrap);
    check("sequence wrap", "numbers pass 2^32 inside the handshake", &wrap);
    wrap.in_pieces(3);
    check("sequence wrap in pieces", "numbers pass 2^32 inside the handshake", &wrap);
    let mut silent = plain();
    silent.only(|s| !s.data.is_empty() || s.header.flags & Tcp::SYN != 0);
    check("no pure acknowledgements", "a filter may drop them", &silent);
    let mut huge = Talk::opened(alice(), bob());
    huge.say(A, &handshake(&ALICE)).say(B, &handshake(&BOB)).say(A, &peer::bitfield(800_000));
    peer::chat(&mut huge);
    check("huge bitfield", "a message longer than any buffer", &huge);
    let mut alive = Talk::opened(alice(), bob());
    alive.say(A, &handshake(&ALICE)).say(A, &peer::keep_alive().repeat(40)).say(B, &handshake(&BOB));
    peer::chat(&mut alive);
    check("keep-alives", "empty messages are legal anywhere", &alive);
    let mut merged = Talk::opened(alice(), bob());
    merged.say(A, &[handshake(&ALICE), peer::bitfield(64), peer::interested()].concat());
    merged.say(B, &[handshake(&BOB), peer::bitfield(64), peer::unchoke()].concat());
    check("handshake and messages in one segment", "clients send them at once", &merged);
    suite.finish();
}

#[test]
fn however_little_of_it_is_seen() {
    let mut suite = Suite::default();
    let mut check = |name: &str, why: &str, talk: &Talk, expect: Expect| {
        suite.check(name, why, &talk.scene(), &expect);
    };
    let late = |talk: &mut Talk| talk.only(|s| s.header.flags & Tcp::SYN == 0).clone();
    check("no SYN", "the capture began later", &late(&mut plain()), shaken());
    check("no SYN, pieces of 1", "the capture began later", &late(plain().in_pieces(1)), shaken());
    check("no SYN, pieces of 7 doubled", "both", &late(plain().in_pieces(7).doubled()), shaken());
    let mut answer = plain();
    answer.only(|s| s.header.flags & (Tcp::SYN | Tcp::ACK) != Tcp::SYN);
    check("SYN-ACK only", "the SYN was lost", &answer, shaken().two_way(true));
    check("initiator only", "asymmetric routing", &keep(A), shaken().two_way(false));
    check("responder only", "asymmetric routing", &keep(B), shaken().two_way(false));
    check("initiator only, pieces of 1", "asymmetric routing", keep(A).in_pieces(1), shaken());
    check("responder only, no SYN", "asymmetric routing", &late(&mut keep(B)), shaken());
    check("both", "the usual tap", &plain(), shaken().two_way(true));
    let mut lost = plain();
    let first = lost.segments.iter().position(|s| !s.data.is_empty()).unwrap();
    lost.segments.remove(first);
    check("first segment lost", "the responder's handshake remains", &lost, shaken());
    let mut reversed = keep(A);
    reversed.recut(|run| pieces(run, 4).into_iter().rev().collect());
    reversed.only(|s| s.header.flags & Tcp::SYN != 0 || s.header.seq <= 1_000_001 + 68);
    check("initiator only, 4 bytes, reversed", "asymmetric routing", &reversed, shaken());
    let mut unacknowledged = Talk::opened(alice(), bob());
    unacknowledged.send(A, 0x08, &handshake(&ALICE));
    check("no ACK flag", "a receiver that does not mind", &unacknowledged, shaken());
    let mut short = Talk::opened(alice(), bob());
    short.say(A, &handshake(&ALICE)[..48]);
    check("48 bytes", "some initiators wait with their peer id", &short, shaken());
    short.say(B, &handshake(&BOB)).say(A, &ALICE);
    check("48 bytes, answer, 20 bytes", "some initiators wait with their peer id", &short, shaken());
    let mut lone = Talk::opened(alice(), bob());
    lone.say(A, &handshake(&ALICE));
    check("handshake without answer", "the responder did not know the torrent", &lone, shaken());
    let mut open = Talk::new(alice(), bob());
    open.send(A, Tcp::SYN, &handshake(&ALICE)).send(B, Tcp::SYN | Tcp::ACK, &[]).say(B, &handshake(&BOB));
    peer::chat(&mut open);
    check("TCP Fast Open", "data in the SYN", &open, shaken());
    check("TCP Fast Open, initiator only", "data in the SYN", open.clone().only(|s| s.from == A), shaken());
    let mut half = Talk::new(alice(), bob());
    half.send(A, Tcp::SYN, &handshake(&ALICE)[..30]).send(B, Tcp::SYN | Tcp::ACK, &[]);
    half.say(A, &handshake(&ALICE)[30..]).say(B, &handshake(&BOB));
    check("TCP Fast Open, half the handshake", "data in the SYN", &half, shaken());
    suite.finish();
}

#[test]
fn joined_in_the_middle() {
    let mut suite = Suite::default();
    let mut check = |name: &str, why: &str, talk: &Talk, expect: &Expect| {
        suite.check(name, why, &talk.scene(), expect);
    };
    let mut chat = Talk::new(alice(), bob());
    peer::chat(&mut chat);
    check("all messages", "the capture began after the handshake", &chat, &chained());
    check("all messages, pieces of 7", "the same", chat.clone().in_pieces(7), &chained());
    let mut requests = Talk::new(alice(), bob());
    for index in 0..6 {
        requests.say(A, &peer::request(index, 0));
    }
    check("requests one way", "three frames in a row", &requests, &chained());
    let mut at_once = Talk::new(alice(), bob());
    at_once.say(A, &(0..4).flat_map(|n| peer::request(7, n * 16_384)).collect::<Vec<u8>>());
    check("requests in one segment", "four frames in a row", &at_once, &chained());
    for size in [1, 7, 17, 20] {
        check(
            &format!("requests in pieces of {size}"),
            "writes may be cut",
            at_once.clone().in_pieces(size),
            &chained(),
        );
    }
    let mut within = Talk::new(alice(), bob());
    let noise = Dice(8).bytes(5_000);
    within.say(B, &[noise, (0..4).flat_map(|n| peer::piece(3, n * 16_384)).collect()].concat());
    check("5,000 bytes into a block, one way", "the next header follows by arithmetic", &within, &chained());
    let mut blocks = Talk::new(alice(), bob());
    blocks.lose(B, 5_000);
    for index in 0..4 {
        blocks.say(B, &peer::piece(index, 0));
    }
    check("blocks one way", "only the sender is visible", blocks.clone().only(|s| s.from == B), &chained());
    let mut inside = Talk::new(alice(), bob());
    inside.say(B, &peer::piece(0, 0)[700..]);
    for index in 1..6 {
        inside.say(A, &peer::request(index, 0)).say(B, &peer::piece(index, 0));
    }
    check("from inside a block", "the capture began within a message", &inside, &chained());
    let mut gap = Talk::opened(alice(), bob());
    gap.lose(A, 68).lose(B, 68);
    peer::chat(&mut gap);
    check("both handshakes lost", "a gap where they were", &gap, &chained());
    let mut hole = plain();
    let data: Vec<usize> =
        (0..hole.segments.len()).filter(|&i| hole.segments[i].data.len() > 1_000).collect();
    hole.segments.remove(data[3]);
    check("a hole in a block", "loss does not end the flow", &hole, &shaken());
    for vector in load::flows().filter(|f| f.l4 == "tcp" && f.expect.class == "bt.peer") {
        let mut talk = Talk::opened(alice(), bob());
        if vector.id.contains("oneway") {
            talk = Talk::new(alice(), bob());
        }
        for (dir, bytes, _) in &vector.packets {
            talk.say(if *dir == "a2b" { A } else { B }, bytes);
        }
        check(vector.id, "a conversation of the vectors", &talk, &confirmed(Kind::PeerWire));
    }
    suite.finish();
}

#[test]
fn behind_a_proxy() {
    let mut suite = Suite::default();
    let mut check = |name: &str, talk: &Talk| {
        suite.check(name, "a proxy in clear hides nothing", &talk.scene(), &shaken());
    };
    let mut v5 = Talk::opened(alice(), bob());
    v5.say(A, &[5, 1, 0]).say(B, &[5, 0]);
    v5.say(A, &[5, 1, 0, 1, 198, 51, 100, 9, 0x1a, 0xe1]).say(B, &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    converse(&mut v5);
    check("SOCKS5", &v5);
    check("SOCKS5 in pieces of 1", v5.clone().in_pieces(1));
    check("SOCKS5, initiator only", v5.clone().only(|s| s.from == A));
    check("SOCKS5, responder only", v5.clone().only(|s| s.from == B));
    let mut named = Talk::opened(alice(), bob());
    named.say(A, &[5, 2, 0, 2]).say(B, &[5, 2]);
    named.say(A, b"\x01\x04user\x06secret").say(B, &[1, 0]);
    named.say(A, b"\x05\x01\x00\x03\x0cpeer.example\x1a\xe1").say(B, &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    converse(&mut named);
    check("SOCKS5 with a password and a name", &named);
    let mut v4 = Talk::opened(alice(), bob());
    v4.say(A, b"\x04\x01\x1a\xe1\xc6\x33\x64\x09user\0").say(B, &[0, 90, 0, 0, 0, 0, 0, 0]);
    converse(&mut v4);
    check("SOCKS4", &v4);
    let mut v4a = Talk::opened(alice(), bob());
    v4a.say(A, b"\x04\x01\x1a\xe1\0\0\0\x01\0peer.example\0").say(B, &[0, 90, 0, 0, 0, 0, 0, 0]);
    converse(&mut v4a);
    check("SOCKS4a", &v4a);
    let mut http = Talk::opened(alice(), bob());
    http.say(A, b"CONNECT 198.51.100.9:6881 HTTP/1.1\r\nHost: 198.51.100.9:6881\r\n\r\n");
    http.say(B, b"HTTP/1.1 200 Connection established\r\n\r\n");
    converse(&mut http);
    check("HTTP CONNECT", &http);
    check("HTTP CONNECT in pieces of 1", http.clone().in_pieces(1));
    check("HTTP CONNECT, initiator only", http.clone().only(|s| s.from == A));
    check("HTTP CONNECT, responder only", http.clone().only(|s| s.from == B));
    suite.finish();
}

#[test]
fn message_stream_encryption() {
    let mut suite = Suite::default();
    for vector in load::flows().filter(|f| f.expect.class == "bt.mse") {
        let mut talk = Talk::opened(alice(), bob());
        for (dir, bytes, _) in &vector.packets {
            talk.say(if *dir == "a2b" { A } else { B }, bytes);
        }
        let clear = vector.expect.all["plaintext"] == true;
        let expect = if clear {
            confirmed(Kind::PeerWire)
                .hash(HASH)
                .reason(Reason::MsePlaintext)
                .encryption(Encryption::MsePlaintext)
        } else {
            suspected_at_most()
        };
        suite.check(vector.id, "what the exchange selects decides", &talk.scene(), &expect);
        suite.check(
            &format!("{} in pieces of 5", vector.id),
            "burst sizes do not depend on segments",
            &talk.in_pieces(5).scene(),
            &expect,
        );
        if clear {
            talk.only(|s| s.from == B);
            suite.check(
                &format!("{} responder only", vector.id),
                "asymmetric routing",
                &talk.scene(),
                &expect,
            );
        }
    }
    suite.finish();
}

#[test]
fn what_only_resembles_it() {
    let mut suite = Suite::default();
    let mut check = |name: &str, why: &str, first: &[u8], answer: &[u8]| {
        let mut talk = Talk::opened(alice(), bob());
        talk.say(A, first).say(B, answer).say(A, first).say(B, answer);
        suite.check(name, why, &talk.scene(), &nothing());
        let late: &mut Talk = talk.only(|s| s.header.flags & Tcp::SYN == 0);
        suite.check(&format!("{name}, joined late"), why, &late.scene(), &nothing());
    };
    check(
        "partial magic",
        "another protocol begins alike",
        b"\x13BitTorrent procedure call 1.0 hello, world and then some",
        b"no",
    );
    check(
        "magic, 20 bytes of another length",
        "the length byte counts",
        b"\x14BitTorrent protocol!\0\0\0\0\0\0\0\0",
        b"no",
    );
    let quoted = [
        b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 4000\r\n\r\n".to_vec(),
        vec![b'x'; 1_900],
        handshake(&ALICE),
        vec![b'y'; 4_000 - 1_900 - 68],
    ]
    .concat();
    check(
        "magic in an HTTP body",
        "a page may quote anything",
        b"GET /bt HTTP/1.1\r\nHost: x.example\r\n\r\n",
        &quoted,
    );
    let posted =
        [&b"POST /up HTTP/1.1\r\nHost: x.example\r\nContent-Length: 68\r\n\r\n"[..], &handshake(&ALICE)]
            .concat();
    check("magic in an upload", "a page may quote anything", &posted, b"HTTP/1.1 204 No Content\r\n\r\n");
    check(
        "HTTP/2",
        "length-prefixed frames",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\x04\0\0\xff\xff\0\x05\0\0\x40\0",
        b"\0\0\0\x04\0\0\0\0\0\0\0\0\x04\x01\0\0\0\0\0\0\x04\x08\0\0\0\0\0\0\0\xff\xff",
    );
    check(
        "SSH",
        "length-prefixed packets",
        b"SSH-2.0-OpenSSH_9.2p1\r\n\0\0\x02\x1c\x06\x14abcdefghijklmnopqrst",
        b"SSH-2.0-OpenSSH_9.2p1\r\n\0\0\x01\x0c\x05\x14",
    );
    let smb = [&b"\0\0\0\x40\xfeSMB\x40\0\0\0\0\0\0\0\x05\0\x01\0"[..], &[0; 48]].concat();
    check("SMB2", "a four-byte length begins with zeros", &smb, &smb);
    let kafka: Vec<u8> = (0..8u32)
        .flat_map(|n| {
            [&b"\0\0\0\x18\0\x03\0\x09"[..], &n.to_be_bytes(), b"\0\x06client\0\0\0\0\0\0"].concat()
        })
        .collect();
    check("Kafka", "a four-byte length begins with zeros", &kafka, &kafka);
    let zookeeper = b"\0\0\0\x08\xff\xff\xff\xfe\0\0\0\x0b".repeat(6);
    check("ZooKeeper pings", "a four-byte length begins with zeros", &zookeeper, &zookeeper);
    let postgres = b"\0\0\0\x08\x04\xd2\x16\x2f".to_vec();
    check("PostgreSQL SSL request", "a four-byte length begins with zeros", &postgres, b"S");
    let rpc = [&b"\x80\0\0\x28"[..], &[0; 40]].concat();
    check("ONC RPC", "a record mark", &rpc, &rpc);
    check("zeros", "keep-alives alone prove nothing", &[0; 600], &[0; 600]);
    check("one by one", "length 1 and an id, over and over", &b"\0\0\0\x01\x02".repeat(2), b"");
    let tpkt = b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x0b\0\0\0".to_vec();
    check("RDP", "TPKT", &tpkt, &tpkt);
    let grpc = b"\0\0\0\0\x05hello".repeat(20);
    check("gRPC frames", "five-byte prefixes", &grpc, &grpc);
    for vector in load::packets_of("bt.peer.stream").filter(|p| p.expect.verdict == load::Verdict::Reject) {
        check(vector.id, "a reject of the vectors", &vector.bytes, b"");
    }
    for vector in load::packets_of("bt.mse").filter(|p| p.expect.verdict == load::Verdict::Reject) {
        if !vector.id.ends_with("-bt") {
            check(vector.id, "a reject of the vectors", &vector.bytes, b"");
        }
    }
    suite.finish();
}
