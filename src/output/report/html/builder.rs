//! Builds HTML whose elements are always closed and whose text is always escaped.
//!
//! Names of elements and attributes are words of ours; whatever else goes into the page passes [`escape`]. What a browser
//! would obey instead of showing (control characters, bidirectional overrides, zero-width characters) is spelled out, and
//! what is too long is cut.

use crate::base::printable;
use std::fmt::{Display, Write};

/// Longest text in one place, in bytes.
const TEXT_MAX: usize = 2_048;

/// A page that grows.
#[derive(Debug, Default)]
pub struct Html {
    text: String,
}

/// Attributes of an element.
pub type Attributes<'a> = &'a [(&'static str, &'a dyn Display)];

impl Html {
    /// The page so far.
    pub fn into_text(self) -> String {
        self.text
    }

    /// An element; `fill` writes what is in it.
    pub fn element(&mut self, name: &'static str, attributes: Attributes<'_>, fill: impl FnOnce(&mut Self)) {
        self.open(name, attributes);
        fill(self);
        let _ = write!(self.text, "</{name}>");
    }

    /// An element of a class.
    pub fn of_class(&mut self, name: &'static str, class: &'static str, fill: impl FnOnce(&mut Self)) {
        self.element(name, &[("class", &class)], fill);
    }

    /// An element with nothing but text in it.
    pub fn line(&mut self, name: &'static str, class: &'static str, text: &str) {
        if class.is_empty() {
            self.element(name, &[], |h| h.text(text));
        } else {
            self.of_class(name, class, |h| h.text(text));
        }
    }

    /// An element that has no end (HTML 13.1.2: `meta`).
    pub fn void(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.open(name, attributes);
    }

    /// Text of any origin.
    pub fn text(&mut self, text: &str) {
        escape(&mut self.text, text);
    }

    /// Text of any origin whose direction must not reach beyond it.
    pub fn isolated(&mut self, text: &str) {
        self.element("bdi", &[], |h| h.text(text));
    }

    /// A break between lines of the source.
    pub fn newline(&mut self) {
        self.text.push('\n');
    }

    /// The document's type, at its start.
    pub fn doctype(&mut self) {
        self.text.push_str("<!DOCTYPE html>\n");
    }

    /// The style sheet. It is ours, and no element of it could end early.
    pub fn style(&mut self, sheet: &'static str) {
        self.text.push_str("<style>");
        self.text.push_str(sheet);
        self.text.push_str("</style>");
    }

    fn open(&mut self, name: &'static str, attributes: Attributes<'_>) {
        let _ = write!(self.text, "<{name}");
        for (key, value) in attributes {
            let _ = write!(self.text, " {key}=\"");
            escape(&mut self.text, &value.to_string());
            self.text.push('"');
        }
        self.text.push('>');
    }
}

fn escape(out: &mut String, text: &str) {
    for c in printable(text.as_bytes(), TEXT_MAX).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        let mut html = Html::default();
        html.element("p", &[("title", &text)], |h| h.text(text));
        html.into_text()
    }

    #[test]
    fn markup_and_marks_are_shown_not_obeyed() {
        assert_eq!(
            shown("<a href='x'>\u{202e}&\"\u{7}"),
            "<p title=\"&lt;a href=&#39;x&#39;&gt;\\u{202e}&amp;&quot;\\x07\">&lt;a href=&#39;x&#39;&gt;\\u{202e}&amp;&quot;\\x07</p>"
        );
        assert!(shown(&"x".repeat(10_000)).len() < 5_000);
    }

    proptest! {
        #[test]
        fn no_text_leaves_its_place(text: String) {
            let shown = shown(&text);
            prop_assert_eq!(shown.matches('<').count(), 2);
            prop_assert_eq!(shown.matches('>').count(), 2);
            prop_assert_eq!(shown.matches('"').count(), 2);
            prop_assert!(!shown.chars().any(char::is_control));
        }
    }
}
