"""`claudemail search`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from claudemail.cli.completing import brief_refs, people
from claudemail.cli.context import with_office
from claudemail.cli.options import acting_as, as_json, cursor, examples
from claudemail.cli.printing import bold, cyan, dim, say, show_json, yellow

if TYPE_CHECKING:
    from claudemail.model.views import SearchHit, SearchPage
    from claudemail.office import Office

_MOST = 1_000
_EXCLUDED = "\u2063"
"""Stands before a word with a minus while click reads the command line; scrubbed text has none."""


class _Excluding(click.Command):
    """Takes `-word` for a word that is excluded, and no more for a row of options of one letter."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line."""
        marked = [
            _EXCLUDED + arg if arg.startswith("-") and not arg.startswith("--") and arg not in ("-", "-h") else arg
            for arg in args
        ]
        return super().parse_args(ctx, marked)

    def invoke(self, ctx: click.Context) -> object:
        """Run it with what was typed."""
        for name, value in ctx.params.items():
            if isinstance(value, str):
                ctx.params[name] = value.removeprefix(_EXCLUDED)
            elif isinstance(value, tuple):
                ctx.params[name] = tuple(word.removeprefix(_EXCLUDED) for word in value)
        return super().invoke(ctx)


@click.command(
    epilog=examples(
        "claudemail search migration --from charlie",
        'claudemail search "not null" -staging --after 2026-11-01',
        "claudemail search is:starred",
        "claudemail search deploy* is:unread --as alpha --json",
    ),
    cls=_Excluding,
)
@click.argument("words", nargs=-1)
@click.option("--from", "sender", metavar="NAME", shell_complete=people, help="Only from this name, or name@node.")
@click.option("--after", metavar="DAY", help="Sent on this day or later.")
@click.option("--before", metavar="DAY", help="Sent before this day.")
@click.option("--thread", metavar="REF", shell_complete=brief_refs, help="Only in the thread of this brief.")
@click.option("--unread/--read", "unread", default=None, help="Only what is unread, or read.")
@click.option("--starred", is_flag=True, default=None, help="Only what is starred.")
@click.option("--archived/--current", "archived", default=None, help="Only what is archived, or is not.")
@click.option("--limit", type=click.IntRange(1, _MOST), default=20, show_default=True, help="The most lines.")
@click.option("--cursor", "before_number", type=cursor, metavar="CURSOR", help="Go on where a list ended.")
@acting_as
@as_json
def command(
    words: tuple[str, ...],
    sender: str | None,
    after: str | None,
    before: str | None,
    thread: str | None,
    unread: bool | None,
    starred: bool | None,
    archived: bool | None,
    limit: int,
    before_number: int | None,
    name: str | None,
    as_json: bool,
) -> None:
    """Find mail by words in title, body or sender, archived mail too.

    WORDS are found together with all others; "in quotes" as a phrase; start* by their start; -word not at all. from:, after:,
    before:, thread: and is: work there as well. The operator searches all mail of this node. Nothing is marked read.
    """
    from claudemail.clock import day_of
    from claudemail.model.query import expect_past_day, parse

    async def work(office: Office) -> None:
        today = day_of(office.now())
        given = {
            "sender": sender,
            "after": expect_past_day(after, today) if after else None,
            "before": expect_past_day(before, today) if before else None,
            "thread": thread,
            "unread": unread,
            "starred": starred,
            "archived": archived,
        }
        asked = parse(" ".join(_quoted(word) for word in words), today)
        query = asked.model_copy(update={key: value for key, value in given.items() if value is not None})
        page = await office.search(await office.party(name), query, limit=limit, before=before_number)
        if as_json:
            show_json(page.model_dump(mode="json"))
        else:
            _print(page, office.now())

    with_office(work)


def _quoted(word: str) -> str:
    """Return a word of the shell's as a query has it: what the shell kept together stays together."""
    parts = word.split()
    return f'"{word}"' if len(parts) > 1 and '"' not in word and ":" not in parts[0] else word


def _print(page: SearchPage, now: int) -> None:
    for hit in page.hits:
        _print_hit(hit, now)
    if not page.hits:
        say("Nothing found." if page.cursor is None else "Nothing found yet.")
    if page.cursor is not None:
        say(dim(f"There is more: the same with --cursor {page.cursor}."))


def _print_hit(hit: SearchHit, now: int) -> None:
    from claudemail.cli.times import when

    row = hit.row
    marks = "".join(sign for sign, so in (("● ", row.unread), ("★ ", row.starred), ("(archived) ", row.archived)) if so)
    say(yellow(marks) if marks else "", cyan(row.ref), " ", bold(row.title), "  ",
        dim(f"{row.sender}{'' if row.verified else ' (?)'}, {when(row.at, now)}"))  # fmt: skip
    if hit.excerpt:
        say(f"  {hit.excerpt}")
