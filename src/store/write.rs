//! Writes a batch, all of it or nothing. Rows with the same key are joined: the same capture read twice changes nothing.

use super::entry::{AlertRow, Batch, Member, Run, Session, StateChange};
use crate::base::{Address, Timestamp};
use crate::event::Answer;
use crate::ledger::memory::{HostMemory, LifeMemory, Minute, Span};
use crate::ledger::report::{Interval, MappingReport, PortReport};
use rusqlite::{Connection, Transaction, params};

/// A day, in nanoseconds.
pub(super) const DAY: i64 = 86_400_000_000_000;
/// A minute, in nanoseconds.
pub(super) const MINUTE: i64 = 60_000_000_000;
/// Longest text that is kept, in characters.
const TEXT_MAX: usize = 1_024;

/// The begin of the day that holds this time.
pub(super) const fn day_of(at: Timestamp) -> i64 {
    at.0.div_euclid(DAY).saturating_mul(DAY)
}

pub(super) fn write(connection: &mut Connection, batch: &Batch) -> rusqlite::Result<()> {
    let to = connection.transaction()?;
    let run = run(&to, &batch.run)?;
    batch.minutes.iter().try_for_each(|minute| coverage(&to, run, minute))?;
    batch.memory.hosts.iter().try_for_each(|h| host(&to, h))?;
    life(&to, "", &batch.memory.network)?;
    batch.memory.mappings.iter().try_for_each(|m| mapping(&to, m))?;
    batch.ports.iter().try_for_each(|port| exposure(&to, port))?;
    batch.sessions.iter().try_for_each(|s| session(&to, s))?;
    batch.members.iter().try_for_each(|m| member(&to, m))?;
    batch.states.iter().try_for_each(|s| state(&to, s))?;
    batch.alerts.iter().try_for_each(|a| alert(&to, a))?;
    if let Some(engine) = &batch.engine {
        to.prepare_cached("INSERT OR REPLACE INTO engine (only, at, state) VALUES (1, ?1, ?2)")?
            .execute(params![batch.run.heartbeat.0, engine.to_string()])?;
    }
    to.commit()
}

/// Largest number that is kept: what every reader of numbers keeps exactly, with room for sums in SQLite's 64 bits.
pub(super) const NUMBER_MAX: u64 = 1 << 53;

fn int(n: u64) -> i64 {
    n.min(NUMBER_MAX).cast_signed()
}

fn text(s: &str) -> &str {
    s.char_indices().nth(TEXT_MAX).map_or(s, |(at, _)| s.get(..at).unwrap_or_default())
}

fn run(to: &Transaction<'_>, run: &Run) -> rusqlite::Result<i64> {
    to.prepare_cached(
        "INSERT INTO runs (kind, source, started, heartbeat, ended, version) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (kind, source, started) DO UPDATE
         SET heartbeat = max(heartbeat, excluded.heartbeat), ended = excluded.ended, version = excluded.version
         RETURNING id",
    )?
    .query_row(
        params![
            run.kind.label(),
            text(&run.source),
            run.started.0,
            run.heartbeat.0,
            run.ended,
            env!("CARGO_PKG_VERSION")
        ],
        |row| row.get(0),
    )
}

fn coverage(to: &Transaction<'_>, run: i64, m: &Minute) -> rusqlite::Result<()> {
    let s = &m.sample;
    let nanos = |d: std::time::Duration| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX);
    to.prepare_cached(
        "INSERT OR REPLACE INTO coverage (run, minute, first, last, packets, bytes, lost, down, silence, flows, one_way,
         evicted, panics, cut, damage, filtered)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    )?
    .execute(params![
        run,
        m.from.0.div_euclid(MINUTE).saturating_mul(MINUTE),
        m.from.0,
        m.to.0,
        int(s.packets),
        int(m.bytes),
        int(s.lost),
        nanos(s.down),
        nanos(m.silence),
        int(m.flows),
        int(m.one_way),
        int(s.evicted),
        int(s.panics),
        int(s.cut),
        int(s.damage),
        m.filtered,
    ])?;
    Ok(())
}

fn host(to: &Transaction<'_>, h: &HostMemory) -> rusqlite::Result<()> {
    let name = h.address.to_string();
    let last =
        h.activity.iter().map(|(_, last)| last.0).max().or(h.life.own.map(|(_, last)| last.0)).unwrap_or(0);
    to.prepare_cached(
        "INSERT INTO hosts (host, suspected_first, suspected_last, received, sent, last) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (host) DO UPDATE SET
         suspected_first = coalesce(min(suspected_first, excluded.suspected_first), suspected_first, excluded.suspected_first),
         suspected_last = coalesce(max(suspected_last, excluded.suspected_last), suspected_last, excluded.suspected_last),
         received = max(received, excluded.received), sent = max(sent, excluded.sent), last = max(last, excluded.last)",
    )?
    .execute(params![
        name,
        h.suspected.map(|(first, _)| first.0),
        h.suspected.map(|(_, last)| last.0),
        int(h.moved.received),
        int(h.moved.sent),
        last
    ])?;
    h.activity.iter().try_for_each(|span| activity(to, &name, *span))?;
    life(to, &name, &h.life)?;
    for (port, channel, (first, last)) in &h.listens {
        listen(to, &name, *port, channel.label(), "", (*first, *last))?;
    }
    let latest = h.activity.last().map_or((Timestamp(last), Timestamp(last)), |(_, last)| (*last, *last));
    for (transport, port) in &h.reached {
        listen(to, &name, *port, "", transport.name(), latest)?;
    }
    for (endpoint, votes) in &h.external {
        to.prepare_cached(
            "INSERT INTO externals (host, address, port, day, first, last, votes) VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6)
             ON CONFLICT DO UPDATE SET first = min(first, excluded.first), last = max(last, excluded.last),
             votes = max(votes, excluded.votes)",
        )?
        .execute(params![
            name,
            endpoint.address.to_string(),
            endpoint.port,
            day_of(latest.1),
            latest.1.0,
            int(*votes)
        ])?;
    }
    Ok(())
}

/// Joins a stretch with those that it meets.
fn activity(to: &Transaction<'_>, host: &str, (first, last): Span) -> rusqlite::Result<()> {
    let (first, last): (i64, i64) = to
        .prepare_cached(
            "SELECT coalesce(min(min(first), ?2), ?2), coalesce(max(max(last), ?3), ?3) FROM activity
             WHERE host = ?1 AND first <= ?3 AND last >= ?2",
        )?
        .query_row(params![host, first.0, last.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    to.prepare_cached("DELETE FROM activity WHERE host = ?1 AND first <= ?3 AND last >= ?2")?
        .execute(params![host, first, last])?;
    to.prepare_cached("INSERT INTO activity (host, first, last) VALUES (?1, ?2, ?3)")?
        .execute(params![host, first, last])?;
    Ok(())
}

fn life(to: &Transaction<'_>, host: &str, life: &LifeMemory) -> rusqlite::Result<()> {
    let mut slot = to.prepare_cached(
        "INSERT INTO life (host, slot, own, two_way, one_way) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET own = max(own, excluded.own), two_way = max(two_way, excluded.two_way),
         one_way = max(one_way, excluded.one_way)",
    )?;
    for (at, marks) in &life.slots {
        slot.execute(params![host, at.0, marks.own, marks.two_way, marks.one_way])?;
    }
    let mut carried = to.prepare_cached(
        "INSERT INTO carried (host, remote, port, transport, first, last, received, sent)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT DO UPDATE SET last = max(last, excluded.last), received = max(received, excluded.received),
         sent = max(sent, excluded.sent)",
    )?;
    for (remote, port, transport, start, c) in &life.carried {
        carried.execute(params![
            host,
            remote.to_string(),
            port,
            transport.name(),
            start.0,
            c.span().1.0,
            int(c.bytes.received),
            int(c.bytes.sent)
        ])?;
    }
    Ok(())
}

/// A port told or reached: one row a day, so that old days can go.
fn listen(
    to: &Transaction<'_>,
    host: &str,
    port: u16,
    channel: &str,
    transport: &str,
    (first, last): Span,
) -> rusqlite::Result<()> {
    let day = day_of(last);
    to.prepare_cached(
        "INSERT INTO listens (host, port, channel, transport, day, first, last) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT DO UPDATE SET first = min(first, excluded.first), last = max(last, excluded.last)",
    )?
    .execute(params![host, port, channel, transport, day, first.0.max(day), last.0])?;
    Ok(())
}

fn mapping(to: &Transaction<'_>, m: &MappingReport) -> rusqlite::Result<()> {
    to.prepare_cached(
        "INSERT OR IGNORE INTO mappings (host, router, transport, internal_port, external_port, lifetime, inside, answer,
         protocol, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        m.host.to_string(),
        m.router.to_string(),
        m.mapping.transport.name(),
        m.mapping.internal_port,
        m.mapping.external_port,
        m.mapping.lifetime,
        m.mapping.host.map(|h| h.to_string()),
        m.mapping.answer,
        m.mapping.protocol,
        m.last.0
    ])?;
    Ok(())
}

fn exposure(to: &Transaction<'_>, port: &PortReport) -> rusqlite::Result<()> {
    let (host, transport) = (port.host.to_string(), port.transport.name());
    if port.p2p
        && let Some(last) = port.intervals.iter().map(|i| i.last).max()
    {
        listen(to, &host, port.port, "", transport, (last, last))?;
    }
    for Interval { answer, first, last, attempts } in &port.intervals {
        let answer: &str = Answer::label(*answer);
        // An interval that has grown, or whose begin was forgotten, is the one that it meets.
        let (joined_first, joined_last, joined_attempts): (i64, i64, i64) = to
            .prepare_cached(
                "SELECT coalesce(min(min(first), ?5), ?5), coalesce(max(max(last), ?6), ?6),
                 coalesce(max(max(attempts), ?7), ?7) FROM exposure
                 WHERE host = ?1 AND transport = ?2 AND port = ?3 AND answer = ?4 AND first <= ?6 AND last >= ?5",
            )?
            .query_row(
                params![host, transport, port.port, answer, first.0, last.0, int(*attempts)],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )?;
        to.prepare_cached(
            "DELETE FROM exposure WHERE host = ?1 AND transport = ?2 AND port = ?3 AND answer = ?4
             AND first <= ?6 AND last >= ?5",
        )?
        .execute(params![host, transport, port.port, answer, joined_first, joined_last])?;
        to.prepare_cached(
            "INSERT INTO exposure (host, transport, port, answer, first, last, attempts, sources)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            host,
            transport,
            port.port,
            answer,
            joined_first,
            joined_last,
            joined_attempts,
            int(port.sources)
        ])?;
    }
    Ok(())
}

fn session(to: &Transaction<'_>, s: &Session) -> rusqlite::Result<()> {
    let [confirmed, strong, suspected] = s.bytes;
    to.prepare_cached(
        "INSERT OR REPLACE INTO sessions (host, info_hash, kind, first, last, local_port, external, external_port, flows,
         peers, in_confirmed, out_confirmed, in_strong, out_strong, in_suspected, out_suspected, pieces_in, pieces_out,
         client)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)",
    )?
    .execute(params![
        s.host.to_string(),
        s.info_hash.map(|h| h.to_string()).unwrap_or_default(),
        s.kind.label(),
        s.first.0,
        s.last.0,
        s.local_port,
        s.external.map(|a| a.to_string()),
        s.external_port,
        int(s.flows),
        int(s.peers),
        int(confirmed.received),
        int(confirmed.sent),
        int(strong.received),
        int(strong.sent),
        int(suspected.received),
        int(suspected.sent),
        int(s.pieces.received),
        int(s.pieces.sent),
        s.client.as_deref().map(text),
    ])?;
    Ok(())
}

fn member(to: &Transaction<'_>, m: &Member) -> rusqlite::Result<()> {
    to.prepare_cached(
        "INSERT OR REPLACE INTO members (host, info_hash, first, last, role, downloaded, uploaded, complete)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        m.standing.host.to_string(),
        m.standing.info_hash.to_string(),
        m.first.0,
        m.last.0,
        m.standing.role.label(),
        int(m.downloaded),
        int(m.uploaded),
        m.standing.complete
    ])?;
    Ok(())
}

fn state(to: &Transaction<'_>, s: &StateChange) -> rusqlite::Result<()> {
    let lacks: Vec<&str> = s.lacks.iter().map(|m| m.label()).collect();
    to.prepare_cached(
        "INSERT OR REPLACE INTO host_states (host, at, state, evidence, lacks) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        Address::to_string(&s.host),
        s.at.0,
        s.state.label(),
        s.evidence.join("\n"),
        lacks.join(",")
    ])?;
    Ok(())
}

fn alert(to: &Transaction<'_>, a: &AlertRow) -> rusqlite::Result<()> {
    to.prepare_cached(
        "INSERT INTO alerts (rule, group_key, since, name, severity, host, state, opened, last, value)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9)
         ON CONFLICT DO UPDATE SET state = excluded.state, last = max(last, excluded.last), value = excluded.value",
    )?
    .execute(params![
        a.rule,
        text(&a.group),
        a.since.0,
        text(&a.name),
        a.severity,
        a.host.map(|h| h.to_string()),
        if a.resolved { "resolved" } else { "firing" },
        a.at.0,
        a.value
    ])?;
    Ok(())
}
