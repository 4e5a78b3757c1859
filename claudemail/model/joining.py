"""Joining: the token that invites a node, what the newcomer asks with it, and what it is answered.

The token holds a secret that never travels. Both sides prove by HMAC-SHA256 that they know it: the newcomer over its whole
request, the inviter over its answer and the nonce of the request. Their keys are made of the secret and of who the newcomer is,
so that after the first use the inviter can forget the secret, and go on answering that one newcomer whose answer was lost.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from claudemail.config import DEFAULT_PORT
from claudemail.config_check import is_host, is_public_key
from claudemail.errors import InvalidInput
from claudemail.model.brief import Line, Millis, Name, canonical
from claudemail.model.value import Value

VALID_MS = 15 * 60_000
"""How long an invitation stands, by the inviter's clock."""
SECRET_BYTES = 24
MAX_REQUEST_BYTES = 32 * 1024
"""The most that a newcomer may bring: its instances and their callsigns."""
SIGNED_AS = b"claudemail join v1 key\n"
_PREFIX = "cmail1."
_CHECK = 4
_MOST_TOKEN = 2_000
_ACCESS, _REQUEST, _ANSWER = (f"claudemail join v1 {word}\n".encode() for word in ("access", "request", "answer"))


def _host(text: str) -> str:
    if not is_host(text):
        raise ValueError("it is no IP address or host name")
    return text


def _key(text: str) -> str:
    if not is_public_key(text):
        raise ValueError("it is no public key")
    return text


Host = Annotated[str, AfterValidator(_host)]
Port = Annotated[int, Field(ge=1, le=65_535)]
PublicKey = Annotated[str, Field(max_length=64), AfterValidator(_key)]
Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{32,64}$")]


class Token(Value):
    """An invitation, as its one user is given it."""

    id: Hex
    node: Name
    """The inviter."""
    host: Host
    port: Port
    """Where the inviter's gateway is reached."""
    fingerprint: Hex
    """Of the inviter's public key, see `digest_of`."""
    secret: Annotated[str, Field(pattern=f"^[0-9a-f]{{{2 * SECRET_BYTES}}}$")]
    until: Millis
    """When it ends by the inviter's clock. The newcomer shows it, and judges nothing by it."""

    def written(self) -> str:
        """Return the token in one word, with a sum that tells a slip from a wrong secret."""
        text = canonical(self.model_dump()).encode()
        return _PREFIX + base64.urlsafe_b64encode(_sum(text) + text).decode().rstrip("=")

    @classmethod
    def read(cls, word: str) -> Token:
        """Return the token that `written` wrote.

        Raises:
            InvalidInput: it is none, or a part of it is lost.
        """
        body = word.strip().removeprefix(_PREFIX)
        try:
            if len(word) > _MOST_TOKEN or body == word.strip():
                raise ValueError("it does not begin or end as tokens do")
            raw = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
            if raw[:_CHECK] != _sum(raw[_CHECK:]):
                raise ValueError("a part of it is lost or changed")
            return cls.model_validate_json(raw[_CHECK:])
        except (ValueError, binascii.Error, ValidationError) as error:
            raise InvalidInput(
                "That is not a whole token of `claudemail invite`.",
                remedy=f"Copy all of it, from {_PREFIX} to its end, or ask for a new one.",
            ) from error


def _sum(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()[:_CHECK]


def digest_of(public_key: str) -> str:
    """Return what a token holds of a public key: more of its SHA-256 than the fingerprint that people compare."""
    return hashlib.sha256(public_key.encode()).hexdigest()[:32]


class NodeEntry(Value):
    """A node, as configs have it."""

    id: Name
    ip: Host | None = None
    gateway_port: Port = DEFAULT_PORT
    public_key: PublicKey | None = None
    previous_keys: Annotated[list[PublicKey], Field(max_length=16)] = []
    pull: bool = False
    """Whether nobody can reach it; it needs no address then."""

    @model_validator(mode="after")
    def _reached(self) -> Self:
        if self.ip is None and not self.pull:
            raise ValueError("a node that does not fetch its mail needs an address")
        return self

    def entry(self) -> dict[str, Any]:
        """Return it as a config file has it."""
        said = self.model_dump(mode="json", exclude_defaults=True)
        return said if self.pull else {"id": self.id, "ip": self.ip, "gateway_port": self.gateway_port, **said}


class InstanceEntry(Value):
    """An instance, as configs have it."""

    id: Name
    node_id: Name
    callsigns: Annotated[list[Name], Field(max_length=256)] = []

    def entry(self) -> dict[str, Any]:
        """Return it as a config file has it."""
        return self.model_dump(mode="json")


class Introduction(Value):
    """A new node with its instances: what a newcomer says of itself, and what the others are told."""

    node: NodeEntry
    instances: Annotated[list[InstanceEntry], Field(max_length=64)] = []


class Inviter(Value):
    """Whom the newcomer means to ask, as its token says."""

    node: Name
    host: Host
    port: Port
    fingerprint: Hex


class JoinRequest(Value):
    """What a newcomer asks of the inviter."""

    invitation: Hex
    inviter: Inviter
    newcomer: Introduction
    nonce: Hex
    signature: Annotated[str, Field(pattern="^[A-Za-z0-9+/=]{1,200}$")] = ""
    """By the newcomer's key, over all of the above: whoever joins with a key holds it."""
    proof: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] = ""
    """The HMAC over all of the above."""


class Fleet(Value):
    """The fleet that a newcomer is in from now on."""

    node: Name
    """The inviter."""
    nodes: Annotated[list[NodeEntry], Field(min_length=2, max_length=4_096)]
    instances: Annotated[list[InstanceEntry], Field(max_length=8_192)]
    signatures: dict[Annotated[str, Field(max_length=64)], Annotated[Line, Field(max_length=200)]]
    poll_interval_ms: int
    heartbeat_interval_ms: int
    allow_unsigned: bool


class JoinAnswer(Value):
    """What the inviter answers."""

    fleet: dict[str, Any]
    proof: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


def access_of(secret: bytes, newcomer: NodeEntry) -> bytes:
    """Return the key by which both sides prove that they know the secret. It is of use to this newcomer only."""
    return hmac.digest(secret, _ACCESS + json.dumps([newcomer.id, newcomer.public_key]).encode(), "sha256")


def signed_bytes(request: dict[str, Any]) -> bytes:
    """Return what the signature of a request, as it is on the wire, is over."""
    return SIGNED_AS + canonical(_without(request, "signature", "proof")).encode()


def request_proof(access: bytes, request: dict[str, Any]) -> str:
    """Return the newcomer's proof, over a request as it is on the wire."""
    return _hmac(access, _REQUEST + canonical(_without(request, "proof")).encode())


def answer_proof(access: bytes, nonce: str, fleet: dict[str, Any]) -> str:
    """Return the inviter's proof, over its answer and the nonce of the request."""
    return _hmac(access, _ANSWER + nonce.encode() + b"\n" + canonical(fleet).encode())


def same(one: str, other: str) -> bool:
    """Return whether two proofs are the same, in a time that tells nothing of where they differ."""
    return hmac.compare_digest(one, other)


def _without(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


def _hmac(key: bytes, data: bytes) -> str:
    return hmac.digest(key, data, "sha256").hex()
