"""Which of the node's mail is listed: whose it is, and which of that."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from claudemail.config import OPERATOR
from claudemail.model.query import Query
from claudemail.model.views import InboxPage, SentPage
from claudemail.office import Office


class Filter(StrEnum):
    """Which briefs of a mailbox are listed, in the order that a key goes through them."""

    ALL = "all"
    UNREAD = "unread"
    STARRED = "starred"
    SENT = "sent"

    @property
    def next(self) -> Filter:
        """The one after this."""
        order = list(Filter)
        return order[(order.index(self) + 1) % len(order)]


class Scope(NamedTuple):
    """Whose mail is listed, and which of it."""

    name: str | None = None
    """A callsign, an instance or the operator; None: everyone on this node."""
    filter: Filter = Filter.ALL

    @property
    def narrow(self) -> bool:
        """Whether anything is left out."""
        return self != Scope()

    def whose(self, node: str) -> str:
        """Return whose mail is listed, in words."""
        return f"all on {node}" if self.name is None else "mine" if self.name == OPERATOR else self.name

    def words(self, node: str) -> str:
        """Return what is listed, in words."""
        whose = self.whose(node)
        return whose if self.filter is Filter.ALL else f"{self.filter} · {whose}"

    @property
    def nothing(self) -> str:
        """What is said where there is nothing to list, with how to go on."""
        if self.filter is not Filter.ALL:
            what = {Filter.UNREAD: "All is read", Filter.STARRED: "Nothing is starred", Filter.SENT: "Nothing was sent"}
            return f"{what[self.filter]}. esc shows all mail."
        if self.name is None:
            return "No mail yet. c writes a brief."
        return f"No mail for {'you' if self.name == OPERATOR else self.name} yet. m shows others'."


async def page(
    office: Office, scope: Scope, *, limit: int, before: int | None = None, after: int | None = None
) -> InboxPage | SentPage:
    """Return part of what is listed, newest first: the rows next below a number, or next above one.

    Raises:
        UnknownName: there is nobody of that name on this node.
        StoreError: the database could not say.
    """
    if scope.filter is Filter.SENT:
        name = None if scope.name is None else (await office.party(scope.name)).name
        return await office.sent(name, limit=limit, before=before, after=after)
    boxes = await mailboxes(office, scope)
    if scope.filter is Filter.STARRED:
        return await office.starred(boxes, limit=limit, before=before, after=after, viewer=OPERATOR)
    unread = scope.filter is Filter.UNREAD
    return await office.inbox(boxes, unread=unread, limit=limit, before=before, after=after, viewer=OPERATOR)


async def mailboxes(office: Office, scope: Scope) -> Sequence[str] | None:
    """Return the mailboxes whose mail is listed: a callsign's own and its instance's; None: all of the node.

    Raises:
        UnknownName: there is nobody of that name on this node.
    """
    return None if scope.name is None else (await office.party(scope.name)).mailboxes


def narrowed(query: Query, scope: Scope, node: str) -> Query:
    """Return a query for what it finds among the briefs that the filter lets through."""
    if scope.filter is Filter.UNREAD:
        return query.model_copy(update={"unread": True})
    if scope.filter is Filter.STARRED:
        return query.model_copy(update={"starred": True})
    if scope.filter is Filter.SENT and query.sender is None:
        return query.model_copy(update={"sender": f"{scope.name or ''}@{node}"})
    return query
