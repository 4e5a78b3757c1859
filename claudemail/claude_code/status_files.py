"""The status line of each session as a small file, which is replaced whole on every change.

`<state>/status/<callsign>` holds the line with colours, `<callsign>.plain` without, `<callsign>.json` what it is made of;
`by-pid/<PID of Claude Code>` leads to the first, so that a status line command needs no more than `cat`.
Standard library only.
"""

from __future__ import annotations

import json
import os

from claudemail import whole_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from claudemail.store.standing import Standing

FOLDER = "status"
BY_PID = "by-pid"
_ENDINGS = ("", ".plain", ".json")
_RESET, _DIM, _BLUE, _YELLOW, _RED = "\x1b[0m", "\x1b[2m", "\x1b[34m", "\x1b[33m", "\x1b[31m"
_SIGN = "✉"
_GAP = " · "


class Status:
    """What a status line tells."""

    __slots__ = ("callsign", "due", "node", "silent", "unread", "urgent")

    def __init__(self, callsign: str, node: str, unread: int, urgent: int, due: int, silent: Sequence[str]) -> None:
        self.callsign = callsign
        self.node = node
        self.unread = unread
        self.urgent = urgent
        self.due = due
        self.silent = list(silent)

    @classmethod
    def of(cls, callsign: str, node: str, state: Standing, silent: Sequence[str]) -> Status:
        """Return the status of a session that stands so while these nodes are silent."""
        return cls(callsign, node, state.unread, state.urgent, state.due, silent)

    def line(self, width: int | None = None, *, colour: bool) -> str:
        """Return the line: the most important first, and no more than fits `width` cells (None: all)."""
        parts = [(_SIGN + " ", ""), (self.callsign, _BLUE)]
        parts.append((f"{_GAP}{self.unread} unread", "") if self.unread else (f"{_GAP}no mail", _DIM))
        if self.urgent:
            parts.append((f"{_GAP}{self.urgent} urgent", _RED))
        if self.due:
            parts.append((f"{_GAP}{self.due} due", _YELLOW))
        if self.silent:
            parts.append((f"{_GAP}{', '.join(self.silent)} silent", _YELLOW))
        return "".join(f"{style}{text}{_RESET}" if colour and style else text for text, style in _fit(parts, width))

    def data(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {name: getattr(self, name) for name in self.__slots__}


class StatusFiles:
    """The status files of a node."""

    def __init__(self, state_dir: str) -> None:
        self._folder = os.path.join(state_dir, FOLDER)
        self._written: dict[str, tuple[str, int]] = {}

    def write(self, status: Status, client_pid: int) -> None:
        """Write the files of one session, unless they are so already.

        Raises:
            OSError: they could not be written.
        """
        text = json.dumps(status.data())
        if self._written.get(status.callsign) == (text, client_pid):
            return
        os.makedirs(os.path.join(self._folder, BY_PID), mode=0o700, exist_ok=True)
        for ending, content in zip(_ENDINGS, (status.line(colour=True), status.line(colour=False), text), strict=True):
            whole_file.put(os.path.join(self._folder, status.callsign + ending), content + "\n")
        link = os.path.join(self._folder, BY_PID, str(client_pid))
        target = os.path.join("..", status.callsign)
        if client_pid and (not os.path.islink(link) or os.readlink(link) != target):
            os.symlink(target, f"{link}~")
            os.replace(f"{link}~", link)
        self._written[status.callsign] = (text, client_pid)

    def remove_others(self, callsigns: set[str]) -> None:
        """Remove the files of sessions that are not among these: nobody keeps them true."""
        gone = set(self._written) - callsigns
        if not gone and self._written:
            return
        try:
            names = os.listdir(self._folder)
        except OSError:
            return
        for name in names:
            if name != BY_PID and name.removesuffix("~").partition(".")[0] not in callsigns:
                _remove(os.path.join(self._folder, name))
        for name in os.listdir(os.path.join(self._folder, BY_PID)):
            link = os.path.join(self._folder, BY_PID, name)
            if not os.path.exists(link):
                _remove(link)
        for callsign in gone:
            del self._written[callsign]


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return


def _fit(parts: list[tuple[str, str]], width: int | None) -> list[tuple[str, str]]:
    """Return the parts that fit, all of them whole but the first two, which are cut where they must be."""
    if width is None:
        return parts
    fitting: list[tuple[str, str]] = []
    room = width
    for index, (text, style) in enumerate(parts):
        if len(text) <= room:
            fitting.append((text, style))
            room -= len(text)
        elif index < 2 and room > 0:
            fitting.append((text[: room - 1] + "…", style))
            break
        else:
            break
    return fitting
