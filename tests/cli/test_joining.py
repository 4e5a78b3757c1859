"""`claudemail invite`, `join` and `keys rotate`: what they print, and what they say when it cannot be done."""

from __future__ import annotations

import json
import os
import pty
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from claudemail import config as configuration
from claudemail import running
from claudemail.cli.shapes import shapes
from claudemail.keys import NodeKey, fingerprint
from claudemail.model.joining import Token
from claudemail.office import whereabouts
from claudemail.testing import free_ports, until
from tests.cli.test_shapes import mismatches
from tests.mesh.lone import Lone

CLOSED = 1
"""A port at which nobody listens."""


def token(**fields: Any) -> str:
    """Return a token that nobody gave out."""
    known = {"id": "0" * 32, "node": "elsewhere", "host": "127.0.0.1", "port": CLOSED, "fingerprint": "f" * 32}
    return Token.model_validate({**known, "secret": "5" * 48, "until": 0, **fields}).written()


@pytest.fixture
def listening(node: Any) -> Any:
    """The node `server1`, whose gateway seems to listen."""
    own = node.config.node
    running.write_notice(
        node.config.state_dir, running.Notice(os.getpid(), running.FOREGROUND, f"{own.bind}:{own.port}", None)
    )
    return node


class TestInvite:
    """`claudemail invite`."""

    def test_it_prints_a_token(self, listening: Any) -> None:
        """The token holds where to ask, whom, and a secret that is in no other; it is shown with the fingerprint and its end."""
        ran = listening("invite", "--address", "vpn.example.org:4400", "--no-wait")
        assert ran.code == 0
        [word] = re.findall(r"cmail1\.\S+", ran.out)
        found = Token.read(word)
        assert (found.node, found.host, found.port) == ("server1", "vpn.example.org", 4400)
        own = NodeKey.load_or_create(Path(listening.config.state_dir)).public
        assert fingerprint(own) in ran.out
        assert fingerprint(own).replace(" ", "") == found.fingerprint[:16]
        again = Token.read(listening.__call__("invite", "--no-wait", "--json").json["token"])
        assert again.secret != found.secret
        assert (again.host, again.port) == (listening.config.node.ip, listening.config.node.port)

    def test_json(self, listening: Any) -> None:
        """The JSON has its shape; without a terminal it does not wait."""
        ran = listening("invite", "--json")
        assert mismatches(ran.json, shapes()["invite"], {}) == []
        assert listening("invite", "--json", "--wait").code == 2
        assert "reached from this machine only" in ran.err

    def test_a_gateway_that_cannot_listen(self, node: Any) -> None:
        """The token is made all the same, and it is said why nobody can join yet."""
        running.write_notice(node.config.state_dir, running.Notice(1, running.FOREGROUND, None, "the port is taken"))
        ran = node("invite", "--address", "10.0.0.1")
        assert ran.code == 0
        assert "Nobody can join yet: the port is taken" in ran.err

    @pytest.mark.parametrize("address", ["", "a b", "host:", "host:0", "host:99999", "[::1", "[::1]x", "host:80:90:x!"])
    def test_an_address_that_is_none(self, listening: Any, address: str) -> None:
        """It is refused, with how one looks."""
        ran = listening("invite", "--address", address or "@", "--no-wait")
        assert (ran.code, "HOST:PORT" in ran.err) == (2, True)

    def test_waiting_ends_with_the_invitation(self, listening: Any) -> None:
        """Whoever waits for somebody who does not come is told so when the time is over."""
        waiting = listening.start("invite", "--wait", "--address", "10.0.0.1")
        until(lambda: "cmail1." in waiting.stdout.readline(), "the token is there")
        with closing(sqlite3.connect(listening.config.db_path)) as connection, connection:
            connection.execute("UPDATE invitations SET until = 1")
        _, err = waiting.communicate(timeout=30)
        assert (waiting.returncode, "Nobody has joined" in err) == (2, True)


class TestAddress:
    """HOST[:PORT]."""

    @pytest.mark.parametrize(
        ("text", "host", "port"),
        [
            ("10.0.0.5", "10.0.0.5", None),
            ("10.0.0.5:3300", "10.0.0.5", 3300),
            ("vpn.example.org:1", "vpn.example.org", 1),
            ("fd00::5", "fd00::5", None),
            ("[fd00::5]", "fd00::5", None),
            ("[fd00::5]:65535", "fd00::5", 65_535),
        ],
    )
    def test_forms(self, text: str, host: str, port: int | None) -> None:
        """Names and addresses, with a port and without."""
        assert whereabouts.parse_address(text) == (host, port)

    def test_where_to_listen(self) -> None:
        """At one's own address; at all where others use an address that is not this machine's."""
        assert whereabouts.bind_for("127.0.0.1") is None
        assert whereabouts.bind_for("203.0.113.9") == whereabouts.ANY
        assert 1 <= whereabouts.free_port("127.0.0.1") <= 65_535


@pytest.fixture
def alone(node: Any, seed: dict[str, Any]) -> Any:
    """The node `server1` with a config of its own, in which it stands alone."""
    [port] = free_ports(1)
    seed["nodes"] = [{"id": "server1", "ip": "127.0.0.1", "gateway_port": port}]
    seed["instances"] = [one for one in seed["instances"] if one["node_id"] == "server1"]
    Path(node.config.path).write_text(json.dumps(seed))
    return node


class TestJoin:
    """`claudemail join`, where it goes no further than this node."""

    def test_what_is_no_token(self, alone: Any) -> None:
        """A word that is none, or that lost or changed a letter, is told from one that is refused."""
        whole = token()
        slip = whole[:40] + ("A" if whole[40] != "A" else "B") + whole[41:]
        for word in ("", "hello", "cmail1.", whole[:-1], whole[1:], slip, "cmail1." + "x" * 5_000, whole + "ü"):
            ran = alone("join", word)
            assert (ran.code, "not a whole token" in ran.err) == (2, True), word
        assert "called elsewhere" in alone("join", f" {whole} ", "--node", "elsewhere").err

    @pytest.mark.parametrize(
        ("arguments", "code", "says"),
        [
            (["--node", "elsewhere"], 2, "called elsewhere, and so is this node. Give it another name with --node"),
            (["--node", "two words"], 2, "'two words' is not a name"),
            (["--instance", "-x"], 2, "'-x' is not a name"),
            (["--callsigns", "good,b@d"], 2, "'b@d' is not a name"),
            (["--address", "a:b:"], 2, "is no address"),
        ],
    )
    def test_names_that_do_not_fit(self, alone: Any, arguments: list[str], code: int, says: str) -> None:
        """They are refused before anybody is asked."""
        ran = alone("join", token(), *arguments)
        assert (ran.code, says in ran.err) == (code, True), ran.err

    def test_a_node_in_another_fleet(self, node: Any) -> None:
        """It is refused, with whom it is in a fleet; nothing is changed."""
        before = Path(node.config.path).read_text()
        ran = node("join", token())
        assert ran.code == 4
        assert "in a fleet already, with server2" in ran.err
        assert Path(node.config.path).read_text() == before

    def test_an_inviter_that_does_not_answer(self, alone: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """The error says who, where and what to do; the config is as it was."""
        monkeypatch.setattr("claudemail.office.joining._PATIENCE_S", 0.0)
        before = Path(alone.config.path).read_text()
        ran = alone("join", token(), "--json")
        assert ran.code == 6
        error = ran.json["error"]
        assert error["code"] == "peer_unreachable"
        assert "elsewhere cannot be reached: connection refused" in error["message"]
        assert f"http://127.0.0.1:{CLOSED}" in error["remedy"]
        assert "--address" in error["remedy"]
        assert Path(alone.config.path).read_text() == before

    def test_on_a_terminal_it_asks_first(self, alone: Any) -> None:
        """Both fingerprints are shown, and whoever says no has changed nothing and asked nobody."""
        before = Path(alone.config.path).read_text()
        ours, theirs = pty.openpty()
        process = alone.start("join", token(), stdin=theirs, stdout=theirs, stderr=theirs, text=False)
        os.close(theirs)
        shown = b""
        while b"[y/N]" not in shown:
            shown += os.read(ours, 4096)
        os.write(ours, b"n\n")
        assert process.wait(30) == 130
        os.close(ours)
        own = NodeKey.load_or_create(Path(alone.config.state_dir)).public
        assert fingerprint(own).encode() in shown
        assert b"ffff ffff ffff ffff" in shown
        assert Path(alone.config.path).read_text() == before

    def test_several_instances_and_one_name(self, alone: Any, seed: dict[str, Any]) -> None:
        """Which of several instances --instance means, nobody knows."""
        seed["instances"].append({"id": "second", "node_id": "server1"})
        Path(alone.config.path).write_text(json.dumps(seed))
        ran = alone("join", token(), "--instance", "x")
        assert (ran.code, "2 instances" in ran.err) == (2, True)

    def test_mail_that_others_know_by_another_name(self, alone: Any, seed: dict[str, Any]) -> None:
        """A node that exchanged mail before keeps its name: lanes of others lead to that."""
        seed_of_before = json.loads(Path(alone.config.path).read_text())
        with_peer = {
            **seed_of_before,
            "nodes": [*seed["nodes"], {"id": "server2", "ip": "127.0.0.1", "gateway_port": CLOSED}],
        }
        Path(alone.config.path).write_text(json.dumps(with_peer))
        assert alone("send", "--to", "operator@server2", "--title", "T").code == 0
        Path(alone.config.path).write_text(json.dumps(seed_of_before))
        ran = alone("join", token(), "--node", "other")
        assert (ran.code, "Join as server1" in ran.err) == (5, True)


@pytest.fixture
def inviter(tmp_path: Path) -> Iterator[Lone]:
    """A node that has made itself ready to invite."""
    lone = Lone(tmp_path / "inviter", "inviter")
    yield lone
    lone.end()


class TestJoined:
    """`claudemail join`, to its end."""

    def test_a_config_of_ones_own_is_kept(self, alone: Any, inviter: Lone) -> None:
        """A node that has a config keeps what is its own there, and gets the fleet's nodes, instances, signatures and intervals.

        Names that are taken are refused with all of them; whoever waits for the newcomer is told of it.
        """
        word = inviter.invite()
        path = Path(alone.config.path)
        own = {
            **json.loads(path.read_text()),
            "_note": "ours",
            "checkup": {"disk_low_mb": 1},
            "poll_interval_ms": 7_000,
        }
        own["instances"][0]["id"] = "MAIN"
        path.write_text(json.dumps(own))
        refused = alone("join", word, "--yes")
        assert refused.code == 2
        assert "The fleet has MAIN (on inviter) already" in refused.err
        assert "--instance" in refused.err
        assert json.loads(path.read_text()) == own
        waiting = alone.start("invite", "--wait", "--address", inviter.address, env=inviter.environment)
        word = next(line.split()[2] for line in waiting.stdout if line.startswith("claudemail join "))
        joined = alone("join", word, "--instance", "api", "--json")
        assert joined.code == 0, joined.out
        assert mismatches(joined.json, shapes()["join"], {}) == []
        found = json.loads(path.read_text())
        assert [node["id"] for node in found["nodes"]] == ["server1", "inviter"]
        assert [one["id"] for one in found["instances"]] == ["api", "main"]
        assert found["instances"][0]["callsigns"] == ["alpha", "bravo"]
        assert (found["poll_interval_ms"], found["_note"], found["db_path"]) == (20_000, "ours", own["db_path"])
        assert found["signatures"] == own["signatures"]
        again = alone("join", word, "--yes")
        assert again.code == 0, again.err
        assert json.loads(path.read_text()) == found
        out, _ = waiting.communicate(timeout=30)
        assert f"Joined: server1  http://127.0.0.1:{own['nodes'][0]['gateway_port']}\n" in out
        assert f"fingerprint {joined.json['fingerprint']}" in out

    def test_mail_of_an_instance_goes_by_its_new_name(self, alone: Any, inviter: Lone) -> None:
        """Mail that an instance had before it was renamed is its own as before, read and unread, and is found."""
        ref = alone.send("instance1", "Deploy blocker", "operator")
        alone.send("instance1", "Second", "operator")
        alone("read", ref, "--as", "instance1")
        alone("star", ref, "--as", "instance1")
        assert alone("join", inviter.invite(), "--instance", "api", "--yes").code == 0
        counted = alone("check", "--as", "api", "--json").json
        assert counted["unread"] == 1
        rows = alone("inbox", "--as", "api", "--json").json["rows"]
        assert [(row["title"], row["starred"]) for row in rows] == [("Second", False), ("Deploy blocker", True)]
        hits = alone("search", "blocker", "--as", "api", "--json").json["hits"]
        assert [hit["row"]["ref"] for hit in hits] == [ref]
        assert alone("inbox", "--as", "instance1").code == 3


class TestRotate:
    """`claudemail keys rotate`."""

    def test_with_a_peer(self, node: Any, peer: Any) -> None:
        """It shows both keys and who has not heard; plain `keys` does, too; again is refused; then all have heard."""
        before = node("keys", "--json").json
        assert before["rotation"] is None
        ran = node("keys", "rotate", "--json")
        assert mismatches(ran.json, shapes()["keys rotate"], {}) == []
        new = ran.json["rotation"]["new_public_key"]
        for out in (node("keys").out, node("doctor").out):
            assert fingerprint(new) in out
        assert "server2 has not heard of it yet" in node("keys").out
        again = node("keys", "rotate")
        assert (again.code, "being changed already; server2" in again.err) == (1, True)
        peer.fetch()
        assert "server2 heard of it" in node("keys").out
        node.work(lambda office: office.settle())
        after = node("keys", "--json").json
        assert (after["public_key"], after["rotation"]) == (new, None)
        assert after["public_key"] != before["public_key"]

    def test_alone(self, alone: Any) -> None:
        """A node without peers has its new key at once."""
        before = alone("keys", "--json").json["public_key"]
        ran = alone("keys", "rotate")
        assert (ran.code, "This is the new key" in ran.out) == (0, True)
        assert alone("keys", "--json").json["public_key"] != before
        loaded = configuration.load()
        assert loaded.node.public_key is None  # as before: there was none in the config
