"""Copying: a text into the clipboard of the terminal."""

from __future__ import annotations

from typing import Any

from textual.app import App

from claudemail.text import scrub


async def copy(app: App[Any], text: str, what: str) -> None:
    """Copy a text, and say so; `what` is what it is called."""
    app.copy_to_clipboard(scrub(text))
    app.notify(f"Copied {what}.", timeout=3, markup=False)
