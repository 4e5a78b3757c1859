"""The directory: every name in the fleet that mail can go to, and what an address means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from enum import StrEnum
from typing import NamedTuple

from claudemail.callsigns import maker_of
from claudemail.config import OPERATOR, RESERVED, Config
from claudemail.errors import InvalidInput, UnknownName
from claudemail.model.address import ALL, Address
from claudemail.model.roster import PeerState, Presence


class Kind(StrEnum):
    """What a name stands for."""

    CALLSIGN = "callsign"
    INSTANCE = "instance"
    OPERATOR = "operator"


class Entry(NamedTuple):
    """A name that mail can go to."""

    name: str
    node: str
    instance: str
    kind: Kind
    live: bool
    seen_at: int | None
    """When its session was last there, Unix milliseconds; None: never, as far as is known."""


class Directory:
    """All names: the config's, and those that sessions took beyond it, here (`local`) and on other nodes (`peers`)."""

    def __init__(self, config: Config, local: Sequence[Presence], peers: Mapping[str, PeerState]) -> None:
        self.config = config
        present: dict[tuple[str, str], Presence] = {}
        for node, roster in [(config.node_id, local), *((node, state.roster) for node, state in peers.items())]:
            for presence in roster:
                present[node, presence.name.lower()] = presence
        self.entries: list[Entry] = []
        for instance in config.instances:
            self._add(present.pop((instance.node_id, instance.id.lower()), None), instance.id, instance.node_id,
                      instance.id, Kind.INSTANCE)  # fmt: skip
            for callsign in instance.callsigns:
                if callsign.lower() != instance.id.lower():
                    self._add(present.pop((instance.node_id, callsign.lower()), None), callsign, instance.node_id,
                              instance.id, Kind.CALLSIGN)  # fmt: skip
        self._add_made_up(present)

    def _add_made_up(self, present: Mapping[tuple[str, str], Presence]) -> None:
        """Add the names beyond the config, as far as the nodes that claim them may have them.

        No node may have one of the config's, or one with a meaning of its own. Of several nodes that claim the same one, it
        is believed of the node whose turn in the list it is.
        """
        nodes = {node.id for node in self.config.nodes}
        taken = {entry.name.lower() for entry in self.entries} | set(RESERVED)
        claims: dict[str, list[str]] = {}
        for node, name in present:
            if node in nodes and name not in taken:
                claims.setdefault(name, []).append(node)
        for (node, name), presence in present.items():
            if node not in claims.get(name, ()) or presence.callsign is None:
                continue
            if len(claims[name]) > 1 and maker_of(self.config, name) != node:
                continue
            self._add(presence, presence.callsign, node, presence.instance, Kind.CALLSIGN)
            known = any((e.node, e.name) == (node, presence.instance) for e in self.entries)
            if not known and presence.instance.lower() not in taken:
                # A node that the config gives no instance has one all the same, which its sessions share.
                self._add(None, presence.instance, node, presence.instance, Kind.INSTANCE)

    def _add(self, presence: Presence | None, name: str, node: str, instance: str, kind: Kind) -> None:
        live = presence is not None and presence.live
        self.entries.append(Entry(name, node, instance, kind, live, presence.since if presence else None))

    def resolve(self, addresses: Iterable[Address], *, but: str) -> list[Entry]:
        """Return whom `addresses` mean, each once. `all` and `@node` leave out only `but`, the sender.

        Where an instance is named beside one of its own callsigns, the instance stands for both.

        Raises:
            UnknownName: a name is not known; the nearest ones are offered.
            InvalidInput: nobody is left.
        """
        found: dict[tuple[str, str], Entry] = {}
        for address in addresses:
            for entry in self._meaning(address, but):
                found[entry.node, entry.name] = entry
        instances = {(entry.node, entry.name) for entry in found.values() if entry.kind is Kind.INSTANCE}
        chosen = [
            entry
            for entry in found.values()
            if entry.kind is not Kind.CALLSIGN or (entry.node, entry.instance) not in instances
        ]
        if not chosen:
            raise InvalidInput("That leaves nobody to send to but yourself.", remedy="See the roster for who is there.")
        return chosen

    def one(self, address: Address) -> Entry:
        """Return whom an address with a name means.

        Raises:
            UnknownName: the name is not known, or on several nodes.
        """
        [entry] = self._meaning(address, "")
        return entry

    def knows(self, word: str) -> bool:
        """Return whether somebody in the fleet is called this: `alpha`, `operator@server1`."""
        name, _, node = word.partition("@")
        if name.lower() == ALL:
            return False
        try:
            self.one(Address(name=name, node=node or None))
        except UnknownName:
            return False
        return True

    def _meaning(self, address: Address, but: str) -> list[Entry]:
        if address.node is not None:
            self._check_node(address.node)
        if address.is_all or address.name is None:
            here = self.config.node_id  # a namesake on another node is somebody else
            return [e for e in self._everyone(address.node) if e.node != here or e.name.lower() != but.lower()]
        if address.name.lower() == OPERATOR:
            node = address.node or self.config.node_id
            return [Entry(OPERATOR, node, OPERATOR, Kind.OPERATOR, live=False, seen_at=None)]
        matches = [
            entry
            for entry in self.entries
            if entry.name.lower() == address.name.lower() and address.node in (None, entry.node)
        ]
        if not matches:
            raise self._unknown(address)
        if len(matches) > 1:
            places = ", ".join(f"{entry.name}@{entry.node}" for entry in matches)
            raise UnknownName(f"{address.name!r} is on several nodes.", remedy=f"Say which: {places}.")
        return matches

    def _everyone(self, node: str | None) -> list[Entry]:
        """Return each callsign, and each instance that has none, of a node or of all."""
        instances = {(instance.node_id, instance.id) for instance in self.config.instances}
        configured = {sign.lower() for instance in self.config.instances for sign in instance.callsigns}
        # A name that a session took beyond its pool is left out once the session is gone: nobody has it now.
        callsigns = [
            entry
            for entry in self.entries
            if entry.kind is Kind.CALLSIGN and (entry.live or entry.name.lower() in configured)
        ]
        covered = {(entry.node, entry.instance) for entry in callsigns}
        alone = [
            entry
            for entry in self.entries
            if entry.kind is Kind.INSTANCE and (entry.node, entry.name) in instances - covered
        ]
        return [entry for entry in callsigns + alone if node in (None, entry.node)]

    def _check_node(self, name: str) -> None:
        ids = [node.id for node in self.config.nodes]
        if name not in ids:
            raise UnknownName(f"There is no node {name!r}.", remedy=nearest(name, ids))

    def _unknown(self, address: Address) -> UnknownName:
        names = [entry.name for entry in self.entries if address.node in (None, entry.node)]
        assert address.name is not None
        where = f" on {address.node}" if address.node else ""
        return UnknownName(f"Nobody is called {address.name!r}{where}.", remedy=nearest(address.name, names))

    def here(self, name: str) -> str | None:
        """Return the mailbox of this node that `name` means, spelt as it is kept, or None."""
        if name.lower() == OPERATOR:
            return OPERATOR
        node = self.config.node_id
        return next((e.name for e in self.entries if e.node == node and e.name.lower() == name.lower()), None)


def nearest(name: str, known: Sequence[str]) -> str:
    """Return a sentence that offers the known names nearest to `name`."""
    lower = {word.lower(): word for word in known}
    near = [lower[word] for word in get_close_matches(name.lower(), lower, 3, 0.5)]
    if near:
        return f"Did you mean {' or '.join(near)}? The roster lists all names."
    some = ", ".join(sorted(known)[:10])
    return f"Known names: {some}." if some else "No other name is known."
