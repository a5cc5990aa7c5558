//! Keyed hashing for tables whose keys an attacker chooses.
//!
//! The key is random per process, so that colliding 5-tuples cannot be prepared (CVE-2024-47187 was a seed that
//! existed and was not used: the test below shows that ours reaches the result).

use std::hash::{BuildHasher, Hasher};

/// A 128-bit secret, drawn once per process from the operating system by the standard library's `RandomState`.
#[derive(Clone, Copy, Debug)]
pub struct HashKey(u64, u64);

const fn fold(a: u64, b: u64) -> u64 {
    let wide = (a as u128).wrapping_mul(b as u128);
    (wide as u64) ^ (wide >> 64) as u64
}

impl HashKey {
    /// A fresh random key.
    #[must_use]
    pub fn random() -> Self {
        let state = std::collections::hash_map::RandomState::new();
        Self(state.hash_one(1u8) | 1, state.hash_one(2u8))
    }

    /// A fixed key, for tests that must repeat.
    #[must_use]
    pub const fn fixed(a: u64, b: u64) -> Self {
        Self(a | 1, b)
    }

    /// Hashes a few words: one folded 64×64→128-bit multiplication for two words.
    #[inline]
    #[must_use]
    pub fn mix(&self, words: &[u64]) -> u64 {
        let mut h = self.1;
        for pair in words.chunks(2) {
            let (a, b) = match *pair {
                [a, b] => (a, b),
                [a] => (a, 0),
                _ => (0, 0),
            };
            h = fold(h ^ a ^ self.0, b ^ self.1 ^ 0x9e37_79b9_7f4a_7c15);
        }
        fold(h ^ self.0, self.1 | 1)
    }
}

/// A [`BuildHasher`] for maps keyed by network data.
#[derive(Clone, Copy, Debug)]
pub struct KeyedState(HashKey);

impl Default for KeyedState {
    fn default() -> Self {
        static KEY: std::sync::OnceLock<HashKey> = std::sync::OnceLock::new();
        Self(*KEY.get_or_init(HashKey::random))
    }
}

impl BuildHasher for KeyedState {
    type Hasher = KeyedHasher;
    fn build_hasher(&self) -> KeyedHasher {
        KeyedHasher { state: self.0.1, key: self.0 }
    }
}

/// The hasher of [`KeyedState`].
#[derive(Clone, Copy, Debug)]
pub struct KeyedHasher {
    state: u64,
    key: HashKey,
}

impl Hasher for KeyedHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        words.iter().for_each(|word| self.write_u64(u64::from_le_bytes(*word)));
        if !rest.is_empty() {
            let word = rest.iter().fold(rest.len() as u64, |word, byte| word << 8 | u64::from(*byte));
            self.write_u64(word);
        }
    }

    #[inline]
    fn write_u64(&mut self, w: u64) {
        self.state = fold(self.state ^ w, self.key.0 ^ 0x9e37_79b9_7f4a_7c15);
    }

    #[inline]
    fn write_u8(&mut self, w: u8) {
        self.write_u64(u64::from(w));
    }

    #[inline]
    fn write_u16(&mut self, w: u16) {
        self.write_u64(u64::from(w));
    }

    #[inline]
    fn write_usize(&mut self, w: usize) {
        self.write_u64(w as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        fold(self.state, self.key.1 | 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_reaches_the_hash() {
        let (a, b) = (HashKey::fixed(1, 2), HashKey::fixed(3, 4));
        assert_ne!(a.mix(&[7, 8]), b.mix(&[7, 8]));
        assert_eq!(a.mix(&[7, 8]), a.mix(&[7, 8]));
        assert_ne!(HashKey::random().mix(&[7]), HashKey::random().mix(&[7]));
    }

    #[test]
    fn neighbours_spread_over_the_buckets() {
        let key = HashKey::random();
        let mut buckets = [0u32; 256];
        for i in 0..65_536u64 {
            buckets[(key.mix(&[i, 1]) & 255) as usize] += 1;
        }
        assert!(buckets.iter().all(|&n| (128..=512).contains(&n)), "{buckets:?}");
    }
}
