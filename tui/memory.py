"""What the console remembers from one time to the next: pane, theme, filters, sizes. A file beside the database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from claudemail import whole_file

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
    whole_file.put(Path(state_dir, FILE), json.dumps(memory, indent=1))
