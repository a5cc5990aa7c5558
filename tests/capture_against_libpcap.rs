//! Every packet that libpcap reads from real captures is read here alike: time, lengths, bytes.
//!
//! The captures lie in the folder `captures` of `SWARMSCOPE_SHARED`; without it there is nothing to compare.

#![allow(clippy::expect_used, clippy::panic)]

mod capture_support;

use capture_support::drain;
use pcap::{Capture, Precision};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use swarmscope::capture::{FileOptions, OwnedPacket, open};

/// libpcap's largest packet.
const PACKET_LEN_MAX: usize = 262_144;

#[test]
fn packets_are_those_of_libpcap() {
    let Some(shared) = env::var_os("SWARMSCOPE_SHARED") else { return };
    let (mut files, mut packets) = (0, 0);
    for path in files_below(&Path::new(&shared).join("captures")) {
        if let Some(count) = compare(&path) {
            files += 1;
            packets += count;
        }
    }
    assert!(files > 0 && packets > 0, "no captures found");
    println!("{files} files, {packets} packets alike");
}

/// The number of packets compared; `None` when libpcap does not open the file.
fn compare(path: &Path) -> Option<usize> {
    let mut theirs = Capture::from_file_with_precision(path, Precision::Nano).ok()?;
    let snap_len = snap_len(path);
    let link = theirs.get_datalink().0;
    let ours = drain(open(&[path.to_path_buf()], &FileOptions::default()).expect("the file exists"));
    let mut mine = ours.packets.iter();
    let mut count = 0;
    let end = loop {
        let packet = match theirs.next_packet() {
            Ok(packet) => packet,
            Err(end) => break end,
        };
        let place = || format!("{}, packet {count}", path.display());
        let Some(OwnedPacket { at, link: my_link, data, wire_len, .. }) = mine.next() else {
            panic!("{}: missing here: {:?}", place(), ours.damage());
        };
        assert_eq!(data.len().min(snap_len), packet.data.len(), "{}", place());
        assert!(data.starts_with(packet.data), "{}", place());
        assert_eq!(*wire_len, packet.header.len.max(data.len() as u32), "{}", place());
        // Link types 100 to 106 have other numbers inside libpcap.
        if !(100..=106).contains(&my_link.0) {
            assert_eq!(i32::from(my_link.0), link, "{}", place());
        }
        let stamp = packet.header.ts;
        // A simple packet of pcapng has no time; libpcap says 0, here it is that of the packet before. libpcap takes a
        // fraction of a second above 2^31 for a negative one.
        if stamp.tv_sec != 0 && stamp.tv_usec >= 0 {
            // libpcap 1.10 sign-extends the seconds of pcap.
            let secs = if stamp.tv_sec < 0 { stamp.tv_sec + (1 << 32) } else { stamp.tv_sec };
            assert_eq!(at.0, secs * 1_000_000_000 + stamp.tv_usec, "{}", place());
        }
        count += 1;
    };
    if matches!(end, pcap::Error::NoMorePackets) {
        assert_eq!(mine.count(), 0, "{}: packets that libpcap does not have", path.display());
        assert!(ours.damage().is_empty(), "{}: {:?}", path.display(), ours.damage());
    }
    Some(count)
}

/// Where libpcap cuts packets off that are longer than the pcap file's header allows; here they stay whole.
fn snap_len(path: &Path) -> usize {
    let file = fs::read(path).expect("libpcap has opened it");
    let Some((header, _)) = file.split_first_chunk::<24>() else { return PACKET_LEN_MAX };
    let field = [header[16], header[17], header[18], header[19]];
    let snap_len = match header[0] {
        0xd4 | 0x4d | 0x34 => u32::from_le_bytes(field),
        0xa1 => u32::from_be_bytes(field),
        _ => 0,
    };
    if snap_len == 0 { PACKET_LEN_MAX } else { PACKET_LEN_MAX.min(snap_len as usize) }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}
