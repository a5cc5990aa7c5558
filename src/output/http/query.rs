//! The query of a request: `?q=…&limit=…`, and the page of a list that it asks for.

use crate::output::JsonWriter;
use std::str::FromStr;

/// Items of a list without a `limit`.
const LIMIT: usize = 50;
/// Items of a list at most.
const LIMIT_MAX: usize = 1_000;

/// The parameters, decoded.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

/// What a request asks for that it cannot have.
#[derive(Debug, PartialEq, Eq)]
pub struct BadQuery(pub String);

impl Query {
    /// Reads `application/x-www-form-urlencoded` pairs.
    pub fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decoded(name, true), decoded(value, true))
                })
                .collect(),
        )
    }

    /// A parameter's value; one that is empty counts as not given.
    pub fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// A parameter that must be one of some words.
    pub fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, BadQuery> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| Some(*value)).ok_or_else(|| {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            BadQuery(format!("{name} is one of {}", words.join(", ")))
        })
    }

    /// A parameter that must be a value of its type.
    pub fn value<T: FromStr>(&self, name: &str, what: &str) -> Result<Option<T>, BadQuery> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| BadQuery(format!("{name} must be {what}")))
    }

    /// Which part of a list is asked for.
    pub fn page(&self) -> Result<Page, BadQuery> {
        let number = |name| self.value::<usize>(name, "a whole number");
        let limit = number("limit")?.unwrap_or(LIMIT).min(LIMIT_MAX);
        Ok(Page { limit, offset: number("offset")?.unwrap_or(0) })
    }
}

/// A part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Items at most.
    pub limit: usize,
    /// Items before.
    pub offset: usize,
}

impl Page {
    /// Writes the members of a list's object: how many there are, and those of this part.
    pub fn write<T>(&self, w: &mut JsonWriter, items: &[T], mut write: impl FnMut(&mut JsonWriter, &T)) {
        w.key("total").number(items.len() as u64);
        w.key("limit").number(self.limit as u64);
        w.key("offset").number(self.offset as u64);
        w.key("items").array(|w| {
            items.iter().skip(self.offset).take(self.limit).for_each(|item| write(w, item));
        });
    }
}

/// Percent-decoding (RFC 3986 section 2.1); in a query `+` is a blank. What is not UTF-8 becomes U+FFFD.
pub fn decoded(text: &str, query: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let hex = after.split_first_chunk::<2>().filter(|_| first == b'%');
        let byte = hex.and_then(|(hex, _)| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match byte {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => bytes.push(if first == b'+' && query { b' ' } else { first }),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parameters_are_decoded() {
        let query = Query::parse("q=a+b%2Bc%ZZ%f&state=&limit=5&offset=2&x");
        assert_eq!(query.text("q"), Some("a b+c%ZZ%f"));
        assert_eq!((query.text("state"), query.text("x"), query.text("absent")), (None, None, None));
        assert_eq!(query.page(), Ok(Page { limit: 5, offset: 2 }));
        assert_eq!(decoded("a+%C3%A9%ff", false), "a+é\u{fffd}");
    }

    #[test]
    fn what_cannot_be_had_is_said() {
        assert_eq!(Query::parse("limit=99999").page().map(|p| p.limit), Ok(LIMIT_MAX));
        assert_eq!(Query::parse("limit=-1").page(), Err(BadQuery("limit must be a whole number".into())));
        let word = Query::parse("order=up").word("order", &[("asc", false), ("desc", true)]);
        assert_eq!(word, Err(BadQuery("order is one of asc, desc".into())));
    }

    proptest! {
        #[test]
        fn any_query_can_be_read(text: String) {
            Query::parse(&text);
            let plain = text.replace(['%', '+'], "");
            prop_assert_eq!(decoded(&plain, true), plain);
        }
    }
}
