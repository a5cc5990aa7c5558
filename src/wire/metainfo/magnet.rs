//! Magnet links (BEP 9, BEP 46, BEP 53).

use super::Malformed;
use crate::base::InfoHash;
use crate::wire::krpc::mutable_target;

/// What a magnet link names. Rare and small: this one owns its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Magnet {
    /// `xt=urn:btih:`, in 40 hexadecimal or 32 base32 digits.
    pub v1: Option<InfoHash>,
    /// `xt=urn:btmh:1220`: SHA-256 info-hash (BEP 52).
    pub v2: Option<[u8; 32]>,
    /// `xs=urn:btpk:`: public key of a feed (BEP 46).
    pub public_key: Option<[u8; 32]>,
    /// `s`: salt of the feed (BEP 46).
    pub salt: Vec<u8>,
    /// `dn`: name. A claim, of untrusted bytes.
    pub name: Option<Vec<u8>>,
    /// `tr`: URLs of trackers, at most 32.
    pub trackers: Vec<Vec<u8>>,
}

/// Trackers kept of one link.
const TRACKERS_MAX: usize = 32;

impl Magnet {
    /// Where the DHT keeps the feed (BEP 46).
    #[must_use]
    pub fn feed_target(&self) -> Option<InfoHash> {
        self.public_key.map(|key| mutable_target(&key, &self.salt))
    }
}

/// Reads a magnet link. Parameters may be numbered, as in `xt.1=`; unknown ones are passed over.
///
/// # Errors
/// `Magic` when the scheme is another, `Value` when the link names neither a torrent nor a feed.
pub fn parse_magnet(uri: &[u8]) -> Result<Magnet, Malformed> {
    let scheme = uri.split_at_checked(b"magnet:?".len()).ok_or(Malformed::Magic)?;
    if !scheme.0.eq_ignore_ascii_case(b"magnet:?") {
        return Err(Malformed::Magic);
    }
    let mut magnet = Magnet::default();
    for parameter in scheme.1.split(|&b| b == b'&') {
        let Some(equals) = parameter.iter().position(|&b| b == b'=') else { continue };
        let (key, value) = parameter.split_at(equals);
        let value = decoded(value.get(1..).unwrap_or_default());
        let key = key.split(|&b| b == b'.').next().unwrap_or_default();
        match key {
            b"xt" | b"xs" => urn(&value, &mut magnet),
            b"s" => magnet.salt = hexadecimal(&value).unwrap_or_default(),
            b"dn" if magnet.name.is_none() => magnet.name = Some(value),
            b"tr" if magnet.trackers.len() < TRACKERS_MAX => magnet.trackers.push(value),
            _ => {}
        }
    }
    if magnet.v1.is_none() && magnet.v2.is_none() && magnet.public_key.is_none() {
        return Err(Malformed::Value);
    }
    Ok(magnet)
}

fn urn(value: &[u8], magnet: &mut Magnet) {
    let exactly_32 = |digits| hexadecimal(digits).and_then(|b| b.try_into().ok());
    if let Some(digits) = after(value, b"urn:btih:") {
        let bytes = if digits.len() == 32 { base32(digits) } else { hexadecimal(digits) };
        magnet.v1 = magnet.v1.or(bytes.and_then(|b| InfoHash::from_slice(&b)));
    } else if let Some(digits) = after(value, b"urn:btmh:1220") {
        magnet.v2 = magnet.v2.or(exactly_32(digits));
    } else if let Some(digits) = after(value, b"urn:btpk:") {
        magnet.public_key = magnet.public_key.or(exactly_32(digits));
    }
}

/// What follows a prefix of any case.
fn after<'a>(value: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = value.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Percent-decoding (RFC 3986 section 2.1); a `+` is a space here, a broken escape stays as it is.
fn decoded(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        let escaped = match (first, tail.split_first_chunk::<2>()) {
            (b'%', Some((digits, behind))) => hexadecimal(digits).map(|byte| (byte, behind)),
            _ => None,
        };
        match (first, escaped) {
            (_, Some((byte, behind))) => {
                out.extend(byte);
                rest = behind;
            }
            (b'+', None) => out.push(b' '),
            (other, None) => out.push(other),
        }
    }
    out
}

/// Bytes of an even number of hexadecimal digits.
fn hexadecimal(digits: &[u8]) -> Option<Vec<u8>> {
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|n| u8::try_from(n).ok());
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    pairs.iter().map(|&[high, low]| Some(nibble(high)? << 4 | nibble(low)?)).collect()
}

/// Bytes of base32 digits (RFC 4648 section 6) whose number is a multiple of 8.
fn base32(digits: &[u8]) -> Option<Vec<u8>> {
    let (groups, []) = digits.as_chunks::<8>() else { return None };
    let mut out = Vec::with_capacity(groups.len().saturating_mul(5));
    for group in groups {
        let mut bits = 0u64;
        for digit in group {
            let value = match digit.to_ascii_uppercase() {
                letter @ b'A'..=b'Z' => letter - b'A',
                number @ b'2'..=b'7' => number - b'2' + 26,
                _ => return None,
            };
            bits = bits << 5 | u64::from(value);
        }
        out.extend(bits.to_be_bytes().iter().skip(3));
    }
    Some(out)
}
