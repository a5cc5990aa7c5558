//! Azureus-style peer ids (BEP 20): `-`, two letters, four version symbols, `-`.

use super::ClientName;

/// How the four version symbols are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// Four numbers, 0 to 9 then A = 10.
    Four,
    /// Three numbers and a tag.
    Three,
    /// µTorrent: three hexadecimal digits and a letter for the stage.
    MuTorrent,
    /// Transmission: three schemes in its life.
    Transmission,
    /// The first digit has no meaning: `0210` = 2.10.
    SkipFirst,
    /// Two digits and two digits: `0335` = 3.35.
    TwoTwo,
    /// The same without zeros in front: `0107` = 1.7.
    TwoTwoShort,
    /// a.b.cd
    CTorrent,
    /// a.bcd
    BitBuddy,
    /// a.b (cd)
    BitRocket,
    /// D and R at the third place mark development versions and release candidates.
    KTorrent,
    /// No version there.
    Absent,
}

use Reading::{
    Absent, BitBuddy, BitRocket, CTorrent, Four, KTorrent, MuTorrent, SkipFirst, Three, Transmission, TwoTwo,
    TwoTwoShort,
};

/// Codes that two programs use are joined with `/`: the code is certain, the program is not.
const CODES: &[(&[u8; 2], &str, Reading)] = &[
    (b"7T", "aTorrent", Four),
    (b"A~", "Ares", Four),
    (b"AB", "AnyEvent BitTorrent", Four),
    (b"AD", "Advanced Download Manager", Four),
    (b"AG", "Ares", Four),
    (b"AN", "Ares", Four),
    (b"AR", "Arctic/Ares", Four),
    (b"AT", "Artemis", Four),
    (b"AV", "Avicora", Four),
    (b"AX", "BitPump", TwoTwo),
    (b"AZ", "Vuze/Azureus", Four),
    (b"BB", "BitBuddy", BitBuddy),
    (b"BC", "BitComet", SkipFirst),
    (b"BE", "baretorrent/BitTorrent SDK", Four),
    (b"BF", "Bitflu", Four),
    (b"BG", "BTG/BTGetit", Four),
    (b"BH", "BitZilla", Four),
    (b"BI", "BiglyBT", Four),
    (b"BL", "BitBlinder/BitLord", Four),
    (b"BM", "BitMagnet", Four),
    (b"BN", "Baidu Netdisk", Four),
    (b"BP", "BitTorrent Pro", Four),
    (b"BR", "BitRocket", BitRocket),
    (b"BS", "BTSlave", Four),
    (b"BT", "BitTorrent", MuTorrent),
    (b"BU", "BigUp", Four),
    (b"BW", "BitTorrent Web/BitWombat", MuTorrent),
    (b"BX", "BittorrentX", Four),
    (b"bk", "BitKitten", Four),
    (b"CB", "Shareaza Plus", Four),
    (b"CD", "Enhanced CTorrent", TwoTwo),
    (b"CT", "CTorrent", CTorrent),
    (b"DE", "Deluge", Three),
    (b"DP", "Propagate Data Client", Four),
    (b"EB", "EBit", Four),
    (b"ES", "electric sheep", Four),
    (b"FC", "FileCroc", Four),
    (b"FD", "Free Download Manager", Four),
    (b"FG", "FlashGet", SkipFirst),
    (b"FL", "Folx", Four),
    (b"FT", "FoxTorrent/RedSwoosh", Four),
    (b"FW", "FrostWire", Three),
    (b"FX", "Freebox", Four),
    (b"G3", "G3 Torrent", Absent),
    (b"GR", "GetRight", Four),
    (b"GS", "GSTorrent", Four),
    (b"HK", "Hekate", Four),
    (b"HL", "Halite", Three),
    (b"HN", "Hydranode", Four),
    (b"IL", "iLivid", Four),
    (b"KC", "Koinonein", Four),
    (b"KG", "KGet", Four),
    (b"KT", "KTorrent", KTorrent),
    (b"LC", "LeechCraft", Four),
    (b"LH", "LH-ABC", Four),
    (b"LK", "linkage", Four),
    (b"LP", "lphant", TwoTwo),
    (b"LR", "LibreTorrent", Four),
    (b"Lr", "LibreTorrent", Four),
    (b"LT", "libtorrent", Three),
    (b"LW", "LimeWire", Four),
    (b"lt", "rTorrent (libTorrent)", Three),
    (b"MG", "MediaGet", Four),
    (b"MK", "Meerkat", Four),
    (b"MO", "MonoTorrent", Four),
    (b"MP", "MooPolice", Four),
    (b"MR", "Miro", Four),
    (b"MT", "MoonlightTorrent", Four),
    (b"NE", "BT Next Evolution", Four),
    (b"NX", "Net Transport", Four),
    (b"OS", "OneSwarm", Four),
    (b"OT", "OmegaTorrent", Four),
    (b"PC", "CacheLogic", Four),
    (b"PD", "Pando", Four),
    (b"PE", "PeerProject", Four),
    (b"PI", "PicoTorrent", Four),
    (b"PT", "Popcorn Time", Four),
    (b"pX", "pHoeniX", Four),
    (b"pb", "pbTorrent", Four),
    (b"QD", "QQDownload", Four),
    (b"QT", "Qt example", Four),
    (b"Qt", "Qt example", Four),
    (b"qB", "qBittorrent", Three),
    (b"RM", "RUM Torrent", Four),
    (b"RS", "Rufus", Four),
    (b"RT", "Retriever", Four),
    (b"RZ", "RezTorrent", Four),
    (b"rQ", "rqbit", Four),
    (b"S~", "Shareaza", Four),
    (b"SB", "Swiftbit", Four),
    (b"SD", "Xunlei", Four),
    (b"SG", "GSTorrent", Four),
    (b"SK", "spark", Four),
    (b"SM", "SoMud", Four),
    (b"SN", "ShareNet", Four),
    (b"SP", "BitSpirit", Three),
    (b"SS", "SwarmScope", Four),
    (b"ST", "SymTorrent", Four),
    (b"SZ", "Shareaza", Four),
    (b"st", "sharktorrent", Four),
    (b"TB", "Torch", Four),
    (b"TG", "Torrent GO", Four),
    (b"TL", "Tribler", Four),
    (b"TN", "Torrent.NET", Four),
    (b"TR", "Transmission", Transmission),
    (b"TS", "TorrentStorm", Four),
    (b"TT", "TuoTu", Four),
    (b"UE", "uTorrent Embedded", MuTorrent),
    (b"UL", "uLeecher!", Four),
    (b"UM", "uTorrent Mac", MuTorrent),
    (b"UT", "uTorrent", MuTorrent),
    (b"UW", "uTorrent Web", MuTorrent),
    (b"VG", "Vagaa", Four),
    (b"WD", "WebTorrent Desktop", TwoTwoShort),
    (b"WS", "HTTP seed", Four),
    (b"WT", "BitLet", Four),
    (b"WW", "WebTorrent", TwoTwoShort),
    (b"WY", "FireTorrent", Four),
    (b"XC", "Xtorrent", Four),
    (b"XF", "Xfplay", Four),
    (b"XL", "Xunlei", Four),
    (b"XS", "XSwifter", Four),
    (b"XT", "XanTorrent", Four),
    (b"XX", "Xtorrent", Four),
    (b"ZO", "Zona", Four),
    (b"ZT", "ZipTorrent", Four),
];

/// Codes whose builds leave the closing dash out, besides those of the µTorrent family.
const NO_CLOSING_DASH: [&[u8; 2]; 5] = [b"FG", b"LH", b"NE", b"KT", b"SP"];

pub(super) fn azureus(id: &[u8; 20]) -> Option<ClientName> {
    let [b'-', a, b, v1, v2, v3, v4, closing, ..] = *id else { return None };
    let (code, symbols, dash) = ([a, b], [v1, v2, v3, v4], closing == b'-');
    let Some(&(_, family, reading)) = CODES.iter().find(|(c, ..)| **c == code) else {
        return unlisted(code, symbols, dash);
    };
    if reading == Absent {
        return Some(ClientName::new(family, ""));
    }
    let closed = dash || reading == MuTorrent || NO_CLOSING_DASH.contains(&&code);
    if !closed || !symbols.iter().all(|&s| is_symbol(s)) {
        return None;
    }
    let tail = (!dash).then_some(closing);
    Some(ClientName::new(family, &read(reading, symbols, tail)))
}

/// A code that nobody has published still says that a BitTorrent client made the id.
fn unlisted(code: [u8; 2], symbols: [u8; 4], dash: bool) -> Option<ClientName> {
    let plain = code.iter().chain(&symbols).all(u8::is_ascii_alphanumeric);
    if !dash || !plain {
        return None;
    }
    let family = [b"code ".as_slice(), &code].concat();
    ClientName::unlisted(&family, read(Four, symbols, None).as_bytes())
}

const fn is_symbol(s: u8) -> bool {
    s.is_ascii_alphanumeric() || s == b'.' || s == b'-'
}

/// 0 to 9, then A = 10; lower-case letters and marks stand for themselves.
fn symbol(s: u8) -> String {
    match s {
        b'A'..=b'Z' => (s - b'A' + 10).to_string(),
        _ => (s as char).to_string(),
    }
}

fn stage(s: u8) -> &'static str {
    match s {
        b'B' | b'b' => " (Beta)",
        b'D' | b'd' => " (debug)",
        b'X' | b'Z' => " (Dev)",
        _ => "",
    }
}

/// `tail` is the byte at the closing dash's place when there is no dash.
fn read(reading: Reading, [a, b, c, d]: [u8; 4], tail: Option<u8>) -> String {
    let [w, x, y, z] = [a, b, c, d].map(symbol);
    let pair = |high: u8, low: u8| {
        let digits = high.is_ascii_digit() && low.is_ascii_digit();
        digits.then(|| u16::from(high & 0x0f) * 10 + u16::from(low & 0x0f))
    };
    match reading {
        Four => format!("{w}.{x}.{y}.{z}"),
        Three => format!("{w}.{x}.{y}"),
        MuTorrent => {
            // Newer builds put binary build data after two digits of the third number.
            let tiny = tail.and_then(|_| pair(c, d)).map_or(y, |n| n.to_string());
            let stage = if tail.is_none() { stage(d) } else { "" };
            format!("{w}.{x}.{tiny}{stage}")
        }
        Transmission => {
            let stage = if d.is_ascii_digit() { "" } else { stage(d) };
            match [a, b, c] {
                [b'0', b'0', b'0'] => format!("0.{z}"),
                [b'0', b'0', _] => format!("0.{y}{z}"),
                [b'0'..=b'3', ..] => format!("{w}.{x}{y}{stage}"),
                _ => format!("{w}.{x}.{y}{stage}"),
            }
        }
        SkipFirst => format!("{x}.{y}{z}"),
        TwoTwo | TwoTwoShort => match (pair(a, b), pair(c, d)) {
            (Some(major), Some(minor)) if reading == TwoTwo => format!("{major}.{minor:02}"),
            (Some(major), Some(minor)) => format!("{major}.{minor}"),
            _ => format!("{w}{x}.{y}{z}"),
        },
        CTorrent => format!("{w}.{x}.{y}{z}"),
        BitBuddy => format!("{w}.{x}{y}{z}"),
        BitRocket => format!("{w}.{x} ({y}{z})"),
        KTorrent => match c {
            b'D' => format!("{w}.{x} Dev {z}"),
            b'R' => format!("{w}.{x} RC {z}"),
            _ => format!("{w}.{x}.{y}"),
        },
        Absent => String::new(),
    }
}
