"""The gateway's log: one JSON object a line in a file that begins anew by its size, and a form for people on a terminal.

    {"ts": "2026-11-25T15:19:18.042Z", "level": "info", "event": "session_came", "message": "alpha is here", "callsign": "alpha"}

`extra={"event": ..., ...}` names an event and gives it fields: plain values, never bodies, titles, signatures, keys or secrets.
Text may be a peer's, so it is scrubbed and shortened, and JSON keeps it on its line: nobody forges a line of the log.
"""

from __future__ import annotations

import io
import json
import logging
import math
import os
import re
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from textwrap import indent

from claudemail.text import scrub, scrub_line, shorten

MOST_BYTES = 5 * 1024 * 1024
KEPT = 5
"""So many earlier files are kept, as gateway.log.1 and so on."""
_QUIET = ("httpx", "uvicorn", "mcp", "asyncio")
_MOST_MESSAGE, _MOST_FIELD, _MOST_TRACE = 1_000, 300, 6_000
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "event"}
_SECRET = re.compile(r"(?:^|_)(?:title|body|signature|key|token|secret|password|authorization)s?$")
_INPUT = re.compile(r"input_value=.*?(?=, input_type=|\n|$)", re.DOTALL)
"""Pydantic quotes what did not fit: that may be somebody's mail."""
_HIDDEN = "(hidden)"
_PAINT = {"warning": "yellow", "error": "red", "critical": "red", "debug": "dim"}
_CODES = {"dim": "2", "red": "31", "yellow": "33"}


def set_up(path: str) -> None:
    """Have this process log into the file `path`, and on stderr: for people on a terminal, as JSON elsewhere.

    Where stderr is that file itself, as in a gateway that was started on demand, it follows the file when that begins anew.
    """
    file = LogFile(path)
    handlers: list[logging.Handler] = [file]
    if sys.stderr is not None and not file.follows(2):
        handlers.append(_on_stderr())
    file.setFormatter(AsJson())
    root = logging.getLogger()
    for former in list(root.handlers):
        root.removeHandler(former)
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(logging.INFO)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    sys.excepthook = lambda kind, error, trace: root.critical("uncaught", exc_info=(kind, error, trace))
    threading.excepthook = lambda args: root.critical(
        "a thread failed", exc_info=(args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback)
    )


def entry(record: logging.LogRecord) -> dict[str, object]:
    """Return a record as what is logged of it."""
    moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    data: dict[str, object] = {
        "ts": moment.replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "event": shorten(str(getattr(record, "event", record.name.removeprefix("claudemail."))), 60),
        "message": shorten(_discreet(record.getMessage()), _MOST_MESSAGE),
    }
    for name, value in vars(record).items():
        if name not in _STANDARD:
            data[name] = _HIDDEN if _SECRET.search(name) else _plain(value)
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        data["error"] = shorten(f"{type(error).__name__}: {_discreet(str(error))}", _MOST_FIELD)
        # The end says most: it is where it happened.
        data["traceback"] = scrub(_discreet("".join(traceback.format_exception(error))))[-_MOST_TRACE:]
    return data


def pieces(data: Mapping[str, object]) -> Iterator[tuple[str, str | None]]:
    """Yield an entry of the log for people, as text and the style of each piece: `dim`, `red`, `yellow` or None."""
    level = str(data.get("level", ""))
    yield str(data.get("ts", "")).replace("T", " "), "dim"
    yield f" {level:<8} ", _PAINT.get(level)
    yield str(data.get("message") or data.get("event", "")), _PAINT.get(level)
    for name, value in data.items():
        if name not in ("ts", "level", "message", "event", "traceback"):
            yield f"  {name}={value}", "dim"
    if "traceback" in data:
        # Set back, so that nothing in it can pass for an entry.
        yield "\n" + indent(str(data["traceback"]).rstrip(), "    "), None


class AsJson(logging.Formatter):
    """One JSON object, in ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for a record."""
        return json.dumps(entry(record))


class ForPeople(logging.Formatter):
    """A line to be read on a terminal."""

    def __init__(self, *, colour: bool) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for a record; a traceback takes more than one."""
        return "".join(self._styled(scrub(text), style) for text, style in pieces(entry(record)))

    def _styled(self, text: str, style: str | None) -> str:
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if style and self._colour else text


class LogFile(RotatingFileHandler):
    """A file that begins anew when it has grown too large. Whatever goes wrong with it, its process goes on.

    A full disk costs lines, which are counted, and said to be lost as soon as there is room again.
    """

    def __init__(self, path: str, *, most_bytes: int = MOST_BYTES, kept: int = KEPT) -> None:
        super().__init__(path, maxBytes=most_bytes, backupCount=kept, encoding="utf-8", delay=True)
        self._lost = 0

    def follows(self, descriptor: int) -> bool:
        """Return whether an open file of this process is the log itself."""
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self.baseFilename))
        except OSError:
            return False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, and before it how many could not be written."""
        if self._lost:
            lost, self._lost = self._lost, 0
            self._end_torn_line()
            super().emit(_lines_lost(lost))
            if self._lost:  # there is no room yet
                self._lost = lost
        super().emit(record)

    def doRollover(self) -> None:  # noqa: N802 - logging's name
        """Put the file aside and begin another; what else of this process is written to it goes to the new one, too."""
        followers = [descriptor for descriptor in (1, 2) if self.follows(descriptor)]
        super().doRollover()
        if followers:
            stream = self.stream = self.stream or self._open()
            for descriptor in followers:
                os.dup2(stream.fileno(), descriptor)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - logging's signature
        """Count a line that could not be written."""
        self._lost += 1

    def _open(self) -> io.TextIOWrapper:
        # Without a buffer: what could not be written to a full disk is not kept, to be written in parts later.
        raw = io.FileIO(self.baseFilename, "a", opener=lambda path, flags: os.open(path, flags | os.O_CLOEXEC, 0o600))
        return io.TextIOWrapper(raw, encoding="utf-8", write_through=True)

    def _end_torn_line(self) -> None:
        try:
            if self.stream is not None:
                self.stream.write("\n")
        except OSError:
            return  # there is no room yet


class _Stderr(logging.StreamHandler[io.TextIOWrapper]):
    """Stderr, which may go away: a terminal that was closed, a pipe that nobody reads."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """The file has it as well."""


def _on_stderr() -> logging.Handler:
    handler = _Stderr()
    if sys.stderr.isatty():
        colour = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        handler.setFormatter(ForPeople(colour=colour))
    else:
        handler.setFormatter(AsJson())
    return handler


def _lines_lost(count: int) -> logging.LogRecord:
    record = logging.LogRecord(
        __name__, logging.WARNING, "", 0, "%s lines of the log could not be written", (count,), None
    )
    record.event, record.lines = "log_lines_lost", count
    return record


def _discreet(text: str) -> str:
    return _INPUT.sub(f"input_value={_HIDDEN}", text)


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return round(value, 3)
    return shorten(_discreet(scrub_line(str(value))), _MOST_FIELD)
