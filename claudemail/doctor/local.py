"""What the doctor looks at on this machine: config, key, modes, SQLite, database, disk, mailbox files, gateway."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from claudemail import running
from claudemail.clock import iso, wall_ms
from claudemail.config import Config
from claudemail.doctor.finding import Examined, note, ok, problem, warning
from claudemail.errors import ClaudeMailError, ConfigError, StoreDamaged, StoreError
from claudemail.keys import KEY_FILE, NodeKey, fingerprint
from claudemail.service import lifecycle
from claudemail.store import copies
from claudemail.store.database import MAIL, check
from claudemail.store.filesystem import refuse_network_filesystem
from claudemail.store.mark import last_mark
from claudemail.text import plural

_MIB = 2**20
_SAFE = ((3, 51, 3), (3, 50, 7), (3, 44, 6))
"""The first releases without the WAL-reset bug, of each line that has one (https://sqlite.org/wal.html, section 11)."""
_MIRROR_LAG = 1_000
_START_S = 10.0


def config(settings: Config) -> Iterator[Examined]:
    """What the config says and leaves open."""
    where = settings.path or "no config file: this node stands alone"
    yield ok("config", f"{where}; this is {settings.node_id}, one of {len(settings.nodes)}")
    for mistake in settings.warnings:
        yield warning("config", mistake, "Correct the key, or remove it.")
    lacking = [node.id for node in settings.nodes if node.public_key is None]
    if settings.peers and settings.allow_unsigned:
        yield warning(
            "trust",
            "allow_unsigned is on: whoever reaches this node's port can write mail in the name of a node without a"
            f" public_key in the config ({', '.join(lacking) or 'none now'})",
            "Put the public_key of every node (`claudemail keys` prints it) into every config, and allow_unsigned: false.",
        )
    elif settings.peers and lacking:
        yield problem(
            "trust",
            f"the config has no public_key of {', '.join(lacking)}, so nothing is taken from there",
            "Run `claudemail keys` there, and put what it prints into the config of every node.",
        )


def key(settings: Config) -> Iterator[Examined]:
    """The node's own key."""
    path = Path(settings.state_dir, KEY_FILE)
    if not path.exists():
        yield note("key", "this node has no key yet; it is made when it is first needed")
        return
    try:
        own = NodeKey.load_or_create(path.parent)
    except ConfigError as error:
        readable = bool(path.stat().st_mode & 0o077)
        yield problem("key", error.message, error.remedy, partial(path.chmod, 0o600) if readable else None)
        return
    known = settings.node.public_key
    if known is not None and known != own.public:
        yield problem(
            "key",
            f"the config's public_key of {settings.node_id} is not that of {path}: peers refuse what this node sends",
            f'Put "public_key": "{own.public}" for {settings.node_id} into the config of every node.',
        )
    else:
        yield ok("key", f"fingerprint {fingerprint(own.public)}" + ("" if known else "; not in the config"))


def modes(settings: Config) -> Iterator[Examined]:
    """Who may read the mail."""
    folder = Path(settings.state_dir)
    if not folder.exists():
        yield note("modes", f"{folder} is not there yet; it is made when it is first needed")
        return
    database, registry = Path(settings.db_path), Path(settings.registry_db_path)
    files = [Path(f"{path}{part}") for path in (database, registry) for part in copies.PARTS]
    private = [(folder, 0o700), *((path, 0o600) for path in files)]
    mailboxes = Path(settings.mailbox_dir)
    private += [(mailboxes, 0o700)] if mailboxes.is_dir() else []
    open_ones = [(path, mode) for path, mode in private if path.exists() and path.stat().st_mode & 0o077]
    for path, mode in open_ones:
        shown = stat.filemode(path.stat().st_mode)
        yield problem(
            "modes", f"others may read {path} ({shown})", f"Run `chmod {mode:o} {path}`.", partial(path.chmod, mode)
        )
    if not open_ones:
        yield ok("modes", f"only you may read the mail in {folder}")


def sqlite_version(settings: Config) -> Iterator[Examined]:
    """SQLite itself."""
    del settings
    version = sqlite3.sqlite_version_info
    with closing(sqlite3.connect(":memory:")) as connection:
        options = {row[0] for row in connection.execute("PRAGMA compile_options")}
    if "ENABLE_FTS5" not in options:
        yield problem(
            "sqlite",
            f"SQLite {sqlite3.sqlite_version} has no full-text search (FTS5)",
            "Use a Python whose SQLite has it.",
        )
        return
    mended = any(version[:2] == safe[:2] and version >= safe for safe in _SAFE) or version >= _SAFE[0]
    if mended:
        yield ok("sqlite", f"SQLite {sqlite3.sqlite_version}")
    else:
        yield ok(
            "sqlite",
            f"SQLite {sqlite3.sqlite_version}, which has the WAL-reset bug; all writes pass one gate, where it cannot arise",
        )


def database(settings: Config) -> Iterator[Examined]:
    """The mail database: whose, of which version, whole."""
    path = Path(settings.db_path)
    last = last_mark(path)
    if not path.exists() and last is not None:
        yield problem("database", f"{path} is gone: the mail that was in it is gone", StoreDamaged.remedy)
        return
    if not path.exists():
        yield note("database", f"{path} is not there yet; it is made when it is first needed")
        return
    try:
        refuse_network_filesystem(path.parent)
        if path.stat().st_size:
            check(path, MAIL, last)
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version == 0:
                yield problem(
                    "database", f"{path} is an empty file: the mail that was in it is gone", StoreDamaged.remedy
                )
                return
            row = connection.execute("SELECT value FROM meta WHERE key = 'node'").fetchone()
            (briefs,) = connection.execute("SELECT coalesce(sum(briefs), 0) FROM totals").fetchone()
            (stays,) = connection.execute(
                "SELECT EXISTS (SELECT 1 FROM lanes) OR EXISTS (SELECT 1 FROM inbound)"
            ).fetchone()
            (latest,) = connection.execute("SELECT coalesce(max(accepted_at), 0) FROM briefs").fetchone()
    except StoreDamaged as error:
        yield problem("database", error.message, error.remedy)
        return
    except (StoreError, sqlite3.Error) as error:
        remedy = error.remedy if isinstance(error, ClaudeMailError) else "Look at the gateway's log."
        yield problem("database", str(error), remedy)
        return
    if version > MAIL.version:
        yield problem(
            "database", f"{path} was made by a newer ClaudeMail (schema {version})", "Upgrade ClaudeMail here."
        )
    elif row is not None and row[0] != settings.node_id and stays:  # one without peers takes its mail along
        yield problem(
            "database",
            f"{path} is the mail of {row[0]}, and this is {settings.node_id}",
            f'Set "node_id" to {row[0]}, or give db_path a folder of its own.',
        )
    else:
        yield ok("database", f"{path} is whole, with {plural(briefs, 'brief')}")
    if latest > wall_ms() + 60_000:
        yield warning(
            "clock",
            f"mail was accepted here at {iso(latest)}, which is yet to come by this machine's clock",
            "Set the clock, by NTP best.",
        )


def disk(settings: Config) -> Iterator[Examined]:
    """Room for mail."""
    folder = Path(settings.state_dir)
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free // _MIB
    if free < settings.checkup.disk_low_mb:
        yield problem(
            "disk", f"{free} MiB are free where the mail is", "Free some space: a full disk takes no new mail."
        )
    else:
        yield ok("disk", f"{free} MiB are free")


def mirror(settings: Config) -> Iterator[Examined]:
    """The files of briefs."""
    folder, path = Path(settings.mailbox_dir), Path(settings.db_path)
    if folder.exists() and not folder.is_dir():
        yield problem("files", f"{folder} is no folder", "Move it away, or set mailbox_dir to another place.")
        return
    if folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
        yield problem(
            "files", f"{folder} cannot be written to", f"Run `chmod u+rwx {folder}`.", partial(folder.chmod, 0o700)
        )
        return
    waiting = 0
    if path.exists():
        try:
            with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
                (waiting,) = connection.execute("SELECT count(*) FROM unmirrored").fetchone()
        except sqlite3.Error:  # an older database, or a damaged one, of which its own finding says more
            waiting = 0
    if waiting > _MIRROR_LAG:
        yield warning("files", f"{waiting} briefs have still to be written to {folder}",
                      "See that a gateway runs, or run `claudemail rebuild files`.")  # fmt: skip
    else:
        yield ok("files", f"{folder}" + (f", {waiting} to be written" if waiting else ""))


def gateway(settings: Config) -> Iterator[Examined]:
    """This node's daemon and its port."""
    notice = running.read_notice(settings.state_dir)
    node = settings.node
    if notice is not None:
        if notice.listen_error:
            yield problem("gateway", f"runs (PID {notice.pid}), but {notice.listen_error}",
                          "Free that address, or set bind or gateway_port of this node in the config.")  # fmt: skip
        else:
            yield ok(
                "gateway",
                f"runs (PID {notice.pid})" + (f", listening on {notice.listening}" if notice.listening else ""),
            )
        return
    if not settings.peers:
        yield note("gateway", "not running; the first session starts it")
        return
    trouble = None if node.pull else _cannot_bind(node.bind, node.port)
    if trouble is not None:
        yield problem(
            "port", f"{node.bind}:{node.port}: {trouble}", "Free it, or set bind or gateway_port in the config."
        )
    yield warning(
        "gateway",
        "not running: mail to and from other nodes waits",
        "Run `claudemail gateway`; the next session or send starts it, too.",
        partial(_start, settings),
    )


def _cannot_bind(host: str, port: int) -> str | None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, UnicodeError) as error:  # the latter: no host can have that name
        return getattr(error, "strerror", None) or str(error)
    return None


def _start(settings: Config) -> None:
    lifecycle.ensure(settings, _START_S)
