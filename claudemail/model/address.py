"""Addresses: whom a brief is for, as people write it.

alpha            a callsign
api              an instance
operator         the operator of one's own node
alpha@server2    a name, and the node it is on
@server2         everyone on a node
all              everyone in the fleet
"""

from __future__ import annotations

import re

from claudemail.errors import InvalidInput
from claudemail.model.value import Value
from claudemail.text import shorten

ALL = "all"
MAX_ADDRESSES = 64
MAX_LINE = MAX_ADDRESSES * len(", (@)" + 2 * "n" * 64)
"""The most characters that as many addresses take up, however they are written."""
_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
_ADDRESS = re.compile(rf"(?P<name>{_NAME})?(?:@(?P<node>{_NAME}))?")


class Address(Value):
    """One address: a name, a node, or both."""

    name: str | None = None
    node: str | None = None

    @property
    def is_all(self) -> bool:
        """Whether it means everyone in the fleet."""
        return self.name == ALL and self.node is None

    def __str__(self) -> str:
        return (self.name or "") + (f"@{self.node}" if self.node else "")


def parse(line: str | list[str]) -> tuple[Address, ...]:
    """Return the addresses in `line`, separated by commas or given as a list, each once and in order.

    A node may stand in brackets behind the name, as in the `from:` line of a brief file: `alpha (server1)`.

    Raises:
        InvalidInput: one of them is not an address, or there are none or too many.
    """
    joined = line if isinstance(line, str) else ",".join(line)
    if len(joined) > MAX_LINE:
        raise InvalidInput(f"That list of recipients is over {MAX_LINE} characters long.", remedy="Use `all` or @node.")
    words = [word for word in re.split(r"[,;\s]+", re.sub(r"\s*\(\s*([^()\s]+)\s*\)", r"@\1", joined)) if word]
    found = dict.fromkeys(_one(word) for word in words)
    if not found:
        raise InvalidInput("No recipient is given.", remedy="Name a callsign, an instance, @node or all.")
    if len(found) > MAX_ADDRESSES:
        raise InvalidInput(
            f"{len(found)} recipients are over the limit of {MAX_ADDRESSES}.", remedy="Use @node or all."
        )
    return tuple(found)


def _one(word: str) -> Address:
    match = _ADDRESS.fullmatch(word)
    if match is None:
        raise InvalidInput(
            f"{shorten(word, 40)!r} is not an address.",
            remedy="Use a callsign, an instance id, name@node, @node or all; letters, digits, - and _ only.",
        )
    name = match["name"]
    return Address(name=ALL if name and name.lower() == ALL else name, node=match["node"])
