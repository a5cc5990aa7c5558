//! A second look at captures: the packets with these numbers, and a bounded sample of the flows concerned.

use super::analyze::{AnalyzeError, AnalyzeOptions};
use crate::base::{Endpoint, Transport};
use crate::capture::{self, FileOptions, OwnedPacket, PacketSource, Read};
use crate::frame::{Decoded, Decoder, DecoderOptions};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Packets of a sample.
pub const SAMPLE_PACKETS: u64 = 10_000;
/// Captured bytes of a sample.
pub const SAMPLE_BYTES: u64 = 4 << 20;
/// Packets that each flow brings into a sample, beside those that were asked for by number: its beginning says most.
const FLOW_PACKETS: u64 = 64;
/// What is kept free in a sample for packets asked for by number.
const RESERVED: u64 = 1 << 20;

/// The packets to look for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// By number, from 1, as an analysis with the same options counts them.
    pub numbers: BTreeSet<u64>,
    /// Flows whose beginnings go into the sample; nothing for no sample.
    pub flows: Vec<(Endpoint, Endpoint, Transport)>,
    /// How many packets the analysis saw: a file may have grown since.
    pub until: u64,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// The packets asked for by number.
    pub numbered: BTreeMap<u64, OwnedPacket>,
    /// The sample, all of one link type, with their numbers, in that order.
    pub sample: Vec<(u64, OwnedPacket)>,
    /// Captured bytes of the sample.
    pub bytes: u64,
    /// Packets of the flows that were left out: beyond the beginnings of the flows, or beyond the limits.
    pub left_out: u64,
}

/// Reads the inputs again.
///
/// # Errors
/// Those of [`analyze`](super::analyze()).
pub fn gather(options: &AnalyzeOptions, wanted: &Wanted) -> Result<Gathered, AnalyzeError> {
    let file_options = FileOptions {
        filter: options.filter.clone(),
        since: options.since,
        until: options.until,
        ..FileOptions::default()
    };
    let mut source = capture::open(&options.inputs, &file_options)?;
    let mut decoder = Decoder::new(DecoderOptions {
        suppress_duplicates: options.deduplicate,
        ..DecoderOptions::default()
    });
    // Packets told by now of each flow.
    let mut flows: HashMap<_, u64> = wanted.flows.iter().map(|&(a, b, t)| (key(a, b, t), 0)).collect();
    let last_numbered = wanted.numbers.last().copied().unwrap_or(0);
    let until = if flows.is_empty() { wanted.until.min(last_numbered) } else { wanted.until };
    let mut found = Gathered::default();
    for number in 1..=until {
        let packet = match source.next_packet()? {
            Read::Packet(packet) => packet,
            Read::Idle(_) | Read::End => break,
        };
        let asked = wanted.numbers.contains(&number);
        if asked {
            found.numbered.insert(number, OwnedPacket::from(packet));
        }
        if flows.is_empty() {
            continue;
        }
        let of_flow = match decoder.decode(&packet, number) {
            Decoded::Frame(frame) => flows.get_mut(&key(frame.src, frame.dst, frame.segment.transport())),
            Decoded::Held | Decoded::Duplicate | Decoded::Unreachable(_) | Decoded::Skip(_) => None,
        };
        let early = of_flow.map(|told| {
            *told += 1;
            *told <= FLOW_PACKETS
        });
        if !asked && early.is_none() {
            continue;
        }
        let same_link = found.sample.first().is_none_or(|(_, first)| first.link == packet.link);
        let room = if asked { SAMPLE_BYTES } else { SAMPLE_BYTES - RESERVED };
        let bytes = found.bytes.saturating_add(packet.data.len() as u64);
        let packets = found.sample.len() as u64;
        let reserved = if asked { 0 } else { wanted.numbers.len() as u64 };
        if same_link
            && (asked || early == Some(true))
            && bytes <= room
            && packets.saturating_add(reserved) < SAMPLE_PACKETS
        {
            found.bytes = bytes;
            found.sample.push((number, OwnedPacket::from(packet)));
        } else {
            found.left_out += 1;
        }
    }
    Ok(found)
}

fn key(a: Endpoint, b: Endpoint, transport: Transport) -> (Endpoint, Endpoint, Transport) {
    if a <= b { (a, b, transport) } else { (b, a, transport) }
}
