-- The registry database, version 1: what other nodes last said of themselves. Losing it costs one heartbeat interval.

CREATE TABLE peers (
    node          TEXT PRIMARY KEY,
    heard_at      INTEGER,
    rtt_ms        REAL,
    skew_ms       INTEGER,
    version       TEXT,
    error         TEXT,
    failing_since INTEGER,
    retry_at      INTEGER,
    roster        TEXT NOT NULL DEFAULT '[]'
) STRICT, WITHOUT ROWID;
