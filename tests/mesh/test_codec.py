"""The wire codec: whatever JSON a peer signs, it is taken, refused with a reason, or turned away; nothing else happens."""

from __future__ import annotations

import asyncio
import copy
import json
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from claudemail import config as configuration
from claudemail.errors import PeerRefused
from claudemail.keys import NodeKey
from claudemail.model.action import SIGNED_AS as ACTION_SIGNED_AS
from claudemail.model.brief import SIGNED_AS, canonical
from claudemail.model.ids import code_of, new_id
from claudemail.model.parcel import Answer, Batch, Origin, Pull, Setback
from claudemail.model.roster import Heartbeat
from claudemail.office import Office

KEY = NodeKey.new()
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(
        [
            "",
            "server1",
            "server2",
            "alpha",
            "charlie",
            "..",
            "/etc/passwd",
            "\x00",
            "\x1b[31m",
            "\ud800",
            "9" * 400,
            "brief",
        ]
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)


class Receiver:
    """A node that is handed batches, without a network in between."""

    def __init__(self, folder: Path) -> None:
        data = {
            "nodes": [
                {"id": "server1", "ip": "127.0.0.1", "gateway_port": 3300, "public_key": KEY.public},
                {"id": "server2", "ip": "127.0.0.1", "gateway_port": 3301, "public_key": NodeKey.new().public},
            ],
            "instances": [
                {"id": "instance1", "node_id": "server1", "callsigns": ["alpha"]},
                {"id": "instance2", "node_id": "server2", "callsigns": ["charlie"]},
            ],
            "db_path": "mail.db", "registry_db_path": "registry.db", "mailbox_dir": "mailbox",
        }  # fmt: skip
        config = configuration.parse(json.dumps(data), str(folder / "config.json"), {"CLAUDEMAIL_NODE": "server2"})
        self.path = config.db_path
        self.runner = asyncio.Runner()
        self.office = self.runner.run(Office.open(config))
        self._epochs = 0

    def epoch(self) -> str:
        """Return a new epoch."""
        self._epochs += 1
        return f"{self._epochs:016x}"

    def take_in(self, data: Any) -> Answer | Setback | None:
        """Hand over what was parsed from JSON; return the answer, or None if the door turns it away."""
        try:
            batch = Batch.model_validate_json(json.dumps(data))
            return self.runner.run(self.office.transit.take_in(Origin(node="server1", verified=True), batch))
        except (ValidationError, PeerRefused):
            return None

    def close(self) -> None:
        """End."""
        self.runner.run(self.office.close())
        self.runner.close()


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """One node for all that is tried."""
    with tempfile.TemporaryDirectory() as folder:
        node = Receiver(Path(folder))
        yield node
        node.close()


def brief_parcel(seq: int) -> dict[str, Any]:
    """Return a parcel as it should be."""
    id = new_id(1_800_000_000_000)
    content = {
        "id": id, "ref": code_of(id)[:4], "stamp": "01800000000000-00000-server1", "at": 1_800_000_000_000,
        "sender": {"name": "alpha", "node": "server1", "instance": "instance1"}, "to": ["charlie"], "title": "t", "body": "b",
        "thread": id, "actions": [{"text": "do it"}], "labels": ["x"], "priority": "high",
    }  # fmt: skip
    return {
        "seq": seq,
        "id": new_id(1),
        "kind": "brief",
        "body": {"brief": content, "signature": "", "for": ["charlie"]},
    }


def change_parcel(seq: int) -> dict[str, Any]:
    """Return a parcel with a change of an action."""
    change = {
        "id": new_id(1), "action": new_id(2), "node": "server1", "by": "alpha", "at": 1_800_000_000_000,
        "stamp": "01800000000000-00001-server1", "fields": {"text": "do it", "status": "pending"},
    }  # fmt: skip
    return {"seq": seq, "id": new_id(1), "kind": "actions", "body": {"changes": [{"change": change, "signature": ""}]}}


def other_parcels(seq: int) -> list[dict[str, Any]]:
    """Return a parcel of each other kind."""
    receipt = {"brief_id": new_id(3), "recipient": "alpha", "state": "read", "at": 5, "by": "alpha"}
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("receipts", {"receipts": [receipt]}),
        ("action-digests", {"digests": {"7": "0" * 16}}),
        ("action-history", {"changes": []}),
    ]
    return [
        {"seq": seq + number, "id": new_id(1), "kind": kind, "body": body} for number, (kind, body) in enumerate(bodies)
    ]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of everything in a JSON value."""
    found = [path]
    if isinstance(value, dict):
        for key in value:
            found += places(value[key], (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            found += places(item, (*path, number))
    return found


def put(data: Any, path: tuple[Any, ...], value: Any, *, remove: bool) -> None:
    """Replace what is at a path, or take it away."""
    for step in path[:-1]:
        data = data[step]
    if remove:
        del data[path[-1]]
    else:
        data[path[-1]] = value


def sign_all(data: dict[str, Any]) -> None:
    """Sign every brief and change as its node would, whatever is in it."""
    for parcel in data["parcels"] if isinstance(data.get("parcels"), list) else []:
        body = parcel.get("body") if isinstance(parcel, dict) else None
        if not isinstance(body, dict):
            continue
        if body.get("signature") == "":
            body["signature"] = KEY.sign(SIGNED_AS + _canonical(body.get("brief")))
        changes = body.get("changes")
        for sent in changes if isinstance(changes, list) else []:
            if isinstance(sent, dict) and sent.get("signature") == "":
                sent["signature"] = KEY.sign(ACTION_SIGNED_AS + _canonical(sent.get("change")))


def _canonical(value: Any) -> bytes:
    try:
        return canonical(value).encode()
    except (TypeError, ValueError, AttributeError):
        return b""


@given(st.data())
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_change_of_a_batch_is_taken_refused_or_turned_away(receiver: Receiver, data: st.DataObject) -> None:
    """Wherever a batch differs from what it should be, nothing fails, and the lane is as far as the answer says."""
    batch: dict[str, Any] = {
        "epoch": receiver.epoch(),
        "parcels": [brief_parcel(1), change_parcel(2), *other_parcels(3), brief_parcel(6)],
    }
    good = copy.deepcopy(batch)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from([place for place in places(batch) if place]))
        put(batch, path, data.draw(JSON), remove=data.draw(st.booleans()))
    sign_all(batch)
    answer = receiver.take_in(batch)
    if isinstance(answer, Answer):
        assert answer.have == len(batch["parcels"]) == batch["parcels"][-1]["seq"]
        assert {refusal.seq for refusal in answer.refused} <= {parcel["seq"] for parcel in batch["parcels"]}
        assert receiver.take_in(batch) == answer  # again, it is the same
    sign_all(good)
    good["epoch"] = receiver.epoch()
    for parcel in good["parcels"]:
        parcel["id"] = new_id(1)
    later = receiver.take_in(good)
    assert isinstance(later, Answer)
    assert later == Answer(have=6)


@given(st.binary(max_size=400) | JSON.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")))
@settings(max_examples=400, deadline=None)
def test_any_bytes_are_parsed_or_turned_away(text: bytes) -> None:
    """Every body that the door may see is a model or a ValidationError."""
    for model in (Batch, Heartbeat, Pull):
        try:
            model.model_validate_json(text)
        except ValidationError:
            continue


def test_what_was_tried_left_the_database_whole(receiver: Receiver) -> None:
    """After all of it SQLite finds nothing broken, and no count is off."""
    with closing(sqlite3.connect(receiver.path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert (
            connection.execute("SELECT sum(unread) FROM counters").fetchone()
            == connection.execute("SELECT count(*) FROM entries WHERE read_at IS NULL").fetchone()
        )
        assert connection.execute("SELECT count(*) FROM briefs").fetchone()[0] > 0
