"""What the tests of the roster, nodes and checkup panes share: a fleet as server1 knows it, by the console's clock."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any, TypeVar

import pytest

from claudemail import running
from claudemail.config import Config
from claudemail.model.roster import Heartbeat, Presence
from claudemail.office import Office
from claudemail.tui.messages import Write
from claudemail.tui.panes.pane import Pane
from tests.tui.conftest import Clock, Seen

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
PaneT = TypeVar("PaneT", bound=Pane)


def at(seen: Seen, kind: type[PaneT]) -> PaneT:
    """Return one of the panes."""
    return seen.app.screen_stack[0].query_one(kind)


def where(seen: Seen) -> str:
    """Return which pane is seen."""
    screen: Any = seen.app.screen_stack[0]
    return str(screen.at)


async def claim(office: Office, name: str, project: str = "shop") -> None:
    """Have a session of this node come."""
    held = {"holder": name, "pid": os.getpid(), "client_pid": 4711, "session_id": None}
    await office.claim(name, "instance1", project=project, **held)  # type: ignore[arg-type]


async def hear(office: Office, clock: Clock, *, ago: int = 0, **fields: Any) -> None:
    """Have a heartbeat of server2 come in, some milliseconds before now."""
    now = clock.now
    clock.now = now - ago
    charlie = {"instance": "instance2", "callsign": "charlie", "live": True, "pid": 77, "project": "warehouse"}
    roster = [Presence(instance="instance2"), Presence.model_validate(charlie | fields.pop("charlie", {}))]
    beat = Heartbeat.model_validate({"version": "0.9.1", "at": clock.now, "roster": roster} | fields)
    await office.transit.heard("server2", beat, rtt_ms=12.4)
    clock.now = now


@contextlib.contextmanager
def gateway(config: Config) -> Iterator[None]:
    """Have a gateway seem to be running."""
    lock = running.take_lock(config.state_dir, running.FOREGROUND)
    assert lock is not None
    try:
        running.write_notice(config.state_dir, running.Notice(4700, running.FOREGROUND, "127.0.0.1:3300", None))
        yield
    finally:
        os.close(lock)


def writes(monkeypatch: pytest.MonkeyPatch, seen: Seen, pane: Pane) -> list[str]:
    """Return a list that takes whom the pane asks to write to."""
    asked: list[str] = []
    post = pane.post_message

    def noted(message: Any) -> bool:
        if isinstance(message, Write):
            asked.append(message.to)
            seen.app.ahead.release()  # no line to type into comes of it here
            return True
        return post(message)

    monkeypatch.setattr(pane, "post_message", noted)
    return asked


def told(seen: Seen) -> str:
    """Return all that was notified."""
    return "\n".join(one.message for one in seen.app._notifications)


async def again(seen: Seen) -> None:
    """Have the console ask the office again, and wait until it has."""
    asked = seen.app.asked
    seen.app.ask_again()
    await seen.until(lambda: seen.app.asked > asked)
