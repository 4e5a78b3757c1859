"""Options that several commands have, and the form of their examples."""

from __future__ import annotations

from typing import Any

import click

from claudemail.cli.completing import own_names

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, in a shape that stays as it is.")
acting_as = click.option(
    "--as",
    "name",
    metavar="NAME",
    shell_complete=own_names,
    help="Act as this callsign or instance of this node.  [default: operator]",
)
_MOST_DIGITS = 18


class Seconds(click.FloatRange):
    """A number of seconds up to a day. What is not a number is none of them."""

    name = "seconds"

    def __init__(self) -> None:
        super().__init__(0, 86_400)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401
        """Return the number, or fail."""
        number: float = super().convert(value, param, ctx)
        if number != number:
            self.fail(f"{value} is not a number of seconds.", param, ctx)
        return number


def cursor(value: str) -> int:
    """Return the number in a cursor of a list of briefs; longer ones no database holds."""
    if not (value.isascii() and value.isdecimal() and len(value) <= _MOST_DIGITS and int(value)):
        raise click.BadParameter(f"{value!r} is not where a list ended; give what was printed there.")
    return int(value)


def examples(*lines: str) -> str:
    """Return command lines as the end of a help text."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
