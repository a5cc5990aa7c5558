//! The network at a glance: `overview`, `top`, `dht`.

use super::{Asked, Written, object};
use crate::event::{DhtRole, Kind};
use crate::ledger::DhtTotals;
use crate::ledger::report::{HostReport, TorrentReport};
use crate::output::{JsonWriter, json, words};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Entries of a ranking without a `k`, and at most.
const TOP: usize = 20;
const TOP_MAX: usize = 500;

/// What a ranking is by.
#[derive(Clone, Copy)]
enum By {
    Host,
    Torrent,
    Client,
    Kind,
}

impl Asked<'_> {
    pub fn overview(&self) -> Written {
        let minutes = self.minutes()?;
        let (now, duty) = (self.now, self.live.duty());
        let sensor = &now.sensor;
        let problems = duty.problems(sensor);
        Ok(object(|w| {
            w.key("swarmscope").string(env!("CARGO_PKG_VERSION"));
            w.key("now").plain(now.now);
            w.key("started").plain(self.live.started);
            w.key("sensor").object(|w| {
                w.key("interfaces").array(|w| {
                    for interface in &sensor.interfaces {
                        w.object(|w| {
                            w.key("name").string(&interface.name);
                            w.key("up").boolean(interface.up);
                            w.key("linktype").string(&interface.link_type);
                        });
                    }
                });
                w.key("packets").number(now.coverage.packets);
                let kernel: u64 = sensor.interfaces.iter().map(|i| i.kernel_dropped).sum();
                w.key("dropped").object(|w| {
                    w.key("kernel").number(kernel.max(now.coverage.kernel_dropped));
                    w.key("interface")
                        .number(sensor.interfaces.iter().map(|i| i.interface_dropped).sum::<u64>());
                    w.key("queue").number(now.coverage.queue_dropped);
                });
                w.key("lag_seconds").seconds(sensor.lag);
                w.key("healthy").boolean(self.live.is_ready() && problems.is_empty());
                w.key("problems").array(|w| problems.iter().for_each(|p| w.string(p)));
            });
            w.key("totals").object(|w| json::totals(w, &now.totals));
            w.key("counts").object(|w| {
                w.key("hosts").number(now.report.hosts.len() as u64);
                w.key("torrents").number(now.report.torrents.len() as u64);
                w.key("alerts_firing").number(duty.policy.firing.values().sum::<u64>());
                w.key("exposed_ports").number(self.exposed_ports());
            });
            w.key("sensor_place").object(|w| json::place(w, &self.now.report.place));
            self.rate(w, None, minutes);
        }))
    }

    pub fn top(&self) -> Written {
        let words =
            [("host", By::Host), ("torrent", By::Torrent), ("client", By::Client), ("kind", By::Kind)];
        let by = self.query.word("by", &words)?.unwrap_or(By::Host);
        let most = self.query.value("k", "a whole number")?.unwrap_or(TOP).min(TOP_MAX);
        let report = &self.now.report;
        let mut items: Vec<(String, u64, u64)> = match by {
            By::Host => report.hosts.iter().map(|h| (h.address.to_string(), bytes(h), h.flows)).collect(),
            By::Torrent => {
                report.torrents.iter().map(|t| (t.info_hash.to_string(), moved(t), t.peers)).collect()
            }
            By::Client => by_client(&report.hosts),
            By::Kind => {
                let sums = self.now.totals.kinds.iter();
                let all = |s: &crate::ledger::report::FlowSum| s.bytes_in + s.bytes_out + s.bytes_across;
                sums.map(|(kind, sum)| (kind.label().to_owned(), all(sum), sum.flows)).collect()
            }
        };
        items.sort_by(|a, b| (Reverse(a.1), Reverse(a.2), &a.0).cmp(&(Reverse(b.1), Reverse(b.2), &b.0)));
        let word = words.iter().find(|(_, w)| *w as u8 == by as u8).map_or("host", |(word, _)| *word);
        Ok(object(|w| {
            w.key("by").string(word);
            w.key("items").array(|w| {
                for (key, bytes, flows) in items.iter().take(most) {
                    w.object(|w| {
                        w.key("key").string(key);
                        w.key("bytes").number(*bytes);
                        w.key("flows").number(*flows);
                    });
                }
            });
        }))
    }

    pub fn dht(&self) -> Written {
        let page = self.query.page()?;
        let totals = &self.now.totals.dht;
        let hosts: Vec<&HostReport> =
            self.now.report.hosts.iter().filter(|h| h.kinds.contains_key(&Kind::Dht)).collect();
        Ok(object(|w| {
            w.key("messages").object(|w| messages(w, totals));
            w.key("unanswered").number(totals.unanswered);
            w.key("round_trip").object(|w| round_trips(w, totals));
            w.key("hosts").array(|w| {
                let part = hosts.iter().skip(page.offset).take(page.limit);
                part.for_each(|host| w.object(|w| json::host(w, host)));
            });
        }))
    }
}

/// `{method: {"in": {"query": n, …}, "out": …}}`, without what was not seen.
fn messages(w: &mut JsonWriter, totals: &DhtTotals) {
    for method in DhtTotals::methods() {
        if !totals.messages.keys().any(|(m, ..)| *m == method) {
            continue;
        }
        w.key(method).object(|w| {
            for (direction, from_home) in [("in", false), ("out", true)] {
                w.key(direction).object(|w| {
                    for role in [DhtRole::Query, DhtRole::Response, DhtRole::Error] {
                        if let Some(&n) = totals.messages.get(&(method, from_home, role)) {
                            w.key(words::dht_role(role)).number(n);
                        }
                    }
                });
            }
        });
    }
}

fn round_trips(w: &mut JsonWriter, totals: &DhtTotals) {
    w.key("count").number(totals.round_trips.iter().sum::<u64>());
    w.key("sum_seconds").seconds(totals.round_trip_time);
    w.key("classes").array(|w| {
        let bounds = DhtTotals::BOUNDS_MS.iter().map(Some).chain([None]);
        for (bound, n) in bounds.zip(totals.round_trips) {
            w.object(|w| {
                w.key("up_to_ms").optional(bound.copied(), JsonWriter::number);
                w.key("count").number(n);
            });
        }
    });
}

/// Bytes that a host moved by peer-to-peer protocols.
pub fn bytes(host: &HostReport) -> u64 {
    host.bytes.values().map(|b| b.received.saturating_add(b.sent)).sum()
}

/// Piece bytes that home hosts moved of a torrent.
pub fn moved(torrent: &TorrentReport) -> u64 {
    torrent.hosts.iter().map(|h| h.downloaded.saturating_add(h.uploaded)).sum()
}

/// What the hosts of each client moved. A host with several clients counts to each: its bytes cannot be told apart.
fn by_client(hosts: &[HostReport]) -> Vec<(String, u64, u64)> {
    let mut sums: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for host in hosts {
        let mut names: Vec<&str> = host.clients.iter().map(|c| c.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let (moved, flows) = sums.entry(name).or_default();
            *moved = moved.saturating_add(bytes(host));
            *flows = flows.saturating_add(host.flows);
        }
    }
    sums.into_iter().map(|(name, (moved, flows))| (name.to_owned(), moved, flows)).collect()
}
