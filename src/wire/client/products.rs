//! Names in free text: `User-Agent`, the `v` of the extended handshake (BEP 10), UPnP descriptions.

use super::ClientName;

/// How programs begin the text, in lower case, and the program meant. Longer names stand before their beginnings.
const PRODUCTS: &[(&[u8], &str)] = &[
    (b"qbittorrent", "qBittorrent"),
    (b"libtorrent", "libtorrent"),
    (b"transmission", "Transmission"),
    (b"\xc2\xb5torrent web", "uTorrent Web"),
    (b"\xc2\xb5torrent mac", "uTorrent Mac"),
    (b"\xc2\xb5torrent", "uTorrent"),
    (b"\xce\xbctorrent", "uTorrent"),
    (b"\xb5torrent", "uTorrent"),
    (b"utorrent web", "uTorrent Web"),
    (b"utweb", "uTorrent Web"),
    (b"utorrentmac", "uTorrent Mac"),
    (b"utorrent mac", "uTorrent Mac"),
    (b"utorrent", "uTorrent"),
    (b"btwebclient", "uTorrent"),
    (b"bittorrent", "BitTorrent"),
    (b"azureus", "Vuze/Azureus"),
    (b"vuze", "Vuze/Azureus"),
    (b"biglybt", "BiglyBT"),
    (b"deluge", "Deluge"),
    (b"rtorrent", "rTorrent (libTorrent)"),
    (b"aria2", "aria2"),
    (b"bitcomet", "BitComet"),
    (b"bitlord", "BitLord"),
    (b"bitspirit", "BitSpirit"),
    (b"ktorrent", "KTorrent"),
    (b"tixati", "Tixati"),
    (b"webtorrent", "WebTorrent"),
    (b"rust upnp", "rqbit"),
    (b"rqbit", "rqbit"),
    (b"tribler", "Tribler"),
    (b"frostwire", "FrostWire"),
    (b"libretorrent", "LibreTorrent"),
    (b"picotorrent", "PicoTorrent"),
    (b"mediaget", "MediaGet"),
    (b"mldonkey", "MLDonkey"),
    (b"shareaza", "Shareaza"),
    (b"i2psnark", "I2PSnark"),
    (b"monotorrent", "MonoTorrent"),
    (b"xunlei", "Xunlei"),
    (b"folx", "Folx"),
    (b"popcorn time", "Popcorn Time"),
    (b"emule", "eMule"),
];

/// Longest text looked at, in bytes.
const TEXT_MAX: usize = 256;

pub(super) fn listed(text: &[u8]) -> Option<ClientName> {
    let text = text.get(..TEXT_MAX).unwrap_or(text).trim_ascii();
    let (name, family) = PRODUCTS.iter().find(|(name, _)| {
        let begins = text.get(..name.len()).is_some_and(|t| t.eq_ignore_ascii_case(name));
        begins && !text.get(name.len()).is_some_and(u8::is_ascii_alphabetic)
    })?;
    let rest = text.get(name.len()..).unwrap_or_default();
    let version = match *family {
        "uTorrent" | "uTorrent Mac" | "uTorrent Web" | "BitTorrent" => spread(version(rest)),
        // Program, then library: peer ids and KRPC tell the library's version.
        "rTorrent (libTorrent)" => {
            let library = rest.iter().rposition(|&b| b == b'/').and_then(|at| rest.get(at..));
            version(library.unwrap_or(rest)).to_vec()
        }
        _ => version(rest).to_vec(),
    };
    Some(ClientName::new(family, &String::from_utf8_lossy(&version)))
}

/// A text of no known program: the name is what stands before a version, or all of it.
pub(super) fn free(text: &[u8]) -> Option<ClientName> {
    let text = text.get(..TEXT_MAX).unwrap_or(text).trim_ascii();
    let at = text.windows(2).position(|w| matches!(w, [b'/' | b' ', b'0'..=b'9']));
    match at.and_then(|at| text.split_at_checked(at)) {
        Some((name, rest)) => ClientName::unlisted(name, version(rest)),
        None => ClientName::unlisted(text, b""),
    }
}

/// `/5.1.1 (x)` → `5.1.1`, ` v4.2.5` → `4.2.5`; empty when no digit comes next (` at 51413`, `(TCP)`, ` UPnP 6881`).
fn version(rest: &[u8]) -> &[u8] {
    let rest = match rest {
        [b'/' | b' ' | b'-', b'v' | b'V', digit, ..] if digit.is_ascii_digit() => rest.get(2..),
        [b'/' | b' ' | b'-', digit, ..] if digit.is_ascii_digit() => rest.get(1..),
        _ => None,
    }
    .unwrap_or_default();
    let len =
        rest.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+')).count();
    rest.get(..len).unwrap_or_default()
}

/// µTorrent writes 3.5.5 as `3550` or `355S` in its user agent.
fn spread(version: &[u8]) -> Vec<u8> {
    match version {
        [a, b, c, _] if [a, b, c].iter().all(|d| d.is_ascii_digit()) => vec![*a, b'.', *b, b'.', *c],
        _ => version.to_vec(),
    }
}
