"""Rotation: a node gets a new key while mail flows, and every peer comes to know it from the old one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from claudemail import config_file, running
from claudemail.config import Config
from claudemail.errors import RotationUnderWay
from claudemail.keys import KEY_FILE, NEXT_KEY_FILE, NodeKey
from claudemail.model.brief import Draft
from claudemail.model.ids import new_id
from claudemail.model.parcel import Answer, Batch, Origin, Parcel
from claudemail.office import Office, keeping
from claudemail.office.actions import NewAction
from claudemail.testing import Fleet, Member, until
from tests.mesh.lone import command, on, titles


def now_of(member: Member) -> Config:
    """Return what the config file of a node says now."""
    return config_file.reread(member.config)


def key_known(member: Member, node_id: str) -> tuple[str | None, tuple[str, ...]]:
    """Return by which key, and which previous ones, a node knows another now."""
    [node] = [node for node in now_of(member).nodes if node.id == node_id]
    return node.public_key, node.previous_keys


async def test_mail_flows_while_a_key_is_changed_and_a_peer_is_down(fleet: Fleet) -> None:
    """Sent before, during and after, both ways, with the peer killed in between: all of it arrives once, in order, verified."""
    one, two = fleet["server1"], fleet["server2"]
    fleet.start()
    old = one.config.node.public_key
    assert old is not None
    sent: dict[str, list[str]] = {"server1": [], "server2": []}
    async with await Office.open(one.config) as here, await Office.open(two.config) as there:

        async def flow(office: Office, to: str, count: int) -> None:
            for _ in range(count):
                title = f"{len(sent[office.config.node_id])}"
                await office.send(office.operator(), Draft(to=[to], title=title, actions=[title]))
                sent[office.config.node_id].append(title)

        async def both(count: int) -> None:
            await asyncio.gather(flow(here, "charlie", count), flow(there, "alpha", count))

        await both(20)
        two.kill()
        rotating = asyncio.create_task(both(20))
        view = await asyncio.to_thread(on, one, "keys", "rotate")
        await rotating
        new = view["rotation"]["new_public_key"]
        assert (view["public_key"], view["rotation"]["waiting"]) == (old, ["server2"])
        shown = await asyncio.to_thread(command, one.environment, "keys")
        assert "server2 has not heard of it yet" in shown.stdout
        refused = await asyncio.to_thread(command, one.environment, "keys", "rotate")
        assert (refused.returncode, "server2 has not heard" in refused.stderr) == (1, True)
        assert key_known(two, "server1") == (old, ())
        two.start(wait=False)
        await both(20)
        await asyncio.to_thread(until, lambda: key_known(two, "server1") == (new, (old,)), "the peer knows the new key")
        await asyncio.to_thread(until, lambda: not Path(one.folder, NEXT_KEY_FILE).exists(), "all have heard")
        assert NodeKey.load_or_create(one.folder).public == new
        assert key_known(one, "server1") == (new, (old,))
        await both(20)
        for office, box, sender in ((there, "charlie", "server1"), (here, "alpha", "server2")):
            await drained(office, box, sent[sender])
        for office in (here, there):
            assert (await office.status()).dead_letters == []


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_both_nodes_change_keys_again_and_again_while_they_are_killed(fleet: Fleet, seed: int) -> None:
    """Whoever is killed when, and however the changes of both meet: every brief arrives once, in order, verified."""
    dice = random.Random(seed)
    members = [fleet["server1"], fleet["server2"]]
    boxes = {"server1": "charlie", "server2": "alpha"}
    sent: dict[str, list[str]] = {"server1": [], "server2": []}
    rotations = 0
    fleet.start()
    for _ in range(40):
        member = dice.choice(members)
        async with await Office.open(now_of(member)) as office:
            for _ in range(dice.randrange(12)):
                titles = sent[office.config.node_id]
                titles.append(f"{len(titles)}")
                await office.send(office.operator(), Draft(to=[boxes[office.config.node_id]], title=titles[-1]))
            with contextlib.suppress(RotationUnderWay):
                await office.rotate_key()
                rotations += 1
        await asyncio.sleep(dice.random() * 2)
        if dice.random() < 0.5:
            other = dice.choice(members)
            await asyncio.to_thread(other.kill)
            await asyncio.sleep(dice.random())
            other.start(wait=False)
    for member in members:
        await asyncio.to_thread(until, lambda m=member: not Path(m.folder, NEXT_KEY_FILE).exists(), "it is over", 120)  # type: ignore[misc]
    assert rotations > 4
    for member, sender in zip(reversed(members), sent, strict=True):
        async with await Office.open(now_of(member)) as office:
            await drained(office, boxes[sender], sent[sender])
            assert (await office.status()).dead_letters == []
    for one, other in (members, members[::-1]):
        own = NodeKey.load_or_create(one.folder).public
        assert key_known(one, one.config.node_id)[0] == key_known(other, one.config.node_id)[0] == own


async def drained(office: Office, mailbox: str, expected: list[str]) -> None:
    """Return once a mailbox has these titles, in this order, each once, and all of them verified."""
    changed = asyncio.Event()
    unsubscribe = office.subscribe(changed.set)
    async with asyncio.timeout(40):
        while len((page := await office.inbox([mailbox], limit=1_000)).rows) < len(expected):
            await changed.wait()
            changed.clear()
    unsubscribe()
    assert [(row.title, row.verified) for row in reversed(page.rows)] == [(title, True) for title in expected]


async def test_a_peer_whose_acknowledgement_was_lost_is_reached_by_the_new_key(fleet: Fleet) -> None:
    """A peer that knows the new key refuses requests by the old one; it is called with the new one then, and nothing stops."""
    one, two = fleet["server1"], fleet["server2"]
    old = one.config.node.public_key or ""
    async with await Office.open(one.config) as office:
        view = await office.rotate_key()
        config_file.replace_key(two.config, "server1", old, view.new_public_key)
        sent = await office.send(office.operator(), Draft(to=["charlie"], title="t"))
        fleet.start()
        changed = asyncio.Event()
        office.subscribe(changed.set)
        async with asyncio.timeout(30):
            while (await office.read(office.operator(), sent.ref)).recipients[0].state == "queued":
                await changed.wait()
                changed.clear()
    await asyncio.to_thread(until, lambda: not Path(one.folder, NEXT_KEY_FILE).exists(), "the rotation is over")
    assert key_known(two, "server1") == (view.new_public_key, (old,))
    assert titles(await asyncio.to_thread(on, two, "inbox", "--all")) == [("t", True)]


@pytest.fixture
async def here(fleet: Fleet) -> AsyncIterator[Office]:
    """The office of server1."""
    async with await Office.open(fleet["server1"].config) as office:
        yield office


@pytest.fixture
async def there(fleet: Fleet) -> AsyncIterator[Office]:
    """The office of server2."""
    async with await Office.open(fleet["server2"].config) as office:
        yield office


async def carry(source: Office, target: Office) -> Answer | None:
    """Carry what one office has for another, as lanes do; return the answer, None if there was nothing."""
    batch = await source.transit.next_batch(target.config.node_id)
    if batch is None:
        return None
    arriving = Batch.model_validate_json(Batch(epoch=batch.epoch, parcels=batch.parcels).model_dump_json())
    answer = await target.transit.take_in(Origin(node=source.config.node_id, verified=True), arriving)
    if not isinstance(answer, Answer):
        await source.transit.set_back(target.config.node_id, batch.epoch, answer)
        return await carry(source, target)
    await source.transit.acknowledged(target.config.node_id, batch, answer)
    return answer


async def test_what_the_old_key_signed_stays_verified(here: Office, there: Office) -> None:
    """Mail and changes of actions signed before are taken, verified, after the key was replaced; requests want the new key."""
    old = here.key().public
    await here.rotate_key()
    first = await here.transit.next_batch("server2")
    assert first is not None
    assert [parcel.kind for parcel in first.parcels] == ["node-key"]
    await carry(here, there)
    await here.send(await here.party("alpha"), Draft(to=["charlie"], title="by the old key", actions=["Do it"]))
    action = await here.create_action(here.operator(), NewAction(text="Also"))
    await here.settle()
    assert here.key().public != old
    answer = await carry(here, there)
    assert answer is not None
    assert answer.refused == []
    [row] = (await there.inbox(["charlie"])).rows
    assert row.verified
    [change] = (await there.action(there.operator(), action.ref)).changes
    assert change.verified
    assert there.transit.peer_keys()["server1"] == here.key().public


async def test_an_announcement_must_be_signed_by_both_keys_and_be_news(here: Office, there: Office) -> None:
    """One that is forged, of another key than the known one, or old, changes nothing; what is news is passed on to others."""
    path = Path(there.config.path or "")
    old, stranger = here.key(), NodeKey.new()
    await here.rotate_key()
    batch = await here.transit.next_batch("server2")
    assert batch is not None
    body = batch.parcels[0].body
    before = path.read_text()
    for forged in (
        {**body, "signature": body["proof"]},
        {**body, "proof": body["signature"]},
        {**body, "change": {**body["change"], "new": stranger.public}},
        {**body, "change": {**body["change"], "node": "server2"}},
        {**body, "change": {}},
    ):
        assert await refusals(there, "server1", forged) == 1
    assert path.read_text() == before
    assert await refusals(there, "server1", body) == 0
    after = path.read_text()
    assert old.public in after
    await here.settle()
    for repeated in range(2):
        assert await refusals(there, "server1", body) == 0, repeated
    assert path.read_text() == after
    assert await there.transit.next_batch("server1") is None


async def refusals(office: Office, origin: str, body: dict[str, Any]) -> int:
    """Hand an office an announcement; return how many parcels it refused."""
    parcel = Parcel(seq=1, id=new_id(office.now()), kind="node-key", body=body)
    epoch = new_id(office.now()).replace("-", "")[-16:]
    answer = await office.transit.take_in(Origin(node=origin, verified=True), Batch(epoch=epoch, parcels=[parcel]))
    assert isinstance(answer, Answer)
    return len(answer.refused)


async def test_a_config_that_cannot_be_changed_does_not_hold_up_a_rotation(here: Office, there: Office) -> None:
    """The new key is known all the same, also after a restart; the checkup says what belongs into the file."""
    path = Path(there.config.path or "")
    path.chmod(0o444)
    view = await here.rotate_key()
    await carry(here, there)
    assert there.transit.peer_keys()["server1"] == view.new_public_key
    async with await Office.open(there.config) as again:
        assert again.transit.peer_keys()["server1"] == view.new_public_key
        [finding] = [one for one in (await again.checkup()).findings if one.rule == "config"]
        assert view.new_public_key in finding.remedy
        path.chmod(0o644)
        await again.write_down()
        assert view.new_public_key in path.read_text()
        assert [one for one in (await again.checkup()).findings if one.rule == "config"] == []


@pytest.mark.parametrize("done", ["nothing", "the config", "the key file"])
async def test_a_rotation_whose_end_was_cut_off_is_ended(here: Office, there: Office, done: str) -> None:
    """A gateway that is killed while it puts the new key in the place of the old one does the rest when it is back."""
    view = await here.rotate_key()
    await carry(here, there)
    if done != "nothing":
        config_file.replace_key(here.config, "server1", view.old_public_key, view.new_public_key)
    if done == "the key file":
        NodeKey.advance(Path(here.config.state_dir))
    async with await Office.open(config_file.reread(here.config)) as again:
        await again.settle(again=True)
        assert again.key().public == view.new_public_key
        assert await again.rotation() is None
        assert (await again.rotate_key()).old_public_key == view.new_public_key


async def test_a_second_rotation_waits_for_the_first(here: Office, there: Office) -> None:
    """While a peer has not heard, another rotation is refused and says who; after that it is possible."""
    first = await here.rotate_key()
    with pytest.raises(RotationUnderWay, match="server2 has not heard"):
        await here.rotate_key()
    assert NodeKey.next_in(Path(here.config.state_dir)).public == first.new_public_key  # type: ignore[union-attr]
    await carry(here, there)
    await here.settle()
    assert await here.rotation() is None
    second = await here.rotate_key()
    assert second.old_public_key == first.new_public_key
    await carry(here, there)
    known = json.loads(Path(there.config.path or "").read_text())["nodes"][0]
    assert (known["public_key"], known["previous_keys"]) == (
        second.new_public_key, [first.old_public_key, first.new_public_key],
    )  # fmt: skip


async def test_a_peer_that_comes_during_a_rotation_is_told(fleet: Fleet) -> None:
    """A node that was added meanwhile learns of the new key, too, before the old one goes."""
    config = fleet["server1"].config
    async with await Office.open(config) as office, await Office.open(fleet["server2"].config) as there:
        view = await office.rotate_key()
        await carry(office, there)
    entry = {"id": "later", "ip": "10.9.9.9", "public_key": NodeKey.new().public}
    with_later = config_file.add_node(config, entry, [])
    async with await Office.open(with_later) as office:
        await office.settle(again=True)
        state = await office.rotation()
        assert state is not None
        assert (state.heard, state.waiting) == (["server2"], ["later"])
        batch = await office.transit.next_batch("later")
        assert batch is not None
        assert [parcel.body["change"]["new"] for parcel in batch.parcels] == [view.new_public_key]
        assert NodeKey.next_in(Path(config.state_dir)) is not None


async def test_a_peer_that_refuses_the_new_key_is_named_and_told_again(here: Office, there: Office) -> None:
    """As one of an earlier version does. The rotation waits for it, says why, and announces again when the gateway starts."""
    await here.rotate_key()
    batch = await here.transit.next_batch("server2")
    assert batch is not None
    refusal = {"seq": 1, "code": "unknown_kind", "reason": "It knows no such parcels."}
    await here.transit.acknowledged("server2", batch, Answer.model_validate({"have": 1, "refused": [refusal]}))
    await here.settle()
    state = await here.rotation()
    assert state is not None
    assert state.refused == {"server2": "It knows no such parcels."}
    assert await here.transit.next_batch("server2") is None
    await here.settle(again=True)
    await carry(here, there)
    await here.settle()
    assert await here.rotation() is None


@pytest.mark.parametrize("heard", [False, True], ids=["nobody has heard", "the peer has heard"])
async def test_a_backup_made_during_a_rotation_brings_both_keys_back(
    fleet: Fleet, there: Office, tmp_path: Path, *, heard: bool
) -> None:
    """A node that was wiped after that goes on with the rotation from the backup, wherever that stood meanwhile."""
    config = fleet["server1"].config
    async with await Office.open(config) as office:
        view = await office.rotate_key()
        backup = await keeping.backup(config, tmp_path / "during.tar")
        if heard:
            await carry(office, there)
    with tarfile.open(backup.path) as tar:
        assert {KEY_FILE, NEXT_KEY_FILE} <= set(tar.getnames())
    for path in Path(config.state_dir).iterdir():
        if path.is_file() and path.name != "config.json":
            path.unlink()
    assert (await keeping.restore(config, Path(backup.path))).key == "restored"
    async with await Office.open(config) as office:
        assert [key.public for key in office.transit.own_keys()] == [view.old_public_key, view.new_public_key]
        await office.settle(again=True)
        while await carry(office, there) is not None:
            pass
        await office.settle()
        assert office.key().public == view.new_public_key
        assert await office.rotation() is None
    assert there.transit.peer_keys()["server1"] == view.new_public_key


async def test_a_backup_from_before_does_not_undo_a_rotation(fleet: Fleet, there: Office, tmp_path: Path) -> None:
    """The database of an earlier day beside a next key: all are told again. Beside the new key: that stays."""
    config = fleet["server1"].config
    backup = await keeping.backup(config, tmp_path / "before.tar")
    async with await Office.open(config) as office:
        view = await office.rotate_key()
        await carry(office, there)
    assert (await keeping.restore(config, Path(backup.path))).key == "same"
    async with await Office.open(config) as office:
        await office.settle(again=True)
        await carry(office, there)
        await office.settle()
        assert office.key().public == view.new_public_key
    assert (await keeping.restore(config, Path(backup.path))).key == "other"
    async with await Office.open(config) as office:
        await office.settle(again=True)
        assert office.key().public == view.new_public_key


async def test_files_signed_by_a_former_key_are_verified_when_the_database_is_made_anew(
    fleet: Fleet, here: Office, there: Office
) -> None:
    """A rebuild knows what this node and its peers signed before their keys were changed."""
    await here.send(here.operator(), Draft(to=["alpha"], title="own"))
    await here.send(here.operator(), Draft(to=["charlie"], title="theirs", actions=["A"]))
    await here.rotate_key()
    while await carry(here, there) is not None:
        pass
    await here.settle()
    for office in (here, there):
        while await office.mirror_some():
            pass
        await office.close()
    for member in fleet.nodes.values():
        made = await keeping.rebuild_database(now_of(member))
        assert (made.unverified, made.briefs > 0) == (0, True)


async def test_a_node_without_peers_has_its_new_key_at_once(fleet: Fleet) -> None:
    """There is nobody to tell; the config says the new key, and the command line shows it."""
    member = fleet["server1"]
    data = json.loads(member.config_path.read_text())
    data |= {"nodes": data["nodes"][:1], "instances": []}
    member.config_path.write_text(json.dumps(data))
    old = data["nodes"][0]["public_key"]
    view = on(member, "keys", "rotate")
    assert view["rotation"]["over"]
    assert on(member, "keys")["public_key"] == view["public_key"] != old
    assert key_known(member, "server1") == (view["public_key"], (old,))
    assert not running.is_held(member.config.state_dir)
