"""Rotation: this node gets a new key, and every other node learns of it from the old one.

The next key lies beside the present one from the first moment to the last: that file is what says that a rotation is under way,
also after a crash or a restore. Until every peer has heard, this node signs all mail with the present key. A peer that has
heard knows it as a previous one, which is good for mail; for requests it wants the new one, which the client tries when the
other is refused. When all have heard, the next key takes the place of the present one, which is gone then.

An announcement is signed by both keys, so whoever hears one that is news passes it on.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, ValidationError

from claudemail import config_file
from claudemail.errors import ConfigError, InvalidInput, RotationUnderWay
from claudemail.model.brief import Name, canonical
from claudemail.model.ids import new_id
from claudemail.model.joining import PublicKey
from claudemail.model.parcel import ParcelKind
from claudemail.model.value import Value
from claudemail.model.views import RotationView
from claudemail.office.desk import Desk
from claudemail.store import announcements, outbox, unwritten

if TYPE_CHECKING:
    from claudemail.keys import NodeKey

log = logging.getLogger(__name__)
SIGNED_AS = b"claudemail node key v1\n"
Signature = Annotated[str, Field(pattern="^[A-Za-z0-9+/=]{1,200}$")]


class KeyChange(Value):
    """A node has a new key."""

    node: Name
    old: PublicKey
    new: PublicKey


class Announcement(Value):
    """A change of keys on the wire."""

    change: KeyChange
    signature: Signature
    """By the old key."""
    proof: Signature
    """By the new one: whoever announces it holds it."""


def read(body: Mapping[str, Any]) -> Announcement:
    """Return the announcement in a parcel.

    Raises:
        pydantic.ValidationError: the parcel is not as it should be.
        InvalidInput: one of both signatures is not by its key.
    """
    from claudemail.keys import verify

    found = Announcement.model_validate(dict(body))
    signed = _signed(found.change)
    if not verify(found.change.old, found.signature, signed) or not verify(found.change.new, found.proof, signed):
        raise InvalidInput(f"The new key of {found.change.node} is not signed by its old and its new key.")
    return found


def take(desk: Desk, connection: sqlite3.Connection, origin: str, announcement: Announcement, now: int) -> None:
    """Replace a node's key by its new one, and pass that on; inside a write transaction.

    Raises:
        InvalidInput: it is not the key known here that signed it.
    """
    change = announcement.change
    known = desk.keyring.of_content.get(change.node, ())
    if not known or change.new in known or change.node == desk.config.node_id:
        return  # no key to replace, or no news
    if known[0] != change.old:
        raise InvalidInput(f"The new key of {change.node} is not signed by the key that {desk.config.node_id} knows.")
    try:
        config_file.replace_key(desk.config, change.node, change.old, change.new)
        unwritten.forget(connection, ParcelKind.KEY, change.node)
    except ConfigError as error:
        body = announcement.model_dump(mode="json")
        unwritten.keep(connection, ParcelKind.KEY, change.node, origin, body, error.message, now)
    desk.keyring.replace(change.node, change.new)
    for peer in desk.config.peers:
        if peer.id not in (change.node, origin):
            body = announcement.model_dump(mode="json")
            outbox.enqueue(connection, peer.id, new_id(now), ParcelKind.KEY, body, now)


def retry(desk: Desk, connection: sqlite3.Connection, one: unwritten.Unwritten) -> bool:
    """Try again to write a node's new key into the config file; return whether it is there now."""
    try:
        change = Announcement.model_validate(one.body).change
        config_file.replace_key(desk.config, change.node, change.old, change.new)
    except (ConfigError, ValidationError):
        return False
    unwritten.forget(connection, one.kind, one.node)
    return True


def remember(desk: Desk, kept: list[unwritten.Unwritten]) -> None:
    """Know nodes by the new keys that the config file does not say yet."""
    for one in kept:
        if one.kind == ParcelKind.KEY:
            change = Announcement.model_validate(one.body).change
            if desk.keyring.current.get(change.node) == change.old:
                desk.keyring.replace(change.node, change.new)


async def begin(desk: Desk) -> RotationView:
    """Make the next key and announce it to all peers; without peers it takes its place at once.

    Raises:
        RotationUnderWay: one is under way already.
    """
    from claudemail.keys import NodeKey

    own = desk.key
    following = NodeKey.create_next(_folder(desk))
    if following is None:
        under_way = await state(desk)
        waiting = ", ".join(under_way.waiting) if under_way else ""
        raise RotationUnderWay(
            f"The key of {desk.config.node_id} is being changed already"
            + (f"; {waiting} has not heard of the new one yet." if waiting else ".")
        )
    await settle(desk)
    found = await state(desk)
    return found or _view(desk, own, following, {}, over=True)


async def state(desk: Desk) -> RotationView | None:
    """Return how far the rotation is that is under way, or None."""
    from claudemail.keys import NodeKey

    following = NodeKey.next_in(_folder(desk))
    if following is None:
        return None
    told = await desk.mail.read(lambda connection: announcements.of(connection, following.public))
    return _view(desk, NodeKey.load_or_create(_folder(desk)), following, told)


async def settle(desk: Desk, *, again: bool = False) -> None:
    """Do what a rotation that is under way wants done: announce it to whoever has not been told, end it when all have heard.

    Args:
        desk: this node's.
        again: announce it once more to those who refused; they may run another version by now.
    """
    from claudemail.keys import NodeKey

    following = NodeKey.next_in(_folder(desk))
    if following is None:
        return
    own = NodeKey.load_or_create(_folder(desk))
    if own.public == following.public:  # as a backup has it that was made in the very moment
        NodeKey.advance(_folder(desk))
        return
    told = await desk.mail.read(lambda connection: announcements.of(connection, following.public))
    untold = [
        peer.id for peer in desk.config.peers if peer.id not in told or (again and told[peer.id].refused is not None)
    ]
    if untold:
        now = desk.wall()
        body = _announcement(desk.config.node_id, own, following).model_dump(mode="json")

        def announce(connection: sqlite3.Connection) -> None:
            for peer in untold:
                parcel = new_id(now)
                outbox.enqueue(connection, peer, parcel, ParcelKind.KEY, body, now)
                announcements.add(connection, peer, following.public, parcel)

        await desk.mail.write(announce)
    elif all(told[peer.id].heard_at is not None for peer in desk.config.peers):
        await asyncio.to_thread(_complete, desk, following.public)
        await desk.mail.write(announcements.forget)
        log.info("all peers know the new key of %s", desk.config.node_id)


def _complete(desk: Desk, new: str) -> None:
    from claudemail.keys import NodeKey

    if desk.config.path is not None:
        try:
            config_file.replace_key(desk.config, desk.config.node_id, desk.key.public, new)
        except ConfigError as error:  # the doctor says what to put there
            log.warning("%s", error)
    NodeKey.advance(_folder(desk))
    desk.forget_key()


def _announcement(node: str, old: NodeKey, new: NodeKey) -> Announcement:
    change = KeyChange(node=node, old=old.public, new=new.public)
    return Announcement(change=change, signature=old.sign(_signed(change)), proof=new.sign(_signed(change)))


def _signed(change: KeyChange) -> bytes:
    return SIGNED_AS + canonical(change.model_dump()).encode()


def _view(
    desk: Desk, old: NodeKey, new: NodeKey, told: Mapping[str, announcements.Told], *, over: bool = False
) -> RotationView:
    from claudemail.keys import fingerprint

    heard = [peer.id for peer in desk.config.peers if peer.id in told and told[peer.id].heard_at is not None]
    refused = {peer: one.refused for peer, one in told.items() if one.refused is not None and peer not in heard}
    return RotationView(
        old_public_key=old.public,
        new_public_key=new.public,
        new_fingerprint=fingerprint(new.public),
        heard=heard,
        waiting=[] if over else [peer.id for peer in desk.config.peers if peer.id not in heard],
        refused=refused,
        over=over,
    )


def _folder(desk: Desk) -> Path:
    return Path(desk.config.state_dir)
