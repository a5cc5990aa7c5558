//! The part of HTTP/1.x (RFC 9112) that trackers, web seeds and routers use: heads, chunked bodies, query strings.
//!
//! Nothing is copied. A head may arrive one byte at a time; it is refused as soon as it cannot become HTTP, or when it
//! exceeds [`HEAD_MAX`] bytes or [`HEADERS_MAX`] header lines. Lines may end with a bare LF (RFC 9112 section 2.2).

use super::{Malformed, Parsed};
use memchr::memchr;

mod chunked;
mod query;

pub use chunked::{Chunk, Chunked};
pub use query::{Pairs, decoded_eq, percent_decode, percent_decode_20};

/// Longest head read, in bytes, first line and empty line included.
pub const HEAD_MAX: usize = 16 * 1024;

/// Most header lines read.
pub const HEADERS_MAX: usize = 100;

/// Longest method: `UPDATEREDIRECTREF` (RFC 4437) has 17 letters.
const METHOD_MAX: usize = 20;

/// The head of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHead<'a> {
    /// For instance `GET`.
    pub method: &'a [u8],
    /// As sent: origin form (`/announce?..`), absolute form (`http://host/announce?..`), or another.
    pub target: &'a [u8],
    /// The digit after `HTTP/1.`.
    pub minor_version: u8,
    /// The header lines.
    pub headers: Lines<'a>,
    /// Bytes of the head, the empty line included: the body starts there.
    pub head_len: usize,
}

impl<'a> RequestHead<'a> {
    /// The value of the first header with this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers.get(name)
    }

    /// Path and query of the target, whichever form it has.
    #[must_use]
    pub fn path_and_query(&self) -> &'a [u8] {
        origin_form(self.target)
    }

    /// How long the body is.
    #[must_use]
    pub fn body(&self) -> BodyLength {
        // A request without a length has no body (RFC 9112 section 6.3).
        match body_length(&self.headers) {
            BodyLength::UntilClose => BodyLength::Known(0),
            known => known,
        }
    }
}

/// The head of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHead<'a> {
    /// Three digits.
    pub status: u16,
    /// The digit after `HTTP/1.`.
    pub minor_version: u8,
    /// The header lines.
    pub headers: Lines<'a>,
    /// Bytes of the head, the empty line included: the body starts there.
    pub head_len: usize,
}

impl<'a> ResponseHead<'a> {
    /// The value of the first header with this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers.get(name)
    }

    /// How long the body is, unless it answers `HEAD`.
    #[must_use]
    pub fn body(&self) -> BodyLength {
        match self.status {
            100..=199 | 204 | 304 => BodyLength::Known(0),
            _ => body_length(&self.headers),
        }
    }

    /// How the body is packed.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        match self.header("Content-Encoding") {
            None => Encoding::Identity,
            Some(v) if v.eq_ignore_ascii_case(b"identity") => Encoding::Identity,
            Some(v) if v.eq_ignore_ascii_case(b"gzip") || v.eq_ignore_ascii_case(b"x-gzip") => Encoding::Gzip,
            Some(v) if v.eq_ignore_ascii_case(b"deflate") => Encoding::Deflate,
            Some(_) => Encoding::Other,
        }
    }
}

/// How long a body is (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// This many bytes.
    Known(u64),
    /// In chunks, see [`Chunked`].
    Chunked,
    /// As long as the connection lasts.
    UntilClose,
}

/// The `Content-Encoding` of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Not packed.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 1950.
    Deflate,
    /// Anything else, or several at once.
    Other,
}

fn body_length(headers: &Lines<'_>) -> BodyLength {
    if headers.get("Transfer-Encoding").is_some_and(|v| v.to_ascii_lowercase().ends_with(b"chunked")) {
        return BodyLength::Chunked;
    }
    let declared = headers.get("Content-Length").and_then(decimal);
    declared.map_or(BodyLength::UntilClose, BodyLength::Known)
}

/// A number of decimal digits only; `None` for a sign, a space or too large a number.
#[must_use]
pub fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |n, &d| {
        let digit = d.is_ascii_digit().then(|| u64::from(d & 0x0f))?;
        n.checked_mul(10)?.checked_add(digit)
    })
}

/// Header lines: an iterator over name and value, both without white space around them. Lines without a colon and
/// continuation lines (RFC 9112 section 5.2) are passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lines<'a>(&'a [u8]);

impl<'a> Lines<'a> {
    /// From the bytes after the first line; reading stops at the empty line or at the end.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The value of the first header with this name, in any case.
    #[must_use]
    pub fn get(mut self, name: &str) -> Option<&'a [u8]> {
        loop {
            if let Some(value) = value_of(self.line()?, name) {
                return Some(value);
            }
        }
    }

    fn line(&mut self) -> Option<&'a [u8]> {
        let (line, rest) = split_line(self.0).unwrap_or((self.0, &[]));
        self.0 = if line.is_empty() { &[] } else { rest };
        (!line.is_empty()).then_some(line)
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (&'a [u8], &'a [u8]);
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = self.line()?;
            let colon = memchr(b':', line);
            if let Some((name, value)) = colon.and_then(|at| line.split_at_checked(at))
                && !name.starts_with(b" ")
                && !name.starts_with(b"\t")
            {
                return Some((name.trim_ascii(), value.get(1..).unwrap_or_default().trim_ascii()));
            }
        }
    }
}

/// The value of a header line if it has this name, in any case.
fn value_of<'a>(line: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let (start, rest) = line.split_at_checked(name.len())?;
    if !start.eq_ignore_ascii_case(name.as_bytes()) {
        return None;
    }
    rest.trim_ascii_start().strip_prefix(b":").map(<[u8]>::trim_ascii)
}

/// The first line without its end, and what follows; `None` without an LF.
fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (line, rest) = bytes.split_at_checked(memchr(b'\n', bytes)?)?;
    Some((line.strip_suffix(b"\r").unwrap_or(line), rest.get(1..)?))
}

/// Reads a request head from the beginning of a stream.
#[must_use]
pub fn parse_request(stream: &[u8]) -> Parsed<RequestHead<'_>> {
    let method_len = stream.iter().take(METHOD_MAX + 1).take_while(|b| is_method(**b)).count();
    let (method, rest) = stream.split_at(method_len);
    match rest.first() {
        Some(b' ') if (1..=METHOD_MAX).contains(&method_len) => {}
        None if method_len <= METHOD_MAX => return more(stream),
        _ => return Parsed::Bad(Malformed::Magic),
    }
    let (line, headers, head_len) = match head(stream) {
        Ok(Some(parts)) => parts,
        Ok(None) => return more(stream),
        Err(why) => return Parsed::Bad(why),
    };
    // The target lies between the first space and the last one: some clients leave spaces in it unescaped.
    let after_method = line.get(method_len + 1..).unwrap_or_default();
    let Some((target, version)) =
        after_method.iter().rposition(|&b| b == b' ').and_then(|at| after_method.split_at_checked(at))
    else {
        return Parsed::Bad(Malformed::Value);
    };
    let minor_version = match version {
        [b' ', b'H', b'T', b'T', b'P', b'/', b'1', b'.', digit @ b'0'..=b'9'] => digit & 0x0f,
        _ => return Parsed::Bad(Malformed::Magic),
    };
    let target = target.trim_ascii();
    if target.is_empty() {
        return Parsed::Bad(Malformed::Value);
    }
    let message = RequestHead { method, target, minor_version, headers, head_len };
    Parsed::Done { message, used: head_len }
}

/// Reads a response head from the beginning of a stream.
#[must_use]
pub fn parse_response(stream: &[u8]) -> Parsed<ResponseHead<'_>> {
    const VERSION: &[u8] = b"HTTP/1.";
    if stream.iter().zip(VERSION).any(|(a, b)| a != b) {
        return Parsed::Bad(Malformed::Magic);
    }
    let (line, headers, head_len) = match head(stream) {
        Ok(Some(parts)) => parts,
        Ok(None) => return more(stream),
        Err(why) => return Parsed::Bad(why),
    };
    let Some([minor @ b'0'..=b'9', b' ', a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', reason @ ..]) =
        line.strip_prefix(VERSION)
    else {
        return Parsed::Bad(Malformed::Value);
    };
    if !reason.is_empty() && !reason.starts_with(b" ") {
        return Parsed::Bad(Malformed::Value);
    }
    let status = [a, b, c].iter().fold(0, |n, d| n * 10 + u16::from(**d & 0x0f));
    let message = ResponseHead { status, minor_version: minor & 0x0f, headers, head_len };
    Parsed::Done { message, used: head_len }
}

const fn is_method(b: u8) -> bool {
    b.is_ascii_uppercase() || b == b'-' || b == b'_'
}

const fn more<T>(stream: &[u8]) -> Parsed<T> {
    Parsed::NeedMore { at_least: stream.len().saturating_add(1) }
}

type Head<'a> = (&'a [u8], Lines<'a>, usize);

/// First line, header lines and length of the head; `Ok(None)` while the empty line has not come.
fn head(stream: &[u8]) -> Result<Option<Head<'_>>, Malformed> {
    let window = stream.get(..HEAD_MAX).unwrap_or(stream);
    let too_long = if window.len() == HEAD_MAX { Err(Malformed::Length) } else { Ok(None) };
    let Some((first, headers)) = split_line(window) else { return too_long };
    let (mut rest, mut lines) = (headers, 0usize);
    loop {
        let Some((line, after)) = split_line(rest) else { return too_long };
        rest = after;
        if line.is_empty() {
            break;
        }
        lines += 1;
        if lines > HEADERS_MAX {
            return Err(Malformed::Tokens);
        }
    }
    Ok(Some((first, Lines(headers), window.len() - rest.len())))
}

/// Drops `scheme://authority` from an absolute-form target.
#[must_use]
pub fn origin_form(target: &[u8]) -> &[u8] {
    if target.starts_with(b"/") {
        return target;
    }
    let Some(scheme_end) = target.windows(3).take(16).position(|w| w == b"://") else { return target };
    let authority = target.get(scheme_end + 3..).unwrap_or_default();
    match authority.iter().position(|&b| b == b'/' || b == b'?') {
        Some(at) => authority.get(at..).unwrap_or_default(),
        None => b"/",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GET: &[u8] = b"GET http://t.example:80/announce?a=b c HTTP/1.1\r\nHost : t\r\nX\r\n fold: 1\r\n\
        User-Agent: \tqBittorrent/5.1.1 \r\n\r\nrest";
    const OK: &[u8] =
        b"HTTP/1.0 200\r\nTransfer-encoding: gzip, Chunked\nContent-Encoding: GZIP\r\nContent-Length: 5\r\n\r\n";

    #[test]
    fn a_request_head_waits_for_every_byte() {
        let head_len = GET.len() - 4;
        for cut in 0..head_len {
            assert_eq!(parse_request(&GET[..cut]), Parsed::NeedMore { at_least: cut + 1 }, "{cut}");
        }
        let Parsed::Done { message, used } = parse_request(GET) else { panic!() };
        assert_eq!(used, head_len);
        assert_eq!(message.target, b"http://t.example:80/announce?a=b c");
        assert_eq!(message.path_and_query(), b"/announce?a=b c");
        assert_eq!(message.header("user-agent"), Some(&b"qBittorrent/5.1.1"[..]));
        assert_eq!(message.header("host"), Some(&b"t"[..]));
        assert_eq!(message.headers.count(), 2);
        assert_eq!(message.body(), BodyLength::Known(0));
    }

    #[test]
    fn a_response_head_waits_for_every_byte() {
        for cut in 0..OK.len() {
            assert_eq!(parse_response(&OK[..cut]), Parsed::NeedMore { at_least: cut + 1 }, "{cut}");
        }
        let Parsed::Done { message, .. } = parse_response(OK) else { panic!() };
        assert_eq!((message.status, message.body()), (200, BodyLength::Chunked));
        assert_eq!(message.encoding(), Encoding::Gzip);
    }

    #[test]
    fn what_cannot_become_http_is_refused_at_once() {
        for bytes in [&b"\x13BitT"[..], b"get / ", b" GET", b"GET\r", b"ABCDEFGHIJKLMNOPQRSTU"] {
            assert_eq!(parse_request(bytes), Parsed::Bad(Malformed::Magic), "{bytes:?}");
        }
        assert_eq!(parse_request(b"GET /\r\n\r\n"), Parsed::Bad(Malformed::Value));
        assert_eq!(parse_request(b"GET / HTTP/2.0\r\n\r\n"), Parsed::Bad(Malformed::Magic));
        assert_eq!(parse_response(b"HTTP/2"), Parsed::Bad(Malformed::Magic));
        assert_eq!(parse_response(b"HTTP/1.1 20\r\n\r\n"), Parsed::Bad(Malformed::Value));
    }

    #[test]
    fn heads_are_bounded() {
        let long = [b"GET /".as_slice(), &[b'a'; HEAD_MAX]].concat();
        assert_eq!(parse_request(&long), Parsed::Bad(Malformed::Length));
        let many = [b"GET / HTTP/1.1\r\n".as_slice(), &b"a:b\n".repeat(HEADERS_MAX + 1)].concat();
        assert_eq!(parse_request(&many), Parsed::Bad(Malformed::Tokens));
    }

    #[test]
    fn lengths_are_digits_only() {
        for (text, want) in [
            ("12", Some(12)),
            ("", None),
            ("+1", None),
            ("18446744073709551616", None),
            ("18446744073709551615", Some(u64::MAX)),
        ] {
            assert_eq!(decimal(text.as_bytes()), want, "{text}");
        }
    }

    #[test]
    fn absolute_targets_lose_their_authority() {
        for (target, want) in
            [("/a?u=http://x/y", "/a?u=http://x/y"), ("http://h", "/"), ("HTTP://h?q", "?q"), ("*", "*")]
        {
            assert_eq!(origin_form(target.as_bytes()), want.as_bytes(), "{target}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_read_without_a_panic(at in 0usize..GET.len(), byte: u8, tail: Vec<u8>) {
            for text in [GET, OK] {
                let mut d = text.to_vec();
                if let Some(b) = d.get_mut(at) { *b = byte; }
                d.extend(&tail);
                if let Parsed::Done { message, used } = parse_request(&d) {
                    prop_assert!(used <= d.len() && message.headers.count() <= HEADERS_MAX);
                }
                let _ = parse_response(&d);
            }
            let _ = (parse_request(&tail), parse_response(&tail), origin_form(&tail));
        }
    }
}
