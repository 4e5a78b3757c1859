"""Request signatures: HTTP Message Signatures (RFC 9421) with Ed25519, over what a request says and to whom.

Covered are "@method", "@path", "content-digest" and "claudemail-destination", no less and no more.

The digest (RFC 9530) binds the body, the destination keeps a request from being replayed to another node, and the nonce
makes each one different. The clock of the sender is not judged: mail is never refused for a wrong clock, and a replayed
request changes nothing, since every parcel is known by its id.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Mapping

from claudemail.errors import PeerRefused
from claudemail.keys import NodeKey, verify
from claudemail.model.parcel import Origin

DESTINATION = "claudemail-destination"
_LABEL = "claudemail"
_COVERED = '("@method" "@path" "content-digest" "claudemail-destination")'
_INPUT = re.compile(
    _LABEL
    + "=(?P<params>"
    + re.escape(_COVERED)
    + r';created=\d{1,12};keyid="(?P<node>[A-Za-z0-9_-]{1,64})";nonce="[A-Za-z0-9+/=_-]{8,64}";alg="ed25519")'
)
_SIGNATURE = re.compile(_LABEL + "=:(?P<value>[A-Za-z0-9+/=]{1,128}):")


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


def check(
    headers: Mapping[str, str],
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
        headers: the request's, names in lower case.
        method: the request's.
        path: the request's, without a query.
        body: the request's, whole.
        here: this node's id, which the request must be meant for.
        keys: the nodes of the fleet, with their public keys as far as they are known.
        allow_unsigned: whether a node without a known key is believed.

    Raises:
        PeerRefused: the request is not signed, not by a node of the fleet, not for this node, or not as it was signed.
    """
    given = _INPUT.fullmatch(headers.get("signature-input", ""))
    signature = _SIGNATURE.fullmatch(headers.get("signature", ""))
    if given is None or signature is None:
        raise PeerRefused("The request is not signed as this version signs requests.")
    node = given["node"]
    if node not in keys or node == here:
        raise PeerRefused(f"{node} is not a peer in the config of {here}.", remedy=f"Add it to the config of {here}.")
    destination = headers.get(DESTINATION, "")
    if destination != here:
        raise PeerRefused(f"The request is meant for {destination[:64]!r}, and this is {here}.")
    digest = headers.get("content-digest", "")
    if digest != _digest(body):
        raise PeerRefused("The body is not the one that was signed.")
    key = keys[node]
    if key is None:
        if not allow_unsigned:
            raise PeerRefused(
                f"{here} does not know the public key of {node}.",
                remedy=f'Put the "public_key" of {node} into the config of {here}.',
            )
        return Origin(node=node, verified=False)
    if not verify(key, signature["value"], _base(method, path, digest, destination, given["params"])):
        raise PeerRefused(f"The signature is not by the key of {node} that {here} knows.")
    return Origin(node=node, verified=True)


def _base(method: str, path: str, digest: str, destination: str, params: str) -> bytes:
    """Return the signature base (RFC 9421, section 2.5)."""
    lines = (
        f'"@method": {method}',
        f'"@path": {path}',
        f'"content-digest": {digest}',
        f'"{DESTINATION}": {destination}',
        f'"@signature-params": {params}',
    )
    return "\n".join(lines).encode()


def _digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
