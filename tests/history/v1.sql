-- A history of schema 1, as its first version wrote it. Never to be changed: what it holds must be read for ever.

-- Times are nanoseconds since 1970 (UTC), addresses and info-hashes are text, bytes are those on the wire.

-- A sensor's run, or the analysis of captures.
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,                 -- watch, analyze
    source TEXT NOT NULL,               -- interfaces or files
    started INTEGER NOT NULL,
    heartbeat INTEGER NOT NULL,
    ended INTEGER NOT NULL DEFAULT 0,   -- 1: it ended as it should
    UNIQUE (kind, source, started)
) STRICT;

-- How well the sensor saw, by minutes.
CREATE TABLE coverage (
    minute INTEGER NOT NULL,            -- its begin
    run INTEGER NOT NULL,
    first INTEGER NOT NULL,             -- first and last sign of life in it
    last INTEGER NOT NULL,
    packets INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    down INTEGER NOT NULL,              -- nanoseconds that interfaces were down
    silence INTEGER NOT NULL,           -- longest time without a sign of life, in nanoseconds
    flows INTEGER NOT NULL,
    one_way INTEGER NOT NULL,
    evicted INTEGER NOT NULL,
    panics INTEGER NOT NULL,
    cut INTEGER NOT NULL,
    damage INTEGER NOT NULL,
    filtered INTEGER NOT NULL,
    PRIMARY KEY (minute, run)
) STRICT, WITHOUT ROWID;

-- What a host did by one protocol, in one torrent where that is known, without a pause of half an hour.
CREATE TABLE sessions (
    host TEXT NOT NULL,
    info_hash TEXT NOT NULL,            -- '' where it is not known
    kind TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    local_port INTEGER,                 -- on which others reached it, or its UDP port
    external TEXT,                      -- its address as others said they see it
    flows INTEGER NOT NULL,
    peers INTEGER NOT NULL,
    in_confirmed INTEGER NOT NULL,
    out_confirmed INTEGER NOT NULL,
    in_strong INTEGER NOT NULL,
    out_strong INTEGER NOT NULL,
    in_suspected INTEGER NOT NULL,
    out_suspected INTEGER NOT NULL,
    client TEXT,
    PRIMARY KEY (host, info_hash, kind, first)
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_last ON sessions (last);

-- What attempts from outside found at a port, while it was the same.
CREATE TABLE exposure (
    host TEXT NOT NULL,
    transport TEXT NOT NULL,
    port INTEGER NOT NULL,
    answer TEXT NOT NULL,               -- accepted, refused, filtered, silence
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    PRIMARY KEY (host, transport, port, answer, first)
) STRICT, WITHOUT ROWID;
CREATE INDEX exposure_last ON exposure (last);

-- Changes of the state of a host.
CREATE TABLE host_states (
    host TEXT NOT NULL,
    at INTEGER NOT NULL,
    state TEXT NOT NULL,
    evidence TEXT NOT NULL,             -- sentences, one a line
    PRIMARY KEY (host, at)
) STRICT, WITHOUT ROWID;
CREATE INDEX host_states_at ON host_states (at);

CREATE TABLE alerts (
    rule INTEGER NOT NULL,
    group_key TEXT NOT NULL,
    since INTEGER NOT NULL,
    name TEXT NOT NULL,
    severity TEXT NOT NULL,
    host TEXT,
    state TEXT NOT NULL,                -- firing, resolved
    opened INTEGER NOT NULL,
    last INTEGER NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (rule, group_key, since)
) STRICT, WITHOUT ROWID;
CREATE INDEX alerts_last ON alerts (last);

-- Ports that hosts asked a router to forward.
CREATE TABLE mappings (
    host TEXT NOT NULL,
    router TEXT NOT NULL,
    transport TEXT NOT NULL,
    internal_port INTEGER NOT NULL,
    external_port INTEGER NOT NULL,
    protocol TEXT NOT NULL,
    at INTEGER NOT NULL,
    lifetime INTEGER NOT NULL,          -- seconds
    inside TEXT,                        -- the inside host, where the message names one
    answer INTEGER,                     -- the router's result, 0 for success; NULL for a request
    PRIMARY KEY (host, router, transport, internal_port, external_port, protocol, at)
) STRICT, WITHOUT ROWID;
CREATE INDEX mappings_at ON mappings (at);

INSERT INTO runs VALUES (1, 'analyze', 'old.pcap', 1767225600000000000, 1767229200000000000, 1);
INSERT INTO coverage (minute, run, first, last, packets, bytes, lost, down, silence, flows, one_way, evicted, panics, cut,
    damage, filtered)
    VALUES (1767225600000000000, 1, 1767225600000000000, 1767225659000000000, 100, 9000, 0, 0, 0, 7, 1, 0, 0, 0, 0, 0);
INSERT INTO sessions VALUES ('10.0.0.5', '96a5cbc4277307610e9bddd8d95cd0f50461abfa', 'peer-wire', 1767225600000000000,
    1767225650000000000, 6881, '198.51.100.2', 2, 2, 1000, 2000, 0, 0, 0, 0, 'qBittorrent 4.5.2');
INSERT INTO exposure VALUES ('10.0.0.5', 'TCP', 6881, 'accepted', 1767225600000000000, 1767225650000000000, 3);
INSERT INTO host_states VALUES ('10.0.0.5', 1767225655000000000, 'active', 'it sends');
INSERT INTO mappings VALUES ('10.0.0.5', '10.0.0.1:5351', 'TCP', 6881, 6881, 'nat-pmp', 1767225600000000000, 3600, NULL, 0);
INSERT INTO alerts VALUES (9000201, 'host=10.0.0.5', 1767225650000000000, 'upload-quota', 'warning', '10.0.0.5', 'firing',
    1767225650000000000, 1767225655000000000, 2.5);
PRAGMA user_version = 1;
