//! What waits for an answer: recent requests by a keyed hash of who asked whom and how.
//!
//! Bounded twice: a request is forgotten after its time, and when the table is full the oldest makes room. Neither depends
//! on the hash key, so that two runs over the same packets join the same answers.

use crate::base::{Endpoint, HashKey, KeyedState, Timestamp};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// Requests remembered at most.
const CAPACITY: usize = 1 << 15;

/// A table of requests that carry a `V`.
#[derive(Debug)]
pub struct Pending<V> {
    requests: HashMap<u64, (Timestamp, V), KeyedState>,
    /// The order they came in.
    order: VecDeque<(Timestamp, u64)>,
    key: HashKey,
    max_age: Duration,
    unanswered: u64,
}

impl<V: Copy> Pending<V> {
    /// A table whose entries are good for `max_age` of packet time.
    pub fn new(key: HashKey, max_age: Duration) -> Self {
        Self { requests: HashMap::default(), order: VecDeque::new(), key, max_age, unanswered: 0 }
    }

    /// Remembers a request from `asker` to `asked` under an id.
    pub fn put(&mut self, asker: Endpoint, asked: Endpoint, id: &[u8], at: Timestamp, value: V) {
        self.expire(at);
        let hash = self.hash(asker, asked, id);
        self.requests.insert(hash, (at, value));
        self.order.push_back((at, hash));
    }

    /// Forgets requests whose answer would come too late at `now`, and the oldest of a full table.
    pub fn expire(&mut self, now: Timestamp) {
        let stale = |&(since, _): &(Timestamp, u64)| now.since(since) > self.max_age;
        while self.order.len() >= CAPACITY || self.order.front().is_some_and(stale) {
            let Some((since, hash)) = self.order.pop_front() else { break };
            // The same request may have been repeated since: then a later entry speaks for it.
            if self.requests.get(&hash).is_some_and(|(at, _)| *at == since) {
                self.requests.remove(&hash);
                self.unanswered += 1;
            }
        }
    }

    /// How many requests were forgotten without an answer since the last call.
    pub const fn take_unanswered(&mut self) -> u64 {
        std::mem::replace(&mut self.unanswered, 0)
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
        self.requests.remove(&self.hash(asker, asked, id));
        Some(found)
    }

    /// The same without taking it out.
    pub fn get(&self, asker: Endpoint, asked: Endpoint, id: &[u8], at: Timestamp) -> Option<(V, Duration)> {
        let (since, value) = *self.requests.get(&self.hash(asker, asked, id))?;
        let age = at.since(since);
        (age <= self.max_age).then_some((value, age))
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
        table.put(a, b, b"ab", Timestamp::from_secs(20), 'y');
        table.put(a, b, b"ac", Timestamp::from_secs(40), 'z');
        assert_eq!(
            (table.take_unanswered(), table.take_unanswered()),
            (1, 0),
            "only the second was never answered"
        );
    }

    #[test]
    fn a_million_requests_take_no_more_room_than_the_table() {
        let mut table = Pending::new(HashKey::random(), Duration::from_secs(15));
        for n in 0..1_000_000u32 {
            table.put(endpoint(1), endpoint(2), &n.to_be_bytes(), Timestamp(0), n);
        }
        assert_eq!((table.requests.len(), table.order.len()), (CAPACITY, CAPACITY));
        table.put(endpoint(1), endpoint(2), b"later", Timestamp::from_secs(60), 0);
        assert_eq!(table.requests.len(), 1, "all others are stale");
    }
}
