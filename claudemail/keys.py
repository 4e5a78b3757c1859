"""The node's Ed25519 key: made on first start, kept 0600, used to sign briefs and requests."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from claudemail.errors import ConfigError

KEY_FILE = "node.key"
NEXT_KEY_FILE = "node.key.next"
"""The key that is to take its place, while peers are being told of it."""
_PREFIX = "ed25519:"


class NodeKey:
    """A node's private key."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        raw = private.public_key().public_bytes_raw()
        self.public = _PREFIX + base64.b64encode(raw).decode()
        """The public key as the config's `public_key` wants it."""

    @classmethod
    def new(cls) -> NodeKey:
        """Return a new random key, kept nowhere."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load_or_create(cls, folder: Path) -> NodeKey:
        """Return the key kept in `folder`, made now if there is none.

        Raises:
            ConfigError: the file is not a key, or others on the machine may read it.
        """
        path = folder / KEY_FILE
        while True:
            try:
                return cls._load(path)
            except FileNotFoundError:
                _create(path, cls.new())

    @classmethod
    def next_in(cls, folder: Path) -> NodeKey | None:
        """Return the key that is to take the place of the one in `folder`, or None. Raises as `load_or_create`."""
        try:
            return cls._load(folder / NEXT_KEY_FILE)
        except FileNotFoundError:
            return None

    @classmethod
    def held_in(cls, folder: Path) -> tuple[NodeKey, ...]:
        """Return all keys in `folder` that this node may sign with now: its own, and the next one if there is one."""
        following = cls.next_in(folder)  # first: between the two looks it may become the own one, and is seen then
        own = cls.load_or_create(folder)
        return (own,) if following is None or following.public == own.public else (own, following)

    @classmethod
    def create_next(cls, folder: Path) -> NodeKey | None:
        """Make the next key in `folder`; return None if there is one already."""
        key = cls.new()
        _create(folder / NEXT_KEY_FILE, key)
        kept = cls.next_in(folder)
        return key if kept is not None and kept.public == key.public else None

    @classmethod
    def advance(cls, folder: Path) -> None:
        """Put the next key in the place of the one in `folder`, which is gone then; if there is no next one, do nothing."""
        try:
            os.replace(folder / NEXT_KEY_FILE, folder / KEY_FILE)
        except FileNotFoundError:
            return
        _sync(folder)

    @classmethod
    def _load(cls, path: Path) -> NodeKey:
        if path.stat().st_mode & 0o077:
            raise ConfigError(
                f"The node's private key {path} can be read by others.", remedy=f"Run `chmod 600 {path}`."
            )
        raw = path.read_bytes()
        if len(raw) != 32:
            raise ConfigError(
                f"{path} is {len(raw)} bytes, not a 32-byte Ed25519 key.",
                remedy="Restore it from a backup, or delete it to be given a new identity that peers must learn anew.",
            )
        return cls(Ed25519PrivateKey.from_private_bytes(raw))

    def save(self, folder: Path) -> None:
        """Write the key into `folder`, unless one is there already."""
        _create(folder / KEY_FILE, self)

    def raw(self) -> bytes:
        """Return the 32 secret bytes."""
        return self._private.private_bytes_raw()

    def sign(self, data: bytes) -> str:
        """Return the signature over `data`, in base64."""
        return base64.b64encode(self._private.sign(data)).decode()


def _create(path: Path, key: NodeKey) -> None:
    # Written aside and linked into place, so that two starting processes agree on one key and none sees half of it.
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, key.raw())
        os.fsync(descriptor)
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        os.close(descriptor)
        draft.unlink()
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)  # else a power cut may take the key that mail was signed with
    finally:
        os.close(descriptor)


def verify(public: str, signature: str, data: bytes) -> bool:
    """Return whether `signature` (base64) over `data` was made by the holder of `public` (`ed25519:…`)."""
    try:
        key = Ed25519PublicKey.from_public_bytes(decode_public(public))
        key.verify(base64.b64decode(signature, validate=True), data)
    except (InvalidSignature, ValueError):
        return False
    return True


def decode_public(public: str) -> bytes:
    """Return the 32 bytes of a public key written `ed25519:BASE64`.

    Raises:
        ValueError: it is not such a key.
    """
    if not public.startswith(_PREFIX):
        raise ValueError("a public key starts with ed25519:")
    raw = base64.b64decode(public[len(_PREFIX) :], validate=True)
    if len(raw) != 32:
        raise ValueError("an Ed25519 public key is 32 bytes")
    return raw


def fingerprint(public: str) -> str:
    """Return a short form of a public key for people to compare."""
    digest = hashlib.sha256(public.encode()).hexdigest()
    return " ".join(digest[i : i + 4] for i in range(0, 16, 4))
