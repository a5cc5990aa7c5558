//! The target for capture files: pcap and pcapng, plain or compressed.

use swarmscope::base::Timestamp;
use swarmscope::capture::{FileOptions, Files, PacketSource, RawPacket, Read, Run, SourceStatus};

/// A file reads alike at once in runs of packets and in crumbs packet by packet, to its end, and gives out no more than is in
/// it.
pub fn capture(bytes: &[u8]) {
    let (whole, crumbs) = (read(bytes, usize::MAX, by_runs), read(bytes, 7, one_by_one));
    if !may_be_compressed(bytes) {
        assert_eq!(whole, crumbs);
        let captured: usize = whole.packets.iter().map(|(_, data, _)| data.len()).sum();
        assert!(captured <= bytes.len(), "{captured} bytes out of {}", bytes.len());
        return;
    }
    // How much comes out of a decompressor before it notices damage depends on how much went in.
    let both = whole.packets.iter().zip(&crumbs.packets);
    assert!(both.into_iter().all(|(a, b)| a == b));
    assert_eq!(whole.damage.is_empty(), crumbs.damage.is_empty());
}

/// The magic of gzip, of zstd and of its skippable frames.
fn may_be_compressed(bytes: &[u8]) -> bool {
    matches!(bytes, [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// What came out of a file.
#[derive(Debug, PartialEq)]
struct Outcome {
    /// Time and link type, bytes, length on the wire.
    packets: Vec<(String, Vec<u8>, u32)>,
    damage: Vec<(u64, String)>,
    normalised: u64,
}

/// A small file can expand to millions of empty packets.
const PACKETS_MAX: usize = 4_096;

fn by_runs(files: &mut Files, take: &mut dyn FnMut(RawPacket<'_>)) {
    let mut left = PACKETS_MAX;
    while left > 0
        && let Run::Packets(run) = files.next_run(Timestamp::MAX).unwrap()
    {
        run.take(left).for_each(|packet| {
            left -= 1;
            take(packet);
        });
    }
}

fn one_by_one(files: &mut Files, take: &mut dyn FnMut(RawPacket<'_>)) {
    for _ in 0..PACKETS_MAX {
        let Read::Packet(packet) = files.next_packet().unwrap() else { break };
        take(packet);
    }
}

fn read(
    bytes: &[u8],
    at_once: usize,
    each: impl FnOnce(&mut Files, &mut dyn FnMut(RawPacket<'_>)),
) -> Outcome {
    let reader = Crumbs { rest: bytes.to_vec().into(), at_once };
    let mut files = Files::from_reader("f", Box::new(reader), &FileOptions::default()).unwrap();
    let mut packets = Vec::new();
    each(&mut files, &mut |packet| {
        assert!(packet.data.len() <= packet.wire_len as usize, "more captured than was on the wire");
        packets.push((format!("{:?} {:?}", packet.at, packet.link), packet.data.to_vec(), packet.wire_len));
    });
    let SourceStatus { damage, normalised, origins, .. } = files.status();
    assert!(packets.is_empty() || !origins.is_empty());
    let damage = damage.iter().map(|d| (d.offset, d.reason.clone())).collect();
    Outcome { packets, damage, normalised: *normalised }
}

/// Hands out a few bytes a call, as a pipe does.
struct Crumbs {
    rest: std::collections::VecDeque<u8>,
    at_once: usize,
}

impl std::io::Read for Crumbs {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let len = to.len().min(self.at_once);
        std::io::Read::read(&mut self.rest, &mut to[..len])
    }
}
