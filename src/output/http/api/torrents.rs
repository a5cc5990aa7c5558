//! Torrents: `torrents`, `torrents/HASH`.

use super::overview::moved;
use super::{Asked, Written, Wrong, object};
use crate::ledger::report::TorrentReport;
use crate::output::json;

/// What torrents are ordered by.
#[derive(Clone, Copy)]
enum Sort {
    Bytes,
    Name,
    Hosts,
    Last,
    Peers,
    Size,
}

impl Asked<'_> {
    pub fn torrents(&self) -> Written {
        let (page, host) = (self.query.page()?, self.address("host")?);
        let words = [
            ("bytes", Sort::Bytes),
            ("name", Sort::Name),
            ("hosts", Sort::Hosts),
            ("last", Sort::Last),
            ("peers", Sort::Peers),
            ("size", Sort::Size),
        ];
        let sort = self.query.word("sort", &words)?.unwrap_or(Sort::Bytes);
        let descending = self.descending(!matches!(sort, Sort::Name))?;
        let wanted = self.query.text("q").map(str::to_lowercase);
        let torrents = self.now.report.torrents.iter().filter(|t| {
            wanted.as_ref().is_none_or(|w| matches(t, w))
                && host.is_none_or(|host| t.hosts.iter().any(|h| h.address == host))
        });
        let mut torrents: Vec<&TorrentReport> = torrents.collect();
        torrents.sort_by_cached_key(|t| {
            let name = match sort {
                Sort::Name => t.name.as_ref().map(|(text, ..)| text.to_lowercase()),
                _ => None,
            };
            let key: i128 = match sort {
                // Those without a name come last.
                Sort::Name => i128::from(name.is_none()),
                Sort::Bytes => moved(t).into(),
                Sort::Hosts => t.hosts.len() as i128,
                Sort::Last => t.last.0.into(),
                Sort::Peers => t.peers.into(),
                Sort::Size => t.size.unwrap_or(0).into(),
            };
            (key, name, t.info_hash)
        });
        if descending {
            torrents.reverse();
        }
        Ok(object(|w| page.write(w, &torrents, |w, torrent| w.object(|w| json::torrent(w, torrent)))))
    }

    pub fn torrent(&self, hash: &str) -> Written {
        let wanted = hash.to_ascii_lowercase();
        let report = &self.now.report;
        let is_it = |t: &&TorrentReport| {
            t.info_hash.to_string() == wanted || t.also.is_some_and(|hash| hash.to_string() == wanted)
        };
        let torrent =
            report.torrents.iter().find(is_it).ok_or(Wrong::Unknown("that torrent was not seen"))?;
        let hosts = report.hosts.iter().filter(|h| torrent.hosts.iter().any(|m| m.address == h.address));
        Ok(object(|w| {
            w.key("torrent").object(|w| json::torrent(w, torrent));
            w.key("hosts").array(|w| hosts.for_each(|h| w.object(|w| json::host(w, h))));
        }))
    }
}

/// Whether a torrent's hash or name holds a text in lower case.
fn matches(torrent: &TorrentReport, wanted: &str) -> bool {
    torrent.info_hash.to_string().contains(wanted)
        || torrent.name.as_ref().is_some_and(|(text, ..)| text.to_lowercase().contains(wanted))
}
