"""The keyring: by which keys other nodes are known, as the config says and as they have told since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from claudemail.config import Config


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


def _keys(first: str | None, more: Iterable[str]) -> tuple[str, ...]:
    return () if first is None else tuple(dict.fromkeys((first, *more)))
