//! The chunked transfer coding (RFC 9112 section 7.1), piece by piece.

use crate::wire::Malformed;

/// Longest size line (with chunk extensions) and longest trailer section, in bytes.
const LINE_MAX: u16 = 4096;

/// A decoder for one chunked body. It holds a few bytes of state, never content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunked {
    state: State,
    /// Bytes of the current size line or trailer section.
    line: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the digits of a size line; whether there was one.
    Size(u64, bool),
    /// After the digits, up to the LF.
    Extension(u64),
    /// In content, this many bytes left.
    Content(u64),
    /// After content, before the LF.
    ContentEnd,
    /// After the last chunk; whether the current line is empty so far.
    Trailer(bool),
    Done,
}

/// A step of [`Chunked::next`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunk<'a> {
    /// Content.
    Content(&'a [u8]),
    /// The input is used up.
    NeedMore,
    /// The body is complete; the input now begins with what follows it.
    End,
}

impl Default for Chunked {
    fn default() -> Self {
        Self { state: State::Size(0, false), line: 0 }
    }
}

impl Chunked {
    /// Takes the next step, and what it used off `input`.
    ///
    /// # Errors
    /// When a size is no hexadecimal number, content runs past its size, or a line is too long.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Chunk<'a>, Malformed> {
        loop {
            if self.state == State::Done {
                return Ok(Chunk::End);
            }
            if let State::Content(left) = self.state {
                let len = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                let (content, rest) = input.split_at(len);
                *input = rest;
                let left = left.saturating_sub(len as u64);
                self.state = if left == 0 { State::ContentEnd } else { State::Content(left) };
                return Ok(if len == 0 { Chunk::NeedMore } else { Chunk::Content(content) });
            }
            let Some((&byte, rest)) = input.split_first() else { return Ok(Chunk::NeedMore) };
            *input = rest;
            self.line = self.line.saturating_add(1);
            if self.line > LINE_MAX {
                return Err(Malformed::Length);
            }
            self.state = self.step(byte)?;
        }
    }

    fn step(&mut self, byte: u8) -> Result<State, Malformed> {
        Ok(match (self.state, byte) {
            (State::Size(_, true) | State::Extension(_), b'\n') => {
                self.line = 0;
                match self.state {
                    State::Size(0, _) | State::Extension(0) => State::Trailer(true),
                    State::Size(n, _) | State::Extension(n) => State::Content(n),
                    other => other,
                }
            }
            (State::Size(n, any), _) => match (byte as char).to_digit(16) {
                Some(digit) => {
                    let n = n.checked_mul(16).ok_or(Malformed::Number)?;
                    State::Size(n | u64::from(digit), true)
                }
                None if any && matches!(byte, b'\r' | b';' | b' ' | b'\t') => State::Extension(n),
                None => return Err(Malformed::Number),
            },
            (State::ContentEnd, b'\r') => State::ContentEnd,
            (State::ContentEnd, b'\n') => {
                self.line = 0;
                State::Size(0, false)
            }
            (State::ContentEnd, _) => return Err(Malformed::Length),
            (State::Trailer(true), b'\n') => State::Done,
            (State::Trailer(_), b'\n') => State::Trailer(true),
            (State::Trailer(empty), b'\r') => State::Trailer(empty),
            (State::Trailer(_), _) => State::Trailer(false),
            (state, _) => state,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BODY: &[u8] = b"4\r\nWiki\r\n5;x=y\r\npedia\r\nE\n in\r\n\r\nchunks.\n0\r\nT: 1\r\n\r\nGET";

    fn decode(pieces: &[&[u8]]) -> Result<(Vec<u8>, Option<Vec<u8>>), Malformed> {
        let (mut decoder, mut out) = (Chunked::default(), Vec::new());
        for piece in pieces {
            let mut input = *piece;
            loop {
                match decoder.next(&mut input)? {
                    Chunk::Content(bytes) => out.extend(bytes),
                    Chunk::NeedMore => break,
                    Chunk::End => return Ok((out, Some(input.to_vec()))),
                }
            }
        }
        Ok((out, None))
    }

    #[test]
    fn every_split_gives_the_same_body() {
        for at in 0..BODY.len() {
            let (a, b) = BODY.split_at(at);
            let (body, _) = decode(&[a, b]).unwrap();
            assert_eq!(body, b"Wikipedia in\r\n\r\nchunks.", "{at}");
        }
        let bytes: Vec<&[u8]> = BODY.chunks(1).collect();
        assert_eq!(decode(&bytes).unwrap().0, b"Wikipedia in\r\n\r\nchunks.");
        assert_eq!(decode(&[BODY]).unwrap().1, Some(b"GET".to_vec()));
    }

    #[test]
    fn broken_chunks_are_refused() {
        for (body, why) in [
            (&b"xyz\r\n"[..], Malformed::Number),
            (b"\r\n", Malformed::Number),
            (b"1\r\nab", Malformed::Length),
            (b"fffffffffffffffff\r\n", Malformed::Number),
            (&[b'0'; 5000], Malformed::Length),
        ] {
            assert_eq!(decode(&[body]), Err(why), "{body:?}");
        }
    }

    proptest! {
        #[test]
        fn content_is_never_longer_than_the_input(mut body in proptest::collection::vec(
            prop_oneof![Just(b'1'), Just(b'f'), Just(b'\r'), Just(b'\n'), any::<u8>()], 0..200)) {
            body.insert(0, b'9');
            if let Ok((out, _)) = decode(&[&body]) {
                prop_assert!(out.len() < body.len());
            }
        }
    }
}
