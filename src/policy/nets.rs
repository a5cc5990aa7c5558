//! Sets and tables of networks, looked up in as many steps as they have different prefix lengths.

use crate::base::{Address, KeyedState, Network};
use std::collections::HashMap;

/// Networks, each with a value; the longest prefix is met first.
#[derive(Clone, Debug)]
pub(super) struct NetTable<T> {
    /// One map of first addresses for each mask, the longest first.
    levels: Vec<(u128, HashMap<u128, T, KeyedState>)>,
}

impl<T> Default for NetTable<T> {
    fn default() -> Self {
        Self { levels: Vec::new() }
    }
}

impl<T: Default> NetTable<T> {
    /// The value of a network, made where there is none.
    pub(super) fn entry(&mut self, network: Network) -> &mut T {
        self.entry_of(network.key())
    }

    /// The same by the network's [key](Network::key).
    pub(super) fn entry_of(&mut self, (mask, base): (u128, u128)) -> &mut T {
        let place = self.levels.partition_point(|(m, _)| *m > mask);
        if self.levels.get(place).is_none_or(|(m, _)| *m != mask) {
            self.levels.insert(place, (mask, HashMap::default()));
        }
        // The level was just made sure of; indexing it is the borrow checker's way to a single look-up.
        #[allow(clippy::indexing_slicing, reason = "place was found or filled two lines above")]
        self.levels[place].1.entry(base).or_default()
    }
}

impl<T> NetTable<T> {
    /// The values of all networks that hold the address, the most specific first.
    pub(super) fn holding(&self, address: &Address) -> impl Iterator<Item = &T> {
        let bits = u128::from_be_bytes(address.0);
        self.levels.iter().filter_map(move |(mask, level)| level.get(&(bits & mask)))
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }
}

/// A set of networks.
pub(super) type NetSet = NetTable<()>;

impl FromIterator<Network> for NetSet {
    fn from_iter<I: IntoIterator<Item = Network>>(networks: I) -> Self {
        let mut set = Self::default();
        for network in networks {
            set.entry(network);
        }
        set
    }
}

impl NetSet {
    /// The [keys](Network::key) of the networks.
    pub(super) fn networks(&self) -> impl Iterator<Item = (u128, u128)> {
        self.levels.iter().flat_map(|(mask, level)| level.keys().map(|base| (*mask, *base)))
    }

    pub(super) fn contains(&self, address: &Address) -> bool {
        self.holding(address).next().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_network_comes_first() {
        let mut table: NetTable<u8> = NetTable::default();
        for (n, text) in [(1, "10.0.0.0/8"), (2, "10.1.0.0/16"), (3, "2001:db8::/32"), (4, "::/0")] {
            *table.entry(text.parse().unwrap()) = n;
        }
        let found = |text: &str| table.holding(&text.parse().unwrap()).copied().collect::<Vec<_>>();
        assert_eq!(found("10.1.2.3"), [2, 1, 4]);
        assert_eq!(found("10.9.2.3"), [1, 4]);
        assert_eq!(found("2001:db8::1"), [3, 4]);
        assert_eq!(found("9.9.9.9"), [4]);
    }
}
