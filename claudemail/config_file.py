"""Changes of the config file: what is meant to change does, and everything else stays as its owner wrote it.

A change is made in the text itself, so that order, layout, comment keys and keys of other versions are kept to the byte. The
new text must be a valid configuration before it replaces the old one, of which a copy stays beside it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat

from claudemail.config import NODE_ENV, Config, parse
from claudemail.config_check import MOST_PREVIOUS_KEYS
from claudemail.errors import ConfigError
from claudemail.json_text import Document, dumped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

COPY = ".bak"
"""What the name of the copy ends in."""
_BOM = b"\xef\xbb\xbf"


def edit(config: Config, change: Callable[[Document], None], *, node_id: str | None = None) -> Config:
    """Change the file that a config was read from; return what it says then.

    Where nodes without a known key were believed, and there are such nodes, that stays so, even when others get keys.

    Args:
        config: a configuration that was read from a file; what stands in that now is what is changed.
        change: is given the text; what it raises stops it all.
        node_id: the node that this is after the change, if it is another.

    Raises:
        ConfigError: the file cannot be read or written, or would not be valid; it is as it was then.
    """
    assert config.path is not None
    path = config.path
    here = {NODE_ENV: node_id or config.node_id}
    real = os.path.realpath(path)
    try:
        with _alone(os.path.dirname(real)):
            with open(real, "rb") as file:
                raw = file.read()
            text = raw.decode("utf-8-sig")
            before = parse(text, path, {NODE_ENV: config.node_id})
            document = Document(text)
            change(document)
            after = parse(document.text, path, here)
            if before.allow_unsigned and not after.allow_unsigned and any(not node.public_key for node in after.nodes):
                document.set((), "allow_unsigned", True)
                after = parse(document.text, path, here)
            if document.text != text:
                mark = _BOM if raw.startswith(_BOM) else b""
                _replace(real, raw, mark + document.text.encode())
            return after
    except (OSError, UnicodeError, RecursionError) as error:
        raise _unchanged(path, error) from error


def reread(config: Config) -> Config:
    """Return what the file that a config was read from says now.

    Raises:
        ConfigError: it cannot be read, or has mistakes.
    """
    assert config.path is not None
    try:
        with open(config.path, encoding="utf-8-sig") as file:
            return parse(file.read(), config.path, {NODE_ENV: config.node_id})
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"The config file {config.path} cannot be read: {error}.") from error


def create(path: str, data: Mapping[str, object], *, node_id: str) -> Config:
    """Make a config file, where there is none; return what it says.

    Raises:
        ConfigError: it would not be valid, cannot be written, or there is one.
    """
    text = _laid_out(data)
    config = parse(text, path, {NODE_ENV: node_id})
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with _alone(os.path.dirname(path)):
            draft = _draft(path, text.encode(), 0o600)
            try:
                os.link(draft, path)  # which fails where there is a file
            finally:
                os.unlink(draft)
            _sync_folder(os.path.dirname(path))
    except OSError as error:
        raise _unchanged(path, error) from error
    return config


def add_node(config: Config, node: Mapping[str, object], instances: Sequence[Mapping[str, object]]) -> Config:
    """Add a node with its instances to the config file, unless a node of that name is there. Returns and raises as `edit`."""
    return edit(config, lambda document: put_node(document, node, instances))


def put_node(document: Document, node: Mapping[str, object], instances: Sequence[Mapping[str, object]]) -> None:
    """Put a node with its instances into a config, unless a node of that name is there."""
    if any(known["id"].lower() == str(node["id"]).lower() for known in document.data["nodes"]):
        return
    document.append("nodes", node)
    for instance in instances:
        document.append("instances", instance)


def give_key(config: Config, node_id: str, public_key: str) -> Config:
    """Put the public key of a node that has none into the config file. Returns and raises as `edit`."""
    return edit(config, lambda document: put_key(document, node_id, public_key))


def put_key(document: Document, node_id: str, public_key: str) -> None:
    """Put the public key of a node that has none into a config."""
    place = _place(document, node_id)
    if place is not None and document.data["nodes"][place].get("public_key") is None:
        document.set(("nodes", place), "public_key", public_key)


def put_name(document: Document, node_id: str, host: str) -> None:
    """Put a host name by which a node is called into a config, unless that is its address there, or an address at all."""
    place = _place(document, node_id)
    if place is None or _is_ip(host):
        return
    entry = document.data["nodes"][place]
    if host.lower() not in (
        name.lower() for name in (entry.get("ip", ""), entry.get("bind", ""), *entry.get("names", ()))
    ):
        document.set(("nodes", place), "names", [*entry.get("names", ()), host])


def _is_ip(host: str) -> bool:
    from ipaddress import ip_address

    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def replace_key(config: Config, node_id: str, old: str, new: str) -> Config:
    """Put a node's new public key in the place of the old one, which joins its previous keys. Returns and raises as `edit`."""

    def change(document: Document) -> None:
        place = _place(document, node_id)
        if place is None or document.data["nodes"][place].get("public_key") != old:
            return
        previous = [key for key in document.data["nodes"][place].get("previous_keys", ()) if key != old]
        document.set(("nodes", place), "public_key", new)
        document.set(("nodes", place), "previous_keys", [*previous, old][-MOST_PREVIOUS_KEYS:])

    return edit(config, change)


def _place(document: Document, node_id: str) -> int | None:
    ids = [node["id"] for node in document.data["nodes"]]
    return ids.index(node_id) if node_id in ids else None


@contextlib.contextmanager
def _alone(folder: str) -> Iterator[None]:
    """Keep others from changing files of a folder in this way; the lock is on the folder, so that no file is left for it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: str, old: bytes, new: bytes) -> None:
    """Put a new content in the place of the old one, of which a copy is kept; after a power cut it is one of both."""
    status = os.stat(path)
    if not status.st_mode & 0o222 or not os.access(path, os.W_OK):
        raise PermissionError(13, "it is write-protected", path)
    mode = stat.S_IMODE(status.st_mode)
    _put(_draft(path + COPY, old, mode), path + COPY)
    _put(_draft(path, new, mode, owner=(status.st_uid, status.st_gid)), path)
    _sync_folder(os.path.dirname(path))


def _put(draft: str, path: str) -> None:
    try:
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise


def _draft(path: str, content: bytes, mode: int, *, owner: tuple[int, int] | None = None) -> str:
    """Write a file beside the one at `path`, durably; return its path."""
    draft = f"{path}.{os.getpid()}.{os.urandom(4).hex()}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if owner is not None and owner != (os.geteuid(), os.getegid()):
                with contextlib.suppress(PermissionError):  # only root gives files away
                    os.fchown(descriptor, *owner)
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
    except BaseException:
        os.unlink(draft)
        raise
    return draft


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unchanged(path: str, error: Exception) -> ConfigError:
    why = getattr(error, "strerror", None) or str(error)
    return ConfigError(
        f"The config file {path} cannot be changed: {why}.", remedy="Check the file, its folder and their permissions."
    )


def _laid_out(data: Mapping[str, object]) -> str:
    """Return JSON as people write such a file: a line for each key, and for each thing in a list."""
    lines = []
    for key, value in data.items():
        if isinstance(value, list) and value:
            listed = ",\n".join(f"    {dumped(item)}" for item in value)
            lines.append(f"  {dumped(key)}: [\n{listed}\n  ]")
        else:
            lines.append(f"  {dumped(key)}: {dumped(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"
