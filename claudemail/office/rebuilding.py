"""Rebuilding: a database from the mirror's files, for a node whose own is lost or damaged and that has no backup.

What the files say is taken as it stands. What had not been written to them yet, other nodes send again: to them this looks like
a node that was set back.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from claudemail.callsigns import generated
from claudemail.clock import iso_ms
from claudemail.config import DEFAULT_INSTANCE, OPERATOR
from claudemail.errors import ClaudeMailError, InvalidInput
from claudemail.keys import verify
from claudemail.model import document
from claudemail.model.brief import SIGNED_AS, Brief, canonical, invalid
from claudemail.model.ids import new_id
from claudemail.model.parcel import Origin
from claudemail.model.views import RebuildView
from claudemail.office import indexing, replication
from claudemail.office.actions import make_of_brief
from claudemail.office.desk import INBOX, SENT, Desk
from claudemail.office.mirror import ACTIONS, CHANGES, order_of
from claudemail.store import actions, briefs, entries, leases, outbox, recipients, stars
from claudemail.text import shorten

_MOST_FRONTMATTER = 512 * 1024
_MOST_FILE = 2 * 1024 * 1024
_STEP = 200
_MOST_SKIPPED = 50


class _Copy(NamedTuple):
    """A brief as a file of the mirror has it, and what that says beside."""

    path: Path
    brief: Brief
    kept: dict[str, str]


class Rebuilding:
    """Fills the empty database of a desk from the files in its mailbox folder."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._folder = Path(desk.config.mailbox_dir)
        here = desk.config.node_id
        known = desk.keyring.of_content
        self._keys = {**known, here: (desk.key.public, *known.get(here, ()))}
        self._counted = dict.fromkeys(("briefs", "entries", "changes", "queued", "unverified"), 0)
        self._skipped: list[str] = []

    async def run(self) -> RebuildView:
        """Take in all files; return what there was.

        Raises:
            StoreError: the new database could not take it.
        """
        paths = iter(sorted(self._paths(), key=order_of))
        while some := list(islice(paths, _STEP)):
            copies = [copy for path in some if (copy := self._read(path)) is not None]
            await self._desk.mail.write(partial(self._take_all, copies=copies))
        lines = iter(self._lines())
        while group := list(islice(lines, _STEP)):
            await self._desk.mail.write(partial(self._take_changes, lines=group))
        await self._desk.mail.write(self._make_missing_actions)
        here = self._desk.config.node_id
        await self._desk.mail.write(lambda connection: recipients.read_here(connection, here))
        await self._desk.mail.write(self._remember_names)
        await indexing.index_due(self._desk)
        return RebuildView(**self._counted, skipped=self._skipped[:_MOST_SKIPPED], former=None)

    def _paths(self) -> Iterator[Path]:
        for kind in (INBOX, SENT):
            for folder, _, names in os.walk(self._folder / kind):
                for name in names:
                    path = Path(folder, name)
                    if name.endswith(".md") and not name.startswith(".") and not path.is_symlink():
                        yield path

    def _read(self, path: Path) -> _Copy | None:
        try:
            if path.stat().st_size > _MOST_FILE:
                raise InvalidInput("it is too large for a brief")
            found = document.parse(path.read_text("utf-8"), most=_MOST_FRONTMATTER)
            return _Copy(path, _brief(found), found.origin)
        except ValidationError as error:
            self._skip(path, invalid(error, "it").message)
        except (OSError, ValueError, KeyError) as error:
            self._skip(path, f"{type(error).__name__}: {error}")
        except ClaudeMailError as error:
            self._skip(path, error.message)
        return None

    def _skip(self, path: Path, why: str) -> None:
        self._skipped.append(f"{path.relative_to(self._folder)}: {shorten(why, 200)}")

    def _take_all(self, connection: sqlite3.Connection, copies: list[_Copy]) -> None:
        for copy in copies:
            self._take(connection, copy)

    def _take(self, connection: sqlite3.Connection, copy: _Copy) -> None:
        brief, kept = copy.brief, copy.kept
        row = connection.execute("SELECT number FROM briefs WHERE id = ?", (brief.id,)).fetchone()
        number = self._insert(connection, brief, kept) if row is None else row["number"]
        mailbox = kept.get("mailbox")
        if mailbox is not None:
            entries.deliver(connection, number, brief, [mailbox], known=True)
            self._set_state(connection, mailbox, number, kept)
            self._counted["entries"] += 1
        for name in filter(None, kept.get("starred", "").split(", ")):
            if not stars.starred(connection, [number], [name]):
                stars.toggle(connection, name, number, self._desk.wall())
        if "recipients" in kept:
            self._queue(connection, number, brief, kept)

    def _insert(self, connection: sqlite3.Connection, brief: Brief, kept: dict[str, str]) -> int:
        text = canonical(brief.fields())
        signature = kept.get("signature", "")
        keys = self._keys.get(brief.sender.node, ())
        verified = any(verify(key, signature, SIGNED_AS + text.encode()) for key in keys)
        number = briefs.insert(connection, brief, text, signature, verified=verified, now=iso_ms(kept["accepted"]))
        entries.deliver(connection, number, brief, [], known=False)
        self._counted["briefs"] += 1
        self._counted["unverified"] += not verified
        return number

    def _set_state(self, connection: sqlite3.Connection, mailbox: str, number: int, kept: dict[str, str]) -> None:
        if "read" in kept:
            moment, _, by = kept["read"].partition(" by ")
            entries.mark_read(connection, [mailbox], number, by or mailbox, iso_ms(moment))
        if "archived" in kept:
            entries.archive(connection, mailbox, number, iso_ms(kept["archived"]))

    def _queue(self, connection: sqlite3.Connection, number: int, brief: Brief, kept: dict[str, str]) -> None:
        """Note to whom a brief of this node went, and send it to them again as long as it may not have come there."""
        here, peers = self._desk.config.node_id, {peer.id for peer in self._desk.config.peers}
        accepted, now = iso_ms(kept["accepted"]), self._desk.wall()
        old = now - accepted > outbox.RETENTION_MS
        away: dict[str, list[str]] = {}
        for word in filter(None, kept["recipients"].split(", ")):
            name, _, node = word.partition("@")
            queued = node != here and node in peers and not old
            recipients.add(connection, number, name, node, now=accepted, delivered=not queued)
            if queued:
                away.setdefault(node, []).append(name)
        size = len(canonical(brief.fields()))
        for node, names in away.items():
            outbox.enqueue_brief(connection, node, new_id(now), number, names, size, now)
        self._counted["queued"] += bool(away)

    def _lines(self) -> Iterator[str]:
        try:
            with (self._folder / ACTIONS / CHANGES).open(encoding="utf-8", errors="replace") as file:
                yield from file
        except FileNotFoundError:
            return

    def _take_changes(self, connection: sqlite3.Connection, lines: list[str]) -> None:
        origin = Origin(node=self._desk.config.node_id, verified=True)
        for line in lines:
            try:
                [one] = replication.read_changes({"changes": [json.loads(line)]}, origin, self._keys)
            except (ValueError, ClaudeMailError, RecursionError):  # half a line, as a power cut leaves it
                self._skip(self._folder / ACTIONS / CHANGES, f"a line is no change: {shorten(line, 60)}")
                continue
            new = actions.apply(connection, one.change, one.canonical, one.signature, verified=one.verified)
            self._counted["changes"] += new

    def _make_missing_actions(self, connection: sqlite3.Connection) -> None:
        """Make the actions of briefs of this node that the file of changes does not have."""
        for brief, names in briefs.with_actions(connection, self._desk.config.node_id):
            if not actions.of_brief(connection, brief.id):
                make_of_brief(self._desk, connection, brief, names[0] if len(names) == 1 else None)

    def _remember_names(self, connection: sqlite3.Connection) -> None:
        """Note the callsigns beyond the config that have mail: only from their leases does anybody know that they exist."""
        config = self._desk.config
        own = config.instances_on(config.node_id)
        known = {OPERATOR, *(one.id.lower() for one in own), *(sign.lower() for one in own for sign in one.callsigns)}
        made_up = set(islice(generated(config), 1_000))
        now = self._desk.wall()
        for name in entries.mailboxes_of(connection):
            if name.lower() not in known and name in made_up:
                instance = own[0].id if own else DEFAULT_INSTANCE
                epoch = leases.claim(
                    connection, name, instance, holder="", pid=0, client_pid=0, session_id=None, project=None, now=now
                )
                leases.end(connection, name, epoch, now)


def _brief(found: document.Document) -> Brief:
    """Return the brief that a file of the mirror is of.

    Raises:
        KeyError, ValueError: it is no such file, or damaged.
    """
    kept = found.origin
    name, _, node = kept["from"].removesuffix(")").partition(" (")
    fields: dict[str, Any] = {
        **found.draft,
        "id": kept["id"],
        "ref": kept["ref"],
        "stamp": kept["stamp"],
        "at": iso_ms(kept["sent"]),
        "sender": {"name": name, "instance": kept.get("instance"), "node": node},
        "thread": kept.get("thread", kept["id"]),
    }
    iso_ms(kept["accepted"])
    return Brief.model_validate(fields)
