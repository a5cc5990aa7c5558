//! Keccak-256 as Ethereum uses it: the padding of the original submission, not that of SHA-3 (FIPS 202).
//!
//! Node discovery datagrams begin with their own Keccak-256 hash, which makes them certain to recognise.

const RATE: usize = 136;

const ROUND_CONSTANTS: [u64; 24] = [
    0x0000_0000_0000_0001,
    0x0000_0000_0000_8082,
    0x8000_0000_0000_808a,
    0x8000_0000_8000_8000,
    0x0000_0000_0000_808b,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8009,
    0x0000_0000_0000_008a,
    0x0000_0000_0000_0088,
    0x0000_0000_8000_8009,
    0x0000_0000_8000_000a,
    0x0000_0000_8000_808b,
    0x8000_0000_0000_008b,
    0x8000_0000_0000_8089,
    0x8000_0000_0000_8003,
    0x8000_0000_0000_8002,
    0x8000_0000_0000_0080,
    0x0000_0000_0000_800a,
    0x8000_0000_8000_000a,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8080,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8008,
];

/// Row `y` of the sheet, lane `x`: `state[y][x]` of FIPS 202 section 3.1.2.
type State = [[u64; 5]; 5];

/// The Keccak-256 hash of a message.
#[must_use]
pub fn keccak256(message: &[u8]) -> [u8; 32] {
    let mut state: State = [[0; 5]; 5];
    let mut blocks = message.chunks_exact(RATE);
    for block in &mut blocks {
        absorb(&mut state, block);
    }
    let mut last = [0u8; RATE];
    for (to, from) in last.iter_mut().zip(blocks.remainder().iter().chain([&0x01])) {
        *to = *from;
    }
    if let Some(end) = last.last_mut() {
        *end |= 0x80;
    }
    absorb(&mut state, &last);
    let mut out = [0; 32];
    for (to, lane) in out.chunks_exact_mut(8).zip(state.as_flattened()) {
        to.copy_from_slice(&lane.to_le_bytes());
    }
    out
}

fn absorb(state: &mut State, block: &[u8]) {
    for (lane, bytes) in state.as_flattened_mut().iter_mut().zip(block.chunks_exact(8)) {
        *lane ^= bytes.first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
    }
    for constant in ROUND_CONSTANTS {
        theta(state);
        rho_pi(state);
        chi(state);
        state[0][0] ^= constant;
    }
}

fn theta(state: &mut State) {
    let [a, b, c, d, e] = state.iter().fold([0u64; 5], |mut parity, row| {
        parity.iter_mut().zip(row).for_each(|(p, lane)| *p ^= lane);
        parity
    });
    let mix = [
        e ^ b.rotate_left(1),
        a ^ c.rotate_left(1),
        b ^ d.rotate_left(1),
        c ^ e.rotate_left(1),
        d ^ a.rotate_left(1),
    ];
    for row in state {
        row.iter_mut().zip(mix).for_each(|(lane, m)| *lane ^= m);
    }
}

/// Rotation by the triangular numbers while lanes move along the cycle that begins at (1, 0).
fn rho_pi(state: &mut State) {
    let (mut x, mut y, mut rotation) = (1usize, 0usize, 0u32);
    let mut moving = lane(state, x, y);
    for step in 1..=24u32 {
        (x, y) = (y, (2 * x + 3 * y) % 5);
        rotation += step;
        let next = lane(state, x, y);
        if let Some(place) = state.get_mut(y).and_then(|row| row.get_mut(x)) {
            *place = moving.rotate_left(rotation % 64);
        }
        moving = next;
    }
}

fn lane(state: &State, x: usize, y: usize) -> u64 {
    state.get(y).and_then(|row| row.get(x)).copied().unwrap_or_default()
}

fn chi(state: &mut State) {
    for row in state {
        let [a, b, c, d, e] = *row;
        *row = [a ^ !b & c, b ^ !c & d, c ^ !d & e, d ^ !e & a, e ^ !a & b];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hex;

    #[test]
    fn published_hashes() {
        for (text, want) in [
            ("", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
            ("abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
            (
                "The quick brown fox jumps over the lazy dog",
                "4d741b6f1eb29cb2a9b9911c82f56fa8d73b04959d3d9d222895df6c0b28aa15",
            ),
        ] {
            assert_eq!(hex(&keccak256(text.as_bytes())), want, "{text}");
        }
    }

    #[test]
    fn block_edges_differ() {
        let all: std::collections::HashSet<_> = (130..280).map(|len| keccak256(&vec![0x61; len])).collect();
        assert_eq!(all.len(), 150);
    }
}
