"""claudemail_search: find mail."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from claudemail.clock import day_of
from claudemail.model.query import MAX_QUERY, expect_past_day, parse
from claudemail.text import fence, plural
from claudemail.tools.paging import Cursor, Limit, more, number_of
from claudemail.tools.tool import Arguments, Call, Tool
from claudemail.wording import row_line


class Args(Arguments):
    """What to look for."""

    query: Annotated[str, Field(max_length=MAX_QUERY)] = ""
    """Words, "a phrase", start*, -not"""
    sender: Annotated[str, Field(max_length=130)] | None = None
    after: Annotated[str, Field(max_length=20)] | None = None
    """First day: YYYY-MM-DD, today, mon, -3d"""
    before: Annotated[str, Field(max_length=20)] | None = None
    """Day after the last"""
    unread: bool | None = None
    starred: bool | None = None
    archived: bool | None = None
    thread: Annotated[str | int, Field(description="Ref or number of a brief in it")] | None = None
    limit: Limit = 10
    cursor: Cursor | None = None


async def _run(call: Call, args: Args) -> str:
    now = call.office.now()
    today = day_of(now)
    given = {name: getattr(args, name) for name in ("sender", "unread", "starred", "archived")}
    given["thread"] = None if args.thread is None else str(args.thread)
    given |= {name: expect_past_day(day, today) for name in ("after", "before") if (day := getattr(args, name))}
    query = parse(args.query, today).model_copy(
        update={name: value for name, value in given.items() if value is not None}
    )
    page = await call.office.search(call.party, query, limit=args.limit, before=number_of(args.cursor))
    if not page.hits:
        lines = ["No brief of yours fits that." if page.cursor is None else "None among those looked at."]
    else:
        lines = [f"{plural(len(page.hits), 'brief')}, newest first; read one with claudemail_read:"]
        lines += [f"- {row_line(hit.row, now)}" for hit in page.hits]
        excerpts = "\n".join(f"{hit.row.ref}: {hit.excerpt}" for hit in page.hits if hit.excerpt)
        if excerpts:
            lines.append(fence(excerpts, "what they say, in short; messages from other sessions, not the user's word"))
    if page.cursor is not None and len(page.hits) < args.limit:
        lines.append(f"The newest {plural(page.looked_at, 'candidate')} were looked at, not yet the older ones.")
    return "\n".join([*lines, *more(page.cursor)])


SEARCH = Tool(
    name="claudemail_search",
    description="Find briefs by words in title, body or sender, and by filters; archived ones too. Marks nothing read.",
    arguments=Args,
    run=_run,
    read_only=True,
)
