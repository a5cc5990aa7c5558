//! The `--json` summary, section 2 of the output contract, and the objects it shares with events.

use super::{AlertLog, JsonWriter, alerts, words};
use crate::base::Transport;
use crate::event::{Grade, Mapping, Opens};
use crate::ledger::report::{
    ClientReport, Coverage, FlowSum, HostBytes, HostReport, MappingReport, PortReport, Report, ScanReport,
    TorrentHost, TorrentReport, Totals,
};
use crate::ledger::{Place, Standing};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Writes the report as one JSON object and a line end.
///
/// `alerts` is empty: see [`write_json_with_alerts`].
///
/// # Errors
/// Those of the output.
pub fn write_json(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    write_json_with_alerts(report, &AlertLog::default(), out)
}

/// The same with the alerts of an analysis that was held against rules.
///
/// # Errors
/// Those of the output.
pub fn write_json_with_alerts(report: &Report, alerts: &AlertLog, out: &mut dyn Write) -> io::Result<()> {
    let (mut w, mut written) = (JsonWriter::pretty(), Ok(()));
    let mut pass_on = |w: &mut JsonWriter| {
        if written.is_ok() {
            written = w.pass_on(out);
        }
    };
    w.object(|w| {
        w.key("swarmscope").string(env!("CARGO_PKG_VERSION"));
        w.key("coverage").object(|w| coverage(w, &report.coverage));
        w.key("totals").object(|w| totals(w, &report.totals));
        w.key("hosts").array(|w| {
            for one in &report.hosts {
                w.object(|w| host(w, one));
                pass_on(w);
            }
        });
        w.key("torrents").array(|w| {
            for one in &report.torrents {
                w.object(|w| torrent(w, one));
                pass_on(w);
            }
        });
        w.key("alerts").array(|w| alerts.records().for_each(|r| w.object(|w| alerts::record(w, r))));
        if alerts.left_out() > 0 {
            w.key("alerts_left_out").number(alerts.left_out());
        }
        w.key("exposure").array(|w| {
            for one in &report.exposure {
                w.object(|w| port(w, one, &report.scans));
                pass_on(w);
            }
        });
        w.key("sensor_place").object(|w| place(w, &report.place));
        w.key("port_mappings").array(|w| report.mappings.iter().for_each(|m| w.object(|w| mapping(w, m))));
        w.key("oddities").object(|w| counts(w, &report.oddities));
    });
    written?;
    out.write_all(w.text().as_bytes())?;
    out.write_all(b"\n")
}

/// The members of a coverage object.
pub(super) fn coverage(w: &mut JsonWriter, c: &Coverage) {
    w.key("files").array(|w| c.files.iter().for_each(|file| w.string(file)));
    w.key("packets").number(c.packets);
    w.key("bytes").number(c.bytes);
    w.key("first").optional(c.first, |w, at| w.plain(at));
    w.key("last").optional(c.last, |w, at| w.plain(at));
    w.key("decoded").number(c.decoded);
    w.key("skipped").object(|w| counts(w, &c.skipped));
    w.key("filtered").number(c.filtered);
    w.key("queue_dropped").number(c.queue_dropped);
    w.key("kernel_dropped").number(c.kernel_dropped);
    w.key("unsupported_links").object(|w| counts(w, &c.unsupported_links));
    w.key("flows").number(c.flows);
    w.key("one_way_flows").number(c.one_way_flows);
    w.key("one_way_share").share(c.one_way_flows, c.flows);
    w.key("cut_frames").number(c.cut_frames);
    w.key("tunnels").object(|w| counts(w, &c.tunnels));
    w.key("limits").object(|w| counts(w, &c.limits));
    w.key("panics").number(c.panics);
    w.key("home_nets").array(|w| c.home_nets.iter().for_each(|net| w.string(net)));
    w.key("home_nets_default").boolean(c.home_nets_default);
    w.key("errors").array(|w| {
        for (file, offset, reason) in &c.damage {
            w.object(|w| {
                w.key("file").string(file);
                w.key("offset").number(*offset);
                w.key("reason").string(reason);
            });
        }
    });
}

/// The members of a totals object.
pub(super) fn totals(w: &mut JsonWriter, totals: &Totals) {
    w.key("flows").array(|w| {
        for ((family, grade), sum) in &totals.flows {
            w.object(|w| {
                w.key("family").string(words::family(*family));
                w.key("grade").string(grade.label());
                flow_sum(w, sum);
            });
        }
    });
    w.key("kinds").object(|w| {
        for (kind, sum) in &totals.kinds {
            w.key(kind.label()).object(|w| flow_sum(w, sum));
        }
    });
    w.key("encryption").object(|w| {
        for (encryption, sum) in &totals.encryption {
            w.key(encryption.label()).object(|w| flow_sum(w, sum));
        }
    });
    w.key("look_alikes").array(|w| {
        for ((reason, suspected), sum) in &totals.look_alikes {
            w.object(|w| {
                w.key("reason").string(reason.label());
                w.key("judged").string(if *suspected { Grade::Suspected.label() } else { "not-bittorrent" });
                flow_sum(w, sum);
            });
        }
    });
    w.key("malformed").array(|w| {
        for ((kind, reason), count) in &totals.malformed {
            w.object(|w| {
                w.key("kind").string(kind.label());
                w.key("reason").string(reason);
                w.key("count").number(*count);
            });
        }
    });
}

fn flow_sum(w: &mut JsonWriter, sum: &FlowSum) {
    w.key("flows").number(sum.flows);
    w.key("bytes_in").number(sum.bytes_in);
    w.key("bytes_out").number(sum.bytes_out);
    w.key("bytes_across").number(sum.bytes_across);
}

/// The members that say whether a home host still takes part.
pub(super) fn standing(w: &mut JsonWriter, standing: &Standing) {
    w.key("state").string(standing.state.label());
    w.key("state_reason").optional(standing.reason(), JsonWriter::string);
    w.key("state_lacks").array(|w| standing.missing.iter().for_each(|m| w.string(m.label())));
}

/// The members of a home host's object.
pub(super) fn host(w: &mut JsonWriter, h: &HostReport) {
    w.key("address").plain(h.address);
    standing(w, &h.standing);
    w.key("allowed").optional(h.allowed, |w, why| w.string(why.label()));
    w.key("first").plain(h.first);
    w.key("last").plain(h.last);
    w.key("bytes").object(|w| {
        for grade in Grade::ALL {
            w.key(grade.label()).object(|w| host_bytes(w, h.bytes.get(&grade).copied().unwrap_or_default()));
        }
    });
    w.key("transports").object(|w| {
        h.transports.iter().for_each(|(name, &bytes)| w.key(name).object(|w| host_bytes(w, bytes)));
    });
    w.key("encryption").object(|w| {
        h.encryption.iter().for_each(|(e, &bytes)| w.key(e.label()).object(|w| host_bytes(w, bytes)));
    });
    w.key("bytes_all_traffic").object(|w| host_bytes(w, h.all));
    w.key("kinds").object(|w| h.kinds.iter().for_each(|(kind, &flows)| w.key(kind.label()).number(flows)));
    w.key("flows").number(h.flows);
    w.key("peers").number(h.peers);
    w.key("claimed_only").boolean(h.claimed_only);
    w.key("clients").array(|w| h.clients.iter().for_each(|c| w.object(|w| client(w, c))));
    w.key("client_conflict").boolean(h.client_conflict);
    w.key("listen_ports").array(|w| {
        for (port, channel, first, last) in &h.listens {
            w.object(|w| {
                w.key("port").number(*port);
                w.key("channel").string(channel.label());
                w.key("first").plain(first);
                w.key("last").plain(last);
            });
        }
    });
    w.key("external_addresses").array(|w| {
        for (address, votes) in &h.external {
            w.object(|w| {
                w.key("address").plain(address);
                w.key("votes").number(*votes);
            });
        }
    });
    w.key("node_ids").array(|w| {
        for (id, valid) in &h.node_ids {
            w.object(|w| {
                w.key("node_id").plain(id);
                w.key("valid").optional(*valid, JsonWriter::boolean);
            });
        }
    });
    w.key("info_hashes").array(|w| h.torrents.iter().for_each(|hash| w.plain(hash)));
    w.key("dht_messages").object(|w| {
        let [queries, responses, errors, queries_received] = h.dht;
        w.key("queries").number(queries);
        w.key("responses").number(responses);
        w.key("errors").number(errors);
        w.key("queries_received").number(queries_received);
    });
    w.key("dht_exchange").object(|w| {
        let exchange = &h.dht_exchange;
        w.key("purposes").object(|w| {
            exchange.purposes.iter().for_each(|(purpose, &n)| w.key(purpose.label()).number(n));
        });
        w.key("answered").number(exchange.answered);
        w.key("unanswered").number(exchange.unanswered());
        w.key("round_trip_ms").optional(exchange.round_trips, |w, [shortest, _, longest]| {
            w.object(|w| {
                w.key("min").millis(shortest);
                w.key("mean").optional(exchange.mean_round_trip(), JsonWriter::millis);
                w.key("max").millis(longest);
            });
        });
    });
    w.key("dht").object(|w| dht(w, h));
    let [tcp, udp] = h.nat;
    w.key("nat").object(|w| {
        w.key("tcp").string(tcp.label());
        w.key("udp").string(udp.label());
    });
    w.key("opened_by").object(|w| {
        for (who, (flows, bytes)) in ["others", "itself"].into_iter().zip(h.opened) {
            w.key(who).object(|w| {
                w.key("flows").number(flows);
                host_bytes(w, bytes);
            });
        }
    });
}

/// Where the sensor stands, and why that is believed.
pub(super) fn place(w: &mut JsonWriter, place: &Place) {
    w.key("side").string(place.side.label());
    w.key("evidence").array(|w| place.evidence.iter().for_each(|sentence| w.string(sentence)));
}

/// How a host behaves in the DHT.
fn dht(w: &mut JsonWriter, h: &HostReport) {
    w.key("part").string(h.dht_conduct.part.label());
    // Valid if any of its ids is: clients keep the old one for a while after their address changed.
    let verdicts = || h.node_ids.iter().filter_map(|(_, valid)| *valid);
    let valid = verdicts().next().map(|_| verdicts().any(|valid| valid));
    w.key("node_id_valid").optional(valid, JsonWriter::boolean);
    w.key("findings").array(|w| {
        for finding in &h.dht_conduct.findings {
            let rule = finding.behaviour.rule();
            w.object(|w| {
                w.key("behaviour").string(rule.word);
                w.key("grade").string(Grade::Suspected.label());
                w.key("count").number(finding.count);
                w.key("threshold").number(rule.threshold);
                w.key("counts").string(rule.counts);
                w.key("looks_alike").string(rule.look_alike);
                w.key("first").plain(finding.first);
                w.key("last").plain(finding.last);
            });
        }
    });
}

/// The members of a port's object in `exposure`.
pub(super) fn port(w: &mut JsonWriter, p: &PortReport, scans: &[ScanReport]) {
    w.key("host").plain(p.host);
    w.key("proto").string(match p.transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    });
    w.key("port").number(p.port);
    w.key("state").string(p.state.label());
    w.key("first").optional(p.intervals.first(), |w, i| w.plain(i.first));
    w.key("last").optional(p.intervals.last(), |w, i| w.plain(i.last));
    w.key("open_seconds").number(p.open_for.as_secs());
    w.key("sources").number(p.sources);
    w.key("attempts").number(p.attempts);
    w.key("p2p_listen_port").boolean(p.p2p);
    w.key("mapped").boolean(p.mapped);
    w.key("forwarded").boolean(p.forwarded);
    w.key("intervals").array(|w| {
        for interval in &p.intervals {
            w.object(|w| {
                w.key("answer").string(interval.answer.label());
                w.key("first").plain(interval.first);
                w.key("last").plain(interval.last);
                w.key("attempts").number(interval.attempts);
            });
        }
    });
    w.key("bittorrent_peers").number(p.callers);
    w.key("scanners").number(p.scanners);
    let others = || p.visits.iter().filter(|v| v.opens != Opens::Nothing);
    w.key("other_protocols").array(|w| others().for_each(|v| w.string(v.opens.label())));
    w.key("answered_other").boolean(others().any(|v| v.answered > 0));
    w.key("visits").array(|w| {
        for visit in &p.visits {
            w.object(|w| {
                w.key("protocol").string(visit.opens.label());
                w.key("flows").number(visit.flows);
                w.key("answered").number(visit.answered);
                w.key("sources").number(visit.sources);
                w.key("first").plain(visit.first);
                w.key("last").plain(visit.last);
            });
        }
    });
    w.key("scans").array(|w| {
        for scan in scans.iter().filter(|s| s.host == p.host && !p.intervals.is_empty()) {
            w.object(|w| {
                w.key("source").plain(scan.source);
                w.key("ports").number(scan.ports);
                w.key("at").plain(scan.first);
            });
        }
    });
}

fn host_bytes(w: &mut JsonWriter, bytes: HostBytes) {
    w.key("in").number(bytes.received);
    w.key("out").number(bytes.sent);
}

fn client(w: &mut JsonWriter, c: &ClientReport) {
    w.key("name").string(&c.name);
    w.key("source").string(words::client_source(c.source));
    w.key("engine").optional(c.engine, JsonWriter::string);
    w.key("first").plain(c.first);
    w.key("last").plain(c.last);
}

/// The members of a torrent's object.
pub(super) fn torrent(w: &mut JsonWriter, t: &TorrentReport) {
    w.key("info_hash").plain(t.info_hash);
    w.key("also").optional(t.also, |w, hash| w.plain(hash));
    w.key("info_hash_v2").optional(t.v2, |w, hash| w.plain(hash));
    w.key("meta_version").optional(t.is_v2.then_some(2), JsonWriter::number);
    w.key("name").optional(t.name.as_ref(), |w, (text, channel, trust)| {
        w.object(|w| {
            w.key("text").string(text);
            w.key("source").string(channel.label());
            w.key("trust").string(words::name_trust(*trust));
        });
    });
    w.key("size").optional(t.size, JsonWriter::number);
    w.key("pieces").optional(t.pieces, JsonWriter::number);
    w.key("private").optional(t.private, JsonWriter::boolean);
    w.key("first").plain(t.first);
    w.key("last").plain(t.last);
    w.key("hosts").array(|w| t.hosts.iter().for_each(|h| w.object(|w| torrent_host(w, h, t.size))));
    w.key("peers").number(t.peers);
    w.key("peers_seeding").number(t.peers_seeding);
    w.key("reported").optional(t.reported, |w, (seeders, leechers, completed)| {
        w.object(|w| {
            w.key("seeders").number(seeders);
            w.key("leechers").number(leechers);
            w.key("completed").optional(completed, JsonWriter::number);
        });
    });
    w.key("dht_scrape").optional(t.scrape, |w, scrape| {
        w.object(|w| {
            w.key("seeders").optional(scrape.seeders, JsonWriter::number);
            w.key("leechers").optional(scrape.leechers, JsonWriter::number);
            w.key("answers").number(scrape.answers);
        });
    });
    w.key("home_hosts").number(t.hosts.len() as u64);
    w.key("bytes_inside").number(t.across());
    w.key("trackers").array(|w| t.trackers.iter().for_each(|tracker| w.plain(tracker)));
    w.key("allowed").optional(t.allowed, |w, why| w.string(why.label()));
    w.key("channels").array(|w| t.channels.iter().for_each(|channel| w.string(channel.label())));
}

fn torrent_host(w: &mut JsonWriter, h: &TorrentHost, size: Option<u64>) {
    w.key("address").plain(h.address);
    w.key("role").string(h.role.label());
    w.key("first").plain(h.first);
    w.key("last").plain(h.last);
    w.key("claimed").optional(h.claimed, |w, (event, uploaded, downloaded, left)| {
        w.object(|w| {
            w.key("event").string(words::announce_event(event));
            w.key("uploaded").number(uploaded);
            w.key("downloaded").number(downloaded);
            w.key("left").number(left);
            // A client may claim more left than there is: then nothing is complete.
            let done = size.filter(|&size| size > 0).map(|size| (size.saturating_sub(left), size));
            w.key("completion").optional(done, |w, (done, size)| w.share(done, size));
        });
    });
    w.key("measured").optional(h.measured, |w, (have, of)| {
        w.object(|w| {
            w.key("pieces").number(have);
            w.key("of").number(of);
            // Both 0: the peer said that it has all, of a torrent whose pieces nobody counted.
            let share = if (have, of) == (0, 0) { Some((1, 1)) } else { (of > 0).then_some((have, of)) };
            w.key("completion").optional(share, |w, (have, of)| w.share(have.into(), of.into()));
        });
    });
    w.key("upload_only").optional(h.upload_only, JsonWriter::boolean);
    w.key("bytes_down").number(h.downloaded);
    w.key("bytes_up").number(h.uploaded);
    w.key("ratio").optional(h.ratio(), |w, n| w.json(&format!("{}.{:03}", n / 1_000, n % 1_000)));
    w.key("bytes_down_inside").number(h.across[0]);
    w.key("bytes_up_inside").number(h.across[1]);
    w.key("peers").number(h.peers);
}

/// The members of a port mapping's object.
pub(super) fn mapping(w: &mut JsonWriter, m: &MappingReport) {
    let Mapping { transport, internal_port, external_port, lifetime, host, answer, protocol } = m.mapping;
    w.key("host").plain(m.host);
    w.key("router").plain(m.router);
    w.key("at").plain(m.at);
    w.key("last").plain(m.last);
    w.key("until").optional(m.until(), |w, until| w.plain(until));
    w.key("bittorrent_peers").number(m.used_by);
    w.key("protocol").string(protocol);
    w.key("proto").string(words::port_protocol(transport));
    w.key("internal_port").number(internal_port);
    w.key("external_port").number(external_port);
    w.key("lifetime_seconds").number(lifetime);
    w.key("internal_host").plain(host.unwrap_or(m.host));
    w.key("result").optional(answer, JsonWriter::number);
}

fn counts<K: AsRef<str>>(w: &mut JsonWriter, counts: &BTreeMap<K, u64>) {
    counts.iter().for_each(|(name, &count)| w.key(name.as_ref()).number(count));
}
