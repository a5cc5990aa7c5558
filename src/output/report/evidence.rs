//! Excerpts of the packets that prove something, chained by SHA-256 (FIPS 180-4) so that none can be changed, left out or
//! put in later without a trace.
//!
//! The chain begins with the SHA-256 of the capture files' digests in hexadecimal, one behind the other; each link is the
//! SHA-256 of the ASCII text `PREVIOUS NUMBER TIME DIGEST` and a line feed, where DIGEST is the SHA-256 of all captured
//! bytes of the packet. So `sha256sum` is enough to check it.

use super::collect::Collected;
use crate::base::{Timestamp, hex};
use crate::event::Reason;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

/// Packets of which a report shows bytes.
pub const EXCERPTS_MAX: usize = 16;
/// Bytes that are shown of each.
pub const EXCERPT_BYTES: usize = 256;

/// A SHA-256 digest.
pub type Sha256Digest = [u8; 32];

/// A packet to excerpt: its number, the reason that it shows, and the flow (by its place among those told).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The running number of the packet, from 1.
    pub number: u64,
    /// What it shows: flows, as `A:p-B:q`, and reasons.
    pub shows: Vec<(String, Reason)>,
}

/// A packet as it was captured.
#[derive(Clone, Copy, Debug)]
pub struct Captured<'a> {
    /// When.
    pub at: Timestamp,
    /// Its bytes, as far as they were captured.
    pub data: &'a [u8],
    /// Its length on the wire, in bytes.
    pub wire_len: u32,
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDigest {
    /// Its name.
    pub name: String,
    /// Its length in bytes, as it is stored.
    pub bytes: u64,
    /// Its digest.
    pub sha256: Sha256Digest,
}

/// A link of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The packet and what it shows.
    pub proof: Proof,
    /// When it was captured.
    pub at: Timestamp,
    /// How many bytes were captured.
    pub captured: u64,
    /// Its length on the wire, in bytes.
    pub wire: u32,
    /// The first bytes; nothing where they are withheld.
    pub bytes: Vec<u8>,
    /// The digest of all captured bytes.
    pub sha256: Sha256Digest,
    /// The chain up to here.
    pub chain: Sha256Digest,
    /// Its place in the sample, from 1, where one was written.
    pub in_sample: Option<u64>,
}

/// What a sample of packets holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Packets.
    pub packets: u64,
    /// Their captured bytes.
    pub bytes: u64,
    /// Packets of the same flows that were left out: beyond the beginnings of the flows, or beyond the limits.
    pub left_out: u64,
}

/// The evidence of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The files read.
    pub files: Vec<FileDigest>,
    /// The excerpts, in the order of their packets.
    pub excerpts: Vec<Excerpt>,
    /// Packets that show something and are not excerpted.
    pub left_out: u64,
    /// The sample, where one was written.
    pub sample: Option<Sample>,
    /// Whether the bytes themselves are kept back, since they may hold names.
    pub withheld: bool,
}

impl FileDigest {
    /// Reads a file to its end.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn of(name: String, reader: &mut dyn Read) -> io::Result<Self> {
        let (mut hasher, mut bytes) = (Sha256::new(), 0);
        let mut buffer = vec![0; 1 << 16];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(Self { name, bytes, sha256: hasher.finalize().into() }),
                Ok(n) => {
                    hasher.update(buffer.get(..n).unwrap_or_default());
                    bytes += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Evidence {
    /// Chains packets, which come in the order of their numbers.
    #[must_use]
    pub fn new<'a>(
        files: Vec<FileDigest>,
        packets: impl Iterator<Item = (Proof, Captured<'a>)>,
        withheld: bool,
    ) -> Self {
        let mut evidence = Self { files, withheld, ..Self::default() };
        let mut chain = evidence.start();
        for (proof, packet) in packets {
            let sha256 = Sha256::digest(packet.data).into();
            chain = link(&chain, proof.number, packet.at, &sha256);
            let shown = packet.data.get(..EXCERPT_BYTES).unwrap_or(packet.data);
            evidence.excerpts.push(Excerpt {
                proof,
                at: packet.at,
                captured: packet.data.len() as u64,
                wire: packet.wire_len,
                bytes: if withheld { Vec::new() } else { shown.to_vec() },
                sha256,
                chain,
                in_sample: None,
            });
        }
        evidence
    }

    /// What the chain begins with: the digest of the files' digests in hexadecimal, one behind the other.
    #[must_use]
    pub fn start(&self) -> Sha256Digest {
        let mut hasher = Sha256::new();
        self.files.iter().for_each(|file| hasher.update(hex(&file.sha256)));
        hasher.finalize().into()
    }

    /// The end of the chain.
    #[must_use]
    pub fn end(&self) -> Sha256Digest {
        self.excerpts.last().map_or_else(|| self.start(), |e| e.chain)
    }
}

/// The chain with one more packet.
#[must_use]
pub fn link(previous: &Sha256Digest, number: u64, at: Timestamp, sha256: &Sha256Digest) -> Sha256Digest {
    Sha256::digest(format!("{} {number} {at} {}\n", hex(previous), hex(sha256))).into()
}

impl Collected {
    /// The numbers of all packets that show something, flow by flow.
    pub fn proving_packets(&self) -> impl Iterator<Item = u64> + '_ {
        self.flows.iter().flat_map(|flow| flow.sights().map(|(_, number)| number))
    }

    /// The packets to excerpt, by their numbers, and how many more there are. Every reason has its turn before one comes
    /// a second time.
    #[must_use]
    pub fn proofs(&self) -> (Vec<Proof>, u64) {
        let mut turns: BTreeMap<Reason, usize> = BTreeMap::new();
        let mut sights: Vec<(usize, Reason, u64, String)> = Vec::new();
        let mut all: BTreeSet<u64> = BTreeSet::new();
        for flow in &self.flows {
            let ends = format!("{}-{}", flow.record.originator, flow.record.responder);
            for (reason, number) in flow.sights() {
                all.insert(number);
                let turn = turns.entry(reason).or_default();
                sights.push((*turn, reason, number, ends.clone()));
                *turn += 1;
            }
        }
        sights.sort();
        let mut chosen: BTreeMap<u64, Vec<(String, Reason)>> = BTreeMap::new();
        for (_, reason, number, ends) in sights {
            if chosen.contains_key(&number) || chosen.len() < EXCERPTS_MAX {
                chosen.entry(number).or_default().push((ends, reason));
            }
        }
        let left_out = all.len().saturating_sub(chosen.len()) as u64;
        (chosen.into_iter().map(|(number, shows)| Proof { number, shows }).collect(), left_out)
    }
}
