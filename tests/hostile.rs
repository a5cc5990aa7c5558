//! Whole captures damaged at random go through the whole program: nothing may break, and every packet stays accounted for.
#![allow(clippy::expect_used, clippy::indexing_slicing)] // what fails must stop the test

mod support;

use support::Events;
use swarmscope::output::{Color, EventWriter, Layout, write_json, write_summary};
use swarmscope::pipeline::{AnalyzeOptions, analyze};

/// A small generator with a fixed seed (xorshift64*): failures repeat.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n
    }
}

/// Changes bytes behind the file header: single flips, runs of one value, numbers that lie, a cut.
fn damage(file: &mut Vec<u8>, random: &mut Random, changes: usize) {
    for _ in 0..changes {
        let at = 24 + random.below(file.len() - 32);
        match random.below(6) {
            0 => file[at] ^= 1 << random.below(8),
            1 => file[at] = random.below(256) as u8,
            2 => file[at..at + 4].fill(0xff),
            3 => file[at..at + 4].fill(0),
            4 => file[at] = b"del0123456789:i"[random.below(15)],
            _ => {
                let from = 24 + random.below(file.len() - 32);
                file[at] = file[from];
            }
        }
    }
    if random.below(4) == 0 {
        file.truncate(24 + random.below(file.len() - 24));
    }
}

#[test]
fn damaged_captures_break_nothing_and_every_packet_is_accounted_for() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures");
    let scratch = std::env::temp_dir().join(format!("swarmscope-hostile-{}.pcap", std::process::id()));
    let mut random = Random(0x5eed_1234_5678_9abc);
    for name in ["dht", "lsd", "mse-rc4", "udp-tracker", "utp", "tcp-http-tracker"] {
        let whole = std::fs::read(format!("{folder}/{name}.pcap")).expect("ships with the project");
        for round in 0..12 {
            let mut file = whole.clone();
            damage(&mut file, &mut random, 40 << (round % 6));
            std::fs::write(&scratch, &file).expect("a temporary file");
            let options = AnalyzeOptions {
                inputs: vec![scratch.clone()],
                workers: round % 3,
                all_flows: true,
                log_dht: true,
                deduplicate: round % 2 == 0,
                ..AnalyzeOptions::default()
            };
            let mut events = Events(EventWriter::new(Vec::new()));
            let report = analyze(&options, &mut events).expect("a damaged file is no error");
            let coverage = &report.coverage;
            assert_eq!(
                coverage.packets,
                coverage.decoded + coverage.skipped.values().sum::<u64>(),
                "{name} {round}"
            );
            assert_eq!(coverage.panics, 0, "{name} {round}");
            for line in events.0.into_inner().split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
                let parsed: Result<serde_json::Value, _> = serde_json::from_slice(line);
                assert!(parsed.is_ok(), "{name} {round}: {}", String::from_utf8_lossy(line));
            }
            let (mut json, mut summary) = (Vec::new(), Vec::new());
            write_json(&report, &mut json).expect("memory");
            serde_json::from_slice::<serde_json::Value>(&json).expect("valid JSON");
            write_summary(&report, &mut summary, Layout::of_stdout(Color::Never)).expect("memory");
            let text = String::from_utf8(summary).expect("UTF-8");
            assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{name} {round}");
        }
    }
    let _ = std::fs::remove_file(&scratch);
}
