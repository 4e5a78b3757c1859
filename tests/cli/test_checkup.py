"""`claudemail checkup`: what in the fleet wants attention."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from claudemail import running
from claudemail.checkup import CheckupView, Severity
from claudemail.clock import wall_ms
from claudemail.model.action import ActionStatus
from claudemail.model.brief import Draft
from claudemail.model.parcel import Answer, Refusal
from claudemail.model.roster import Heartbeat
from claudemail.office import Office
from claudemail.office.actions import ActionUpdate, NewAction

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
HOSTILE = "\x1b]0;owned\x07\x1b[31mred\x9b2J \u202egnp.exe \U000e0041tag\nsecond"


def assert_harmless(text: str) -> None:
    """Assert that a terminal does nothing but show the text."""
    assert not [char for char in text if (ord(char) < 32 and char != "\n") or 0x7F <= ord(char) < 0xA0]
    assert "\u202e" not in text
    assert "\U000e0041" not in text


def configure(node: Any, seed: dict[str, Any], **limits: int) -> None:
    """Give a node these thresholds, and one for the disk that every machine keeps to."""
    Path(node.config.path).write_text(json.dumps({**seed, "checkup": {"disk_low_mb": 1, **limits}}))


def rules(node: Any) -> list[str]:
    """Return which rules find something."""
    return [finding["rule"] for finding in node("checkup", "--json").json["findings"]]


@pytest.fixture
def lone(node: Any, seed: dict[str, Any]) -> Any:
    """A node without peers, with which all is well."""
    seed["nodes"] = [one for one in seed["nodes"] if one["id"] == "server1"]
    seed["instances"] = [one for one in seed["instances"] if one["node_id"] == "server1"]
    configure(node, seed)
    return node


@pytest.fixture
def ill(node: Any, seed: dict[str, Any]) -> Any:
    """A node with whose mail, peer and actions something of each kind is wrong."""
    configure(node, seed)

    async def work() -> None:
        async with await Office.open(node.config, wall=lambda: wall_ms() - 5 * DAY_MS) as office:
            alpha, bravo = await office.party("alpha"), await office.party("bravo")
            for title, to in (("Wake up", "alpha"), ("Lost", "charlie"), ("Waits", "charlie")):
                await office.send(bravo, Draft(to=[to], title=title, priority="urgent"))
            await office.create_action(bravo, NewAction(text="Rotate the keys", assignee="alpha", due="2020-01-01"))
            await office.create_action(bravo, NewAction(text="Mend the build", assignee="alpha"))
            await office.update_action(alpha, "2", ActionUpdate(status=ActionStatus.WIP))
            batch = await office.transit.next_batch("server2")
            assert batch is not None
            refusal = Refusal(seq=1, code="unknown_name", reason="Nobody is called charlie.")
            await office.transit.acknowledged("server2", batch, Answer(have=1, refused=[refusal]))
        async with await Office.open(node.config, wall=lambda: wall_ms() - HOUR_MS) as office:
            beat = Heartbeat(version="0.0.9", at=office.now() + HOUR_MS, roster=[])
            await office.transit.heard("server2", beat, rtt_ms=3.0)

    asyncio.run(work())
    return node


class TestWell:
    """A node with which all is well."""

    def test_line(self, lone: Any) -> None:
        """When nothing wants attention, that is said, and the exit code is 0, asked for or not."""
        for arguments in ([], ["--exit-code"]):
            ran = lone("checkup", *arguments)
            assert (ran.code, ran.out) == (0, "All is well as far as server1 knows.\n")

    def test_json(self, lone: Any) -> None:
        """The JSON has no findings then."""
        found = CheckupView.model_validate(lone("checkup", "--json").json)
        assert (found.node, found.findings) == ("server1", [])

    def test_mail_that_is_young(self, lone: Any) -> None:
        """Mail, urgent mail and actions of just now are nothing to look into."""
        lone.send("alpha", "Wake up", priority="urgent", actions=["Now"])
        lone("action", "start", "1")
        assert rules(lone) == []


class TestFindings:
    """A node with which something is wrong."""

    def test_lines(self, ill: Any) -> None:
        """Each finding has its severity, its rule, what is so and since when, and below it what to do; the gravest first."""
        lines = ill("checkup").out.splitlines()
        found = ill("checkup", "--json").json["findings"]
        assert lines[0] == f"{len(found)} findings on server1"
        assert all(len(line) <= 100 for line in lines)
        blocks: list[str] = []
        for line in lines[1:]:
            if line.startswith(" "):
                blocks[-1] += f" {line.strip()}"
            else:
                blocks.append(line)
        for finding, block in zip(found, blocks, strict=True):
            assert block.startswith(f"{finding['severity']:<9} {finding['rule']}  {finding['what'].split()[0]}")
            assert " ".join(finding["what"].split()) in " ".join(block.split())
            assert finding["remedy"] in block
            assert finding["action"] is None or f"`claudemail action update {finding['action']}`" in block
        ranks = [list(Severity).index(Severity(finding["severity"])) for finding in found]
        assert ranks == sorted(ranks)
        assert set(ranks) == {0, 1, 2}

    def test_json(self, ill: Any) -> None:
        """The JSON is the view, in ASCII: every kind of trouble with what it is about."""
        ran = ill("checkup", "--json")
        found = {finding.rule.value: finding for finding in CheckupView.model_validate(ran.json).findings}
        assert ran.out.isascii()
        assert set(found) == {
            "undelivered", "dead letters", "gateway", "overdue", "urgent unread", "stale wip", "silent node", "clock skew",
            "unverified peer", "version mismatch",
        }  # fmt: skip
        assert "Nobody is called charlie" in found["dead letters"].what
        assert (found["undelivered"].node, found["silent node"].node) == ("server2", "server2")
        assert (found["overdue"].name, found["stale wip"].name) == ("alpha", "alpha")
        assert ill("read", found["urgent unread"].brief, "--json").json["brief"]["title"] == "Wake up"
        assert ill("action", "show", found["overdue"].action, "--json").json["action"]["text"] == "Rotate the keys"

    def test_exit_code(self, ill: Any) -> None:
        """Findings are no failure, unless the exit code is asked for; it is 1 then, with --json too."""
        assert ill("checkup").code == 0
        assert ill("checkup", "--exit-code").code == 1
        ran = ill("checkup", "--exit-code", "--json")
        assert (ran.code, ran.err) == (1, "")
        assert "error" not in ran.json

    def test_good_to_know(self, node: Any, seed: dict[str, Any]) -> None:
        """What is only good to know does not show in the exit code."""
        configure(node, seed)
        running.write_notice(
            node.config.state_dir, running.Notice(os.getpid(), running.FOREGROUND, "127.0.0.1:3300", None)
        )

        async def hear(office: Office) -> None:
            await office.transit.heard("server2", Heartbeat(version="0.0.9", at=office.now(), roster=[]), rtt_ms=3.0)

        node.work(hear)
        ran = node("checkup", "--exit-code")
        assert ran.code == 0
        assert [line.split("  ")[0].split()[0] for line in ran.out.splitlines()[1::2]] == ["info", "info"]

    def test_thresholds(self, ill: Any, seed: dict[str, Any]) -> None:
        """From where on something is found is set in the config."""
        before = set(rules(ill))
        configure(
            ill, seed, stale_wip_days=9, urgent_unread_minutes=10_000, undelivered_minutes=10_000, silent_minutes=10_000,
            clock_skew_seconds=10_000,
        )  # fmt: skip
        gone = {"stale wip", "urgent unread", "undelivered", "silent node", "clock skew"}
        assert before - set(rules(ill)) == gone

    def test_uneven_load(self, lone: Any, seed: dict[str, Any]) -> None:
        """Who has many times the open actions of the others is named."""
        for number in range(8):
            lone("action", "create", f"Step {number}", "--assignee", "alpha")
        lone("action", "create", "One", "--assignee", "bravo")
        [finding] = lone("checkup", "--json").json["findings"]
        assert (finding["rule"], finding["severity"], finding["name"]) == ("unbalanced load", "info", "alpha")
        configure(lone, seed, unbalanced_least=9)
        assert rules(lone) == []

    def test_mailbox_of_nobody(self, lone: Any, seed: dict[str, Any]) -> None:
        """Unread mail of somebody whom the config no longer names is found."""
        lone.send("bravo", "Hello", sender="alpha")
        seed["instances"][0]["callsigns"] = ["alpha"]
        configure(lone, seed)
        assert "in the mailbox of bravo, that no config names" in lone("checkup").out

    def test_snoozed(self, ill: Any) -> None:
        """What was snoozed is counted in a line, shown with --all, apart in the JSON, and in no exit code."""

        async def snooze(office: Office) -> None:
            for finding in (await office.checkup()).findings:
                await office.snooze(finding, office.now() + DAY_MS)

        ill.work(snooze)
        ran = ill("checkup", "--exit-code")
        assert (ran.code, ran.out) == (0, "All is well as far as server1 knows.\n10 snoozed; --all shows them\n")
        shown = " ".join(ill("checkup", "--all").out.split())
        assert "silent node" in shown
        assert "Snoozed for another 23h." in shown
        found = CheckupView.model_validate(ill("checkup", "--json").json)
        assert (len(found.findings), len(found.snoozed)) == (0, 10)

    def test_many(self, lone: Any) -> None:
        """Of more than twenty of a kind the rest is counted."""
        for number in range(22):
            lone(
                "action",
                "create",
                f"Step {number}",
                "--assignee",
                ["alpha", "bravo"][number % 2],
                "--due",
                "2020-01-01",
            )
        lines = lone("checkup").out.splitlines()
        assert lines[0] == "21 findings on server1"
        assert "and 2 more: overdue" in lines[-2]

    @pytest.mark.parametrize(
        ("arguments", "code", "says"),
        [(["extra"], 2, "extra"), (["--as", "alpha"], 2, "--as"), (["--quiet"], 2, "--quiet")],
    )
    def test_mistakes(self, node: Any, arguments: list[str], code: int, says: str) -> None:
        """A wrong option is refused with its exit code and a reason, another one than that of findings."""
        ran = node("checkup", *arguments)
        assert (ran.code, ran.out) == (code, "")
        assert says in ran.err

    @pytest.mark.parametrize("form", [[], ["--json"]])
    def test_hostile(self, ill: Any, form: list[str]) -> None:
        """Neither mail nor actions nor what a peer says of itself can act on the terminal."""
        with closing(sqlite3.connect(ill.config.db_path)) as connection, connection:
            connection.execute("UPDATE briefs SET title = ?", (HOSTILE,))
            connection.execute("UPDATE actions SET text = ?1, note = ?1", (HOSTILE,))
            connection.execute("UPDATE outbox SET reason = ? WHERE dead_code IS NOT NULL", (HOSTILE,))
        with closing(sqlite3.connect(ill.config.registry_db_path)) as connection, connection:
            connection.execute("UPDATE peers SET error = ?1, version = ?1", (HOSTILE,))
        ran = ill("checkup", *form)
        assert ran.code == 0, ran.err
        assert ran.out.count("gnp.exe") >= 5
        assert_harmless(ran.out)
