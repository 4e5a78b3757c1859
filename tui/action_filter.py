"""Which actions are to be seen on the board: a quick filter, whose they are, and words that stand in them."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

from claudemail.errors import InvalidInput
from claudemail.model.brief import Priority
from claudemail.model.query import parse_words
from claudemail.office.actions import ME, Wanted
from claudemail.text import scrub_line

_LEAST_START = 3
"""The shortest start of a word that is looked for while it is being typed."""


class Quick(StrEnum):
    """The filters that one key goes through."""

    ALL = "all"
    OVERDUE = "overdue"
    PRESSING = "pressing"
    ASKED = "asked by me"

    @property
    def next(self) -> Quick:
        """The one after it."""
        order = list(Quick)
        return order[(order.index(self) + 1) % len(order)]


class Kind(StrEnum):
    """What tells whose actions are meant."""

    ALL = "all"
    ME = "me"
    NOBODY = "nobody"
    NAME = "name"
    NODE = "node"


class Whose(NamedTuple):
    """Whose actions."""

    kind: Kind = Kind.ALL
    name: str = ""
    """A person's name, or a node's."""

    @property
    def words(self) -> str:
        """What the operator is told."""
        return {Kind.ALL: "", Kind.ME: "mine", Kind.NOBODY: "nobody's", Kind.NODE: f"@{self.name}"}.get(
            self.kind, f"of {self.name}"
        )


class BoardFilter(NamedTuple):
    """All three together."""

    quick: Quick = Quick.ALL
    whose: Whose = Whose()
    text: str = ""

    @property
    def wanted(self) -> Wanted:
        """The actions as the office is asked for them."""
        kind, name = self.whose
        return Wanted(
            assignee={Kind.ME: ME, Kind.NOBODY: "none", Kind.NAME: name}.get(kind),
            node=name if kind is Kind.NODE else None,
            overdue=self.quick is Quick.OVERDUE,
            least=Priority.HIGH if self.quick is Quick.PRESSING else None,
            asker=ME if self.quick is Quick.ASKED else None,
            text=self.text or None,
        )

    @property
    def words(self) -> str:
        """What the operator is told; the empty string where all actions are seen."""
        parts = ["" if self.quick is Quick.ALL else self.quick.value, self.whose.words]
        parts += [f"with “{scrub_line(self.text)}”"] if self.text else []
        return ", ".join(part for part in parts if part)

    @property
    def wider(self) -> BoardFilter:
        """The same without the part that is taken off first: the words, then the quick filter, then whose."""
        if self.text:
            return self._replace(text="")
        if self.quick is not Quick.ALL:
            return self._replace(quick=Quick.ALL)
        return self._replace(whose=Whose())

    def remembered(self) -> dict[str, str]:
        """Return what is worth keeping from one time to the next: the words are not."""
        return {"quick": self.quick.value, "whose": self.whose.kind.value, "name": self.whose.name}


def recalled(kept: dict[str, Any]) -> BoardFilter:
    """Return the filter that was remembered; what does not fit is passed over."""
    quick, kind, name = kept.get("quick"), kept.get("whose"), kept.get("name")
    whose = Whose(Kind(kind), name) if kind in list(Kind) and isinstance(name, str) and len(name) <= 130 else Whose()
    return BoardFilter(Quick(quick) if quick in list(Quick) else Quick.ALL, whose)


def as_typed(text: str) -> str:
    """Return the words to look for while they are being typed: the last one may go on.

    Raises:
        InvalidInput: they are too long.
    """
    line = scrub_line(text)
    last = line.split(" ")[-1]
    if len(last) >= _LEAST_START and last[-1].isalnum():
        line += "*"
    try:
        parse_words(line)
    except InvalidInput:
        if any(char.isalnum() for char in line) and not line.startswith("-"):
            raise
        return ""  # nothing to look for yet
    return line
