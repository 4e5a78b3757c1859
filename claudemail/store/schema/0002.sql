-- The mail database, version 2: actions, stars, the archive, search, and what the mirror has still to write.

ALTER TABLE entries ADD COLUMN notified_at INTEGER;
ALTER TABLE entries ADD COLUMN archived_at INTEGER;
CREATE INDEX entries_current ON entries (mailbox, brief) WHERE archived_at IS NULL;
CREATE INDEX entries_untold ON entries (mailbox, brief) WHERE read_at IS NULL AND notified_at IS NULL;

ALTER TABLE counters ADD COLUMN archived INTEGER NOT NULL DEFAULT 0;
CREATE TRIGGER entries_archived AFTER UPDATE OF archived_at ON entries
WHEN (old.archived_at IS NULL) <> (new.archived_at IS NULL) BEGIN
    UPDATE counters SET archived = archived + (new.archived_at IS NOT NULL) - (old.archived_at IS NOT NULL)
    WHERE mailbox = new.mailbox AND priority = new.priority
      AND sender = (SELECT sender || ' (' || node || ')' FROM briefs WHERE number = new.brief);
END;

-- How often somebody asked for the peer to be tried at once.
ALTER TABLE lanes ADD COLUMN retries INTEGER NOT NULL DEFAULT 0;

CREATE INDEX briefs_by_sender ON briefs (node, sender, number);

-- Whoever stars a brief sees it starred, and nothing starred is archived.
CREATE TABLE stars (
    name  TEXT NOT NULL COLLATE NOCASE,
    brief INTEGER NOT NULL REFERENCES briefs (number),
    at    INTEGER NOT NULL,
    PRIMARY KEY (name, brief)
) STRICT, WITHOUT ROWID;
CREATE INDEX stars_by_brief ON stars (brief);

-- What is known of each action: of every field the change with the latest stamp. `text` is NULL while only later changes have
-- come and not the one that made the action. `urgency` grows the other way round than priority, so that one index has the
-- order of lists; no due day sorts behind all days.
CREATE TABLE actions (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    code       TEXT NOT NULL,
    bucket     INTEGER NOT NULL,
    ref        TEXT,
    text       TEXT,
    assignee   TEXT NOT NULL DEFAULT '' COLLATE NOCASE,
    status     INTEGER NOT NULL DEFAULT 0,
    urgency    INTEGER NOT NULL DEFAULT 2,
    due        TEXT NOT NULL DEFAULT '~',
    note       TEXT,
    brief      TEXT,
    asker      TEXT COLLATE NOCASE,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    status_at  INTEGER NOT NULL,
    stamps     TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX actions_by_code ON actions (code);
CREATE INDEX actions_by_bucket ON actions (bucket);
CREATE INDEX actions_by_brief ON actions (brief) WHERE brief IS NOT NULL;
CREATE INDEX actions_pressing ON actions (status, urgency, due, number) WHERE text IS NOT NULL;
CREATE INDEX actions_assigned ON actions (assignee, status, urgency, due, number) WHERE text IS NOT NULL;
CREATE INDEX actions_asked ON actions (asker, status, urgency, due, number) WHERE text IS NOT NULL;
CREATE INDEX actions_due ON actions (status, due, urgency, number) WHERE text IS NOT NULL;
CREATE INDEX actions_changed ON actions (status, status_at, number) WHERE text IS NOT NULL;

-- How many actions there are of each status, kept by the trigger; an action is inserted without a text.
CREATE TABLE action_totals (
    status  INTEGER PRIMARY KEY,
    actions INTEGER NOT NULL
) STRICT;
CREATE TRIGGER actions_counted AFTER UPDATE OF text, status ON actions
WHEN old.status <> new.status OR (old.text IS NULL) <> (new.text IS NULL) BEGIN
    UPDATE action_totals SET actions = actions - (old.text IS NOT NULL) WHERE status = old.status;
    INSERT INTO action_totals VALUES (new.status, new.text IS NOT NULL)
    ON CONFLICT DO UPDATE SET actions = actions + excluded.actions;
END;

CREATE VIRTUAL TABLE actions_text USING fts5 (
    text, note, content = '', tokenize = 'unicode61 remove_diacritics 2'
);

-- Every change ever made to an action, here or elsewhere: the history, and what nodes compare. `canonical` is the exact text
-- that the node it was made on signed.
CREATE TABLE action_changes (
    place     INTEGER PRIMARY KEY AUTOINCREMENT,
    action    INTEGER NOT NULL REFERENCES actions (number),
    stamp     TEXT NOT NULL,
    digest    TEXT NOT NULL,
    canonical TEXT NOT NULL,
    signature TEXT NOT NULL,
    verified  INTEGER NOT NULL,
    UNIQUE (action, stamp, digest)
) STRICT;

-- The sum of all changes in each of 256 parts of the actions, so that two nodes see in a moment where they differ.
CREATE TABLE action_digests (
    bucket INTEGER PRIMARY KEY,
    digest TEXT NOT NULL
) STRICT;

-- Full text. It keeps no text of its own: that is in the briefs.
CREATE VIRTUAL TABLE briefs_text USING fts5 (
    title, body, sender, who, content = '', prefix = '3', tokenize = 'unicode61 remove_diacritics 2'
);
INSERT INTO briefs_text (rowid, title, body, sender, who)
SELECT b.number, searchable(b.title), searchable(json_extract(b.canonical, '$.body')), b.sender || ' ' || b.node,
       who(b.sender, b.instance, b.node, (SELECT group_concat(mailbox) FROM entries WHERE brief = b.number))
FROM briefs b;

-- How long after it was sent, and by clocks that differ how long before, a brief ever came here, at most: who looks for the
-- briefs of a day need not look at those that came later than this.
CREATE TRIGGER briefs_long_on_their_way AFTER INSERT ON briefs
WHEN new.accepted_at - new.at > coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'longest_way_ms'), 0) BEGIN
    INSERT INTO meta VALUES ('longest_way_ms', new.accepted_at - new.at) ON CONFLICT DO UPDATE SET value = excluded.value;
END;
CREATE TRIGGER briefs_ahead_of_time AFTER INSERT ON briefs
WHEN new.at - new.accepted_at > coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'longest_ahead_ms'), 0) BEGIN
    INSERT INTO meta VALUES ('longest_ahead_ms', new.at - new.accepted_at) ON CONFLICT DO UPDATE SET value = excluded.value;
END;
INSERT INTO meta SELECT 'longest_way_ms', max(accepted_at - at) FROM briefs HAVING max(accepted_at - at) > 0
ON CONFLICT DO UPDATE SET value = excluded.value;
INSERT INTO meta SELECT 'longest_ahead_ms', max(at - accepted_at) FROM briefs HAVING max(at - accepted_at) > 0
ON CONFLICT DO UPDATE SET value = excluded.value;

-- Briefs whose files in the mailbox folder are not as they should be. `mark` is another with every change, so that one made
-- while a file is being written is not forgotten.
CREATE TABLE unmirrored (
    brief INTEGER PRIMARY KEY,
    mark  INTEGER NOT NULL DEFAULT (random() / 2)
) STRICT;
INSERT INTO unmirrored (brief) SELECT number FROM briefs;

-- Actions of briefs that an earlier version sent are made when the database is opened.
INSERT INTO meta SELECT 'without_actions', '1' WHERE EXISTS (SELECT 1 FROM briefs WHERE actions > 0);

CREATE TRIGGER briefs_unmirrored AFTER INSERT ON briefs BEGIN
    INSERT INTO unmirrored (brief) VALUES (new.number) ON CONFLICT DO UPDATE SET mark = mark + 1;
END;
CREATE TRIGGER entries_unmirrored AFTER INSERT ON entries BEGIN
    INSERT INTO unmirrored (brief) VALUES (new.brief) ON CONFLICT DO UPDATE SET mark = mark + 1;
END;
CREATE TRIGGER entries_remirrored AFTER UPDATE OF read_at, archived_at ON entries BEGIN
    INSERT INTO unmirrored (brief) VALUES (new.brief) ON CONFLICT DO UPDATE SET mark = mark + 1;
END;
CREATE TRIGGER stars_set AFTER INSERT ON stars BEGIN
    INSERT INTO unmirrored (brief) VALUES (new.brief) ON CONFLICT DO UPDATE SET mark = mark + 1;
END;
CREATE TRIGGER stars_taken AFTER DELETE ON stars BEGIN
    INSERT INTO unmirrored (brief) VALUES (old.brief) ON CONFLICT DO UPDATE SET mark = mark + 1;
END;
