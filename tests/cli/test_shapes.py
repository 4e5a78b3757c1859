"""`claudemail shapes`, and that what commands print with --json has these shapes, in this version and the next.

Run as a program it writes the shapes of today into the file that the next version is held to.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from claudemail.cli.group import COMMANDS, claudemail
from claudemail.cli.shapes import shapes
from claudemail.model.receipt import Receipt

FILE = Path(__file__).with_name("shapes.json")
REGENERATE = "If that is meant, and nobody's scripts read it: .venv/bin/python tests/cli/test_shapes.py"
SHAPES = shapes()
GATEWAY_LOCK = "gateway.lock"


def commands_with_json() -> Iterator[str]:
    """Yield the name of each command and subcommand that has the option --json."""
    for name in COMMANDS:
        command = claudemail.get_command(click.Context(claudemail), name)
        assert command is not None
        below = command.commands if isinstance(command, click.Group) else {}
        for words, one in ((name, command), *((f"{name} {verb}", each) for verb, each in below.items())):
            if any("--json" in parameter.opts for parameter in one.params):
                yield words


def places(schema: dict[str, Any], defs: dict[str, Any] | None = None, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path of every property in a schema with its type, and of every word that it may be."""
    defs = schema.get("$defs", defs or {})
    kinds = [followed(kind, defs) for kind in followed(schema, defs).get("anyOf", [schema])]
    yield path or ".", " | ".join(sorted(str(kind.get("type", "any")) for kind in kinds))
    for whole in kinds:
        for word in whole.get("enum", []):
            yield f"{path} = {word}", "word"
        for name, inner in whole.get("properties", {}).items():
            yield from places(inner, defs, f"{path}.{name}".removeprefix("."))
        if isinstance(whole.get("items"), dict):
            yield from places(whole["items"], whole.get("$defs", defs), f"{path}[]")
        if isinstance(whole.get("additionalProperties"), dict):
            yield from places(whole["additionalProperties"], defs, f"{path}{{}}")


def followed(schema: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    """Return a schema, or what it refers to."""
    return followed(defs[schema["$ref"].rsplit("/", 1)[1]], defs) if "$ref" in schema else schema


def flat() -> dict[str, dict[str, str]]:
    """Return every shape as the types of its places."""
    return {name: dict(places(schema)) for name, schema in SHAPES.items()}


def mismatches(value: object, schema: dict[str, Any], defs: dict[str, Any], path: str = "") -> list[str]:
    """Return where a value is not as a schema says; a property that only one of them has counts as well."""
    defs = schema.get("$defs", defs)
    schema = followed(schema, defs)
    if "anyOf" in schema:
        tries = [mismatches(value, kind, defs, path) for kind in schema["anyOf"]]
        return min(tries, key=len)
    if not is_of(value, schema.get("type")):
        return [f"{path or '.'}: {json.dumps(value)[:60]} is no {schema['type']}"]
    found: list[str] = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{path}: {value!r} is none of {schema['enum']}")
    if isinstance(value, list):
        for number, item in enumerate(value):
            found += mismatches(item, schema.get("items", {}), defs, f"{path}[{number}]")
    if isinstance(value, dict):
        known = schema.get("properties", {})
        found += [f"{path}.{name} is lacking" for name in known if name not in value]
        rest = schema.get("additionalProperties", not known)
        for name, inner in value.items():
            if name in known:
                found += mismatches(inner, known[name], defs, f"{path}.{name}")
            elif isinstance(rest, dict):
                found += mismatches(inner, rest, defs, f"{path}.{name}")
            elif not rest:
                found.append(f"{path}.{name} is in no shape")
    return found


def is_of(value: object, kind: str | None) -> bool:
    """Return whether a value is of a JSON type."""
    if kind in ("integer", "number"):
        return isinstance(value, int if kind == "integer" else int | float) and not isinstance(value, bool)
    kinds: dict[str | None, type] = {
        "string": str,
        "boolean": bool,
        "array": list,
        "object": dict,
        "null": type(None),
        None: object,
    }
    return isinstance(value, kinds[kind])


class TestCommand:
    """`claudemail shapes`."""

    def test_list(self, node: Any) -> None:
        """Without a name it lists what has a shape."""
        ran = node("shapes")
        assert (ran.code, ran.out.splitlines()) == (0, list(SHAPES))

    @pytest.mark.parametrize("name", SHAPES)
    def test_each(self, node: Any, name: str) -> None:
        """Each one is printed as a JSON schema, in ASCII; the name may be one word of the shell's."""
        ran = node("shapes", name)
        assert ran.code == 0
        assert ran.out.isascii()
        assert ran.json == SHAPES[name]
        assert ran.json["type"] in ("object", "array")

    @pytest.mark.parametrize(
        ("arguments", "code", "says"),
        [
            (["nothing"], 3, ["'nothing'", "inbox", "action list"]),
            (["action", "list"], 2, ["extra argument"]),
        ],
    )
    def test_mistakes(self, node: Any, arguments: list[str], code: int, says: list[str]) -> None:
        """What there is not is refused with its exit code and with what there is."""
        ran = node("shapes", *arguments)
        assert (ran.code, ran.out) == (code, "")
        for words in says:
            assert words in ran.err


class TestComplete:
    """Every command that prints JSON has a shape, and every shape a command."""

    @pytest.mark.parametrize(
        "name",
        list(commands_with_json()),
    )
    def test_every_command_has_a_shape(self, name: str) -> None:
        """A command with --json says what it prints."""
        assert name in SHAPES

    def test_every_shape_has_a_command(self) -> None:
        """A shape is that of a command with --json, of one with an option, or that of errors."""
        known = set(commands_with_json())
        assert [name for name in SHAPES if name.split(" --")[0] not in known] == ["error"]

    def test_it_is_seen(self) -> None:
        """A value that is not of a shape would be seen."""
        shape = SHAPES["inbox"]
        assert mismatches({"rows": [], "unread": 0, "cursor": None}, shape, {}) == []
        wrong: list[Any] = [
            [], {"rows": [], "unread": 0}, {"rows": {}, "unread": 0, "cursor": None},
            {"rows": [], "unread": "0", "cursor": None}, {"rows": [], "unread": 0, "cursor": 1.5},
            {"rows": [{}], "unread": 0, "cursor": None}, {"rows": [], "unread": 0, "cursor": None, "x": 1},
            {"rows": [], "unread": True, "cursor": None},
        ]  # fmt: skip
        for value in wrong:
            assert mismatches(value, shape, {})


class TestOutput:
    """What commands print."""

    LINES = (
        ("send", ["send", "--to", "charlie", "--title", "T", "--json"]),
        ("check", ["check", "--as", "alpha", "--json"]),
        ("inbox", ["inbox", "--all", "--json"]),
        ("read", ["read", "1", "--json"]),
        ("thread", ["thread", "1", "--json"]),
        ("star", ["star", "1", "--json"]),
        ("search", ["search", "from:bravo", "--json"]),
        ("waiting", ["waiting", "--as", "bravo", "--json"]),
        ("waiting --wait", ["waiting", "--as", "bravo", "--wait", "60", "--json"]),
        ("digest", ["digest", "--as", "alpha", "--json"]),
        ("clean", ["clean", "--all", "--days", "0", "--json"]),
        ("actions", ["actions", "--as", "alpha", "--json"]),
        ("action create", ["action", "create", "A", "--due", "fri", "--note", "N", "--json"]),
        ("action update", ["action", "update", "1", "--note", "N", "--assignee", "none", "--json"]),
        ("action list", ["action", "list", "--status", "all", "--limit", "1", "--json"]),
        ("action show", ["action", "show", "1", "--json"]),
        ("action done", ["action", "done", "1", "2", "--json"]),
        ("action start", ["action", "start", "1", "2", "--json"]),
        ("action block", ["action", "block", "1", "2", "--json"]),
        ("action drop", ["action", "drop", "1", "2", "--json"]),
        ("status", ["status", "--json"]),
        ("roster", ["roster", "--json"]),
        ("retry", ["retry", "--json"]),
        ("checkup", ["checkup", "--json"]),
        ("doctor", ["doctor", "--json"]),
        ("keys", ["keys", "--json"]),
        ("gateway status", ["gateway", "status", "--json"]),
        ("keys rotate", ["keys", "rotate", "--json"]),
        ("console", ["console", "--json"]),
        ("setup", ["setup", "--dry-run", "--json"]),
        ("rebuild files", ["rebuild", "files", "--json"]),
        ("error", ["read", "zzzz", "--json"]),
        ("error", ["action", "create", "--json"]),
        ("error", ["search", "--json"]),
    )

    @pytest.fixture
    def busy(self, node: Any, peer: Any) -> Any:
        """A node with mail, actions and a peer, so that what is printed has something of everything."""
        first = node.send("alpha,charlie", "Deploy blocker", body="It fails.", actions=["Review it"], priority="urgent")
        node.send(
            "bravo", "Re: Deploy blocker", "alpha", reply_to=first, labels=["ci"], due="2100-01-01", actions=["Mend it"]
        )
        node.send("alpha,bravo", "Freeze", "operator", actions=["Say so", {"text": "Go", "priority": "high"}])
        peer.fetch()
        node("read", "1", "--as", "alpha")
        node("star", "3", "--as", "alpha")
        return node

    def test_every_shape_is_here(self) -> None:
        """No shape goes without a command that is run, here, where a backup is made and restored, or where nodes join."""
        kept = {"backup", "restore", "rebuild database", "invite", "join"}
        assert {name for name, _ in self.LINES} | kept == set(SHAPES)

    def test_of_each_command(self, busy: Any) -> None:
        """What each command prints with --json has its shape, to the last property."""
        for name, arguments in self.LINES:
            ran = busy(*arguments)
            assert ran.err == ""
            assert ran.out.isascii()
            assert mismatches(ran.json, SHAPES[name], {}) == [], name

    def test_of_keeping(self, busy: Any, tmp_path: Path) -> None:
        """What is printed of a backup, a restore and a rebuild has its shape."""
        busy("rebuild", "files")
        os.unlink(Path(busy.config.state_dir, GATEWAY_LOCK))  # what the fixture holds, and a restore needs
        target = str(tmp_path / "backup.tar")
        for name, arguments in (("backup", [target]), ("restore", [target]), ("rebuild database", [])):
            ran = busy(*name.split(), *arguments, "--json")
            assert (ran.code, ran.err) == (0, "")
            assert mismatches(ran.json, SHAPES[name], {}) == [], name

    @pytest.mark.parametrize("verb", ["done", "start", "block", "drop"])
    def test_of_one_action(self, busy: Any, verb: str) -> None:
        """One action is printed in the same shape as several."""
        ran = busy("action", verb, "1", "--json")
        assert mismatches(ran.json, SHAPES[f"action {verb}"], {}) == []

    def test_of_a_wait_that_ran_out(self, node: Any) -> None:
        """A send whose wait ran out has the shape of a send, and that of an error beside it."""
        ran = node("send", "--to", "charlie", "--title", "T", "--wait", "read", "--timeout", "0", "--json")
        data = ran.json
        assert mismatches({"error": data.pop("error")}, SHAPES["error"], {}) == []
        assert mismatches(data, SHAPES["send"], {}) == []


class TestStable:
    """What holds from one version to the next."""

    @pytest.mark.parametrize("name", json.loads(FILE.read_text()) if FILE.exists() else [])
    def test_nothing_is_lost(self, name: str) -> None:
        """Every field of a shape stays, with its name, its type and the words that it may be; new ones may come."""
        known: dict[str, str] = json.loads(FILE.read_text())[name]
        today = flat().get(name, {})
        lost = [
            f"{name}: {place} was {kind}, and is {today.get(place, 'gone')}"
            for place, kind in known.items()
            if today.get(place) != kind
        ]
        assert not lost, "\n".join([*lost, REGENERATE])

    def test_every_shape_is_kept(self) -> None:
        """A shape that is new is in the file as well, so that it stays from now on."""
        known: dict[str, dict[str, str]] = json.loads(FILE.read_text())
        assert set(SHAPES) <= set(known), f"New: {', '.join(set(SHAPES) - set(known))}. {REGENERATE}"

    def test_a_loss_is_seen(self) -> None:
        """The places of a shape tell apart what scripts would."""
        before = dict(places(Receipt.model_json_schema(mode="serialization")))
        assert before["state"] == "string"
        assert before["state = read"] == "word"
        assert before["by"] == "null | string"
        assert re.fullmatch(r"[a-z_]+( = [a-z]+)?|\.", next(iter(before)))
        assert flat()["inbox"]["rows[].sender.node"] == "string"
        assert flat()["check"]["by_priority{}"] == "integer"
        assert flat()["action done"]["[].action.ref"] == "string"


if __name__ == "__main__":
    FILE.write_text(json.dumps(flat(), indent=1, sort_keys=True) + "\n")
