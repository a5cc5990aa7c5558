//! Abuse notices in the XML of the Automated Copyright Notice System, ACNS 2.0: whom they are about.
//!
//! They come by mail from strangers, so this reads as little XML (1.0, fifth edition) as they need: elements and text. No document type, no
//! entities of one's own, no processing beyond the declaration; a cap on size, depth and elements; no recursion.

use crate::base::{Address, InfoHash, Timestamp};

/// Largest notice, in bytes.
pub const SIZE_MAX: usize = 1 << 20;
/// Elements within one another, and altogether.
const DEPTH_MAX: usize = 32;
const ELEMENTS_MAX: usize = 10_000;
/// Longest text of an element that is looked at.
const TEXT_MAX: usize = 256;

/// What a notice says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notice {
    /// `Source/IP_Address`.
    pub address: Option<Address>,
    /// `Source/Port`.
    pub port: Option<u16>,
    /// `Source/TimeStamp`.
    pub at: Option<Timestamp>,
    /// `Hash` of type SHA1, below `Source` or `Content/Item`.
    pub info_hash: Option<InfoHash>,
}

/// Why a notice cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeError {
    /// Longer than [`SIZE_MAX`].
    TooLong,
    /// Not UTF-8.
    Encoding,
    /// A document type or an entity of its own: never needed, and how XML attacks.
    Doctype,
    /// Too many elements, or too deep.
    TooMany,
    /// Not well-formed, at this byte.
    Malformed(usize),
    /// The root is not `Infringement`.
    NotAcns,
}

impl std::fmt::Display for NoticeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLong => write!(f, "longer than {SIZE_MAX} bytes"),
            Self::Encoding => f.write_str("not UTF-8"),
            Self::Doctype => f.write_str("it has a document type or entities, which no notice needs"),
            Self::TooMany => f.write_str("too many elements"),
            Self::Malformed(at) => write!(f, "no well-formed XML at byte {at}"),
            Self::NotAcns => f.write_str("no ACNS notice: the root element is not Infringement"),
        }
    }
}

impl std::error::Error for NoticeError {}

/// Reads a notice.
///
/// # Errors
/// [`NoticeError`]. A value that is missing or makes no sense is `None`, and no error.
pub fn parse(bytes: &[u8]) -> Result<Notice, NoticeError> {
    if bytes.len() > SIZE_MAX {
        return Err(NoticeError::TooLong);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| NoticeError::Encoding)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { all: text.len(), notice: Notice::default(), open: Vec::new(), elements: 0 };
    let mut rest = text;
    while let Some((before, markup)) = rest.split_once('<') {
        reader.text(before, rest.len())?;
        rest = reader.markup(markup)?;
    }
    if !rest.trim().is_empty() || !reader.open.is_empty() {
        return Err(NoticeError::Malformed(text.len()));
    }
    if reader.elements == 0 { Err(NoticeError::NotAcns) } else { Ok(reader.notice) }
}

struct Reader<'a> {
    all: usize,
    notice: Notice,
    /// Names of the open elements, and whether a hash is of type SHA1.
    open: Vec<(&'a str, bool)>,
    elements: usize,
}

impl<'a> Reader<'a> {
    /// Takes what follows a `<`; gives what follows its end.
    fn markup(&mut self, markup: &'a str) -> Result<&'a str, NoticeError> {
        let bad = NoticeError::Malformed(self.all.saturating_sub(markup.len()));
        let behind = |rest: &'a str, end: &str| rest.split_once(end).ok_or(bad);
        if let Some(comment) = markup.strip_prefix("!--") {
            return Ok(behind(comment, "-->")?.1);
        }
        if let Some(data) = markup.strip_prefix("![CDATA[") {
            let (data, rest) = behind(data, "]]>")?;
            self.value(data);
            return Ok(rest);
        }
        if markup.starts_with('!') {
            return Err(NoticeError::Doctype);
        }
        if let Some(instruction) = markup.strip_prefix('?') {
            return Ok(behind(instruction, "?>")?.1);
        }
        let (tag, rest) = behind(markup, ">")?;
        if let Some(name) = tag.strip_prefix('/') {
            let (open, _) = self.open.pop().ok_or(bad)?;
            return if open == local(name.trim_end()) { Ok(rest) } else { Err(bad) };
        }
        let (tag, closed) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
        let name = local(name);
        if name.is_empty() || tag.contains('<') {
            return Err(bad);
        }
        if self.open.is_empty() && name != "Infringement" {
            return Err(NoticeError::NotAcns);
        }
        self.elements += 1;
        if self.elements > ELEMENTS_MAX || self.open.len() >= DEPTH_MAX {
            return Err(NoticeError::TooMany);
        }
        if !closed {
            let sha1 = ["SHA1", "sha1", "SHA-1"].iter().any(|word| attributes.contains(word));
            self.open.push((name, sha1));
        }
        Ok(rest)
    }

    fn text(&mut self, text: &str, left: usize) -> Result<(), NoticeError> {
        if self.open.is_empty() && !text.trim().is_empty() {
            return Err(NoticeError::Malformed(self.all.saturating_sub(left)));
        }
        // The five that XML knows, and numbers, are no part of any value that is read here.
        if let Some((_, entity)) = text.split_once('&') {
            let known = ["amp;", "lt;", "gt;", "apos;", "quot;", "#"];
            if !known.iter().any(|k| entity.starts_with(k)) {
                return Err(NoticeError::Doctype);
            }
            return Ok(());
        }
        self.value(text);
        Ok(())
    }

    /// Takes the text of the innermost element, where it is one that is asked for. The first of each counts.
    fn value(&mut self, text: &str) {
        let text = text.trim();
        let [.., (parent, _), (name, sha1)] = self.open.as_slice() else { return };
        if text.is_empty() || text.len() > TEXT_MAX {
            return;
        }
        let notice = &mut self.notice;
        match (*parent, *name) {
            ("Source", "IP_Address") => notice.address = notice.address.or_else(|| text.parse().ok()),
            ("Source", "Port") => notice.port = notice.port.or_else(|| text.parse().ok()),
            ("Source", "TimeStamp") => notice.at = notice.at.or_else(|| text.parse().ok()),
            (_, "Hash") if *sha1 => {
                notice.info_hash = notice.info_hash.or_else(|| text.to_lowercase().parse().ok());
            }
            _ => {}
        }
    }
}

/// A name without its namespace prefix.
fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOTICE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Infringement xmlns="http://www.acns.net/ACNS" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <!-- as sent by mail -->
  <Case><ID>A&amp;B 17</ID><Status>Open</Status></Case>
  <Source>
    <TimeStamp>2026-11-21T07:12:30.000Z</TimeStamp>
    <IP_Address>198.51.100.2</IP_Address><Port>13773</Port><Type>BitTorrent</Type>
    <UserName/>
  </Source>
  <Content><Item><TimeStamp>1970-01-01T00:00:00Z</TimeStamp><Title><![CDATA[x <y> & z]]></Title>
    <Hash Type="SHA1">96A5CBC4277307610E9BDDD8D95CD0F50461ABFA</Hash></Item></Content>
</Infringement>
"#;

    #[test]
    fn a_notice_says_who_when_and_what() {
        let notice = parse(NOTICE.as_bytes()).unwrap();
        assert_eq!(notice.address, Some("198.51.100.2".parse().unwrap()));
        assert_eq!(notice.port, Some(13_773));
        assert_eq!(notice.at, Some("2026-11-21T07:12:30Z".parse().unwrap()));
        assert_eq!(notice.info_hash, Some("96a5cbc4277307610e9bddd8d95cd0f50461abfa".parse().unwrap()));
    }

    #[test]
    fn what_no_notice_needs_is_refused() {
        let deep = "<Infringement>".repeat(DEPTH_MAX + 1);
        let many = format!("<Infringement>{}</Infringement>", "<a/>".repeat(ELEMENTS_MAX + 1));
        let bomb =
            "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><Infringement>&b;</Infringement>";
        for (text, error) in [
            (bomb, NoticeError::Doctype),
            ("<Infringement>&xxe;</Infringement>", NoticeError::Doctype),
            (&deep, NoticeError::TooMany),
            (&many, NoticeError::TooMany),
            ("<html></html>", NoticeError::NotAcns),
            ("", NoticeError::NotAcns),
            ("<Infringement></Source>", NoticeError::Malformed(15)),
        ] {
            assert_eq!(parse(text.as_bytes()), Err(error));
        }
        assert_eq!(parse(&vec![b' '; SIZE_MAX + 1]), Err(NoticeError::TooLong));
        assert_eq!(parse(b"<Infringement>\xff"), Err(NoticeError::Encoding));
    }

    #[test]
    fn no_prefix_is_a_whole_notice() {
        let whole = NOTICE.trim_end();
        for cut in 0..whole.len() {
            assert!(parse(&whole.as_bytes()[..cut]).is_err(), "{cut}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn a_changed_notice_is_read_without_a_panic(at in 0..NOTICE.len(), to in any::<u8>()) {
            let mut bytes = NOTICE.as_bytes().to_vec();
            bytes[at] = to;
            let _ = parse(&bytes);
        }
    }
}
