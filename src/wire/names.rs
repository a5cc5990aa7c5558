//! Names that BitTorrent programs look up: bootstrap nodes of the DHT and public trackers (R-X-3).
//!
//! A lookup proves nothing: blocklists, researchers and web pages name the same hosts. To add one, add a line.

use super::dns::Question;

/// A name counts with all names below it. Lower case, in order of the alphabet.
const NAMES: [&str; 24] = [
    "bt1.archive.org",
    "bt2.archive.org",
    "bttracker.debian.org",
    "dht.aelitis.com",
    "dht.libtorrent.org",
    "dht.transmissionbt.com",
    "exodus.desync.com",
    "explodie.org",
    "open.demonii.com",
    "open.stealth.si",
    "openbittorrent.com",
    "opentrackr.org",
    "p4p.arenabg.com",
    "router.bitcomet.com",
    "router.bittorrent.com",
    "router.silotis.us",
    "router.utorrent.com",
    "torrent.eu.org",
    "tracker.btorrent.xyz",
    "tracker.files.fm",
    "tracker.openwebtorrent.com",
    "tracker.publicbt.com",
    "tracker.webtorrent.dev",
    "tracker.webtorrent.io",
];

/// Whether a host name without a final dot is one of a bootstrap node or public tracker, in whatever case it is written.
#[must_use]
pub fn is_torrent_name(name: &[u8]) -> bool {
    NAMES.iter().any(|known| {
        let at = name.len().checked_sub(known.len());
        let Some((above, same)) = at.and_then(|at| name.split_at_checked(at)) else { return false };
        same.eq_ignore_ascii_case(known.as_bytes()) && above.last().is_none_or(|&dot| dot == b'.')
    })
}

/// How many bytes of a name's end are compared first.
const END: usize = 8;

/// The ends of the names: nearly every other name ends otherwise, and is told by one look at all of them.
const ENDS: [[u8; END]; NAMES.len()] = ends();

#[expect(clippy::indexing_slicing, clippy::panic, reason = "the compiler runs it")]
const fn ends() -> [[u8; END]; NAMES.len()] {
    let mut ends = [[0; END]; NAMES.len()];
    let mut at = 0;
    while at < NAMES.len() {
        match NAMES[at].as_bytes().last_chunk() {
            Some(end) => ends[at] = *end,
            None => panic!("a name is shorter than what is compared of it"),
        }
        at += 1;
    }
    ends
}

/// The same for the name that a DNS message asks for.
#[must_use]
pub fn asks_for_torrent_name(question: &Question<'_>) -> bool {
    let Some(end) = question.labels.last_chunk::<END>() else { return false };
    // The length of a label that ends here is small, and no letter.
    let end = end.map(|byte| if usize::from(byte) < END { b'.' } else { byte.to_ascii_lowercase() });
    ENDS.contains(&end) && is_torrent_name(&question.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_count_whole_and_with_what_stands_below_them() {
        for name in ["router.bittorrent.com", "ROUTER.BitTorrent.com", "tracker.opentrackr.org"] {
            assert!(is_torrent_name(name.as_bytes()), "{name}");
        }
        for name in
            ["bittorrent.com", "www.bittorrent.com", "notopentrackr.org", "opentrackr.org.example", ""]
        {
            assert!(!is_torrent_name(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn questions_are_told_as_their_names_are() {
        let labels = |name: &str| {
            let labels = name.split('.').flat_map(|l| [&[l.len() as u8], l.as_bytes()].concat());
            labels.collect::<Vec<u8>>()
        };
        let asks = |name: &str| asks_for_torrent_name(&Question { labels: &labels(name), is_answer: false });
        for name in NAMES {
            assert!(asks(name) && asks(&format!("a.{}", name.to_ascii_uppercase())), "{name}");
            assert!(!asks(&format!("x{name}")) && !asks(&format!("{name}.example")), "{name}");
        }
        assert!(!asks("org") && !asks("www.debian.org") && !asks("eu.org"));
    }

    #[test]
    fn the_list_is_in_order_and_in_lower_case() {
        assert!(NAMES.is_sorted() && NAMES.iter().all(|n| !n.bytes().any(|b| b.is_ascii_uppercase())));
    }
}
