"""Any keys, clicks and sizes in any order, with mail and changes coming in and the store in trouble: the console lives on."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import Iterator

import pytest
from textual.keys import _character_to_key
from textual.pilot import OutOfBounds

from claudemail.config import Config
from claudemail.errors import StoreError
from claudemail.model.action import ActionStatus
from claudemail.model.brief import Priority
from claudemail.office import Office
from claudemail.office.actions import ActionUpdate
from claudemail.tui.keymap import all_bindings
from tests.tui.board import make
from tests.tui.conftest import Clock, Console, Seen, Send
from tests.tui.fleet import gateway, hear
from tests.tui.test_hostile import NASTY

_STEPS = 150
_QUITS = "q"
_SIZES = [(40, 12), (60, 20), (130, 36), (200, 60), (20, 6)]
_KEYS = sorted({key for binding in all_bindings() for key in binding.key.split(",")} - {_QUITS, "ctrl+e"})
_KEYS += [_character_to_key(character) for character in 'ab @,:[]"*漢é'] + ["backspace", "ctrl+k", "f1"]
_KEYS += ["enter", "escape", "1", "2", "3", "4", "5"] * 3


@contextlib.contextmanager
def _without(config: Config, table: str) -> Iterator[None]:
    """Have the store fail: a table of the database has another name meanwhile."""
    with sqlite3.connect(config.db_path) as connection:
        connection.execute(f"ALTER TABLE {table} RENAME TO gone")
        try:
            yield
        finally:
            connection.execute(f"ALTER TABLE gone RENAME TO {table}")
    connection.close()


async def _happen(seen: Seen, office: Office, send: Send, clock: Clock, dice: random.Random) -> None:
    """Have something happen that is none of the reader's doing."""
    clock.now += dice.choice([0, 1_000, 60_000, 3_600_000])
    match dice.randrange(4):
        case 0:
            priority = dice.choice(list(Priority))
            await send(
                dice.choice(["alpha", "bravo"]), "all", dice.choice(NASTY), dice.choice(NASTY), priority=priority
            )
        case 1:
            wanted = ActionUpdate(status=dice.choice(list(ActionStatus)))
            await office.update_actions(await office.party("alpha"), [(str(dice.randrange(1, 7)), wanted)])
        case 2:
            await hear(office, clock, ago=dice.choice([0, 600_000]))
        case _:
            seen.app.ask_again()


async def _walk(seen: Seen, office: Office, send: Send, dice: random.Random) -> None:
    done: list[object] = []
    try:
        for _ in range(_STEPS):
            match dice.choices(("key", "click", "size", "event"), (85, 5, 2, 8))[0]:
                case "key":
                    done.append(key := dice.choice(_KEYS))
                    seen.app.simulate_key(key)
                    await asyncio.sleep(0)
                case "click":
                    done.append(at := (dice.randrange(seen.app.size.width), dice.randrange(seen.app.size.height)))
                    with contextlib.suppress(OutOfBounds):  # what is below is a smaller screen by now
                        await seen.pilot.click(offset=at, times=dice.choice([1, 2]))
                case "size":
                    done.append(size := dice.choice(_SIZES))
                    await seen.resize(*size)
                case _:
                    done.append("event")
                    with contextlib.suppress(StoreError):
                        await _happen(seen, office, send, seen.clock, dice)
            assert seen.app.is_running, done
    except BaseException as error:
        error.add_note(f"after {done}")
        raise


# A screen that is closed while something is selected on it: Textual makes the coroutine of a watcher that it then cannot run.
@pytest.mark.filterwarnings("ignore:coroutine 'Screen._watch_selections' was never awaited:RuntimeWarning")
async def test_any_keys(office: Office, config: Config, console: Console, send: Send, clock: Clock) -> None:
    """Whatever is pressed while whatever happens, the console goes on, and a few times escape leads back to its panes."""
    dice = random.Random(20_26)
    for text in NASTY[:8]:
        await send("alpha", "operator", text, "- [ ] it @bravo !high", priority="urgent")
    await make(office, *(text[:40] for text in NASTY[:6]), assignee="bravo")
    async with console(office) as seen:
        with gateway(config):
            await _walk(seen, office, send, dice)
        with _without(config, "entries"):
            await _walk(seen, office, send, dice)
        with _without(config, "actions"):
            await _walk(seen, office, send, dice)
        await seen.resize(130, 36)
        for _ in range(12):
            await seen.press("escape")
        assert len(seen.app.screen_stack) == 1
        await send("alpha", "operator", "after all that")
        await seen.press("1")
        seen.pane.action_back()
        await seen.until(lambda: seen.headline.state is not None and "no such table" not in seen.text())
