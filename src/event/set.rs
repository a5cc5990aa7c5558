//! Small sets of the closed vocabularies, one bit a member.

use std::fmt;
use std::marker::PhantomData;

/// A vocabulary of at most 64 words.
pub trait Word: Copy + 'static {
    /// Every word, in the order of the output, each at its place.
    const ALL: &'static [Self];

    /// The word's place, below 64.
    fn place(self) -> u32;
}

/// A set of words, kept in one number.
pub struct Set<W>(u64, PhantomData<W>);

impl<W: Word> Set<W> {
    /// Adds a word; tells whether it was new.
    pub fn insert(&mut self, word: W) -> bool {
        let before = self.0;
        self.0 |= 1 << word.place();
        self.0 != before
    }

    /// Whether the word is in the set.
    #[must_use]
    pub fn contains(self, word: W) -> bool {
        self.0 & (1 << word.place()) != 0
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The union of both sets.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0, PhantomData)
    }

    /// Whether some word is in both.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The words in the order of the vocabulary.
    pub fn iter(self) -> impl Iterator<Item = W> {
        // By its bits: to ask for each word whether it is in the set was 8 % of the instructions of a trace of tiny flows.
        let mut left = self.0;
        std::iter::from_fn(move || {
            let place = left.trailing_zeros();
            left &= left.wrapping_sub(1);
            // Nothing stands at place 64, where there is no bit left.
            W::ALL.get(place as usize).copied()
        })
    }
}

impl<W: Word> FromIterator<W> for Set<W> {
    fn from_iter<I: IntoIterator<Item = W>>(words: I) -> Self {
        words.into_iter().fold(Self::default(), |mut set, word| {
            set.insert(word);
            set
        })
    }
}

// Derived impls would ask the word itself for what only the number needs.
impl<W> Default for Set<W> {
    fn default() -> Self {
        Self(0, PhantomData)
    }
}

impl<W> Clone for Set<W> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<W> Copy for Set<W> {}

impl<W> PartialEq for Set<W> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<W> Eq for Set<W> {}

impl<W: Word + fmt::Debug> fmt::Debug for Set<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use crate::event::{Kind, Kinds};

    #[test]
    fn words_come_in_the_order_of_the_vocabulary() {
        let all: Kinds = Kind::ALL.iter().rev().copied().collect();
        assert_eq!(all.iter().collect::<Vec<_>>(), Kind::ALL);
        let [first, .., last] = Kind::ALL else { panic!() };
        let ends: Kinds = [*last, *first].into_iter().collect();
        assert_eq!(ends.iter().collect::<Vec<_>>(), [*first, *last]);
        assert_eq!(Kinds::default().iter().next(), None);
    }
}
