//! Reproducible randomness: the same seed writes the same trace, byte for byte.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use swarmscope::base::{Address, Endpoint};

/// Bytes that payloads are cut from, so that filling a packet costs one copy.
const POOL: usize = 1 << 18;

/// SplitMix64 (Steele, Lea, Flood 2014).
pub struct Random {
    state: u64,
    pool: Vec<u8>,
}

impl Random {
    /// A generator of its own for every seed.
    pub fn new(seed: u64) -> Self {
        let mut random = Self { state: seed, pool: Vec::new() };
        random.pool = (0..POOL / 8).flat_map(|_| random.next().to_le_bytes()).collect();
        random
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 up to, but without, `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// True in `percent` of all cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Exponentially distributed around `mean`.
    pub fn around(&mut self, mean: f64) -> f64 {
        let unit = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        -mean * (1.0 - unit).ln()
    }

    /// A pause of exponentially distributed length.
    pub fn pause(&mut self, mean_millis: f64) -> Duration {
        Duration::from_micros((self.around(mean_millis) * 1000.0) as u64 + 20)
    }

    /// `length` random bytes, at most the size of the pool.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let length = length.min(POOL);
        let from = self.below((POOL - length) as u64 + 1) as usize;
        self.pool[from..from + length].to_vec()
    }

    /// A random identifier; unlike [`bytes`](Self::bytes), never a repetition.
    pub fn id(&mut self) -> [u8; 20] {
        let words = [self.next(), self.next(), self.next()].map(u64::to_le_bytes).concat();
        std::array::from_fn(|i| words[i])
    }

    /// One of 2,000 hosts inside, on a high port.
    pub fn inside(&mut self) -> Endpoint {
        let host = self.below(2000) as u32;
        let port = 1024 + self.below(64_000) as u16;
        Endpoint { address: ipv4(0x0a00_0100 + host), port }
    }

    /// A host outside, of the network set aside for benchmarks (RFC 2544).
    pub fn outside(&mut self, port: u16) -> Endpoint {
        Endpoint { address: ipv4(0xc612_0000 + self.below(1 << 17) as u32), port }
    }
}

/// An IPv4 address from its number.
pub fn ipv4(number: u32) -> Address {
    Address::from(IpAddr::from(Ipv4Addr::from(number)))
}
