//! `/api/v1/…`: what is known, as JSON. Objects are those of `--json` and of the event files, written by the same functions.

mod flows;
mod hosts;
mod overview;
mod torrents;

use super::answer::{self, Answer};
use super::query::{BadQuery, Query, decoded};
use crate::base::Address;
use crate::output::live::{Live, STEP_SECS, Snapshot};
use crate::output::{JsonWriter, json};
use hyper::StatusCode;

/// Steps of a rate that are told without a `minutes`: an hour.
const MINUTES: usize = 60;

/// Answers a path below `/api/v1/`; `None` where there is no such path.
pub fn answer(live: &Live, path: &str, query: &Query) -> Option<Answer> {
    let now = live.snapshot();
    let asked = Asked { live, now: &now, query };
    let path: Vec<String> = path.split('/').map(|part| decoded(part, false)).collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let written = match *path.as_slice() {
        ["overview"] => asked.overview(),
        ["hosts"] => asked.hosts(),
        ["hosts", address] => asked.host(address),
        ["torrents"] => asked.torrents(),
        ["torrents", hash] => asked.torrent(hash),
        ["flows"] => asked.flows(),
        ["exposure"] => asked.exposure(),
        ["alerts"] => asked.alerts(),
        ["dht"] => asked.dht(),
        ["stats"] => Ok(object(|w| json::coverage(w, &now.coverage))),
        ["top"] => asked.top(),
        _ => return None,
    };
    Some(match written {
        Ok(text) => answer::json(StatusCode::OK, text),
        Err(Wrong::Query(BadQuery(why))) => answer::error(StatusCode::BAD_REQUEST, &why),
        Err(Wrong::Unknown(what)) => answer::error(StatusCode::NOT_FOUND, what),
    })
}

/// A request, and what it is answered from.
struct Asked<'a> {
    live: &'a Live,
    now: &'a Snapshot,
    query: &'a Query,
}

/// Why there is no answer.
enum Wrong {
    Query(BadQuery),
    Unknown(&'static str),
}

impl From<BadQuery> for Wrong {
    fn from(bad: BadQuery) -> Self {
        Self::Query(bad)
    }
}

type Written = Result<String, Wrong>;

fn object(fill: impl FnOnce(&mut JsonWriter)) -> String {
    let mut w = JsonWriter::compact();
    w.object(fill);
    w.text().to_owned() + "\n"
}

impl Asked<'_> {
    /// Whether the list is wanted backwards.
    fn descending(&self, usual: bool) -> Result<bool, BadQuery> {
        Ok(self.query.word("order", &[("asc", false), ("desc", true)])?.unwrap_or(usual))
    }

    fn address(&self, name: &str) -> Result<Option<Address>, BadQuery> {
        self.query.value(name, "an address")
    }

    /// Writes a list of rates as the member `rate`.
    fn rate(&self, w: &mut JsonWriter, host: Option<&Address>, minutes: Option<usize>) {
        let series = self.live.rates(host, self.now.now);
        let steps = minutes.unwrap_or(MINUTES).saturating_mul(60) / STEP_SECS as usize;
        w.key("rate").object(|w| {
            w.key("step_seconds").number(STEP_SECS);
            w.key("points").array(|w| {
                for (at, moved) in series.last(steps) {
                    w.object(|w| {
                        let per_second = |bytes: u64| bytes / STEP_SECS.unsigned_abs();
                        w.key("at").plain(at);
                        w.key("p2p_in").number(per_second(moved.p2p_in));
                        w.key("p2p_out").number(per_second(moved.p2p_out));
                        if host.is_none() {
                            w.key("all").number(per_second(moved.all));
                        }
                    });
                }
            });
        });
    }

    fn minutes(&self) -> Result<Option<usize>, BadQuery> {
        self.query.value("minutes", "a whole number")
    }

    fn alerts(&self) -> Written {
        let (page, host) = (self.query.page()?, self.address("host")?);
        let duty = self.live.duty();
        let alerts: Vec<_> = duty.policy.alerts.iter().filter(|a| host.is_none() || a.host == host).collect();
        Ok(object(|w| page.write(w, &alerts, |w, alert| w.json(&alert.json))))
    }
}
