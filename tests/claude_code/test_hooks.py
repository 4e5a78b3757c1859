"""The hooks: what each tells, once; and that no fault of theirs reaches a session."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from claudemail import callsigns
from claudemail.claude_code.hook import LOG, WOKEN
from claudemail.clients import Clients
from claudemail.config import Config
from claudemail.model.brief import Draft
from claudemail.office import Office
from claudemail.store.database import Database
from claudemail.testing import Fleet, until
from tests.claude_code.conftest import Hook

Send = Callable[..., Any]


async def test_a_session_is_told_who_it_is_and_what_is_unread(hook: Hook, send: Send, config: Config) -> None:
    """At its start a session learns its callsign, its unread mail by count and sender, and no word of the mail itself."""
    first = hook("SessionStart", source="startup")
    assert first.code == 0
    assert first.context == "ClaudeMail: this session is alpha on server1. No unread mail."
    assert first.data["hookSpecificOutput"]["watchPaths"] == [os.path.join(config.ping_dir, "alpha")]
    await send("alpha", "the secret", priority="urgent")
    await send("instance1", "another")
    await send("bravo", "not for alpha")
    again = hook("SessionStart", source="clear", session_id="two").context
    assert "2 unread briefs (1 urgent) from operator (server1)" in again
    assert "secret" not in again


async def test_a_prompt_tells_what_is_new_once(hook: Hook, send: Send) -> None:
    """With a prompt comes what was not told before, and nothing when there is nothing; a new session is told all of it."""
    await send("alpha", "old")
    assert "1 unread brief" in hook("SessionStart", source="startup").context
    assert hook("UserPromptSubmit", prompt="hi").out == ""
    await send("alpha", "new")
    await send("alpha", "newer", priority="urgent")
    told = hook("UserPromptSubmit", prompt="hi").context
    assert "2 new briefs (1 urgent) from operator (server1) for alpha; 3 unread in all." in told
    assert hook("UserPromptSubmit", prompt="hi").out == ""
    assert "3 unread briefs" in hook("SessionStart", source="compact").context
    assert hook("UserPromptSubmit", prompt="hi").out == ""


async def test_urgent_mail_holds_back_once(hook: Hook, send: Send) -> None:
    """A turn does not end before urgent mail was told, once for each; never while a hook holds it back already."""
    hook("SessionStart", source="startup")
    await send("alpha", "no hurry")
    assert hook("Stop", stop_hook_active=False).out == ""
    await send("alpha", "hurry", priority="urgent")
    assert hook("Stop", stop_hook_active=True).out == ""
    held = hook("Stop", stop_hook_active=False)
    assert held.data["decision"] == "block"
    assert "1 urgent unread brief from operator (server1) for alpha" in held.data["reason"]
    assert hook("Stop", stop_hook_active=False).out == ""
    await send("alpha", "again", priority="urgent")
    assert "1 urgent unread brief" in hook("Stop", stop_hook_active=False).data["reason"]


async def test_the_end_of_a_process_frees_its_name(hook: Hook, config: Config) -> None:
    """What is known of a process goes with it; /clear is no end."""
    hook("SessionStart", source="startup")
    clients = Clients(config.state_dir)
    assert clients.find(os.getpid()) is not None
    hook("SessionEnd", reason="clear")
    assert clients.find(os.getpid()) is not None
    hook("SessionEnd", reason="prompt_input_exit")
    assert clients.find(os.getpid()) is None


async def test_two_processes_have_two_names(hook: Hook, config: Config) -> None:
    """Each process has a callsign of its own, which its session gets, too; one whose name was taken over is told nothing."""
    assert "is alpha" in hook("SessionStart", source="startup").context
    assert "is bravo" in hook("SessionStart", source="startup", pid=os.getppid()).context
    claim = callsigns.claim(config, client_pid=os.getppid())
    assert claim.callsign == "bravo"
    claim.release()
    assert callsigns.claim(config, former="bravo", client_pid=os.getsid(0)).callsign == "bravo"
    assert hook("SessionStart", source="clear", pid=os.getppid()).out == ""


async def test_titles_are_told_where_that_is_wanted(
    hook: Hook, office: Office, send: Send, config: Config, seed: dict[str, Any]
) -> None:
    """With `hook_titles` the titles are told, without control characters and not too long."""
    assert config.path is not None
    Path(config.path).write_text(json.dumps(seed | {"hook_titles": True, "node_id": "server1"}))
    number = await send("alpha", "One title " + "x" * 100)
    database: Database = office._desk.mail
    await database.write(
        lambda connection: connection.execute("UPDATE briefs SET title = 'a\x1b]52;c;x\x07b' || title")
    )
    told = hook("SessionStart", source="startup").context
    assert f'- no. {number}, operator: "a]52;c;xbOne title xx' in told
    assert "x" * 90 not in told
    assert "\x1b" not in told


async def test_the_ping_file_wakes_once(hook: Hook, config: Config) -> None:
    """A change of its own ping file wakes a session with what stands there, unless it knows that already; others do not."""
    hook("SessionStart", source="startup")
    ping = Path(config.ping_dir, "alpha")
    ping.write_text(json.dumps({"upto": 7, "text": "There is mail."}))
    other = Path(config.ping_dir, "bravo")
    other.write_text(json.dumps({"upto": 9, "text": "Not for you."}))
    assert hook("FileChanged", file_path=str(other)) == (0, "", "")
    woken = hook("FileChanged", file_path=str(ping))
    assert woken == (WOKEN, "", "There is mail.")
    assert hook("FileChanged", file_path=str(ping)) == (0, "", "")


async def test_what_a_hook_tells_is_in_the_receipts(hook: Hook, fleet: Fleet) -> None:
    """Once a hook has told of a brief, its sender sees that."""
    member = fleet["server1"]
    member.start()
    async with await Office.open(member.config) as office:
        sent = await office.send(office.operator(), Draft(to=["alpha"], title="T"))
        assert "1 unread brief" in hook("SessionStart", source="startup", config=member.config).context
        async with asyncio.timeout(20):
            while (await office.read(office.operator(), sent.id)).recipients[0].state != "notified":  # noqa: ASYNC110
                await asyncio.sleep(0.02)  # the gateway's database tells nobody


FAULTS = [
    "",
    "{",
    "[]",
    "null",
    '{"hook_event_name": "SessionStart", "session_id": 7}',
    '{"hook_event_name": ["x"]}',
    "[" * 5_000,
]


@pytest.mark.parametrize("text", FAULTS)
def test_no_input_fails_a_session(hook: Hook, config: Config, text: str) -> None:
    """Whatever comes in, a hook exits with 0 and says nothing on stderr; what was wrong is in its log."""
    ended = hook("", text=text)
    assert ended.code == 0
    assert ended.err == ""
    if ended.out == "":
        assert (Path(config.state_dir, LOG)).read_text().count("\n") == 1


def test_an_event_that_is_not_known_is_none_of_ours(hook: Hook) -> None:
    """Events that we do not answer are left alone."""
    assert hook("PreToolUse") == (0, "", "")


def test_a_damaged_database_fails_no_session(hook: Hook, config: Config) -> None:
    """With a database that cannot be read a hook exits with 0, and its log says why; the log stays small."""
    log = Path(config.state_dir, LOG)
    log.write_text("x" * 300_000)
    Path(config.db_path).write_bytes(b"no database at all " * 1_000)
    assert hook("SessionStart", source="startup") == (0, "", "")
    assert "DatabaseError" in log.read_text()
    assert log.stat().st_size < 1_000


def test_a_config_with_mistakes_fails_no_session(hook: Hook, config: Config) -> None:
    """With a config that cannot be used a hook exits with 0."""
    assert config.path is not None
    Path(config.path).write_text("{")
    assert hook("SessionStart", source="startup") == (0, "", "")
    until(lambda: Path(os.environ["HOME"], ".claudemail", LOG).exists(), "the log")
