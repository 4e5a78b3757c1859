"""Joining: this node enters the fleet of another that has invited it, and its config file says so from then on."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from claudemail import config_file
from claudemail.clock import wall_ms
from claudemail.config import DEFAULT_INSTANCE, SEARCH_PATH, Config, Node
from claudemail.config_check import NAME_RULE, is_name
from claudemail.errors import ConfigError, InvalidInput, NameTaken, PeerRefused, PeerUnreachable, StoreForeign
from claudemail.json_text import Document
from claudemail.keys import NodeKey, fingerprint
from claudemail.model import joining
from claudemail.model.joining import (
    Fleet,
    InstanceEntry,
    Introduction,
    Inviter,
    JoinAnswer,
    JoinRequest,
    NodeEntry,
    Token,
)
from claudemail.model.parcel import Problem
from claudemail.model.views import JoinedView, JoinView
from claudemail.office import whereabouts
from claudemail.office.office import Office
from claudemail.text import shorten

_PATIENCE_S = 8.0
"""How long an inviter that does not answer is asked: its gateway may be just beginning anew."""
_AGAIN_S = 0.5


class Wishes(NamedTuple):
    """What the newcomer wants to be called and where it is reached; None: what is fitting."""

    node: str | None = None
    address: tuple[str, int | None] | None = None
    instance: str | None = None
    callsigns: tuple[str, ...] | None = None
    pull: bool = False
    """Whether nobody can reach it, so that it fetches its mail."""


def prepare_lone(node_id: str, public_key: str, address: tuple[str, int | None] | None) -> Config:
    """Make the config file of a node that has none, so that it can invite others; return what it says.

    Raises:
        ConfigError: it cannot be written.
    """
    host, port = address or (whereabouts.own_address(), None)
    node = _entry(
        NodeEntry(id=node_id, ip=host, gateway_port=port or whereabouts.free_port(host), public_key=public_key)
    )
    return config_file.create(
        os.path.expanduser(SEARCH_PATH[0]),
        {"node_id": node_id, "nodes": [node], "instances": [_instance(DEFAULT_INSTANCE, node_id, ())]},
        node_id=node_id,
    )


async def introduce_oneself(config: Config, token: Token, wishes: Wishes) -> Introduction:
    """Return what this node is going to say of itself; its key is made if it has none.

    Raises:
        ConfigError: it is in a fleet already.
        InvalidInput: a name does not fit; StoreForeign: its mail is known to others by another name.
    """
    node_id = wishes.node or config.node_id
    for name in filter(None, (node_id, wishes.instance, *(wishes.callsigns or ()))):
        if not is_name(name):
            raise InvalidInput(f"{name!r} is not {NAME_RULE}.")
    _refuse_second_fleet(config, token, node_id)
    async with await Office.open(config) as office:
        if node_id != config.node_id and await office.had_peers():
            raise StoreForeign(
                f"Other nodes know the mail here as that of {config.node_id}.",
                remedy=f"Join as {config.node_id}, or give db_path another folder.",
            )
        public = office.key().public
    own = config.instances_on(config.node_id)
    if config.path is not None and wishes.instance is not None and len(own) > 1:
        raise InvalidInput(
            f"This node has {len(own)} instances, so --instance does not say which is to be called that.",
            remedy="Change their names in the config.",
        )
    place: dict[str, Any] = {"pull": True}
    if not wishes.pull:
        host, port = _address(config, token, wishes)
        place = {"ip": host, "gateway_port": port}
    instances = [_instance(one.id, node_id, one.callsigns) for one in own] or [_instance(DEFAULT_INSTANCE, node_id, ())]
    if wishes.instance is not None:
        instances[0]["id"] = wishes.instance
    if wishes.callsigns is not None:
        instances[0]["callsigns"] = list(wishes.callsigns)
    return Introduction.model_validate(
        {
            "node": {"id": node_id, **place, "public_key": public},
            "instances": instances,
        }
    )


def _refuse_second_fleet(config: Config, token: Token, node_id: str) -> None:
    if token.node.lower() == node_id.lower():
        raise NameTaken(
            f"The inviter is called {token.node}, and so is this node.", remedy="Give it another name with --node."
        )
    known = {peer.id: peer.public_key for peer in config.peers}
    inviters = known.get(token.node)
    if known and (inviters is None or joining.digest_of(inviters) != token.fingerprint):
        raise ConfigError(
            f"This node is in a fleet already, with {', '.join(known)}.",
            remedy="Invite the other one from here, or take the other nodes out of the config first.",
        )


def _address(config: Config, token: Token, wishes: Wishes) -> tuple[str, int]:
    """Return where the others will reach this node."""
    own = config.node
    if wishes.address is not None:
        host, port = wishes.address
        return host, port or (own.port if config.path else whereabouts.free_port(host))
    if config.path is not None and (not whereabouts.is_loopback(own.ip) or whereabouts.is_loopback(token.host)):
        return own.ip, own.port
    host = whereabouts.own_address(token.host)
    return host, own.port if config.path else whereabouts.free_port(host)


async def join(config: Config, token: Token, newcomer: Introduction, *, may_rename: bool) -> JoinView:
    """Ask the inviter, check its answer, and write the fleet into this node's config file.

    Args:
        config: this node's, as it is now.
        token: the invitation.
        newcomer: what it says of itself.
        may_rename: take the node's name for an instance whose name is taken, since nobody chose that.

    Raises:
        PeerUnreachable: the inviter does not answer; PeerRefused: it says no, or is not the one that made the token.
        NameTaken: a name or the address is another node's.
        ConfigError: the config file cannot be written.
    """
    fleet = await _ask(config, token, newcomer, may_rename=may_rename)
    own = next((node for node in fleet.nodes if node.public_key == newcomer.node.public_key), None)
    inviter = next((node for node in fleet.nodes if node.id == token.node), None)
    if own is None or own.id != newcomer.node.id or inviter is None or inviter.public_key is None:
        raise PeerRefused(f"{token.node} gave an answer in which this node or itself is missing.")
    if joining.digest_of(inviter.public_key) != token.fingerprint:
        raise PeerRefused(
            f"It is not {token.node} that answers at {token.host}:{token.port}: it has another key.",
            remedy="Nothing was changed. Compare the fingerprints, and ask for a new token.",
        )
    fleet = _seen_from_here(fleet, token)
    written = _write(config, fleet, own)
    renamed = _renamed(config, written)
    async with await Office.open(written) as office:
        if renamed is not None:
            await office.rename_instance(*renamed)
    node, other = written.node, next(node for node in written.nodes if node.id == token.node)
    assert written.path is not None
    return JoinView(
        node=node.id,
        url=node.url,
        fingerprint=fingerprint(own.public_key or ""),
        inviter=JoinedView(node=other.id, url=other.url, fingerprint=fingerprint(other.public_key or "")),
        nodes=[each.id for each in written.nodes],
        instances=[each.id for each in written.instances_on(node.id)],
        config=written.path,
        allow_unsigned=written.allow_unsigned,
    )


async def _ask(config: Config, token: Token, newcomer: Introduction, *, may_rename: bool) -> Fleet:
    from claudemail.mesh.client import MeshClient

    key = NodeKey.load_or_create(Path(config.state_dir))
    client = MeshClient(newcomer.node.id, key, wall_ms)
    try:
        try:
            return await _ask_once(client, key, token, newcomer)
        except NameTaken:
            [*instances] = newcomer.instances
            if not may_rename or len(instances) != 1:
                raise
            other = instances[0].model_copy(update={"id": newcomer.node.id})
            return await _ask_once(client, key, token, newcomer.model_copy(update={"instances": [other]}))
    finally:
        await client.close()


async def _ask_once(client: Any, key: NodeKey, token: Token, newcomer: Introduction) -> Fleet:  # noqa: ANN401
    access = joining.access_of(bytes.fromhex(token.secret), newcomer.node)
    inviter = Inviter(node=token.node, host=token.host, port=token.port, fingerprint=token.fingerprint)
    asked = JoinRequest(invitation=token.id, inviter=inviter, newcomer=newcomer, nonce=os.urandom(16).hex())
    request = asked.model_dump(mode="json")
    request["signature"] = key.sign(joining.signed_bytes(request))
    request["proof"] = joining.request_proof(access, request)
    body = JoinRequest.model_validate(request).model_dump_json().encode()
    status, content = await _patiently(client, Node(token.node, token.host, token.port), body)
    if status != 200:
        raise _refusal(token, status, content)
    try:
        answer = JoinAnswer.model_validate_json(content)
        if not joining.same(joining.answer_proof(access, asked.nonce, answer.fleet), answer.proof):
            raise PeerRefused(
                f"What answers at {token.host}:{token.port} does not know the secret of the token: it is not {token.node}.",
                remedy="Nothing was changed. See who is between the two, and ask for a new token.",
            )
        return Fleet.model_validate(answer.fleet)
    except (ValidationError, ValueError) as error:
        raise PeerRefused(f"{token.node} gave an answer that this version does not understand.") from error


async def _patiently(client: Any, inviter: Node, body: bytes) -> tuple[int, bytes]:  # noqa: ANN401
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            status, content = await client.ask_to_join(inviter, body)
        except PeerUnreachable as error:
            if time.monotonic() > deadline:
                raise PeerUnreachable(
                    error.message,
                    remedy=f"See that the gateway of {inviter.id} runs and that {inviter.url} is reached from here, then run"
                    " this again: that does no harm. If that is the wrong address, ask for a token made with --address.",
                ) from error
            await asyncio.sleep(_AGAIN_S)
        else:
            return status, content


def _refusal(token: Token, status: int, content: bytes) -> InvalidInput | PeerRefused:
    """Return what an answer that is no says."""
    try:
        problem = Problem.model_validate_json(content)
    except ValidationError:
        return PeerRefused(
            f"It is not a ClaudeMail gateway that answers at {token.host}:{token.port}, or not this version.",
            remedy="Ask for a token made with --address.",
        )
    said = f"{token.node} refused: {shorten(problem.message, 400)}"
    if problem.error == NameTaken.code:
        return NameTaken(said, remedy="Choose another with --node, --instance, --callsigns or --address.")
    return PeerRefused(said, remedy="" if "Ask for" in said or status == 429 else "Nothing was changed.")


def _seen_from_here(fleet: Fleet, token: Token) -> Fleet:
    """Return the fleet with the inviter at the address by which it was reached."""
    place = {"ip": token.host, "gateway_port": token.port}
    nodes = [node.model_copy(update=place) if node.id == token.node else node for node in fleet.nodes]
    return fleet.model_copy(update={"nodes": nodes})


def _write(config: Config, fleet: Fleet, own: NodeEntry) -> Config:
    """Write the fleet into the config file, made if there is none; return what it says then."""
    believing = fleet.allow_unsigned and any(node.public_key is None for node in fleet.nodes)
    if config.path is not None:
        return config_file.edit(
            config, lambda document: _change(document, config, fleet, own, believing=believing), node_id=own.id
        )
    data: dict[str, object] = {
        "node_id": own.id,
        "nodes": [_entry(own) if node.id == own.id else node.entry() for node in fleet.nodes],
        "instances": [one.entry() for one in fleet.instances],
        "signatures": fleet.signatures,
        "poll_interval_ms": fleet.poll_interval_ms,
        "heartbeat_interval_ms": fleet.heartbeat_interval_ms,
        **({"allow_unsigned": True} if believing else {}),
    }
    return config_file.create(os.path.expanduser(SEARCH_PATH[0]), data, node_id=own.id)


def _change(document: Document, config: Config, fleet: Fleet, own: NodeEntry, *, believing: bool) -> None:
    """Put a fleet into the config of a node that stood alone; what is its own stays."""
    place = next(number for number, node in enumerate(document.data["nodes"]) if node["id"] == config.node_id)
    for key, value in _entry(own).items():
        if key != "bind" or "bind" not in document.data["nodes"][place]:
            document.set(("nodes", place), key, value)
    document.set((), "node_id", own.id)
    _change_own_instances(document, config, [one for one in fleet.instances if one.node_id == own.id], own.id)
    for node in fleet.nodes:
        theirs = [one.entry() for one in fleet.instances if one.node_id == node.id]
        config_file.put_node(document, node.entry(), theirs)
    if fleet.signatures:
        if "signatures" not in document.data:
            document.set((), "signatures", {})
        for name, line in fleet.signatures.items():
            if name not in document.data["signatures"]:
                document.set(("signatures",), name, line)
    document.set((), "poll_interval_ms", fleet.poll_interval_ms)
    document.set((), "heartbeat_interval_ms", fleet.heartbeat_interval_ms)
    if believing and "allow_unsigned" not in document.data:
        document.set((), "allow_unsigned", True)


def _change_own_instances(document: Document, config: Config, instances: Sequence[InstanceEntry], node_id: str) -> None:
    there = [
        number
        for number, one in enumerate(document.data.get("instances", ()))
        if one["node_id"] in (config.node_id, node_id)
    ]
    if not there:
        for one in instances:
            document.append("instances", one.entry())
        return
    for number, one in zip(there, instances, strict=False):
        for key, value in one.entry().items():
            if value or key in document.data["instances"][number]:
                document.set(("instances", number), key, value)


def _renamed(before: Config, after: Config) -> tuple[str, str] | None:
    """Return the old and the new name of this node's only instance, if it has another name now."""
    old = [one.id for one in before.instances_on(before.node_id)]
    new = [one.id for one in after.instances_on(after.node_id)]
    return (old[0], new[0]) if len(old) == len(new) == 1 and old != new else None


def _entry(own: NodeEntry) -> dict[str, Any]:
    """Return this node as its own config has it."""
    bind = None if own.ip is None else whereabouts.bind_for(own.ip)
    entry = {"id": own.id, "ip": own.ip, "gateway_port": own.gateway_port, "public_key": own.public_key}
    if own.pull:
        entry = {"id": own.id, "pull": True, "public_key": own.public_key}
    return {**entry, "bind": bind} if bind else entry


def _instance(name: str, node_id: str, callsigns: Sequence[str]) -> dict[str, Any]:
    return {"id": name, "node_id": node_id, "callsigns": list(callsigns)}
