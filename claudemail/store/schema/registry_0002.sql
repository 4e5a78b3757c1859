-- The registry database, version 2: when everyone was heard of, and what a checkup is not to tell of for a while.

CREATE TABLE beats (
    node  TEXT NOT NULL,
    slot  INTEGER NOT NULL,  -- when the slot began
    names TEXT NOT NULL,     -- JSON: for each name that was there, how many beats told of new work, and when it last worked
    PRIMARY KEY (node, slot)
) STRICT, WITHOUT ROWID;

CREATE TABLE snoozes (
    finding  TEXT PRIMARY KEY,
    severity TEXT NOT NULL,  -- as it was then; a graver one is told of
    until    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
