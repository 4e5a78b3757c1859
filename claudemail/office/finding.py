"""Finding a brief for someone: by ref, number or id, among those that are theirs."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from claudemail.errors import NotFound
from claudemail.office.party import Party
from claudemail.store import briefs, entries


class Found(NamedTuple):
    """A brief's row, all mailboxes of this node that hold it, and those of them that are the reader's own."""

    row: sqlite3.Row
    held: list[sqlite3.Row]
    own: list[sqlite3.Row]


def find_for(connection: sqlite3.Connection, party: Party, word: str) -> Found:
    """Return the brief that goes by `word`.

    Raises:
        NotFound: there is none, or it is neither from nor to this party. The operator finds every brief of the node.
    """
    row = briefs.find(connection, word)
    held = entries.holders(connection, row["number"])
    mailboxes = {mailbox.lower() for mailbox in party.mailboxes}
    own = [entry for entry in held if entry["mailbox"].lower() in mailboxes]
    if not own and not party.is_operator and not _wrote(party, row):
        raise NotFound(f"Brief {row['ref']} is neither from nor to {party.name}.")
    return Found(row, held, own)


def _wrote(party: Party, row: sqlite3.Row) -> bool:
    return bool(
        row["node"] == party.node and (row["sender"] == party.name or (row["instance"] or "") in party.mailboxes)
    )
