"""Options that several commands have, and the form of their examples."""

from __future__ import annotations

import click

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, in a shape that stays as it is.")
acting_as = click.option(
    "--as", "name", metavar="NAME", help="Act as this callsign or instance of this node.  [default: operator]"
)


def examples(*lines: str) -> str:
    """Return command lines as the end of a help text."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
