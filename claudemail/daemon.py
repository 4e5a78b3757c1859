"""The gateway process: the mesh and the MCP socket of one node, in one event loop, over one office."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

from claudemail import __version__, logs, notify
from claudemail.attending import Attendant
from claudemail.clock import wall_ms
from claudemail.config import Config, config_state, load
from claudemail.errors import ClaudeMailError, ConfigError, MirrorError, StoreError
from claudemail.local_http import LocalHttp, is_request
from claudemail.mesh.counts import Counts
from claudemail.mesh.mesh import Listening, Mesh
from claudemail.office import Office
from claudemail.running import (
    LOG,
    ON_DEMAND,
    SERVICE_ENV,
    Notice,
    is_ours,
    own_command,
    remove_notice,
    socket_path,
    write_notice,
)
from claudemail.tools import sessions as session_socket
from claudemail.tools.sessions import Sessions, listen
from claudemail.watching import Watched, pings

log = logging.getLogger(__name__)
_TIDY_EVERY_S = 600.0
_LOOK_EVERY_S = 2.0
_LOAD_AFTER_S = 10.0
_COLLECT_AFTER = 3_000
"""After so many new objects garbage is looked for: Python's 700 come with every batch of parcels."""
_QUIET_S = 1.0
_PATIENCE = 10
"""After so many times without quiet, what could wait is done all the same."""
_WHILE_S = 2.0
_AGAIN_S = 30.0


def run(config: Config, mode: str, lock: int) -> int:
    """Run this node's gateway until SIGTERM or SIGINT; return the exit code.

    Args:
        config: this node's configuration.
        mode: `running.FOREGROUND` or `running.ON_DEMAND`; it is told to those who ask which gateway runs.
        lock: this node's gateway lock, from `running.take_lock`; it is given up at the end.

    Raises:
        ClaudeMailError: it cannot start.
    """
    logs.set_up(os.path.join(config.state_dir, LOG))
    gc.set_threshold(_COLLECT_AFTER)
    end = _End()
    try:
        code = asyncio.run(_serve(config, mode, lock, end))
    except Exception as error:
        expected = isinstance(error, ClaudeMailError)
        log.critical("the gateway cannot go on: %s", error, exc_info=not expected, extra={"event": "failed"})
        if mode != ON_DEMAND:
            raise
        code = error.exit_code if isinstance(error, ClaudeMailError) else 1  # nobody else is told, but by the log
    finally:
        remove_notice(config.state_dir)
    if end.again:
        # The same process, so that a service manager sees no end, and anew, so that nothing of the old config is left. It
        # keeps the lock, or whoever is waiting for a gateway would start another.
        os.set_inheritable(lock, True)
        demand = ["--on-demand"] if mode == ON_DEMAND else []
        os.execv(sys.executable, own_command("gateway", *demand, "--lock", str(lock)))  # noqa: S606
    os.close(lock)
    return code


class _End:
    """Tells the gateway to end, and with which exit code."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._code = 0
        self._signalled = False
        self.again = False
        """Whether another is to run in this one's place."""

    def ask(self, code: int = 0, *, again: bool = False) -> None:
        """Have the gateway end."""
        self._code = max(self._code, code)
        self.again = again and not self._asked.is_set()
        self._asked.set()

    def signalled(self, number: int) -> None:
        """Take a signal that asks the process to end. Whoever asks twice does not want to wait: it ends at once."""
        if self._signalled:
            log.warning("asked twice to stop: ending at once", extra={"event": "stopped_at_once"})
            logging.shutdown()
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self._signalled = True
        self.ask()

    async def wait(self) -> int:
        """Return the exit code once the gateway is to end."""
        await self._asked.wait()
        return self._code

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start work that goes on until it is cancelled.

        If it fails in a way nobody foresaw, the gateway ends: one that seems to run and does only half of it is worse, and
        whoever needs one starts the next.
        """

        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and task.exception() is not None:
                log.critical("the gateway failed", exc_info=task.exception(), extra={"event": "failed"})
                self.ask(1)

        task = asyncio.create_task(work)
        task.add_done_callback(ended)
        return task


class _Sign:
    """What the gateway shows of itself: the notice to this node's processes, and its state to the service manager."""

    def __init__(self, config: Config, mode: str) -> None:
        self._config = config
        self.notice = Notice(
            os.getpid(), mode, None, None, since=wall_ms(), version=__version__, service=os.environ.get(SERVICE_ENV)
        )

    def put_up(self) -> None:
        """Put up the notice. Mail is carried without one, too: on a full disk, say."""
        try:
            write_notice(self._config.state_dir, self.notice)
        except OSError as error:
            log.warning("the gateway's notice could not be written: %s", error, extra={"event": "no_notice"})

    def ready(self) -> None:
        """Mail is taken now."""
        where = self.notice.listening or self.notice.listen_error or "without peers to listen for"
        notify.ready(f"{self._config.node_id}: {where}")

    def listening(self, address: str | None, error: str | None) -> None:
        """Show where peers are heard, or why they are not: either way this node's sessions are served."""
        self.notice.listening, self.notice.listen_error = address, error
        self.put_up()
        self.ready()


async def _serve(config: Config, mode: str, lock: int, end: _End) -> int:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.signalled, number)
    sign, counts = _Sign(config, mode), Counts()
    async with await Office.open(config) as office:
        await office.release_dead()
        mesh = Mesh(config, office.transit, office.key(), wall_ms, counts)
        watched = Watched(office, counts, sign.notice, lambda: sessions.attached)
        asked = LocalHttp({**watched.pages(), **pings([peer.id for peer in config.peers], mesh.ping)})
        attendant = Attendant(office, lambda: sessions.connections)

        def changed() -> None:
            mesh.roster_changed()
            attendant.nudge()

        async with listen(office, socket_path(config), changed, speaks_http=is_request, http=asked.answer) as sessions:
            sign.put_up()
            started = {
                "event": "started",
                "node": config.node_id,
                "version": __version__,
                "mode": mode,
                "pid": os.getpid(),
            }
            log.info("ClaudeMail %s serves %s", __version__, config.node_id, extra=started)
            work = [
                end.start(_keep(office)),
                end.start(_beat(office)),
                end.start(_catch_up(office)),
                end.start(_watch_files(config, office, lock)),
                end.start(_watch_config(config, mode, end)),
                end.start(_settle(office)),
                end.start(_load(office)),
                end.start(attendant.run()),
            ]
            if config.metrics_port is not None:
                work.append(end.start(LocalHttp(watched.pages()).serve_port(config.metrics_port)))
            if config.path is not None:
                work.append(end.start(_mesh(office, mesh, sign.listening)))
            if not config.peers or config.node.pull:  # else it is ready once it listens for them
                sign.ready()
            unsubscribe = office.subscribe(mesh.nudge)
            try:
                code = await end.wait()
                watched.stopping = True
                await _finish(mesh, sessions, end)
            finally:
                unsubscribe()
                for task in work:
                    task.cancel()
                await asyncio.wait(work)
    log.info("stopped", extra={"event": "stopped"})
    return code


async def _finish(mesh: Mesh, sessions: Sessions, end: _End) -> None:
    """Take nothing new, and see what is in flight through, for a few seconds at most."""
    if end.again:
        notify.beginning_anew()
    else:
        notify.stopping()
    log.info("stopping", extra={"event": "stopping", "sessions": sessions.attached})
    await asyncio.gather(sessions.finish(), mesh.finish())


async def _mesh(office: Office, mesh: Mesh, listening: Listening) -> None:
    """Run the mesh. A node without peers listens to nobody until it has invited somebody."""
    if not office.config.peers:
        async with aclosing(_changes(office)) as changes:
            async for _ in changes:
                if await office.is_inviting():
                    break
    await mesh.run(listening)


async def _settle(office: Office) -> None:
    """Go on with a change of keys whenever something changes, and now and then try again what the config file would not take."""
    begun = False
    tried = 0.0
    async for _ in _changes(office):
        try:
            await office.settle(again=not begun)
            begun = True
            if not tried or time.monotonic() - tried >= _TIDY_EVERY_S:
                tried = time.monotonic()
                await office.write_down()
        except (ConfigError, StoreError, OSError) as error:
            log.warning("%s", error)


async def _changes(office: Office) -> AsyncGenerator[None]:
    """Yield at once, and then after every change of the mail, several in one."""
    with _changing(office) as changed:
        while True:
            yield
            await changed.wait()
            changed.clear()


@contextmanager
def _changing(office: Office) -> Iterator[asyncio.Event]:
    """Yield an event that every change of the mail sets."""
    changed = asyncio.Event()
    unsubscribe = office.subscribe(changed.set)
    try:
        yield changed
    finally:
        unsubscribe()


async def _load(office: Office) -> None:
    """Load what serves sessions once mail has been seen to, since it takes half a second of CPU.

    A session that comes before has it loaded itself.
    """
    await asyncio.sleep(_LOAD_AFTER_S)
    with _changing(office) as changed:
        await _quiet(changed)
    await session_socket.load()
    gc.freeze()  # what is there now stays: the collector need not go through it again and again


async def _watch_files(config: Config, office: Office, lock: int) -> None:
    """End the process when the node's folder or database was removed or replaced: what it holds open is nobody's mail any more.

    There is nothing to finish and nowhere to write, so it ends at once, and does not stand in the way of the next gateway.
    """
    while is_ours(config.state_dir, lock) and office.is_in_place():  # noqa: ASYNC110 - no event tells of it
        await asyncio.sleep(_LOOK_EVERY_S)
    words = "the mail in %s was moved, removed or replaced; this gateway ends"
    log.warning(words, config.state_dir, extra={"event": "mail_replaced"})
    logging.shutdown()
    os._exit(0)


async def _watch_config(config: Config, mode: str, end: _End) -> None:
    """Notice that the config was changed, and begin anew with it.

    One that cannot be used may be half written, or the work of a hurried moment: a gateway in the foreground goes on with the
    old one, and one that was started on demand ends, since whoever needs it next is told what is wrong.
    """
    before = config.state
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        now = config_state(os.environ)
        if now == before:
            continue
        before = now
        try:
            if now is None:
                raise ConfigError("The config file is gone.")
            load(os.environ)
        except ConfigError as error:
            words = "the config has changed and cannot be used: %s"
            log.warning(words, error.message, extra={"event": "config_refused"})
            if mode == ON_DEMAND:
                end.ask()
        else:
            log.info("the config has changed: beginning anew with it", extra={"event": "config_changed"})
            end.ask(again=True)


async def _catch_up(office: Office) -> None:
    """Keep the full text and the mailbox folder as they should be: when it is quiet, and then with half of the time.

    Nothing waits for them, and mail goes first.
    """
    said = ""
    with _changing(office) as changed:
        while True:
            await _quiet(changed)
            try:
                if not await _catch_up_for_a_while(office, changed):
                    await changed.wait()
                said = ""
            except (MirrorError, StoreError) as error:
                if error.message != said:
                    log.warning("%s", error, extra={"event": "mirror_failed"})
                said = error.message
                await asyncio.sleep(_AGAIN_S)


async def _quiet(changed: asyncio.Event) -> None:
    """Return once nothing has changed for a while, or it has gone on for too long."""
    for _ in range(_PATIENCE):
        changed.clear()
        await asyncio.sleep(_QUIET_S)
        if not changed.is_set():
            return


async def _catch_up_for_a_while(office: Office, changed: asyncio.Event) -> bool:
    """Take in and write for some time, or until nothing is due; return whether something may be."""
    deadline = time.monotonic() + _WHILE_S
    while time.monotonic() < deadline:
        changed.clear()
        if not await _timed(office.index_some) and not await _timed(office.mirror_some):
            return changed.is_set()
    return True


async def _timed(work: Callable[[], Awaitable[int]]) -> int:
    """Do some work, and then nothing for as long as it took; return what it returned."""
    started = time.monotonic()
    done = await work()
    await asyncio.sleep(time.monotonic() - started)
    return done


async def _beat(office: Office) -> None:
    """Note at each heartbeat that this gateway runs, for the history that the console shows."""
    while True:
        with contextlib.suppress(StoreError):  # then the history has a gap
            await office.transit.beat()
        await asyncio.sleep(office.config.heartbeat_interval_ms / 1000)


async def _keep(office: Office) -> None:
    """Tidy old mail, now and then."""
    seen = time.monotonic()
    while True:
        await asyncio.sleep(_TIDY_EVERY_S)
        elapsed_s = time.monotonic() - seen
        try:
            await office.transit.expire(int(elapsed_s * 1000))
            seen += elapsed_s
        except StoreError as error:
            log.warning("old mail could not be tidied: %s", error, extra={"event": "tidying_failed"})
