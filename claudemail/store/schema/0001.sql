-- The mail database, version 1. Times are Unix milliseconds; ids are UUIDv7 text.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Every brief this node sent or received. `canonical` is the exact text its node signed, pure ASCII JSON.
CREATE TABLE briefs (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    code        TEXT NOT NULL,
    ref         TEXT NOT NULL,
    thread      TEXT NOT NULL,
    at          INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL,
    sender      TEXT NOT NULL,
    instance    TEXT,
    node        TEXT NOT NULL,
    title       TEXT NOT NULL,
    priority    INTEGER NOT NULL,
    actions     INTEGER NOT NULL,
    canonical   TEXT NOT NULL,
    signature   TEXT NOT NULL,
    verified    INTEGER NOT NULL
) STRICT;
CREATE INDEX briefs_by_code ON briefs (code);
CREATE INDEX briefs_by_thread ON briefs (thread, at);

-- How many briefs there are from each node, kept by the trigger.
CREATE TABLE totals (
    node   TEXT PRIMARY KEY,
    briefs INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER briefs_counted AFTER INSERT ON briefs BEGIN
    INSERT INTO totals (node, briefs) VALUES (new.node, 1) ON CONFLICT DO UPDATE SET briefs = briefs + 1;
END;

-- One row for each mailbox of this node that holds a brief.
CREATE TABLE entries (
    mailbox  TEXT NOT NULL COLLATE NOCASE,
    brief    INTEGER NOT NULL REFERENCES briefs (number),
    priority INTEGER NOT NULL,
    read_at  INTEGER,
    read_by  TEXT,
    PRIMARY KEY (mailbox, brief)
) STRICT, WITHOUT ROWID;
CREATE INDEX entries_unread ON entries (mailbox, priority, brief) WHERE read_at IS NULL;
CREATE INDEX entries_by_brief ON entries (brief);

-- Kept by the triggers below, so that counting is a look-up however many briefs there are.
CREATE TABLE counters (
    mailbox  TEXT NOT NULL COLLATE NOCASE,
    priority INTEGER NOT NULL,
    sender   TEXT NOT NULL,
    unread   INTEGER NOT NULL,
    received INTEGER NOT NULL,
    PRIMARY KEY (mailbox, priority, sender)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER entries_counted AFTER INSERT ON entries BEGIN
    INSERT INTO counters (mailbox, priority, sender, unread, received)
    SELECT new.mailbox, new.priority, sender || ' (' || node || ')', new.read_at IS NULL, 1
    FROM briefs WHERE number = new.brief
    ON CONFLICT DO UPDATE SET unread = unread + excluded.unread, received = received + 1;
END;
CREATE TRIGGER entries_recounted AFTER UPDATE OF read_at ON entries
WHEN (old.read_at IS NULL) <> (new.read_at IS NULL) BEGIN
    UPDATE counters SET unread = unread + (new.read_at IS NULL) - (old.read_at IS NULL)
    WHERE mailbox = new.mailbox AND priority = new.priority
      AND sender = (SELECT sender || ' (' || node || ')' FROM briefs WHERE number = new.brief);
END;

-- What the sender's node knows of each recipient of a brief it sent.
CREATE TABLE recipients (
    brief        INTEGER NOT NULL REFERENCES briefs (number),
    name         TEXT NOT NULL COLLATE NOCASE,
    node         TEXT NOT NULL,
    queued_at    INTEGER NOT NULL,
    delivered_at INTEGER,
    notified_at  INTEGER,
    read_at      INTEGER,
    read_by      TEXT,
    failed_at    INTEGER,
    reason       TEXT,
    PRIMARY KEY (brief, name, node)
) STRICT, WITHOUT ROWID;

-- A caller's idempotency key stands for the brief that was accepted with it.
CREATE TABLE send_keys (
    sender TEXT NOT NULL,
    key    TEXT NOT NULL,
    digest TEXT NOT NULL,
    brief  INTEGER NOT NULL REFERENCES briefs (number),
    PRIMARY KEY (sender, key)
) STRICT, WITHOUT ROWID;

-- The lane to each peer: the epoch its numbers count in, and the next number.
CREATE TABLE lanes (
    peer     TEXT PRIMARY KEY,
    epoch    TEXT NOT NULL,
    next_seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Parcels to peers. A brief's parcel has no body of its own: it is made from the brief and `names`. Rows stay after they are
-- acknowledged, as the sent log from which a peer that was set back is served again. `service` is the node's service time,
-- which `meta` keeps, when the parcel came to wait or was done: age is counted in that, since clocks are set.
CREATE TABLE outbox (
    peer      TEXT NOT NULL,
    epoch     TEXT NOT NULL,
    seq       INTEGER NOT NULL,
    id        TEXT NOT NULL,
    kind      TEXT NOT NULL,
    brief     INTEGER REFERENCES briefs (number),
    names     TEXT,
    body      TEXT,
    bytes     INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    service   INTEGER NOT NULL,
    done_at   INTEGER,
    dead_code TEXT,
    reason    TEXT,
    PRIMARY KEY (peer, epoch, seq)
) STRICT;
CREATE INDEX outbox_waiting ON outbox (peer, seq) WHERE done_at IS NULL;
CREATE INDEX outbox_dead ON outbox (peer, at) WHERE dead_code IS NOT NULL;
CREATE INDEX outbox_by_service ON outbox (service);
CREATE INDEX outbox_by_brief ON outbox (brief);

-- How far each peer's lane has come in, per epoch of its numbers.
CREATE TABLE inbound (
    origin TEXT NOT NULL,
    epoch  TEXT NOT NULL,
    have   INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (origin, epoch)
) STRICT, WITHOUT ROWID;

-- Every parcel taken in or refused, so that one that comes again is known.
CREATE TABLE received (
    id          TEXT NOT NULL,
    origin      TEXT NOT NULL,
    at          INTEGER NOT NULL,
    refused     TEXT,
    reason      TEXT,
    PRIMARY KEY (id, origin)
) STRICT, WITHOUT ROWID;

-- Callsigns that sessions of this node hold or held. A session's writes carry its epoch; an older one is fenced off.
CREATE TABLE leases (
    callsign   TEXT PRIMARY KEY COLLATE NOCASE,
    instance   TEXT NOT NULL,
    epoch      INTEGER NOT NULL,
    holder     TEXT NOT NULL,
    pid        INTEGER NOT NULL,
    client_pid INTEGER NOT NULL,
    session_id TEXT,
    project    TEXT,
    since      INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    ended_at   INTEGER
) STRICT, WITHOUT ROWID;
