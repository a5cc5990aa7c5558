//! Peer ids of no common style (BEP 20 and what has been seen since).

use super::ClientName;

/// Where the version stands.
#[derive(Clone, Copy)]
enum Version {
    Absent,
    /// Always the same.
    Is(&'static str),
    /// Digits and dots that follow the prefix.
    Follows,
    /// Two pairs of digits follow: `0325` = 3.25.
    Pairs,
}

use Version::{Absent, Follows, Is, Pairs};

/// Offset, text, program, version. Longer prefixes stand before their beginnings.
const FIXED: &[(usize, &[u8], &str, Version)] = &[
    (0, b"AZ2500BT", "BitTyrant", Is("1.1")),
    (0, b"Azureus", "Vuze/Azureus", Is("1")),
    (5, b"Azureus", "Vuze/Azureus", Is("2.0.3.2")),
    (0, b"-aria2-", "aria2", Absent),
    (0, b"aria2-", "aria2", Absent),
    (0, b"-BOWA0B", "Bits on Wheels", Is("1.0.5")),
    (0, b"-BOWA0C", "Bits on Wheels", Is("1.0.6")),
    (0, b"-BOW", "Bits on Wheels", Absent),
    (0, b"-ML", "MLDonkey", Follows),
    (0, b"BLZ", "Blizzard downloader", Absent),
    (0, b"btpd", "BT protocol daemon", Absent),
    (0, b"BTDWV-", "Deadman Walking", Absent),
    (0, b"Deadman Walking-", "Deadman Walking", Absent),
    (0, b"btuga", "BTugaXP", Absent),
    (5, b"BTuga", "BTugaXP", Absent),
    (0, b"oernu", "BTugaXP", Absent),
    (4, b"btfans", "SimpleBT", Absent),
    (0, b"DansClient", "XanTorrent", Absent),
    (0, b"DNA", "BitTorrent DNA", Absent),
    (0, b"Ext", "external web seed", Absent),
    (0, b"FD6", "Free Download Manager", Is("6")),
    (0, b"LIME", "LimeWire", Absent),
    (0, b"martini", "Martini Man", Absent),
    (0, b"Mbrst", "Burst!", Absent),
    (0, b"Pando", "Pando", Absent),
    (0, b"PEERAPP", "PeerApp", Absent),
    (0, b"Plus", "BitTorrent Plus!", Absent),
    (0, b"PRC.P---", "BitTorrent Plus!", Absent),
    (0, b"P87.P---", "BitTorrent Plus!", Absent),
    (0, b"S587Plus", "BitTorrent Plus!", Absent),
    (0, b"QVOD", "QVOD", Absent),
    (0, b"turbobt", "TurboBT", Follows),
    (0, b"TIX", "Tixati", Pairs),
    (0, b"T00---0", "Teeweety", Absent),
    (0, b"a00---0", "Swarmy", Absent),
    (0, b"a02---0", "Swarmy", Absent),
    (0, b"10-------", "JVtorrent", Absent),
    (0, b"271-", "GreedBT", Is("2.7.1")),
    (0, b"346-", "TorrentTopia", Is("1.90")),
    (0, b"arclight", "Hurricane Electric", Absent),
];

/// Ids that are known by a text at a fixed place, and the binary ones.
pub(super) fn fixed(id: &[u8; 20]) -> Option<ClientName> {
    for &(offset, text, family, version) in FIXED {
        let Some(rest) = id.get(offset..).and_then(|at| at.strip_prefix(text)) else { continue };
        let version = match version {
            Absent => String::new(),
            Is(known) => known.to_owned(),
            Follows => leading(rest, |b| b.is_ascii_digit() || b == b'.'),
            Pairs => pairs(rest).unwrap_or_default(),
        };
        return Some(ClientName::new(family, &version));
    }
    match *id {
        [b'e', b'x', b'b', b'c', major, minor, b'L', b'O', b'R', b'D', ..] => {
            Some(ClientName::new("BitLord", &format!("{major}.{minor}")))
        }
        [b'e', b'x', b'b', b'c', major, minor, ..]
        | [b'F', b'U', b'T', b'B', major, minor, ..]
        | [b'x', b'U', b'T', b'B', major, minor, ..] => {
            Some(ClientName::new("BitComet", &format!("{major}.{minor:02}")))
        }
        [0, version, b'B', b'S', ..] => Some(ClientName::new("BitSpirit", &version.to_string())),
        [b'X', b'B', b'T', a, b, c, debug @ (b'd' | b'-'), ..]
            if [a, b, c].iter().all(u8::is_ascii_digit) =>
        {
            let [a, b, c] = [a, b, c].map(char::from);
            let debug = if debug == b'd' { " (debug)" } else { "" };
            Some(ClientName::new("XBT Client", &format!("{a}.{b}.{c}{debug}")))
        }
        // Two and three letters alone are too little: random ids begin so, too. Digits must follow.
        [b'O', b'P', d @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _]
            if d.iter().all(u8::is_ascii_digit) =>
        {
            Some(ClientName::new("Opera", &format!("build {}", leading(&d, |_| true))))
        }
        [b'A', b'P', d, b'.', ..] if d.is_ascii_digit() => {
            let version = id.get(2..).map_or_else(String::new, |r| leading(r, |b| b != b'-'));
            Some(ClientName::new("AllPeers", &version))
        }
        [major, minor, b'R', b'S', ..] if major.is_ascii_digit() && minor.is_ascii_digit() => {
            Some(ClientName::new("Rufus", &format!("{}.{}", major & 0x0f, minor & 0x0f)))
        }
        [b'e', b'X', rest @ ..] if rest.iter().all(u8::is_ascii_graphic) => {
            Some(ClientName::new("eXeem", ""))
        }
        _ => None,
    }
}

fn leading(bytes: &[u8], keep: impl Fn(u8) -> bool) -> String {
    bytes.iter().take_while(|b| keep(**b)).map(|&b| char::from(b)).collect()
}

fn pairs(bytes: &[u8]) -> Option<String> {
    let digits = bytes.first_chunk::<4>()?;
    let [a, b, c, d] = digits.map(|d| d.is_ascii_digit().then_some(u16::from(d & 0x0f)));
    Some(format!("{}.{:02}", a? * 10 + b?, c? * 10 + d?))
}

/// A letter, then three numbers with a dash after each: `M7-10-5-`, `A2-1-37-0-`, `Q1-0-0--`.
pub(super) fn mainline(id: &[u8; 20]) -> Option<ClientName> {
    let (family, mut rest) = match id {
        [b'A', b'2', b'-', rest @ ..] => ("aria2", rest.as_slice()),
        [b'S', b'3', b'-', rest @ ..] => ("Amazon S3", rest.as_slice()),
        [b'M', rest @ ..] => ("Mainline", rest.as_slice()),
        [b'Q', rest @ ..] => ("Queen Bee", rest.as_slice()),
        _ => return None,
    };
    let mut numbers = [const { String::new() }; 3];
    for number in &mut numbers {
        *number = leading(rest, |b| b.is_ascii_digit());
        if number.is_empty() || number.len() > 3 {
            return None;
        }
        rest = rest.get(number.len()..)?.strip_prefix(b"-")?;
    }
    Some(ClientName::new(family, &numbers.join(".")))
}

/// A letter, up to five version symbols padded with dashes, three dashes: `T03I-----`.
pub(super) fn shadow(id: &[u8; 20]) -> Option<ClientName> {
    let [letter, version @ .., b'-', b'-', b'-', _, _, _, _, _, _, _, _, _, _, _] = id else { return None };
    let family = match letter {
        b'A' => "ABC",
        b'O' => "Osprey",
        b'Q' => "BTQueue",
        b'R' => "Tribler",
        b'S' => "Shadow",
        b'T' => "BitTornado",
        b'U' => "UPnP NAT BT",
        _ => return None,
    };
    let used = version.iter().take_while(|&&s| s != b'-').count();
    let (symbols, padding) = version.split_at_checked(used)?;
    if symbols.is_empty() || padding.iter().any(|&s| s != b'-') {
        return None;
    }
    let numbers: Option<Vec<String>> = symbols.iter().map(|&s| shadow_symbol(s)).collect();
    Some(ClientName::new(family, &numbers?.join(".")))
}

/// 0 to 9, A = 10, a = 36, dot = 62; the dash (63) is taken for padding.
fn shadow_symbol(s: u8) -> Option<String> {
    let n = match s {
        b'0'..=b'9' => s - b'0',
        b'A'..=b'Z' => s - b'A' + 10,
        b'a'..=b'z' => s - b'a' + 36,
        b'.' => 62,
        _ => return None,
    };
    Some(n.to_string())
}

/// Ids without any text, known by arithmetic or by their zeros.
pub(super) fn computed(id: &[u8; 20]) -> Option<ClientName> {
    let (head, tail) = id.split_last_chunk::<4>()?;
    if !head.contains(&0) && head.iter().zip(head.iter().rev()).zip(tail).all(|((a, b), t)| a ^ b == *t) {
        return Some(ClientName::new("Shareaza", ""));
    }
    let zeros = id.iter().take_while(|&&b| b == 0).count();
    match zeros {
        9 if id.get(9..12) == Some(&[3, 3, 3]) => Some(ClientName::new("I2PSnark", "")),
        12..=15 => Some(ClientName::new("Mainline", "")),
        _ => None,
    }
}
