//! The target for frame decoding.

use super::script::{RAW, Record, Script, Stage};
use swarmscope::base::HashKey;
use swarmscope::capture::OwnedPacket;
use swarmscope::frame::{Counters, Decoded, Decoder, DecoderOptions, Skip};

/// Packets of a script at most; libFuzzer's inputs are short, replayed ones may not be.
const PACKETS_MAX: usize = 512;

/// Every packet is one thing, the counters count what was said, and the same packets give the same answers.
pub fn frame(bytes: &[u8]) {
    let mut script = Script(bytes);
    let suppress_duplicates = script.u8() & 1 != 0;
    let mut stage = Stage::default();
    let mut packets = Vec::new();
    while !script.is_over() && packets.len() < PACKETS_MAX {
        let record = Record::read(&mut script);
        packets.extend(stage.perform(&record));
        // The same bytes as a packet of their own, too: raw records alone seldom get past a link header.
        if record.how & RAW != RAW && record.payload.first().is_some_and(|b| b >> 4 == 4 || b >> 4 == 6) {
            packets.extend(stage.perform(&Record { how: RAW, ends: 1, ..record }));
        }
    }
    let first = decode(&packets, suppress_duplicates);
    assert_eq!(first, decode(&packets, suppress_duplicates));
}

/// What was said of each packet, and what was counted.
fn decode(packets: &[OwnedPacket], suppress_duplicates: bool) -> (Vec<String>, Counters) {
    let key = HashKey::fixed(7, 11);
    let mut decoder = Decoder::new(DecoderOptions { suppress_duplicates, key });
    let (mut told, mut duplicates, mut unsupported) = (Vec::new(), 0, 0);
    let mut frames = 0;
    for (n, packet) in packets.iter().enumerate() {
        let number = n as u64 + 1;
        let decoded = decoder.decode(&packet.borrowed(), number);
        told.push(format!("{decoded:?}"));
        match decoded {
            Decoded::Frame(frame) => {
                frames += 1;
                assert_eq!(frame.number, number);
                assert!(frame.payload.len() <= frame.payload_len as usize, "more captured than sent");
            }
            Decoded::Duplicate => duplicates += 1,
            Decoded::Skip(Skip::UnsupportedLinktype) => unsupported += 1,
            Decoded::Unreachable(_) | Decoded::Held | Decoded::Skip(_) => {}
        }
    }
    let counters = decoder.counters();
    assert_eq!(counters.duplicates, duplicates);
    assert!(suppress_duplicates || told.len() == packets.len());
    assert!(counters.datagrams_joined <= counters.fragments_held + packets.len() as u64);
    let by_link: u64 = decoder.unsupported().values().sum();
    assert_eq!(by_link + counters.unsupported_other, unsupported);
    assert!(decoder.paths().as_slice().len() <= frames + packets.len() + 1);
    (told, counters)
}
