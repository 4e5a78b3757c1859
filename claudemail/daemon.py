"""The gateway process: the mesh and the MCP socket of one node, in one event loop, over one office."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from claudemail import __version__
from claudemail.clock import wall_ms
from claudemail.config import Config, config_state, load
from claudemail.errors import ConfigError, MirrorError, StoreError
from claudemail.mesh.mesh import Mesh
from claudemail.office import Office
from claudemail.running import ON_DEMAND, Notice, is_ours, own_command, remove_notice, socket_path, write_notice
from claudemail.tools.connection import listen

log = logging.getLogger(__name__)
_TIDY_EVERY_S = 600.0
_LOOK_EVERY_S = 2.0
_MIRROR_QUIET_S = 1.0
_MIRROR_PATIENCE = 10
"""After so many times without quiet, files are written all the same."""
_MIRROR_WHILE_S = 2.0
_MIRROR_AGAIN_S = 30.0


def run(config: Config, mode: str, lock: int) -> int:
    """Run this node's gateway until SIGTERM or SIGINT; return the exit code.

    Args:
        config: this node's configuration.
        mode: `running.FOREGROUND` or `running.ON_DEMAND`; it is told to those who ask which gateway runs.
        lock: this node's gateway lock, from `running.take_lock`; it is given up at the end.

    Raises:
        ClaudeMailError: it cannot start.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("mcp").setLevel(logging.WARNING)
    end = _End()
    try:
        code = asyncio.run(_serve(config, mode, lock, end))
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
        self.again = False
        """Whether another is to run in this one's place."""

    def ask(self, code: int = 0, *, again: bool = False) -> None:
        """Have the gateway end."""
        self._code = max(self._code, code)
        self.again = again and not self._asked.is_set()
        self._asked.set()

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
                log.critical("the gateway failed", exc_info=task.exception())
                self.ask(1)

        task = asyncio.create_task(work)
        task.add_done_callback(ended)
        return task


async def _serve(config: Config, mode: str, lock: int, end: _End) -> int:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.ask)
    notice = Notice(os.getpid(), mode, None, None)
    async with await Office.open(config) as office:
        await office.release_dead()
        mesh = Mesh(config, office.transit, office.key(), wall_ms)
        async with listen(office, socket_path(config), mesh.roster_changed):
            _publish(config, notice)
            log.info("ClaudeMail %s serves %s", __version__, config.node_id)
            work = [
                end.start(_keep(office)),
                end.start(_mirror(office)),
                end.start(_watch_files(config, office, lock)),
                end.start(_watch_config(mode, end)),
            ]
            if config.peers:
                work.append(end.start(mesh.run(partial(_listening, config, notice))))
            unsubscribe = office.subscribe(mesh.nudge)
            try:
                code = await end.wait()
            finally:
                unsubscribe()
                for task in work:
                    task.cancel()
                await asyncio.wait(work)
    log.info("stopped")
    return code


def _listening(config: Config, notice: Notice, address: str | None, error: str | None) -> None:
    notice.listening, notice.listen_error = address, error
    _publish(config, notice)


def _publish(config: Config, notice: Notice) -> None:
    """Put up the notice. Mail is carried without one, too: on a full disk, say."""
    try:
        write_notice(config.state_dir, notice)
    except OSError as error:
        log.warning("the gateway's notice could not be written: %s", error)


async def _watch_files(config: Config, office: Office, lock: int) -> None:
    """End the process when the node's folder or database was removed or replaced: what it holds open is nobody's mail any more.

    There is nothing to finish and nowhere to write, so it ends at once, and does not stand in the way of the next gateway.
    """
    while is_ours(config.state_dir, lock) and office.is_in_place():  # noqa: ASYNC110 - no event tells of it
        await asyncio.sleep(_LOOK_EVERY_S)
    log.warning("the mail in %s was moved, removed or replaced; this gateway ends", config.state_dir)
    logging.shutdown()
    os._exit(0)


async def _watch_config(mode: str, end: _End) -> None:
    """Notice that the config was changed, and begin anew with it.

    One that cannot be used may be half written, or the work of a hurried moment: a gateway in the foreground goes on with the
    old one, and one that was started on demand ends, since whoever needs it next is told what is wrong.
    """
    before = config_state(os.environ)
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
            log.warning("the config has changed and cannot be used: %s", error.message)
            if mode == ON_DEMAND:
                end.ask()
        else:
            log.info("the config has changed: beginning anew with it")
            end.ask(again=True)


async def _mirror(office: Office) -> None:
    """Keep the mailbox folder as it should be: when it is quiet, and then with half of the time, so that mail goes first."""
    changed = asyncio.Event()
    unsubscribe = office.subscribe(changed.set)
    said = ""
    try:
        while True:
            for _ in range(_MIRROR_PATIENCE):
                changed.clear()
                await asyncio.sleep(_MIRROR_QUIET_S)
                if not changed.is_set():
                    break
            try:
                if not await _mirror_for_a_while(office, changed):
                    await changed.wait()
                said = ""
            except (MirrorError, StoreError) as error:
                if error.message != said:
                    log.warning("%s", error)
                said = error.message
                await asyncio.sleep(_MIRROR_AGAIN_S)
    finally:
        unsubscribe()


async def _mirror_for_a_while(office: Office, changed: asyncio.Event) -> bool:
    """Write files for some time, or until none is due; return whether some may be."""
    deadline = time.monotonic() + _MIRROR_WHILE_S
    while time.monotonic() < deadline:
        changed.clear()
        if not await _timed(office.mirror_some):
            return changed.is_set()
    return True


async def _timed(work: Callable[[], Awaitable[int]]) -> int:
    """Do some work, and then nothing for as long as it took; return what it returned."""
    started = time.monotonic()
    done = await work()
    await asyncio.sleep(time.monotonic() - started)
    return done


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
            log.warning("old mail could not be tidied: %s", error)
