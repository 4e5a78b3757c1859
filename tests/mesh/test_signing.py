"""Request signatures: what is signed is what arrives, or it is refused."""

from __future__ import annotations

import base64
import hashlib
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    InvalidSignature,
)
from http_message_signatures.algorithms import ED25519
from hypothesis import given
from hypothesis import strategies as st

from claudemail.errors import PeerRefused
from claudemail.keys import NodeKey, decode_public
from claudemail.mesh import signing

NOW = int(time.time())
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
    claim = signing.read_claim(headers, here=here, keys=KEYS)
    origin = signing.check(claim, **{**REQUEST, **changed}, here=here, keys=KEYS, allow_unsigned=allow_unsigned)
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


ANSWER: dict[str, Any] = {"status": 200, "body": b'{"have": 1}'}


def answered(node: str = "server2", key: NodeKey = OTHER, **changed: Any) -> dict[str, str]:
    """Return the headers of an answer of a node to the request in `SIGNED`."""
    given = {**ANSWER, "request": SIGNED["signature"], **changed}
    return signing.sign_answer(key, node, **given, now_s=1_800_000_000)


SIGNED = signed()


def answers(headers: dict[str, str], **changed: Any) -> bool:
    """Check an answer of server2 to that request."""
    given = {**ANSWER, "request": SIGNED["signature"], "node": "server2", "key": OTHER.public, **changed}
    return signing.check_answer(headers, **given)


def test_an_answer_proves_who_gave_it() -> None:
    """An answer that comes as it was signed, to the request that was made, is proved; without a key nothing is."""
    assert answers(answered())
    assert not answers({}, key=None)


@pytest.mark.parametrize(
    "changed",
    [
        {"status": 409},
        {"body": b'{"have": 2}'},
        {"request": signed()["signature"]},
        {"node": "server1"},
        {"key": KEY.public},
    ],
)
def test_an_answer_that_was_changed_or_is_to_another_request_is_refused(changed: dict[str, Any]) -> None:
    """Another status, body, request, node or key than was signed is refused: nobody else says that mail has arrived."""
    with pytest.raises(PeerRefused):
        answers(answered(), **changed)


@pytest.mark.parametrize("name", ["signature", "signature-input", "content-digest"])
def test_every_header_of_an_answer_counts(name: str) -> None:
    """An answer without one of the headers, or with it garbled, is refused."""
    for value in (None, "", answered()[name].swapcase()):
        changed = {key: text for key, text in answered().items() if key != name}
        if value is not None:
            changed[name] = value
        with pytest.raises(PeerRefused):
            answers(changed)


class _Keys(HTTPSignatureKeyResolver):
    """Hands the independent library the keys of this test."""

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey:
        return Ed25519PublicKey.from_public_bytes(decode_public({"server1": KEY, "server2": OTHER}[key_id].public))

    def resolve_private_key(self, key_id: str) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes({"server1": KEY, "server2": OTHER}[key_id].raw())


class Request:
    """A request as the library wants it."""

    def __init__(self, headers: dict[str, str], body: bytes) -> None:
        self.method = "POST"
        self.url = "http://10.0.0.2:3300/v1/parcels"
        self.headers = dict(headers)
        self.body = body


class Response:
    """An answer as the library wants it."""

    def __init__(self, headers: dict[str, str], body: bytes, request: Request) -> None:
        self.status_code = 200
        self.headers = dict(headers)
        self.body = body
        self.request = request


BODIES = st.binary(max_size=300)


@given(BODIES)
def test_an_independent_library_verifies_our_signatures(body: bytes) -> None:
    """What we sign, of requests and of answers, another implementation of RFC 9421 verifies, body and all."""
    verifier = HTTPMessageVerifier(signature_algorithm=ED25519, key_resolver=_Keys())
    headers = signing.sign(
        KEY, "server1", method="POST", path="/v1/parcels", body=body, destination="server2", now_s=NOW
    )
    request = Request(headers, body)
    [result] = verifier.verify(request, max_age=None)
    assert result.parameters["keyid"] == "server1"
    assert set(result.covered_components) == {
        '"@method"', '"@path"', '"content-digest"', '"claudemail-destination"', '"@signature-params"'
    }  # fmt: skip
    signed_answer = signing.sign_answer(
        OTHER, "server2", status=200, body=b"{}", request=headers["signature"], now_s=NOW
    )
    [result] = verifier.verify(Response(signed_answer, b"{}", request), max_age=None)
    assert result.parameters["keyid"] == "server2"
    request.headers["claudemail-destination"] = "server3"
    with pytest.raises(InvalidSignature):
        verifier.verify(request, max_age=None)


@given(BODIES)
def test_we_verify_what_an_independent_library_signs(body: bytes) -> None:
    """A request that another implementation signs, over the same parts and with the same parameters, is taken."""
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    request = Request({"content-digest": f"sha-256=:{digest}:", "claudemail-destination": "server2"}, body)
    signer = HTTPMessageSigner(signature_algorithm=ED25519, key_resolver=_Keys())
    signer.sign(
        request,
        key_id="server1",
        created=datetime.now(UTC),
        nonce="MTIzNDU2Nzg5MDEy",
        label="claudemail",
        covered_component_ids=("@method", "@path", "content-digest", "claudemail-destination"),
        use_existing_digest=True,
        body=body,
    )
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert check(headers, body=body) == ("server1", True)


def test_no_two_requests_are_signed_alike() -> None:
    """The nonce makes each signature different."""
    assert signed()["signature"] != signed()["signature"]
