//! Local discovery, web seeds, other networks: one flow each.

use super::load::{self, Verdict};
use super::peer::HASH;
use super::scene::{Scene, Suite, alice, bob, confirmed, end, nothing};
use super::tcp_talk::{A, B, Talk};
use swarmscope::event::{Family, Kind};

#[test]
fn local_service_discovery() {
    let mut suite = Suite::default();
    let hex: String = HASH.iter().map(|b| format!("{b:02x}")).collect();
    for (name, from, group) in [
        ("IPv4", "10.0.0.5:6771", "239.192.152.143:6771"),
        ("IPv6", "[fe80::5]:6771", "[ff15::efc0:988f]:6771"),
        ("another source port", "10.0.0.5:40000", "239.192.152.143:6771"),
    ] {
        let expect = confirmed(Kind::Lsd).between(end(from), end(group)).hash(HASH);
        for (form, text) in [
            (
                "usual",
                format!(
                    "BT-SEARCH * HTTP/1.1\r\nHost: {group}\r\nPort: 6881\r\nInfohash: {hex}\r\ncookie: 1\r\n\r\n\r\n"
                ),
            ),
            (
                "other case",
                format!(
                    "BT-SEARCH * HTTP/1.1\r\nhost: {group}\r\nport: 6881\r\nINFOHASH: {}\r\n\r\n",
                    hex.to_uppercase()
                ),
            ),
        ] {
            let mut scene = Scene::default();
            scene.udp(end(from), end(group), text.as_bytes());
            suite.check(&format!("{name}, {form}"), "BEP 14", &scene, &expect);
        }
    }
    for vector in load::packets_of("bt.lsd") {
        let group = end("239.192.152.143:6771");
        let mut scene = Scene::default();
        scene.udp(end("10.0.0.5:6771"), group, &vector.bytes);
        let expect = match vector.expect.verdict {
            Verdict::Match => confirmed(Kind::Lsd).between(end("10.0.0.5:6771"), group),
            Verdict::Candidate | Verdict::Reject => nothing(),
        };
        suite.check(vector.id, "the vectors", &scene, &expect);
    }
    suite.finish();
}

#[test]
fn web_seeds() {
    let mut suite = Suite::default();
    let seed = end("203.0.113.80:80");
    let answer =
        [&b"HTTP/1.1 206 Partial Content\r\nContent-Length: 16384\r\n\r\n"[..], &[7; 16_384]].concat();
    let mut talk = Talk::opened(alice(), seed);
    for n in 0..5 {
        let get = format!(
            "GET /files/x.iso HTTP/1.1\r\nHost: s.example\r\nUser-Agent: qBittorrent/4.5.2\r\nRange: bytes={}-{}\r\n\r\n",
            n * 16_384,
            n * 16_384 + 16_383
        );
        talk.say(A, get.as_bytes()).say(B, &answer);
    }
    let expect = confirmed(Kind::Webseed).between(alice(), seed);
    suite.check("BEP 19", "a client's ranges are whole blocks", &talk.scene(), &expect);
    let hash: String = HASH.iter().map(|b| format!("%{b:02x}")).collect();
    let mut talk = Talk::opened(alice(), seed);
    talk.say(
        A,
        format!("GET /seed?info_hash={hash}&piece=3&ranges=0-16383 HTTP/1.1\r\nHost: s.example\r\n\r\n")
            .as_bytes(),
    );
    talk.say(B, &answer);
    suite.check("BEP 17", "piece and info_hash", &talk.scene(), &expect.hash(HASH));
    let mut talk = Talk::opened(alice(), seed);
    for n in 0..5 {
        let get = format!(
            "GET /x.iso HTTP/1.1\r\nHost: s.example\r\nUser-Agent: curl/8\r\nRange: bytes={}-{}\r\n\r\n",
            n * 16_384,
            n * 16_384 + 16_383
        );
        talk.say(A, get.as_bytes()).say(B, &answer);
    }
    suite.check("curl with ranges", "any download manager does it", &talk.scene(), &nothing());
    suite.finish();
}

#[test]
fn other_networks_are_never_bittorrent() {
    let mut suite = Suite::default();
    for vector in load::packets_of("p2p").filter(|p| p.expect.verdict == Verdict::Match) {
        let mut scene = Scene::default();
        if vector.l4 == "udp" {
            let ports: (u16, u16) =
                if vector.id.contains("syncthing") { (21_027, 21_027) } else { (30_303, 30_303) };
            let (a, b) = (end(&format!("10.0.0.5:{}", ports.0)), end(&format!("203.0.113.7:{}", ports.1)));
            scene.udp(a, b, &vector.bytes).udp(b, a, &vector.bytes);
        } else {
            let mut talk = Talk::opened(alice(), bob());
            talk.say(A, &vector.bytes).say(B, &vector.bytes);
            scene = talk.scene();
        }
        let seen = suite.check(vector.id, "another family", &scene, &nothing());
        let named = seen.flows.iter().any(|f| f.record.label.kinds.family() == Some(Family::OtherP2p));
        suite.require(&format!("{} named", vector.id), "it has a name of its own", named);
    }
    let mut update = Talk::opened(alice(), end("203.0.113.7:7680"));
    update
        .say(A, &[&b"\x0eSwarm protocol"[..], &[0; 60]].concat())
        .say(B, &[&b"\x0eSwarm protocol"[..], &[0; 60]].concat());
    suite.check("delivery optimization", "Windows Update is no BitTorrent", &update.scene(), &nothing());
    suite.finish();
}
