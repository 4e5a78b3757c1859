"""Signatures of requests and answers: HTTP Message Signatures (RFC 9421) with Ed25519.

Of a request are covered "@method", "@path", "content-digest" and "claudemail-destination", no less and no more. The digest
(RFC 9530) binds the body, the destination keeps a request from being replayed to another node, and the nonce makes each one
different. The clock of the sender is not judged: mail is never refused for a wrong clock, and a replayed request changes
nothing, since every parcel is known by its id.

Of an answer are covered "@status", "content-digest" and the signature of the request that it answers. Without that, whoever
sits between two nodes could say in one's name that it has mail, and the other would take it for delivered.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Mapping
from typing import NamedTuple

from claudemail.errors import PeerRefused
from claudemail.keys import NodeKey, verify
from claudemail.model.parcel import Origin

DESTINATION = "claudemail-destination"
_LABEL = "claudemail"
_LONGEST_PARAMS = 400
_COVERED = '("@method" "@path" "content-digest" "claudemail-destination")'
_PARAMETERS = {
    "created": re.compile(r"\d{1,12}"),
    "keyid": re.compile(r'"[A-Za-z0-9_-]{1,64}"'),
    "nonce": re.compile(r'"[A-Za-z0-9+/=_-]{8,64}"'),
    "alg": re.compile('"ed25519"'),
}
"""What belongs behind the components that are covered, in any order."""
_SIGNATURE = re.compile(_LABEL + "=:(?P<value>[A-Za-z0-9+/=]{1,128}):")
_ANSWER_COVERED = '("@status" "content-digest" "signature";req)'


def sign(
    key: NodeKey, node: str, *, method: str, path: str, body: bytes, destination: str, now_s: int
) -> dict[str, str]:
    """Return the headers that sign a request from `node` to the node `destination`; `now_s` is Unix time."""
    digest = _digest(body)
    nonce = base64.b64encode(os.urandom(12)).decode()
    params = f'{_COVERED};created={now_s};keyid="{node}";nonce="{nonce}";alg="ed25519"'
    return {
        "content-digest": digest,
        DESTINATION: destination,
        "signature-input": f"{_LABEL}={params}",
        "signature": f"{_LABEL}=:{key.sign(_base(method, path, digest, destination, params))}:",
    }


class Claim(NamedTuple):
    """Whose request the headers say it is, and the proof that they offer."""

    node: str
    params: str
    signature: str
    digest: str


def read_claim(headers: Mapping[str, str], *, here: str, keys: Mapping[str, str | None]) -> Claim:
    """Return what the headers of a request claim; nothing is proved yet.

    Args:
        headers: the request's, names in lower case.
        here: this node's id, which the request must be meant for.
        keys: the nodes of the fleet, with their public keys as far as they are known.

    Raises:
        PeerRefused: the request is not signed, not by a node of the fleet, or not for this node.
    """
    params = headers.get("signature-input", "").removeprefix(f"{_LABEL}=")
    node = _signer(params, _COVERED, {"created", "keyid", "nonce"})
    signature = _SIGNATURE.fullmatch(headers.get("signature", ""))
    if node is None or signature is None:
        raise PeerRefused("The request is not signed as this version signs requests.")
    if node not in keys or node == here:
        raise PeerRefused(f"{node} is not a peer in the config of {here}.", remedy=f"Add it to the config of {here}.")
    destination = headers.get(DESTINATION, "")
    if destination != here:
        raise PeerRefused(f"The request is meant for {destination[:64]!r}, and this is {here}.")
    return Claim(node, params, signature["value"], headers.get("content-digest", ""))


def check(
    claim: Claim,
    *,
    method: str,
    path: str,
    body: bytes,
    here: str,
    keys: Mapping[str, str | None],
    allow_unsigned: bool,
) -> Origin:
    """Return who signed a request.

    Args:
        claim: what its headers say.
        method: the request's.
        path: the request's, without a query.
        body: the request's, whole.
        here: this node's id.
        keys: the nodes of the fleet, with their public keys as far as they are known.
        allow_unsigned: whether a node without a known key is believed.

    Raises:
        PeerRefused: the request is not as it was signed, or there is no key to tell by.
    """
    node = claim.node
    if claim.digest != _digest(body):
        raise PeerRefused("The body is not the one that was signed.")
    key = keys[node]
    if key is None:
        if not allow_unsigned:
            raise PeerRefused(
                f"{here} does not know the public key of {node}.",
                remedy=f'Put the "public_key" of {node} into the config of {here}.',
            )
        return Origin(node=node, verified=False)
    if not verify(key, claim.signature, _base(method, path, claim.digest, here, claim.params)):
        raise PeerRefused(f"The signature is not by the key of {node} that {here} knows.")
    return Origin(node=node, verified=True)


def is_signature(header: str) -> bool:
    """Return whether a Signature header is as those that this version signs with."""
    return _SIGNATURE.fullmatch(header) is not None


def sign_answer(key: NodeKey, node: str, *, status: int, body: bytes, request: str, now_s: int) -> dict[str, str]:
    """Return the headers that sign an answer of `node` to the request with this Signature header; `now_s` is Unix time."""
    digest = _digest(body)
    params = f'{_ANSWER_COVERED};created={now_s};keyid="{node}";alg="ed25519"'
    return {
        "content-digest": digest,
        "signature-input": f"{_LABEL}={params}",
        "signature": f"{_LABEL}=:{key.sign(_answer_base(status, digest, request, params))}:",
    }


def check_answer(
    headers: Mapping[str, str], *, status: int, body: bytes, request: str, node: str, key: str | None
) -> bool:
    """Return whether it is proved that an answer is by a node: True, or False where no key of it is known.

    Args:
        headers: the answer's, names in lower case.
        status: the answer's.
        body: the answer's, whole.
        request: the Signature header of the request.
        node: who was asked.
        key: its public key.

    Raises:
        PeerRefused: the key is known, and the answer is not signed by it as it came.
    """
    if key is None:
        return False
    params = headers.get("signature-input", "").removeprefix(f"{_LABEL}=")
    signature = _SIGNATURE.fullmatch(headers.get("signature", ""))
    if signature is None or _signer(params, _ANSWER_COVERED, {"created", "keyid"}) != node:
        raise PeerRefused(
            f"The answer is not signed by {node}.", remedy="Somebody else answers at its address, or an older version."
        )
    digest = headers.get("content-digest", "")
    if digest != _digest(body) or not verify(key, signature["value"], _answer_base(status, digest, request, params)):
        raise PeerRefused(f"The signature of the answer is not by the key of {node} that is known here.")
    return True


def _signer(params: str, covered: str, needed: set[str]) -> str | None:
    """Return the node that signature parameters name, or None where they are not as they should be."""
    if not params.startswith(f"{covered};") or len(params) > _LONGEST_PARAMS:
        return None
    given: dict[str, str] = {}
    for part in params[len(covered) + 1 :].split(";"):
        name, _, value = part.partition("=")
        if name in given or name not in _PARAMETERS or not _PARAMETERS[name].fullmatch(value):
            return None
        given[name] = value
    return given["keyid"].strip('"') if needed <= given.keys() else None


def _base(method: str, path: str, digest: str, destination: str, params: str) -> bytes:
    """Return the signature base of a request (RFC 9421, section 2.5)."""
    return _lines(
        ('"@method"', method),
        ('"@path"', path),
        ('"content-digest"', digest),
        (f'"{DESTINATION}"', destination),
        ('"@signature-params"', params),
    )


def _answer_base(status: int, digest: str, request: str, params: str) -> bytes:
    return _lines(
        ('"@status"', str(status)),
        ('"content-digest"', digest),
        ('"signature";req', request),
        ('"@signature-params"', params),
    )


def _lines(*components: tuple[str, str]) -> bytes:
    return "\n".join(f"{name}: {value}" for name, value in components).encode()


def _digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
