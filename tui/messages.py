"""What panes tell the screen that they stand on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from textual.message import Message

from claudemail.tui.places import Place


@dataclass
class Go(Message):
    """Somebody wants to be taken to a place."""

    place: Place


@dataclass
class AsideChanged(Message):
    """What a pane says of itself beside the line of panes is other now."""


@dataclass
class Done(Message):
    """Something was done that can be undone."""

    words: str
    """What was done, for the operator to read."""
    undo: Callable[[], Awaitable[None]]
    """Does it back."""


@dataclass
class Write(Message):
    """Somebody wants to write a brief."""

    to: str = ""
    """Recipients, as in a draft."""
    about: str | None = None
    """The id of the brief that is answered or forwarded."""
    everyone: bool = False
    """Answer its other recipients too."""
    forward: bool = False
    """Pass it on instead of answering it."""
