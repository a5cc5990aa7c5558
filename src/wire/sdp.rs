//! ICE candidates in session descriptions (RFC 8839 section 5.1), as WebTorrent trackers pass them on.

use crate::base::{Address, Endpoint};

/// The UDP endpoints of the candidates in a text that holds a session description, in order; host names are passed over.
///
/// The text may be the description itself or the JSON string around it: candidates are found by their own words.
///
/// ```
/// let sdp = br"a=candidate:1 1 udp 2122260223 198.51.100.7 46385 typ host\r\na=candidate:2 1 tcp 9 198.51.100.7 9 typ host";
/// let endpoints: Vec<String> = swarmscope::wire::sdp::candidates(sdp).map(|e| e.to_string()).collect();
/// assert_eq!(endpoints, ["198.51.100.7:46385"]);
/// ```
pub fn candidates(text: &[u8]) -> impl Iterator<Item = Endpoint> + '_ {
    const WORD: &[u8] = b"candidate:";
    let starts = text.windows(WORD.len()).enumerate().filter(|(_, w)| *w == WORD).map(|(at, _)| at);
    starts.filter_map(|at| candidate(text.get(at..)?))
}

/// `candidate:FOUNDATION COMPONENT TRANSPORT PRIORITY ADDRESS PORT typ ...`
fn candidate(text: &[u8]) -> Option<Endpoint> {
    let line = text.get(..text.len().min(160))?;
    let mut words = line.split(|b| *b == b' ').map(|w| std::str::from_utf8(w).unwrap_or_default());
    let (_foundation, _component, transport) = (words.next()?, words.next()?, words.next()?);
    let (_priority, address, port, typ) = (words.next()?, words.next()?, words.next()?, words.next()?);
    if !transport.eq_ignore_ascii_case("udp") || typ != "typ" {
        return None;
    }
    Some(Endpoint::new(address.parse::<Address>().ok()?, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_tcp_and_cut_lines_give_nothing() {
        for text in [
            "a=candidate:1 1 udp 1 host.local 5 typ host",
            "a=candidate:1 1 tcp 1 192.0.2.1 5 typ host",
            "a=candidate:1 1 udp 1 192.0.2.1 70000 typ host",
            "a=candidate:1 1 udp 1 192.0.2.1",
            "candidate:",
        ] {
            assert_eq!(candidates(text.as_bytes()).count(), 0, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(mut text: Vec<u8>) {
            text.extend_from_slice(b"candidate:");
            prop_assert_eq!(candidates(&text).count(), 0);
        }
    }
}
