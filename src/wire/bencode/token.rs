//! The tokens of bencode (BEP 3) and the one loop that validates their nesting.

use super::{Dict, Limits, List, Malformed, Value};

/// What a lenient reader tolerated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Keys of a dictionary out of order.
    pub unsorted: bool,
    /// A key given twice in a row. (Further apart, the second also breaks the order.)
    pub duplicate: bool,
    /// An integer with leading zeros, as in `i03e`.
    pub padded_integer: bool,
    /// A string length with leading zeros, as in `02:id`.
    pub padded_length: bool,
    /// An integer that does not fit 64 bits. Legal, yet nothing sends one.
    pub huge_integer: bool,
}

impl Notes {
    /// Whether the bytes are the only ones allowed for their value.
    #[must_use]
    pub const fn is_canonical(self) -> bool {
        !(self.unsorted || self.duplicate || self.padded_integer || self.padded_length)
    }

    #[inline]
    fn order(&mut self, last: Option<&[u8]>, key: &[u8]) {
        let Some(last) = last else { return };
        // Most neighbours differ in the first byte.
        if last.first() < key.first() {
            return;
        }
        match last.cmp(key) {
            std::cmp::Ordering::Less => {}
            std::cmp::Ordering::Equal => self.duplicate = true,
            std::cmp::Ordering::Greater => self.unsorted = true,
        }
    }
}

/// One lexical element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// `i…e` that fits.
    Integer(i64),
    /// `i…e` that does not: sign and digits.
    HugeInteger(&'a [u8]),
    /// `length:bytes`, also a key.
    Bytes(&'a [u8]),
    /// `l`.
    List,
    /// `d`.
    Dict,
    /// `e`.
    End,
}

/// The tokens of a validated window, in one linear walk.
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    rest: &'a [u8],
}

impl<'a> Tokens<'a> {
    pub(super) const fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        token(&mut self.rest, &mut Notes::default()).ok()
    }
}

/// What is left of the limits, and the notes so far.
#[derive(Debug)]
pub(super) struct Budget {
    depth: u8,
    tokens: u32,
    pub(super) notes: Notes,
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        Self { depth: limits.depth, tokens: limits.tokens, notes: Notes::default() }
    }

    /// For what stands inside of a dictionary that the caller opened.
    pub(super) fn inside_one(limits: Limits) -> Self {
        Self {
            depth: limits.depth.saturating_sub(1),
            tokens: limits.tokens.saturating_sub(1),
            notes: Notes::default(),
        }
    }

    #[inline]
    fn spend(&mut self) -> Result<(), Malformed> {
        self.tokens = self.tokens.checked_sub(1).ok_or(Malformed::Tokens)?;
        Ok(())
    }

    /// A dictionary's next key, or `None` at its `e`.
    #[inline]
    pub(super) fn key<'a>(
        &mut self,
        rest: &mut &'a [u8],
        last: Option<&[u8]>,
    ) -> Result<Option<&'a [u8]>, Malformed> {
        match token(rest, &mut self.notes)? {
            Token::End => Ok(None),
            Token::Bytes(key) => {
                self.spend()?;
                self.notes.order(last, key);
                Ok(Some(key))
            }
            _ => Err(Malformed::Key),
        }
    }

    /// One whole value.
    #[inline]
    pub(super) fn value<'a>(&mut self, rest: &mut &'a [u8]) -> Result<Value<'a>, Malformed> {
        let start = *rest;
        self.spend()?;
        let (is_dict, value): (bool, fn(&'a [u8]) -> Value<'a>) = match token(rest, &mut self.notes)? {
            Token::Integer(n) => return Ok(Value::Integer(n)),
            Token::HugeInteger(digits) => return Ok(Value::HugeInteger(digits)),
            Token::Bytes(bytes) => return Ok(Value::Bytes(bytes)),
            // A key without value, or an empty place.
            Token::End => return Err(Malformed::Key),
            Token::List => (false, |w| Value::List(List(w))),
            Token::Dict => (true, |w| Value::Dict(Dict(w))),
        };
        if self.depth <= 16 {
            self.walk::<16>(rest, is_dict)?;
        } else {
            self.walk::<100>(rest, is_dict)?;
        }
        Ok(value(consumed(start, rest)))
    }

    /// Validates up to the `e` of the list or dictionary whose first byte has been taken. `N` bounds the nesting.
    fn walk<'a, const N: usize>(&mut self, rest: &mut &'a [u8], is_dict: bool) -> Result<(), Malformed> {
        let most = N.min(usize::from(self.depth));
        if most == 0 {
            return Err(Malformed::Depth);
        }
        // What surrounds the innermost level: the last key of each level, and in `dicts` one bit a level, the
        // innermost lowest, telling whether it is a dictionary.
        let mut outer: [Option<&'a [u8]>; N] = [None; N];
        let mut dicts = u128::from(is_dict);
        let mut depth = 1;
        let mut last = None;
        loop {
            let in_dict = dicts & 1 == 1;
            if in_dict {
                last = self.key(rest, last)?;
            }
            // A dictionary that gave no key is at its end; a list must look.
            let ended = if in_dict && last.is_none() {
                true
            } else {
                match token(rest, &mut self.notes)? {
                    Token::End if in_dict => return Err(Malformed::Key),
                    Token::End => true,
                    open @ (Token::List | Token::Dict) => {
                        self.spend()?;
                        if depth >= most {
                            return Err(Malformed::Depth);
                        }
                        *outer.get_mut(depth).ok_or(Malformed::Depth)? = last.take();
                        depth += 1;
                        dicts = dicts << 1 | u128::from(open == Token::Dict);
                        false
                    }
                    Token::Integer(_) | Token::HugeInteger(_) | Token::Bytes(_) => {
                        self.spend()?;
                        false
                    }
                }
            };
            if ended {
                depth -= 1;
                if depth == 0 {
                    return Ok(());
                }
                dicts >>= 1;
                last = outer.get(depth).copied().flatten();
            }
        }
    }
}

/// The next value of a validated window; `None` at its `e`. Nested values are passed over in one linear walk.
#[inline]
pub(super) fn reread<'a>(rest: &mut &'a [u8]) -> Option<Value<'a>> {
    let start = *rest;
    let notes = &mut Notes::default();
    let is_dict = match token(rest, notes).ok()? {
        Token::Integer(n) => return Some(Value::Integer(n)),
        Token::HugeInteger(digits) => return Some(Value::HugeInteger(digits)),
        Token::Bytes(bytes) => return Some(Value::Bytes(bytes)),
        Token::End => return None,
        Token::List => false,
        Token::Dict => true,
    };
    let mut depth = 1u32;
    while depth > 0 {
        match token(rest, notes).ok()? {
            Token::List | Token::Dict => depth += 1,
            Token::End => depth -= 1,
            _ => {}
        }
    }
    let window = consumed(start, rest);
    Some(if is_dict { Value::Dict(Dict(window)) } else { Value::List(List(window)) })
}

/// What was taken from `start` to leave `rest`, its tail.
#[inline]
fn consumed<'a>(start: &'a [u8], rest: &[u8]) -> &'a [u8] {
    start.get(..start.len().saturating_sub(rest.len())).unwrap_or_default()
}

/// Takes one token from the front.
#[inline]
fn token<'a>(rest: &mut &'a [u8], notes: &mut Notes) -> Result<Token<'a>, Malformed> {
    let (&first, after) = rest.split_first().ok_or(Malformed::Truncated)?;
    let token = match first {
        b'0'..=b'9' => return Ok(Token::Bytes(string(first, rest, after, notes)?)),
        b'i' => return integer(rest, after, notes),
        b'l' => Token::List,
        b'd' => Token::Dict,
        b'e' => Token::End,
        _ => return Err(Malformed::Type),
    };
    *rest = after;
    Ok(token)
}

/// `length:bytes`, whose first digit has been seen. Lengths of more than ten digits are refused unread.
#[inline]
fn string<'a>(
    first: u8,
    rest: &mut &'a [u8],
    mut after: &'a [u8],
    notes: &mut Notes,
) -> Result<&'a [u8], Malformed> {
    let mut length = u64::from(first - b'0');
    let mut digits = 1;
    loop {
        let (&byte, tail) = after.split_first().ok_or(Malformed::Truncated)?;
        after = tail;
        match byte {
            b':' => break,
            b'0'..=b'9' if digits < 10 => length = length * 10 + u64::from(byte - b'0'),
            b'0'..=b'9' => return Err(Malformed::Length),
            _ => return Err(Malformed::Number),
        }
        digits += 1;
    }
    if first == b'0' && digits > 1 {
        notes.padded_length = true;
    }
    let length = usize::try_from(length).map_err(|_| Malformed::Length)?;
    let (bytes, tail) = after.split_at_checked(length).ok_or(Malformed::Truncated)?;
    *rest = tail;
    Ok(bytes)
}

/// More digits are nobody's honest integer.
const DIGITS_MAX: usize = 1024;

/// `i` has been seen; takes sign, digits and `e`.
fn integer<'a>(rest: &mut &'a [u8], after: &'a [u8], notes: &mut Notes) -> Result<Token<'a>, Malformed> {
    let (negative, mut tail) = match after.split_first() {
        Some((b'-', tail)) => (true, tail),
        _ => (false, after),
    };
    let digits_at = tail;
    let mut value = Some(0i64);
    loop {
        let (&byte, next) = tail.split_first().ok_or(Malformed::Truncated)?;
        match byte {
            b'e' => break,
            b'0'..=b'9' => {
                let digit = i64::from(byte - b'0');
                // Counted downwards when negative, so that i64::MIN fits.
                value = value
                    .and_then(|v| v.checked_mul(10))
                    .and_then(|v| if negative { v.checked_sub(digit) } else { v.checked_add(digit) });
            }
            _ => return Err(Malformed::Number),
        }
        tail = next;
        if digits_at.len() - tail.len() > DIGITS_MAX {
            return Err(Malformed::Number);
        }
    }
    let digits = consumed(digits_at, tail);
    match digits {
        [] => return Err(Malformed::Number),
        [b'0', ..] if negative => return Err(Malformed::Number),
        [b'0', _, ..] => notes.padded_integer = true,
        _ => {}
    }
    let token = value.map_or_else(
        || {
            notes.huge_integer = true;
            Token::HugeInteger(consumed(after, tail))
        },
        Token::Integer,
    );
    *rest = tail.get(1..).unwrap_or_default();
    Ok(token)
}
