//! Every packet of real captures is read as tshark reads it: handshakes, KRPC, uTP and UDP trackers, field by field.
//!
//! tshark judges a packet by its look and by what came before it between the same endpoints; so do the functions of
//! `wire`, but not alike. Where the two disagree and ours is right, a rule in `known` says why. Every other disagreement
//! fails the test.
//!
//! The captures lie in the folder `captures` of `SWARMSCOPE_SHARED`; without it, or without a tshark on the path, there
//! is nothing to compare.

#![allow(clippy::expect_used, clippy::panic)]

mod known;
mod ours;
mod pdml;
mod reading;
mod theirs;

use known::{Case, KNOWN};
use reading::{Protocol, differences};
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use swarmscope::base::hex;
use swarmscope::capture::{FileOptions, PacketSource, Read, open};
use swarmscope::frame::{Decoded, Decoder, DecoderOptions};
use theirs::Tshark;

/// Unexplained disagreements shown of one capture.
const SHOWN_MAX: usize = 20;

#[test]
fn packets_are_read_as_by_tshark() {
    let Some(shared) = env::var_os("SWARMSCOPE_SHARED") else {
        println!("skipped: SWARMSCOPE_SHARED is not set");
        return;
    };
    let Some(tshark) = Tshark::find() else {
        println!("skipped: there is no tshark");
        return;
    };
    println!("{}", tshark.version);
    if !tshark.reads_trackers {
        println!("UDP trackers are not compared: tshark reads them since 4.2");
    }
    let mut total = Tally::default();
    for path in captures(&Path::new(&shared).join("captures")) {
        compare(&tshark, &path, &mut total);
    }
    total.print();
    assert!(total.agreed.values().sum::<usize>() > 0, "nothing to compare was found");
    assert_eq!(total.unexplained, 0, "disagreements that no rule explains, with {}", tshark.version);
}

/// Every lab capture, and of the public ones those that have BitTorrent in them.
fn captures(folder: &Path) -> Vec<PathBuf> {
    let truth =
        fs::read_to_string(folder.join("public/truth_bt_flows.csv")).expect("the list of flows exists");
    let public = truth.lines().skip(1).filter_map(|line| line.split(',').nth(1));
    let mut all: BTreeSet<PathBuf> = public.map(|name| folder.join("public").join(name)).collect();
    for entry in fs::read_dir(folder.join("lab")).expect("the lab captures exist") {
        let path = entry.expect("the folder is readable").path();
        if path.extension().is_some_and(|extension| extension == "pcap") {
            all.insert(path);
        }
    }
    all.into_iter().collect()
}

/// What came out so far.
#[derive(Default)]
struct Tally {
    /// Readings that are alike in every field.
    agreed: BTreeMap<Protocol, usize>,
    /// How often each rule was needed, by its reason.
    explained: BTreeMap<&'static str, usize>,
    unexplained: usize,
}

impl Tally {
    fn print(&self) {
        for (protocol, count) in &self.agreed {
            println!("{count} packets agree: {protocol}");
        }
        for (reason, count) in &self.explained {
            println!("{count} disagreements: {reason}");
        }
    }
}

fn compare(tshark: &Tshark, path: &Path, tally: &mut Tally) {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let theirs = tshark.read(path);
    let last = theirs.keys().next_back().copied().unwrap_or_default();
    let mut source = open(&[path.to_path_buf()], &FileOptions::default()).expect("the file exists");
    // tshark reads a copy of a packet like any other.
    let options = DecoderOptions { suppress_duplicates: false, ..DecoderOptions::default() };
    let (mut decoder, mut reader) = (Decoder::new(options), ours::Reader::default());
    let (mut number, mut shown) = (0, 0);
    while let Read::Packet(packet) = source.next_packet().expect("files can be read") {
        number += 1;
        let decoded = decoder.decode(&packet, number);
        let (mut ours, frame) = match &decoded {
            Decoded::Frame(frame) => (reader.read(frame), Some(frame)),
            _ => (reading::Readings::new(), None),
        };
        if !tshark.reads_trackers {
            ours.remove(&Protocol::Tracker);
        }
        let none = reading::Readings::new();
        let theirs = theirs.get(&number).unwrap_or(&none);
        let found = differences(&ours, theirs);
        for (protocol, _) in ours.iter().filter(|(p, _)| theirs.contains_key(p)) {
            let alike = found.iter().all(|d| d.protocol != *protocol);
            *tally.agreed.entry(*protocol).or_default() += usize::from(alike);
        }
        let payload = frame.map_or(&[][..], |f| f.payload);
        let cut = frame.is_some_and(|f| f.payload.len() < f.payload_len as usize);
        for disagreement in &found {
            let case = Case { disagreement, payload, cut, theirs };
            if let Some(rule) = KNOWN.iter().find(|rule| (rule.applies)(&case)) {
                *tally.explained.entry(rule.reason).or_default() += 1;
                continue;
            }
            tally.unexplained += 1;
            shown += 1;
            if shown <= SHOWN_MAX {
                let d = disagreement;
                println!("{name}, packet {number}: {} {}", d.protocol, d.field);
                println!("    ours: {}\n    tshark: {}\n    payload: {}", d.ours, d.theirs, hex(payload));
            }
        }
    }
    assert!(last <= number, "{name}: tshark reads packet {last}, here there are {number}");
}
