//! Ids of the BitTorrent family: of twenty bytes, and the one of thirty-two.

use std::fmt;

/// Lower-case hexadecimal of any bytes.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    })
}

macro_rules! twenty_bytes {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub [u8; 20]);

        impl $name {
            /// From exactly twenty bytes; `None` for any other length.
            #[must_use]
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = ();
            fn from_str(s: &str) -> Result<Self, ()> {
                if s.len() != 40 || !s.is_ascii() {
                    return Err(());
                }
                let mut out = [0; 20];
                for (byte, pair) in out.iter_mut().zip(s.as_bytes().chunks(2)) {
                    let pair = std::str::from_utf8(pair).map_err(|_| ())?;
                    *byte = u8::from_str_radix(pair, 16).map_err(|_| ())?;
                }
                Ok(Self(out))
            }
        }
    };
}

twenty_bytes! {
    /// An info-hash as it travels on the wire: SHA-1 of the info dictionary (BEP 3) or the first 20 bytes of its SHA-256
    /// (BEP 52). The two cannot be told apart by looking.
    InfoHash
}
twenty_bytes! {
    /// A peer id (BEP 3, BEP 20): what a client calls itself in handshakes and announces. A claim, not a proof.
    PeerId
}
twenty_bytes! {
    /// A DHT node id (BEP 5, BEP 42).
    NodeId
}

/// The whole SHA-256 info-hash of a v2 or hybrid torrent (BEP 52): magnet links and info dictionaries have it, messages
/// carry its first 20 bytes only.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InfoHashV2(pub [u8; 32]);

impl InfoHashV2 {
    /// The form that travels in handshakes, DHT and announces.
    #[must_use]
    pub fn truncated(&self) -> InfoHash {
        InfoHash(self.0.first_chunk().copied().unwrap_or_default())
    }
}

impl fmt::Display for InfoHashV2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for InfoHashV2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_print_and_parse_as_forty_hex_digits() {
        let text = "0c618d5e892178f1c73403c2460cf596f32a413f";
        assert_eq!(text.parse::<InfoHash>().unwrap().to_string(), text);
        assert!("0c61".parse::<InfoHash>().is_err());
        assert!("zz618d5e892178f1c73403c2460cf596f32a413f".parse::<InfoHash>().is_err());
    }
}
