"""What the console remembers from one time to the next: pane, theme, filters, sizes. A file beside the database."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

FILE = "console.json"
_MOST_BYTES = 64 * 1024


def load(state_dir: str) -> dict[str, Any]:
    """Return what was remembered; nothing where that cannot be read: it is a comfort, and worth no error."""
    try:
        with open(Path(state_dir, FILE), "rb") as file:
            found = json.loads(file.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def save(state_dir: str, memory: dict[str, Any]) -> None:
    """Remember this, in place of what was; whole or not at all.

    Raises:
        OSError: it could not be written.
    """
    handle, path = tempfile.mkstemp(prefix=f".{FILE}.", dir=state_dir)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(memory, file, indent=1)
        os.replace(path, Path(state_dir, FILE))
    except BaseException:
        os.unlink(path)
        raise
