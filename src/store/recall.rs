//! From rows back to evidence. A word that this program never wrote is passed over.

use super::history::Covered;
use crate::base::{Address, Endpoint, InfoHash, Timestamp, Transport};
use crate::event::{Answer, Channel, ClientSource, Mapping};
use crate::ledger::memory::{HostMemory, LifeMemory, Memory, Minute, PortMemory, Span};
use crate::ledger::report::{
    ClientReport, HostBytes, HostReport, Interval, MappingReport, Report, Role, TorrentHost, TorrentReport,
};
use crate::ledger::{Carried, HostState, Marks, Sample};
use rusqlite::{Connection, Params, Row, params};
use std::collections::BTreeMap;
use std::time::Duration;

/// Rows read of one table, at most.
const ROWS: i64 = 4_000_000;
/// How long before a notice a port may have been told or a mapping asked for.
const BEFORE: Duration = Duration::from_secs(30 * 86_400);

type Result<T> = rusqlite::Result<T>;

/// The state that a word stands for.
pub(super) fn state(word: &str) -> Option<HostState> {
    HostState::WORDS.into_iter().find(|(w, _)| *w == word).map(|(_, state)| state)
}

/// What covers all.
pub(super) fn covered(connection: &Connection) -> Result<Option<Covered>> {
    covered_between(connection, Timestamp::MIN, Timestamp::MAX)
}

pub(super) fn covered_between(
    connection: &Connection,
    from: Timestamp,
    to: Timestamp,
) -> Result<Option<Covered>> {
    let live = connection.query_row(
        "SELECT coalesce((SELECT kind = 'watch' FROM runs ORDER BY heartbeat DESC LIMIT 1), 0)",
        [],
        |row| row.get(0),
    )?;
    connection.query_row(
        "SELECT min(first), max(last), CAST(total(packets) AS INTEGER), CAST(total(lost) AS INTEGER), CAST(total(flows) AS INTEGER),
         CAST(total(one_way) AS INTEGER), CAST(total(evicted) AS INTEGER), CAST(total(panics) AS INTEGER), CAST(total(cut) AS INTEGER),
         CAST(total(damage) AS INTEGER), CAST(total(down) AS INTEGER)
         FROM coverage WHERE last >= ?1 AND first <= ?2",
        params![from.0, to.0],
        |row| {
            let (Some(first), Some(last)) = (row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?) else {
                return Ok(None);
            };
            let sample = Sample {
                packets: number(row, 2)?,
                lost: number(row, 3)?,
                evicted: number(row, 6)?,
                panics: number(row, 7)?,
                cut: number(row, 8)?,
                damage: number(row, 9)?,
                down: Duration::from_nanos(number(row, 10)?),
            };
            let (flows, one_way) = (number(row, 4)?, number(row, 5)?);
            Ok(Some(Covered { first: Timestamp(first), last: Timestamp(last), live, sample, flows, one_way }))
        },
    )
}

/// What the ledger has to know of the time since `since`.
pub(super) fn memory(connection: &Connection, since: Timestamp) -> Result<Memory> {
    let mut hosts: BTreeMap<Address, HostMemory> = BTreeMap::new();
    let select = "SELECT host, suspected_first, suspected_last, received, sent,
        (SELECT CAST(total(in_confirmed + in_strong) AS INTEGER) FROM sessions s WHERE s.host = hosts.host),
        (SELECT CAST(total(out_confirmed + out_strong) AS INTEGER) FROM sessions s WHERE s.host = hosts.host)
        FROM hosts WHERE host IN (SELECT host FROM activity WHERE last >= ?1) LIMIT ?2";
    let rows = all(connection, select, params![since.0, ROWS], |row| {
        let suspected = row.get::<_, Option<i64>>(1)?.zip(row.get::<_, Option<i64>>(2)?);
        let moved = HostBytes {
            received: number(row, 3)?.max(number(row, 5)?),
            sent: number(row, 4)?.max(number(row, 6)?),
        };
        Ok((address(row, 0)?, suspected.map(|(a, b)| (Timestamp(a), Timestamp(b))), moved))
    })?;
    for (host, suspected, moved) in rows {
        let Some(address) = host else { continue };
        hosts.insert(address, empty(address, suspected, moved));
    }
    // Where there are too many rows, the latest are those that count.
    let select = "SELECT host, first, last FROM activity WHERE last >= ?1 ORDER BY last DESC LIMIT ?2";
    for (host, span) in
        all(connection, select, params![since.0, ROWS], |r| Ok((address(r, 0)?, span(r, 1)?)))?
    {
        of(&mut hosts, host, |h| h.activity.push(span));
    }
    let mut network = LifeMemory::default();
    lives(connection, since, &mut hosts, &mut network)?;
    let select = "SELECT host, port, channel, transport, min(first), max(last) FROM listens WHERE last >= ?1
        GROUP BY host, port, channel, transport LIMIT ?2";
    let rows = all(connection, select, params![since.0, ROWS], |r| {
        Ok((address(r, 0)?, r.get::<_, u16>(1)?, text(r, 2)?, text(r, 3)?, span(r, 4)?))
    })?;
    for (host, port, channel, transport, span) in rows {
        of(&mut hosts, host, |h| match (channel_of(&channel), transport_of(&transport)) {
            (Some(channel), _) => h.listens.push((port, channel, span)),
            (None, Some(transport)) => h.reached.push((transport, port)),
            (None, None) => {}
        });
    }
    let select = "SELECT host, address, port, max(votes) FROM externals WHERE last >= ?1
        GROUP BY host, address, port LIMIT ?2";
    let rows = all(connection, select, params![since.0, ROWS], |r| {
        Ok((address(r, 0)?, address(r, 1)?, r.get::<_, u16>(2)?, number(r, 3)?))
    })?;
    for (host, outside, port, votes) in rows {
        let Some(outside) = outside else { continue };
        of(&mut hosts, host, |h| h.external.push((Endpoint::new(outside, port), votes)));
    }
    let select = "SELECT host, state, max(at) FROM host_states GROUP BY host LIMIT ?1";
    for (host, word) in all(connection, select, params![ROWS], |r| Ok((address(r, 0)?, text(r, 1)?)))? {
        of(&mut hosts, host, |h| h.state = state(&word));
    }
    let select = "SELECT host, max(at) FROM host_states WHERE state = 'cleared' GROUP BY host LIMIT ?1";
    for (host, at) in all(connection, select, params![ROWS], |r| Ok((address(r, 0)?, r.get(1)?)))? {
        of(&mut hosts, host, |h| h.cleared = Some(Timestamp(at)));
    }
    Ok(Memory {
        hosts: hosts.into_values().collect(),
        network,
        ports: ports(connection, since)?,
        mappings: mappings(connection, since, Timestamp::MAX)?,
        minutes: minutes(connection, since, Timestamp::MAX)?,
    })
}

fn empty(address: Address, suspected: Option<Span>, moved: HostBytes) -> HostMemory {
    HostMemory {
        address,
        activity: Vec::new(),
        suspected,
        moved,
        life: LifeMemory::default(),
        listens: Vec::new(),
        external: Vec::new(),
        reached: Vec::new(),
        state: None,
        cleared: None,
    }
}

fn of(
    hosts: &mut BTreeMap<Address, HostMemory>,
    host: Option<Address>,
    change: impl FnOnce(&mut HostMemory),
) {
    if let Some(host) = host.and_then(|address| hosts.get_mut(&address)) {
        change(host);
    }
}

fn lives(
    connection: &Connection,
    since: Timestamp,
    hosts: &mut BTreeMap<Address, HostMemory>,
    network: &mut LifeMemory,
) -> Result<()> {
    let select =
        "SELECT host, slot, own, two_way, one_way FROM life WHERE slot >= ?1 ORDER BY slot DESC LIMIT ?2";
    let rows = all(connection, select, params![since.0, ROWS], |r| {
        let marks = Marks { own: r.get(2)?, two_way: small(r, 3)?, one_way: small(r, 4)? };
        Ok((text(r, 0)?, Timestamp(r.get(1)?), marks))
    })?;
    for (host, at, marks) in rows {
        let add = |life: &mut LifeMemory| {
            life.slots.push((at, marks));
            if marks.own {
                // The begin of the slot: when in it is not known.
                life.own = Some(life.own.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
            }
        };
        if host.is_empty() {
            add(network);
        } else {
            of(hosts, host.parse().ok(), |h| add(&mut h.life));
        }
    }
    let select =
        "SELECT host, remote, port, transport, first, last, received, sent FROM carried WHERE last >= ?1
        ORDER BY last DESC LIMIT ?2";
    let rows = all(connection, select, params![since.0, ROWS], |r| {
        let bytes = HostBytes { received: number(r, 6)?, sent: number(r, 7)? };
        Ok((text(r, 0)?, text(r, 1)?, r.get::<_, u16>(2)?, text(r, 3)?, span(r, 4)?, bytes))
    })?;
    for (host, remote, port, transport, span, bytes) in rows {
        let (Ok(remote), Some(transport)) = (remote.parse::<Endpoint>(), transport_of(&transport)) else {
            continue;
        };
        let flow = (remote, port, transport, span.0, Carried::of(remote.address, bytes, span));
        if host.is_empty() {
            network.carried.push(flow);
        } else {
            of(hosts, host.parse().ok(), |h| h.life.carried.push(flow));
        }
    }
    Ok(())
}

fn ports(connection: &Connection, since: Timestamp) -> Result<Vec<PortMemory>> {
    let select = "SELECT host, port, transport, answer, first, last, attempts
        FROM (SELECT * FROM exposure WHERE last >= ?1 ORDER BY last DESC LIMIT ?2) ORDER BY host, transport, port, first";
    let rows = all(connection, select, params![since.0, ROWS], |r| {
        Ok((address(r, 0)?, r.get::<_, u16>(1)?, text(r, 2)?, text(r, 3)?, span(r, 4)?, number(r, 6)?))
    })?;
    let mut ports: Vec<PortMemory> = Vec::new();
    for (host, port, transport, answer, (first, last), attempts) in rows {
        let (Some(host), Some(transport), Some(answer)) =
            (host, transport_of(&transport), answer_of(&answer))
        else {
            continue;
        };
        let port = Endpoint::new(host, port);
        let interval = Interval { answer, first, last, attempts };
        match ports.last_mut() {
            Some(known) if (known.port, known.transport) == (port, transport) => {
                known.intervals.push(interval)
            }
            _ => ports.push(PortMemory { port, transport, intervals: vec![interval] }),
        }
    }
    Ok(ports)
}

fn mappings(connection: &Connection, since: Timestamp, until: Timestamp) -> Result<Vec<MappingReport>> {
    let select =
        "SELECT host, router, transport, internal_port, external_port, lifetime, inside, answer, protocol, at
        FROM mappings WHERE at >= ?1 AND at <= ?2 ORDER BY at DESC LIMIT 4096";
    let rows = all(connection, select, params![since.0, until.0], |r| {
        let (transport, protocol, router) = (text(r, 2)?, text(r, 8)?, text(r, 1)?);
        let protocol = ["nat-pmp", "pcp", "upnp"].into_iter().find(|known| *known == protocol);
        let (Some(host), Ok(router), Some(transport), Some(protocol)) =
            (address(r, 0)?, router.parse(), transport_of(&transport), protocol)
        else {
            return Ok(None);
        };
        let mapping = Mapping {
            transport,
            internal_port: r.get(3)?,
            external_port: r.get(4)?,
            lifetime: r.get(5)?,
            host: r.get::<_, Option<String>>(6)?.and_then(|text| text.parse().ok()),
            answer: r.get(7)?,
            protocol,
        };
        let at = Timestamp(r.get(9)?);
        Ok(Some(MappingReport { host, router, mapping, at, last: at, used_by: 0 }))
    })?;
    Ok(rows.into_iter().flatten().collect())
}

pub(super) fn minutes(connection: &Connection, since: Timestamp, until: Timestamp) -> Result<Vec<Minute>> {
    let select =
        "SELECT run, first, last, packets, lost, evicted, panics, cut, damage, down, silence, bytes, flows,
        one_way, filtered FROM coverage WHERE last >= ?1 AND first <= ?2
        ORDER BY first, run LIMIT ?3";
    all(connection, select, params![since.0, until.0, ROWS], |r| {
        let (from, to) = span(r, 1)?;
        let sample = Sample {
            packets: number(r, 3)?,
            lost: number(r, 4)?,
            evicted: number(r, 5)?,
            panics: number(r, 6)?,
            cut: number(r, 7)?,
            damage: number(r, 8)?,
            down: Duration::from_nanos(number(r, 9)?),
        };
        Ok(Minute {
            run: r.get(0)?,
            from,
            to,
            sample,
            silence: Duration::from_nanos(number(r, 10)?),
            bytes: number(r, 11)?,
            flows: number(r, 12)?,
            one_way: number(r, 13)?,
            filtered: r.get(14)?,
        })
    })
}

/// A time, and how far clocks may be off.
pub(super) struct Near {
    pub at: Timestamp,
    pub skew: Duration,
}

impl Near {
    pub fn report(&self, connection: &Connection) -> Result<Report> {
        let (from, to) = (self.at - self.skew, self.at + self.skew);
        let mut report = Report::default();
        let mut hosts: BTreeMap<Address, HostReport> = BTreeMap::new();
        let select = "SELECT host, min(first), max(last) FROM activity WHERE last >= ?1 AND first <= ?2 GROUP BY host LIMIT ?3";
        let rows =
            all(connection, select, params![from.0, to.0, ROWS], |r| Ok((address(r, 0)?, span(r, 1)?)))?;
        for (host, (first, last)) in rows {
            let Some(address) = host else { continue };
            hosts.insert(address, HostReport { address, first, last, ..HostReport::default() });
        }
        let select = "SELECT host, port, channel, transport, min(first), max(last) FROM listens
            WHERE last >= ?1 AND first <= ?2 GROUP BY host, port, channel, transport ORDER BY channel = '' LIMIT ?3";
        let rows = all(connection, select, params![from.0, to.0, ROWS], |r| {
            Ok((address(r, 0)?, r.get::<_, u16>(1)?, text(r, 2)?, span(r, 4)?))
        })?;
        for (host, port, channel, (first, last)) in rows {
            let Some(host) = host.and_then(|host| hosts.get_mut(&host)) else { continue };
            match channel_of(&channel) {
                Some(channel) => host.listens.push((port, channel, first, last)),
                // Others reached it there, by the peer wire or what carries it.
                None if host.listens.iter().any(|(told, ..)| *told == port) => {}
                None => host.listens.push((port, Channel::PeerWire, first, last)),
            }
        }
        hosts.values_mut().for_each(|host| host.listens.sort_unstable());
        // An address is told now and then, and may change any day: the day of the notice counts.
        let select = "SELECT host, address, port, max(votes) FROM externals WHERE last >= ?1 AND first <= ?2
            GROUP BY host, address, port LIMIT ?3";
        let day = Duration::from_secs(86_400);
        let rows = all(connection, select, params![(from - day).0, (to + day).0, ROWS], |r| {
            Ok((address(r, 0)?, address(r, 1)?, r.get::<_, u16>(2)?, number(r, 3)?))
        })?;
        for (host, outside, port, votes) in rows {
            let (Some(host), Some(outside)) = (host.and_then(|host| hosts.get_mut(&host)), outside) else {
                continue;
            };
            if port > 0 {
                host.external_ports.push(Endpoint::new(outside, port));
            }
            if !host.external.iter().any(|(known, _)| *known == outside) {
                host.external.push((outside, votes));
            }
        }
        self.clients(connection, &mut hosts)?;
        report.torrents = self.torrents(connection)?;
        report.mappings = mappings(connection, from - BEFORE, to)?;
        report.hosts = hosts.into_values().collect();
        Ok(report)
    }

    fn clients(&self, connection: &Connection, hosts: &mut BTreeMap<Address, HostReport>) -> Result<()> {
        let (from, to) = (self.at - self.skew, self.at + self.skew);
        let select =
            "SELECT host, client, min(first), max(last) FROM sessions WHERE last >= ?1 AND first <= ?2
            AND client IS NOT NULL GROUP BY host, client LIMIT ?3";
        let rows = all(connection, select, params![from.0, to.0, ROWS], |r| {
            Ok((address(r, 0)?, text(r, 1)?, span(r, 2)?))
        })?;
        for (host, name, (first, last)) in rows {
            let Some(host) = host.and_then(|host| hosts.get_mut(&host)) else { continue };
            host.clients.push(ClientReport { name, source: ClientSource::PeerId, engine: None, first, last });
        }
        Ok(())
    }

    fn torrents(&self, connection: &Connection) -> Result<Vec<TorrentReport>> {
        let (from, to) = (self.at - self.skew, self.at + self.skew);
        let select = "SELECT host, info_hash, role, downloaded, uploaded, first, last FROM members
            WHERE last >= ?1 AND first <= ?2 ORDER BY info_hash, host LIMIT ?3";
        let rows = all(connection, select, params![from.0, to.0, ROWS], |r| {
            Ok((address(r, 0)?, text(r, 1)?, text(r, 2)?, number(r, 3)?, number(r, 4)?, span(r, 5)?))
        })?;
        let mut torrents: BTreeMap<InfoHash, TorrentReport> = BTreeMap::new();
        for (host, hash, role, downloaded, uploaded, (first, last)) in rows {
            let (Some(address), Ok(info_hash)) = (host, hash.parse::<InfoHash>()) else { continue };
            let role = Role::ALL.into_iter().find(|r| r.label() == role).unwrap_or(Role::Member);
            let member = TorrentHost {
                address,
                first,
                last,
                claimed: None,
                measured: None,
                upload_only: None,
                downloaded,
                uploaded,
                peers: 0,
                across: [0; 2],
                role,
            };
            let torrent = torrents.entry(info_hash).or_insert_with(|| TorrentReport {
                info_hash,
                also: None,
                v2: None,
                is_v2: false,
                name: None,
                size: None,
                pieces: None,
                private: None,
                first,
                last,
                hosts: Vec::new(),
                peers: 0,
                peers_seeding: 0,
                reported: None,
                scrape: None,
                channels: Vec::new(),
                trackers: Vec::new(),
                allowed: None,
            });
            torrent.hosts.push(member);
        }
        Ok(torrents.into_values().collect())
    }
}

fn all<T>(
    connection: &Connection,
    select: &str,
    with: impl Params,
    read: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    connection.prepare_cached(select)?.query_map(with, read)?.collect()
}

fn text(row: &Row<'_>, at: usize) -> Result<String> {
    row.get(at)
}

fn address(row: &Row<'_>, at: usize) -> Result<Option<Address>> {
    Ok(text(row, at)?.parse().ok())
}

fn number(row: &Row<'_>, at: usize) -> Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(at)?).unwrap_or(0))
}

fn small(row: &Row<'_>, at: usize) -> Result<u16> {
    Ok(u16::try_from(row.get::<_, i64>(at)?).unwrap_or(u16::MAX))
}

fn span(row: &Row<'_>, at: usize) -> Result<Span> {
    Ok((Timestamp(row.get(at)?), Timestamp(row.get(at + 1)?)))
}

fn channel_of(word: &str) -> Option<Channel> {
    Channel::ALL.into_iter().find(|channel| channel.label() == word)
}

fn transport_of(word: &str) -> Option<Transport> {
    [Transport::Tcp, Transport::Udp].into_iter().find(|transport| transport.name() == word)
}

fn answer_of(word: &str) -> Option<Answer> {
    [Answer::Accepted, Answer::Refused, Answer::Filtered, Answer::Silence]
        .into_iter()
        .find(|a| a.label() == word)
}
