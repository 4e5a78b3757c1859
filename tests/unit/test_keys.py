"""The node's key on disk, and signatures with it."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claudemail.errors import ConfigError
from claudemail.keys import KEY_FILE, NodeKey, decode_public, fingerprint, verify

RACE = """
import sys
from pathlib import Path
from claudemail.keys import NodeKey
sys.stdin.readline()
print(NodeKey.load_or_create(Path(sys.argv[1])).public)
"""


def test_the_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    """The first start makes the key, readable by its owner alone; later starts find the same one, and no litter is left."""
    folder = tmp_path / "state"
    first = NodeKey.load_or_create(folder)
    assert NodeKey.load_or_create(folder).public == first.public
    assert [path.name for path in folder.iterdir()] == [KEY_FILE]
    assert (folder / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    """However many processes start on a new node at the same moment, all of them come to hold the same key."""
    racers = [
        subprocess.Popen([sys.executable, "-c", RACE, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(6)
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write(b"go\n")
        racer.stdin.flush()
    keys = {racer.communicate()[0].decode() for racer in racers}
    assert keys == {NodeKey.load_or_create(tmp_path).public + "\n"}
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """A key file with loose permissions is an error that says how to mend it."""
    NodeKey.load_or_create(tmp_path)
    (tmp_path / KEY_FILE).chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        NodeKey.load_or_create(tmp_path)


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    """A key file of the wrong size is an error that says its size, and the file is left as it was."""
    path = tmp_path / KEY_FILE
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(descriptor, content)
    os.close(descriptor)
    with pytest.raises(ConfigError, match=f"is {len(content)} bytes"):
        NodeKey.load_or_create(tmp_path)
    assert path.read_bytes() == content


def test_saving_does_not_replace_a_key(tmp_path: Path) -> None:
    """A key that is there already stays."""
    first = NodeKey.load_or_create(tmp_path)
    NodeKey.new().save(tmp_path)
    assert NodeKey.load_or_create(tmp_path).public == first.public


@given(st.binary(min_size=1, max_size=64), st.data())
def test_a_signature_fits_one_text_and_one_key(text: bytes, data: st.DataObject) -> None:
    """A signature holds for what was signed, and for no change of a bit of text, signature or key."""
    key, other = NodeKey.new(), NodeKey.new()
    signature = key.sign(text)
    assert verify(key.public, signature, text)
    bit = data.draw(st.integers(0, len(text) * 8 - 1))
    changed = bytearray(text)
    changed[bit // 8] ^= 1 << bit % 8
    assert not verify(key.public, signature, bytes(changed))
    assert not verify(other.public, signature, text)
    raw = bytearray(base64.b64decode(signature))
    raw[data.draw(st.integers(0, 63))] ^= 1
    assert not verify(key.public, base64.b64encode(raw).decode(), text)


@pytest.mark.parametrize("signature", ["", "x", "AAAA", "é" * 88, "\ud800", "!" * 88])
def test_a_signature_that_is_no_base64_does_not_verify(signature: str) -> None:
    """Rubbish in the place of a signature is a plain no."""
    assert not verify(NodeKey.new().public, signature, b"text")


@pytest.mark.parametrize("public", ["", "ed25519:", "ed25519:AAAA", "rsa:" + "A" * 44, "ed25519:" + "!" * 44])
def test_a_public_key_that_is_none_is_refused(public: str) -> None:
    """A public key of another form is a ValueError, and verifies nothing."""
    with pytest.raises(ValueError):  # noqa: PT011 - base64 and we word it differently
        decode_public(public)
    assert not verify(public, NodeKey.new().sign(b"text"), b"text")


def test_fingerprints_tell_keys_apart() -> None:
    """A fingerprint is four groups of four for people to compare, the same for one key and another for another."""
    one, two = NodeKey.new().public, NodeKey.new().public
    assert fingerprint(one) == fingerprint(one) != fingerprint(two)
    assert [len(group) for group in fingerprint(one).split()] == [4, 4, 4, 4]
