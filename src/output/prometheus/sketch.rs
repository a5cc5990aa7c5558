//! Space-Saving (Metwally, Agrawal, El Abbadi 2005): the heavy hitters of a stream in fixed memory.

use crate::base::KeyedState;
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

/// Counts of at most so many keys. A key that is not among them takes the place, and the count, of the smallest: no key is
/// undercounted, and by how much one may be overcounted is known.
#[derive(Debug)]
pub struct SpaceSaving<K> {
    capacity: usize,
    counts: HashMap<K, Count, KeyedState>,
    order: BTreeSet<(u64, K)>,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    /// Never below the true count.
    estimate: u64,
    /// What of the estimate may be another key's.
    error: u64,
}

impl<K: Copy + Ord + Hash> SpaceSaving<K> {
    /// A sketch of so many keys.
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), counts: HashMap::default(), order: BTreeSet::new() }
    }

    /// Counts `weight` for a key.
    pub fn add(&mut self, key: K, weight: u64) {
        let before = self.counts.get(&key).copied();
        let Count { estimate, error } = match before {
            Some(count) => {
                self.order.remove(&(count.estimate, key));
                count
            }
            None if self.counts.len() < self.capacity => Count { estimate: 0, error: 0 },
            None => {
                let Some((smallest, gone)) = self.order.pop_first() else { return };
                self.counts.remove(&gone);
                Count { estimate: smallest, error: smallest }
            }
        };
        let estimate = estimate.saturating_add(weight);
        self.counts.insert(key, Count { estimate, error });
        self.order.insert((estimate, key));
    }

    /// Forgets a key.
    pub fn remove(&mut self, key: K) {
        if let Some(count) = self.counts.remove(&key) {
            self.order.remove(&(count.estimate, key));
        }
    }

    /// The keys with what they have for certain, most first.
    pub fn heaviest(&self) -> Vec<(K, u64)> {
        let mut keys: Vec<(K, u64)> = self.counts.iter().map(|(k, c)| (*k, c.estimate - c.error)).collect();
        keys.sort_by_key(|&(key, count)| (std::cmp::Reverse(count), key));
        keys
    }

    /// Halves all counts, so that the past weighs less than the present.
    pub fn halve(&mut self) {
        self.order.clear();
        for (key, count) in &mut self.counts {
            *count = Count { estimate: count.estimate / 2, error: count.error / 2 };
            self.order.insert((count.estimate, *key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_heavy_stay_among_a_million_light_ones() {
        let mut sketch = SpaceSaving::new(64);
        for n in 0..1_000_000u32 {
            sketch.add(1_000 + n, 1);
            if n % 10 == 0 {
                sketch.add(n % 5, 10);
            }
        }
        let heaviest: Vec<u32> = sketch.heaviest().iter().take(1).map(|(k, _)| *k).collect();
        assert_eq!((heaviest, sketch.counts.len(), sketch.order.len()), (vec![0], 64, 64));
    }

    proptest! {
        #[test]
        fn nobody_has_less_than_is_certain_nor_more_than_is_estimated(
            stream in prop::collection::vec((0u8..32, 1u64..100), 0..400), halve_at in 0usize..400
        ) {
            let mut sketch = SpaceSaving::new(8);
            let mut truth = std::collections::BTreeMap::new();
            for (n, &(key, weight)) in stream.iter().enumerate() {
                sketch.add(key, weight);
                *truth.entry(key).or_insert(0u64) += weight;
                if n == halve_at {
                    sketch.halve();
                }
            }
            prop_assert!(sketch.counts.len() <= 8 && sketch.counts.len() == sketch.order.len());
            for (key, certain) in sketch.heaviest() {
                prop_assert!(certain <= truth[&key]);
                prop_assert!(stream.len() > halve_at || sketch.counts[&key].estimate >= truth[&key]);
            }
        }
    }
}
