"""The print door: all that commands print goes through here, scrubbed, and coloured only for a terminal."""

from __future__ import annotations

import json
import os
import sys
from typing import NamedTuple, TextIO

from claudemail.cli.failures import OutputLost, ReaderGone
from claudemail.text import scrub

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


class Piece(NamedTuple):
    """A piece of a line in one style."""

    text: str
    style: str


def bold(text: str) -> Piece:
    """Return text that stands out."""
    return Piece(text, "bold")


def dim(text: str) -> Piece:
    """Return text that stands back."""
    return Piece(text, "dim")


def red(text: str) -> Piece:
    """Return text of something that went wrong."""
    return Piece(text, "red")


def yellow(text: str) -> Piece:
    """Return text that asks for attention."""
    return Piece(text, "yellow")


def green(text: str) -> Piece:
    """Return text of something that is well."""
    return Piece(text, "green")


def cyan(text: str) -> Piece:
    """Return text that can be taken up, as a ref."""
    return Piece(text, "cyan")


def say(*pieces: str | Piece) -> None:
    """Print a line put together from pieces; a piece may have several lines."""
    _write(sys.stdout, pieces)


def warn(message: str) -> None:
    """Print a warning on stderr: what the command was for is done."""
    _write(sys.stderr, (Piece("claudemail: warning: ", "yellow"), message))


def show_json(data: object) -> None:
    """Print data as JSON, in ASCII, so that no character of it can act on a terminal."""
    _write(sys.stdout, (json.dumps(data, indent=2),))


def flush() -> None:
    """Return once what was printed is out of our hands; what was not shown must not count as read.

    Raises:
        ReaderGone: nobody took it.
        OutputLost: it could not be written.
    """
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        raise _lost(error) from error


def use_any_encoding() -> None:
    """Have characters that the terminal's encoding lacks replaced: a title is no reason to fail."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def _write(stream: TextIO | None, pieces: tuple[str | Piece, ...]) -> None:
    if stream is None:  # closed by whoever started us, as with >&-
        raise OutputLost("The output is lost: there is nowhere to print.")
    colour = _is_coloured(stream)
    try:
        stream.write("".join(_rendered(piece, colour=colour) for piece in pieces) + "\n")
    except OSError as error:
        raise _lost(error) from error


def _lost(error: OSError) -> Exception:
    return ReaderGone() if isinstance(error, BrokenPipeError) else OutputLost(f"The output is lost: {error.strerror}.")


def _rendered(piece: str | Piece, *, colour: bool) -> str:
    if isinstance(piece, str):
        return scrub(piece)
    text = scrub(piece.text)
    return f"\x1b[{_CODES[piece.style]}m{text}\x1b[0m" if colour and text else text


def _is_coloured(stream: TextIO) -> bool:
    """Whether to colour (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
