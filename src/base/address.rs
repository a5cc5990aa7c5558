//! Addresses and endpoints in one fixed size, so that a flow key needs no enum.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An IPv4 or IPv6 address; IPv4 is kept in its IPv4-mapped form (RFC 4291 section 2.5.5.2).
///
/// Displays as IPv4 dotted quad or IPv6 by RFC 5952.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Address(pub [u8; 16]);

/// Two words; derived, it would hash the length first, and go over the bytes.
impl std::hash::Hash for Address {
    #[inline]
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        let wide = u128::from_le_bytes(self.0);
        state.write_u64(wide as u64);
        state.write_u64((wide >> 64) as u64);
    }
}

impl Address {
    /// From the four bytes of an IPv4 header field.
    #[must_use]
    pub const fn v4(b: [u8; 4]) -> Self {
        Self([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, b[0], b[1], b[2], b[3]])
    }

    /// From the sixteen bytes of an IPv6 header field.
    #[must_use]
    pub const fn v6(b: [u8; 16]) -> Self {
        Self(b)
    }

    /// The four bytes of an IPv4 address, or `None` for IPv6.
    #[must_use]
    #[inline]
    pub const fn as_v4(&self) -> Option<[u8; 4]> {
        let wide = u128::from_be_bytes(self.0);
        if wide >> 32 == 0xffff { Some((wide as u32).to_be_bytes()) } else { None }
    }

    /// Whether this is an IPv4 address.
    #[must_use]
    pub const fn is_v4(&self) -> bool {
        self.as_v4().is_some()
    }

    /// The standard library's form.
    #[must_use]
    pub fn to_ip(self) -> IpAddr {
        match self.as_v4() {
            Some(b) => IpAddr::V4(Ipv4Addr::from(b)),
            None => IpAddr::V6(Ipv6Addr::from(self.0)),
        }
    }

    /// Whether this address is not routed on the Internet, so that packets from there arrive only through a router that
    /// translates: private use (RFC 1918), shared (RFC 6598), link-local, loopback, unique local (RFC 4193).
    #[must_use]
    pub fn is_private(&self) -> bool {
        match self.to_ip() {
            IpAddr::V4(v4) => {
                let shared = matches!(v4.octets(), [100, 64..=127, ..]);
                v4.is_private() || v4.is_link_local() || v4.is_loopback() || shared
            }
            IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_loopback(),
        }
    }

    /// Whether a packet to this address goes to a group: IPv4 or IPv6 multicast, or the limited broadcast.
    #[must_use]
    pub fn is_group(&self) -> bool {
        match self.as_v4() {
            Some(b) => (224..=239).contains(&b[0]) || b == [255; 4],
            None => self.0[0] == 0xff,
        }
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(a) => Self::v4(a.octets()),
            IpAddr::V6(a) => Self::v6(a.octets()),
        }
    }
}

impl std::str::FromStr for Address {
    type Err = std::net::AddrParseError;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        s.parse::<IpAddr>().map(Self::from)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_ip().fmt(f)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An address and a TCP or UDP port. Displays as `192.0.2.1:6881` or `[2001:db8::1]:6881`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Endpoint {
    /// The host.
    pub address: Address,
    /// The port, in host byte order.
    pub port: u16,
}

impl Endpoint {
    /// An endpoint of an address and a port.
    #[must_use]
    pub const fn new(address: Address, port: u16) -> Self {
        Self { address, port }
    }

    /// From compact peer info, 6 bytes: IPv4 address and port (BEP 23).
    #[must_use]
    pub const fn from_compact4(b: [u8; 6]) -> Self {
        Self::new(Address::v4([b[0], b[1], b[2], b[3]]), u16::from_be_bytes([b[4], b[5]]))
    }

    /// From compact peer info, 18 bytes: IPv6 address and port (BEP 7, BEP 32).
    #[must_use]
    pub fn from_compact6(b: [u8; 18]) -> Self {
        let mut a = [0; 16];
        a.copy_from_slice(b.first_chunk::<16>().unwrap_or(&[0; 16]));
        Self::new(Address::v6(a), u16::from_be_bytes([b[16], b[17]]))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address.to_ip() {
            IpAddr::V4(a) => write!(f, "{a}:{}", self.port),
            IpAddr::V6(a) => write!(f, "[{a}]:{}", self.port),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Endpoint {
    type Err = std::net::AddrParseError;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        s.parse::<std::net::SocketAddr>().map(|a| Self::new(a.ip().into(), a.port()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_print_as_people_write_them() {
        assert_eq!(Address::v4([192, 0, 2, 1]).to_string(), "192.0.2.1");
        let e: Endpoint = "[2001:db8:0:0:0:0:0:1]:6881".parse().unwrap();
        assert_eq!(e.to_string(), "[2001:db8::1]:6881");
        assert_eq!(Endpoint::from_compact4([192, 0, 2, 1, 0x1a, 0xe1]).to_string(), "192.0.2.1:6881");
    }

    #[test]
    fn groups_are_told_from_hosts() {
        for (text, group) in
            [("239.192.152.143", true), ("ff15::efc0:988f", true), ("10.0.0.1", false), ("fe80::1", false)]
        {
            assert_eq!(text.parse::<Address>().unwrap().is_group(), group, "{text}");
        }
    }
}
