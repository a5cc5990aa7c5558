//! Query strings and percent-encoding (RFC 3986 section 2.1).

use super::origin_form;
use memchr::memchr;

/// The `key=value` pairs of a target's query, still percent-encoded, in order. A key without `=` has an empty value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pairs<'a>(&'a [u8]);

impl<'a> Pairs<'a> {
    /// Of a request target in any form; no pairs without a `?`.
    #[must_use]
    pub fn of_target(target: &'a [u8]) -> Self {
        let target = origin_form(target);
        let query = memchr(b'?', target).and_then(|at| target.get(at + 1..));
        Self(query.unwrap_or_default())
    }

    /// The value of the first pair with this key; the key may be percent-encoded in the query.
    #[must_use]
    pub fn get(mut self, key: &[u8]) -> Option<&'a [u8]> {
        self.find(|(k, _)| decoded_eq(k, key)).map(|(_, value)| value)
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], &'a [u8]);
    fn next(&mut self) -> Option<Self::Item> {
        while !self.0.is_empty() {
            let (pair, rest) = split(self.0, b'&');
            self.0 = rest;
            if !pair.is_empty() {
                return Some(split(pair, b'='));
            }
        }
        None
    }
}

/// What stands before the separator and what after it; all and nothing without one.
fn split(bytes: &[u8], separator: u8) -> (&[u8], &[u8]) {
    match memchr(separator, bytes).and_then(|at| bytes.split_at_checked(at)) {
        Some((before, after)) => (before, after.get(1..).unwrap_or_default()),
        None => (bytes, &[]),
    }
}

/// Bytes of a percent-encoded text; `Err` marks a broken escape. `+` stays `+`: BitTorrent clients do not
/// form-encode.
fn decoded(text: &[u8]) -> impl Iterator<Item = Result<u8, ()>> {
    let mut rest = text.iter();
    std::iter::from_fn(move || {
        let &byte = rest.next()?;
        if byte != b'%' {
            return Some(Ok(byte));
        }
        let mut digit = || (*rest.next()? as char).to_digit(16);
        Some(match (digit(), digit()) {
            (Some(high), Some(low)) => Ok((high << 4 | low) as u8),
            _ => Err(()),
        })
    })
}

/// Whether a percent-encoded text decodes to exactly these bytes.
#[must_use]
pub fn decoded_eq(text: &[u8], want: &[u8]) -> bool {
    text == want || decoded(text).eq(want.iter().map(|&b| Ok(b)))
}

/// Decodes a percent-encoded value that is exactly `N` bytes; `None` for any other length or a broken escape.
#[must_use]
pub fn percent_decode<const N: usize>(value: &[u8]) -> Option<[u8; N]> {
    if value.len() > N.saturating_mul(3) {
        return None;
    }
    let (mut out, mut bytes) = ([0; N], decoded(value));
    for to in &mut out {
        *to = bytes.next()?.ok()?;
    }
    bytes.next().is_none().then_some(out)
}

/// Decodes a percent-encoded info-hash or peer id.
#[must_use]
pub fn percent_decode_20(value: &[u8]) -> Option<[u8; 20]> {
    percent_decode(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_may_be_encoded_and_empty_pairs_do_not_matter() {
        let q = Pairs::of_target(b"/a?&&x=1&%69nfo_hash=abc&flag&y=a=b");
        assert_eq!(q.count(), 4);
        assert_eq!(q.get(b"info_hash"), Some(&b"abc"[..]));
        assert_eq!(q.get(b"flag"), Some(&b""[..]));
        assert_eq!(q.get(b"y"), Some(&b"a=b"[..]));
        assert_eq!(q.get(b"info"), None);
        assert_eq!(Pairs::of_target(b"/announce").next(), None);
    }

    #[test]
    fn escapes_are_whole_or_nothing() {
        assert_eq!(percent_decode::<3>(b"%0aB+"), Some(*b"\nB+"));
        for bad in [&b"%0aB"[..], b"%0aB++", b"%ggab", b"ab%", b"ab%1"] {
            assert_eq!(percent_decode::<3>(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_comes_back(bytes: [u8; 20], upper: bool) {
            let text: String = bytes.iter()
                .map(|b| if upper { format!("%{b:02X}") } else { format!("%{b:02x}") }).collect();
            prop_assert_eq!(percent_decode_20(text.as_bytes()), Some(bytes));
            prop_assert!(decoded_eq(text.as_bytes(), &bytes));
        }

        #[test]
        fn anything_is_read_without_a_panic(text: Vec<u8>) {
            let _ = (percent_decode_20(&text), decoded_eq(&text, b"info_hash"));
            prop_assert!(Pairs::of_target(&text).count() <= text.len());
        }
    }
}
