"""Reading: what is counted, listed and shown, and what marks mail read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from claudemail.errors import LeaseLost, NotFound, UnknownName
from claudemail.model.brief import Draft, Priority
from claudemail.model.parcel import MAX_REQUEST_BYTES, Batch
from claudemail.model.receipt import DeliveryState
from claudemail.model.views import SendResult
from claudemail.office import Office, Party
from claudemail.office.reading import EXCERPT_CHARS

if TYPE_CHECKING:
    from tests.office.conftest import Carry

HELD: dict[str, Any] = {"holder": "h1", "pid": 1, "client_pid": 1, "session_id": None, "project": None}


async def send(office: Office, to: str, title: str = "t", **fields: Any) -> SendResult:
    """Send a brief from the operator."""
    return await office.send(office.operator(), Draft(to=[to], title=title, **fields))


async def session(office: Office, callsign: str) -> Party:
    """Return the party of a session of `instance1`."""
    return await office.claim(callsign, "instance1", **{**HELD, "holder": callsign})


async def unread(office: Office, party: Party) -> int:
    """Return how many are unread."""
    return (await office.check(party)).unread


async def state(office: Office, ref: str) -> list[tuple[str, DeliveryState, str | None]]:
    """Return each recipient's state as the sender's node knows it."""
    view = await office.read(office.operator(), ref)
    return [(one.name, one.state, one.read_by) for one in view.recipients]


class TestPeeking:
    """Looking marks nothing."""

    async def test_only_shown_marks_read(self, office: Office) -> None:
        """Check, inbox, digest and read leave mail unread; saying that it was shown marks it, once."""
        result = await send(office, "alpha")
        alpha = await session(office, "alpha")
        await office.check(alpha)
        await office.inbox(alpha.mailboxes)
        await office.digest(alpha)
        assert (await office.read(alpha, result.ref)).unread
        assert await unread(office, alpha) == 1
        await office.shown(alpha, [result.number])
        await office.shown(alpha, [result.number])
        assert await unread(office, alpha) == 0
        assert not (await office.read(alpha, result.ref)).unread

    async def test_the_operator_peeks(self, office: Office) -> None:
        """The operator may read everybody's mail, and showing it to the operator marks it read for nobody."""
        result = await send(office, "alpha")
        view = await office.read(office.operator(), result.ref)
        assert (view.mailboxes, view.unread) == (["alpha"], False)
        await office.shown(office.operator(), [result.number])
        assert await unread(office, await session(office, "alpha")) == 1
        assert (await state(office, result.ref))[0][1] is DeliveryState.DELIVERED

    async def test_others_mail_is_not_to_be_read(self, office: Office) -> None:
        """A callsign cannot read a brief that is neither from nor to it, nor mark it read."""
        result = await send(office, "alpha")
        bravo = await session(office, "bravo")
        with pytest.raises(NotFound, match="neither from nor to bravo"):
            await office.read(bravo, result.ref)
        await office.shown(bravo, [result.number])
        assert await unread(office, await session(office, "alpha")) == 1

    async def test_senders_read_what_they_wrote(self, office: Office) -> None:
        """Who wrote a brief may read it again, and sees how far it has come."""
        bravo = await session(office, "bravo")
        result = await office.send(bravo, Draft(to=["alpha"], title="t"))
        view = await office.read(bravo, result.ref)
        assert [one.state for one in view.recipients] == [DeliveryState.DELIVERED]

    @pytest.mark.parametrize("word", ["zzzz", "9", "", "   ", "0", "../../etc", "k7", "x" * 200, "9" * 30, "é" * 5])
    async def test_a_word_that_means_no_brief_is_not_found(self, office: Office, word: str) -> None:
        """Whatever the word is, the error is that there is no such brief."""
        await send(office, "alpha")
        with pytest.raises(NotFound):
            await office.read(office.operator(), word)


class TestInstanceMail:
    """Mail to an instance is read once, by the first of its sessions."""

    async def test_the_first_session_reads_it_for_the_instance(self, office: Office) -> None:
        """Both sessions see it unread; once one has read it, it is read for both, and the receipt says who it was."""
        result = await send(office, "instance1")
        alpha, bravo = await session(office, "alpha"), await session(office, "bravo")
        assert [await unread(office, alpha), await unread(office, bravo)] == [1, 1]
        await office.shown(bravo, [result.number])
        assert [await unread(office, alpha), await unread(office, bravo)] == [0, 0]
        await office.shown(alpha, [result.number])
        assert await state(office, result.ref) == [("instance1", DeliveryState.READ, "bravo")]

    async def test_mail_to_a_callsign_is_its_own(self, office: Office) -> None:
        """Mail to one callsign is not its sibling's."""
        await send(office, "alpha")
        assert await unread(office, await session(office, "bravo")) == 0

    async def test_a_broadcast_is_read_by_each(self, office: Office) -> None:
        """A brief to all is unread for each callsign until that one has read it."""
        result = await send(office, "all")
        alpha, bravo = await session(office, "alpha"), await session(office, "bravo")
        await office.shown(alpha, [result.number])
        assert [await unread(office, alpha), await unread(office, bravo)] == [0, 1]


class TestCounting:
    """What check says."""

    async def test_unread_by_priority_and_sender(self, office: Office, other: Office, carry: Carry) -> None:
        """Counts are by priority, the most urgent first, and by sender, the busiest first, with the oldest's time."""
        alpha = await session(office, "alpha")
        assert (await office.check(alpha)).oldest_at is None
        for priority in (Priority.LOW, Priority.URGENT, Priority.LOW):
            await send(other, "alpha", priority=priority)
        await carry(other, office)
        first = await send(office, "instance1")
        view = await office.check(alpha)
        assert view.unread == 4
        assert list(view.by_priority.items()) == [(Priority.URGENT, 1), (Priority.NORMAL, 1), (Priority.LOW, 2)]
        assert [(one.sender, one.count) for one in view.by_sender] == [
            ("operator (server2)", 3),
            ("operator (server1)", 1),
        ]
        assert view.oldest_at is not None
        assert view.oldest_at <= (await office.inbox(["instance1"])).rows[0].at
        await office.shown(alpha, [first.number])
        assert Priority.NORMAL not in (await office.check(alpha)).by_priority

    async def test_the_inbox_pages_by_cursor(self, office: Office) -> None:
        """Pages of a busy inbox hold each brief once, newest first, also while more comes in."""
        for i in range(7):
            await send(office, "alpha", str(i))
        seen: list[str] = []
        cursor = None
        while True:
            page = await office.inbox(["alpha"], limit=3, before=cursor)
            seen += [row.title for row in page.rows]
            await send(office, "alpha", "later")
            if (cursor := page.cursor) is None:
                break
        assert seen == ["6", "5", "4", "3", "2", "1", "0"]

    async def test_the_inbox_of_the_node_has_every_mailbox(self, office: Office) -> None:
        """Without mailboxes named, a brief to three shows once, with the mailboxes that hold it."""
        await send(office, "all, operator")
        page = await office.inbox(None)
        assert [sorted(row.mailboxes) for row in page.rows] == [["alpha", "bravo", "operator"]]
        assert page.unread == 3

    async def test_only_unread_can_be_listed(self, office: Office) -> None:
        """What has been read drops out of the list of unread mail, and stays in the inbox."""
        results = [await send(office, "alpha", str(i)) for i in range(3)]
        await office.shown(await session(office, "alpha"), [results[1].number])
        assert [row.title for row in (await office.inbox(["alpha"], unread=True)).rows] == ["2", "0"]
        assert [row.title for row in (await office.inbox(["alpha"])).rows] == ["2", "1", "0"]


class TestDigest:
    """A digest shows what fits, and marks what it showed."""

    async def test_the_most_pressing_come_first(self, office: Office) -> None:
        """Urgent before normal, and the oldest first among equals."""
        for title, priority in (("a", "low"), ("b", "normal"), ("c", "urgent"), ("d", "normal")):
            await send(office, "alpha", title, priority=priority)
        view = await office.digest(await session(office, "alpha"))
        assert [item.row.title for item in view.items] == ["c", "b", "d", "a"]
        assert view.remaining == 0

    async def test_exactly_what_was_shown_is_marked(self, office: Office) -> None:
        """Within its size limit a digest says how many remain; marking what it showed leaves exactly those unread."""
        for i in range(6):
            await send(office, "alpha", str(i), body="x" * 500)
        alpha = await session(office, "alpha")
        view = await office.digest(alpha, 1500)
        assert 1 <= len(view.items) < 6
        assert view.remaining == 6 - len(view.items)
        await office.shown(alpha, [item.row.number for item in view.items])
        assert await unread(office, alpha) == view.remaining
        rest = await office.digest(alpha, 1_000_000)
        assert {item.row.title for item in view.items} | {item.row.title for item in rest.items} == set("012345")

    async def test_even_a_small_digest_shows_one(self, office: Office) -> None:
        """One brief is always shown, cut to an excerpt when it is long, so that every digest gets on."""
        await send(office, "alpha", body="x" * 10_000, actions=["do it"])
        (item,) = (await office.digest(await session(office, "alpha"), 1)).items
        assert (item.whole, len(item.excerpt)) == (False, EXCERPT_CHARS + 1)
        assert [action.text for action in item.actions] == ["do it"]


class TestReceipts:
    """What the sender's node learns."""

    async def test_a_receipt_travels_back(self, office: Office, other: Office, carry: Carry) -> None:
        """A brief read on another node is queued, delivered and read for its sender, with the callsign that read it."""
        result = await send(office, "instance2")
        assert await state(office, result.ref) == [("instance2", DeliveryState.QUEUED, None)]
        await carry(office, other)
        assert await state(office, result.ref) == [("instance2", DeliveryState.DELIVERED, None)]
        charlie = await other.party("charlie")
        view = await other.read(charlie, result.ref)
        await other.shown(charlie, [view.number])
        await carry(other, office)
        assert await state(office, result.ref) == [("instance2", DeliveryState.READ, "charlie")]

    async def test_a_session_that_lost_its_callsign_marks_nothing(self, office: Office) -> None:
        """Once another session holds the callsign, the first one cannot mark mail read."""
        result = await send(office, "alpha")
        first = await session(office, "alpha")
        second = await office.claim("alpha", "instance1", **{**HELD, "holder": "h2"})
        with pytest.raises(LeaseLost):
            await office.shown(first, [result.number])
        assert await unread(office, second) == 1

    async def test_being_told_is_a_receipt_of_its_own(self, office: Office, other: Office, carry: Carry) -> None:
        """Who was told of mail is known to its sender, once; and reading it afterwards counts for more."""
        result = await send(office, "charlie")
        await carry(office, other)
        charlie = await other.party("charlie")
        await other.told(charlie)
        await other.told(charlie)
        assert await carry(other, office) == 1
        assert await state(office, result.ref) == [("charlie", DeliveryState.NOTIFIED, None)]
        assert await unread(other, charlie) == 1
        await other.shown(charlie, [(await other.read(charlie, result.ref)).number])
        await other.told(charlie)
        assert await carry(other, office) == 1
        assert await state(office, result.ref) == [("charlie", DeliveryState.READ, "charlie")]

    async def test_a_session_that_lost_its_callsign_is_told_for_nobody(self, office: Office) -> None:
        """What the former holder of a callsign is told is no news of the one who has it now."""
        result = await send(office, "alpha")
        first = await session(office, "alpha")
        await office.claim("alpha", "instance1", **{**HELD, "holder": "h2"})
        with pytest.raises(LeaseLost):
            await office.told(first)
        assert await state(office, result.ref) == [("alpha", DeliveryState.DELIVERED, None)]

    async def test_many_receipts_fit_into_requests(self, office: Office, other: Office, carry: Carry) -> None:
        """However many briefs are marked at once, no batch of receipts is larger than a request may be."""
        many = 10_000
        alpha = await office.party("alpha")
        first = await send(other, "alpha")
        await carry(other, office)

        def multiply(connection: Any) -> None:
            connection.execute(
                "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ?) INSERT INTO briefs"
                " SELECT i, printf('01a20767-85c4-7422-8a63-%012x', i), code, ref, thread, at, accepted_at, sender, instance,"
                " node, title, priority, actions, canonical, signature, verified FROM n, briefs WHERE number = 1",
                (many,),
            )
            connection.execute(
                "INSERT INTO entries (mailbox, brief, priority) SELECT 'alpha', number, 1 FROM briefs WHERE number > 1"
            )

        await office._desk.mail.write(multiply)
        await office.shown(alpha, range(1, many + 1))
        batch = await office.transit.next_batch("server2")
        while batch is not None:
            whole = Batch(epoch=batch.epoch, parcels=batch.parcels)
            assert len(whole.model_dump_json()) < MAX_REQUEST_BYTES
            await carry(office, other)
            batch = await office.transit.next_batch("server2")
        assert (await state(other, first.ref))[0][1] is DeliveryState.READ


class TestParties:
    """Whom a face may act for."""

    async def test_parties_of_this_node(self, office: Office) -> None:
        """Callsigns, instances and the operator of this node, in any case, spelt as they are kept."""
        assert (await office.party(None)).mailboxes == ("operator",)
        assert (await office.party("Operator")).is_operator
        assert (await office.party("ALPHA")).mailboxes == ("alpha", "instance1")
        assert (await office.party("instance1")).mailboxes == ("instance1",)

    async def test_parties_of_other_nodes_are_refused(self, office: Office) -> None:
        """A name of another node is an error that says where it is; an unknown one offers the nearest here."""
        with pytest.raises(UnknownName, match="on server2"):
            await office.party("charlie")
        with pytest.raises(UnknownName, match="alpha"):
            await office.party("alpah")
