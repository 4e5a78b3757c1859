"""The brief pane: what is said of a brief, and its body."""

from __future__ import annotations

import webbrowser
from itertools import pairwise

import pytest
from textual.widgets import Markdown

from claudemail.config import Config
from claudemail.model.receipt import DeliveryState, RecipientState
from claudemail.office import Office
from claudemail.tui.brief_words import delivery_parts
from claudemail.tui.moments import age, local, to_minute
from tests.tui.conftest import SMALL, Console, Send


async def test_head_actions_delivery_and_thread(office: Office, console: Console, send: Send) -> None:
    """A brief shows who wrote it and how sure that is, to whom, its ref, how far it has come, its actions, its thread."""
    first = await send("alpha", "bravo", "Question")
    await send(
        "bravo",
        "alpha, charlie",
        "Re: Question",
        "See below.",
        priority="high",
        due="2026-12-01",
        labels=["db"],
        reply_to=first.ref,
        actions=[{"text": "Review it", "assignee": "alpha", "priority": "urgent", "due": "2026-11-30"}],
    )
    async with console(office) as seen:
        await seen.until(lambda: seen.shown == "Re: Question" and "See below." in seen.text())
        text = seen.text()
        for words in (
            "Re: Question  ! high",
            "bravo (server1, verified) → alpha, charlie",
            "due 2026-12-01 · #db",
            "alpha@server1 ✓ delivered",
            "charlie@server2 → queued",
            "□ Review it",
            "pending now · alpha · !! urgent · due 2026-11-30",
            "In this thread",
            f"· {first.ref}",
        ):
            assert words in text, words


async def test_unverified_in_words(config: Config, office: Office, console: Console, seed: dict[str, object]) -> None:
    """A brief whose sender is not certain is marked in the list and called UNVERIFIED in its head."""
    from pathlib import Path

    from claudemail.model.brief import Draft
    from claudemail.model.parcel import Origin
    from tests.conftest import node_config

    other = node_config(seed, Path(config.state_dir).parent / "server2", "server2")
    async with await Office.open(other) as away:
        await away.send(await away.party("charlie"), Draft(to=["alpha"], title="Who am I?"))
        batch = await away.transit.next_batch("server1")
        assert batch is not None
        await office.transit.take_in(Origin(node="server2", verified=False), batch)
    async with console(office) as seen:
        await seen.until(lambda: "charlie (server2, UNVERIFIED)" in seen.text())
        assert "charlie? " in seen.text()


async def test_a_large_body_is_plain_text(office: Office, console: Console, send: Send) -> None:
    """A body of 200 KB opens as plain text and can be read to its end."""
    body = "\n".join(f"# line {number} " + "word " * 12 for number in range(2_900))
    assert len(body) > 200_000
    await send("alpha", "bravo", "large", body)
    async with console(office, SMALL) as seen:
        await seen.press("enter")
        await seen.until(lambda: "# line 0" in seen.text() or seen.pane.brief.max_scroll_y > 1_000)
        await seen.press("G")
        await seen.until(lambda: "line 2899" in seen.text())
        assert not seen.pane.query(Markdown)


async def test_a_small_body_is_markdown(
    office: Office, console: Console, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small body is drawn as Markdown, and a click on a link in it opens nothing."""
    await send("alpha", "bravo", "small", "**bold** and [a link](https://example.org/) here")
    opened: list[str] = []
    async with console(office) as seen:
        monkeypatch.setattr(webbrowser, "open", opened.append)
        await seen.until(lambda: "bold and a link here" in seen.text())
        await seen.pilot.click(Markdown, offset=(10, 0))
        await seen.pilot.pause()
        assert opened == []


async def test_an_empty_body(office: Office, console: Console, send: Send) -> None:
    """A brief without a body shows its head, and the next one its own."""
    await send("operator", "bravo", "empty")
    await send("operator", "bravo", "full", "text of the full one")
    async with console(office) as seen:
        await seen.until(lambda: "text of the full one" in seen.text())
        await seen.press("j")
        await seen.until(lambda: seen.shown == "empty" and "text of the full one" not in seen.text())
        assert "#body" not in seen.text()


def test_many_recipients_are_counted() -> None:
    """Of many recipients those in trouble are named first, and the rest are counted by state."""
    states = [
        RecipientState(name=f"name{number}", node="server2", state=DeliveryState.READ, at=0) for number in range(20)
    ]
    states[13] = states[13].model_copy(update={"state": DeliveryState.FAILED, "reason": "no such \x1b[31mname"})
    states[19] = states[19].model_copy(update={"state": DeliveryState.QUEUED})
    parts = [words for words, _ in delivery_parts(states, 4 * 3_600_000)]
    assert parts[0] == "name13@server2 × failed 4h: no such [31mname"
    assert parts[1] == "name19@server2 → queued 4h"
    assert parts[-1] == "and 12 more: 12 read"


def test_ages_change_once_a_minute() -> None:
    """Counted to the start of the minute, an age changes only when a minute begins."""
    then = 1_774_362_187_123
    ages = [age(then, to_minute(then + second * 1000)) for second in range(0, 600, 5)]
    changes = [second for second in range(1, len(ages)) if ages[second] != ages[second - 1]]
    assert all(later - earlier == 12 for earlier, later in pairwise(changes))
    assert ages[0] == "now"


def test_dates_say_the_year_when_it_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """A date of this year has no year, one of another has."""
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    assert local(1_774_362_180_000, 1_774_400_000_000) == "24 Mar 14:23"
    assert local(1_774_362_180_000, 1_806_000_000_000) == "24 Mar 2026 14:23"
    monkeypatch.undo()
    time.tzset()
