"""Sending: who gets it, what is refused, and what a repeated send does."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from claudemail import config as configuration
from claudemail.config import Config
from claudemail.errors import BriefTooLarge, InvalidInput, KeyReused, LeaseLost, NotFound, StoreForeign, UnknownName
from claudemail.keys import verify
from claudemail.model.brief import MAX_BRIEF_BYTES, SIGNED_AS, Draft, Priority, canonical
from claudemail.model.query import Query
from claudemail.model.receipt import DeliveryState
from claudemail.model.roster import Heartbeat, Presence
from claudemail.office import Office

if TYPE_CHECKING:
    from tests.office.conftest import Carry

HELD: dict[str, Any] = {"holder": "h1", "pid": 1, "client_pid": 1, "session_id": None, "project": None}


async def send(office: Office, who: str | None, **fields: Any) -> Any:
    """Send a brief as a party of this node."""
    party = await office.party(who)
    return await office.send(party, Draft(**{"to": ["bravo"], "title": "t", "body": "b", **fields}))


def names(result: Any) -> set[str]:
    """Return the recipients as `name@node`."""
    return {f"{one.name}@{one.node}" for one in result.recipients}


async def accepted(office: Office) -> int:
    """Return how many briefs the node has."""
    return (await office.status()).briefs


class TestAcceptance:
    """What an accepted brief is."""

    async def test_it_is_in_the_mailbox_when_send_returns(self, office: Office) -> None:
        """A brief to a callsign of the same node is delivered at once, and unread."""
        result = await send(office, "alpha", title="Deploy Blocker", priority=Priority.HIGH)
        assert [(one.name, one.state) for one in result.recipients] == [("bravo", DeliveryState.DELIVERED)]
        page = await office.inbox(["bravo"])
        assert [(row.ref, row.number, row.title, row.unread) for row in page.rows] == [
            (result.ref, result.number, "Deploy Blocker", True)
        ]

    async def test_it_waits_for_a_peer(self, office: Office) -> None:
        """A brief to another node is queued, with one place in that node's lane for all its names there."""
        result = await send(office, "alpha", to=["charlie", "operator@server2"])
        assert {one.state for one in result.recipients} == {DeliveryState.QUEUED}
        assert [lane.waiting for lane in (await office.status()).lanes] == [1]

    async def test_it_is_signed_by_its_node(self, office: Office) -> None:
        """The kept signature is this node's over the kept canonical text."""
        result = await send(office, "alpha", to=["charlie"], body="Grüße")
        batch = await office.transit.next_batch("server2")
        assert batch is not None
        body = batch.parcels[0].body
        assert body["brief"]["id"] == result.id
        assert verify(office.key().public, body["signature"], SIGNED_AS + canonical(body["brief"]).encode())
        assert body["for"] == ["charlie"]

    async def test_the_signature_line_ends_the_body_once(self, office: Office) -> None:
        """The sender's line from the config is put under the body, unless it is there already."""
        first = await send(office, "alpha", body="text")
        second = await send(office, "alpha", body="text\n\n// alpha, over\n")
        third = await send(office, "alpha", body="")
        bodies = [(await office.read(office.operator(), one.ref)).brief.body for one in (first, second, third)]
        assert bodies == ["text\n\n// alpha, over", "text\n\n// alpha, over", "// alpha, over"]

    async def test_the_size_limit_counts_the_signature_line(self, office: Office) -> None:
        """What is accepted is never over the limit that its recipients hold it to, signature line and all."""
        with pytest.raises(BriefTooLarge, match=str(MAX_BRIEF_BYTES)):
            await send(office, "alpha", to=["charlie"], title="t", body="x" * (MAX_BRIEF_BYTES - 1))
        assert await accepted(office) == 0
        await send(office, None, to=["charlie"], title="t", body="x" * (MAX_BRIEF_BYTES - 1))

    async def test_refs_of_many_briefs_stay_apart(self, office: Office) -> None:
        """Each of many briefs has a ref and a number of its own, and each finds its brief."""
        results = await asyncio.gather(*(send(office, "alpha", title=f"t{i}") for i in range(200)))
        assert len({one.ref for one in results}) == len({one.number for one in results}) == 200
        operator = office.operator()
        for one in results[::20]:
            for word in (one.ref, one.ref.upper(), str(one.number), f"#{one.number}", one.id):
                assert (await office.read(operator, word)).brief.id == one.id

    async def test_stamps_grow_over_a_restart_with_the_clock_set_back(self, config: Config) -> None:
        """A brief accepted after a restart is stamped later than one before it, whatever the wall clock says."""
        stamps = []
        for start in (1_790_000_000_000, 1_700_000_000_000):
            wall = itertools.count(start)
            async with await Office.open(config, wall=wall.__next__) as office:
                result = await send(office, "alpha")
                stamps.append((await office.read(office.operator(), result.ref)).brief.stamp)
        assert stamps[0] < stamps[1]


class TestRecipients:
    """What an address means."""

    @pytest.mark.parametrize(
        ("who", "to", "expected"),
        [
            ("alpha", "all", {"bravo@server1", "charlie@server2"}),
            ("charlie@server2", "all", {"alpha@server1", "bravo@server1"}),
            (None, "all", {"alpha@server1", "bravo@server1", "charlie@server2"}),
            ("instance1", "all", {"alpha@server1", "bravo@server1", "charlie@server2"}),
            ("alpha", "@server1", {"bravo@server1"}),
            ("alpha", "@server2", {"charlie@server2"}),
            ("alpha", "instance2", {"instance2@server2"}),
            ("alpha", "BRAVO, bravo, Charlie", {"bravo@server1", "charlie@server2"}),
            ("alpha", "alpha", {"alpha@server1"}),
            ("alpha", "alpha, instance1", {"instance1@server1"}),
            ("alpha", "charlie (server2)", {"charlie@server2"}),
            ("alpha", "operator", {"operator@server1"}),
            ("alpha", "operator@server2, all", {"operator@server2", "bravo@server1", "charlie@server2"}),
        ],
    )
    async def test_who_is_meant(
        self, office: Office, other: Office, who: str | None, to: str, expected: set[str]
    ) -> None:
        """`all` and `@node` leave out only the sender; an instance stands for its callsigns; case does not matter."""
        name, _, node = (who or "").partition("@")
        result = await send(other if node else office, name or None, to=[to])
        assert names(result) == expected

    @pytest.mark.parametrize(
        ("to", "offered"),
        [
            ("alhpa", "alpha"),
            ("charly", "charlie"),
            ("instance3", "instance1"),
            ("x@sever2", "server2"),
            ("zzz", "alpha"),
        ],
    )
    async def test_an_unknown_name_is_refused_with_the_nearest(self, office: Office, to: str, offered: str) -> None:
        """A name that nobody has is an error that offers the nearest ones, and nothing is stored, not even for the others."""
        with pytest.raises(UnknownName) as caught:
            await send(office, "alpha", to=["bravo", to])
        assert offered in caught.value.remedy
        assert await accepted(office) == 0
        assert (await office.inbox(["bravo"])).rows == []

    async def test_a_name_on_the_wrong_node_is_refused(self, office: Office) -> None:
        """A callsign that is on another node than the one given is unknown there."""
        with pytest.raises(UnknownName, match="on server2"):
            await send(office, "alpha", to=["bravo@server2"])

    async def test_nobody_left_is_an_error(self, seed: dict[str, Any], config: Config) -> None:
        """`@node` with only the sender on it is refused."""
        seed["instances"] = [{"id": "instance2", "node_id": "server2", "callsigns": ["charlie"]}]
        values = configuration.parse(json.dumps(seed), str(config.path), {configuration.NODE_ENV: "server2"})
        async with await Office.open(values) as office:
            with pytest.raises(InvalidInput, match="nobody"):
                await send(office, "charlie", to=["all"])

    async def test_an_instance_without_callsigns_gets_broadcasts(self, seed: dict[str, Any], config: Config) -> None:
        """An instance that has no callsign is reached by `all` under its own name."""
        seed["instances"].append({"id": "ci", "node_id": "server2"})
        values = configuration.parse(json.dumps(seed), str(config.path), {configuration.NODE_ENV: "server1"})
        async with await Office.open(values) as office:
            assert names(await send(office, "alpha", to=["all"])) == {"bravo@server1", "charlie@server2", "ci@server2"}

    async def test_a_made_up_name_is_believed_of_the_node_whose_turn_it_is(self, office: Office) -> None:
        """When two nodes claim the same name beyond their pools, mail goes to the one that may make it up."""
        await office.claim("delta", "instance1", **{**HELD, "pid": os.getpid()})
        there = Presence(instance="instance2", callsign="delta", live=True, since=1)
        await office.transit.heard("server2", Heartbeat(version="1", at=1, roster=[there]), rtt_ms=None)
        assert names(await send(office, "alpha", to=["delta"])) == {"delta@server1"}

    async def test_a_peer_cannot_take_names_that_are_others(self, office: Office) -> None:
        """What a peer's heartbeat claims makes no configured name ambiguous, and no word of the address language a name."""
        claims = [
            Presence(instance=instance, callsign=callsign, live=True, since=1)
            for instance in ("instance1", "bravo", "operator", "all")
            for callsign in ("alpha", "instance1", "operator", "all", "me", f"zz-{instance}")
        ]
        await office.transit.heard("server2", Heartbeat(version="1", at=1, roster=claims), rtt_ms=None)
        for word, meaning in (
            ("bravo", {"bravo@server1"}),
            ("instance1", {"instance1@server1"}),
            ("operator", {"operator@server1"}),
            ("@server1", {"bravo@server1"}),
        ):
            assert names(await send(office, "alpha", to=[word])) == meaning
        everyone = names(await send(office, "alpha", to=["all"]))
        assert everyone >= {"bravo@server1", "charlie@server2", "zz-instance1@server2"}
        assert not {name for name in everyone if name.split("@")[0] in ("operator", "all", "me", "alpha")}

    async def test_who_is_away_is_said(self, office: Office) -> None:
        """Each recipient is shown live, or away since when, or never seen."""
        await office.claim("bravo", "instance1", **{**HELD, "pid": os.getpid()})
        result = await send(office, "alpha", to=["bravo", "charlie"])
        bravo, charlie = sorted(result.recipients, key=lambda one: one.name)
        assert (bravo.live, bravo.away_since) == (True, None)
        assert (charlie.live, charlie.away_since) == (False, None)
        gone = Presence(instance="instance2", callsign="charlie", live=False, since=77)
        await office.transit.heard("server2", Heartbeat(version="1", at=1, roster=[gone]), rtt_ms=None)
        result = await send(office, "alpha", to=["charlie"])
        assert (result.recipients[0].live, result.recipients[0].away_since) == (False, 77)


class TestKeys:
    """The caller's idempotency key."""

    async def test_the_same_again_is_the_same_brief(self, office: Office) -> None:
        """A send repeated with its key gives the ref it gave before and delivers nothing twice."""
        first = await send(office, "alpha", to=["bravo", "charlie"], key="k")
        again = await send(office, "alpha", to=["bravo", "charlie"], key="k")
        assert (again.ref, again.id, again.repeated) == (first.ref, first.id, True)
        assert await accepted(office) == 1
        assert [lane.waiting for lane in (await office.status()).lanes] == [1]

    async def test_repeats_at_the_same_moment_are_one_brief(self, office: Office) -> None:
        """Of ten identical sends at once with one key, one is accepted and nine are told so."""
        results = await asyncio.gather(*(send(office, "alpha", key="k") for _ in range(10)))
        assert len({one.id for one in results}) == 1
        assert sorted(one.repeated for one in results) == [False] + [True] * 9

    @pytest.mark.parametrize("change", [{"body": "other"}, {"to": ["charlie"]}, {"priority": "high"}, {"title": "x"}])
    async def test_a_key_with_other_content_is_refused(self, office: Office, change: dict[str, Any]) -> None:
        """A key that stands for another brief is an error that names that brief, and nothing is stored."""
        first = await send(office, "alpha", key="k")
        with pytest.raises(KeyReused, match=first.ref):
            await send(office, "alpha", key="k", **change)
        assert await accepted(office) == 1

    async def test_keys_are_each_senders_own(self, office: Office) -> None:
        """Two senders may use the same key for different briefs."""
        one = await send(office, "alpha", key="k")
        two = await send(office, None, key="k", body="other")
        assert one.id != two.id

    async def test_a_send_that_failed_does_not_use_up_its_key(self, office: Office) -> None:
        """After an unknown name, the corrected send goes through with the same key."""
        with pytest.raises(UnknownName):
            await send(office, "alpha", to=["bravp"], key="k")
        assert not (await send(office, "alpha", to=["bravo"], key="k")).repeated


class TestReplies:
    """A reply and its thread."""

    async def test_a_reply_goes_to_the_sender_and_stays_in_the_thread(
        self, office: Office, other: Office, carry: Carry
    ) -> None:
        """Across nodes and back, a reply without a recipient reaches the writer, in the thread of the first brief."""
        first = await send(office, "alpha", to=["charlie"])
        await carry(office, other)
        reply = await send(other, "charlie", to=[], reply_to=first.ref, title="re")
        assert names(reply) == {"alpha@server1"}
        await carry(other, office)
        again = await send(office, "alpha", to=[], reply_to=reply.ref, title="re re")
        view = await office.read(office.operator(), again.ref)
        assert view.brief.thread == first.id
        assert view.brief.reply_to == reply.id
        assert [row.title for row in view.thread] == ["t", "re"]

    async def test_a_reply_to_an_operator_reaches_that_node(self, office: Office, other: Office, carry: Carry) -> None:
        """The operator of another node is answered on that node."""
        first = await send(office, None, to=["charlie"])
        await carry(office, other)
        assert names(await send(other, "charlie", to=[], reply_to=first.ref)) == {"operator@server1"}

    async def test_a_reply_to_nothing_is_refused(self, office: Office) -> None:
        """Replying to a brief that is not here is an error, and so is neither recipient nor brief to reply to."""
        with pytest.raises(NotFound, match="'zzzz'"):
            await send(office, "alpha", to=[], reply_to="zzzz")
        with pytest.raises(InvalidInput, match="No recipient"):
            await send(office, "alpha", to=[])


class TestLeases:
    """A session acts only while the callsign is its own."""

    async def test_a_session_that_lost_its_callsign_cannot_send(self, office: Office) -> None:
        """Once another session holds the callsign, the first one's writes are refused and store nothing."""
        first = await office.claim("alpha", "instance1", **HELD)
        second = await office.claim("alpha", "instance1", **{**HELD, "holder": "h2"})
        with pytest.raises(LeaseLost, match="alpha"):
            await office.send(first, Draft(to=["bravo"], title="t"))
        assert await accepted(office) == 0
        await office.send(second, Draft(to=["bravo"], title="t"))

    async def test_a_session_that_comes_again_goes_on(self, office: Office) -> None:
        """The same holder that claims its callsign once more keeps the epoch it had."""
        first = await office.claim("alpha", "instance1", **HELD)
        assert await office.claim("alpha", "instance1", **{**HELD, "pid": 2}) == first
        await office.send(first, Draft(to=["bravo"], title="t"))

    async def test_a_database_of_another_node_is_refused(
        self, seed: dict[str, Any], config: Config, office: Office
    ) -> None:
        """An office does not open the database of a node that others know by another name: their lanes would mix."""
        await office.send(office.operator(), Draft(to=["charlie"], title="t"))
        foreign = configuration.parse(json.dumps(seed), str(config.path), {configuration.NODE_ENV: "server2"})
        with pytest.raises(StoreForeign, match="belongs to node server1"):
            await Office.open(foreign)

    async def test_a_node_that_stood_alone_takes_its_mail_into_a_fleet(
        self, seed: dict[str, Any], tmp_path: Path, configure: Callable[..., Config]
    ) -> None:
        """A database that never had a peer belongs to the node's new name, with mail, counts and receipts as they were."""
        alone = {**seed, "nodes": [{"id": "box", "ip": "127.0.0.1"}], "instances": [
            {"id": "instance1", "node_id": "box", "callsigns": ["alpha", "bravo"]}]}  # fmt: skip
        async with await Office.open(configure(alone, tmp_path / "node", "box")) as office:
            alpha = await office.party("alpha")
            sent = await office.send(alpha, Draft(to=["bravo"], title="t"))
        async with await Office.open(configure(seed, tmp_path / "node", "server1")) as office:
            bravo = await office.party("bravo")
            check = await office.check(bravo)
            assert [(item.sender, item.count) for item in check.by_sender] == [("alpha (server1)", 1)]
            await office.shown(bravo, [(await office.read(bravo, sent.ref)).number])
            assert (await office.check(bravo)).unread == 0
            for sender in ("alpha@server1", "@server1", "alpha"):
                found = await office.search(bravo, Query(sender=sender))
                assert [hit.row.ref for hit in found.hits] == [sent.ref]
            assert (await office.search(bravo, Query(sender="alpha@box"))).hits == []
            view = await office.read(await office.party("alpha"), sent.ref)
            assert [(state.node, state.read_by) for state in view.recipients] == [("server1", "bravo")]


class TestPreview:
    """What a draft will be."""

    async def test_it_is_what_is_sent_then(self, office: Office) -> None:
        """Recipients, body and actions of the preview are those of the brief, and nothing is stored for it."""
        draft = Draft(to=["bravo", "@server2"], title="t", body="- [ ] Look @alpha !high\n\ntext")
        party = await office.party("alpha")
        view = await office.preview(party, draft)
        assert await accepted(office) == 0
        result = await office.send(party, draft)
        brief = (await office.read(party, result.ref)).brief
        assert set(view.recipients) == names(result)
        assert (view.body, view.actions) == (brief.body, brief.actions)
        assert view.body.endswith("// alpha, over")

    @pytest.mark.parametrize(
        ("fields", "error"),
        [
            ({"to": ["nonesuch"]}, UnknownName),
            ({"to": []}, InvalidInput),
            ({"to": ["a/b"]}, InvalidInput),
            ({"body": "x" * MAX_BRIEF_BYTES}, BriefTooLarge),
            ({"reply_to": "zzzz"}, NotFound),
            ({"actions": [{"text": "x", "assignee": "nonesuch"}]}, UnknownName),
        ],
    )
    async def test_it_refuses_what_sending_would(
        self, office: Office, fields: dict[str, Any], error: type[Exception]
    ) -> None:
        """A preview raises what sending raises."""
        draft = Draft.model_validate({"to": ["bravo"], "title": "t", **fields})
        for ask in (office.preview, office.send):
            with pytest.raises(error):
                await ask(await office.party("alpha"), draft)

    async def test_a_reply_needs_no_recipients(self, office: Office) -> None:
        """Without recipients it is to whom the reply would go."""
        asked = await send(office, "alpha", to=["bravo"])
        view = await office.preview(await office.party("bravo"), Draft(to=[], title="t", reply_to=asked.ref))
        assert view.recipients == ["alpha@server1"]

    async def test_what_was_sent_with_a_key_is_known(self, office: Office) -> None:
        """The ref of the brief is found by its sender and key, and by no other."""
        result = await send(office, "alpha", key="k1")
        assert await office.sent_with(await office.party("alpha"), "k1") == result.ref
        assert await office.sent_with(await office.party("alpha"), "k2") is None
        assert await office.sent_with(await office.party("bravo"), "k1") is None
