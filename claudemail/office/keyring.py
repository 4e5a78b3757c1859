"""The keyring: by which keys other nodes are known, as the config says and as they have told since; and this node's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from claudemail.config import Config

if TYPE_CHECKING:
    from claudemail.keys import NodeKey


class Keyring:
    """The public keys of all nodes. What it gives out is never changed afterwards, so that threads may read it."""

    def __init__(self, config: Config) -> None:
        self._current: Mapping[str, str | None] = {node.id: node.public_key for node in config.nodes}
        self._of_content: Mapping[str, tuple[str, ...]] = {
            node.id: _keys(node.public_key, reversed(node.previous_keys)) for node in config.nodes
        }

    @property
    def current(self) -> Mapping[str, str | None]:
        """The one key of each node that its requests are signed with; None: not known."""
        return self._current

    @property
    def of_content(self) -> Mapping[str, tuple[str, ...]]:
        """The keys that briefs and changes of actions of each node may be signed with, the latest first; empty: not known."""
        return self._of_content

    def replace(self, node: str, new: str) -> None:
        """A node has a new key; its former one goes on being good for what it signed."""
        keys = _keys(new, self._of_content.get(node, ()))
        self._of_content = {**self._of_content, node: keys}
        self._current = {**self._current, node: new}


class HeldKeys:
    """The keys that this node may sign with, read again when their files change: another process may change them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._state: object = None
        self._keys: tuple[NodeKey, ...] = ()

    def __call__(self) -> tuple[NodeKey, ...]:
        """Return them, the present one first; raise as `NodeKey.load_or_create`."""
        from claudemail.keys import KEY_FILE, NEXT_KEY_FILE, NodeKey

        state = _state(self._folder / KEY_FILE), _state(self._folder / NEXT_KEY_FILE)
        if not self._keys or state != self._state:
            self._keys, self._state = NodeKey.held_in(self._folder), state
        return self._keys


def _state(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _keys(first: str | None, more: Iterable[str]) -> tuple[str, ...]:
    return () if first is None else tuple(dict.fromkeys((first, *more)))
