"""Replication of actions: every node comes to know every change, also one that was set back, was away too long, or is new.

Changes go to all nodes as they are made. Beside that, heartbeats carry what stands for all changes that a node knows. Where
two nodes stay apart, each asks the other with its sums of 256 parts, and is sent all changes of the parts that differ; to take
a change in again does nothing.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import Field, TypeAdapter

from claudemail.errors import InvalidInput
from claudemail.model.action import SIGNED_AS, Change
from claudemail.model.brief import canonical
from claudemail.model.ids import new_id
from claudemail.model.parcel import Origin, ParcelKind
from claudemail.model.value import LATER, Value
from claudemail.store import action_changes, outbox

MAX_CHANGES = 256
"""The most changes in a parcel."""
MAX_CHANGE = 16 * 1024
"""The size limit of a change in canonical form: text and note, where a character of two bytes takes six."""
_PARCEL_BYTES = 256 * 1024
_MOST_BYTES = 8 * 1024 * 1024
_ASK_AGAIN_AFTER = 60
"""After so many heartbeats with the same difference a node asks again: what is refused for good would be asked for for ever."""


class _Sent(Value):
    """A change on the wire."""

    change: dict[str, Any]
    signature: Annotated[str, Field(pattern="^[A-Za-z0-9+/=]{1,200}$")]


_CHANGES = TypeAdapter(Annotated[list[_Sent], Field(max_length=MAX_CHANGES)], config=LATER)
_DIGESTS = TypeAdapter(
    dict[Annotated[int, Field(ge=0, lt=action_changes.BUCKETS)], Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]],
    config=LATER,
)


class Signed(NamedTuple):
    """A change that was looked at before the transaction."""

    change: Change
    canonical: str
    signature: str
    verified: bool


def read_changes(body: Mapping[str, Any], origin: Origin, keys: Mapping[str, Sequence[str]]) -> tuple[Signed, ...]:
    """Return the changes in a parcel.

    A node's own changes must be signed by one of its keys, where they are known. Another's, which it hands on, are taken from it
    and marked unverified if they are not: the node that made them may have a new key, or be gone.

    Raises:
        pydantic.ValidationError: they are not as they should be.
        InvalidInput: one is too large, or not signed by the node that sends it as its own.
    """
    return tuple(_read(sent, origin, keys) for sent in _CHANGES.validate_python(body.get("changes")))


def _read(sent: _Sent, origin: Origin, keys: Mapping[str, Sequence[str]]) -> Signed:
    change = Change.model_validate(sent.change)
    text = canonical(sent.change)
    if len(text) > MAX_CHANGE:
        raise InvalidInput(f"A change of an action is over {MAX_CHANGE} bytes.")
    known = keys.get(change.node, ())
    verified = False
    if known:
        from claudemail.keys import verify

        verified = any(verify(key, sent.signature, SIGNED_AS + text.encode()) for key in known)
        if not verified and change.node == origin.node:
            raise InvalidInput(f"A change of an action is not signed by the key that is known of {origin.node}.")
    return Signed(change, text, sent.signature, verified)


def read_digests(body: Mapping[str, Any]) -> dict[int, str]:
    """Return the sums in a parcel, by part; raise pydantic.ValidationError if they are not as they should be."""
    digests = body.get("digests")
    if not isinstance(digests, dict) or len(digests) > action_changes.BUCKETS:
        raise InvalidInput("The parcel has no sums of actions.")
    return _DIGESTS.validate_python(digests)


def ask(connection: sqlite3.Connection, peer: str, now: int) -> None:
    """Ask a peer for all that it knows and this node may not."""
    body = {"digests": {str(part): digest for part, digest in action_changes.digests(connection).items()}}
    outbox.enqueue(connection, peer, new_id(now), ParcelKind.DIGESTS, body, now)


def answer(connection: sqlite3.Connection, peer: str, theirs: Mapping[int, str], now: int) -> None:
    """Send a peer all changes of the parts of which it does not know the same; of very many the first ones.

    It goes on asking as long as there are differences. While the last answer is on its way there is no other.
    """
    if outbox.has_waiting(connection, peer, ParcelKind.HISTORY):
        return
    sent = 0
    for bucket in action_changes.where_different(connection, theirs):
        sent += _send(connection, peer, action_changes.in_bucket(connection, bucket), now)
        if sent > _MOST_BYTES:
            return


def _send(connection: sqlite3.Connection, peer: str, changes: Sequence[action_changes.Kept], now: int) -> int:
    """Put changes into a peer's lane, in parcels that fit; return how many bytes they take."""
    group: list[dict[str, Any]] = []
    size = total = 0
    for kept in changes:
        if group and (len(group) == MAX_CHANGES or size + len(kept.canonical) > _PARCEL_BYTES):
            outbox.enqueue(connection, peer, new_id(now), ParcelKind.HISTORY, {"changes": group}, now)
            group, size = [], 0
        group.append({"change": json.loads(kept.canonical), "signature": kept.signature})
        size += len(kept.canonical)
        total += len(kept.canonical)
    outbox.enqueue(connection, peer, new_id(now), ParcelKind.HISTORY, {"changes": group}, now)
    return total


class Apart:
    """Notices with which peers this node stays apart: most differences are changes that are on their way."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, str, int]] = {}

    def should_ask(self, peer: str, own: str, theirs: str) -> bool:
        """Return whether to ask a peer, given what stands for all that this node and the peer know now."""
        if own == theirs:
            self._seen.pop(peer, None)
            return False
        was_own, was_theirs, times = self._seen.get(peer, ("", "", 0))
        same = (own, theirs) == (was_own, was_theirs)
        self._seen[peer] = (own, theirs, times + 1 if same else min(times, 1) + 1)
        times = self._seen[peer][2]
        return times == 2 or times % _ASK_AGAIN_AFTER == 0
