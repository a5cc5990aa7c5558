//! Values that are written as text: networks and addresses to listen on.

use std::fmt::Display;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// A TCP address to listen on: `127.0.0.1:9847`, `[::1]:9847`, `localhost:9847`, or `:9847` for all addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenAddress(pub SocketAddr);

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let port = |prefix: &str| text.strip_prefix(prefix).and_then(|port| port.parse::<u16>().ok());
        if let Some(port) = port(":") {
            return Ok(Self(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))));
        }
        if let Some(port) = port("localhost:") {
            return Ok(Self(SocketAddr::from((Ipv4Addr::LOCALHOST, port))));
        }
        text.parse().map(Self).map_err(|_| {
            format!(
                "'{text}' is not an address to listen on; expected e.g. 127.0.0.1:9847, [::1]:9847 or :9847"
            )
        })
    }
}

impl Display for ListenAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Lists of values that are read with `FromStr` and written with `Display`.
pub(super) mod list {
    use super::{Display, FromStr};
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::config) fn serialize<T: Display, S: Serializer>(
        values: &[T],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(ToString::to_string))
    }

    pub(in crate::config) fn deserialize<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        let values = Vec::<Text<T>>::deserialize(deserializer)?;
        Ok(values.into_iter().map(|Text(value)| value).collect())
    }

    /// One value: a mistake is told with its own place, not with that of the list.
    struct Text<T>(T);

    impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Text<T> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            String::deserialize(deserializer)?.parse().map(Self).map_err(D::Error::custom)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_prometheus_writes_them() {
        for (text, read) in [
            ("127.0.0.1:9847", "127.0.0.1:9847"),
            ("[::1]:80", "[::1]:80"),
            (":9847", "[::]:9847"),
            ("localhost:1", "127.0.0.1:1"),
        ] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), read);
        }
        for bad in ["", ":", "9847", "localhost", "host:1", ":65536", "::1:80", "http://127.0.0.1:1"] {
            assert!(bad.parse::<ListenAddress>().unwrap_err().contains("[::1]:9847"), "{bad}");
        }
    }
}
