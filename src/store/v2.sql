-- What verdicts rest on, so that they go on over a restart, and what a notice asks for.

ALTER TABLE runs ADD COLUMN version TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN pieces_in INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN pieces_out INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN external_port INTEGER;
ALTER TABLE exposure ADD COLUMN sources INTEGER NOT NULL DEFAULT 0;
ALTER TABLE host_states ADD COLUMN lacks TEXT NOT NULL DEFAULT '';

-- A host in a torrent, without a pause of half an hour.
CREATE TABLE members (
    host TEXT NOT NULL,
    info_hash TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    role TEXT NOT NULL,
    downloaded INTEGER NOT NULL,        -- bytes of pieces
    uploaded INTEGER NOT NULL,
    complete INTEGER NOT NULL,
    PRIMARY KEY (host, info_hash, first)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_last ON members (last);

CREATE TABLE hosts (
    host TEXT PRIMARY KEY,
    suspected_first INTEGER,
    suspected_last INTEGER,
    received INTEGER NOT NULL,          -- of grade strong or better
    sent INTEGER NOT NULL,
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Stretches of time in which a host sent peer-to-peer traffic of grade strong or better.
CREATE TABLE activity (
    host TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (host, first)
) STRICT, WITHOUT ROWID;
CREATE INDEX activity_last ON activity (last);

-- When a host was alive; '' for all home hosts together.
CREATE TABLE life (
    host TEXT NOT NULL,
    slot INTEGER NOT NULL,              -- its begin
    own INTEGER NOT NULL,
    two_way INTEGER NOT NULL,
    one_way INTEGER NOT NULL,
    PRIMARY KEY (host, slot)
) STRICT, WITHOUT ROWID;
CREATE INDEX life_slot ON life (slot);

-- Big ordinary flows of such hosts: one could be a tunnel.
CREATE TABLE carried (
    host TEXT NOT NULL,
    remote TEXT NOT NULL,
    port INTEGER NOT NULL,
    transport TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    received INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    PRIMARY KEY (host, remote, port, transport, first)
) STRICT, WITHOUT ROWID;
CREATE INDEX carried_last ON carried (last);

-- Ports that a host told others to reach it on, or was reached on (channel ''), by days.
CREATE TABLE listens (
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    channel TEXT NOT NULL,
    transport TEXT NOT NULL,            -- '' where the number is told for both
    day INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (host, port, channel, transport, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX listens_last ON listens (last);

-- A host's address as others said they see it, by days; port 0 where none was told.
CREATE TABLE externals (
    host TEXT NOT NULL,
    address TEXT NOT NULL,
    port INTEGER NOT NULL,
    day INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    votes INTEGER NOT NULL,
    PRIMARY KEY (host, address, port, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX externals_last ON externals (last);

-- The state of the rules, as JSON.
CREATE TABLE engine (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    at INTEGER NOT NULL,
    state TEXT NOT NULL
) STRICT;

-- What sessions of before tell of it.
INSERT INTO hosts (host, received, sent, last)
    SELECT host, sum(in_confirmed + in_strong), sum(out_confirmed + out_strong), max(last)
    FROM sessions GROUP BY host;
INSERT INTO activity (host, first, last)
    SELECT host, first, max(last) FROM sessions
    WHERE in_confirmed + out_confirmed + in_strong + out_strong > 0 GROUP BY host, first;
INSERT INTO members (host, info_hash, first, last, role, downloaded, uploaded, complete)
    SELECT host, info_hash, first, max(last), 'member', 0, 0, 0 FROM sessions
    WHERE info_hash <> '' GROUP BY host, info_hash, first;
INSERT INTO externals (host, address, port, day, first, last, votes)
    SELECT host, external, 0, last / 86400000000000 * 86400000000000, min(first), max(last), 1 FROM sessions
    WHERE external IS NOT NULL GROUP BY host, external, 4;
INSERT INTO listens (host, port, channel, transport, day, first, last)
    SELECT host, local_port, 'peer-wire', '', last / 86400000000000 * 86400000000000, min(first), max(last) FROM sessions
    WHERE local_port IS NOT NULL GROUP BY host, local_port, 5;
