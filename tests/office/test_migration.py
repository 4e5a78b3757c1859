"""A database of the first version, with mail in it, opened by this one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from claudemail.config import Config
from claudemail.model.brief import Draft, Priority
from claudemail.model.query import Query, parse_words
from claudemail.office import Office
from claudemail.office.actions import Wanted
from claudemail.store.database import MAIL

if TYPE_CHECKING:
    from tests.office.conftest import Carry


def as_first_version(path: Path) -> None:
    """Put a database that the first version would have in the place of one that this version made."""
    old = path.with_name("first.db")
    with closing(sqlite3.connect(old, isolation_level=None)) as first:
        first.executescript(MAIL.text(1))
        triggers = first.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            first.execute(f"DROP TRIGGER {name}")
        first.execute("ATTACH ? AS whole", (str(path),))
        tables = first.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            columns = ", ".join(row[1] for row in first.execute(f"PRAGMA main.table_info({table})"))
            if columns and not table.startswith("sqlite_"):
                first.execute(f"INSERT OR REPLACE INTO main.{table} ({columns}) SELECT {columns} FROM whole.{table}")
        first.execute("DETACH whole")
        for _, sql in triggers:
            first.execute(sql)
        first.execute("PRAGMA user_version = 1")
        first.execute("PRAGMA journal_mode = DELETE")
    for part in ("-wal", "-shm"):
        path.with_name(path.name + part).unlink(missing_ok=True)
    old.replace(path)


async def views(office: Office) -> dict[str, Any]:
    """Return what there is to see of all mail and actions, but for what a stamp or the moment decides."""
    everything = office.operator()
    status = await office.status()
    actions = [
        await office.list_actions(everything, Wanted(assignee=name), limit=50) for name in (None, "alpha", "none")
    ]
    searches = [
        await office.search(everything, query, limit=50)
        for query in (
            Query(terms=parse_words("migration")),
            Query(sender="alpha"),
            Query(sender="charlie@server2"),
            Query(unread=True),
            Query(archived=True),
        )
    ]
    return {
        "inbox": await office.inbox(None, limit=50),
        "bravo": await office.check(await office.party("bravo")),
        "counts": (status.briefs, status.unread, status.sent, status.archived, status.starred, status.actions),
        "actions": [
            [one.model_dump(exclude={"number", "changed_at"}) for one in page.rows] for page in actions
        ],
        "found": [[hit.row.number for hit in page.hits] for page in searches],
    }  # fmt: skip


async def test_mail_of_the_first_version_is_there_with_its_actions(config: Config, other: Office, carry: Carry) -> None:
    """Mail, counts and receipts are as they were, all of it can be searched, and its actions are tracked and told to peers."""
    async with await Office.open(config) as office:
        alpha = await office.party("alpha")
        await office.send(
            alpha,
            Draft(
                to=["bravo"], title="Deploy", body="A migration:\n\n- [ ] Review it !high due:2030-01-02\n- [ ] Run it @alpha\n",
                actions=[{"text": "Say when"}], due="2030-01-01",
            ),
        )  # fmt: skip
        await office.send(alpha, Draft(to=["charlie"], title="Elsewhere", actions=[{"text": "Look"}]))
        await office.send(alpha, Draft(to=["bravo", "charlie"], title="Both", priority=Priority.URGENT))
        await carry(office, other)
        await other.send(await other.party("charlie"), Draft(to=["bravo"], title="From far", body="a migration"))
        await carry(other, office)
        bravo = await office.party("bravo")
        await office.shown(bravo, [(await office.read(bravo, "1")).number])
        before = await views(office)
    as_first_version(Path(config.db_path))
    async with await Office.open(config) as office:
        assert await views(office) == before
        assert len(before["actions"][0]) == 4
        assert before["found"][0] == [4, 1]
        assert await carry(office, other) > 0
        theirs = await other.list_actions(other.operator(), Wanted(), limit=50)
        assert [one.text for one in theirs.rows] == [one["text"] for one in before["actions"][0]]
        while await office.mirror_some():
            pass
        assert len(list(Path(config.mailbox_dir).rglob("*.md"))) == 6
    async with await Office.open(config) as office:
        assert await views(office) == before


async def test_what_the_third_version_took_in_is_not_taken_in_again(config: Config) -> None:
    """Its full text had every brief from the start: each word is in it once, and mail that comes now follows."""
    async with await Office.open(config) as office:
        for title in ("One", "Two"):
            await office.send(office.operator(), Draft(to=["alpha"], title=title, body="a migration"))
        while await office.index_some():
            pass
    with closing(sqlite3.connect(config.db_path)) as connection:
        connection.executescript("DELETE FROM meta WHERE key = 'indexed'; PRAGMA user_version = 3;")
    async with await Office.open(config) as office:
        assert not await office.index_some()
        await office.send(office.operator(), Draft(to=["alpha"], title="Three", body="a migration"))
        assert await office.index_some()
        page = await office.search(office.operator(), Query(terms=parse_words("migration")))
        assert [hit.row.title for hit in page.hits] == ["Three", "Two", "One"]
    with closing(sqlite3.connect(config.db_path)) as connection:
        connection.execute("CREATE VIRTUAL TABLE temp.words USING fts5vocab(main, briefs_text, 'row')")
        assert connection.execute("SELECT cnt FROM temp.words WHERE term = 'migration'").fetchone() == (3,)
