"""Indexing: briefs come into the full text when there is time for it, and at the latest before somebody searches."""

from __future__ import annotations

from claudemail.office.desk import Desk
from claudemail.store import text_index


async def index_some(desk: Desk) -> bool:
    """Take some briefs into the full text; return whether any was still to be taken in.

    Raises:
        StoreError: the database could not do it; they stay due.
    """
    if await desk.mail.read(text_index.due) is None:
        return False
    await desk.mail.write(text_index.take_in_some)
    return True


async def index_due(desk: Desk) -> None:
    """Take all briefs into the full text that are accepted by now. Raises as `index_some`."""
    last = await desk.mail.read(text_index.due)
    place = 0
    while last is not None and place < last:  # those that are accepted meanwhile may be due: else it might never end
        place = await desk.mail.write(text_index.take_in_some)
