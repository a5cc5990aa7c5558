//! Names that BitTorrent programs look up: bootstrap nodes of the DHT and public trackers (R-X-3).
//!
//! A lookup proves nothing: blocklists, researchers and web pages name the same hosts. To add one, add a line.

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
    fn the_list_is_in_order_and_in_lower_case() {
        assert!(NAMES.is_sorted() && NAMES.iter().all(|n| !n.bytes().any(|b| b.is_ascii_uppercase())));
    }
}
