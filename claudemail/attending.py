"""Attending to the sessions of a node: each has a status file that is always true, and is woken when mail comes.

Waking is edge-triggered: a session is told of a brief once, whoever tells it. Several briefs that come within a second are
told in one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from claudemail import whole_file
from claudemail.claude_code import words
from claudemail.claude_code.status_files import Status, StatusFiles
from claudemail.clients import Clients
from claudemail.errors import ClaudeMailError
from claudemail.model.roster import Liveness
from claudemail.store.standing import Fresh, Standing

if TYPE_CHECKING:
    from claudemail.office import Office, Party
    from claudemail.tools.connection import Connection

log = logging.getLogger(__name__)
_SETTLE_S = 0.1
"""What comes within this time is told in one, and the status is written once for it."""
_WAKE_EVERY_S = 1.0
_SHARED_S = 60.0
"""For so long only one session of an instance is woken for mail to all of them; then another is, if nobody was told."""
_LOOK_EVERY_S = 15.0
"""What no commit tells of, such as a node gone silent or a new day, is seen after this long."""
_RANKS = {"all": 0, "high": 2, "urgent": 3}


class Attendant:
    """Attends to the sessions that are served at the moment."""

    def __init__(self, office: Office, connections: Callable[[], list[Connection]]) -> None:
        self._office = office
        self._connections = connections
        self._clients = Clients(office.config.state_dir)
        self._files = StatusFiles(office.config.state_dir)
        self._changed = asyncio.Event()
        self._waking: dict[Connection, asyncio.Task[None]] = {}
        self._shared: dict[int, float] = {}
        """Briefs to an instance that one of its sessions is being told of, and when that began."""
        self._said = ""

    def nudge(self) -> None:
        """Have a look soon: mail, or who is there, has changed."""
        self._changed.set()

    async def run(self) -> None:
        """Attend until cancelled."""
        unsubscribe = self._office.subscribe(self.nudge)
        try:
            while True:
                await self._look()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_EVERY_S):
                        await self._changed.wait()
                await asyncio.sleep(_SETTLE_S)
                self._changed.clear()
        finally:
            unsubscribe()
            for task in self._waking.values():
                task.cancel()

    async def _look(self) -> None:
        served = [(one, one.party) for one in self._connections() if one.party is not None]
        since = time.monotonic() - _SHARED_S
        self._shared = {number: at for number, at in self._shared.items() if at > since}
        try:
            standings = await self._office.standings([party for _, party in served])
            silent = await self._silent()
            for (connection, party), state in zip(served, standings, strict=True):
                status = Status.of(party.name, party.node, state, silent)
                self._files.write(status, connection.client_pid)
                await self._tell(connection, party, state)
            self._files.remove_others({party.name for _, party in served})
            self._said = ""
        except (ClaudeMailError, OSError) as error:
            if str(error) != self._said:
                self._said = str(error)
                log.warning("sessions could not be attended to: %s", error, extra={"event": "not_attended"})

    async def _silent(self) -> list[str]:
        roster = await self._office.roster()
        return [node.node for node in roster.nodes if node.liveness is Liveness.STALE and node.heard_at is not None]

    async def _tell(self, connection: Connection, party: Party, state: Standing) -> None:
        """Have a session told of what it has not been told of yet."""
        if not state.fresh:
            return
        told = self._clients.told(connection.client_pid)
        if told >= state.fresh[-1].number:
            await self._office.told(party, told)  # by a hook, while no gateway could hear of it
        least = _RANKS.get(self._office.config.wake)
        fresh = [one for one in state.fresh if one.number > told and least is not None and one.rank >= least]
        fresh = [one for one in fresh if not one.shared or one.number not in self._shared]
        if fresh and connection not in self._waking:
            self._shared |= {one.number: time.monotonic() for one in fresh if one.shared}
            task = asyncio.create_task(self._wake(connection, party, Standing(state.unread, state.urgent, 0, fresh)))
            self._waking[connection] = task
            task.add_done_callback(lambda _: self._woken(connection))

    def _woken(self, connection: Connection) -> None:
        del self._waking[connection]
        self.nudge()

    async def _wake(self, connection: Connection, party: Party, state: Standing) -> None:
        began = time.monotonic()
        upto = state.fresh[0].number
        text = words.news(party.name, state, titles=self._office.config.hook_titles)
        try:
            told = await connection.wake(text, upto)
            if told >= upto:
                await self._office.told(party, told)
                log.info("%s was woken", party.name, extra={"event": "woken", "callsign": party.name, "upto": upto})
            else:
                self._ping(party.name, text, state.fresh)
        except (ClaudeMailError, OSError) as error:
            log.warning("%s could not be woken: %s", party.name, error, extra={"event": "not_woken"})
        await asyncio.sleep(max(_WAKE_EVERY_S - (time.monotonic() - began), 0))

    def _ping(self, callsign: str, text: str, fresh: list[Fresh]) -> None:
        """Write the ping file, for sessions without an inbox: a hook that watches it wakes them. Once for the same brief."""
        folder = self._office.config.ping_dir
        path = os.path.join(folder, callsign)
        ping = json.dumps({"upto": fresh[0].number, "text": text})
        try:
            with open(path, encoding="utf-8") as file:
                if json.load(file)["upto"] >= fresh[0].number:
                    return
        except (OSError, ValueError, KeyError, TypeError):
            os.makedirs(folder, mode=0o700, exist_ok=True)
        whole_file.put(path, ping)
