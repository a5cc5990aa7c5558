//! The index of the flow table: eight bytes a flow, open addressing with linear probing.
//!
//! An entry is `upper half of the hash << 32 | id + 1`, 0 is free. It wants to stand where the upper half of its hash says,
//! which the entry itself keeps: moving entries needs no look at their flows (measured: 7 per cent of the analysis of a
//! trace of many short flows).

/// The index.
#[derive(Debug)]
pub struct Index {
    entries: Vec<u64>,
    used: usize,
}

const fn home(hash_or_entry: u64) -> usize {
    (hash_or_entry >> 32) as usize
}

impl Index {
    pub fn new() -> Self {
        Self { entries: vec![0; 1_024], used: 0 }
    }

    /// The id under this hash that `is_it`.
    #[inline]
    pub fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mask = self.entries.len() - 1;
        let mut at = home(hash) & mask;
        loop {
            let entry = *self.entries.get(at)?;
            if entry == 0 {
                return None;
            }
            if (entry ^ hash) >> 32 == 0 && is_it(entry as u32 - 1) {
                return Some(entry as u32 - 1);
            }
            at = (at + 1) & mask;
        }
    }

    /// Loads what [`Self::guess`] looks at first.
    #[inline(always)]
    pub fn glance(&self, hash: u64) -> u64 {
        self.entries.get(home(hash) & (self.entries.len() - 1)).copied().unwrap_or_default()
    }

    /// The first id under this hash, or one of no flow.
    #[inline(always)]
    pub fn guess(&self, hash: u64) -> u32 {
        self.find(hash, |_| true).unwrap_or(u32::MAX)
    }

    /// Enters an id that is not there yet.
    pub fn insert(&mut self, hash: u64, id: u32) {
        // At 7/8 a search looked at four entries on average before it grew.
        if (self.used + 1) * 4 > self.entries.len() * 3 {
            let larger = vec![0; self.entries.len() * 2];
            for entry in std::mem::replace(&mut self.entries, larger).into_iter().filter(|&e| e != 0) {
                self.place(entry);
            }
        }
        self.used += 1;
        self.place(hash & !0xffff_ffff | u64::from(id + 1));
    }

    fn place(&mut self, new: u64) {
        let mask = self.entries.len() - 1;
        let mut at = home(new) & mask;
        while let Some(entry) = self.entries.get_mut(at) {
            if *entry == 0 {
                *entry = new;
                return;
            }
            at = (at + 1) & mask;
        }
    }

    /// Takes an id out and closes the hole by moving later entries back: no tombstones.
    #[expect(clippy::indexing_slicing, reason = "every position is masked to the length of the index")]
    pub fn remove(&mut self, hash: u64, id: u32) {
        let mask = self.entries.len() - 1;
        let mut at = home(hash) & mask;
        while self.entries[at] as u32 != id + 1 {
            if self.entries[at] == 0 {
                return;
            }
            at = (at + 1) & mask;
        }
        self.used -= 1;
        let mut hole = at;
        loop {
            at = (at + 1) & mask;
            let entry = self.entries[at];
            if entry == 0 {
                break;
            }
            let wanted = home(entry) & mask;
            if (at.wrapping_sub(wanted) & mask) >= (at.wrapping_sub(hole) & mask) {
                self.entries[hole] = entry;
                hole = at;
            }
        }
        self.entries[hole] = 0;
    }

    /// Memory held, in bytes.
    #[cfg(test)]
    pub const fn bytes(&self) -> usize {
        self.entries.capacity() * 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        /// Few distinct hashes, so that runs are long and cross the end of the table.
        #[test]
        fn agrees_with_a_plain_map(steps in prop::collection::vec((0u64..40, any::<bool>()), 1..400)) {
            let mut index = Index::new();
            let mut model: HashMap<u32, u64> = HashMap::new();
            for (n, insert) in steps {
                let (id, hash) = (n as u32, (1_015 + n % 13) << 32 | n);
                if insert && !model.contains_key(&id) {
                    index.insert(hash, id);
                    model.insert(id, hash);
                } else if !insert {
                    index.remove(hash, id);
                    model.remove(&id);
                }
                for id in 0..40u32 {
                    let hash = (1_015 + u64::from(id) % 13) << 32;
                    let found = index.find(hash, |candidate| candidate == id);
                    prop_assert_eq!(found.is_some(), model.contains_key(&id));
                }
            }
        }
    }

    #[test]
    fn grows_and_keeps_everything() {
        let mut index = Index::new();
        let hash = |id: u32| u64::from(id).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (0..100_000).for_each(|id| index.insert(hash(id), id));
        assert!((0..100_000).all(|id| index.find(hash(id), |found| found == id) == Some(id)));
        (0..100_000).step_by(2).for_each(|id| index.remove(hash(id), id));
        assert!((0..100_000).all(|id| index.find(hash(id), |found| found == id).is_some() == (id % 2 == 1)));
    }
}
