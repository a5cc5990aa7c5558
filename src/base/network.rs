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
    is_default: bool,
}

/// RFC 1918, unique local (RFC 4193) and link-local (RFC 3927, RFC 4291) addresses.
const DEFAULT: [&str; 6] =
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"];

impl Default for HomeNets {
    fn default() -> Self {
        Self { networks: DEFAULT.iter().filter_map(|n| n.parse().ok()).collect(), is_default: true }
    }
}

impl HomeNets {
    /// The configured networks, or the default set when none is given.
    #[must_use]
    pub fn new(networks: Vec<Network>) -> Self {
        if networks.is_empty() { Self::default() } else { Self { networks, is_default: false } }
    }

    /// Whether the address belongs to a home host. Group addresses never do.
    #[must_use]
    pub fn contains(&self, address: &Address) -> bool {
        self.networks.iter().any(|n| n.contains(address))
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
    fn the_default_is_private_space() {
        let home = HomeNets::default();
        for (host, inside) in
            [("192.168.3.4", true), ("fd00::1", true), ("8.8.8.8", false), ("2001:db8::1", false)]
        {
            assert_eq!(home.contains(&host.parse().unwrap()), inside, "{host}");
        }
    }
}
