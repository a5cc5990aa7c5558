//! What an operator allows: torrents, trackers and clients that are counted and shown, but alert nobody.
//!
//! The file has an entry a line, `#` begins a comment: an info-hash, `tracker ADDRESS` (a network or `address:port` too), or
//! `client NAME` (the beginning of a client's name). Trackers are told by address: their names are not always seen.

use super::report::{Report, TorrentReport};
use crate::base::{Endpoint, InfoHash, KeyedState, Network};
use crate::event::{Direction, FlowRecord, Kind};
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Entries of a file, at most.
const ENTRIES: usize = 1_000_000;
/// Torrents remembered because an allowed tracker was told of them.
const LEARNT: usize = 65_536;

/// Why something is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Allowance {
    /// Its info-hash is on the list.
    InfoHash,
    /// It was announced to a tracker on the list, and to no other.
    Tracker,
    /// The client is on the list.
    Client,
}

impl Allowance {
    /// The fixed word of the output.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::InfoHash => "info-hash",
            Self::Tracker => "tracker",
            Self::Client => "client",
        }
    }
}

/// The list.
#[derive(Debug, Default)]
pub struct Allowed {
    torrents: HashSet<InfoHash, KeyedState>,
    endpoints: HashSet<Endpoint, KeyedState>,
    trackers: Vec<Network>,
    /// Beginnings of names, in lower case.
    clients: Vec<String>,
    /// Torrents that allowed trackers were told of.
    learnt: Mutex<HashSet<InfoHash, KeyedState>>,
}

impl Allowed {
    /// Reads a list.
    ///
    /// # Errors
    /// A sentence with the number of the first line that is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut list = Self::default();
        for (number, line) in (1usize..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            if number > ENTRIES {
                return Err(format!("line {number}: more than {ENTRIES} lines"));
            }
            list.entry(line).map_err(|what| format!("line {number}: {what}"))?;
        }
        Ok(list)
    }

    fn entry(&mut self, line: &str) -> Result<(), String> {
        let (word, rest) = line.split_once(char::is_whitespace).map_or((line, ""), |(w, r)| (w, r.trim()));
        match word {
            "tracker" => {
                if let Ok(endpoint) = rest.parse::<Endpoint>() {
                    self.endpoints.insert(endpoint);
                } else {
                    let wrong = || format!("'{rest}' is no address, network or address:port");
                    self.trackers.push(rest.parse().map_err(|_| wrong())?);
                }
            }
            "client" if !rest.is_empty() => self.clients.push(rest.to_lowercase()),
            _ => {
                let wrong = || format!("'{line}' is no info-hash, 'tracker ADDRESS' or 'client NAME'");
                self.torrents.insert(info_hash(line).ok_or_else(wrong)?);
            }
        }
        Ok(())
    }

    /// Whether nothing is allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.torrents.is_empty()
            && self.trackers.is_empty()
            && self.endpoints.is_empty()
            && self.clients.is_empty()
    }

    /// Whether a torrent is.
    #[must_use]
    pub fn torrent(&self, hash: &InfoHash) -> Option<Allowance> {
        if self.torrents.contains(hash) {
            return Some(Allowance::InfoHash);
        }
        let learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        learnt.contains(hash).then_some(Allowance::Tracker)
    }

    /// Whether a client is.
    #[must_use]
    pub fn client(&self, name: &str) -> bool {
        let begins =
            |with: &String| name.get(..with.len()).is_some_and(|start| start.to_lowercase() == *with);
        self.clients.iter().any(begins)
    }

    /// Whether a tracker is.
    #[must_use]
    pub fn tracker(&self, at: &Endpoint) -> bool {
        self.endpoints.contains(at) || self.trackers.iter().any(|network| network.contains(&at.address))
    }

    /// Whether a flow is: all torrents named on it are, or it went to a tracker on the list, or the client at its side `home`
    /// is. Torrents that such a tracker is told of are remembered.
    pub fn flow(&self, record: &FlowRecord, home: Direction) -> Option<Allowance> {
        if self.is_empty() {
            return None;
        }
        let label = &record.label;
        let tracker = [Kind::HttpTracker, Kind::UdpTracker, Kind::WsTracker];
        if tracker.iter().any(|kind| label.kinds.contains(*kind)) && self.tracker(&record.responder) {
            let mut learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
            let room = LEARNT.saturating_sub(learnt.len());
            learnt.extend(label.info_hashes.iter().take(room));
            return Some(Allowance::Tracker);
        }
        let [originator, responder] = &label.clients;
        if home.of([originator, responder]).as_ref().is_some_and(|client| self.client(&client.name)) {
            return Some(Allowance::Client);
        }
        let (first, rest) = label.info_hashes.split_first()?;
        rest.iter().all(|hash| self.torrent(hash).is_some()).then(|| self.torrent(first)).flatten()
    }

    /// Says of every torrent of a report whether it is allowed.
    pub(super) fn mark(&self, report: &mut Report) {
        if self.is_empty() {
            return;
        }
        for torrent in &mut report.torrents {
            torrent.allowed = self.why(torrent);
        }
        for host in &mut report.hosts {
            let client = !host.clients.is_empty() && host.clients.iter().all(|c| self.client(&c.name));
            let allowed =
                |hash: &InfoHash| report.torrents.iter().any(|t| t.info_hash == *hash && t.allowed.is_some());
            let torrents = !host.torrents.is_empty() && host.torrents.iter().all(allowed);
            host.allowed = match (client, torrents) {
                (true, _) => Some(Allowance::Client),
                (false, true) => Some(Allowance::InfoHash),
                (false, false) => None,
            };
        }
    }

    fn why(&self, torrent: &TorrentReport) -> Option<Allowance> {
        let by_hash =
            std::iter::once(&torrent.info_hash).chain(torrent.also.as_ref()).find_map(|h| self.torrent(h));
        let by_tracker = !torrent.trackers.is_empty() && torrent.trackers.iter().all(|t| self.tracker(t));
        by_hash.or(by_tracker.then_some(Allowance::Tracker))
    }
}

/// 40 (v1) or 64 (v2, of which the wire shows the first 40) hexadecimal digits, with or without `urn:btih:`.
fn info_hash(text: &str) -> Option<InfoHash> {
    let digits = text.strip_prefix("urn:btih:").or(text.strip_prefix("urn:btmh:1220")).unwrap_or(text);
    let hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
    (hex && matches!(digits.len(), 40 | 64)).then(|| digits.get(..40)?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0c618d5e892178f1c73403c2460cf596f32a413f";

    #[test]
    fn a_list_is_read_and_a_wrong_line_is_named() {
        let text = format!(
            "# ISO images\n{HASH}\nurn:btih:{}\n\ntracker 203.0.113.0/24\ntracker 198.51.100.7:6969 # ours\nclient Transmission\n",
            "ab".repeat(20)
        );
        let list = Allowed::parse(&text).unwrap();
        let end = |text: &str| text.parse::<Endpoint>().unwrap();
        assert_eq!(list.torrent(&HASH.parse().unwrap()), Some(Allowance::InfoHash));
        assert_eq!(list.torrent(&InfoHash([7; 20])), None);
        assert!(list.tracker(&end("203.0.113.9:80")) && list.tracker(&end("198.51.100.7:6969")));
        assert!(!list.tracker(&end("198.51.100.7:80")) && !list.tracker(&end("192.0.2.1:6969")));
        assert!(list.client("Transmission 3.00") && list.client("transmission") && !list.client("trans"));
        for (bad, line) in [("0c61", 1), ("\ntracker here", 2), ("client ", 1), ("x y", 1)] {
            let wrong = Allowed::parse(bad).unwrap_err();
            assert!(wrong.starts_with(&format!("line {line}: ")), "{wrong}");
        }
        assert!(Allowed::parse("# nothing\n").unwrap().is_empty());
    }
}
