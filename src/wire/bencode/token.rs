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

    #[inline(always)]
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
    #[inline(always)]
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
    #[inline(always)]
    pub(super) fn value<'a>(&mut self, rest: &mut &'a [u8]) -> Result<Value<'a>, Malformed> {
        let start = *rest;
        let token = token(rest, &mut self.notes)?;
        if token != Token::End {
            self.spend()?;
        }
        match token {
            Token::Integer(n) => Ok(Value::Integer(n)),
            Token::HugeInteger(digits) => Ok(Value::HugeInteger(digits)),
            Token::Bytes(bytes) => Ok(Value::Bytes(bytes)),
            // A key without value, or an empty place.
            Token::End => Err(Malformed::Key),
            Token::List => Ok(Value::List(List(self.window(start, rest, false)?))),
            Token::Dict => Ok(Value::Dict(Dict(self.window(start, rest, true)?))),
        }
    }

    /// The list or dictionary that begins at `start`; `rest` stands behind its first byte.
    #[inline(never)]
    fn window<'a>(
        &mut self,
        start: &'a [u8],
        rest: &mut &'a [u8],
        is_dict: bool,
    ) -> Result<&'a [u8], Malformed> {
        // Keeping fewer keys costs less, and datagrams are many.
        if self.depth <= 16 {
            self.walk::<16>(rest, is_dict)?;
        } else {
            self.walk::<100>(rest, is_dict)?;
        }
        Ok(consumed(start, rest))
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
#[inline(always)]
pub(super) fn reread<'a>(rest: &mut &'a [u8]) -> Option<Value<'a>> {
    let start = *rest;
    match token(rest, &mut Notes::default()).ok()? {
        Token::Integer(n) => Some(Value::Integer(n)),
        Token::HugeInteger(digits) => Some(Value::HugeInteger(digits)),
        Token::Bytes(bytes) => Some(Value::Bytes(bytes)),
        Token::End => None,
        Token::List => Some(Value::List(List(pass_over(start, rest)?))),
        Token::Dict => Some(Value::Dict(Dict(pass_over(start, rest)?))),
    }
}

/// The validated list or dictionary that begins at `start`; `rest` stands behind its first byte.
#[inline(never)]
fn pass_over<'a>(start: &'a [u8], rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut depth = 1u32;
    while depth > 0 {
        match token(rest, &mut Notes::default()).ok()? {
            Token::List | Token::Dict => depth += 1,
            Token::End => depth -= 1,
            _ => {}
        }
    }
    Some(consumed(start, rest))
}

/// What was taken from `start` to leave `rest`, its tail.
#[inline]
fn consumed<'a>(start: &'a [u8], rest: &[u8]) -> &'a [u8] {
    start.get(..start.len().saturating_sub(rest.len())).unwrap_or_default()
}

/// Takes one token from the front. Inlined into each loop, so that no token is ever built in memory: this halves the
/// time a datagram takes.
#[inline(always)]
fn token<'a>(rest: &mut &'a [u8], notes: &mut Notes) -> Result<Token<'a>, Malformed> {
    let (&first, after) = rest.split_first().ok_or(Malformed::Truncated)?;
    let token = match first {
        b'0'..=b'9' => return Ok(Token::Bytes(string(rest, notes)?)),
        b'i' => return integer(rest, after, notes),
        b'l' => Token::List,
        b'd' => Token::Dict,
        b'e' => Token::End,
        _ => return Err(Malformed::Type),
    };
    *rest = after;
    Ok(token)
}

/// `length:bytes`, whose first digit has been seen. Nearly all lengths have one digit or two.
#[inline(always)]
fn string<'a>(rest: &mut &'a [u8], notes: &mut Notes) -> Result<&'a [u8], Malformed> {
    let (length, after) = match **rest {
        [one, b':', ref after @ ..] => (usize::from(one & 15), after),
        [ten @ b'1'..=b'9', one @ b'0'..=b'9', b':', ref after @ ..] => {
            (usize::from(ten & 15) * 10 + usize::from(one & 15), after)
        }
        _ => long_length(rest, notes)?,
    };
    let (bytes, tail) = after.split_at_checked(length).ok_or(Malformed::Truncated)?;
    *rest = tail;
    Ok(bytes)
}

/// Any length, and what follows its colon. Lengths of more than ten digits are refused unread.
#[inline(never)]
fn long_length<'a>(rest: &'a [u8], notes: &mut Notes) -> Result<(usize, &'a [u8]), Malformed> {
    let mut length = 0u64;
    for (digits, &byte) in rest.iter().enumerate() {
        match byte {
            b':' => {
                notes.padded_length |= digits > 1 && rest.first() == Some(&b'0');
                let length = usize::try_from(length).map_err(|_| Malformed::Length)?;
                return Ok((length, rest.get(digits + 1..).unwrap_or_default()));
            }
            b'0'..=b'9' if digits < 10 => length = length * 10 + u64::from(byte - b'0'),
            b'0'..=b'9' => return Err(Malformed::Length),
            _ => return Err(Malformed::Number),
        }
    }
    Err(Malformed::Truncated)
}

/// More digits are nobody's honest integer.
const DIGITS_MAX: usize = 1024;

/// `i` has been seen; takes sign, digits and `e`.
#[inline(never)]
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
