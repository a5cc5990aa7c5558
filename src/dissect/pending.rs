//! What waits for an answer: a fixed table of recent requests, keyed by a keyed hash of who asked whom and how.
//!
//! Direct-mapped: a newer request takes the place of an older one with the same slot, so the memory is bounded without a
//! queue, and an attacker who does not know the hash key cannot aim at a slot.

use crate::base::{Endpoint, HashKey, Timestamp};
use std::time::Duration;

/// A table of requests that carry a `V`.
#[derive(Debug)]
pub struct Pending<V> {
    slots: Vec<Option<(u64, Timestamp, V)>>,
    key: HashKey,
    max_age: Duration,
}

impl<V: Copy> Pending<V> {
    /// A table of `1 << bits` slots whose entries are good for `max_age` of packet time. It allocates on first use.
    pub const fn new(key: HashKey, max_age: Duration) -> Self {
        Self { slots: Vec::new(), key, max_age }
    }

    const SLOTS: usize = 1 << 13;

    /// Remembers a request from `asker` to `asked` under an id.
    pub fn put(&mut self, asker: Endpoint, asked: Endpoint, id: &[u8], at: Timestamp, value: V) {
        if self.slots.is_empty() {
            self.slots.resize(Self::SLOTS, None);
        }
        let hash = self.hash(asker, asked, id);
        if let Some(slot) = self.slots.get_mut(hash as usize % Self::SLOTS) {
            *slot = Some((hash, at, value));
        }
    }

    /// Takes the request that `asker` sent to `asked` under this id, and how long ago it was.
    pub fn take(
        &mut self,
        asker: Endpoint,
        asked: Endpoint,
        id: &[u8],
        at: Timestamp,
    ) -> Option<(V, Duration)> {
        let found = self.get(asker, asked, id, at)?;
        let hash = self.hash(asker, asked, id);
        if let Some(slot) = self.slots.get_mut(hash as usize % Self::SLOTS) {
            *slot = None;
        }
        Some(found)
    }

    /// The same without taking it out.
    pub fn get(&self, asker: Endpoint, asked: Endpoint, id: &[u8], at: Timestamp) -> Option<(V, Duration)> {
        let hash = self.hash(asker, asked, id);
        let (stored, since, value) = (*self.slots.get(hash as usize % Self::SLOTS)?)?;
        let age = at.since(since);
        (stored == hash && age <= self.max_age).then_some((value, age))
    }

    fn hash(&self, asker: Endpoint, asked: Endpoint, id: &[u8]) -> u64 {
        let halves = |e: Endpoint| {
            let wide = u128::from_be_bytes(e.address.0);
            [(wide >> 64) as u64, wide as u64]
        };
        let ([a, b], [c, d]) = (halves(asker), halves(asked));
        let ports = u64::from(asker.port) << 16 | u64::from(asked.port);
        let mut hash = self.key.mix(&[a, b, c, d, ports, id.len() as u64]);
        for chunk in id.chunks(8).take(8) {
            let word = chunk.iter().fold(0, |w, &byte| w << 8 | u64::from(byte));
            hash = self.key.mix(&[hash, word]);
        }
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(port: u16) -> Endpoint {
        Endpoint::new(crate::base::Address::v4([10, 0, 0, 1]), port)
    }

    #[test]
    fn an_answer_finds_its_own_request_once_and_in_time() {
        let mut table = Pending::new(HashKey::random(), Duration::from_secs(15));
        let (a, b) = (endpoint(1), endpoint(2));
        table.put(a, b, b"aa", Timestamp::from_secs(10), 'x');
        assert_eq!(table.take(b, a, b"aa", Timestamp::from_secs(11)), None, "the other way round");
        assert_eq!(table.take(a, b, b"ab", Timestamp::from_secs(11)), None, "another id");
        assert_eq!(table.get(a, b, b"aa", Timestamp::from_secs(26)), None, "too late");
        let found = table.take(a, b, b"aa", Timestamp::from_secs(12));
        assert_eq!(found, Some(('x', Duration::from_secs(2))));
        assert_eq!(table.take(a, b, b"aa", Timestamp::from_secs(12)), None, "taken");
    }

    #[test]
    fn a_million_requests_take_no_more_room_than_the_table() {
        let mut table = Pending::new(HashKey::random(), Duration::from_secs(15));
        for n in 0..1_000_000u32 {
            table.put(endpoint(1), endpoint(2), &n.to_be_bytes(), Timestamp(0), n);
        }
        assert_eq!(table.slots.len(), Pending::<u32>::SLOTS);
    }
}
