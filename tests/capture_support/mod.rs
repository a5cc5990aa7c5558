//! Builds capture files byte by byte, good and bad, and reads them back.
#![allow(dead_code, clippy::expect_used)]

use std::io::Cursor;
use std::time::Duration;
use swarmscope::base::Timestamp;
use swarmscope::capture::{
    Damage, FileOptions, Files, LinkType, OwnedPacket, PacketSource, PcapWriter, Precision, RUN, Read, Run,
    SourceStatus,
};

/// What a source yielded.
#[derive(Debug)]
pub struct Outcome {
    pub packets: Vec<OwnedPacket>,
    pub status: SourceStatus,
}

impl Outcome {
    pub fn damage(&self) -> &[Damage] {
        &self.status.damage
    }
}

/// Reads a source to its end.
pub fn drain(mut source: impl PacketSource) -> Outcome {
    let mut packets = Vec::new();
    while let Read::Packet(packet) = source.next_packet().expect("a file never ends the run") {
        packets.push(OwnedPacket::from(packet));
    }
    assert!(matches!(source.next_packet(), Ok(Read::End)), "the end stays the end");
    let status = source.status().clone();
    Outcome { packets, status }
}

/// The same by runs, of which each must end where something is due.
pub fn drain_by_runs(mut source: impl PacketSource) -> Outcome {
    let mut packets = Vec::new();
    let mut until = Timestamp::MIN;
    while let Run::Packets(run) = source.next_run(until).expect("a file never ends the run") {
        let run: Vec<OwnedPacket> = run.map(OwnedPacket::from).collect();
        assert!(run.len() <= RUN, "{} packets", run.len());
        let (last, before) = run.split_last().expect("a run has a packet");
        assert!(before.iter().all(|packet| packet.at < until), "nothing is lent behind what is due");
        until = last.at + Duration::from_secs(5);
        packets.extend(run);
    }
    assert!(matches!(source.next_run(until), Ok(Run::End)), "the end stays the end");
    let status = source.status().clone();
    Outcome { packets, status }
}

/// Reads packet by packet and by runs, which must be the same.
pub fn read_with(bytes: &[u8], options: &FileOptions) -> Outcome {
    let source = || {
        let reader = Box::new(Cursor::new(bytes.to_vec()));
        Files::from_reader("t.pcap", reader, options).expect("options are good")
    };
    let (one, other) = (drain(source()), drain_by_runs(source()));
    assert_eq!(one.packets, other.packets);
    let counts = |status: &SourceStatus| (status.filtered, status.normalised, status.bytes_read);
    assert_eq!(counts(&one.status), counts(&other.status));
    assert_eq!(one.status.damage, other.status.damage);
    assert_eq!(one.status.origins, other.status.origins);
    one
}

pub fn read(bytes: &[u8]) -> Outcome {
    read_with(bytes, &FileOptions::default())
}

/// The n-th packet of every file built here: its length and bytes depend on n.
pub fn payload(n: u8) -> Vec<u8> {
    vec![n; 20 + usize::from(n) * 7]
}

pub fn time(n: u8) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + i64::from(n) * 1_000_250)
}

/// A pcap file of packets 0 to `count`, and the offset at which each record begins.
pub fn pcap(count: u8) -> (Vec<u8>, Vec<usize>) {
    let mut writer = PcapWriter::new(Vec::new(), LinkType::ETHERNET, Precision::Micros).expect("a Vec");
    let mut offsets = Vec::new();
    let mut offset = 24;
    for n in 0..count {
        offsets.push(offset);
        let data = payload(n);
        offset += 16 + data.len();
        writer.write(time(n), &data, data.len() as u32).expect("a Vec");
    }
    offsets.push(offset);
    (writer.into_inner(), offsets)
}

/// A byte order to write in.
#[derive(Clone, Copy, Debug)]
pub enum Order {
    Big,
    Little,
}

impl Order {
    pub fn u16(self, n: u16) -> Vec<u8> {
        match self {
            Self::Big => n.to_be_bytes().to_vec(),
            Self::Little => n.to_le_bytes().to_vec(),
        }
    }

    pub fn u32(self, n: u32) -> Vec<u8> {
        match self {
            Self::Big => n.to_be_bytes().to_vec(),
            Self::Little => n.to_le_bytes().to_vec(),
        }
    }

    pub fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let len = self.u32(12 + body.len() as u32);
        [self.u32(kind), len.clone(), body, len].concat()
    }

    pub fn section(self) -> Vec<u8> {
        let body = [self.u32(0x1a2b_3c4d), self.u16(1), self.u16(0), vec![0xff; 8]].concat();
        self.block(0x0a0d_0d0a, &body)
    }

    pub fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut value = value.to_vec();
        let len = value.len() as u16;
        value.resize(value.len().next_multiple_of(4), 0);
        [self.u16(code), self.u16(len), value].concat()
    }

    pub fn interface(self, link: u16, options: &[u8]) -> Vec<u8> {
        self.block(1, &[&self.u16(link)[..], &[0, 0, 0, 0, 0, 0], options].concat())
    }

    /// An enhanced packet with a time in microseconds.
    pub fn packet(self, interface: u32, n: u8) -> Vec<u8> {
        let (micros, data) = ((time(n).0 / 1_000) as u64, payload(n));
        let len = self.u32(data.len() as u32);
        let (high, low) = (self.u32((micros >> 32) as u32), self.u32(micros as u32));
        self.block(6, &[self.u32(interface), high, low, len.clone(), len, data].concat())
    }
}
