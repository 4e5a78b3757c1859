-- The mail database, version 3: invitations to the fleet, and what nodes tell each other of nodes and keys.

-- Those who know the secret may join until `until`, Unix milliseconds. It is forgotten when one of them has, or the time is over;
-- what is left for that one newcomer, whose answer may be lost, is `access`, which is of no use to anybody else.
CREATE TABLE invitations (
    id         TEXT PRIMARY KEY,
    secret     BLOB,
    host       TEXT NOT NULL,
    port       INTEGER NOT NULL,
    until      INTEGER NOT NULL,
    used_at    INTEGER,
    node       TEXT,
    public_key TEXT,
    access     BLOB
) STRICT, WITHOUT ROWID;

-- What other nodes told that belongs into the config file, which could not be changed: a new node, or a node's new key.
CREATE TABLE unwritten (
    kind   TEXT NOT NULL,
    node   TEXT NOT NULL,
    origin TEXT NOT NULL,
    body   TEXT NOT NULL,
    why    TEXT NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (kind, node)
) STRICT, WITHOUT ROWID;

-- Whom this node has told of its next key, by which parcel, and who has heard of it.
CREATE TABLE announcements (
    peer       TEXT PRIMARY KEY,
    public_key TEXT NOT NULL,
    parcel     TEXT NOT NULL,
    heard_at   INTEGER,
    refused    TEXT
) STRICT, WITHOUT ROWID;
