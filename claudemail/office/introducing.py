"""Introducing: every node comes to know of a newcomer and adds it to its config file.

Who takes a newcomer in tells all nodes that it knows of, and who hears of one that is new to it passes that on: two nodes may
each take somebody in before they know of the other's. What belongs into a config file that cannot be changed is kept, said by the
checkup and by `doctor`, and tried again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from claudemail import config_file
from claudemail.config import Config
from claudemail.errors import ConfigError, InvalidInput, NameTaken
from claudemail.json_text import Document
from claudemail.model.ids import new_id
from claudemail.model.joining import Introduction
from claudemail.model.parcel import Origin, ParcelKind
from claudemail.office.desk import Desk
from claudemail.store import outbox, unwritten


def read(body: Mapping[str, Any], origin: Origin) -> Introduction:
    """Return the newcomer that a parcel introduces.

    Raises:
        pydantic.ValidationError: the parcel is not as it should be.
        InvalidInput: nobody knows for sure who introduces it, it has no key, or brings instances of others.
    """
    if not origin.verified:
        raise InvalidInput(
            f"Only a node whose key is known may introduce others; add the public_key of {origin.node} to the config here."
        )
    found = Introduction.model_validate(dict(body))
    check(found)
    return found


def check(introduction: Introduction) -> None:
    """Raise InvalidInput if a newcomer has no key, or has had others, or brings instances that are not its own."""
    node = introduction.node
    if node.public_key is None or node.previous_keys:
        raise InvalidInput(f"{node.id} has no public key, or not only one.")
    if any(instance.node_id != node.id for instance in introduction.instances):
        raise InvalidInput(f"{node.id} brings instances of another node.")


def take(desk: Desk, connection: sqlite3.Connection, origin: str, introduction: Introduction, now: int) -> None:
    """Add a newcomer to the config file, and tell the others; inside a write transaction.

    Raises:
        NameTaken: the config has another node of that name.
    """
    node = introduction.node
    if node.id == desk.config.node_id:
        return
    config = desk.config
    try:
        config, is_new = write(config, introduction)
        unwritten.forget(connection, ParcelKind.NODE, node.id)
    except ConfigError as error:
        body = introduction.model_dump(mode="json")
        is_new = unwritten.keep(connection, ParcelKind.NODE, node.id, origin, body, error.message, now)
    if is_new:
        tell(connection, config, introduction, now, but=origin)


def tell(connection: sqlite3.Connection, config: Config, newcomer: Introduction, now: int, *, but: str = "") -> None:
    """Tell all nodes of a newcomer, except the newcomer and one that knows."""
    body = newcomer.model_dump(mode="json")
    for peer in config.peers:
        if peer.id not in (newcomer.node.id, but):
            outbox.enqueue(connection, peer.id, new_id(now), ParcelKind.NODE, body, now)


def write(config: Config, introduction: Introduction) -> tuple[Config, bool]:
    """Add a newcomer to the config file; return what that says then, and whether the newcomer was not in it.

    Raises:
        NameTaken: the file has another node of that name.
        ConfigError: the file cannot be changed.
    """
    is_new = False

    def change(document: Document) -> None:
        nonlocal is_new
        is_new = not refuse_another(document, introduction)
        config_file.put_node(document, *entries(introduction))

    return config_file.edit(config, change), is_new


def entries(introduction: Introduction) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a node and its instances as a config has them."""
    return introduction.node.entry(), [instance.entry() for instance in introduction.instances]


def refuse_another(document: Document, introduction: Introduction) -> bool:
    """Return whether a config has a node already; raise NameTaken if it has another one of that name."""
    node = introduction.node
    for known in document.data["nodes"]:
        if known["id"].lower() == node.id.lower():
            if node.public_key in (known.get("public_key"), *known.get("previous_keys", ())):
                return True
            raise NameTaken(f"There is another node called {known['id']}, with another key or none.")
    return False


def retry(desk: Desk, connection: sqlite3.Connection, one: unwritten.Unwritten) -> bool:
    """Try again to write a newcomer into the config file; return whether it is there now."""
    try:
        write(desk.config, Introduction.model_validate(one.body))
    except (ConfigError, NameTaken, ValidationError):
        return False
    unwritten.forget(connection, one.kind, one.node)
    return True
