"""Keeping: backup while mail flows, restore, and a database made anew from the mirror's files.

A backup is a tar of the mail database, the node's key, the config and a manifest. It is as secret as the key: whoever has it can
write mail in this node's name.
"""

from __future__ import annotations

import copy
import hashlib
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Annotated

from pydantic import Field, ValidationError

from claudemail import __version__, running
from claudemail.clock import WallClock, iso, wall_ms
from claudemail.config import Config
from claudemail.errors import BackupError, GatewayRunning, InvalidInput
from claudemail.keys import KEY_FILE, NodeKey
from claudemail.model.brief import Millis, Name
from claudemail.model.value import Value
from claudemail.model.views import BackupView, RebuildView, RestoreView
from claudemail.office.desk import Desk
from claudemail.office.rebuilding import Rebuilding
from claudemail.store import copies, meta, outbox
from claudemail.store.database import MAIL, REGISTRY, Database

MANIFEST, DATABASE = "manifest.json", "claudemail.db"
_FORMAT = 1
_MOST_MANIFEST = 64 * 1024
_CHUNK = 1024 * 1024


class Manifest(Value):
    """What a backup says of itself."""

    format: int
    version: Annotated[str, Field(max_length=40)]
    node: Name
    at: Millis
    schema_version: int
    briefs: int
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of the database."""


async def backup(config: Config, target: Path, *, wall: WallClock = wall_ms) -> BackupView:
    """Write a backup of this node's mail, while it flows: all that was accepted before is in it.

    Args:
        config: the node's configuration.
        target: the file to be made; or a folder, for a file named after the node and the time.
        wall: the clock.

    Raises:
        BackupError: there is such a file already, or it cannot be written.
        StoreError: the database cannot be read, or is damaged.
    """
    now = wall()
    target = _free_name(target, config.node_id, now)
    NodeKey.load_or_create(Path(config.state_dir))  # without its key a node is nobody
    with _work_folder(target.parent) as folder:
        database = folder / DATABASE
        async with await Database.open(Path(config.db_path), MAIL) as mail:
            await mail.read(lambda connection: copies.take(connection, database))
        copies.check(database)
        with closing(sqlite3.connect(database)) as connection:
            (briefs,) = connection.execute("SELECT count(*) FROM briefs").fetchone()
            (schema,) = connection.execute("PRAGMA user_version").fetchone()
        manifest = Manifest(
            format=_FORMAT,
            version=__version__,
            node=config.node_id,
            at=now,
            schema_version=schema,
            briefs=briefs,
            sha256=_sha256(database),
        )
        (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2))
        draft = folder / "backup.tar"
        key, settings = Path(config.state_dir, KEY_FILE), Path(config.path) if config.path else None
        _pack(draft, [folder / MANIFEST, database, key, *([settings] if settings else [])])
        draft.replace(target)
        _sync_folder(target.parent)
    return BackupView(path=str(target), node=config.node_id, at=now, briefs=briefs, bytes=target.stat().st_size)


def _free_name(target: Path, node: str, now: int) -> Path:
    """Return the file that a backup is to be; raise BackupError if it is there already."""
    if target.is_dir():
        target /= f"claudemail-{node}-{_moment(now)}.tar"
    if target.exists():
        raise BackupError(f"{target} is there already.", remedy="Give another name.")
    return target


async def restore(config: Config, source: Path, *, wall: WallClock = wall_ms) -> RestoreView:
    """Put a backup in the place of this node's mail. What is there now is kept beside it.

    All lanes begin anew, so that nothing is given out twice under one number; other nodes send again what they sent since.

    Args:
        config: the node's configuration.
        source: the backup.
        wall: the clock.

    Raises:
        InvalidInput: there is no such file.
        BackupError: it is no backup, damaged, of another node, or of a newer version.
        GatewayRunning: this node's gateway runs in the foreground.
        StoreBusy: another process has the database open.
    """
    place = Path(config.db_path)
    with standing_still(config), copies.held(place), _work_folder(place.parent) as folder:
        manifest = _unpack(source, folder, config.node_id)
        database = await Database.open(folder / DATABASE, MAIL)
        async with database:
            await database.write(outbox.new_epochs)
        former = copies.put(place, folder / DATABASE, _aside("restore", wall()))
        took_key = _restore_key(folder / KEY_FILE, place.parent / KEY_FILE)
    return RestoreView(
        node=manifest.node,
        at=manifest.at,
        briefs=manifest.briefs,
        former=str(former) if former else None,
        key=took_key,
    )


async def rebuild_database(config: Config, *, wall: WallClock = wall_ms) -> RebuildView:
    """Make a database from the files in the mailbox folder, in the place of the one that is there, which is kept beside it.

    Raises:
        BackupError: there are no such files.
        GatewayRunning: this node's gateway runs in the foreground.
        StoreBusy: another process has the database open.
    """
    place = Path(config.db_path)
    with standing_still(config), copies.held(place), _work_folder(place.parent) as folder:
        NodeKey.load_or_create(place.parent)
        shutil.copyfile(place.parent / KEY_FILE, folder / KEY_FILE)
        (folder / KEY_FILE).chmod(0o600)
        beside = copy.copy(config)
        beside.db_path = str(folder / DATABASE)
        mail = await Database.open(folder / DATABASE, MAIL)
        registry = await Database.open(folder / "registry.db", REGISTRY, durable=False)
        desk = Desk(beside, mail, registry, wall)
        try:
            await mail.write(lambda connection: meta.set_owner(connection, None, config.node_id))
            made = await Rebuilding(desk).run()
        finally:
            await desk.close()
        if not made.briefs and not made.changes:
            raise BackupError(f"There is no brief in {config.mailbox_dir}.", remedy="Nothing was changed.")
        former = copies.put(place, folder / DATABASE, _aside("rebuild", wall()))
    return made.model_copy(update={"former": str(former) if former else None})


@contextmanager
def standing_still(config: Config) -> Iterator[None]:
    """Keep this node's gateway from running while the context lasts; one that was started on demand is asked to end.

    Raises:
        GatewayRunning: one runs in the foreground.
    """
    lock = running.take_lock(config.state_dir, running.FOREGROUND)
    if lock is None:
        notice = running.read_notice(config.state_dir)
        who = f" (PID {notice.pid})" if notice else ""
        raise GatewayRunning(f"The gateway of {config.node_id} is running{who}.")
    running.write_notice(config.state_dir, running.Notice(os.getpid(), running.KEPT_DOWN, None, None))
    try:
        yield
    finally:
        running.remove_notice(config.state_dir)
        os.close(lock)


def _aside(why: str, now: int) -> str:
    return f"before-{why}-{_moment(now)}"


def _moment(now: int) -> str:
    return iso(now)[:19].replace(":", "").replace("T", "-")


@contextmanager
def _work_folder(beside: Path) -> Iterator[Path]:
    """Yield a private folder on the same filesystem; it is removed at the end.

    Raises:
        BackupError: it cannot be made, or the disk is full.
    """
    try:
        with tempfile.TemporaryDirectory(dir=beside, prefix=".claudemail-") as folder:
            yield Path(folder)
    except OSError as error:
        raise BackupError(
            f"{error.filename or beside}: {error.strerror or error}.", remedy="Check the folder, and the disk's space."
        ) from error


def _pack(target: Path, parts: Sequence[Path]) -> None:
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        with tarfile.open(fileobj=file, mode="w") as tar:
            for part in parts:
                if part.exists():
                    tar.add(part, arcname=part.name if part.name in (MANIFEST, DATABASE, KEY_FILE) else "config.json")
        file.flush()
        os.fsync(file.fileno())


def _unpack(source: Path, folder: Path, node: str) -> Manifest:
    """Write the parts of a backup into a folder, each under its own name, and check them; return the manifest."""
    if not source.is_file():
        raise InvalidInput(f"There is no file {source}.", remedy="Nothing was changed. Give the path of a backup.")
    try:
        with tarfile.open(source, mode="r:") as tar:
            for name in (MANIFEST, DATABASE, KEY_FILE):
                _unpack_one(tar, name, folder / name)
        with (folder / MANIFEST).open("rb") as file:
            manifest = Manifest.model_validate_json(file.read(_MOST_MANIFEST))
    except (OSError, tarfile.TarError, KeyError, ValidationError) as error:
        raise BackupError(f"{source} is no backup of ClaudeMail, or damaged: {error}.") from error
    if manifest.node != node:
        raise BackupError(
            f"{source} is a backup of {manifest.node}, and this is {node}.",
            remedy=f"Restore it on {manifest.node}; the config that it was made with is in it (`tar -xf FILE config.json`).",
        )
    if manifest.format > _FORMAT or manifest.schema_version > MAIL.version:
        raise BackupError(
            f"{source} was made by ClaudeMail {manifest.version}, which is newer.", remedy="Upgrade ClaudeMail here."
        )
    if _sha256(folder / DATABASE) != manifest.sha256:
        raise BackupError(f"{source} is damaged: the database in it is not the one that was put in.")
    copies.check(folder / DATABASE)
    return manifest


def _unpack_one(tar: tarfile.TarFile, name: str, target: Path) -> None:
    member = tar.getmember(name)
    content: IO[bytes] | None = tar.extractfile(member) if member.isfile() else None
    if content is None:
        raise KeyError(f"{name} in it is no file")
    with content, open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        shutil.copyfileobj(content, file, _CHUNK)
        file.flush()
        os.fsync(file.fileno())


def _restore_key(kept: Path, place: Path) -> str:
    """Put the key of a backup where a node has none; return what became of it: `restored`, `same` or `other`."""
    if not place.exists():
        kept.replace(place)
        _sync_folder(place.parent)
        return "restored"
    return "same" if kept.read_bytes() == place.read_bytes() else "other"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
