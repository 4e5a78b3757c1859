"""Lines of the gateway's log: the last of them, those that come, and how they are shown."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from claudemail.cli.printing import Piece

_LOOK_EVERY_S = 0.2
_CHUNK = 64 * 1024
_MOST_EARLIER = 20


def last(path: Path, count: int) -> list[str]:
    """Return the last lines of the log, from files that it began anew after, too; none when there is no log."""
    found: list[str] = []
    for place in (path, *(Path(f"{path}.{number}") for number in range(1, _MOST_EARLIER))):
        if len(found) >= count:
            break
        try:
            text = _end_of(place, count - len(found))
        except FileNotFoundError:
            break
        found = [*text, *found]
    return found


def follow(path: Path) -> Iterator[str]:
    """Yield the lines that are written to the log from now on, for ever; also after it has begun anew."""
    rest = b""
    at_end = True  # of the first file only what comes; of those after it all
    while True:
        try:
            with path.open("rb") as file:
                if at_end:
                    file.seek(0, os.SEEK_END)
                for data in _growing(file, path):
                    *lines, rest = (rest + data).split(b"\n")
                    yield from (line.decode("utf-8", "replace") for line in lines if line.strip())
        except FileNotFoundError:
            time.sleep(_LOOK_EVERY_S)
        at_end = False


def _growing(file: BinaryIO, path: Path) -> Iterator[bytes]:
    """Yield what is added to a file, until another has taken its place."""
    while True:
        replaced = _is_replaced(file.fileno(), path)
        while data := file.read(_CHUNK):  # after that look, so that nothing is missed which was written before it
            yield data
        if replaced:
            return
        time.sleep(_LOOK_EVERY_S)


def shown(line: str) -> list[str | Piece]:
    """Return a line as it is printed: an entry in words, anything else as it is."""
    from claudemail.logs import pieces

    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return [line]
    if not isinstance(data, dict):
        return [line]
    return [text if style is None else Piece(text, style) for text, style in pieces(data)]


def _end_of(path: Path, count: int) -> list[str]:
    """Return the last lines of a file, read from its end."""
    with path.open("rb") as file:
        place = file.seek(0, os.SEEK_END)
        data = b""
        while place and data.count(b"\n") <= count:
            step = min(_CHUNK, place)
            place = file.seek(place - step)
            data = file.read(step) + data
    lines = [line.decode("utf-8", "replace") for line in data.split(b"\n") if line.strip()]
    return lines[-count:]


def _is_replaced(descriptor: int, path: Path) -> bool:
    try:
        return not os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False  # put aside, and the next has not begun
