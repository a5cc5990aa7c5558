//! Client identification: what programs call themselves in peer ids (BEP 20), `v` fields, user agents, UPnP texts.
//!
//! Everything here is a claim, and hostile: names are escaped and bounded before anyone sees them. To add a client, add
//! a line to the table of two-letter codes (`codes.rs`), of other peer id prefixes (`prefixes.rs`) or of product names
//! (`products.rs`).

use crate::base::printable;
use std::borrow::Cow;
use std::fmt;

mod codes;
mod prefixes;
mod products;

/// Longest family and version shown, in characters; with the space between them 64.
const FAMILY_MAX: usize = 39;
const VERSION_MAX: usize = 24;

/// A client program and its version. Displays as `qBittorrent 4.5.2`: at most 64 characters, nothing that a terminal
/// obeys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientName {
    /// The program, as it is spelt in the tables; an escaped wire string for a program that is not in them.
    pub family: Cow<'static, str>,
    /// Empty where not told.
    pub version: String,
}

impl ClientName {
    fn new(family: &'static str, version: &str) -> Self {
        Self { family: Cow::Borrowed(family), version: clean(version.as_bytes(), VERSION_MAX) }
    }

    fn unlisted(family: &[u8], version: &[u8]) -> Option<Self> {
        let family = clean(family, FAMILY_MAX);
        let version = clean(version, VERSION_MAX);
        (!family.is_empty()).then_some(Self { family: Cow::Owned(family), version })
    }

    /// Whether the program is in the tables.
    #[must_use]
    pub const fn is_listed(&self) -> bool {
        matches!(self.family, Cow::Borrowed(_))
    }

    /// The protocol library or shared code base that the program runs on, or the program's own name where it shares none;
    /// `None` for a program that is not in the tables. Two names with one engine can be one running program.
    #[must_use]
    pub fn engine(&self) -> Option<&'static str> {
        match self.family {
            Cow::Borrowed(family) => Some(engine(family).unwrap_or(family)),
            Cow::Owned(_) => None,
        }
    }
}

impl fmt::Display for ClientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.family)?;
        if self.version.is_empty() { Ok(()) } else { write!(f, " {}", self.version) }
    }
}

/// Control characters dropped, the rest escaped, and cut to `max` characters.
fn clean(bytes: &[u8], max: usize) -> String {
    let kept: Vec<u8> = bytes.iter().copied().filter(|b| !b.is_ascii_control()).take(max * 4).collect();
    printable(kept.trim_ascii(), max * 4).chars().take(max).collect::<String>().trim_end().to_owned()
}

/// From a peer id (BEP 20). `None` for a random-looking one, and for one that is all zeros.
#[must_use]
pub fn from_peer_id(id: &[u8; 20]) -> Option<ClientName> {
    prefixes::fixed(id)
        .or_else(|| codes::azureus(id))
        .or_else(|| prefixes::mainline(id))
        .or_else(|| prefixes::shadow(id))
        .or_else(|| prefixes::computed(id))
}

/// From the `v` of KRPC messages (BEP 5): two letters and, by custom, two bytes of version.
#[must_use]
pub fn from_krpc_version(v: &[u8]) -> Option<ClientName> {
    let (code, version) = v.split_first_chunk::<2>()?;
    let number = version.first_chunk::<2>().map(|&b| u16::from_be_bytes(b));
    let raw = number.map_or_else(String::new, |n| format!("0x{n:04x}"));
    let (family, version) = match code {
        b"LT" => {
            // Major, then minor and tiny in one byte.
            let text =
                number.map_or_else(String::new, |n| format!("{}.{}.{}", n >> 8, n >> 4 & 0x0f, n & 0x0f));
            ("libtorrent", text)
        }
        b"UT" => ("uTorrent", number.map_or_else(String::new, |n| format!("build {n}"))),
        b"TR" => ("Transmission", raw),
        b"lt" => ("rTorrent (libTorrent)", raw),
        b"ml" => ("mldht", raw),
        b"MP" => ("MooPolice", raw),
        b"GR" => ("GetRight", raw),
        b"KT" => ("KTorrent", raw),
        b"BC" => ("BitComet", raw),
        b"AZ" => ("Vuze/Azureus", raw),
        _ => return None,
    };
    Some(ClientName::new(family, &version))
}

/// From an HTTP `User-Agent`: only programs of the table, for browsers and libraries fetch things too.
#[must_use]
pub fn from_user_agent(text: &[u8]) -> Option<ClientName> {
    products::listed(text)
}

/// From `v` of the extended handshake (BEP 10): whatever it says.
#[must_use]
pub fn from_extended(text: &[u8]) -> Option<ClientName> {
    products::listed(text).or_else(|| products::free(text))
}

/// From the description of a UPnP port mapping: only programs of the table, for games map ports too.
#[must_use]
pub fn from_upnp_description(text: &[u8]) -> Option<ClientName> {
    products::listed(text)
}

/// Whether two names can belong to one running program. Names of one engine agree (`LT` in KRPC under a qBittorrent
/// peer id), and a name that no table lists contradicts nothing.
#[must_use]
pub fn same_family(a: &ClientName, b: &ClientName) -> bool {
    a.engine().zip(b.engine()).is_none_or(|(a, b)| a == b)
}

/// The protocol library or shared code base behind a program, where several programs share one.
fn engine(family: &str) -> Option<&'static str> {
    Some(match family {
        "libtorrent"
        | "qBittorrent"
        | "Deluge"
        | "FrostWire"
        | "Halite"
        | "LibreTorrent"
        | "Tribler"
        | "Miro"
        | "Popcorn Time"
        | "Free Download Manager"
        | "MediaGet"
        | "Folx"
        | "BitMagnet"
        | "LeechCraft"
        | "Hekate"
        | "MooPolice" => "libtorrent",
        "uTorrent"
        | "uTorrent Mac"
        | "uTorrent Embedded"
        | "uTorrent Web"
        | "BitTorrent"
        | "BitTorrent Web/BitWombat"
        | "BitTorrent DNA" => "uTorrent",
        "Vuze/Azureus" | "BiglyBT" | "BitTyrant" | "OneSwarm" | "mldht" => "Azureus",
        "WebTorrent" | "WebTorrent Desktop" => "WebTorrent",
        "BitComet" | "BitLord" | "BitBlinder/BitLord" => "BitComet",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn named(id: &[u8; 20]) -> String {
        from_peer_id(id).map_or_else(String::new, |c| c.to_string())
    }

    #[test]
    fn peer_ids_are_read_by_the_custom_of_each_client() {
        for (id, want) in [
            (b"-qB4520-abcdefghijkl", "qBittorrent 4.5.2"),
            (b"-lt0D80-abcdefghijkl", "rTorrent (libTorrent) 0.13.8"),
            (b"-TR2940-abcdefghijkl", "Transmission 2.94"),
            (b"-TR0006-abcdefghijkl", "Transmission 0.6"),
            (b"-TR410B-abcdefghijkl", "Transmission 4.1.0 (Beta)"),
            (b"-UT221B-abcdefghijkl", "uTorrent 2.2.1 (Beta)"),
            (b"-UT2210ab\0\x01defghijkl", "uTorrent 2.2.10"),
            (b"-KT33R2-abcdefghijkl", "KTorrent 3.3 RC 2"),
            (b"-BW2345-abcdefghijkl", "BitTorrent Web/BitWombat 2.3.4"),
            (b"-zz1234-abcdefghijkl", "code zz 1.2.3.4"),
            (b"-#@1234-abcdefghijkl", ""),
            (b"-BB1234-abcdefghijkl", "BitBuddy 1.234"),
            (b"-BR1234-abcdefghijkl", "BitRocket 1.2 (34)"),
            (b"-CT1234-abcdefghijkl", "CTorrent 1.2.34"),
            (b"XBT054d-abcdefghijkl", "XBT Client 0.5.4 (debug)"),
            (b"S58B-----abcdefghijk", "Shadow 5.8.11"),
            (b"\0\0\0\0\0\0\0\0\0\0\0\0abcdefgh", "Mainline"),
        ] {
            assert_eq!(named(id), want, "{}", id.escape_ascii());
        }
    }

    #[test]
    fn user_agents_and_descriptions_name_programs_of_the_table_only() {
        for (text, want) in [
            ("qBittorrent/5.1.1", "qBittorrent 5.1.1"),
            ("qBittorrent v4.2.5", "qBittorrent 4.2.5"),
            ("Deluge/2.1.1 libtorrent/2.0.9.0", "Deluge 2.1.1"),
            ("rtorrent/0.9.8/0.13.8", "rTorrent (libTorrent) 0.13.8"),
            ("Azureus 5.7.6.0;Windows 10;Java 1.8", "Vuze/Azureus 5.7.6.0"),
            ("uTorrent/3550(46304)", "uTorrent 3.5.5"),
            ("BTWebClient/355S(46304)", "uTorrent 3.5.5"),
            ("Transmission at 51413", "Transmission"),
            ("Transmission at port 51413", "Transmission"),
            ("rust UPnP", "rqbit"),
            ("uTorrent (TCP)", "uTorrent"),
            ("BitComet(192.0.2.1:7000) 7000 TCP", "BitComet"),
            ("Azureus UPnP 6881 TCP", "Vuze/Azureus"),
            ("\u{b5}Torrent 3.5.5", "uTorrent 3.5.5"),
            ("curl/7.81.0", ""),
            ("Mozilla/5.0", ""),
            ("Transmissionary/1", ""),
        ] {
            let got = from_user_agent(text.as_bytes()).map_or_else(String::new, |c| c.to_string());
            assert_eq!(got, want, "{text}");
        }
        assert_eq!(from_user_agent(b"\xb5Torrent 1.8").unwrap().to_string(), "uTorrent 1.8");
    }

    #[test]
    fn the_extended_handshake_may_say_anything_safely() {
        for (text, want) in [
            ("My Client/1.2", "My Client 1.2"),
            ("a\u{1b}[2J\u{202e}b", "a[2J\\u{202e}b"),
            ("", ""),
            ("\n", ""),
            ("NoVersion", "NoVersion"),
        ] {
            let got = from_extended(text.as_bytes()).map_or_else(String::new, |c| c.to_string());
            assert_eq!(got, want, "{text:?}");
        }
    }

    #[test]
    fn one_engine_under_two_names_is_no_conflict() {
        let qb = from_peer_id(b"-qB4520-abcdefghijkl").unwrap();
        let lt = from_krpc_version(b"LT\x01\x2f").unwrap();
        let ut = from_krpc_version(b"UT\xb4\x15").unwrap();
        let odd = from_extended(b"odd 1").unwrap();
        assert_eq!(
            (lt.to_string(), ut.to_string()),
            ("libtorrent 1.2.15".into(), "uTorrent build 46101".into())
        );
        assert!(same_family(&qb, &lt));
        assert!(!same_family(&qb, &ut));
        assert!(same_family(&odd, &ut));
    }

    proptest! {
        #[test]
        fn names_are_short_and_harmless(id: [u8; 20], prefix in proptest::sample::select(
            vec!["-UT", "-TR", "-ML", "M", "exbc", "XBT", "-"]),
            text: Vec<u8>)
        {
            let mut begun = id;
            begun[..prefix.len()].copy_from_slice(prefix.as_bytes());
            let all = [from_peer_id(&id), from_peer_id(&begun), from_krpc_version(&text),
                from_user_agent(&text), from_extended(&text), from_upnp_description(&text)];
            for name in all.into_iter().flatten() {
                let shown = name.to_string();
                prop_assert!(shown.chars().count() <= 64 && !shown.chars().any(char::is_control), "{}", shown);
            }
        }
    }
}
