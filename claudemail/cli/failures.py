"""What a user sees of an error, and what the command exits with. Standard library only: any process may fail."""

from __future__ import annotations

import contextlib
import json
import os
import sys

from claudemail.errors import ClaudeMailError
from claudemail.text import scrub, scrub_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEBUG_ENV = "CLAUDEMAIL_DEBUG"
UNEXPECTED = 70
INTERRUPTED = 130
READER_GONE = 141
EXIT_CODES = (
    (0, "done"),
    (1, "something else went wrong; or doctor or checkup found something"),
    (2, "the arguments, the file or the brief do not fit"),
    (3, "there is no such name or brief"),
    (4, "the configuration has mistakes"),
    (5, "the database could not do it: busy, full, damaged"),
    (6, "the gateway or another node could not be reached, or a gateway is in the way"),
    (7, "a wait ended before what was waited for; a brief that was sent is safe"),
    (UNEXPECTED, "a fault in ClaudeMail"),
    (INTERRUPTED, "interrupted"),
    (READER_GONE, "the reader of the output went away"),
)


class ReaderGone(Exception):
    """Whoever read our output has closed it, as `head` does."""


class OutputLost(ClaudeMailError):
    """The output could not be written."""

    code = "output"
    remedy = "Nothing was marked read."


class NotYet(ClaudeMailError):
    """Not every recipient is as far as was waited for."""

    code = "not_yet"
    exit_code = 7


def report(error: BaseException, *, as_json: bool) -> int:
    """Tell the user what went wrong; return the exit code."""
    if os.environ.get(DEBUG_ENV):
        import traceback

        traceback.print_exception(error)
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, ReaderGone | BrokenPipeError):
        _abandon_output()
        return READER_GONE
    if not isinstance(error, ClaudeMailError):
        error = _unexpected(error)
    try:
        if as_json:
            print(json.dumps({"error": as_data(error)}, indent=2), flush=True)  # noqa: T201
        else:
            print(f"claudemail: {scrub(str(error))}", file=sys.stderr, flush=True)  # noqa: T201
    except OSError:
        _abandon_output()
    return error.exit_code


def as_data(error: ClaudeMailError) -> dict[str, Any]:
    """Return an error as `--json` shows it."""
    return {"code": error.code, "message": scrub(error.message), "remedy": scrub(error.remedy)}


class _Fault(ClaudeMailError):
    """A fault in ClaudeMail."""

    code = "fault"
    exit_code = UNEXPECTED


def _unexpected(error: BaseException) -> ClaudeMailError:
    kind, words = type(error).__name__, scrub_line(str(error))
    return _Fault(
        f"{kind}: {words.rstrip('.')}." if words else f"{kind}.",
        remedy=f"This was not expected; with {DEBUG_ENV}=1 you see where it happened.",
    )


def _abandon_output() -> None:
    """Let the interpreter's last flush go nowhere, since it would complain."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
