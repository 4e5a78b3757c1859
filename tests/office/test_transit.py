"""The mailroom: what comes in from a peer and what goes out to it, parcel by parcel."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claudemail import config as configuration
from claudemail.config import Config
from claudemail.errors import PeerRefused
from claudemail.keys import NodeKey
from claudemail.model.brief import MAX_BRIEF_BYTES, SIGNED_AS, Draft, canonical
from claudemail.model.ids import new_id
from claudemail.model.parcel import (
    MAX_BATCH,
    MAX_REQUEST_BYTES,
    Answer,
    Batch,
    LaneError,
    Origin,
    Parcel,
    Refusal,
    Setback,
)
from claudemail.model.receipt import DeliveryState, Receipt, RecipientState
from claudemail.model.views import SendResult
from claudemail.office import Office
from claudemail.store import recipients
from claudemail.store.database import MAIL

if TYPE_CHECKING:
    from tests.office.conftest import Carry

DAY = 86_400_000
NOW = 1_790_000_000_000
EPOCH = "0123456789abcdef"
FROM_1 = Origin(node="server1", verified=False)


async def send(office: Office, *to: str, **fields: Any) -> SendResult:
    """Send a brief from the operator."""
    return await office.send(office.operator(), Draft(**{"to": list(to), "title": "t", "body": "b", **fields}))


async def outgoing(office: Office, peer: str = "server2") -> Batch:
    """Return what is to go to a peer, as it comes off the wire."""
    batch = await office.transit.next_batch(peer)
    assert batch is not None
    return Batch(epoch=batch.epoch, parcels=[Parcel(**parcel.model_dump()) for parcel in batch.parcels])


def changed(batch: Batch, **body: Any) -> Batch:
    """Return a batch whose first parcel's body has other values."""
    first = batch.parcels[0]
    return Batch(
        epoch=batch.epoch, parcels=[Parcel(seq=first.seq, id=first.id, kind=first.kind, body={**first.body, **body})]
    )


async def took(office: Office, batch: Batch, origin: Origin = FROM_1) -> Answer:
    """Have an office take a batch in, and return its answer."""
    answer = await office.transit.take_in(origin, batch)
    assert isinstance(answer, Answer)
    return answer


async def state_of(office: Office, ref: str) -> RecipientState:
    """Return the state of the first recipient."""
    return (await office.read(office.operator(), ref)).recipients[0]


class TestLanes:
    """Numbers, gaps, conflicts and repeats."""

    async def test_a_batch_is_taken_once(self, office: Office, other: Office) -> None:
        """The same batch again is acknowledged again, and delivers nothing twice."""
        await send(office, "charlie")
        batch = await outgoing(office)
        assert await took(other, batch) == await took(other, batch) == Answer(have=1)
        assert len((await other.inbox(["charlie"])).rows) == 1

    async def test_a_batch_is_offered_until_it_is_acknowledged(self, office: Office, other: Office) -> None:
        """What was not acknowledged is offered again, the same as before; then the lane is empty."""
        await send(office, "charlie")
        batch = await outgoing(office)
        assert await outgoing(office) == batch
        await office.transit.acknowledged("server2", batch, await took(other, batch))
        assert await office.transit.next_batch("server2") is None

    async def test_a_gap_is_told_and_closed(self, office: Office, other: Office, carry: Carry) -> None:
        """A receiver that lacks earlier parcels says how far it has the lane and takes nothing."""
        await send(office, "charlie")
        batch = await outgoing(office)
        ahead = Batch(epoch=batch.epoch, parcels=[batch.parcels[0].model_copy(update={"seq": 2})])
        assert await other.transit.take_in(FROM_1, ahead) == Setback(error=LaneError.GAP, have=0)
        assert (await other.inbox(None)).rows == []
        assert await carry(office, other) == 1

    async def test_a_known_number_with_another_parcel_is_a_conflict(self, office: Office, other: Office) -> None:
        """A number that stands for another parcel here is refused whole: the sender's history was set back."""
        await send(office, "charlie")
        batch = await outgoing(office)
        await took(other, batch)
        usurper = Batch(epoch=batch.epoch, parcels=[batch.parcels[0].model_copy(update={"id": new_id(NOW)})])
        assert await other.transit.take_in(FROM_1, usurper) == Setback(error=LaneError.CONFLICT, have=1)

    async def test_an_answer_counts_for_its_batch_alone(self, office: Office, other: Office, carry: Carry) -> None:
        """A peer that has more than this node knows to have sent does not make it forget what waits."""
        await send(office, "charlie", title="first")
        batch = await outgoing(office)
        await took(other, batch)
        second = await send(office, "charlie", title="second")
        await office.transit.acknowledged("server2", batch, Answer(have=100))
        assert (await state_of(office, second.ref)).state is DeliveryState.QUEUED
        await carry(office, other)
        assert [row.title for row in (await other.inbox(["charlie"])).rows] == ["second", "first"]

    @pytest.mark.parametrize("have", [0, 1, 2])
    async def test_a_peer_that_was_set_back_is_served_without_the_dead(self, office: Office, have: int) -> None:
        """After a restore of its peer, a lane with a refused parcel in it is served again without that one, in order."""
        for title in "abcd":
            await send(office, "charlie", title=title)
        batch = await outgoing(office)
        refusal = Refusal(seq=2, code="unknown_name", reason="Nobody is called that.")
        await office.transit.acknowledged("server2", batch, Answer(have=4, refused=[refusal]))
        await office.transit.set_back("server2", batch.epoch, Setback(error=LaneError.GAP, have=have))
        again = await outgoing(office)
        titles = [parcel.body["brief"]["title"] for parcel in again.parcels]
        assert titles == (["c", "d"] if again.epoch == batch.epoch else ["a", "c", "d"])
        assert [letter.title for letter in (await office.status()).dead_letters] == ["b"]

    async def test_a_peer_that_lacks_what_is_forgotten_gets_the_rest(self, config: Config) -> None:
        """When the sent log no longer has all that a peer lacks, the rest is served under numbers without a gap."""
        async with await Office.open(config) as office:
            for title in ("old", "new"):
                await send(office, "charlie", title=title)
                batch = await outgoing(office)
                await office.transit.acknowledged("server2", batch, Answer(have=batch.parcels[-1].seq))
                await office.transit.expire(20 * DAY)
            await office.transit.set_back("server2", batch.epoch, Setback(error=LaneError.GAP, have=0))
            again = await outgoing(office)
        assert [(parcel.seq, parcel.body["brief"]["title"]) for parcel in again.parcels] == [(1, "new")]

    async def test_batches_keep_to_their_limits(self, office: Office) -> None:
        """A batch has at most 64 parcels and 512 KiB, but a larger parcel travels alone."""
        for _ in range(MAX_BATCH + 1):
            await send(office, "charlie")
        assert len((await outgoing(office)).parcels) == MAX_BATCH
        await office.transit.acknowledged("server2", await outgoing(office), Answer(have=MAX_BATCH))
        assert len((await outgoing(office)).parcels) == 1
        for _ in range(2):
            await send(office, "charlie", body="é" * (MAX_BRIEF_BYTES // 2 - 100))
        await office.transit.acknowledged("server2", await outgoing(office), Answer(have=MAX_BATCH + 1))
        batch = await outgoing(office)
        assert [parcel.seq for parcel in batch.parcels] == [MAX_BATCH + 2]
        assert len(json.dumps(batch.model_dump())) < MAX_REQUEST_BYTES

    async def test_lanes_do_not_wait_for_each_other(self, office: Office, other: Office, carry: Carry) -> None:
        """A node without any lane yet has nothing to offer, and no lane to itself."""
        assert await office.transit.next_batch("server2") is None
        await send(office, "alpha")
        assert await office.transit.next_batch("server1") is None
        assert await carry(office, other) == 0


class TestRefusals:
    """A parcel that will never be taken goes to dead letters, and the lane goes on."""

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            (lambda _: {"for": ["nobody"]}, "unknown_name"),
            (lambda _: {"for": []}, "unknown_name"),
            (lambda _: {"for": "charlie"}, "malformed"),
            (lambda _: {"for": ["../x", "charlie"]}, "malformed"),
            (lambda _: {"for": None}, "malformed"),
            (lambda _: {"brief": None}, "malformed"),
            (lambda body: {"brief": {**body["brief"], "ref": "../x"}}, "malformed"),
            (lambda body: {"brief": {**body["brief"], "new": math.nan}}, "malformed"),
            (lambda body: {"brief": {**body["brief"], "new": 10**5000}}, "malformed"),
            (lambda _: {"signature": None}, "malformed"),
            (lambda _: {"signature": "\ud800"}, "malformed"),
            (lambda _: {"signature": "x" * 10_000}, "malformed"),
            (lambda body: {"brief": {**body["brief"], "body": "x" * (MAX_BRIEF_BYTES + 1)}}, "too_large"),
        ],
    )
    async def test_what_can_never_be_taken_is_refused(
        self, office: Office, other: Office, carry: Carry, change: Callable[[Any], dict[str, Any]], code: str
    ) -> None:
        """The refusal has a code and a reason, is the same when asked again, and what comes after is taken."""
        result = await send(office, "charlie")
        batch = await outgoing(office)
        answer = await took(other, changed(batch, **change(batch.parcels[0].body)))
        assert await took(other, batch) == answer
        assert [(one.seq, one.code) for one in answer.refused] == [(1, code)]
        await office.transit.acknowledged("server2", batch, answer)
        await send(office, "charlie", title="next")
        await carry(office, other)
        assert [row.title for row in (await other.inbox(None)).rows] == ["next"]
        failed = await state_of(office, result.ref)
        assert (failed.state, failed.reason) == (DeliveryState.FAILED, answer.refused[0].reason)
        status = await office.status()
        assert [(letter.ref, letter.node) for letter in status.dead_letters] == [(result.ref, "server2")]
        assert (status.lanes[0].waiting, status.lanes[0].dead) == (0, 1)

    async def test_an_unknown_kind_is_refused(self, other: Office) -> None:
        """A kind of parcel that a newer version sends is refused with this version's name, and the lane goes on."""
        parcel = Parcel(seq=1, id=new_id(NOW), kind="hologram\x1b", body={})
        answer = await took(other, Batch(epoch=EPOCH, parcels=[parcel]))
        assert (answer.have, answer.refused[0].code) == (1, "unknown_kind")
        assert answer.refused[0].reason.isprintable()

    async def test_some_unknown_names_fail_alone(self, office: Office, other: Office, carry: Carry) -> None:
        """When the receiver knows some of the names, they get the brief; for the others the sender is told why not."""
        result = await send(office, "charlie", "operator@server2")
        batch = await outgoing(office)
        answer = await took(other, changed(batch, **{"for": ["charlie", "operator", "ghost"]}))
        assert answer == Answer(have=1)
        await office.transit.acknowledged("server2", batch, answer)
        with closing_db(office) as connection:
            connection.execute(
                "INSERT INTO recipients (brief, name, node, queued_at, delivered_at) VALUES (1, 'ghost', 'server2', 1, 1)"
            )
        await carry(other, office)
        states = (await office.read(office.operator(), result.ref)).recipients
        assert [(one.name, one.state) for one in states] == [
            ("charlie", DeliveryState.DELIVERED),
            ("ghost", DeliveryState.FAILED),
            ("operator", DeliveryState.DELIVERED),
        ]
        assert states[1].reason == "Nobody on server2 is called ghost."

    async def test_a_brief_in_anothers_name_is_refused_whole(self, office: Office, other: Office) -> None:
        """A node that sends a brief from another node is refused, and nothing of its batch is taken."""
        await send(office, "charlie")
        batch = await outgoing(office)
        with pytest.raises(PeerRefused, match="server1"):
            await other.transit.take_in(Origin(node="server3", verified=False), batch)
        assert (await other.inbox(None)).rows == []

    async def test_an_id_of_anothers_brief_is_refused(self, office: Office, other: Office) -> None:
        """A brief that takes the id of one that this node wrote itself is refused and changes nothing."""
        own = await send(other, "charlie", title="mine")
        await send(office, "charlie", title="forged")
        batch = await outgoing(office)
        forged = {**batch.parcels[0].body["brief"], "id": own.id, "thread": own.id}
        answer = await took(other, changed(batch, brief=forged))
        assert [one.code for one in answer.refused] == ["id_taken"]
        assert [row.title for row in (await other.inbox(None)).rows] == ["mine"]


def closing_db(office: Office) -> Any:
    """Return the office's database, opened beside it."""
    return closing(sqlite3.connect(office.config.db_path, isolation_level=None))


class TestSignatures:
    """Where the sender's key is known."""

    @pytest.fixture
    async def strict(self, seed: dict[str, Any], tmp_path: Path, office: Office) -> AsyncIterator[Office]:
        """The office of `server2`, which knows the key of `server1`."""
        seed["nodes"][0]["public_key"] = office.key().public
        (tmp_path / "strict").mkdir()
        config = configuration.parse(
            json.dumps(seed), str(tmp_path / "strict" / "config.json"), {configuration.NODE_ENV: "server2"}
        )
        async with await Office.open(config) as strict:
            yield strict

    async def test_a_signed_brief_is_verified(self, office: Office, strict: Office) -> None:
        """A brief with a good signature in a verified request is marked verified; in an unverified one it is not."""
        for verified in (True, False):
            await send(office, "charlie")
            batch = await outgoing(office)
            answer = await took(strict, batch, Origin(node="server1", verified=verified))
            assert answer.refused == []
            await office.transit.acknowledged("server2", batch, answer)
        assert [row.verified for row in (await strict.inbox(["charlie"])).rows] == [False, True]

    async def test_a_changed_brief_is_refused(self, office: Office, strict: Office) -> None:
        """One changed word in a signed brief is found, and so is a signature by another key."""
        await send(office, "charlie", body="pay 10")
        batch = await outgoing(office)
        brief = batch.parcels[0].body["brief"]
        for tampered in (
            changed(batch, brief={**brief, "body": "pay 99"}),
            changed(batch, brief={**brief, "extra": 1}),
            changed(batch, signature=NodeKey.new().sign(SIGNED_AS + canonical(brief).encode())),
        ):
            fresh = Batch(epoch=new_id(NOW).replace("-", "")[:16], parcels=[
                tampered.parcels[0].model_copy(update={"id": new_id(NOW)})
            ])  # fmt: skip
            assert [one.code for one in (await took(strict, fresh)).refused] == ["bad_signature"]
        assert (await strict.inbox(None)).rows == []

    async def test_fields_of_a_newer_version_are_signed_and_kept(self, office: Office, strict: Office) -> None:
        """A brief with a field that this version does not know verifies, since the field was signed too."""
        await send(office, "charlie")
        batch = await outgoing(office)
        brief = {**batch.parcels[0].body["brief"], "mood": "blue"}
        signature = office.key().sign(SIGNED_AS + canonical(brief).encode())
        assert (await took(strict, changed(batch, brief=brief, signature=signature))).refused == []
        with closing_db(strict) as connection:
            kept = connection.execute("SELECT canonical, signature FROM briefs").fetchone()
        assert kept == (canonical(brief), signature)


class TestExpiry:
    """Mail for a peer that does not come back."""

    async def test_what_waits_too_long_is_a_dead_letter(self, config: Config, other: Office, carry: Carry) -> None:
        """After 30 days, whatever the clock says, a brief is given up with a reason; what is younger is delivered still."""
        now = [NOW]

        def wall() -> int:
            now[0] += 1
            return now[0]

        async with await Office.open(config, wall=wall) as office:
            old = await send(office, "charlie", title="old")
            await office.transit.expire(20 * DAY)
            await send(office, "charlie", title="young")
            now[0] += 400 * DAY
            await office.transit.expire(9 * DAY)
            assert (await office.status()).dead_letters == []
            await office.transit.expire(2 * DAY)
            assert [letter.ref for letter in (await office.status()).dead_letters] == [old.ref]
            failed = await state_of(office, old.ref)
            assert failed.state is DeliveryState.FAILED
            assert failed.reason == "server2 could not be reached for 30 days."
            await carry(office, other)
        assert [row.title for row in (await other.inbox(None)).rows] == ["young"]

    async def test_the_sent_log_is_kept_for_as_long(self, config: Config, other: Office, carry: Carry) -> None:
        """What was acknowledged can be served again for 30 days, and then is forgotten, without becoming a dead letter."""
        async with await Office.open(config) as office:
            result = await send(office, "charlie")
            await office.transit.expire(25 * DAY)
            await carry(office, other)
            for days, kept in ((29, 1), (2, 0)):
                await office.transit.expire(days * DAY)
                with closing_db(office) as connection:
                    assert connection.execute("SELECT count(*) FROM outbox").fetchone()[0] == kept
            assert (await state_of(office, result.ref)).state is DeliveryState.DELIVERED
            assert (await office.status()).dead_letters == []


class TestReceipts:
    """Receipts converge."""

    async def test_only_the_recipients_node_can_give_a_receipt(self, office: Office) -> None:
        """A receipt from a node that is not the recipient's changes nothing, nor does one for an unknown brief."""
        result = await send(office, "charlie")
        for node, brief in (("server3", result.id), ("server2", new_id(NOW))):
            receipt = Receipt(brief_id=brief, recipient="charlie", state=DeliveryState.READ, at=NOW, by="charlie")
            body = {"receipts": [receipt.model_dump(mode="json")]}
            parcel = Parcel(seq=1, id=new_id(NOW), kind="receipts", body=body)
            answer = await took(office, Batch(epoch=EPOCH, parcels=[parcel]), Origin(node=node, verified=False))
            assert answer == Answer(have=1)
        assert (await state_of(office, result.ref)).state is DeliveryState.QUEUED

    @given(
        st.lists(
            st.sampled_from(
                [
                    (DeliveryState.DELIVERED, 10, None),
                    (DeliveryState.NOTIFIED, 20, None),
                    (DeliveryState.READ, 30, "alpha"),
                    (DeliveryState.READ, 40, "bravo"),
                ]
            ),
            max_size=8,
        )
    )
    def test_any_order_and_repetition_ends_the_same(self, news: list[tuple[DeliveryState, int, str | None]]) -> None:
        """Whatever the order in which acknowledgement and receipts come in, and how often, the first read stands."""
        assert self._end(news) == self._end(sorted(set(news), key=lambda one: one[1]))

    @given(
        st.lists(st.sampled_from([(DeliveryState.DELIVERED, 10, None), (DeliveryState.FAILED, 20, None)]), max_size=4)
    )
    def test_a_failure_outweighs_an_acknowledgement(self, news: list[tuple[DeliveryState, int, str | None]]) -> None:
        """Whether the peer's acknowledgement or its word that a name is unknown comes first, the end is the same."""
        assert self._end(news) == self._end(sorted(set(news), key=lambda one: one[1]))

    def _end(self, news: list[tuple[DeliveryState, int, str | None]]) -> tuple[DeliveryState, int | None, str | None]:
        id = new_id(NOW)
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            connection.row_factory = sqlite3.Row
            connection.executescript(MAIL.text(1))
            connection.execute(
                "INSERT INTO briefs (number, id, code, ref, thread, at, accepted_at, sender, node, title, priority, actions,"
                " canonical, signature, verified) VALUES (1, ?1, 'x', 'x', ?1, 1, 1, 'alpha', 'server1', 't', 1, 0, '', '', 1)",
                (id,),
            )
            recipients.add(connection, 1, "charlie", "server2", now=1, delivered=False)
            for state, at, by in news:
                if state is DeliveryState.DELIVERED:
                    recipients.delivered(connection, 1, "server2", at)
                else:
                    receipt = Receipt(brief_id=id, recipient="charlie", state=state, at=at, by=by, reason="why")
                    recipients.receipt(connection, "server2", receipt)
            (end,) = recipients.states(connection, 1)
        return end.state, end.at if end.state is not DeliveryState.DELIVERED else None, end.read_by
