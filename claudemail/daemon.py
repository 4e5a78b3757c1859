"""The gateway process: the mesh and the MCP socket of one node, in one event loop, over one office."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator

from claudemail import __version__
from claudemail.clock import wall_ms
from claudemail.config import Config
from claudemail.errors import StoreError
from claudemail.mesh.mesh import Mesh
from claudemail.office import Office
from claudemail.running import Notice, is_ours, socket_path, write_notice
from claudemail.tools.connection import listen

log = logging.getLogger(__name__)
_EXPIRE_EVERY_S = 3600.0
_LOOK_EVERY_S = 2.0


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
    try:
        asyncio.run(_serve(config, mode, lock))
    finally:
        os.close(lock)
    return 0


async def _serve(config: Config, mode: str, lock: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    notice = Notice(os.getpid(), mode, None, None)
    async with await Office.open(config) as office:
        await office.release_dead()
        async with (
            _mesh(config, office, notice, stop) as mesh,
            listen(office, socket_path(config), mesh.roster_changed),
        ):
            _publish(config, notice)
            log.info("ClaudeMail %s serves %s", __version__, config.node_id)
            chores = [asyncio.create_task(_keep(office)), asyncio.create_task(_watch_lock(config, lock))]
            try:
                await stop.wait()
            finally:
                for chore in chores:
                    chore.cancel()
        log.info("stopped")


@contextlib.asynccontextmanager
async def _mesh(config: Config, office: Office, notice: Notice, stop: asyncio.Event) -> AsyncIterator[Mesh]:
    """Run the mesh while the context lasts. A node without peers has one that does nothing.

    A mesh that fails in a way nobody foresaw ends the gateway: one that seems to run and carries nothing is worse, and the
    next session starts another.
    """
    mesh = Mesh(config, office.transit, office.key(), wall_ms)

    def listening(address: str | None, error: str | None) -> None:
        notice.listening, notice.listen_error = address, error
        _publish(config, notice)

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            log.critical("the mesh failed", exc_info=task.exception())
            stop.set()

    working = asyncio.create_task(mesh.run(listening)) if config.peers else None
    if working is not None:
        working.add_done_callback(ended)
    unsubscribe = office.subscribe(mesh.nudge)
    try:
        yield mesh
    finally:
        unsubscribe()
        if working is not None:
            working.cancel()
            await asyncio.wait([working])


def _publish(config: Config, notice: Notice) -> None:
    """Put up the notice. Mail is carried without one, too: on a full disk, say."""
    try:
        write_notice(config.state_dir, notice)
    except OSError as error:
        log.warning("the gateway's notice could not be written: %s", error)


async def _watch_lock(config: Config, lock: int) -> None:
    """End the process when the node's folder was removed or replaced: what it holds open is nobody's mail any more.

    There is nothing to finish and nowhere to write, so it ends at once, and does not stand in the way of the next gateway.
    """
    while is_ours(config.state_dir, lock):  # noqa: ASYNC110 - no event tells of it
        await asyncio.sleep(_LOOK_EVERY_S)
    log.warning("%s is gone; this gateway ends", config.state_dir)
    logging.shutdown()
    os._exit(0)


async def _keep(office: Office) -> None:
    """Do the hourly work."""
    while True:
        try:
            await office.transit.expire()
        except StoreError as error:
            log.warning("old mail could not be tidied: %s", error)
        await asyncio.sleep(_EXPIRE_EVERY_S)
