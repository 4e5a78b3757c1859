"""Columns that fit the terminal, aligned by the cells that characters take, not by their number."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import NamedTuple
from unicodedata import combining, east_asian_width

from claudemail.cli.printing import Piece
from claudemail.text import scrub_line

_GAP = 2
Cell = str | Piece


class Column(NamedTuple):
    """How a column behaves when there is too little room, and which side it keeps to."""

    least: int | None = None
    """It may shrink to this many cells; None: it never shrinks."""
    right: bool = False


def terminal_width() -> int:
    """Return how many cells a line has."""
    return shutil.get_terminal_size().columns


def cells(text: str) -> int:
    """Return how many cells a text takes on a terminal."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def fit(text: str, limit: int) -> str:
    """Return a text on one line in at most `limit` cells, with an ellipsis where it was cut."""
    text = scrub_line(text)
    if cells(text) <= limit:
        return text
    kept, used = "", 0
    for char in text:
        used += _cells(char)
        if used >= limit:
            break
        kept += char
    return kept.rstrip() + "…" if limit > 0 else ""


def table(rows: Sequence[Sequence[Cell]], columns: Sequence[Column], width: int) -> list[list[Cell]]:
    """Return each row as the pieces of a line of at most `width` cells; columns that are empty throughout are left out.

    Columns shrink down to their least, the widest first; where even that is too wide, the lines are longer.
    """
    grid = [[_put(cell, scrub_line(_text(cell))) for cell in row] for row in rows]
    widths = [max((cells(_text(row[n])) for row in grid), default=0) for n in range(len(columns))]
    used = [n for n, wide in enumerate(widths) if wide]
    room = width - _GAP * (len(used) - 1)
    while sum(widths) > room:
        shrinkable = [n for n in used if (least := columns[n].least) is not None and widths[n] > least]
        if not shrinkable:
            break
        widths[max(shrinkable, key=lambda n: widths[n])] -= 1
    return [_line(row, columns, widths, used) for row in grid]


def _line(row: Sequence[Cell], columns: Sequence[Column], widths: Sequence[int], used: Sequence[int]) -> list[Cell]:
    line: list[Cell] = []
    for n in used:
        text = fit(_text(row[n]), widths[n])
        space = " " * (widths[n] - cells(text))
        if columns[n].right:
            line.append(space)
        line.append(_put(row[n], text))
        if n != used[-1]:
            line.append(" " * _GAP if columns[n].right else space + " " * _GAP)
    while line and not _text(line[-1]).strip():
        line.pop()
    return line


def _text(cell: Cell) -> str:
    return cell if isinstance(cell, str) else cell.text


def _put(cell: Cell, text: str) -> Cell:
    return text if isinstance(cell, str) else cell._replace(text=text)


def _cells(char: str) -> int:
    if combining(char) or char in "\u200b\u200c\u200d\ufe0e\ufe0f":
        return 0
    return 2 if east_asian_width(char) in "WF" else 1
