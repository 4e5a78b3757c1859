"""Trouble: an error of the store is said, with what to do, and the console goes on."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from claudemail.config import Config
from claudemail.office import Office
from claudemail.tui.app import ConsoleApp, run
from claudemail.tui.drafts import Drafts, KeptDraft
from tests.conftest import node_config
from tests.tui.conftest import Console, Send
from tests.tui.hand import Hand


def _rename(config: Config, old: str, new: str) -> None:
    with sqlite3.connect(config.db_path) as connection:
        connection.execute(f"ALTER TABLE {old} RENAME TO {new}")
    connection.close()


async def test_a_store_that_fails_and_recovers(config: Config, office: Office, console: Console, send: Send) -> None:
    """While the store fails the notice line says so and what is known stays; it goes away once the store answers."""
    await send("alpha", "bravo", "known")
    async with console(office) as seen:
        _rename(config, "entries", "gone")
        seen.app.ask_again()
        await seen.until(lambda: "no such table: entries. The console keeps trying" in " ".join(seen.text().split()))
        assert "known" in seen.text()
        await seen.press("enter")
        await seen.until(lambda: len(seen.app._notifications) > 0)
        await seen.press("escape")
        _rename(config, "gone", "entries")
        seen.app.ask_again()
        await seen.until(lambda: "no such table: entries. The console" not in seen.text())
        await send("alpha", "bravo", "after that")
        await seen.until(lambda: "after that" in seen.text())


async def test_trouble_is_told_of_once(config: Config, office: Office, console: Console, send: Send) -> None:
    """The same trouble again and again does not cover the screen; and a folder that went away costs no draft."""
    await send("alpha", "bravo", "known")
    async with console(office) as seen:
        _rename(config, "entries", "gone")
        await seen.press("s", "s", "U", "s")
        await seen.until(lambda: len(seen.app._notifications) > 0)
        assert len({one.message for one in seen.app._notifications}) == len(seen.app._notifications)
        _rename(config, "gone", "entries")
        drafts = Drafts(config.state_dir + "/away")
        drafts.keep(KeptDraft(id="01a21bcd-c9f3-7243-b3f7-55d876331f5f", key="key", title="Kept", changed_at=1))
        assert [draft.title for draft in drafts.all()] == ["Kept"]


def test_errors_on_opening_are_text(
    seed: dict[str, object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A console that cannot open its office says why in one line and exits with the error's code."""
    config = node_config(seed, tmp_path, "server1")
    Path(config.db_path).write_text("this is not a database" * 100)
    with pytest.raises(SystemExit) as exit_:
        run(config)
    assert exit_.value.code == 5
    said = capsys.readouterr().err
    assert said.startswith("claudemail: ")
    assert "damaged" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("no_color", [None, "1"])
async def test_no_color(office: Office, monkeypatch: pytest.MonkeyPatch, send: Send, no_color: str | None) -> None:
    """With NO_COLOR nothing on the screen has a colour of its own; without it something has."""
    await send("alpha", "bravo", "title", priority="urgent")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)
    app = ConsoleApp(office)
    async with app.run_test(size=(130, 36)):
        await Hand(app).pause()
        strips = app.screen._compositor.render_strips()
        for one in app._filters:
            strips = [strip.apply_filter(one, app.background_colors[1]) if one.enabled else strip for strip in strips]
        colors = {
            color
            for strip in strips
            for _, style, _ in strip
            if style
            for color in (style.color, style.bgcolor)
            if color
        }
        assert all(color.is_default for color in colors) == (no_color is not None), json.dumps(sorted(map(str, colors)))
