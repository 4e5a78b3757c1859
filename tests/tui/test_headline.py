"""The headline: what needs you, in words, at any width."""

from __future__ import annotations

import os

import pytest
from rich.cells import cell_len

from claudemail import running
from claudemail.checkup import Finding
from claudemail.model.brief import Priority
from claudemail.model.roster import Liveness
from claudemail.model.views import CheckView, DeadLetter, LaneView, StatusView
from claudemail.office import Office
from claudemail.tui.needs import Need, fit_needs, needs_of, state_of
from tests.tui.conftest import NARROW, SMALL, WIDE, Console, Send

NOW = 1_774_362_180_000
HOUR = 3_600_000


def _lane(node: str, **fields: object) -> LaneView:
    base: dict[str, object] = {
        "node": node, "url": "http://x", "waiting": 0, "oldest_at": None, "dead": 0, "liveness": Liveness.LIVE,
        "heard_at": NOW, "error": None, "retry_at": None, "version": None, "skew_ms": None, "rtt_ms": None, "verified": True,
    }  # fmt: skip
    return LaneView.model_validate(base | fields)


def _status(*lanes: LaneView, **fields: object) -> StatusView:
    base: dict[str, object] = {
        "node": "server1", "version": "1", "at": NOW, "briefs": 0, "unread": 0, "sent": 0, "gateway_pid": 1,
        "archived": 0, "starred": 0, "actions": {}, "mailbox_dir": "mailbox", "unmirrored": 0,
        "listening": "127.0.0.1:3300", "listen_error": None, "lanes": lanes, "dead_letters": list[DeadLetter](),
        "disk_free": 1, "database_bytes": 1, "sqlite": "3", "allow_unsigned": False, "warnings": [],
    }  # fmt: skip
    return StatusView.model_validate(base | fields)


def _mail(**unread: int) -> CheckView:
    by = {Priority(name): count for name, count in unread.items()}
    return CheckView(unread=sum(unread.values()), by_priority=by, by_sender=[], oldest_at=None)


@pytest.mark.parametrize(
    ("status", "mail", "words"),
    [
        (_status(), _mail(), []),
        (_status(gateway_pid=None), _mail(), []),
        (_status(_lane("b"), gateway_pid=None), _mail(), ["gateway down"]),
        (_status(_lane("b"), _lane("c", waiting=1, briefs=1), gateway_pid=None), _mail(), ["gateway down, mail waits"]),
        (_status(listen_error="address in use"), _mail(), ["gateway cannot listen: address in use"]),
        (_status(_lane("b", waiting=2, briefs=2, oldest_at=NOW - 4 * HOUR)), _mail(), ["2 undelivered to b (4h)"]),
        (_status(_lane("b", waiting=2, briefs=2, oldest_at=NOW - 5_000)), _mail(), []),
        (_status(_lane("b", waiting=2, oldest_at=NOW - HOUR)), _mail(), []),  # receipts
        (_status(_lane("b", dead=1)), _mail(), ["1 dead letter"]),
        (_status(_lane("b", liveness="stale", heard_at=NOW - HOUR)), _mail(), ["b silent 1h"]),
        (_status(_lane("b", liveness="stale", heard_at=None)), _mail(), ["b never heard"]),
        (_status(_lane("b", liveness="late")), _mail(), []),
        (
            _status(_lane("b", liveness="stale", heard_at=NOW - HOUR, waiting=9, briefs=1, oldest_at=NOW - HOUR)),
            _mail(urgent=3, high=1),
            ["1 undelivered to b (1h, silent)", "3 urgent unread"],
        ),
    ],
)
def test_needs(status: StatusView, mail: CheckView, words: list[str]) -> None:
    """Each thing that needs a person is said in words, the gravest first; what does not is not."""
    assert [need.text for need in needs_of(status, mail, NOW)] == words


@pytest.mark.parametrize(
    ("status", "mail", "about", "before", "after"),
    [
        (_status(_lane("b"), gateway_pid=None), _mail(), {"rule": "gateway"}, 1, 0),
        (_status(_lane("b", dead=2)), _mail(), {"rule": "dead letters", "brief": "k7qd"}, 1, 1),
        (_status(_lane("b", dead=1)), _mail(), {"rule": "dead letters", "brief": "k7qd"}, 1, 0),
        (
            _status(_lane("b", waiting=2, briefs=2, oldest_at=NOW - HOUR)),
            _mail(),
            {"rule": "undelivered", "node": "b"},
            1,
            0,
        ),
        (
            _status(_lane("b", waiting=2, briefs=2, oldest_at=NOW - HOUR)),
            _mail(),
            {"rule": "silent node", "node": "b"},
            1,
            1,
        ),
        (
            _status(_lane("b", waiting=2, briefs=2, oldest_at=NOW - HOUR)),
            _mail(),
            {"rule": "undelivered", "node": "c"},
            1,
            1,
        ),
        (_status(_lane("b", liveness="stale", heard_at=None)), _mail(), {"rule": "silent node", "node": "b"}, 1, 0),
        (_status(overdue=1), _mail(), {"rule": "overdue", "action": "k7qd"}, 1, 0),
        (_status(), _mail(urgent=1), {"rule": "urgent unread", "brief": "k7qd"}, 1, 0),
    ],
)
def test_what_was_snoozed_needs_nobody(
    status: StatusView, mail: CheckView, about: dict[str, str], before: int, after: int
) -> None:
    """A finding that was snoozed is left out of the needs, and no other is with it."""
    finding = Finding.model_validate({"severity": "info", "what": "w", "remedy": "r"} | about)
    assert len(needs_of(status, mail, NOW)) == before
    assert len(needs_of(status, mail, NOW, [finding])) == after


def test_nodes_are_counted_with_this_one() -> None:
    """The live nodes include this one; a node without peers counts none."""
    state = state_of(_status(_lane("b"), _lane("c", liveness="stale", heard_at=NOW - HOUR)), _mail(), NOW)
    assert state.nodes == ((Liveness.LIVE, 2), (Liveness.STALE, 1))
    assert state_of(_status(), _mail(), NOW).nodes == ()


def test_needs_fit_the_room() -> None:
    """Whatever the room, the needs fit it, the first one is said, and none is left uncounted."""
    needs = tuple(Need(f"{number} of a very long thing", f"{number} long thing", grave=True) for number in range(1, 6))
    for room in range(24, 160):
        fitted = fit_needs(needs, room)
        assert cell_len(" · ".join(words for words, _ in fitted)) <= room
        assert fitted[0][1] == needs[0]
        named = sum(need is not None for _, need in fitted)
        assert named == 5 or fitted[-1][0] == f"+{5 - named} more"


@pytest.mark.parametrize("size", [WIDE, NARROW, SMALL])
async def test_gateway_down_is_said(office: Office, console: Console, size: tuple[int, int]) -> None:
    """With the gateway down the console works and says so, and stops saying so once one runs."""
    async with console(office, size) as seen:
        assert "gateway down" in seen.text()
        lock = running.take_lock(office.config.state_dir, running.FOREGROUND)
        assert lock is not None
        notice = running.Notice(os.getpid(), running.FOREGROUND, "127.0.0.1:3300", None)
        running.write_notice(office.config.state_dir, notice)
        seen.app.ask_again()
        await seen.until(lambda: "gateway down" not in seen.text())
        os.close(lock)


async def test_urgent_mail_in_any_mailbox_is_said(office: Office, console: Console, send: Send) -> None:
    """Urgent mail that some session of the node has not read needs the operator too."""
    await send("operator", "bravo", "now!", priority="urgent")
    async with console(office) as seen:
        assert "1 urgent" in seen.lines()[0]
        assert "1 unread" in seen.lines()[0]
