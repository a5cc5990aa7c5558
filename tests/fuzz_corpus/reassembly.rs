//! The target for putting TCP bytes and uTP packets in order, against the obvious model: a map.

use super::script::Script;
use std::collections::BTreeMap;
use swarmscope::flow::{Assembler, Piece, UtpOrder};

/// The first copy of a byte wins; nothing comes twice, out of order or from nowhere; nothing whole is lost.
pub fn reassembly(bytes: &[u8]) {
    let mut script = Script(bytes);
    let mode = script.u8();
    if mode & 1 == 0 { tcp(script, mode) } else { utp(script) }
}

fn tcp(mut script: Script<'_>, mode: u8) {
    let start = if mode & 2 == 0 { u32::MAX - 40 } else { 1 };
    let mut assembler = Assembler::new(Some(start));
    let mut model = Model::default();
    let mut cut_any = false;
    let mut value = 0u8;
    while !script.is_over() {
        // 64 KiB of offsets: beyond what is held, within what is believed.
        let offset = u32::from(script.u16()) >> (mode >> 4 & 0xf).min(12);
        let len = u32::from(script.u8()) >> (mode >> 2 & 3);
        let how = script.u8();
        // Half of the copies agree with one another; the others carry a value of their own.
        value = value.wrapping_add(1);
        let payload: Vec<u8> = (offset..offset + len)
            .map(|at| if how & 1 == 0 { (at as u8).wrapping_mul(31) } else { value })
            .collect();
        let cut = if how & 0xe == 0xe { u32::from(how >> 4) } else { 0 };
        cut_any |= cut > 0;
        for (at, byte) in (u64::from(offset)..).zip(&payload) {
            if at >= model.position {
                model.note(at, *byte);
            }
        }
        let seq = start.wrapping_add(offset);
        assembler.push(seq, &payload, len + cut, |piece| model.take(piece));
        assert_eq!(assembler.next(), Some(start.wrapping_add(model.position as u32)));
        assert!(assembler.held_bytes() < 50 * 1024, "memory is bounded");
    }
    assembler.finish(|piece| model.take(piece));
    assert_eq!(assembler.held_bytes(), 0);
    if assembler.overflows() == 0 && !cut_any {
        assert_eq!(model.delivered, model.came, "bytes that came were not handed out");
    }
}

/// The bytes of a direction by offset, the first copy of each.
#[derive(Default)]
struct Model {
    first: Vec<Option<u8>>,
    /// How many there are.
    came: usize,
    /// The offset that comes next.
    position: u64,
    delivered: usize,
}

impl Model {
    fn note(&mut self, at: u64, byte: u8) {
        let at = at as usize;
        if self.first.len() <= at {
            self.first.resize(at + 256, None);
        }
        if self.first[at].is_none() {
            self.first[at] = Some(byte);
            self.came += 1;
        }
    }

    fn take(&mut self, piece: Piece<'_>) {
        match piece {
            Piece::Data(data) => {
                assert!(!data.is_empty(), "an empty piece");
                for byte in data {
                    let first = self.first.get(self.position as usize).copied().flatten();
                    assert_eq!(first, Some(*byte), "not the first copy of offset {}", self.position);
                    self.position += 1;
                }
                self.delivered += data.len();
            }
            Piece::Gap(len) => {
                assert!(len > 0, "an empty gap");
                self.position += u64::from(len);
            }
        }
    }
}

fn utp(mut script: Script<'_>) {
    let start = script.u16();
    let mut order = UtpOrder::new(Some(start));
    let mut first: BTreeMap<u32, u8> = BTreeMap::new();
    // Numbers since the start; the model follows the orderer across the wrap of its 16 bits.
    let mut next = 0u32;
    let (mut value, mut gaps) = (0u8, 0);
    while !script.is_over() {
        let ahead = u32::from(script.u8());
        let behind = script.u8() >> 4;
        let at = (next + ahead).saturating_sub(u32::from(behind));
        value = value.wrapping_add(1);
        if at >= next {
            first.entry(at).or_insert(value);
        }
        let mut out = Vec::new();
        order.push(start.wrapping_add(at as u16), &[value], 1, |piece| match piece {
            Piece::Data(data) => out.push(data[0]),
            Piece::Gap(_) => gaps += 1,
        });
        let mut expected: Vec<u8> = Vec::new();
        let after = next + u32::from(order.next().unwrap().wrapping_sub(start.wrapping_add(next as u16)));
        while next < after {
            expected.extend(first.get(&next));
            next += 1;
        }
        assert_eq!(out, expected);
    }
    let mut rest = Vec::new();
    order.finish(|piece| match piece {
        Piece::Data(data) => rest.push(data[0]),
        Piece::Gap(_) => gaps += 1,
    });
    assert_eq!(rest, first.range(next..).map(|(_, v)| *v).collect::<Vec<_>>());
    assert!(gaps <= first.len());
}
