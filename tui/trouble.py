"""What went wrong, said to the operator instead of ending the console."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from textual.dom import DOMNode

from claudemail.errors import ClaudeMailError, StoreError
from claudemail.text import scrub_line

EXPECTED = (ClaudeMailError, OSError)
"""What the world may do to a console that has no mistake in it: a database locked, a disk full, a folder gone."""

_TOLD_S = 12


def in_words(error: Exception) -> str:
    """Return what went wrong and what to do about it, on one line."""
    if isinstance(error, StoreError) and error.remedy == StoreError.remedy:
        # The remedy is for writers; a console that only looked has nothing to run again.
        return scrub_line(f"{error.message} The console keeps trying; look at the gateway's log if it persists.")
    return scrub_line(str(error))


@contextmanager
def told(node: DOMNode) -> Iterator[None]:
    """Turn an expected error into a notification."""
    try:
        yield
    except EXPECTED as error:
        node.app.notify(in_words(error), severity="error", timeout=_TOLD_S, markup=False)
