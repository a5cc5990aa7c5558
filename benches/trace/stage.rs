//! Plays many scenes at once into one file, in the order of time.

use crate::random::Random;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;
use std::time::Duration;
use swarmscope::base::Timestamp;
use swarmscope::capture::{LinkType, PcapWriter, Precision};

/// A conversation, or a whole capture replayed: one packet after another.
pub trait Scene {
    /// The next Ethernet frame and the time until the one after it; `None` when all is said.
    fn next(&mut self, random: &mut Random) -> Option<(Vec<u8>, Duration)>;

    /// Whether its packets count as BitTorrent.
    fn is_bittorrent(&self) -> bool {
        false
    }
}

/// What was written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Written {
    /// Packets in the file.
    pub packets: u64,
    /// Those of BitTorrent scenes.
    pub bittorrent: u64,
    /// Bytes of all frames.
    pub bytes: u64,
}

/// Scenes waiting for their turn, and the file.
pub struct Stage {
    writer: PcapWriter<BufWriter<File>>,
    scenes: Vec<Box<dyn Scene>>,
    turns: BinaryHeap<Reverse<(Duration, usize)>>,
}

impl Stage {
    /// Creates the file.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = BufWriter::with_capacity(1 << 20, File::create(path)?);
        let writer = PcapWriter::new(file, LinkType::ETHERNET, Precision::Micros)?;
        Ok(Self { writer, scenes: Vec::new(), turns: BinaryHeap::new() })
    }

    /// Adds a scene whose first packet comes `after` the beginning of the trace.
    pub fn add(&mut self, after: Duration, scene: impl Scene + 'static) {
        self.turns.push(Reverse((after, self.scenes.len())));
        self.scenes.push(Box::new(scene));
    }

    /// Plays everything to its end, or to `most` packets.
    pub fn play(mut self, random: &mut Random, most: u64) -> io::Result<Written> {
        let begin = Timestamp::from_secs(1_767_225_600); // 2026-01-01
        let mut written = Written::default();
        while let Some(Reverse((at, scene))) = self.turns.pop() {
            let Some((frame, pause)) = self.scenes[scene].next(random) else { continue };
            self.writer.write(begin + at, &frame, frame.len() as u32)?;
            written.packets += 1;
            written.bytes += frame.len() as u64;
            written.bittorrent += u64::from(self.scenes[scene].is_bittorrent());
            if written.packets == most {
                break;
            }
            self.turns.push(Reverse((at + pause, scene)));
        }
        self.writer.flush()?;
        Ok(written)
    }
}
