"""One SQLite database: opening, settings, migrations, reads, and writes that share a commit."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

from claudemail.errors import StoreDamaged, StoreError, StoreForeign, StoreFull, StoreReplaced
from claudemail.store import copies, text_index
from claudemail.store.bell import Bell
from claudemail.store.copies import users_file
from claudemail.store.explaining import explain
from claudemail.store.filesystem import refuse_network_filesystem
from claudemail.store.gate import Gate
from claudemail.store.mark import Last, Mark, mark_file

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]
"""What a transaction does. It runs in the database's thread and must not keep the connection."""

MAX_GROUP = 256
"""The most writes that share one commit, so that the gate is passed on every few milliseconds."""
_WATCH_S = 1.0
_MOST_CHECK_S = 2.0
_LARGE = ("briefs", "briefs_text_data")


class Schema:
    """A database's migrations: `NAME_0001.sql` and so on, each taking it from one `user_version` to the next."""

    def __init__(
        self,
        *scripts: str,
        functions: Mapping[str, tuple[int, Callable[..., str]]] | None = None,
        progress: str | None = None,
    ) -> None:
        """Say what is to be in a database.

        Args:
            scripts: the migrations, in their order.
            functions: what their SQL may call, with the number of arguments.
            progress: a query for a number that grows with what must never be lost; None where a loss does not matter.
        """
        self.scripts = scripts
        self._functions = functions or {}
        self.progress = progress

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Give a connection the functions."""
        for name, (arguments, function) in self._functions.items():
            connection.create_function(name, arguments, function, deterministic=True)

    @property
    def version(self) -> int:
        """The `user_version` of an up-to-date database."""
        return len(self.scripts)

    def text(self, version: int) -> str:
        """Return the SQL that leads to `version`."""
        return files("claudemail.store").joinpath("schema", self.scripts[version - 1]).read_text("utf-8")


_STORED = "SELECT coalesce(sum(seq), 0) FROM sqlite_sequence"
"""How many briefs, actions and changes of actions there ever were."""
MAIL = Schema("0001.sql", "0002.sql", "0003.sql", "0004.sql", functions=text_index.FUNCTIONS, progress=_STORED)
REGISTRY = Schema("registry_0001.sql", "registry_0002.sql")


_abandoned: list[sqlite3.Connection] = []
"""Connections to files that are no longer in their place; they live as long as the process."""


class _Thread(aiosqlite.Connection):
    """aiosqlite's thread and queue, given whole functions: one hop to the thread for a transaction, not one a statement."""

    async def call(self, work: Work[T]) -> T:
        result: T = await self._execute(work, self._conn)  # type: ignore[no-untyped-call]
        return result

    async def abandon(self) -> None:
        """End the thread, and leave the connection as it is.

        Its file is no longer in its place. To close it would remove the log of whatever database has that name now.
        """
        _abandoned.append(self._conn)
        self._connection = None
        stopped = self.stop()
        if stopped is not None:
            await stopped

    def join(self) -> None:
        """Wait for the end of the thread of a connection that could not be made: it must not outlive the event loop."""
        self._thread.join()


class Database:
    """An open database. Use `async with Database.open(...)`, or call `close`."""

    def __init__(self, path: Path, schema: Schema, *, durable: bool) -> None:
        self.path = path
        self._schema = schema
        self._durable = durable
        self._gate = Gate(path)
        self._bell = Bell(path)
        self._reader: _Thread | None = None
        self._writer: _Thread | None = None
        self._pending: list[tuple[Work[Any], asyncio.Future[Any]]] = []
        self._flusher: asyncio.Task[None] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._listeners: list[Callable[[], None]] = []
        self._closed = False
        self._file: tuple[int, int] | None = None
        self.commits = 0
        """Transactions that this process has committed here."""
        self.failures = 0
        """Transactions that it could not."""
        self._marked = -1
        self._mark = Mark(path) if schema.progress else None
        self._users = os.open(users_file(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._alone = _lock_alone(self._users)

    @classmethod
    async def open(cls, path: Path, schema: Schema, *, durable: bool = True) -> Database:
        """Open the database at `path`, made or migrated if need be.

        Args:
            path: the file; its folder is made too.
            schema: what is to be in it.
            durable: fsync every commit. Without it a power cut may lose the last commits, but never damages the file.

        Raises:
            StoreError: it is locked, damaged, from a newer version, on a network filesystem, or cannot be opened.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            refuse_network_filesystem(path.parent)
            database = cls(path, schema, durable=durable)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise StoreFull(f"The disk that is to hold the database {path} is full.") from error
            raise StoreError(
                f"The database {path} cannot be opened: {error.strerror}.",
                remedy="Check the folder and its permissions.",
            ) from error
        try:
            database._reader = await database._connect()
            if await database._reader.call(_version) != schema.version:
                await (await database._write_thread()).call(database._migrate)
            await database._begin_mark()
        except BaseException:
            await database.close()
            raise
        return database

    async def __aenter__(self) -> Database:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Finish what is being written and close; again does no harm. Closing may checkpoint, so it passes the gate."""
        if self._closed:
            return
        self._closed = True
        if self._watcher is not None:
            self._watcher.cancel()
            asyncio.get_running_loop().remove_reader(self._bell.listen())
        if self._flusher is not None:
            await asyncio.wait([self._flusher])
        for thread in (self._reader, self._writer):
            if thread is None:
                continue
            if self.is_in_place():
                await thread.call(self._close_connection)
                await thread.close()
            else:
                await thread.abandon()
        self._reader = self._writer = None
        self._bell.close()
        self._gate.close()
        if self._mark is not None:
            self._mark.close()
        os.close(self._users)

    async def read(self, work: Work[T]) -> T:
        """Return what `work` finds, all of it in one snapshot.

        Raises:
            StoreError: SQLite failed, or the file was replaced.
        """
        if self._reader is None:
            raise StoreError("The database is closed.")
        self._check_file()
        return await self._reader.call(lambda connection: _snapshot(connection, work, self.path))

    def is_in_place(self) -> bool:
        """Return whether the file is still the one that was opened."""
        return _identity(self.path) == self._file

    async def write(self, work: Work[T]) -> T:
        """Run `work` in a write transaction and return its result once it is committed.

        Writes that wait at the same time share one commit, and so one fsync, but not their fate: one that raises is
        undone alone.

        Raises:
            StoreError: SQLite failed; nothing of this write was stored.
            Exception: whatever `work` raised; nothing of this write was stored.
        """
        if self._closed:
            raise StoreError("The database is closed.")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._pending.append((work, future))
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush())
        return await asyncio.shield(future)

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Have `listener` called in the event loop after each commit, of this process or another.

        Returns:
            A function that ends it.
        """
        self._listeners.append(listener)
        if self._watcher is None:
            asyncio.get_running_loop().add_reader(self._bell.listen(), self._rung)
            self._watcher = asyncio.create_task(self._watch())

        def unsubscribe() -> None:
            with contextlib.suppress(ValueError):
                self._listeners.remove(listener)

        return unsubscribe

    async def _flush(self) -> None:
        while self._pending:
            group, self._pending = self._pending[:MAX_GROUP], self._pending[MAX_GROUP:]
            works = [work for work, _ in group]
            try:
                thread = await self._write_thread()
                outcomes = await thread.call(partial(self._commit, works=works))
                self.commits += 1
            except Exception as error:  # noqa: BLE001 - each waiting caller is told
                outcomes = [error] * len(group)
                self.failures += 1
            for (_, future), outcome in zip(group, outcomes, strict=True):
                if future.cancelled():
                    continue
                if isinstance(outcome, Exception):
                    future.set_exception(outcome)
                    future.exception()  # a caller that was cancelled never asks for it
                else:
                    future.set_result(outcome[0])
            self._tell()

    def _commit(self, connection: sqlite3.Connection, works: list[Work[Any]]) -> list[tuple[Any] | Exception]:
        with self._gate:
            self._check_file()
            try:
                connection.execute("BEGIN IMMEDIATE")
                outcomes = [_unit(connection, work) for work in works]
                progress = _progress(connection, self._schema)
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise explain(error, self.path) from error
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            if self._mark is not None and progress != self._marked:
                self._mark.reach(progress)
                self._marked = progress
        self._bell.ring()
        return outcomes

    def _check_file(self) -> None:
        """Raise StoreReplaced if the file is no longer the one that was opened: what is written to that, nobody will read."""
        if not self.is_in_place():
            raise StoreReplaced(f"The database {self.path} was moved, removed or replaced.")

    def _tell(self) -> None:
        for listener in list(self._listeners):
            listener()

    def _rung(self) -> None:
        self._bell.drain()
        self._tell()

    async def _watch(self) -> None:
        seen = None
        while True:
            with contextlib.suppress(StoreError):  # whoever reads next is told what is wrong
                now = await self.read(lambda connection: connection.execute("PRAGMA data_version").fetchone()[0])
                if seen is not None and now != seen:
                    self._tell()
                seen = now
            await asyncio.sleep(_WATCH_S)

    async def _write_thread(self) -> _Thread:
        if self._writer is None:
            self._writer = await self._connect()
        return self._writer

    async def _connect(self) -> _Thread:
        def connector() -> sqlite3.Connection:
            with self._gate:  # the first connection after a crash recovers the log
                try:
                    if self._mark is not None:
                        self._check_before(self._mark.read())
                    connection = _open(self.path, durable=self._durable)
                finally:
                    if self._alone:
                        self._alone = False
                        fcntl.flock(self._users, fcntl.LOCK_SH)
                self._schema.prepare(connection)
                return connection

        thread = _Thread(connector, 64)
        try:
            await thread
        except StoreError:
            thread.join()
            raise
        except sqlite3.Error as error:
            thread.join()
            raise explain(error, self.path) from error
        except UnicodeDecodeError as error:  # the message of an error that quotes what is broken
            thread.join()
            raise StoreDamaged(f"The database {self.path} is damaged ({error}).") from error
        self._file = self._file or _identity(self.path)
        return thread

    def _check_before(self, last: Last | None) -> None:
        """Look at the file before it is opened for writing, which might change what is left of it.

        After a crash, and only then, it is read through, for two seconds at most (100,000 briefs take one): when nobody else has
        it open, and the process that had it last did not close it.

        Raises:
            StoreDamaged: it is gone, empty, broken, or has less in it than was stored.
        """
        wal = Path(f"{self.path}-wal")
        size = self.path.stat().st_size if self.path.exists() else 0
        if size == 0 and last is not None:
            how = "an empty file" if self.path.exists() else "gone"
            raise _lost(self.path, f"The database {self.path} is {how}, and there was mail in it.")
        if not self._alone or size == 0 or not (wal.exists() or (last is not None and not last.clean)):
            return
        check(self.path, self._schema, last, most_s=_MOST_CHECK_S)

    async def _begin_mark(self) -> None:
        """Note that there is a database now, also where an earlier version made it."""
        if self._mark is not None and self._mark.read() is None:
            assert self._reader is not None
            self._mark.begin(await self._reader.call(partial(_progress, schema=self._schema)))

    def _migrate(self, connection: sqlite3.Connection) -> None:
        with self._gate:
            version = _version(connection)
            if version > self._schema.version:
                raise StoreForeign(
                    f"{self.path} has schema {version}; this ClaudeMail knows up to {self._schema.version}."
                )
            if 0 < version < self._schema.version:
                with sqlite3.connect(f"{self.path}.before-{self._schema.version}") as copy:
                    connection.backup(copy)
                copy.close()
            if version == 0 and self._mark is not None and self._mark.read() is not None:
                raise _lost(self.path, f"The database {self.path} is empty, and there was mail in it.")
            try:
                for step in range(version + 1, self._schema.version + 1):
                    connection.executescript(f"BEGIN;{self._schema.text(step)};PRAGMA user_version={step};COMMIT;")
            except sqlite3.Error as error:
                raise explain(error, self.path) from error

    def _close_connection(self, connection: sqlite3.Connection) -> None:
        with self._gate:
            progress = None
            if self._mark is not None:
                with contextlib.suppress(sqlite3.Error):  # a damaged or unfinished one keeps the mark that it has
                    progress = _progress(connection, self._schema)
            connection.close()
            if self._mark is not None and progress is not None and not Path(f"{self.path}-wal").exists():
                self._mark.finish(progress)


def check(path: Path, schema: Schema, last: Last | None, *, most_s: float | None = None) -> None:
    """Read a database through, without changing anything.

    Args:
        path: the file.
        schema: what is in it.
        last: its mark, read before this is called: whoever has it open goes on.
        most_s: how many seconds that may take; what is not read by then is left out.

    Raises:
        StoreDamaged: it is broken, or has less in it than was stored.
    """
    with closing(copies.examine(path, most_s=most_s, last=_LARGE)) as connection:
        if last is None or last.clean:
            return
        if _version(connection) == 0 or _progress(connection, schema) < last.progress:
            raise _lost(path, f"The database {path} has less in it than was stored: its log was cut or damaged.")


def _lost(path: Path, what: str) -> StoreDamaged:
    return StoreDamaged(what, remedy=f"{StoreDamaged.remedy} To go on without it, remove {mark_file(path)}.")


def _progress(connection: sqlite3.Connection, schema: Schema) -> int:
    if schema.progress is None:
        return 0
    progress: int = connection.execute(schema.progress).fetchone()[0]
    return progress


def _lock_alone(users: int) -> bool:
    """Take the lock of those who have a database open; return whether nobody else has it.

    Who is alone keeps others out until it has looked at the file. Who is not waits for that, or while the file is being replaced.
    """
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        fcntl.flock(users, fcntl.LOCK_SH)
        return False
    return True


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _open(path: Path, *, durable: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
    try:
        connection.row_factory = sqlite3.Row
        # busy_timeout comes first: switching to WAL may have to wait for another process that does the same.
        connection.executescript(
            f"PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = {'FULL' if durable else 'NORMAL'};"
            "PRAGMA foreign_keys = ON; PRAGMA mmap_size = 0; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;"
            "PRAGMA wal_autocheckpoint = 1000;"
        )
        path.chmod(0o600)
    except BaseException:
        connection.close()
        raise
    return connection


def _version(connection: sqlite3.Connection) -> int:
    try:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.Error as error:
        raise explain(error, Path(connection.execute("PRAGMA database_list").fetchone()[2])) from error
    return version


def _snapshot(connection: sqlite3.Connection, work: Work[T], path: Path) -> T:
    try:
        connection.execute("BEGIN")
        try:
            return work(connection)
        finally:
            connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise explain(error, path) from error
    except (ValueError, IndexError) as error:
        # JSON that is none, a field out of its bounds: no write of ours stored that.
        raise StoreDamaged(
            f"The database {path} is damaged: what is stored cannot be read ({type(error).__name__})."
        ) from error


def _unit(connection: sqlite3.Connection, work: Work[Any]) -> tuple[Any] | Exception:
    connection.execute("SAVEPOINT unit")
    try:
        outcome: tuple[Any] | Exception = (work(connection),)
    except sqlite3.IntegrityError as error:
        connection.execute("ROLLBACK TO unit")
        outcome = StoreError(f"The write breaks a rule of the database: {error}.")
    except sqlite3.Error:
        raise  # the whole transaction is in doubt: a full disk may have rolled it back already
    except Exception as error:  # noqa: BLE001 - its caller is told
        connection.execute("ROLLBACK TO unit")
        outcome = error
    connection.execute("RELEASE unit")
    return outcome
