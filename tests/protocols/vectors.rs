//! The protocol vectors through the whole program: each conversation, and each message that stands for itself.

#[path = "../vectors/load.rs"]
mod load;

use crate::scene::{Scene, Seen};
use load::{Flow, Packet, Verdict};
use swarmscope::event::{Encryption, Family, Grade, Kind};

const A: &str = "192.168.1.10:51413";
const B: &str = "198.51.100.7:6881";

/// The kind that a class of the vectors is.
fn kind(class: &str) -> Option<Kind> {
    Some(match class {
        "bt.peer" | "bt.peer.handshake" | "bt.mse" | "bt.ssl" => Kind::PeerWire,
        "bt.utp" => Kind::Utp,
        "bt.krpc" => Kind::Dht,
        "bt.tracker.udp" => Kind::UdpTracker,
        "bt.lsd" => Kind::Lsd,
        "p2p.edonkey" => Kind::Edonkey,
        "p2p.edonkey.kad" => Kind::Kad,
        "p2p.gnutella" => Kind::Gnutella,
        "p2p.directconnect" => Kind::DirectConnect,
        "p2p.soulseek" => Kind::Soulseek,
        "p2p.syncthing" => Kind::Syncthing,
        "p2p.libp2p" => Kind::Libp2p,
        "p2p.bitcoin" => Kind::Bitcoin,
        "p2p.ethereum.discv4" => Kind::EthereumDiscovery,
        "p2p.steam" => Kind::Steam,
        "p2p.xunlei" => Kind::Xunlei,
        "p2p.vuze_dht" => Kind::VuzeDht,
        _ => return None,
    })
}

fn replay(flow: &Flow) -> Seen {
    let mut scene = Scene::default();
    let wrapped = flow.id == "flow-pw-oneway";
    for (direction, bytes, packet) in &flow.packets {
        // Conversations with several remotes number them.
        let remote = format!("198.51.100.{}:6881", 6 + packet["peer"].as_u64().unwrap_or(1));
        let (from, to) = if *direction == "a2b" { (A, remote.as_str()) } else { (remote.as_str(), A) };
        match (flow.l4, wrapped) {
            ("udp", _) => scene.udp(from, to, bytes),
            // Joined in the middle, one side seen.
            (_, true) => scene.tcp_unseen(from, to, bytes),
            (_, false) => scene.tcp(from, to, bytes),
        };
    }
    scene.read()
}

#[test]
fn conversations_get_their_verdicts_and_torrents() {
    for flow in load::flows() {
        let seen = replay(&flow);
        let class = if flow.id == "flow-mux" { "bt.krpc" } else { flow.expect.class };
        let kind = kind(class).expect(flow.id);
        match flow.expect.verdict {
            Verdict::Match => assert!(seen.kinds().contains(&kind), "{}: {:?}", flow.id, seen.flows),
            // The request alone is proof; its answer has another transaction.
            _ if flow.expect.all["response_accepted"] == false => assert!(!seen.flow().label.two_way),
            // Nothing is said of a candidate alone, or only suspected.
            Verdict::Candidate | Verdict::Reject => assert!(seen.kinds().is_empty(), "{}", flow.id),
        }
        let all = flow.expect.all;
        for name in ["info_hash", "torrent", "v1"] {
            if let Some(hash) = all[name].as_str() {
                let hash = hash.parse().expect("an info-hash");
                assert!(seen.flows.iter().any(|f| f.label.info_hashes.contains(&hash)), "{}", flow.id);
            }
        }
        if let Some(name) = all["name"].as_str() {
            let named = seen.report.torrents.iter().filter_map(|t| t.name.as_ref()).any(|n| n.0 == name);
            assert!(named, "{}: {:?}", flow.id, seen.report.torrents);
        }
        if let Some(v2) = all["v2_trunc"].as_str() {
            assert_eq!(seen.report.torrents[0].also.map(|h| h.to_string()).as_deref(), Some(v2));
        }
        if let Some(bytes) = all["payload_bytes_b2a"].as_u64() {
            assert_eq!(seen.flow().label.pieces[1], bytes, "{}", flow.id);
        }
        if all["torrents"].as_array().is_some_and(Vec::is_empty) {
            assert!(seen.report.torrents.is_empty(), "{}", flow.id);
        }
        if all["announce_confirmed"] == true {
            let exchange = &seen.home().dht_exchange;
            assert_eq!(exchange.purposes.get(&swarmscope::event::DhtPurpose::Announce), Some(&1));
            assert_eq!(seen.home().external[0].0.to_string(), all["external_ip"].as_str().expect("a text"));
        }
    }
}

/// The ends of a message that stands for itself.
fn alone(packet: &Packet) -> Seen {
    let mut scene = Scene::default();
    match (packet.l4, packet.expect.class) {
        ("udp", "bt.lsd") => scene.udp("192.168.1.10:6771", "239.192.152.143:6771", &packet.bytes),
        ("udp", _) => scene.udp(A, B, &packet.bytes),
        _ => scene.tcp(A, B, &packet.bytes),
    };
    scene.read()
}

/// Where the program says more than the bytes alone must make it say, and why.
const SURER: [(&str, &str); 2] = [
    (
        "krpc-tail",
        "a known method before the bytes that follow: they would hide every message if they counted against it",
    ),
    (
        "krpc-n-leadzero",
        "a length with leading zeros is bad bencode, but nodes that read it leniently answer",
    ),
];

#[test]
fn messages_get_their_verdicts() {
    let mut replayed = 0;
    for packet in load::packets().filter(|p| matches!(p.ctx, "first" | "datagram")) {
        let Some(kind) = kind(packet.expect.class) else { continue };
        // What is cut by the snap length is no packet that a scene can send.
        if packet.wire_len != packet.bytes.len() {
            continue;
        }
        let seen = alone(&packet);
        let sure = match packet.expect.class {
            // What it is instead may well be the peer wire in clear.
            "bt.mse" => seen.flows.iter().any(|f| f.label.encryption != Encryption::None),
            _ => seen.kinds().contains(&kind),
        };
        match packet.expect.verdict {
            Verdict::Match => assert!(sure, "{}: {:?}", packet.id, seen.flows),
            _ if SURER.iter().any(|(id, _)| *id == packet.id) => assert!(sure, "{}: no exception", packet.id),
            Verdict::Candidate | Verdict::Reject => assert!(!sure, "{}: {:?}", packet.id, seen.flows),
        }
        // Another network is never counted as BitTorrent.
        if kind.family() != Family::Bittorrent {
            let ours = seen.flows.iter().filter(|f| f.label.kinds.family() == Some(Family::Bittorrent));
            assert_eq!(ours.filter(|f| f.label.grade >= Some(Grade::Strong)).count(), 0, "{}", packet.id);
        }
        replayed += 1;
    }
    assert!(replayed >= 120, "{replayed}");
}
