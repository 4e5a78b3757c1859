"""Request signatures: what is signed is what arrives, or it is refused."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from claudemail.errors import PeerRefused
from claudemail.keys import NodeKey, decode_public
from claudemail.mesh import signing

KEY, OTHER = NodeKey.new(), NodeKey.new()
REQUEST: dict[str, Any] = {"method": "POST", "path": "/v1/parcels", "body": b'{"a": 1}'}
KEYS = {"server1": KEY.public, "server2": OTHER.public, "server3": None}


def signed(node: str = "server1", key: NodeKey = KEY, destination: str = "server2") -> dict[str, str]:
    """Return the headers of a request from a node."""
    return signing.sign(key, node, **REQUEST, destination=destination, now_s=1_800_000_000)


def check(
    headers: dict[str, str], *, allow_unsigned: bool = False, here: str = "server2", **changed: Any
) -> tuple[str, bool]:
    """Check a request at a node."""
    origin = signing.check(headers, **{**REQUEST, **changed}, here=here, keys=KEYS, allow_unsigned=allow_unsigned)
    return origin.node, origin.verified


def test_a_signed_request_tells_who_sent_it() -> None:
    """A request that arrives as it was signed is from the node that signed it."""
    assert check(signed()) == ("server1", True)


def test_the_signature_base_is_the_one_of_the_standard() -> None:
    """The signature verifies over a base that is written out by hand from RFC 9421, section 2.5."""
    headers = signed()
    params = headers["signature-input"].removeprefix("claudemail=")
    base = (
        '"@method": POST\n"@path": /v1/parcels\n'
        f'"content-digest": {headers["content-digest"]}\n"claudemail-destination": server2\n'
        f'"@signature-params": {params}'
    )
    value = base64.b64decode(headers["signature"].removeprefix("claudemail=:").removesuffix(":"))
    Ed25519PublicKey.from_public_bytes(decode_public(KEY.public)).verify(value, base.encode())


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"method": "PUT"}, "signature"),
        ({"path": "/v1/heartbeat"}, "signature"),
        ({"body": b'{"a": 2}'}, "body"),
        ({"here": "server3"}, "meant for"),
    ],
)
def test_a_request_that_was_changed_is_refused(changed: dict[str, Any], says: str) -> None:
    """Another method, path, body or receiver than the signed one is refused."""
    with pytest.raises(PeerRefused, match=says):
        check(signed(), **changed)


@pytest.mark.parametrize("name", ["signature", "signature-input", "content-digest", "claudemail-destination"])
def test_every_header_of_the_signature_counts(name: str) -> None:
    """A request without one of the headers, or with it garbled, is refused."""
    headers = signed()
    for value in (None, "", headers[name][:-4], headers[name].swapcase()):
        changed = {key: text for key, text in headers.items() if key != name}
        if value is not None:
            changed[name] = value
        with pytest.raises(PeerRefused):
            check(changed)


def test_another_nodes_key_does_not_do() -> None:
    """A request in the name of one node, signed with the key of another, is refused, even where unsigned ones are taken."""
    for allow_unsigned in (False, True):
        with pytest.raises(PeerRefused, match="not by the key of server1"):
            check(signed("server1", OTHER), allow_unsigned=allow_unsigned)


def test_a_node_outside_the_config_is_refused() -> None:
    """A node that the config does not name is refused, even where unsigned requests are taken; so is one's own name."""
    for name in ("mallory", "server2"):
        with pytest.raises(PeerRefused, match="not a peer"):
            check(signed(name), allow_unsigned=True)


def test_a_node_without_a_known_key_is_unverified_or_refused() -> None:
    """A node whose key is not known is taken, as unverified, only where the config allows it."""
    assert check(signed("server3"), allow_unsigned=True) == ("server3", False)
    with pytest.raises(PeerRefused, match="does not know the public key of server3"):
        check(signed("server3"))


def test_no_two_requests_are_signed_alike() -> None:
    """The nonce makes each signature different."""
    assert signed()["signature"] != signed()["signature"]
