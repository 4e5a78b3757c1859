"""Inviting: this node takes others into its fleet, by a token that somebody carries over and a proof that they have it."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
from typing import Any, NamedTuple

from pydantic import ValidationError

from claudemail import config_file
from claudemail.config import DEFAULT_PORT, Config
from claudemail.errors import ConfigError, InvalidInput, NameTaken, PeerRefused
from claudemail.json_text import Document
from claudemail.model import joining
from claudemail.model.brief import invalid
from claudemail.model.joining import Fleet, InstanceEntry, JoinAnswer, JoinRequest, NodeEntry, Token
from claudemail.office import introducing
from claudemail.office.desk import Desk
from claudemail.store import invitations

log = logging.getLogger(__name__)
_ANOTHER = "Ask for a new one: `claudemail invite` there."


class Joined(NamedTuple):
    """Who joined by an invitation."""

    node: str
    url: str
    public_key: str


async def invite(desk: Desk, host: str, port: int) -> Token:
    """Return a new invitation; `host` and `port` are where the newcomer reaches this node's gateway.

    Raises:
        ConfigError: nobody can join by this node.
        StoreError: the invitation could not be kept.
    """
    _refuse_unreachable(desk.config)
    now = desk.wall()
    secret = os.urandom(joining.SECRET_BYTES)
    token = Token(
        id=os.urandom(16).hex(),
        node=desk.config.node_id,
        host=host,
        port=port,
        fingerprint=joining.digest_of(desk.key.public),
        secret=secret.hex(),
        until=now + joining.VALID_MS,
    )
    await desk.mail.write(
        lambda connection: invitations.add(connection, token.id, secret, host, port, token.until, now)
    )
    return token


def _refuse_unreachable(config: Config) -> None:
    if config.tls_cert is not None or config.node.pull:
        why = "serves TLS" if config.tls_cert else "cannot be reached"
        raise ConfigError(
            f"{config.node_id} {why}, so nobody can join by it.",
            remedy="Invite from another node, or add the new one to the config of every node by hand.",
        )


async def guest_of(desk: Desk, id: str) -> Joined | None:
    """Return who joined by an invitation, or None while nobody has.

    Raises:
        InvalidInput: its time is over.
    """
    found = await desk.mail.read(lambda connection: invitations.get(connection, id))
    if found is None or (found.used_at is None and found.until <= desk.wall()):
        raise InvalidInput("Nobody has joined while the invitation stood.", remedy="Make a new one.")
    if found.node is None:
        return None
    config = config_file.reread(desk.config)
    node = next((node for node in config.nodes if node.id == found.node), None)
    return Joined(found.node, node.url if node else "", found.public_key or "")


async def is_inviting(desk: Desk) -> bool:
    """Return whether somebody may come to join."""
    now = desk.wall()
    return await desk.mail.read(lambda connection: invitations.any_open(connection, now))


async def admit(desk: Desk, body: bytes) -> JoinAnswer:
    """Take the newcomer in that a request is from, and tell all nodes of it; the same request again is answered alike.

    Nothing is written before the proof has been checked.

    Raises:
        InvalidInput: the request is not as it should be; NameTaken: a name or the address is another node's.
        PeerRefused: there is no such invitation, it was used or is over, or the proof is wrong.
        ConfigError: the config file cannot be changed; nobody was taken in.
        StoreError: the database could not do it.
    """
    try:
        raw = json.loads(body)
        request = JoinRequest.model_validate(raw)
    except ValidationError as error:
        raise invalid(error, "The request to join") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The request to join cannot be read.") from error
    introducing.check(request.newcomer)
    now = desk.wall()
    await desk.mail.read(lambda connection: _check(desk, connection, request, raw, now))
    fleet, access = await desk.mail.write(lambda connection: _take_in(desk, connection, request, raw, now))
    return JoinAnswer(fleet=fleet, proof=joining.answer_proof(access, request.nonce, fleet))


def _check(desk: Desk, connection: sqlite3.Connection, request: JoinRequest, raw: dict[str, Any], now: int) -> bytes:
    """Return the access key of a request that is in order."""
    from claudemail.keys import verify

    newcomer = request.newcomer.node
    known = invitations.get(connection, request.invitation)
    if known is None:
        raise PeerRefused("There is no such invitation here.", remedy=_ANOTHER)
    if known.until <= now or (known.secret is None and known.access is None):
        raise PeerRefused("The invitation is over: it stood for 15 minutes by the clock here.", remedy=_ANOTHER)
    if known.used_at is not None and (known.node, known.public_key) != (newcomer.id, newcomer.public_key):
        raise PeerRefused("The invitation has been used, by another node or key.", remedy=_ANOTHER)
    access = joining.access_of(known.secret, newcomer) if known.secret is not None else known.access
    assert access is not None
    if not joining.same(joining.request_proof(access, raw), request.proof):
        raise PeerRefused(
            "The proof is wrong: it was made with another secret, or changed on its way.", remedy=_ANOTHER
        )
    asked, own = request.inviter, joining.digest_of(desk.key.public)
    if (asked.node, asked.host, asked.port) != (
        desk.config.node_id,
        known.host,
        known.port,
    ) or own != asked.fingerprint:
        raise PeerRefused("The invitation is of another node, or from before this one had its key.", remedy=_ANOTHER)
    if not verify(newcomer.public_key or "", request.signature, joining.signed_bytes(raw)):
        raise PeerRefused("The newcomer does not hold the key that it brings.")
    return access


def _take_in(
    desk: Desk, connection: sqlite3.Connection, request: JoinRequest, raw: dict[str, Any], now: int
) -> tuple[dict[str, Any], bytes]:
    """Put a newcomer into the config file, note who used the invitation, tell the others; return the fleet and the access key.

    The file comes last: it is changed only when all else is as it should be, and if it cannot be, nothing is.
    """
    access = _check(desk, connection, request, raw, now)
    newcomer = request.newcomer
    known = invitations.get(connection, request.invitation)
    assert known is not None
    if known.used_at is not None:
        return _fleet(desk, config_file.reread(desk.config)), access
    assert newcomer.node.public_key is not None
    invitations.use(connection, known.id, newcomer.node.id, newcomer.node.public_key, access, now)
    config = config_file.edit(desk.config, lambda document: _add(desk, document, newcomer, known.host))
    introducing.tell(connection, config, newcomer, now)
    log.info("%s has joined the fleet", newcomer.node.id)
    return _fleet(desk, config), access


def _add(desk: Desk, document: Document, newcomer: joining.Introduction, called: str) -> None:
    """Put a newcomer into a config, and by which host name it calls this node."""
    data = document.data
    if not introducing.refuse_another(document, newcomer):
        _refuse_taken(data, newcomer)
    config_file.put_key(document, desk.config.node_id, desk.key.public)
    config_file.put_name(document, desk.config.node_id, called)
    config_file.put_node(document, *introducing.entries(newcomer))


def _refuse_taken(data: dict[str, Any], newcomer: joining.Introduction) -> None:
    """Raise NameTaken, with all the names, if some of a newcomer's are another's."""
    owners = {
        name.lower(): instance["node_id"]
        for instance in data.get("instances", ())
        for name in (instance["id"], *instance.get("callsigns", ()))
    }
    wanted = [name for instance in newcomer.instances for name in dict.fromkeys((instance.id, *instance.callsigns))]
    taken = [f"{name} (on {owners[name.lower()]})" for name in wanted if name.lower() in owners]
    if taken:
        raise NameTaken(f"The fleet has {', '.join(taken)} already.")
    node = newcomer.node
    for known in data["nodes"]:
        if not node.pull and (known.get("ip"), known.get("gateway_port", DEFAULT_PORT)) == (node.ip, node.gateway_port):
            raise NameTaken(f"The address {node.ip}:{node.gateway_port} is that of {known['id']}.")


def _fleet(desk: Desk, config: Config) -> dict[str, Any]:
    """Return what a newcomer is told of the fleet."""
    own = desk.key.public
    fleet = Fleet(
        node=config.node_id,
        nodes=[
            NodeEntry(
                id=node.id,
                ip=node.ip or None,
                gateway_port=node.port,
                public_key=own if node.id == config.node_id else node.public_key,
                previous_keys=list(node.previous_keys),
                pull=node.pull,
            )
            for node in config.nodes
        ],
        instances=[
            InstanceEntry(id=one.id, node_id=one.node_id, callsigns=list(one.callsigns)) for one in config.instances
        ],
        signatures=config.signatures,
        poll_interval_ms=config.poll_interval_ms,
        heartbeat_interval_ms=config.heartbeat_interval_ms,
        allow_unsigned=config.allow_unsigned,
    )
    return fleet.model_dump(mode="json")
