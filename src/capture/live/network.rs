//! What sysfs says of the interfaces: which exist, and whether they carry packets.

use std::fs;
use std::path::PathBuf;

/// The folder with a folder per interface, `/sys/class/net`.
#[derive(Clone, Debug)]
pub(super) struct Network {
    folder: PathBuf,
}

impl Default for Network {
    fn default() -> Self {
        Self { folder: PathBuf::from("/sys/class/net") }
    }
}

/// An interface as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sighting {
    /// The kernel's number for it: it keeps it when renamed and gets another when made anew.
    pub(super) index: u32,
    /// Whether it is up and has a carrier.
    pub(super) running: bool,
    /// How often its carrier came or went so far: tells of what happened between two looks.
    pub(super) carrier_changes: u64,
}

impl Network {
    #[cfg(test)]
    pub(super) fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The interfaces there are, in the order of their names; `None` where sysfs is not to be had.
    pub(super) fn names(&self) -> Option<Vec<String>> {
        let entries = fs::read_dir(&self.folder).ok()?;
        let mut names: Vec<String> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            // `bonding_masters` is a file among the folders.
            .filter(|name| self.folder.join(name).join("ifindex").exists())
            .collect();
        names.sort();
        (!names.is_empty()).then_some(names)
    }

    /// The interface of that name.
    pub(super) fn look(&self, name: &str) -> Option<Sighting> {
        let index = self.read(name, "ifindex")?.parse().ok()?;
        // An interface without a notion of a carrier (loopback, a tunnel) says `unknown` while it is up, `down` otherwise.
        let running = self.read(name, "operstate").is_none_or(|state| state == "up" || state == "unknown");
        let carrier_changes = self.read(name, "carrier_changes").and_then(|n| n.parse().ok()).unwrap_or(0);
        Some(Sighting { index, running, carrier_changes })
    }

    /// The name that the interface of that number has now.
    pub(super) fn name_of(&self, index: u32) -> Option<String> {
        let index = index.to_string();
        self.names()?.into_iter().find(|name| self.read(name, "ifindex").is_some_and(|found| found == index))
    }

    /// A line of a file of an interface.
    fn read(&self, name: &str, file: &str) -> Option<String> {
        // The name is the user's: it must not lead elsewhere.
        if name.is_empty() || name.contains('/') || name.starts_with('.') {
            return None;
        }
        fs::read_to_string(self.folder.join(name).join(file)).ok().map(|text| text.trim().to_owned())
    }
}
