"""`claudemail status`, `roster` and `console`: the node and the fleet, as far as it knows."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from claudemail import running
from claudemail.keys import NodeKey
from claudemail.model.parcel import Answer, Refusal
from claudemail.model.roster import Heartbeat, Presence
from claudemail.model.views import RosterView, StatusView
from claudemail.office import Office


class TestStatus:
    """`claudemail status`."""

    def test_gateway_down(self, node: Any) -> None:
        """A gateway that does not run is said not to."""
        out = node("status").out
        assert out.startswith("server1  ClaudeMail ")
        assert "not running" in out
        assert "never heard of" in out

    def test_gateway_down_alone(self, node: Any, seed: dict[str, Any]) -> None:
        """Without peers no send starts a gateway, and none is promised."""
        assert "starts with the next send or session" in node("status").out
        seed["nodes"] = [one for one in seed["nodes"] if one["id"] == "server1"]
        seed["instances"] = [one for one in seed["instances"] if one["node_id"] == "server1"]
        Path(node.config.path).write_text(json.dumps(seed))
        assert "not running; it starts with the next session, or" in node("status").out

    @pytest.mark.parametrize(
        ("listening", "error", "says"),
        [
            ("127.0.0.1:3300", None, "running (PID 4242), listening on 127.0.0.1:3300"),
            (None, "the port is taken", "running (PID 4242), not listening: the port is taken"),
            (None, None, "running (PID 4242), about to listen"),
        ],
    )
    def test_gateway_running(self, node: Any, listening: str | None, error: str | None, says: str) -> None:
        """A running gateway is shown with its PID and where it listens, or why it does not."""
        running.write_notice(node.config.state_dir, running.Notice(4242, running.FOREGROUND, listening, error))
        assert says in node("status").out

    def test_outbox(self, node: Any) -> None:
        """For each peer it says what waits and for how long, the last error in words, and when the next try is."""
        node.send("charlie", "T")

        async def fail(office: Office) -> None:
            await office.transit.unreachable("server2", "the connection was refused", office.now() + 90_000)

        node.work(fail)
        out = node("status").out
        assert "1 waiting, the oldest for 0s" in out
        assert "the connection was refused; next try in 1m" in out

    def test_dead_letters(self, node: Any) -> None:
        """A dead letter is shown with its brief, its node and the reason."""
        ref = node.send("charlie", "Lost one")

        async def refuse(office: Office) -> None:
            batch = await office.transit.next_batch("server2")
            assert batch is not None
            refusal = Refusal(seq=1, code="unknown_name", reason="Nobody is called charlie.")
            await office.transit.acknowledged("server2", batch, Answer(have=1, refused=[refusal]))

        node.work(refuse)
        out = node("status").out
        assert f'{ref} "Lost one" to server2, 0s ago: Nobody is called charlie.' in out
        assert "1 dead letter\n" in out

    def test_what_is_open(self, node: Any) -> None:
        """Trusting peers without keys is said in plain words."""
        assert node.config.allow_unsigned
        assert "believed without proof" in node("status").out

    def test_json(self, node: Any) -> None:
        """The JSON is the view, field for field."""
        node.send("charlie", "T")
        found = StatusView.model_validate(node("status", "--json").json)
        assert (found.node, found.briefs, found.lanes[0].waiting) == ("server1", 1, 1)

    def test_config_warnings(self, node: Any, seed: dict[str, Any]) -> None:
        """A key in the config that nobody knows is shown."""
        Path(node.config.path).write_text(json.dumps({**seed, "colour_scheme": 5}))
        assert "colour_scheme is not a key" in node("status").out


class TestRoster:
    """`claudemail roster`."""

    def test_names(self, node: Any) -> None:
        """Every node is listed with its names, and this one says so."""
        node.send("alpha", "T")
        out = node("roster").out
        here, there = out.split("\n\n")
        assert here.startswith("server1 http://127.0.0.1:3300 this node\n")
        assert there.startswith("server2 http://127.0.0.1:3301 never heard of\n")
        [alpha] = [line for line in here.splitlines() if line.split()[0] == "alpha"]
        assert "1 unread" in alpha
        assert "0% read" in alpha
        assert "charlie" in there

    def test_sessions(self, node: Any) -> None:
        """A session is shown as live with its project and PID; what a peer says of its own is shown, scrubbed."""

        async def prepare(office: Office) -> None:
            await office.claim(
                "alpha", "instance1", holder="h", pid=os.getpid(), client_pid=4242, session_id=None, project="shop"
            )
            there = Presence(
                instance="instance2", callsign="charlie", live=True, since=office.now(), project="till \x1b[31m"
            )
            beat = Heartbeat(version="9.9", at=office.now(), roster=[there])
            await office.transit.heard("server2", beat, rtt_ms=3.0)

        node.work(prepare)
        out = node("roster").out
        [alpha] = [line for line in out.splitlines() if line.split()[:1] == ["alpha"]]
        [charlie] = [line for line in out.splitlines() if line.split()[:1] == ["charlie"]]
        assert "live" in alpha
        assert "shop" in alpha
        assert "PID 4242" in alpha
        assert "till" in charlie
        assert "\x1b" not in out
        assert "ClaudeMail 9.9" in node("status").out

    def test_json(self, node: Any) -> None:
        """The JSON is the view, field for field."""
        found = RosterView.model_validate(node("roster", "--json").json)
        assert [entry.node for entry in found.nodes] == ["server1", "server2"]


class TestConsole:
    """`claudemail console` where there is no terminal."""

    @pytest.mark.parametrize("arguments", [["console", "--once"], ["console", "--width", "60"], ["console"], []])
    def test_as_text(self, node: Any, arguments: list[str]) -> None:
        """The view is printed as text, with mail in it, and the command ends."""
        node.send("alpha", "Deploy blocker")
        ran = node(*arguments)
        assert ran.code == 0, ran.err
        assert "Deploy blocker" in ran.out
        assert "\x1b" not in ran.out

    def test_as_json(self, node: Any) -> None:
        """With --json the view is an object."""
        node.send("alpha", "Deploy blocker")
        assert "Deploy blocker" in json.dumps(node("console", "--json").json)


class TestKeys:
    """`claudemail keys`."""

    def test_same_every_time(self, node: Any) -> None:
        """The key is made once, is the one that signs, and is shown with its fingerprint."""
        first = node("keys", "--json").json
        node.send("alpha", "T")
        ran = node("keys")
        assert ran.out.startswith(f"server1  {first['public_key']}\n")
        assert first["fingerprint"] in ran.out
        assert NodeKey.load_or_create(Path(node.config.state_dir)).public == first["public_key"]
