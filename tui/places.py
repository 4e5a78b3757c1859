"""Places in the console: a pane, and a thing on it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Where(StrEnum):
    """The five panes, in order."""

    INBOX = "inbox"
    ACTIONS = "actions"
    ROSTER = "roster"
    NODES = "nodes"
    CHECKUP = "checkup"


class Place(NamedTuple):
    """A pane, and what is to be seen on it."""

    where: Where
    what: str | None = None
    """A brief's id or ref, an action's id or ref, a name, a node; None: the pane as it stands."""
    mailbox: str | None = None
    """Inbox: whose mail is to be seen; None: as it is."""
