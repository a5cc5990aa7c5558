//! Wire strings made safe for people: terminals, logs, pages.

use std::borrow::Cow;
use std::fmt;

/// Escapes a wire string for a terminal or a log line: control characters, bidirectional overrides, zero-width and
/// byte-order marks, and bytes that are not UTF-8 become `\xNN` or `\u{...}`; at most `max` bytes of input are kept and
/// the rest is counted as `...(+N)`.
///
/// ```
/// use swarmscope::base::printable;
/// assert_eq!(printable(b"ubuntu\x1b[2J.iso", 64), "ubuntu\\x1b[2J.iso");
/// assert_eq!(printable(b"abcdef", 4), "abcd...(+2)");
/// ```
#[must_use]
pub fn printable(bytes: &[u8], max: usize) -> String {
    Printable { bytes, max }.to_string()
}

/// The displayable form of [`printable`], without an allocation.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a> {
    /// The bytes as they were on the wire.
    pub bytes: &'a [u8],
    /// How many of them to show at most.
    pub max: usize,
}

const fn hidden(c: char) -> bool {
    matches!(c, '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut end = self.bytes.len().min(self.max);
        // Do not cut a character in two: step back over at most three continuation bytes.
        let mut steps = 0;
        while steps < 3
            && end < self.bytes.len()
            && self.bytes.get(end).is_some_and(|b| b & 0xc0 == 0x80)
            && end > 0
        {
            end -= 1;
            steps += 1;
        }
        let shown = self.bytes.get(..end).unwrap_or_default();
        for chunk in shown.utf8_chunks() {
            for c in chunk.valid().chars() {
                if !hidden(c) {
                    write!(f, "{c}")?;
                } else if (c as u32) < 0x100 {
                    write!(f, "\\x{:02x}", c as u32)?;
                } else {
                    write!(f, "\\u{{{:x}}}", c as u32)?;
                }
            }
            chunk.invalid().iter().try_for_each(|b| write!(f, "\\x{b:02x}"))?;
        }
        if end < self.bytes.len() { write!(f, "...(+{})", self.bytes.len() - end) } else { Ok(()) }
    }
}

impl<'a> From<Printable<'a>> for Cow<'a, str> {
    fn from(p: Printable<'a>) -> Self {
        Cow::Owned(p.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn overrides_marks_and_broken_utf8_are_shown_not_obeyed() {
        assert_eq!(printable("a\u{202e}b".as_bytes(), 99), "a\\u{202e}b");
        assert_eq!(printable(b"\xff\n\0", 99), "\\xff\\x0a\\x00");
        assert_eq!(printable("é€x".as_bytes(), 4), "é...(+4)");
    }

    proptest! {
        #[test]
        fn nothing_that_a_terminal_obeys_comes_out(bytes: Vec<u8>, max in 0usize..64) {
            let text = printable(&bytes, max);
            prop_assert!(!text.chars().any(hidden));
        }
    }
}
