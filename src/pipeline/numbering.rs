//! One numbering of paths for several decoders, each of which counts its own.

use crate::base::KeyedState;
use crate::frame::Path;
use std::collections::HashMap;

/// The paths of all readers, and what each reader's numbers are here.
#[derive(Debug)]
pub struct Numbering {
    paths: Vec<Path>,
    index: HashMap<Path, u16, KeyedState>,
    /// By reader, then by its number.
    known: Vec<Vec<u16>>,
}

impl Numbering {
    pub fn new(readers: usize) -> Self {
        Self { paths: Vec::new(), index: HashMap::default(), known: vec![Vec::new(); readers] }
    }

    /// All paths.
    pub fn paths(&self) -> &[Path] {
        &self.paths
    }

    /// Takes over what a reader's list has grown by.
    pub fn learn(&mut self, reader: usize, list: &[Path]) {
        let Some(known) = self.known.get_mut(reader) else { return };
        for path in list.get(known.len()..).unwrap_or_default() {
            let next = u16::try_from(self.paths.len()).unwrap_or(u16::MAX);
            let number = *self.index.entry(path.clone()).or_insert(next);
            if number == next && next < u16::MAX {
                self.paths.push(path.clone());
            }
            known.push(number);
        }
    }

    /// What the reader's number is here.
    pub fn of(&self, reader: usize, number: u16) -> u16 {
        let known = self.known.get(reader).and_then(|known| known.get(usize::from(number)));
        known.copied().unwrap_or(u16::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_number_whoever_saw_it() {
        let path = |vlan| Path { vlans: vec![vlan], ..Path::default() };
        let mut numbering = Numbering::new(2);
        numbering.learn(0, &[path(1), path(2)]);
        numbering.learn(1, &[path(3), path(1)]);
        numbering.learn(0, &[path(1), path(2), path(3)]);
        assert_eq!(numbering.paths(), [path(1), path(2), path(3)]);
        assert_eq!([0, 1, 2].map(|number| numbering.of(0, number)), [0, 1, 2]);
        assert_eq!([0, 1].map(|number| numbering.of(1, number)), [2, 0]);
        assert_eq!([numbering.of(1, 9), numbering.of(7, 0)], [u16::MAX; 2], "what was never told is nowhere");
    }
}
