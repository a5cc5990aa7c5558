//! Compressed files, folders, several files, filters and time windows: `capture::open`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod capture_support;

use capture_support::{Order, Outcome, drain, payload, pcap, read, read_with, time};
use flate2::{Compression, write::GzEncoder};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use swarmscope::base::Timestamp;
use swarmscope::capture::{
    CaptureError, ExpansionLimit, FileOptions, LinkType, OwnedPacket, PcapWriter, Precision, open,
};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

fn pcapng() -> Vec<u8> {
    let order = Order::Little;
    [order.section(), order.interface(1, &[]), order.packet(0, 0), order.packet(0, 1)].concat()
}

fn numbers(outcome: &Outcome) -> Vec<u8> {
    outcome.packets.iter().map(|packet| packet.data[0]).collect()
}

/// A folder of its own for each test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("swarmscope-{name}-{}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn read_paths(paths: &[&Path]) -> Outcome {
    let paths: Vec<PathBuf> = paths.iter().map(|path| path.to_path_buf()).collect();
    drain(open(&paths, &FileOptions::default()).unwrap())
}

#[test]
fn compressed_files_read_like_plain_ones() {
    let (plain, ends) = pcap(40);
    let (first, second) = plain.split_at(ends[20]);
    let skippable = [0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4];
    let several = [gzip(first), gzip(second)].concat();
    let frames = [&skippable[..], &zstd(first), &zstd(second), &skippable].concat();
    let want = read(&plain).packets;
    for (name, bytes) in
        [("gzip", gzip(&plain)), ("members", several), ("zstd", zstd(&plain)), ("frames", frames)]
    {
        let outcome = read(&bytes);
        assert_eq!(outcome.packets, want, "{name}");
        assert!(outcome.damage().is_empty(), "{name}: {:?}", outcome.damage());
        assert_eq!(outcome.status.bytes_read, bytes.len() as u64, "{name}: progress counts the file's bytes");
    }
    for bytes in [gzip(&pcapng()), zstd(&pcapng())] {
        assert_eq!(numbers(&read(&bytes)), [0, 1]);
    }
}

#[test]
fn every_prefix_of_a_compressed_file_gives_packets_from_the_front() {
    let (plain, _) = pcap(12);
    let want = numbers(&read(&plain));
    for packed in [gzip(&plain), zstd(&plain)] {
        for cut in 0..packed.len() {
            let outcome = read(&packed[..cut]);
            assert!(want.starts_with(&numbers(&outcome)), "cut at {cut}");
            assert_eq!(outcome.damage().len(), 1, "cut at {cut}: {:?}", outcome.damage());
        }
    }
}

#[test]
fn damage_inside_compression_keeps_what_came_before() {
    let mut noise = 1_u32;
    let mut writer = PcapWriter::new(Vec::new(), LinkType::ETHERNET, Precision::Micros).unwrap();
    for n in 0..2_000 {
        let data: Vec<u8> = std::iter::repeat_with(|| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 28) as u8
        })
        .take(1_000)
        .collect();
        writer.write(Timestamp::from_secs(n), &data, 1_000).unwrap();
    }
    let plain = writer.into_inner();
    for mut packed in [gzip(&plain), zstd(&plain)] {
        let middle = packed.len() / 2;
        packed[middle..middle + 2_000].fill(0xff);
        let outcome = read(&packed);
        assert!((500..1_500).contains(&outcome.packets.len()), "{}", outcome.packets.len());
        // Bytes that decompress to nonsense before the decompressor notices are the pcap reader's to find.
        let [damage, ..] = outcome.damage() else { panic!("no damage") };
        assert!(damage.offset > 500 * 1_016, "{damage:?}");
        assert_eq!(outcome.packets[..500], read(&plain).packets[..500]);
    }
}

#[test]
fn what_follows_the_last_member_is_damage_at_the_end() {
    let (plain, _) = pcap(3);
    let outcome = read(&[gzip(&plain), b"trailing".to_vec()].concat());
    assert_eq!(numbers(&outcome), [0, 1, 2]);
    assert_eq!(outcome.damage().len(), 1);
    assert_eq!(outcome.damage()[0].offset, plain.len() as u64);
}

/// A packet, then `zeros` bytes of zeros in blocks (pcapng) or records (pcap).
fn bomb(head: &[u8], filling: &[u8], zeros: usize) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.write_all(head).unwrap();
    for _ in 0..zeros / filling.len() {
        encoder.write_all(filling).unwrap();
    }
    encoder.finish().unwrap()
}

#[test]
fn bombs_end_at_the_limits_and_say_which() {
    let order = Order::Little;
    let unknown = order.block(0x0bad, &vec![0; (1 << 20) - 12]);
    let no_packets = bomb(&pcapng(), &unknown, 40 << 20);
    let outcome = read(&no_packets);
    assert_eq!(numbers(&outcome), [0, 1]);
    assert!(outcome.damage()[0].reason.contains("bytes without a packet"), "{:?}", outcome.damage());
    assert!(outcome.damage()[0].offset < 18 << 20);

    let limits = |ratio_from, total| FileOptions {
        expansion_limit: ExpansionLimit { ratio_from, total, ..ExpansionLimit::default() },
        ..FileOptions::default()
    };
    let (head, _) = pcap(1);
    let record = [&[0; 8][..], &60_000_u32.to_le_bytes(), &60_000_u32.to_le_bytes(), &[0; 60_000]].concat();
    let packets = bomb(&head, &record, 20 << 20);
    for (options, words, most) in [
        (limits(4 << 20, u64::MAX), "for each byte in", 5 << 20),
        (limits(u64::MAX, 3 << 20), "more than 3145728 bytes", 4 << 20),
    ] {
        let outcome = read_with(&packets, &options);
        let [damage] = outcome.damage() else { panic!("{:?}", outcome.damage()) };
        assert!(
            damage.reason.starts_with("decompression limit") && damage.reason.contains(words),
            "{damage:?}"
        );
        assert!(damage.offset < most, "{damage:?}");
        assert!(outcome.packets.len() > 10, "what came before is kept");
    }
    assert!(read(&packets).damage().is_empty(), "20 MiB are below the usual limits");
}

#[test]
fn a_zstd_window_beyond_128_mib_is_refused() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(28).unwrap();
    encoder.include_contentsize(false).unwrap();
    io::copy(&mut &pcap(5).0[..], &mut encoder).unwrap();
    encoder.flush().unwrap();
    let outcome = read(&encoder.finish().unwrap());
    assert!(outcome.packets.is_empty());
    assert_eq!(outcome.damage().len(), 1);
}

#[test]
fn a_folder_stands_for_its_captures_by_time() {
    let folder = Folder::new("folder");
    let single = |n: u8| {
        let mut writer = PcapWriter::new(Vec::new(), LinkType::ETHERNET, Precision::Micros).unwrap();
        writer.write(time(n), &payload(n), 0).unwrap();
        writer.into_inner()
    };
    folder.file("a.pcap", &single(3));
    folder.file("b.pcap.gz", &gzip(&single(1)));
    folder.file("c.pcap.zst", &zstd(&single(2)));
    folder.file("d.pcap", &single(0)[..24]);
    folder.file("README", b"notes");
    folder.file("empty.pcap", b"");
    fs::create_dir(folder.0.join("deeper")).unwrap();
    fs::write(folder.0.join("deeper/e.pcap"), single(9)).unwrap();

    let outcome = read_paths(&[&folder.0]);
    assert_eq!(numbers(&outcome), [1, 2, 3]);
    assert!(outcome.damage().is_empty(), "{:?}", outcome.damage());
    let ignored: Vec<_> =
        outcome.status.ignored.iter().filter_map(|path| path.file_name()?.to_str()).collect();
    assert_eq!(ignored, ["README", "empty.pcap"]);
    assert_eq!(Some(outcome.status.bytes_read), outcome.status.bytes_total);
    let names: Vec<_> = outcome
        .status
        .origins
        .iter()
        .filter_map(|origin| origin.file.as_deref()?.rsplit('/').next())
        .collect();
    assert_eq!(names, ["b.pcap.gz", "c.pcap.zst", "a.pcap"]);
}

#[test]
fn files_are_read_in_the_order_given_and_bad_ones_do_not_hinder_others() {
    let folder = Folder::new("order");
    let (good, ends) = pcap(2);
    let paths = [
        folder.file("z.pcap", &good),
        folder.file("m.txt", b"text"),
        folder.file("cut.pcap", &good[..ends[1] + 3]),
        folder.file("a.pcap", &pcapng()),
    ];
    let outcome = read_paths(&paths.each_ref().map(PathBuf::as_path));
    assert_eq!(numbers(&outcome), [0, 1, 0, 0, 1]);
    assert_eq!(outcome.packets.iter().map(|packet| packet.origin).collect::<Vec<_>>(), [0, 0, 1, 2, 2]);
    let damaged: Vec<_> = outcome.damage().iter().map(|damage| damage.file.clone()).collect();
    assert_eq!(damaged, [paths[1].clone(), paths[2].clone()]);
    assert_eq!(Some(outcome.status.bytes_read), outcome.status.bytes_total);
}

#[test]
fn missing_paths_devices_and_bad_filters_are_refused_at_once() {
    let refused = |path: &str, filter: Option<&str>| {
        let options = FileOptions { filter: filter.map(str::to_owned), ..FileOptions::default() };
        open(&[PathBuf::from(path)], &options).err()
    };
    assert!(matches!(refused("no/such.pcap", None), Some(CaptureError::Open { .. })));
    assert!(matches!(refused("/dev/zero", None), Some(CaptureError::Open { .. })));
    assert!(matches!(refused("-", Some("udp prt 53")), Some(CaptureError::Filter(text)) if !text.is_empty()));
}

#[test]
fn time_windows_and_filters_leave_out_and_count() {
    let (file, _) = pcap(6);
    let options = FileOptions { since: Some(time(1)), until: Some(time(4)), ..FileOptions::default() };
    let outcome = read_with(&file, &options);
    assert_eq!((numbers(&outcome), outcome.status.filtered), (vec![1, 2, 3], 3));

    let options = FileOptions { filter: Some("greater 42".to_owned()), ..FileOptions::default() };
    let outcome = read_with(&file, &options);
    assert_eq!((numbers(&outcome), outcome.status.filtered), (vec![4, 5], 4));

    let options =
        FileOptions { filter: Some("ether host 02:00:00:00:00:01".to_owned()), ..FileOptions::default() };
    let mut raw = PcapWriter::new(Vec::new(), LinkType::RAW, Precision::Micros).unwrap();
    raw.write(time(0), &[0x45; 40], 40).unwrap();
    raw.write(time(1), &[0x45; 40], 40).unwrap();
    let outcome = read_with(&raw.into_inner(), &options);
    assert_eq!((outcome.packets.len(), outcome.status.filtered, outcome.damage().len()), (0, 2, 1));
    assert_eq!(outcome.damage()[0].offset, 40);
}

#[test]
fn what_is_written_is_read_back() {
    let packets = [
        OwnedPacket::whole(Timestamp(1_700_000_000_123_456_789), LinkType::RAW, vec![1; 40]),
        OwnedPacket {
            wire_len: 1_500,
            ..OwnedPacket::whole(Timestamp(999_999_999), LinkType::RAW, vec![2; 96])
        },
        OwnedPacket::whole(Timestamp(0), LinkType::RAW, Vec::new()),
    ];
    for (precision, unit) in [(Precision::Nanos, 1), (Precision::Micros, 1_000)] {
        let mut writer = PcapWriter::new(Vec::new(), LinkType::RAW, precision).unwrap();
        for packet in &packets {
            writer.write(packet.at, &packet.data, packet.wire_len).unwrap();
        }
        let back = read(&writer.into_inner());
        let kept =
            |packet: &OwnedPacket| OwnedPacket { at: Timestamp(packet.at.0 / unit * unit), ..packet.clone() };
        assert_eq!(back.packets, packets.iter().map(kept).collect::<Vec<_>>());
        assert_eq!(back.status.normalised, 0);
    }
}
