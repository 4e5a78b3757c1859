"""Callsigns: claimed by lock, by real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from claudemail import callsigns
from claudemail.clients import Clients
from claudemail.config import Config, Node
from claudemail.errors import ClaudeMailError

Configure = Callable[[dict[str, Any], Path, str], Config]

HOLDER = """
import sys
from claudemail import callsigns, config
claim = callsigns.claim(config.load())
print(claim.callsign, flush=True)
sys.stdin.read()
"""


def start(config: Config) -> subprocess.Popen[str]:
    """Start a process that claims a callsign, prints it, and holds it until its stdin is closed."""
    assert config.path
    environment = {**os.environ, "CLAUDEMAIL_CONFIG": config.path, "CLAUDEMAIL_NODE": config.node_id}
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def said(process: subprocess.Popen[str]) -> str:
    """Return the callsign that a process claimed."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_the_pool_is_taken_in_order_and_then_names_are_made_up(config: Config) -> None:
    """Claims take the pool's names in order, then free names of the alphabet; a released one is taken again first."""
    claims = [callsigns.claim(config) for _ in range(4)]
    assert [claim.callsign for claim in claims] == ["alpha", "bravo", "delta", "foxtrot"]
    assert {claim.instance for claim in claims} == {"instance1"}
    claims[1].release()
    assert callsigns.claim(config).callsign == "bravo"


def test_two_nodes_never_make_up_the_same_name(seed: dict[str, Any], tmp_path: Path, configure: Configure) -> None:
    """Each node makes up names of its own from the one list, and none that the config gives to anybody."""
    made: dict[str, set[str]] = {}
    for node_id in ("server1", "server2"):
        names = callsigns.generated(configure(seed, tmp_path / node_id, node_id))
        made[node_id] = {next(names) for _ in range(100)}
    assert made["server1"].isdisjoint(made["server2"])
    assert made["server1"].isdisjoint({"alpha", "bravo", "charlie"})


def test_every_made_up_name_has_one_maker(seed: dict[str, Any], tmp_path: Path, configure: Configure) -> None:
    """Who may make a name up follows from the config: the node that does, and nobody for any other word."""
    for node_id in ("server1", "server2"):
        config = configure(seed, tmp_path / node_id, node_id)
        made = callsigns.generated(config)
        assert {callsigns.maker_of(config, next(made)) for _ in range(200)} == {node_id}
        for word in ("alpha", "charlie", "instance1", "delta-1", "delta-02", "delta-x", "-2", "zeta", ""):
            assert callsigns.maker_of(config, word) is None


def test_processes_that_start_at_once_get_different_names(config: Config) -> None:
    """Fifty processes that claim at the same time all hold different callsigns."""
    processes = [start(config) for _ in range(50)]
    try:
        names = [said(process) for process in processes]
    finally:
        for process in processes:
            process.communicate()
    assert len(set(names)) == 50
    assert {"alpha", "bravo"} <= set(names)


def test_a_killed_process_frees_its_name_at_once(config: Config) -> None:
    """After kill -9 of its holder the next claim gets the name."""
    holder = start(config)
    assert said(holder) == "alpha"
    holder.kill()
    holder.communicate()
    assert callsigns.claim(config).callsign == "alpha"


def test_a_child_process_does_not_keep_a_name_alive(config: Config) -> None:
    """A forked child gives up its copy of the lock, so that the name is free when its parent is gone."""
    claim = callsigns.claim(config)
    started, say_started = os.pipe()
    ended, say_ended = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(say_started, b"!")
        os.close(say_ended)
        os.read(ended, 1)
        os._exit(0)
    try:
        os.read(started, 1)
        claim.release()
        again = callsigns.claim(config)
        assert again.callsign == "alpha"
    finally:
        for file in (started, say_started, ended, say_ended):
            os.close(file)
        os.waitpid(child, 0)


def test_a_session_that_comes_back_has_its_name_again(config: Config) -> None:
    """A session id that held a name before gets it again if it is free, before the first of the pool."""
    first = callsigns.claim(config, session_id="one")
    second = callsigns.claim(config, session_id="two")
    first.release()
    second.release()
    Clients(config.state_dir).forget(os.getppid())  # another Claude Code process
    assert callsigns.claim(config, session_id="two").callsign == "bravo"
    assert callsigns.claim(config, session_id="two").callsign == "alpha"


def test_whoever_comes_first_chooses(config: Config) -> None:
    """The hooks of a process and its session agree on the callsign, whichever comes first, and leave others theirs."""
    here, other = os.getpid(), os.getppid()
    chosen = callsigns.choose(config, other, "one")
    assert chosen is not None
    assert chosen.callsign == "alpha"
    mine = callsigns.claim(config, client_pid=here)
    assert mine.callsign == "bravo"  # alpha is free still, and chosen
    again = callsigns.choose(config, here, "two")
    assert again is not None
    assert again.callsign == "bravo"
    assert callsigns.claim(config, client_pid=other).callsign == "alpha"
    mine.release()
    back = callsigns.claim(config, session_id="two", client_pid=os.getsid(0))
    assert back.callsign == "bravo"
    assert callsigns.choose(config, here, "two") is None  # its name is another's now


def test_an_instance_can_be_chosen(seed: dict[str, Any], tmp_path: Path, configure: Configure) -> None:
    """A claim for an instance takes its names only; an instance that is not here is an error that lists those that are."""
    seed["instances"].append({"id": "ops", "node_id": "server1", "callsigns": ["oscar"]})
    config = configure(seed, tmp_path / "server1", "server1")
    claim = callsigns.claim(config, instance="ops")
    assert (claim.callsign, claim.instance) == ("oscar", "ops")
    assert callsigns.claim(config, instance="ops").instance == "ops"
    with pytest.raises(ClaudeMailError, match="instance1, ops"):
        callsigns.claim(config, instance="instance2")


def test_nodes_take_turns_in_the_same_order_however_the_file_lists_them(tmp_path: Path) -> None:
    """A node that joined is last in the files of some and first in its own, and nobody makes up a name of another's."""
    nodes = tuple(Node(name, f"10.0.0.{place}") for place, name in enumerate(("b", "A", "c")))
    made: dict[str, set[str]] = {}
    for node, listed in zip(nodes, (nodes, nodes[::-1], (nodes[1], nodes[0], nodes[2])), strict=True):
        config = Config(node_id=node.id, nodes=listed, instances=(), db_path=str(tmp_path / "x.db"))
        names = [name for name, _ in zip(callsigns.generated(config), range(20), strict=False)]
        assert {callsigns.maker_of(config, name) for name in names} == {node.id}
        made[node.id] = set(names)
    assert len(set.union(*made.values())) == 60
