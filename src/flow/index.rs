//! The index of the flow table: open addressing in buckets of seven, each in one line of the cache.
//!
//! An entry wants to stand in the bucket that the upper half of its hash says, which the entry itself keeps: moving entries
//! needs no look at their flows (measured: 7 per cent of the analysis of a trace of many short flows). A byte of the lower
//! half, its mark, is compared for all entries of a bucket at once.

/// Entries of a bucket.
const WIDTH: usize = 7;
/// The byte behind the seven marks, which is no mark.
const BEYOND: u64 = 0xff << 56;
/// The lowest bit of each byte.
const LOWEST: u64 = 0x0101_0101_0101_0101;

/// One line of the cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Bucket {
    /// A byte an entry, 0 where there is none.
    marks: u64,
    homes: [u32; WIDTH],
    ids: [u32; WIDTH],
}

const _: () = assert!(size_of::<Bucket>() == 64);

const EMPTY: Bucket = Bucket { marks: BEYOND, homes: [0; WIDTH], ids: [0; WIDTH] };

/// What stands for a hash in a bucket.
#[derive(Clone, Copy)]
struct Print {
    home: u32,
    mark: u8,
}

impl Print {
    #[inline(always)]
    const fn of(hash: u64) -> Self {
        let mark = hash as u8;
        Self { home: (hash >> 32) as u32, mark: if mark == 0 { 1 } else { mark } }
    }
}

impl Bucket {
    /// The highest bit of each byte that has this mark; of bytes behind the first that has, also of some that differ from it
    /// in the lowest bit.
    #[inline(always)]
    const fn marked(&self, mark: u8) -> u64 {
        let differing = self.marks ^ (LOWEST * mark as u64);
        differing.wrapping_sub(LOWEST) & !differing & (LOWEST << 7)
    }

    /// The first place that has no entry.
    #[inline(always)]
    const fn free(&self) -> Option<usize> {
        let free = self.marked(0);
        if free == 0 { None } else { Some(place(free)) }
    }

    fn put(&mut self, at: usize, print: Print, id: u32) {
        if let (Some(home), Some(place)) = (self.homes.get_mut(at), self.ids.get_mut(at)) {
            (*home, *place) = (print.home, id);
            self.marks = self.marks & !(0xff << (8 * at)) | u64::from(print.mark) << (8 * at);
        }
    }

    fn mark(&self, at: usize) -> u8 {
        (self.marks >> (8 * at)) as u8
    }

    /// The entries.
    fn entries(&self) -> impl Iterator<Item = (usize, Print, u32)> + '_ {
        let all = self.homes.iter().zip(&self.ids).enumerate();
        let all = all.map(|(at, (&home, &id))| (at, Print { home, mark: self.mark(at) }, id));
        all.filter(|(_, print, _)| print.mark != 0)
    }
}

/// The place of the lowest byte that is marked.
#[inline(always)]
const fn place(marked: u64) -> usize {
    (marked.trailing_zeros() / 8) as usize
}

/// The index.
#[derive(Debug)]
pub struct Index {
    /// As many as a power of two.
    buckets: Vec<Bucket>,
    used: usize,
}

impl Index {
    pub fn new() -> Self {
        Self { buckets: vec![EMPTY; 128], used: 0 }
    }

    /// The number of the bucket this many behind the one that the entry wants to stand in.
    #[inline(always)]
    fn bucket(&self, home: u32, behind: usize) -> usize {
        (home as usize).wrapping_add(behind) & (self.buckets.len() - 1)
    }

    /// The id under this hash that `is_it`.
    #[inline]
    pub fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        self.place_of(Print::of(hash), is_it).map(|(_, _, id)| id)
    }

    /// Bucket, place and id of the entry that `is_it`.
    #[inline]
    fn place_of(&self, print: Print, is_it: impl Fn(u32) -> bool) -> Option<(usize, usize, u32)> {
        for behind in 0..self.buckets.len() {
            let number = self.bucket(print.home, behind);
            let bucket = self.buckets.get(number)?;
            let mut marked = bucket.marked(print.mark);
            while marked != 0 {
                let at = place(marked);
                if let (Some(&home), Some(&id)) = (bucket.homes.get(at), bucket.ids.get(at))
                    && home == print.home
                    && bucket.mark(at) == print.mark
                    && is_it(id)
                {
                    return Some((number, at, id));
                }
                marked &= marked - 1;
            }
            if bucket.free().is_some() {
                return None;
            }
        }
        None
    }

    /// Loads what [`Self::guess`] looks at first.
    #[inline(always)]
    pub fn glance(&self, hash: u64) -> u64 {
        self.buckets.get(self.bucket(Print::of(hash).home, 0)).map_or(0, |bucket| bucket.marks)
    }

    /// The id that is probably under this hash, or one of no flow.
    #[inline(always)]
    pub fn guess(&self, hash: u64) -> u32 {
        let print = Print::of(hash);
        let Some(bucket) = self.buckets.get(self.bucket(print.home, 0)) else { return u32::MAX };
        bucket.ids.get(place(bucket.marked(print.mark))).copied().unwrap_or(u32::MAX)
    }

    /// Enters an id that is not there yet.
    pub fn insert(&mut self, hash: u64, id: u32) {
        // Fuller, and many an entry stands in another bucket than its own.
        if (self.used + 1) * 4 > self.buckets.len() * WIDTH * 3 {
            let larger = vec![EMPTY; self.buckets.len() * 2];
            for bucket in std::mem::replace(&mut self.buckets, larger) {
                bucket.entries().for_each(|(_, print, id)| self.place(print, id));
            }
        }
        self.used += 1;
        self.place(Print::of(hash), id);
    }

    fn place(&mut self, print: Print, id: u32) {
        for behind in 0..self.buckets.len() {
            let number = self.bucket(print.home, behind);
            let Some(bucket) = self.buckets.get_mut(number) else { return };
            if let Some(at) = bucket.free() {
                return bucket.put(at, print, id);
            }
        }
    }

    /// Takes an id out and closes the hole by moving entries of later buckets back: no tombstones.
    pub fn remove(&mut self, hash: u64, id: u32) {
        let Some((mut number, mut at, _)) = self.place_of(Print::of(hash), |other| other == id) else {
            return;
        };
        self.used -= 1;
        let mut was_full = self.empty(number, at);
        let mut next = number;
        while was_full {
            next = (next + 1) & (self.buckets.len() - 1);
            let Some(bucket) = self.buckets.get(next).copied() else { return };
            was_full = bucket.free().is_none();
            // An entry that passed the hole on its way.
            let passed = |home: u32| {
                let distance = |to: usize| to.wrapping_sub(home as usize) & (self.buckets.len() - 1);
                distance(number) < distance(next)
            };
            if let Some((from, print, id)) = bucket.entries().find(|(_, print, _)| passed(print.home)) {
                if let Some(hole) = self.buckets.get_mut(number) {
                    hole.put(at, print, id);
                }
                was_full = self.empty(next, from);
                (number, at) = (next, from);
            }
        }
    }

    /// Takes an entry out of its bucket; tells whether that was full.
    fn empty(&mut self, number: usize, at: usize) -> bool {
        let Some(bucket) = self.buckets.get_mut(number) else { return false };
        let was_full = bucket.free().is_none();
        bucket.marks &= !(0xff << (8 * at));
        was_full
    }

    /// Memory held, in bytes.
    #[cfg(test)]
    pub const fn bytes(&self) -> usize {
        self.buckets.capacity() * size_of::<Bucket>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    /// Few distinct hashes, so that many entries stand in later buckets, some behind the end of the table.
    fn few(n: u64) -> u64 {
        ((122 + n % 7) << 32) | (n % 3)
    }

    proptest! {
        #[test]
        fn agrees_with_a_plain_map(steps in prop::collection::vec((0u64..40, any::<bool>()), 1..400)) {
            let mut index = Index::new();
            let mut model: HashMap<u32, u64> = HashMap::new();
            for (n, insert) in steps {
                let (id, hash) = (n as u32, few(n));
                if insert && !model.contains_key(&id) {
                    index.insert(hash, id);
                    model.insert(id, hash);
                } else if !insert {
                    index.remove(hash, id);
                    model.remove(&id);
                }
                for id in 0..40u32 {
                    let found = index.find(few(u64::from(id)), |candidate| candidate == id);
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
