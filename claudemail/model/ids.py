"""Identity: UUIDv7 for machines, a short ref for people."""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from functools import lru_cache

REF_LENGTH = 4
"""Refs start at this length and grow by one where a node already has a brief with the same ref."""
CODE_LENGTH = 12
_LETTERS = "abcdefghjkmnpqrstuvwxyz"  # without i, l and o, which people confuse with 1 and 0
_SYMBOLS = _LETTERS + "23456789"

REF = re.compile(rf"[{_LETTERS}][{_SYMBOLS}]{{{REF_LENGTH - 1},{CODE_LENGTH - 1}}}")


def new_id(now_ms: int) -> str:
    """Return a new UUIDv7 (RFC 9562, section 5.7) for the time `now_ms` in Unix milliseconds."""
    bits = (now_ms & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10), "big")
    bits = bits & ~(0xF << 76) | 0x7 << 76
    bits = bits & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=bits))


def id_ms(id: str) -> int:
    """Return the time in a UUIDv7, Unix milliseconds."""
    return uuid.UUID(id).int >> 80


@lru_cache(maxsize=512)
def code_of(id: str) -> str:
    """Return the twelve letters and digits that stand for an id; its ref is the first four or more of them.

    The code follows from the id, so every node finds the same one, and a longer piece of it tells two briefs apart that
    two nodes gave the same ref before they knew of each other's.
    """
    number = int.from_bytes(hashlib.sha256(id.encode()).digest()[:10], "big")
    number, rest = divmod(number, len(_LETTERS))
    code = [_LETTERS[rest]]
    for _ in range(CODE_LENGTH - 1):
        number, rest = divmod(number, len(_SYMBOLS))
        code.append(_SYMBOLS[rest])
    return "".join(code)
