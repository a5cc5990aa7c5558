//! Maps and sets that mostly have one to five entries: sorted lists that take the memory of their entries and little more.
//!
//! A `BTreeMap` takes room for eleven entries as soon as it has one. Many of a host's maps stay that short, and there may be
//! as many hosts as memory holds. What grows beyond some entries becomes a `BTreeMap` after all: in a list, each further one
//! would move half of those that are there.

use either::Either::{self, Left, Right};
use std::borrow::Borrow;
use std::collections::{BTreeMap, btree_map};
use std::ops::{Bound, RangeBounds};

/// Entries of a list at most.
const LIST_MAX: usize = 32;

/// A map in the order of its keys.
#[derive(Clone, Debug)]
pub struct ShortMap<K, V>(Form<K, V>);

#[derive(Clone, Debug)]
enum Form<K, V> {
    /// Sorted by key.
    List(Vec<(K, V)>),
    #[expect(clippy::box_collection, reason = "so that the form is no larger than a list alone")]
    Tree(Box<BTreeMap<K, V>>),
}

use Form::{List, Tree};

/// The entries of a [`ShortMap`] in order.
pub type Iter<'a, K, V> = Either<
    std::iter::Map<std::slice::Iter<'a, (K, V)>, fn(&'a (K, V)) -> (&'a K, &'a V)>,
    btree_map::Iter<'a, K, V>,
>;

impl<K, V> Default for ShortMap<K, V> {
    fn default() -> Self {
        Self(List(Vec::new()))
    }
}

impl<K: Ord, V: PartialEq> PartialEq for ShortMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<K: Ord, V: Eq> Eq for ShortMap<K, V> {}

fn place<K: Borrow<Q>, V, Q: Ord + ?Sized>(list: &[(K, V)], key: &Q) -> Result<usize, usize> {
    // Most is told in order of time: the last entry first.
    match list.last() {
        Some((last, _)) if last.borrow() < key => Err(list.len()),
        _ => list.binary_search_by(|(k, _)| k.borrow().cmp(key)),
    }
}

impl<K: Ord, V> ShortMap<K, V> {
    /// Entries.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            List(list) => list.len(),
            Tree(tree) => tree.len(),
        }
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        match &self.0 {
            List(list) => list.get(place(list, key).ok()?).map(|(_, value)| value),
            Tree(tree) => tree.get(key),
        }
    }

    /// The same, to be changed.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        match &mut self.0 {
            List(list) => {
                let at = place(list, key).ok()?;
                list.get_mut(at).map(|(_, value)| value)
            }
            Tree(tree) => tree.get_mut(key),
        }
    }

    /// Whether there is an entry of this key.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    /// The place of a key, to be filled where there is no entry.
    pub const fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        Entry { map: self, key }
    }

    /// Sets the value of a key.
    pub fn insert(&mut self, key: K, value: V) {
        if let Some(known) = self.get_mut(&key) {
            *known = value;
        } else {
            self.entry(key).or_insert(value);
        }
    }

    /// Takes out the entry of a key.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        match &mut self.0 {
            List(list) => place(list, key).ok().map(|at| list.remove(at).1),
            Tree(tree) => tree.remove(key),
        }
    }

    /// Takes out the entry of the smallest key.
    pub fn pop_first(&mut self) -> Option<(K, V)> {
        match &mut self.0 {
            List(list) => (!list.is_empty()).then(|| list.remove(0)),
            Tree(tree) => tree.pop_first(),
        }
    }

    /// Keeps the entries for which this is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        match &mut self.0 {
            List(list) => list.retain_mut(|(key, value)| keep(key, value)),
            Tree(tree) => tree.retain(keep),
        }
    }

    /// The entries in order.
    pub fn iter(&self) -> Iter<'_, K, V> {
        match &self.0 {
            List(list) => Left(list.iter().map(|(key, value)| (key, value))),
            Tree(tree) => Right(tree.iter()),
        }
    }

    /// The entries of a range of keys.
    pub fn range(&self, keys: impl RangeBounds<K>) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        let list = match &self.0 {
            List(list) => list.as_slice(),
            // A tree would panic of a range that ends before it begins.
            Tree(_) if is_inverted(&keys) => &[],
            Tree(tree) => return Right(tree.range(keys)),
        };
        let from = match keys.start_bound() {
            Bound::Unbounded => 0,
            Bound::Included(first) => list.partition_point(|(key, _)| key < first),
            Bound::Excluded(before) => list.partition_point(|(key, _)| key <= before),
        };
        let to = match keys.end_bound() {
            Bound::Unbounded => list.len(),
            Bound::Included(last) => list.partition_point(|(key, _)| key <= last),
            Bound::Excluded(after) => list.partition_point(|(key, _)| key < after),
        };
        Left(list.get(from..to).unwrap_or_default().iter().map(|(key, value)| (key, value)))
    }

    /// The keys in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &K> + DoubleEndedIterator + Clone {
        self.iter().map(|(key, _)| key)
    }

    /// The values in the order of their keys.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &V> + DoubleEndedIterator + Clone {
        self.iter().map(|(_, value)| value)
    }
}

fn is_inverted<K: Ord>(keys: &impl RangeBounds<K>) -> bool {
    match (keys.start_bound(), keys.end_bound()) {
        (Bound::Included(first), Bound::Included(last)) => first > last,
        (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b) | Bound::Excluded(b)) => a >= b,
        _ => false,
    }
}

/// The place of a key in a [`ShortMap`].
pub struct Entry<'a, K, V> {
    map: &'a mut ShortMap<K, V>,
    key: K,
}

impl<'a, K: Ord, V> Entry<'a, K, V> {
    /// The value there, made first where there is none.
    #[expect(clippy::indexing_slicing, reason = "the place is that of an entry found or just made")]
    pub fn or_insert_with(self, value: impl FnOnce() -> V) -> &'a mut V {
        let Self { map: ShortMap(form), key } = self;
        if let List(list) = form
            && list.len() == LIST_MAX
            && place(list, &key).is_err()
        {
            *form = Tree(Box::new(std::mem::take(list).into_iter().collect()));
        }
        match form {
            List(list) => {
                let at = place(list, &key).unwrap_or_else(|at| {
                    if list.len() == list.capacity() {
                        // Doubled, as ever, but from one and not from four on.
                        list.reserve_exact(list.len().max(1));
                    }
                    list.insert(at, (key, value()));
                    at
                });
                &mut list[at].1
            }
            Tree(tree) => tree.entry(key).or_insert_with(value),
        }
    }

    /// The same with the value at hand.
    pub fn or_insert(self, value: V) -> &'a mut V {
        self.or_insert_with(|| value)
    }

    /// The same with the default.
    pub fn or_default(self) -> &'a mut V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }
}

impl<K, V> IntoIterator for ShortMap<K, V> {
    type Item = (K, V);
    type IntoIter = Either<std::vec::IntoIter<(K, V)>, btree_map::IntoIter<K, V>>;

    fn into_iter(self) -> Self::IntoIter {
        match self.0 {
            List(list) => Left(list.into_iter()),
            Tree(tree) => Right(tree.into_iter()),
        }
    }
}

impl<'a, K: Ord, V> IntoIterator for &'a ShortMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for ShortMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::default();
        entries.into_iter().for_each(|(key, value)| map.insert(key, value));
        map
    }
}

impl<K: Ord, V, const N: usize> From<[(K, V); N]> for ShortMap<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

/// A set in order.
#[derive(Clone, Debug)]
pub struct ShortSet<T>(ShortMap<T, ()>);

impl<T: Ord> PartialEq for ShortSet<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T: Ord> Eq for ShortSet<T> {}

impl<T> Default for ShortSet<T> {
    fn default() -> Self {
        Self(ShortMap::default())
    }
}

impl<T: Ord> ShortSet<T> {
    /// Members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is a member.
    pub fn contains(&self, member: &T) -> bool {
        self.0.contains_key(member)
    }

    /// Adds a member.
    pub fn insert(&mut self, member: T) {
        self.0.entry(member).or_default();
    }

    /// Adds a member, unless there are so many already.
    pub fn insert_below(&mut self, member: T, cap: usize) {
        if self.len() < cap {
            self.insert(member);
        }
    }

    /// The smallest member.
    pub fn first(&self) -> Option<&T> {
        self.iter().next()
    }

    /// The members in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &T> + DoubleEndedIterator + Clone {
        self.0.keys()
    }
}

impl<T> IntoIterator for ShortSet<T> {
    type Item = T;
    type IntoIter = std::iter::Map<<ShortMap<T, ()> as IntoIterator>::IntoIter, fn((T, ())) -> T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().map(|(member, ())| member)
    }
}

impl<'a, T: Ord> IntoIterator for &'a ShortSet<T> {
    type Item = &'a T;
    type IntoIter = std::iter::Map<Iter<'a, T, ()>, fn((&'a T, &'a ())) -> &'a T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(member, ())| member)
    }
}

impl<T: Ord> Extend<T> for ShortSet<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, members: I) {
        members.into_iter().for_each(|member| self.insert(member));
    }
}

impl<'a, T: Ord + Copy + 'a> Extend<&'a T> for ShortSet<T> {
    fn extend<I: IntoIterator<Item = &'a T>>(&mut self, members: I) {
        self.extend(members.into_iter().copied());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_is_a_map_in_order(steps in prop::collection::vec((0u8..9, 0u8..60, any::<u16>()), 0..400)) {
            let (mut short, mut model) = (ShortMap::default(), BTreeMap::new());
            for (step, key, value) in steps {
                match step {
                    0..=3 => {
                        short.insert(key, value);
                        model.insert(key, value);
                    }
                    4..=6 => {
                        let sums = [short.entry(key).or_insert(7), model.entry(key).or_insert(7)];
                        sums.into_iter().for_each(|sum| *sum = sum.wrapping_add(value));
                    }
                    7 => prop_assert_eq!(short.remove(&key), model.remove(&key)),
                    _ => {
                        short.retain(|k, _| k % 17 != key % 17);
                        model.retain(|k, _| k % 17 != key % 17);
                    }
                }
                prop_assert_eq!((short.len(), short.get(&key)), (model.len(), model.get(&key)));
                prop_assert!(short.iter().eq(model.iter()));
                prop_assert!(short.range(key..).eq(model.range(key..)));
                prop_assert!(short.range(..=key).eq(model.range(..=key)));
                prop_assert!(short.range(3..key.max(3)).eq(model.range(3..key.max(3))));
                prop_assert_eq!(short.range(key + 1..=key).count() + short.range(key + 9..key).count(), 0);
            }
            prop_assert_eq!(short.pop_first(), model.pop_first());
        }
    }

    #[test]
    fn a_short_list_takes_the_room_of_its_entries() {
        let mut set = ShortSet::default();
        let room: Vec<usize> = (0..9)
            .rev()
            .map(|n| {
                set.insert(n);
                let List(list) = &set.0.0 else { panic!("so few are no tree") };
                list.capacity()
            })
            .collect();
        assert_eq!(room, [1, 2, 4, 4, 8, 8, 8, 8, 16]);
        assert!(set.into_iter().eq(0..9));
    }

    #[test]
    fn a_long_list_is_a_tree() {
        let mut set: ShortSet<usize> = ShortSet::default();
        set.extend((0..LIST_MAX).rev());
        set.insert(0);
        assert!(matches!(set.0.0, List(_)), "what is there already makes it no longer");
        set.insert(LIST_MAX);
        assert!(matches!(set.0.0, Tree(_)));
        assert!(set.into_iter().eq(0..=LIST_MAX));
    }
}
