"""Changes of the config file: what is meant to change does, and nothing else."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claudemail import config as configuration
from claudemail import config_file
from claudemail.config import NODE_ENV, Config
from claudemail.errors import ConfigError
from claudemail.keys import NodeKey

KEYS = [NodeKey.new().public for _ in range(3)]
NODE = {"id": "newcomer", "ip": "10.9.9.9", "gateway_port": 3300, "public_key": KEYS[0]}
INSTANCES = [{"id": "fresh", "node_id": "newcomer", "callsigns": ["zulu-9"]}]
HANDWRITTEN = """\ufeff{
  "//": "our fleet",
  "//": "ask ops before you change it",
  "nodes": [
    { "id": "server1",   "ip": "10.0.0.1", "gateway_port": 33e2, "_rack": [ 1, {"a": null} ] },

    { "id": "server2", "ip": "10.0.0.2" }
  ],
  "colours": {"alpha": "r\\u00f6t", "n": 1.50},
  "instances": [],
  "node_id": "server1"
}
""".replace("33e2", "3300")


def load(path: Path, node_id: str = "server1") -> Config:
    """Load a file as a node."""
    return configuration.parse(path.read_text("utf-8-sig"), str(path), {NODE_ENV: node_id})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A config file that somebody wrote by hand."""
    file = tmp_path / "config.json"
    file.write_text(HANDWRITTEN)
    return file


def test_a_node_is_added_and_the_rest_stays_to_the_byte(path: Path) -> None:
    """Comments, also those of the same key, order, layout, numbers and encoding stay; the old text is kept beside."""
    path.chmod(0o640)
    config = config_file.add_node(load(path), NODE, INSTANCES)
    assert [node.id for node in config.nodes] == ["server1", "server2", "newcomer"]
    text = path.read_text()
    added = f",\n    {json.dumps(NODE)}"
    assert added in text
    assert f'"instances": [{json.dumps(INSTANCES[0])}]' in text
    # Nodes without a known key were believed, and go on to be, now that it has to be said.
    assert text.count(',\n  "allow_unsigned": true') == 1
    rest = text.replace(added, "").replace(json.dumps(INSTANCES[0]), "").replace(',\n  "allow_unsigned": true', "")
    assert rest == HANDWRITTEN
    assert Path(f"{path}{config_file.COPY}").read_text() == HANDWRITTEN
    assert [stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()] == [0o640, 0o640]


def test_the_same_again_writes_nothing(path: Path) -> None:
    """A node that is there is not added, whatever is said of it; the file is not touched."""
    config = config_file.add_node(load(path), NODE, INSTANCES)
    before = (path.read_text(), path.stat().st_mtime_ns, path.stat().st_ino)
    for other in (NODE, {**NODE, "ip": "10.1.1.1"}, {**NODE, "id": "NEWCOMER", "public_key": KEYS[1]}):
        config_file.add_node(config, other, INSTANCES)
    config_file.give_key(config, "newcomer", KEYS[1])
    config_file.replace_key(config, "newcomer", KEYS[1], KEYS[2])
    config_file.replace_key(config, "nobody", KEYS[0], KEYS[2])
    assert (path.read_text(), path.stat().st_mtime_ns, path.stat().st_ino) == before


def test_a_key_is_replaced_and_remembered(path: Path) -> None:
    """A new key takes the place of the old one, which becomes a previous one; of very many the oldest are forgotten."""
    config = config_file.give_key(load(path), "server2", KEYS[0])
    config = config_file.replace_key(config, "server2", KEYS[0], KEYS[1])
    [node] = config.peers
    assert (node.public_key, node.previous_keys) == (KEYS[1], (KEYS[0],))
    keys = [KEYS[1], *(NodeKey.new().public for _ in range(20))]
    for old, new in pairwise(keys):
        config = config_file.replace_key(config, "server2", old, new)
    [node] = config.peers
    assert (node.public_key, list(node.previous_keys)) == (keys[-1], keys[-17:-1])


def test_trust_is_neither_given_nor_taken(path: Path) -> None:
    """A fleet in which every node has a key by now is strict; what the file says itself of unsigned mail stays."""
    data = json.loads(HANDWRITTEN.removeprefix("\ufeff"))
    data["nodes"] = data["nodes"][:1]
    path.write_text(json.dumps(data))
    config = config_file.give_key(load(path), "server1", KEYS[1])
    config = config_file.add_node(config, NODE, [])
    assert not config.allow_unsigned
    assert "allow_unsigned" not in path.read_text()
    for said in (True, False):
        path.write_text(json.dumps({**data, "allow_unsigned": said}))
        assert config_file.add_node(load(path), NODE, []).allow_unsigned is said


def test_a_link_stays_a_link(path: Path, tmp_path: Path) -> None:
    """A config that is kept elsewhere, as in a repository, is changed there."""
    link = tmp_path / "elsewhere" / "config.json"
    link.parent.mkdir()
    link.symlink_to(path)
    config_file.add_node(load(link), NODE, INSTANCES)
    assert link.is_symlink()
    assert "newcomer" in path.read_text()
    assert [entry.name for entry in link.parent.iterdir()] == ["config.json"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.chmod(0o400),
        lambda path: Path(f"{path}{config_file.COPY}").mkdir(),
        lambda path: path.write_text(path.read_text().replace('"server2"', '"server1"')),
        lambda path: path.write_text(path.read_text()[:-9]),
        lambda path: path.write_bytes(b"\xff" + path.read_bytes()),
    ],
    ids=["write-protected", "no copy", "mistakes", "half", "not text"],
)
def test_what_cannot_be_changed_stays_as_it_is(path: Path, spoil: Any) -> None:
    """Where the file cannot be written, or has mistakes, the error names it, and nothing is changed or left behind."""
    config = load(path)
    spoil(path)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=r"config\.json"):
        config_file.add_node(config, NODE, INSTANCES)
    assert path.read_bytes() == before
    assert {entry.name for entry in path.parent.iterdir()} <= {"config.json", f"config.json{config_file.COPY}"}


def test_a_change_that_would_not_be_valid_is_not_made(path: Path) -> None:
    """A newcomer whose names are taken, or whose address is, leaves no trace in the file."""
    config = config_file.add_node(load(path), NODE, INSTANCES)
    before = path.read_bytes()
    for node, instances in [
        ({**NODE, "id": "third"}, []),
        ({**NODE, "id": "third", "gateway_port": 4}, [{"id": "FRESH", "node_id": "third"}]),
        ({**NODE, "id": "operator", "gateway_port": 4}, []),
    ]:
        with pytest.raises(ConfigError):
            config_file.add_node(config, node, instances)
    assert path.read_bytes() == before


def test_a_file_is_made_once(tmp_path: Path) -> None:
    """A new file is for its owner alone, and none is written over."""
    path = tmp_path / "new" / "config.json"
    data = {"node_id": "newcomer", "nodes": [NODE], "instances": INSTANCES}
    config = config_file.create(str(path), data, node_id="newcomer")
    assert (config.node_id, stat.S_IMODE(path.stat().st_mode)) == ("newcomer", 0o600)
    assert json.loads(path.read_text()) == data
    with pytest.raises(ConfigError, match="File exists"):
        config_file.create(str(path), {**data, "instances": []}, node_id="newcomer")
    assert json.loads(path.read_text()) == data
    assert [entry.name for entry in path.parent.iterdir()] == ["config.json"]


ADDER = """
import sys
from claudemail import config, config_file
path, number = sys.argv[1], int(sys.argv[2])
found = config.parse(open(path, encoding="utf-8-sig").read(), path, {})
sys.stdin.readline()
for step in range(5):
    name = f"n{number}-{step}"
    config_file.add_node(found, {"id": name, "ip": f"10.1.{number}.{step}"}, [{"id": f"i{number}-{step}", "node_id": name}])
"""


def test_several_processes_lose_nothing_of_each_other(path: Path) -> None:
    """Whoever changes the file at the same time, every change is in it in the end."""
    adders = [
        subprocess.Popen([sys.executable, "-c", ADDER, str(path), str(number)], stdin=subprocess.PIPE)
        for number in range(4)
    ]
    for adder in adders:
        assert adder.stdin is not None
        adder.stdin.write(b"go\n")
        adder.stdin.close()
    assert [adder.wait() for adder in adders] == [0] * 4
    assert len(load(path).nodes) == 2 + 20


def _named(prefix: str) -> st.SearchStrategy[str]:
    return st.integers(0, 10**6).map(lambda number: f"{prefix}{number}")


SPACE = st.text(" \t\n\r", max_size=3)
LEAVES = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)
EXTRA = st.dictionaries(
    st.text(max_size=8).map(lambda text: "_" + text),
    st.recursive(
        LEAVES | st.text(max_size=12),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a valid configuration with keys of its own at every level, in any order."""
    ids = draw(st.lists(_named("node"), min_size=1, max_size=4, unique=True))
    nodes = [
        {**draw(EXTRA), "id": id, "ip": f"10.0.0.{place}", "public_key": draw(st.sampled_from([None, *KEYS]))}
        for place, id in enumerate(ids)
    ]
    names = draw(st.lists(_named("name"), max_size=4, unique=True))
    data: dict[str, Any] = {"nodes": nodes, "node_id": ids[0], **draw(EXTRA)}
    if names:
        data["instances"] = [{**draw(EXTRA), "id": name, "node_id": draw(st.sampled_from(ids))} for name in names]
    if draw(st.booleans()):
        data["allow_unsigned"] = draw(st.booleans())
    return dict(draw(st.permutations(list(data.items()))))


@given(data=configs(), layout=st.sampled_from([{}, {"indent": 2}, {"indent": "\t"}, {"separators": (",", ":")}]),
       plain=st.booleans(), edges=st.tuples(SPACE, SPACE))  # fmt: skip
def test_whatever_else_the_file_says_is_unchanged(
    tmp_path_factory: pytest.TempPathFactory, data: dict[str, Any], layout: Any, plain: Any, edges: tuple[str, str]
) -> None:
    """Any valid file, in any layout, says after each kind of change what it said before, and what was added."""
    path = tmp_path_factory.getbasetemp() / "any.json"
    text = edges[0] + json.dumps(data, ensure_ascii=plain, **layout) + edges[1]
    path.write_bytes(text.encode("utf-8", "surrogatepass") if plain else text.encode("utf-8", "replace"))
    text = path.read_bytes().decode()
    data = json.loads(text)
    config = configuration.parse(text, str(path), {})
    first = data["nodes"][0]

    after = json.loads(json.dumps(data))
    old = first["public_key"]
    after["nodes"][0]["public_key"] = old or KEYS[2]
    config = config_file.give_key(config, first["id"], KEYS[2])
    if old is not None:
        config = config_file.replace_key(config, first["id"], old, "ed25519:" + "A" * 43 + "=")
        after["nodes"][0] |= {"public_key": "ed25519:" + "A" * 43 + "=", "previous_keys": [old]}
    config = config_file.add_node(config, NODE, INSTANCES)
    after["nodes"].append(NODE)
    after.setdefault("instances", []).extend(INSTANCES)
    was_open = data.get("allow_unsigned", not any(node["public_key"] for node in data["nodes"]))
    if was_open and any(node["public_key"] is None for node in after["nodes"]):
        after["allow_unsigned"] = True
    found = path.read_bytes().decode()
    assert json.loads(found) == after
    assert list(json.loads(found))[: len(data)] == list(data)
    assert found.startswith(edges[0])
    assert found.endswith(edges[1])
    assert os.path.samefile(path, config.path or "")
