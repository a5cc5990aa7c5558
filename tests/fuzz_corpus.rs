//! Drives every fuzz target with the protocol vectors, and with the same mutations of them each time.
//!
//! `FUZZ_CORPUS=fuzz/corpus cargo test --test fuzz_corpus write_seeds` writes the seeds for the fuzzer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

#[path = "vectors/load.rs"]
mod load;
#[path = "fuzz_corpus/targets.rs"]
mod targets;

use std::path::Path;
use swarmscope::base::Timestamp;
use swarmscope::capture::{LinkType, PcapWriter, Precision};
use swarmscope::frame::{Tcp, build};
use targets::script::{IS_TCP, RAW, REPLY, Record, Stage};

macro_rules! replay {
    ($($target:ident: $mutations:literal;)*) => {$(
        #[test]
        fn $target() {
            replay(stringify!($target), $mutations);
        }
    )*};
}

// Mutations of all seeds together; a debug build has about two seconds for each target.
replay! {
    bencode: 30_000;
    krpc: 30_000;
    peer_wire: 20_000;
    extension: 30_000;
    utp: 30_000;
    trackers: 20_000;
    lsd: 30_000;
    mse: 20_000;
    around: 20_000;
    frame: 4_000;
    reassembly: 4_000;
    capture: 1_500;
    pipeline: 2_000;
    rules: 1_000;
    config: 2_000;
}

#[test]
fn every_target_is_replayed_and_fuzzed() {
    // The fuzzer's crate is no part of the published package.
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/Cargo.toml");
    let Ok(manifest) = std::fs::read_to_string(path) else { return };
    let here = include_str!("fuzz_corpus.rs");
    for (name, _) in targets::ALL {
        assert!(manifest.contains(&format!("\nname = \"{name}\"\n")), "{name} is not fuzzed");
        assert!(here.contains(&format!("    {name}: ")), "{name} is not replayed");
    }
}

#[test]
fn write_seeds() {
    // Only on demand: this writes the fuzzer's seeds to where FUZZ_CORPUS says.
    let Ok(corpus) = std::env::var("FUZZ_CORPUS") else { return };
    for (name, _) in targets::ALL {
        let folder = Path::new(&corpus).join(name);
        std::fs::create_dir_all(&folder).unwrap();
        for (n, seed) in seeds(name).iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{n:03}")), seed).unwrap();
        }
    }
}

fn replay(name: &str, mutations: usize) {
    let (_, run) = targets::ALL.into_iter().find(|(n, _)| *n == name).unwrap();
    let seeds = seeds(name);
    assert!(!seeds.is_empty());
    for seed in crashes(name).iter().chain(&seeds) {
        run(seed);
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for n in 0..mutations {
        let mut bytes = seeds[n % seeds.len()].clone();
        for _ in 0..=random.below(4) {
            mutate(&mut bytes, &seeds, &mut random);
        }
        run(&bytes);
    }
}

/// Inputs that once broke a rule.
fn crashes(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz_corpus").join(name);
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect()
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let of = |classes: &[&str]| -> Vec<Vec<u8>> {
        classes.iter().flat_map(|class| load::packets_of(class)).map(|p| p.bytes).collect()
    };
    match name {
        "bencode" | "extension" => {
            let mut seeds = of(&["bt.krpc", "bt.metainfo", "bt.tracker.http"]);
            // The payloads behind length, 20 and the extension's number.
            seeds.extend(of(&["bt.peer.ext"]).iter().filter_map(|b| b.get(6..)).map(<[u8]>::to_vec));
            seeds.push(b"d1:ali-7e1:xd0:0:eei99999999999999999999ee".to_vec());
            seeds
        }
        "krpc" => of(&["bt.krpc"]),
        "peer_wire" => {
            let mut seeds = of(&["bt.peer"]);
            let sides = load::flows().filter(|f| f.l4 == "tcp").flat_map(|flow| {
                ["a2b", "b2a"].map(|side| {
                    let parts = flow.packets.iter().filter(|(dir, ..)| *dir == side);
                    parts.flat_map(|(_, bytes, _)| bytes.clone()).take(4_096).collect::<Vec<u8>>()
                })
            });
            seeds.extend(sides);
            seeds
        }
        "utp" => of(&["bt.utp"]).into_iter().map(|b| [vec![0], b].concat()).collect(),
        "trackers" => of(&["bt.tracker", "bt.webseed", "nat.upnp"]),
        "lsd" => of(&["bt.lsd"]),
        "mse" => of(&["bt.mse"]),
        "around" => of(&["nat", "p2p", "bt.ssl", "bt.metainfo"]),
        "capture" => captures(),
        "frame" | "pipeline" => scripts(),
        "reassembly" => {
            let mut random = Random(1);
            (0..16u8).map(|mode| [vec![mode], random.bytes(120)].concat()).collect()
        }
        "rules" => files_in("rules/policy"),
        "config" => files_in("packaging"),
        _ => panic!("no seeds for {name}"),
    }
}

/// The YAML files of a folder.
fn files_in(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|e| e == "yaml")).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// The vectors as scripts: each packet on its own, each flow, a few of them in tunnels.
fn scripts() -> Vec<Vec<u8>> {
    let mut scripts = Vec::new();
    for (n, packet) in load::packets().enumerate() {
        let mut script = vec![0b110];
        let tcp = packet.l4 == "tcp";
        if tcp && packet.ctx == "first" {
            let syn = Record { how: IS_TCP, ends: 0, flags: Tcp::SYN, pause: 1, payload: &[] };
            syn.write(&mut script);
            Record { how: IS_TCP | REPLY, flags: Tcp::SYN | Tcp::ACK, ..syn }.write(&mut script);
        }
        let carrier = [0, 0, 0, 1, 2, 3, 4, 6, 7][n % 9];
        let how = carrier | if tcp { IS_TCP } else { 0 };
        let ends = if packet.expect.class == "bt.lsd" { 3 | 4 << 3 } else { 0 };
        for payload in packet.bytes.chunks(1_400) {
            Record { how, ends, flags: 0, pause: 1, payload }.write(&mut script);
        }
        scripts.push(script);
    }
    for flow in load::flows() {
        let mut script = vec![0b1_1110];
        for (dir, bytes, _) in &flow.packets {
            let tcp = if flow.l4 == "tcp" { IS_TCP } else { 0 };
            let how = tcp | if *dir == "b2a" { REPLY } else { 0 };
            for payload in bytes.chunks(1_400) {
                Record { how, ends: 0, flags: 0, pause: 5, payload }.write(&mut script);
            }
        }
        scripts.push(script);
    }
    let mut raw = vec![1];
    let ip = build::udp("192.0.2.1:6881".parse().unwrap(), "192.0.2.2:6881".parse().unwrap(), b"d1:a");
    for (ends, payload) in
        [(0, build::ethernet(&ip)), (1, ip.clone()), (2, [&[2, 0, 0, 0][..], &ip].concat())]
    {
        Record { how: RAW, ends, flags: 0, pause: 0, payload: &payload }.write(&mut raw);
    }
    scripts.push(raw);
    scripts
}

/// Small files of both formats, plain and compressed.
fn captures() -> Vec<Vec<u8>> {
    let mut writer = PcapWriter::new(Vec::new(), LinkType::ETHERNET, Precision::Nanos).unwrap();
    let mut stage = Stage::default();
    for packet in load::packets().filter(|p| p.l4 == "udp").take(6) {
        let record = Record { how: 0, ends: 0, flags: 0, pause: 3, payload: &packet.bytes };
        for packet in stage.perform(&record) {
            writer.write(packet.at, &packet.data, packet.wire_len).unwrap();
        }
    }
    let pcap = writer.into_inner();
    let micros = PcapWriter::new(Vec::new(), LinkType::RAW, Precision::Micros);
    let mut short = micros.unwrap();
    short.write(Timestamp::from_secs(9), &[0x45; 30], 60).unwrap();
    let pcapng = pcapng();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &pcap).unwrap();
    let zstd = zstd::encode_all(&pcapng[..], 1).unwrap();
    vec![pcap, short.into_inner(), pcapng, gzip.finish().unwrap(), zstd]
}

/// A section, an interface with a name and nanoseconds, an enhanced packet, a simple one and an unknown block.
fn pcapng() -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| -> Vec<u8> {
        let len = (12 + body.len() as u32).to_le_bytes();
        [&kind.to_le_bytes()[..], &len, body, &len].concat()
    };
    let section = [&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat();
    let interface =
        [&[1, 0, 0, 0, 0, 0, 4, 0][..], &[2, 0, 4, 0], b"eth0", &[9, 0, 1, 0, 9, 0, 0, 0], &[0; 4]].concat();
    let data = [2; 32];
    let enhanced =
        [&[0; 4][..], &[0x97, 0x5b, 0x17, 0x17, 1, 2, 3, 4], &[32, 0, 0, 0, 60, 0, 0, 0], &data].concat();
    let simple = [&[32, 0, 0, 0][..], &data].concat();
    [
        block(0x0a0d_0d0a, &section),
        block(1, &interface),
        block(6, &enhanced),
        block(3, &simple),
        block(0xbad, &[1; 8]),
        block(6, &enhanced),
    ]
    .concat()
}

/// Xorshift: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 11) as usize % end.max(1)
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

/// One change of the kinds that find most: bits, telling values, lengths, cuts, repeats, splices.
fn mutate(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    const TELLING: [u8; 16] =
        [0, 1, 2, 0x7f, 0x80, 0xff, b'0', b'9', b':', b'd', b'e', b'i', b'l', b'\n', b'-', b' '];
    let at = random.below(bytes.len());
    let to = (at + 1 + random.below(32)).min(bytes.len());
    match random.below(8) {
        _ if bytes.is_empty() => bytes.extend(random.bytes(8)),
        0 => bytes[at] ^= 1 << random.below(8),
        1 | 2 => bytes[at] = TELLING[random.below(TELLING.len())],
        3 => bytes[at] = bytes[at].wrapping_add(random.below(9) as u8).wrapping_sub(4),
        4 => drop(bytes.drain(at..to)),
        5 => bytes.extend_from_within(at..to),
        6 => bytes.truncate(at),
        _ => {
            let other = &seeds[random.below(seeds.len())];
            let from = random.below(other.len());
            bytes.truncate(at);
            bytes.extend(&other[from..other.len().min(from + 512)]);
        }
    }
}
