"""claudemail_star: mark a brief to find it again."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from claudemail.tools.tool import Arguments, Call, Tool
from claudemail.wording import quoted


class Args(Arguments):
    """Which brief."""

    ref: Annotated[str | int, Field(description="Ref or number of the brief")]
    starred: bool | None = None
    """True or false; left out: the other way round than it is"""


async def _run(call: Call, args: Args) -> str:
    view = await call.office.star(call.party, str(args.ref), wanted=args.starred)
    name = f"{view.row.ref} ({view.row.number}) {quoted(view.row.title)}"
    if view.starred:
        return f"Starred {name}. It is never archived while it is; claudemail_search starred=true finds it."
    return f"{name} is not starred now."


STAR = Tool(
    name="claudemail_star",
    description="Star a brief, or take its star away. Starred briefs are kept out of the archive and easy to find again.",
    arguments=Args,
    run=_run,
)
