"""The operator's own keys: which of them can be taken, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from textual.binding import Binding
from textual.keys import _character_to_key

from claudemail.tui import bindings

_TOGETHER = ("complete", "compose"), ("help",), ("ask",)
"""Bindings of these kinds, by the first part of their id, are by themselves: others do not work where they do."""


def usable(keymap: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return what can be taken of a keymap, and a sentence about each entry that cannot.

    Args:
        keymap: keys by the id of a binding, several with commas, as in `{"mail.reply": "e"}`.
    """
    known = {binding.id: binding for binding in all_bindings() if binding.id}
    left = dict(keymap)
    mistakes: list[str] = []
    while True:
        taken: dict[str, str] = {}
        wrong = None
        for id, keys in left.items():
            moved = [_spelt(key) for key in keys.split(",") if key.strip()]
            wrong = _mistake(id, moved, known, taken, left)
            if wrong:
                break
            taken[id] = ",".join(moved)
        if wrong is None:
            return taken, mistakes
        mistakes.append(f"console.keymap: {wrong}")
        del left[id]  # what it would have made room for has to be looked at again


def _mistake(
    id: str, keys: list[str], known: Mapping[str, Binding], taken: Mapping[str, str], keymap: Mapping[str, str]
) -> str | None:
    """Return what keeps a binding from these keys, or None."""
    if id not in known:
        near = get_close_matches(id, known, 1, 0.6)
        return f"there is no binding {id!r}{f'; did you mean {near[0]!r}' if near else ''}."
    if not keys:
        return f"{id} is given no key and stays where it is."
    for key in keys:
        for other in _holders(key, id, known, taken, keymap):
            return f"{id} stays where it is: {key} is the key of {other}."
    return None


def all_bindings() -> Iterator[Binding]:
    """Yield every binding of the console."""
    for group in vars(bindings).values():
        if isinstance(group, list):
            yield from (one for one in group if isinstance(one, Binding))


def _holders(
    key: str, id: str, known: Mapping[str, Binding], taken: Mapping[str, str], keymap: Mapping[str, str]
) -> Iterator[str]:
    """Yield the ids of the bindings that have a key where that of `id` works too."""
    for other, binding in known.items():
        if other == id or _kind(other) != _kind(id):
            continue
        keys = taken.get(other, "" if other in keymap else binding.key)
        if key in keys.split(","):
            yield other


def _kind(id: str) -> tuple[str, ...]:
    first = id.partition(".")[0]
    return next((kinds for kinds in _TOGETHER if first in kinds), ())


def _spelt(key: str) -> str:
    """Return a key as Textual names it: `question_mark` for `?`."""
    key = key.strip()
    return _character_to_key(key) if len(key) == 1 else key
