//! A JSON writer (RFC 8259) for events by the million: straight into a buffer, no tree in between.
//!
//! Whatever bytes a string holds, the line is valid JSON, stays one line, and shows nothing that a terminal or an
//! editor would obey: control characters, U+2028/2029 and bidirectional controls leave as `\uXXXX`.

use std::fmt::{self, Write};
use std::io;

/// Bytes from which on a text is handed over.
const PIECE: usize = 64 * 1024;

/// Builds one JSON value in a buffer. Commas, colons and (when `pretty`) line breaks are placed by the writer.
#[derive(Debug, Default)]
pub struct JsonWriter {
    text: String,
    pretty: bool,
    depth: usize,
    place: Place,
}

/// Where the next value goes, hence what stands before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// First of its object or array, or the outermost value.
    #[default]
    First,
    /// Behind its key.
    AfterKey,
    /// After another value.
    Next,
}

impl JsonWriter {
    /// A writer whose values take one line each.
    #[must_use]
    pub fn compact() -> Self {
        Self::default()
    }

    /// A writer that breaks lines and indents by two spaces.
    #[must_use]
    pub fn pretty() -> Self {
        Self { pretty: true, ..Self::default() }
    }

    /// What was written since the last [`clear`](Self::clear).
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Hands over what was written so far, if it is much, and goes on behind it: a report of a large network is larger than the
    /// memory that it was made in. May be called between two values.
    ///
    /// # Errors
    /// Those of the output.
    pub fn pass_on(&mut self, out: &mut dyn io::Write) -> io::Result<()> {
        if self.text.len() >= PIECE {
            out.write_all(self.text.as_bytes())?;
            self.text.clear();
        }
        Ok(())
    }

    /// Forgets what was written and keeps the buffer.
    pub fn clear(&mut self) {
        self.text.clear();
        self.place = Place::First;
        self.depth = 0;
    }

    /// Starts a member of the current object. Keys are words of the output contract or pass the same escaping as strings.
    pub fn key(&mut self, key: &str) -> &mut Self {
        self.separate();
        self.quote(key.as_bytes());
        self.text.push_str(if self.pretty { ": " } else { ":" });
        self.place = Place::AfterKey;
        self
    }

    /// `{…}`; `fill` writes the members.
    pub fn object(&mut self, fill: impl FnOnce(&mut Self)) {
        self.nest('{', '}', fill);
    }

    /// `[…]`; `fill` writes the items.
    pub fn array(&mut self, fill: impl FnOnce(&mut Self)) {
        self.nest('[', ']', fill);
    }

    /// A string.
    pub fn string(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Bytes from the network as a string; what is not UTF-8 becomes U+FFFD.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.separate();
        self.quote(bytes);
    }

    /// A string made of a value whose text needs no escaping: an address, a time, an id in hex.
    pub fn plain(&mut self, value: impl fmt::Display) {
        self.separate();
        let _ = write!(self.text, "\"{value}\"");
    }

    /// A whole number.
    pub fn number(&mut self, value: impl Into<i128>) {
        self.separate();
        let _ = write!(self.text, "{}", value.into());
    }

    /// A share between 0 and 1, to four digits.
    pub fn share(&mut self, part: u64, whole: u64) {
        self.separate();
        let share = if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        let _ = write!(self.text, "{share:.4}");
    }

    /// A number of milliseconds, to the microsecond.
    pub fn millis(&mut self, time: std::time::Duration) {
        self.separate();
        let micros = time.as_micros();
        let _ = write!(self.text, "{}.{:03}", micros / 1_000, micros % 1_000);
    }

    /// A number of seconds, to the microsecond.
    pub fn seconds(&mut self, time: std::time::Duration) {
        self.separate();
        let _ = write!(self.text, "{}.{:06}", time.as_secs(), time.subsec_micros());
    }

    /// A value that is JSON already.
    pub fn json(&mut self, text: &str) {
        self.separate();
        self.text.push_str(text);
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, value: bool) {
        self.separate();
        self.text.push_str(if value { "true" } else { "false" });
    }

    /// `null`.
    pub fn null(&mut self) {
        self.separate();
        self.text.push_str("null");
    }

    /// The value as `write` writes it, or `null`.
    pub fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            Some(value) => write(self, value),
            None => self.null(),
        }
    }

    fn nest(&mut self, open: char, close: char, fill: impl FnOnce(&mut Self)) {
        self.separate();
        self.text.push(open);
        self.depth += 1;
        self.place = Place::First;
        fill(self);
        self.depth -= 1;
        if self.place == Place::Next {
            self.break_line();
        }
        self.place = Place::Next;
        self.text.push(close);
    }

    fn separate(&mut self) {
        match self.place {
            Place::AfterKey => {}
            Place::First => self.break_line(),
            Place::Next => {
                self.text.push(',');
                self.break_line();
            }
        }
        self.place = Place::Next;
    }

    fn break_line(&mut self) {
        // Only the outermost value begins without a line break.
        if self.pretty && (self.depth > 0 || !self.text.is_empty()) {
            self.text.push('\n');
            (0..self.depth).for_each(|_| self.text.push_str("  "));
        }
    }

    fn quote(&mut self, bytes: &[u8]) {
        self.text.push('"');
        for chunk in bytes.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '"' => self.text.push_str("\\\""),
                    '\\' => self.text.push_str("\\\\"),
                    '\n' => self.text.push_str("\\n"),
                    '\r' => self.text.push_str("\\r"),
                    '\t' => self.text.push_str("\\t"),
                    c if obeyed(c) => {
                        // A UTF-16 pair above the basic plane, as RFC 8259 section 7 wants.
                        for unit in c.encode_utf16(&mut [0; 2]) {
                            let _ = write!(self.text, "\\u{unit:04x}");
                        }
                    }
                    c => self.text.push(c),
                }
            }
            if !chunk.invalid().is_empty() {
                self.text.push_str("\\ufffd");
            }
        }
        self.text.push('"');
    }
}

/// Characters that terminals, editors or line readers act upon instead of showing: C0, DEL, C1, bidirectional
/// controls, zero-width characters, line and paragraph separators, byte-order marks, tags.
const fn obeyed(c: char) -> bool {
    matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(bytes: &[u8]) -> String {
        let mut json = JsonWriter::compact();
        json.bytes(bytes);
        json.text().to_owned()
    }

    #[test]
    fn commas_and_line_breaks_fall_into_place() {
        let fill = |w: &mut JsonWriter| {
            w.object(|w| {
                w.key("a").number(1u8);
                w.key("b").array(|w| {
                    w.plain("x");
                    w.null();
                });
                w.key("c").object(|_| {});
            });
        };
        let mut compact = JsonWriter::compact();
        fill(&mut compact);
        assert_eq!(compact.text(), r#"{"a":1,"b":["x",null],"c":{}}"#);
        let mut pretty = JsonWriter::pretty();
        fill(&mut pretty);
        assert_eq!(pretty.text(), "{\n  \"a\": 1,\n  \"b\": [\n    \"x\",\n    null\n  ],\n  \"c\": {}\n}");
    }

    #[test]
    fn what_a_reader_would_obey_is_escaped() {
        assert_eq!(
            written("a\u{202e}\u{2028}\u{9b}\x1b\"\\".as_bytes()),
            r#""a\u202e\u2028\u009b\u001b\"\\""#
        );
        assert_eq!(written("\u{e0041}".as_bytes()), r#""\udb40\udc41""#);
        assert_eq!(written(b"\xff\xc3"), r#""\ufffd\ufffd""#);
    }

    #[test]
    fn shares_and_times_are_numbers() {
        let mut json = JsonWriter::compact();
        json.array(|w| {
            w.share(1, 3);
            w.share(0, 0);
            w.millis(std::time::Duration::from_micros(1_042));
            w.number(u64::MAX);
        });
        assert_eq!(json.text(), "[0.3333,0.0000,1.042,18446744073709551615]");
    }

    proptest! {
        #[test]
        fn any_bytes_come_back_as_the_text_they_are(bytes: Vec<u8>) {
            let text = written(&bytes);
            prop_assert!(!text.chars().any(obeyed));
            let back: String = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(back, String::from_utf8_lossy(&bytes).into_owned());
        }

        #[test]
        fn any_text_comes_back(text: String) {
            let back: String = serde_json::from_str(&written(text.as_bytes())).unwrap();
            prop_assert_eq!(back, text);
        }
    }

    #[test]
    fn what_is_passed_on_in_pieces_is_the_same_text() {
        let items: Vec<String> = (0..9).map(|n| n.to_string().repeat(PIECE / 3)).collect();
        let written = |pieces: bool| {
            let (mut w, mut out, mut most) = (JsonWriter::pretty(), Vec::new(), 0);
            w.object(|w| {
                for key in ["a", "b"] {
                    w.key(key).array(|w| {
                        for item in &items {
                            w.object(|w| w.key("item").string(item));
                            most = most.max(w.text().len());
                            if pieces {
                                w.pass_on(&mut out).unwrap();
                            }
                        }
                    });
                }
            });
            out.extend_from_slice(w.text().as_bytes());
            (String::from_utf8(out).unwrap(), most)
        };
        let ((whole, large), (pieces, small)) = (written(false), written(true));
        assert_eq!(pieces, whole);
        assert!(small < 2 * PIECE && large > 5 * PIECE, "{small} {large}");
    }
}
