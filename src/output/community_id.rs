//! Community ID v1 (github.com/corelight/community-id-spec): the id by which other sensors name the same flow.

use crate::base::{Address, Endpoint, Transport};
use sha1::{Digest, Sha1};

/// The Community ID of a flow, seed 0; the same whichever side is named first.
///
/// ```
/// use swarmscope::{base::Transport, output::community_id};
/// let (a, b) = ("128.232.110.120:34855".parse().unwrap(), "66.35.250.204:80".parse().unwrap());
/// assert_eq!(community_id(a, b, Transport::Tcp), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
/// ```
#[must_use]
pub fn community_id(a: Endpoint, b: Endpoint, transport: Transport) -> String {
    // Within one family the mapped form sorts as the address does, so `Endpoint`'s order is the specification's.
    let (low, high) = if a <= b { (a, b) } else { (b, a) };
    let mut hash = Sha1::new();
    hash.update(0u16.to_be_bytes());
    update_address(&mut hash, &low.address);
    update_address(&mut hash, &high.address);
    hash.update([iana_number(transport), 0]);
    hash.update(low.port.to_be_bytes());
    hash.update(high.port.to_be_bytes());
    let mut text = String::with_capacity(30);
    text.push_str("1:");
    push_base64(&mut text, &hash.finalize());
    text
}

fn update_address(hash: &mut Sha1, address: &Address) {
    match address.as_v4() {
        Some(bytes) => hash.update(bytes),
        None => hash.update(address.0),
    }
}

const fn iana_number(transport: Transport) -> u8 {
    match transport {
        Transport::Tcp => 6,
        Transport::Udp => 17,
    }
}

/// Base64 with padding (RFC 4648 section 4).
fn push_base64(text: &mut String, bytes: &[u8]) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in bytes.chunks(3) {
        let byte = |i: usize| group.get(i).map_or(0, |&b| u32::from(b));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for position in 0..4 {
            let index = (bits >> (18 - 6 * position)) & 63;
            let digit = ALPHABET.get(index as usize).map_or('=', |&b| char::from(b));
            text.push(if position <= group.len() { digit } else { '=' });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors published with the specification.
    #[test]
    fn published_vectors_hold_in_both_directions() {
        for (a, b, transport, id) in [
            ("128.232.110.120:34855", "66.35.250.204:80", Transport::Tcp, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
            ("192.168.1.52:54585", "8.8.8.8:53", Transport::Udp, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
            (
                "[2001:470:e5bf:dead:4957:2174:e82c:4887]:63943",
                "[2607:f8b0:400c:c03::1a]:25",
                Transport::Tcp,
                "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=",
            ),
        ] {
            let (a, b) = (a.parse().unwrap(), b.parse().unwrap());
            assert_eq!(community_id(a, b, transport), id);
            assert_eq!(community_id(b, a, transport), id);
        }
    }

    #[test]
    fn base64_pads_as_the_rfc_shows() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
            ("\u{fb}", "w7s="),
        ] {
            let mut text = String::new();
            push_base64(&mut text, plain.as_bytes());
            assert_eq!(text, coded);
        }
    }
}
