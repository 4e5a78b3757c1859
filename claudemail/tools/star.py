"""claudemail_star: mark a brief to find it again."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from claudemail.tools.tool import Arguments, Call, Tool


class Args(Arguments):
    """Which brief."""

    ref: Annotated[str | int, Field(description="Ref or number of the brief")]


async def _run(call: Call, args: Args) -> str:
    view = await call.office.star(call.party, str(args.ref))
    name = f'{view.row.ref} ({view.row.number}) "{view.row.title}"'
    if view.starred:
        return f"Starred {name}. It is never archived while it is; claudemail_search is:starred finds it."
    return f"{name} is no longer starred."


STAR = Tool(
    name="claudemail_star",
    description="Star a brief, or take its star away. Starred briefs are kept out of the archive and easy to find again.",
    arguments=Args,
    run=_run,
)
