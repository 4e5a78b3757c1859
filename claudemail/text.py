"""The only way outside text gets in or onto a screen: scrub it, fence it, shorten it.

Terminals obey escape sequences wherever they stand, bidirectional overrides make text read as something else, and
invisible "tag" characters carry words that only a model sees. None of them has a place in mail.
"""

from __future__ import annotations

import os
import re

_UNSAFE = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f"  # C0 but tab and newline; DEL
    "\x80-\x9f"  # C1: 0x9b is a one-byte CSI
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"  # bidirectional marks, embeddings, overrides, isolates
    "\u200b\u2060-\u2065\ufeff\ufff9-\ufffb"  # invisible: spaces and operators without width, annotation marks
    "\ufffe\uffff"  # no characters at all; YAML has no place for them
    "\U000e0000-\U000e007f\U000e0100-\U000e01ef"  # tags and supplementary variation selectors: invisible text
    "]"
)
_UNSAFE_ASCII = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127))
_SURROGATE = re.compile("[\ud800-\udfff]")
_LINE_BREAK = re.compile("\r\n?|[\u2028\u2029]")
_SPACE_RUN = re.compile(r"[\s\u2028\u2029]+")


def scrub(text: str) -> str:
    """Return `text` without control, bidirectional and invisible characters; line breaks become newlines."""
    if text.isascii():  # most mail is, and this way is ten times faster
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        return text.translate(_UNSAFE_ASCII)
    text = _LINE_BREAK.sub("\n", text)
    return _SURROGATE.sub("\ufffd", _UNSAFE.sub("", text))


def scrub_line(text: str) -> str:
    """Return `text` scrubbed and on one line, runs of white space folded to one space."""
    return _SPACE_RUN.sub(" ", scrub(text)).strip()


def shorten(text: str, limit: int) -> str:
    """Return `text` scrubbed, on one line, in at most `limit` characters, the last an ellipsis where it was cut."""
    line = scrub_line(text)
    return line if len(line) <= limit else line[: max(limit - 1, 0)].rstrip() + "…"


def fence(body: str, label: str) -> str:
    """Return `body` between two lines that it cannot contain, so that a reader knows where another's words end.

    Args:
        body: text from outside; it is scrubbed.
        label: our own words about it, on the opening line.
    """
    body = scrub(body)
    nonce = os.urandom(6).hex()
    while nonce in body:
        nonce = os.urandom(6).hex()
    return f"<<<{nonce} {scrub_line(label)}\n{body}\n>>>{nonce}"


def ago(then_ms: int, now_ms: int) -> str:
    """Return the time from `then_ms` to `now_ms` (Unix milliseconds) in one unit: `3s`, `4m`, `9h`, `12d`."""
    seconds = max(now_ms - then_ms, 0) // 1000
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def plural(count: int, noun: str) -> str:
    """Return `count` and `noun`, with an s when it is not one."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
