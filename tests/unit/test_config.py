"""The config file: found, read, checked to the last mistake, and seen from the right node."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claudemail import config as configuration
from claudemail.config import CONFIG_ENV, NODE_ENV, SEARCH_PATH, Config, Thresholds
from claudemail.errors import ConfigError
from claudemail.keys import NodeKey

EXAMPLE = """{
"nodes": [
{ "id": "server1", "ip": "10.0.0.1", "gateway_port": 3300 },
{ "id": "server2", "ip": "10.0.0.2", "gateway_port": 3301 }
],
"instances": [
{ "id": "instance1", "node_id": "server1", "callsigns": ["alpha", "bravo"] },
{ "id": "instance2", "node_id": "server2", "callsigns": ["charlie"] }
],
"signatures": {
"alpha": "// alpha, over",
"bravo": "// bravo, clear",
"charlie": "// charlie out"
},
"mailbox_dir": "~/.claudemail/mailbox",
"db_path": "~/.claudemail/claudemail.db",
"registry_db_path": "~/.claudemail/registry.db",
"ping_dir": "~/.claudemail/pings",
"poll_interval_ms": 20000,
"heartbeat_interval_ms": 60000
}"""
"""The two-server example as people copy it."""

FAR = "203.0.113."
"""Addresses for documentation (RFC 5737), which no machine has."""


def parse(data: object, node: str | None = "server1") -> Config:
    """Parse `data` as the config file of a node."""
    environ = {} if node is None else {NODE_ENV: node}
    return configuration.parse(json.dumps(data), "/etc/claudemail/config.json", environ)


def mistakes(data: object) -> list[str]:
    """Return the lines of the error that `data` leads to."""
    with pytest.raises(ConfigError) as caught:
        parse(data)
    return [line.strip() for line in caught.value.message.splitlines()[1:]]


def place(path: str, content: str = EXAMPLE) -> str:
    """Write a config file at a path below HOME and return it."""
    file = Path(path).expanduser()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    return str(file)


class TestLoading:
    """What applies when there is a file, and when there is none."""

    def test_the_example_loads_as_it_stands(self) -> None:
        """Every key of the two-server example is taken, with `~` as the home folder."""
        config = configuration.parse(EXAMPLE, "/x/config.json", {NODE_ENV: "server1"})
        home = os.environ["HOME"]
        assert [(node.id, node.url) for node in config.nodes] == [
            ("server1", "http://10.0.0.1:3300"),
            ("server2", "http://10.0.0.2:3301"),
        ]
        assert [(one.id, one.node_id, one.callsigns) for one in config.instances] == [
            ("instance1", "server1", ("alpha", "bravo")),
            ("instance2", "server2", ("charlie",)),
        ]
        assert config.signatures["charlie"] == "// charlie out"
        assert config.mailbox_dir == f"{home}/.claudemail/mailbox"
        assert config.db_path == f"{home}/.claudemail/claudemail.db"
        assert config.registry_db_path == f"{home}/.claudemail/registry.db"
        assert config.ping_dir == f"{home}/.claudemail/pings"
        assert (config.poll_interval_ms, config.heartbeat_interval_ms) == (20_000, 60_000)
        assert config.allow_unsigned
        assert not config.warnings

    def test_a_node_sees_the_others_as_peers(self) -> None:
        """One file serves all nodes; each finds itself, its peers and its instances in it."""
        config = configuration.parse(EXAMPLE, "/x/config.json", {NODE_ENV: "server2"})
        assert config.node.id == "server2"
        assert [peer.id for peer in config.peers] == ["server1"]
        assert [instance.id for instance in config.instances_on("server2")] == ["instance2"]
        assert config.state_dir == f"{os.environ['HOME']}/.claudemail"

    def test_relative_paths_are_below_the_file(self, seed: dict[str, Any], config: Config, tmp_path: Path) -> None:
        """A path that is not absolute counts from the folder of the config file."""
        assert seed["db_path"] == "claudemail.db"
        assert config.db_path == str(tmp_path / "server1" / "claudemail.db")

    def test_no_file_at_all_works(self) -> None:
        """Without a config file the node is this host, with one instance and no peers."""
        config = configuration.load({})
        assert config.path is None
        assert config.node_id == configuration.standalone().node_id
        assert [(one.id, one.callsigns) for one in config.instances] == [("main", ())]
        assert config.peers == ()
        assert config.db_path == f"{os.environ['HOME']}/.claudemail/claudemail.db"
        assert configuration.load({NODE_ENV: "lab"}).node_id == "lab"

    def test_the_search_path_is_searched_in_order(self) -> None:
        """The first place that has a file wins, and the variable goes before all of them."""
        second = place(SEARCH_PATH[1])
        assert configuration.find({}) == second
        first = place(SEARCH_PATH[0])
        assert configuration.find({}) == first
        named = place("~/elsewhere.json")
        assert configuration.find({CONFIG_ENV: "~/elsewhere.json"}) == named
        assert configuration.load({CONFIG_ENV: named, NODE_ENV: "server2"}).path == named
        assert SEARCH_PATH[2] == "/etc/claudemail/config.json"

    def test_a_variable_that_names_no_file_is_an_error(self) -> None:
        """When CLAUDEMAIL_CONFIG names a file that is not there, nothing else is tried."""
        place(SEARCH_PATH[0])
        with pytest.raises(ConfigError, match=f"{CONFIG_ENV} is /nowhere/config.json"):
            configuration.load({CONFIG_ENV: "/nowhere/config.json"})

    @pytest.mark.parametrize("content", [b"{", b"", b"{'nodes': []}", b"\xff\xfe", b"[" * 100_000])
    def test_a_file_that_is_no_json_is_an_error(self, content: bytes) -> None:
        """The error names the file."""
        path = place(SEARCH_PATH[0], "")
        Path(path).write_bytes(content)
        with pytest.raises(ConfigError, match=path):
            configuration.load({})

    def test_a_byte_order_mark_does_not_matter(self) -> None:
        """A file saved by an editor that writes one loads as well."""
        place(SEARCH_PATH[0], "\ufeff" + EXAMPLE)
        assert configuration.load({NODE_ENV: "server1"}).node_id == "server1"


class TestWhichNode:
    """How a node finds out which one it is."""

    def test_the_variable_goes_before_the_key(self, seed: dict[str, Any]) -> None:
        """CLAUDEMAIL_NODE beats `node_id`, which beats the addresses."""
        assert parse({**seed, "node_id": "server2"}, None).node_id == "server2"
        assert parse({**seed, "node_id": "server2"}, "server1").node_id == "server1"

    def test_the_only_local_address_tells(self, seed: dict[str, Any]) -> None:
        """With one address of this machine among the nodes, that is the one."""
        seed["nodes"][0]["ip"] = FAR + "1"
        assert parse(seed, None).node_id == "server2"

    def test_a_single_node_is_this_one(self) -> None:
        """A config with one node needs no telling."""
        assert parse({"nodes": [{"id": "solo", "ip": FAR + "1"}]}, None).node_id == "solo"

    def test_several_local_addresses_are_an_error(self, seed: dict[str, Any]) -> None:
        """Two nodes on this machine cannot be told apart; the error says both ways to settle it."""
        with pytest.raises(ConfigError, match="several nodes") as caught:
            parse(seed, None)
        assert '"node_id"' in caught.value.remedy
        assert NODE_ENV in caught.value.remedy
        assert "server1, server2" in caught.value.remedy

    def test_no_local_address_is_an_error(self, seed: dict[str, Any]) -> None:
        """With no address of this machine in the file, the error says what to set."""
        for i, node in enumerate(seed["nodes"]):
            node["ip"] = f"{FAR}{i + 1}"
        with pytest.raises(ConfigError, match="No node's address") as caught:
            parse(seed, None)
        assert NODE_ENV in caught.value.remedy

    def test_an_unknown_node_is_an_error(self, seed: dict[str, Any]) -> None:
        """A name that the file does not have is refused with the names that it has."""
        with pytest.raises(ConfigError, match="'server9'") as caught:
            parse(seed, "server9")
        assert "server1, server2" in caught.value.remedy

    @pytest.mark.parametrize(("host", "local"), [("127.0.0.1", True), ("::1", True), (FAR + "1", False)])
    def test_local_addresses_are_known(self, host: str, local: bool) -> None:  # noqa: FBT001
        """An address is local when this machine can bind it."""
        assert configuration.is_local(host) == local


class TestMistakes:
    """Every mistake is reported with its key, what was found and what is expected."""

    @pytest.mark.parametrize(
        ("path", "value", "key", "found"),
        [
            (["nodes"], [], "nodes", "[]"),
            (["nodes"], {}, "nodes", "{}"),
            (["nodes", 1], "server2", "nodes[1]", '"server2"'),
            (["nodes", 1, "id"], "a b", "nodes[1].id", '"a b"'),
            (["nodes", 1, "id"], "SERVER1", "nodes[1].id", '"SERVER1"'),
            (["nodes", 1, "ip"], 7, "nodes[1].ip", "7"),
            (["nodes", 1, "ip"], "http://x", "nodes[1].ip", '"http://x"'),
            (["nodes", 1, "gateway_port"], 0, "nodes[1].gateway_port", "0"),
            (["nodes", 1, "gateway_port"], "3300", "nodes[1].gateway_port", '"3300"'),
            (["nodes", 1, "gateway_port"], True, "nodes[1].gateway_port", "true"),
            (["nodes", 1, "gateway_port"], 3300, "nodes[1]", '"127.0.0.1:3300"'),
            (["nodes", 1, "public_key"], "ed25519:AAAA", "nodes[1].public_key", '"ed25519:AAAA"'),
            (["nodes", 1, "previous_keys"], "ed25519:AAAA", "nodes[1].previous_keys", '"ed25519:AAAA"'),
            (["nodes", 1, "previous_keys"], ["ed25519:AAAA"], "nodes[1].previous_keys", '["ed25519:AAAA"]'),
            (["nodes", 1, "names"], ["a b"], "nodes[1].names", '["a b"]'),
            (["nodes", 1, "bind"], "", "nodes[1].bind", '""'),
            (["instances"], 5, "instances", "5"),
            (["instances", 0], None, "instances[0]", "nothing"),
            (["instances", 0, "id"], "operator", "instances[0].id", '"operator"'),
            (["instances", 0, "id"], "x" * 65, "instances[0].id", '"xxx'),
            (["instances", 0, "node_id"], "server9", "instances[0].node_id", '"server9"'),
            (["instances", 0, "node_id"], ["server1"], "instances[0].node_id", '["server1"]'),
            (["instances", 0, "callsigns"], "alpha", "instances[0].callsigns", '"alpha"'),
            (["instances", 0, "callsigns", 1], "Alpha", "instances[0].callsigns[1]", '"Alpha"'),
            (["instances", 0, "callsigns", 1], "all", "instances[0].callsigns[1]", '"all"'),
            (["instances", 1, "callsigns", 0], "BRAVO", "instances[1].callsigns[0]", '"BRAVO"'),
            (["instances", 1, "id"], "alpha", "instances[1].id", '"alpha"'),
            (["signatures"], [], "signatures", "[]"),
            (["signatures", "alpha"], 3, "signatures.alpha", "3"),
            (["signatures", "alpha"], "two\nlines", "signatures.alpha", '"two\\nlines"'),
            (["mailbox_dir"], "", "mailbox_dir", '""'),
            (["db_path"], 1, "db_path", "1"),
            (["registry_db_path"], "a\x00b", "registry_db_path", '"a\\u0000b"'),
            (["ping_dir"], None, "ping_dir", "nothing"),
            (["poll_interval_ms"], "20s", "poll_interval_ms", '"20s"'),
            (["poll_interval_ms"], 1.5, "poll_interval_ms", "1.5"),
            (["heartbeat_interval_ms"], 0, "heartbeat_interval_ms", "0"),
            (["allow_unsigned"], "yes", "allow_unsigned", '"yes"'),
            (["metrics_port"], 0, "metrics_port", "0"),
            (["metrics_port"], 65_536, "metrics_port", "65536"),
            (["metrics_port"], "9100", "metrics_port", '"9100"'),
            (["metrics_port"], True, "metrics_port", "true"),
            (["metrics_port"], 3301, "metrics_port", "3301"),
            (["node_id"], "server3", "node_id", '"server3"'),
            (["checkup"], [], "checkup", "[]"),
            (["checkup"], None, "checkup", "nothing"),
            (["checkup"], {"gone_days": 0}, "checkup.gone_days", "0"),
            (["checkup"], {"gone_days": 1_000_001}, "checkup.gone_days", "1000001"),
            (["checkup"], {"gone_days": "3"}, "checkup.gone_days", '"3"'),
            (["checkup"], {"gone_days": 1.5}, "checkup.gone_days", "1.5"),
            (["checkup"], {"gone_days": True}, "checkup.gone_days", "true"),
            (["checkup"], {"gone_days": None}, "checkup.gone_days", "nothing"),
            (["checkup"], {"gone_dayz": 3}, "checkup.gone_dayz", "3"),
            (["console"], [], "console", "[]"),
            (["console"], {"theme": ""}, "console.theme", '""'),
            (["console"], {"keymap": ["r"]}, "console.keymap", '["r"]'),
            (["console"], {"keymap": {"mail.reply": 3}}, "console.keymap", '{"mail.reply": 3}'),
            (["console"], {"bell": "no"}, "console.bell", '"no"'),
            (["console"], {"send_delay_s": -1}, "console.send_delay_s", "-1"),
            (["console"], {"send_delay_s": 61}, "console.send_delay_s", "61"),
            (["console"], {"send_delay_s": True}, "console.send_delay_s", "true"),
            (["console"], {"keymaps": {}}, "console.keymaps", "{}"),
        ],
    )
    def test_one_mistake(self, seed: dict[str, Any], path: list[Any], value: object, key: str, found: str) -> None:
        """A single wrong value gives a single line that says where, what and what instead."""
        spot: Any = seed
        for part in path[:-1]:
            spot = spot[part]
        spot[path[-1]] = value
        lines = mistakes(seed)
        assert lines[0].startswith(f"{key}: found {found}")
        assert all(", expected " in line for line in lines)
        assert len(lines) == 1 or path == ["nodes"] or path[:2] == ["nodes", 1]

    def test_a_file_that_is_no_object(self) -> None:
        """A list in the place of the whole file is one mistake."""
        assert len(mistakes([1, 2])) == 1

    def test_all_mistakes_at_once(self, seed: dict[str, Any]) -> None:
        """Three mistakes in three places are reported together, and counted."""
        seed["nodes"][0]["gateway_port"] = 70_000
        seed["instances"][1]["node_id"] = "server9"
        seed["poll_interval_ms"] = -1
        with pytest.raises(ConfigError, match="has 3 mistakes") as caught:
            parse(seed)
        for key in ("nodes[0].gateway_port", "instances[1].node_id", "poll_interval_ms"):
            assert f"{key}: found" in caught.value.message

    def test_a_misspelt_key_is_a_mistake_and_an_unknown_one_a_warning(self, seed: dict[str, Any]) -> None:
        """A key one letter off is offered the right one; a key like no other is ignored aloud; comments are left alone."""
        assert mistakes({**seed, "mailbox_dirr": "x"}) == [
            'mailbox_dirr: found "x", expected the key mailbox_dir; there is no mailbox_dirr.'
        ]
        config = parse({**seed, "favourite_colour": "red", "_note": "mine", "//": "comment", "$schema": "s"})
        assert len(config.warnings) == 1
        assert "favourite_colour" in config.warnings[0]

    def test_long_values_are_cut(self, seed: dict[str, Any]) -> None:
        """A mistake does not repeat more than a line of what it found."""
        assert all(len(line) < 200 for line in mistakes({**seed, "signatures": ["x"] * 10_000}))

    @given(st.data())
    def test_any_json_is_a_config_or_an_error(self, data: st.DataObject) -> None:
        """Whatever stands in the place of any value, the outcome is a config or a ConfigError, never another failure."""
        broken = copy.deepcopy(json.loads(EXAMPLE))
        spot: Any = broken
        while True:
            keys = list(spot) if isinstance(spot, dict) else list(range(len(spot)))
            key = data.draw(st.sampled_from(keys))
            if not isinstance(spot[key], dict | list) or not spot[key] or data.draw(st.booleans()):
                break
            spot = spot[key]
        spot[key] = data.draw(
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
                max_leaves=5,
            )
        )
        try:
            config = parse(broken)
        except ConfigError:
            return
        assert config.node.id == "server1"


class TestConsole:
    """How the console looks and behaves."""

    def test_everything_can_be_set_and_need_not_be(self, seed: dict[str, Any]) -> None:
        """Each setting is taken; without it, and without a file, it is as the README says."""
        given = {"theme": "nord", "keymap": {"mail.reply": "e"}, "bell": False, "send_delay_s": 0.5}
        taken = parse({**seed, "console": given}).console
        assert {name: getattr(taken, name) for name in given} == given
        plain: dict[str, Any] = {"theme": None, "keymap": {}, "bell": True, "send_delay_s": 5}
        for config in (parse(seed), parse({**seed, "console": {}}), configuration.load({})):
            assert {name: getattr(config.console, name) for name in plain} == plain


class TestCheckup:
    """From where on a checkup finds something worth saying."""

    def test_every_threshold_is_taken(self, seed: dict[str, Any]) -> None:
        """Each can be set under `checkup`, from 1 to a million."""
        for value in (1, 1_000_000):
            given = dict.fromkeys(Thresholds.__slots__, value)
            taken = parse({**seed, "checkup": given}).checkup
            assert {name: getattr(taken, name) for name in Thresholds.__slots__} == given

    def test_the_rest_stays_as_it_is(self, seed: dict[str, Any]) -> None:
        """What the config does not set is as it is without the key, and as it is without a file."""
        plain = Thresholds()
        for config in (parse(seed), parse({**seed, "checkup": {}}), configuration.load({})):
            assert [getattr(config.checkup, name) for name in Thresholds.__slots__] == [
                getattr(plain, name) for name in Thresholds.__slots__
            ]
        taken = parse({**seed, "checkup": {"gone_days": 99}}).checkup
        assert (taken.gone_days, taken.silent_minutes) == (99, plain.silent_minutes)

    def test_mistakes_are_all_named(self, seed: dict[str, Any]) -> None:
        """Two wrong thresholds are two mistakes, each with what is expected."""
        assert mistakes({**seed, "checkup": {"gone_days": 0, "disk_low_mb": "500"}}) == [
            "checkup.gone_days: found 0, expected a whole number from 1 to 1000000.",
            'checkup.disk_low_mb: found "500", expected a whole number from 1 to 1000000.',
        ]

    def test_an_unknown_threshold_is_a_warning(self, seed: dict[str, Any]) -> None:
        """A key like none of them is ignored aloud, with where it stands; comments are left alone."""
        config = parse({**seed, "checkup": {"moon_phase": 3, "_why": "holidays"}})
        assert config.warnings == ("checkup.moon_phase is not a key that this version knows; it is ignored.",)


class TestTrust:
    """Whether unsigned mail is taken."""

    def test_keys_make_signatures_required(self, seed: dict[str, Any]) -> None:
        """A config without any key is a trusted network's; with one key, unsigned mail is refused unless it says so."""
        assert parse(seed).allow_unsigned
        seed["nodes"][1]["public_key"] = NodeKey.new().public
        assert not parse(seed).allow_unsigned
        assert parse({**seed, "allow_unsigned": True}).allow_unsigned

    def test_metrics_port(self, seed: dict[str, Any]) -> None:
        """Metrics are at a port only where the config has one."""
        assert parse(seed).metrics_port is None
        assert parse({**seed, "metrics_port": 9464}).metrics_port == 9464

    def test_addresses_make_urls(self, seed: dict[str, Any]) -> None:
        """An IPv6 address stands in brackets, the port has a default, and it listens on its address unless told."""
        seed["nodes"] = [{"id": "server1", "ip": "::1"}, {"id": "server2", "ip": "host-2", "bind": "0.0.0.0"}]
        first, second = parse(seed).nodes
        assert (first.url, first.bind) == ("http://[::1]:3300", "::1")
        assert (second.url, second.bind) == ("http://host-2:3300", "0.0.0.0")
