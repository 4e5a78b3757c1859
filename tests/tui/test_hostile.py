"""Hostile text: whatever a brief holds, it is text on the screen and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

import claudemail.tui
from claudemail.model.views import InboxRow
from claudemail.office import Office
from claudemail.tui.columns import cells, columns
from claudemail.tui.once import once
from tests.tui.conftest import NARROW, WIDE, Console, Seen, Send

_FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
NASTY = [
    "[/foo]",
    "[@click=app.bell]x[/]",
    "[@click=app.quit]quit[/@click] [bold",
    "[[[]]] [/] [link=https://example.org]l[/link] \\[x]",
    "$error [$primary]x[/]",
    "\x1b]52;c;aGVsbG8=\x07copied",
    "\x1b]0;title\x07 \x1b[2J\x1b[31mred",
    "\x9b31mred \x90q\x9c \x85",
    "\u202egnp.exe \u2066x\u2069 \u200fy",
    "\U000e0041\U000e0042 tags",
    "![image](javascript:x) <b>html</b> [l](\x1b]8;;x\x07) `\x1b[31m`",
    "| a | b |\n|---|---|\n| [/x] | \x1b[1m |",
    "```[/x]\n[@click=app.quit]\n\x1b[2J\n```",
    "# [/h1]\n> [/quote]\n1. [/item]\n- [ ] [/task]\n***\n~~[/s]~~ [/][/][/]",
    "漢字かな交じり文 " * 12,
    "e\u0301" * 60 + " 👩‍👩‍👧‍👦 🏳️‍🌈 ﷽",
    "a\u2028b\u2029c\x0bd\x0ce",
    "\t\ttabs\tand     spaces",
    "{braces} %s {0} \\n \\x1b",
]


def _check(seen: Seen) -> None:
    text = seen.text()
    assert not _FORBIDDEN.search(text), repr(_FORBIDDEN.search(text))
    svg = seen.app.export_screenshot()
    assert not _FORBIDDEN.search(svg.replace("\t", ""))
    width = seen.app.size.width
    assert {strip.cell_length for strip in seen.app.screen._compositor.render_strips()} == {width}


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_nasty_briefs(office: Office, console: Console, send: Send, size: tuple[int, int]) -> None:
    """No markup, escape sequence or bidirectional override of a brief reaches the terminal, in list or brief, and none acts."""
    bodies = ["\n\n".join(NASTY), NASTY[1], NASTY[12]]
    for text in NASTY:
        await send("alpha", "operator", text)
    for number, body in enumerate(bodies):
        await send("alpha", "operator", NASTY[number], body, actions=[{"text": NASTY[1]}, {"text": NASTY[5]}])
    async with console(office, size) as seen:
        _check(seen)
        for _ in bodies:
            await seen.press("enter")
            await seen.until(lambda: seen.pane.brief.view is not None and seen.shown == seen.title)
            _check(seen)
            for part in ("#title", "#actions", "#body"):
                await seen.pilot.click(part)
            await seen.press("escape", "j")
        assert seen.app.is_running
        await seen.press("G")
        _check(seen)


async def test_nasty_notices(office: Office, console: Console) -> None:
    """What is told of an error is text as well, in a notification and in the notice line."""
    from claudemail.errors import StoreError
    from claudemail.tui.trouble import in_words, told
    from claudemail.tui.widgets.notice import Notice

    async with console(office) as seen:
        screen = seen.app.screen
        for text in NASTY[:8]:
            with told(screen):
                raise StoreError(text, remedy="[/]")
        screen.query_one(Notice).say(in_words(StoreError(NASTY[0] + NASTY[5])))
        await seen.until(lambda: "[/foo]" in seen.text())
        _check(seen)


_row = st.builds(
    lambda title, name, boxes: InboxRow.model_validate(
        {
            "id": "x", "ref": "k7qd", "number": 1, "title": title, "sender": {"name": name, "node": "n"}, "verified": False,
            "at": 0, "priority": "urgent", "actions": 12, "unread": True, "mailboxes": boxes,
        }
    ),
    st.text(),
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", fullmatch=True),
    st.lists(st.text(), max_size=4),
)  # fmt: skip


@given(row=_row, width=st.integers(20, 200))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_row_fits_any_width(row: InboxRow, width: int) -> None:
    """Whatever text is in a row, each column is as wide as it should be and holds no control character."""
    layout = columns(width)
    for column, cell in zip(layout, cells(row, layout, 0), strict=True):
        assert cell_len(cell) == column.width
        assert not _FORBIDDEN.search(cell)


async def test_once_is_clean(office: Office, send: Send) -> None:
    """The view as plain text holds no control character but the newline, and no line is too wide."""
    for text in NASTY:
        await send("alpha", "operator", text, text)
    for width in (40, 60, 130):
        text = await once(office, width)
        assert not _FORBIDDEN.search(text)
        assert max(map(cell_len, text.splitlines())) <= width


def test_nothing_of_mail_is_parsed_as_markup() -> None:
    """Every widget that is given text is told not to read markup in it."""
    for path in Path(claudemail.tui.__file__).parent.rglob("*.py"):
        source = path.read_text()
        assert source.count("Static(") - source.count("(Static)") <= source.count("markup=False"), path
        assert source.count(".notify(") <= source.count("markup=False"), path
