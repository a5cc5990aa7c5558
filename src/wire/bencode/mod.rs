//! Bencode (BEP 3, section "bencoding"): validated once, then read in place.
//!
//! [`parse`] walks the input once, with a stack of fixed size and never by recursion: nested lists that exhaust the
//! stack are the best known bug of BitTorrent dissectors. What it returns are windows on the input; nothing is copied.
//! The reader is lenient where clients are: keys out of order, keys given twice (the first wins) and padded numbers
//! are read and told in [`Notes`].

mod token;

pub use token::{Notes, Token, Tokens};

use super::Malformed;
use token::Budget;

/// How much nesting and how many values an input may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Lists and dictionaries inside one another, at most 100.
    pub depth: u8,
    /// Values, keys included.
    pub tokens: u32,
}

/// For one datagram, KRPC above all.
pub const DATAGRAM: Limits = Limits { depth: 16, tokens: 1024 };
/// For extension messages (BEP 10) and tracker answers.
pub const EXTENSION: Limits = Limits { depth: 16, tokens: 2000 };
/// For `.torrent` files and info dictionaries.
pub const METAINFO: Limits = Limits { depth: 100, tokens: 2_000_000 };

/// One bencoded value, as a window on the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// `i…e` that fits.
    Integer(i64),
    /// `i…e` of at most 1,024 digits that does not fit: sign and digits. BEP 3 sets no limit.
    HugeInteger(&'a [u8]),
    /// `length:bytes`.
    Bytes(&'a [u8]),
    /// `l…e`.
    List(List<'a>),
    /// `d…e`.
    Dict(Dict<'a>),
}

impl<'a> Value<'a> {
    /// The string's bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> Option<&'a [u8]> {
        match *self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The integer, if it fits.
    #[must_use]
    pub const fn as_int(&self) -> Option<i64> {
        match *self {
            Self::Integer(n) => Some(n),
            _ => None,
        }
    }

    /// The list.
    #[must_use]
    pub const fn as_list(&self) -> Option<List<'a>> {
        match *self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    /// The dictionary.
    #[must_use]
    pub const fn as_dict(&self) -> Option<Dict<'a>> {
        match *self {
            Self::Dict(dict) => Some(dict),
            _ => None,
        }
    }
}

/// A validated list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List<'a>(&'a [u8]);

impl<'a> List<'a> {
    /// The exact bytes, `l` and `e` included.
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        self.0
    }

    /// The members in order.
    pub fn items(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let mut rest = inside(self.0);
        std::iter::from_fn(move || token::reread(&mut rest))
    }

    /// Every token between `l` and `e`, nested ones too: one linear walk however deep the nesting is.
    #[must_use]
    pub fn tokens(&self) -> Tokens<'a> {
        Tokens::new(inside(self.0))
    }
}

/// A validated dictionary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dict<'a>(&'a [u8]);

impl<'a> Dict<'a> {
    /// The exact bytes, `d` and `e` included: what an info-hash is computed over.
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        self.0
    }

    /// Keys and values in the order of the input.
    pub fn entries(&self) -> impl Iterator<Item = (&'a [u8], Value<'a>)> + use<'a> {
        let mut rest = inside(self.0);
        std::iter::from_fn(move || Some((token::reread(&mut rest)?.as_bytes()?, token::reread(&mut rest)?)))
    }

    /// The value of a key; the first one where a key is given twice.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<Value<'a>> {
        self.entries().find_map(|(k, value)| (k == key).then_some(value))
    }

    /// The exact bytes of a key's value, as a signature or a BEP 44 target covers them.
    #[must_use]
    pub fn get_raw(&self, key: &[u8]) -> Option<&'a [u8]> {
        let mut rest = inside(self.0);
        loop {
            let name = token::reread(&mut rest)?.as_bytes()?;
            let start = rest;
            token::reread(&mut rest)?;
            if name == key {
                return start.get(..start.len().saturating_sub(rest.len()));
            }
        }
    }

    /// Every token between `d` and `e`, nested ones too: one linear walk however deep the nesting is.
    #[must_use]
    pub fn tokens(&self) -> Tokens<'a> {
        Tokens::new(inside(self.0))
    }
}

/// A window without its first byte; its last one, `e`, ends the iterators.
fn inside(window: &[u8]) -> &[u8] {
    window.get(1..).unwrap_or_default()
}

/// What [`parse`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Document<'a> {
    /// The value.
    pub value: Value<'a>,
    /// Its length in the input; fewer than the input's when bytes follow.
    pub used: usize,
    /// Whether the bytes are the only ones BEP 3 allows for this value: keys sorted and unique, numbers unpadded.
    pub canonical: bool,
    /// What was tolerated.
    pub notes: Notes,
}

/// Validates the value at the start of the input.
///
/// # Errors
/// `Truncated` when the input ends inside the value, `Length` for an absurd string length, `Depth` and `Tokens` for the
/// limits, `Number` for an integer without digits, with `-0`, or of more than 1,024 digits, `Key` for a dictionary key
/// that is no string or has no value, `Type` for a byte that begins no value.
pub fn parse(input: &[u8], limits: Limits) -> Result<Document<'_>, Malformed> {
    let mut rest = input;
    let mut budget = Budget::new(limits);
    let value = budget.value(&mut rest)?;
    let notes = budget.notes;
    Ok(Document {
        value,
        used: input.len().saturating_sub(rest.len()),
        canonical: notes.is_canonical(),
        notes,
    })
}

/// Reads the dictionary at the start of the input entry by entry and validates on the way: one walk instead of two
/// where a protocol is one flat dictionary.
#[derive(Debug)]
pub struct DictReader<'a> {
    rest: &'a [u8],
    last: Option<&'a [u8]>,
    budget: Budget,
}

impl<'a> DictReader<'a> {
    /// At the first entry of the dictionary that the input begins with.
    ///
    /// # Errors
    /// `Magic` when the input begins with no dictionary.
    pub fn open(input: &'a [u8], limits: Limits) -> Result<Self, Malformed> {
        let Some((b'd', rest)) = input.split_first() else { return Err(Malformed::Magic) };
        Ok(Self { rest, last: None, budget: Budget::inside_one(limits) })
    }

    /// The next key and its value, or `None` after the closing `e`.
    ///
    /// # Errors
    /// As [`parse`].
    #[inline(always)]
    pub fn entry(&mut self) -> Result<Option<(&'a [u8], Value<'a>)>, Malformed> {
        let Some(key) = self.budget.key(&mut self.rest, self.last)? else { return Ok(None) };
        self.last = Some(key);
        Ok(Some((key, self.budget.value(&mut self.rest)?)))
    }

    /// What follows the dictionary, and what was tolerated in it. Only meaningful after `entry` gave `None`.
    #[must_use]
    pub const fn finish(self) -> (&'a [u8], Notes) {
        (self.rest, self.budget.notes)
    }
}

#[cfg(test)]
mod tests;
