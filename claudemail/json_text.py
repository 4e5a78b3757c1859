"""Changes of JSON in its own text: what is meant to change does, and order, layout and everything else stay to the byte."""

from __future__ import annotations

import json
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_SPACE = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_SCALAR = re.compile(r"[^ \t\n\r,\]}]+")
_INDENT = re.compile(r"\n([ \t]+)\S")


class _Value:
    """A value in a JSON text: from where to where it stands, and what it contains."""

    __slots__ = ("end", "first", "items", "members", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self.end = start
        self.first = start
        """Where the first thing in it begins."""
        self.items: list[_Value] = []
        self.members: list[tuple[str, _Value]] = []

    def member(self, key: str) -> _Value | None:
        """Return the value of a key; of a key that is there twice the last counts, as for every reader of JSON."""
        return next((value for name, value in reversed(self.members) if name == key), None)


class Document:
    """A text of JSON, while it is being changed."""

    def __init__(self, text: str, *, spread: bool = False) -> None:
        """Take a text that is known to be JSON; `spread` writes new values over several lines, as the text has its own."""
        self.text = text
        indent = _INDENT.search(text)
        self._indent = None if not spread else indent[1] if indent else "  "

    @property
    def data(self) -> Any:  # noqa: ANN401 - whatever the file says
        """What the text says."""
        return json.loads(self.text)

    def set(self, path: Sequence[str | int], key: str, value: object) -> None:
        """Give a key of the object at `path` a value; one that it has already is left as it is written."""
        there = self._find(path)
        old = there.member(key)
        if old is None:
            self._insert(there, value, len(path), key=key)
        elif json.loads(self.text[old.start : old.end]) != value:
            self._splice(old.start, old.end, self._dumped(value, len(path) + 1))

    def append(self, key: str, value: object) -> None:
        """Put a value at the end of the list that a key of the whole has; made if it is not there."""
        self.append_at((), key, value)

    def append_at(self, path: Sequence[str | int], key: str, value: object) -> None:
        """Put a value at the end of the list that a key of the object at `path` has; made if it is not there."""
        there = self._find(path).member(key)
        if there is None:
            self.set(path, key, [value])
        else:
            self._insert(there, value, len(path) + 1)

    def remove(self, path: Sequence[str | int]) -> None:
        """Take away what is at `path`, with the comma and the space that set it off; what comes before and after stays."""
        container, last = self._find(path[:-1]), path[-1]
        inside = container.items or [value for _, value in container.members]
        names = [name for name, _ in container.members]
        place = last if isinstance(last, int) else len(names) - 1 - names[::-1].index(last)
        edges = [container.start + 1, *(value.end for value in inside)]
        if len(inside) == 1:
            self._splice(container.start + 1, container.end - 1, "")
        elif place == len(inside) - 1:
            self._splice(edges[place], edges[place + 1], "")
        else:
            end = _skip(self.text, _skip(self.text, inside[place].end) + 1)
            start = _skip(self.text, edges[place] if place == 0 else _skip(self.text, edges[place]) + 1)
            self._splice(start, end, "")

    def _find(self, path: Sequence[str | int]) -> _Value:
        found = _scan(self.text, _skip(self.text, 0))
        for step in path:
            inner = found.member(step) if isinstance(step, str) else found.items[step]
            assert inner is not None, path
            found = inner
        return found

    def _insert(self, container: _Value, value: object, depth: int, *, key: str | None = None) -> None:
        """Put a value, or a key with one, at the end of a list or object that is so deep, set off as the first one is."""
        piece = ("" if key is None else f"{dumped(key)}: ") + self._dumped(value, depth + 1)
        inside = [*container.items, *(value for _, value in container.members)]
        if not inside:
            opening, closing = self.text[container.start], self.text[container.end - 1]
            if self._indent is not None:
                piece = f"\n{self._indent * (depth + 1)}{piece}\n{self._indent * depth}"
            self._splice(container.start, container.end, f"{opening}{piece}{closing}")
            return
        lead = self.text[container.start + 1 : container.first]
        end = inside[-1].end
        self._splice(end, end, "," + (lead if "\n" in lead else " ") + piece)

    def _dumped(self, value: object, depth: int) -> str:
        if self._indent is None:
            return dumped(value)
        lines = json.dumps(value, ensure_ascii=False, indent=self._indent).splitlines()
        return ("\n" + self._indent * depth).join(lines)

    def _splice(self, start: int, end: int, piece: str) -> None:
        self.text = self.text[:start] + piece + self.text[end:]


def dumped(value: object) -> str:
    """Return a value as JSON on one line."""
    return json.dumps(value, ensure_ascii=False)


def _skip(text: str, at: int) -> int:
    return _matched(_SPACE, text, at)


def _matched(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Return where what a pattern finds at a place ends."""
    found = pattern.match(text, at)
    assert found is not None
    return found.end()


def _scan(text: str, at: int) -> _Value:
    """Return the value that begins at a place of a text that is known to be JSON."""
    value = _Value(at)
    if text[at] in "[{":
        _scan_inside(text, value, named=text[at] == "{")
    else:
        value.end = _matched(_STRING if text[at] == '"' else _SCALAR, text, at)
    return value


def _scan_inside(text: str, value: _Value, *, named: bool) -> None:
    at = value.first = _skip(text, value.start + 1)
    while text[at] not in "]}":
        if named:
            end = _matched(_STRING, text, at)
            name = json.loads(text[at:end])
            at = _skip(text, _skip(text, end) + 1)
        inner = _scan(text, at)
        if named:
            value.members.append((name, inner))
        else:
            value.items.append(inner)
        at = _skip(text, inner.end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    value.end = at + 1
