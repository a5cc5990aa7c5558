//! Networks in CIDR notation, and the set of networks that are "home".

use super::Address;
use std::fmt;

/// A network in CIDR notation, e.g. `10.0.0.0/8`. Host bits are cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    base: u128,
    mask: u128,
    /// Prefix length on the 128-bit form; IPv4 is offset by 96.
    prefix: u8,
}

/// Why a text is not a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkError(String);

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is not a network; expected e.g. 10.0.0.0/8 or 2001:db8::/32", self.0)
    }
}

impl std::error::Error for NetworkError {}

impl Network {
    /// Whether the address lies in this network.
    #[must_use]
    pub const fn contains(&self, address: &Address) -> bool {
        u128::from_be_bytes(address.0) & self.mask == self.base
    }

    /// Whether there are IPv4 addresses in it.
    const fn contains_v4(&self) -> bool {
        (0xffff_u128 << 32) & (self.mask & !0xffff_ffff) == self.base & !0xffff_ffff
    }

    /// The mask on the 128-bit form of [`Address`], and the network's first address under it: what a table of networks is
    /// keyed by.
    #[must_use]
    pub const fn key(&self) -> (u128, u128) {
        (self.mask, self.base)
    }
}

impl std::str::FromStr for Network {
    type Err = NetworkError;
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let error = || NetworkError(text.to_owned());
        let (host, len) = text.split_once('/').map_or((text, None), |(h, l)| (h, Some(l)));
        let address: Address = host.parse().map_err(|_| error())?;
        let offset = if address.is_v4() { 96 } else { 0 };
        let len: u8 = len.map_or(Ok(128 - offset), |l| l.parse().map_err(|_| error()))?;
        let prefix = len.checked_add(offset).filter(|&p| p <= 128).ok_or_else(error)?;
        let mask = if prefix == 0 { 0 } else { u128::MAX << (128 - prefix) };
        Ok(Self { base: u128::from_be_bytes(address.0) & mask, mask, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Address(self.base.to_be_bytes());
        write!(f, "{address}/{}", self.prefix - if address.is_v4() { 96 } else { 0 })
    }
}

/// The networks whose hosts are reported on.
#[derive(Clone, Debug)]
pub struct HomeNets {
    networks: Vec<Network>,
    /// Mask and base of the IPv4 networks, for the four bytes of an address: most addresses are of this kind, and each is
    /// looked at several times (3 % of the instructions of a flood).
    v4: Vec<(u32, u32)>,
    is_default: bool,
}

/// RFC 1918, unique local (RFC 4193) and link-local (RFC 3927, RFC 4291) addresses.
const DEFAULT: [&str; 6] =
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"];

impl Default for HomeNets {
    fn default() -> Self {
        Self { is_default: true, ..Self::of(DEFAULT.iter().filter_map(|n| n.parse().ok()).collect()) }
    }
}

impl HomeNets {
    /// The configured networks, or the default set when none is given.
    #[must_use]
    pub fn new(networks: Vec<Network>) -> Self {
        if networks.is_empty() { Self::default() } else { Self::of(networks) }
    }

    fn of(networks: Vec<Network>) -> Self {
        let v4 =
            networks.iter().filter(|n| n.contains_v4()).map(|n| (n.mask as u32, n.base as u32)).collect();
        Self { networks, v4, is_default: false }
    }

    /// Whether the address belongs to a home host. Group addresses never do.
    #[must_use]
    #[inline]
    pub fn contains(&self, address: &Address) -> bool {
        match address.as_v4() {
            Some(bytes) => self.v4.iter().any(|(mask, base)| u32::from_be_bytes(bytes) & mask == *base),
            None => self.networks.iter().any(|n| n.contains(address)),
        }
    }

    /// Whether the default set is in use, which the summary tells.
    #[must_use]
    pub const fn is_default(&self) -> bool {
        self.is_default
    }

    /// The networks in use.
    #[must_use]
    pub fn networks(&self) -> &[Network] {
        &self.networks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_hosts_and_no_others() {
        for (net, host, inside) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("192.168.1.77/24", "192.168.1.1", true),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("::/0", "1.2.3.4", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("10.1.2.3", "10.1.2.3", true),
        ] {
            let n: Network = net.parse().unwrap();
            assert_eq!(n.contains(&host.parse().unwrap()), inside, "{net} {host}");
        }
        assert_eq!("192.168.1.77/24".parse::<Network>().unwrap().to_string(), "192.168.1.0/24");
        for bad in ["10.0.0.0/33", "home", "::/129", ""] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }

    #[test]
    fn both_kinds_of_networks_hold_both_kinds_of_addresses() {
        let home = |net: &str| HomeNets::new(vec![net.parse().unwrap()]);
        for (net, host, inside) in [
            ("::/0", "1.2.3.4", true),
            ("::/0", "2001:db8::1", true),
            ("::/64", "1.2.3.4", true),
            ("::/80", "2001:db8::1", false),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("::1:0:0/96", "1.2.3.4", false),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "::a01:203", false),
            ("2001:db8::/32", "10.1.2.3", false),
        ] {
            let address: Address = host.parse().unwrap();
            assert_eq!(home(net).contains(&address), inside, "{net} {host}");
            assert_eq!(net.parse::<Network>().unwrap().contains(&address), inside, "{net} {host}");
        }
    }

    #[test]
    fn the_default_is_private_space() {
        let home = HomeNets::default();
        for (host, inside) in
            [("192.168.3.4", true), ("fd00::1", true), ("8.8.8.8", false), ("2001:db8::1", false)]
        {
            assert_eq!(home.contains(&host.parse().unwrap()), inside, "{host}");
        }
    }
}
