"""Transit: what the mesh takes out of the store and puts into it. `Transit` is the mailroom that lanes and gateway work with."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from claudemail import __version__
from claudemail.errors import ClaudeMailError, PeerRefused, QuotaReached
from claudemail.model.brief import MAX_CANONICAL, SIGNED_AS, Brief, Name, Sender, canonical, check_size, invalid
from claudemail.model.joining import Introduction
from claudemail.model.parcel import (
    MAX_BATCH,
    MOST_EPOCHS,
    Answer,
    Batch,
    LaneError,
    Origin,
    Parcel,
    ParcelKind,
    Pull,
    Refusal,
    Setback,
)
from claudemail.model.receipt import DeliveryState, Receipt
from claudemail.model.roster import Heartbeat, PeerState, Presence, slot_ms
from claudemail.model.value import LATER
from claudemail.office import introducing, inviting, replication, rotation
from claudemail.office.desk import Desk
from claudemail.office.directory import Directory
from claudemail.office.keyring import HeldKeys
from claudemail.office.reading import send_receipts
from claudemail.store import (
    action_changes,
    actions,
    announcements,
    beats,
    briefs,
    entries,
    inbound,
    outbox,
    recipients,
    registry,
)
from claudemail.store.filesystem import refuse_nearly_full

if TYPE_CHECKING:
    from claudemail.keys import NodeKey

log = logging.getLogger(__name__)
_RECEIPTS = TypeAdapter(list[Receipt], config=LATER)
_MOST_NAMES = 512
_NAMES = TypeAdapter(Annotated[list[Name], Field(max_length=_MOST_NAMES)], config=LATER)
_SIGNATURE = TypeAdapter(Annotated[str, Field(pattern="^[A-Za-z0-9+/=]{1,200}$")], config=LATER)
_MOST_PRESENCES = 2_000
_ASK_AGAIN_S = 600
_PART = 16


class _Examined(NamedTuple):
    """A parcel that was looked at before the transaction: what is in it, or why it will never be taken."""

    parcel: Parcel
    brief: Brief | None = None
    canonical: str = ""
    signature: str = ""
    verified: bool = False
    names: tuple[str, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    changes: tuple[replication.Signed, ...] = ()
    digests: dict[int, str] | None = None
    newcomer: Introduction | None = None
    new_key: rotation.Announcement | None = None
    refusal: Refusal | None = None


class Transit:
    """This node's mailroom."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._accepted = {
            node.id: None if node.accept_from is None else {name.lower() for name in node.accept_from}
            for node in desk.config.nodes
        }
        self._held = HeldKeys(Path(desk.config.state_dir))
        self._apart = replication.Apart()

    def peer_keys(self) -> Mapping[str, str | None]:
        """Return the keys that requests of the other nodes are signed with now; None: not known."""
        return self._desk.keyring.current

    def own_keys(self) -> Sequence[NodeKey]:
        """Return all keys that this node may sign with now; more than one while a new one is announced."""
        return self._held()

    async def admit(self, body: bytes) -> bytes:
        """Answer a request to join the fleet: see `inviting.admit`."""
        return (await inviting.admit(self._desk, body)).model_dump_json().encode()

    async def take_in(self, origin: Origin, batch: Batch) -> Answer | Setback:
        """Take a peer's parcels in; when this returns, what the answer says is durable.

        Raises:
            PeerRefused: a brief claims to be from another node than the one that signed the request.
            QuotaReached: the peer has brought as much as it may in a day.
            StoreError: nothing was taken.
        """
        refuse_nearly_full(Path(self._desk.config.state_dir))
        examined = await self._examine_all(origin, batch.parcels)
        peers = await self._desk.peers()
        return await self._desk.mail.write(lambda connection: self._commit(connection, origin, batch, examined, peers))

    def _commit(
        self,
        connection: sqlite3.Connection,
        origin: Origin,
        batch: Batch,
        examined: list[_Examined],
        peers: dict[str, PeerState],
    ) -> Answer | Setback:
        have = inbound.have(connection, origin.node, batch.epoch)
        if batch.parcels[0].seq > have + 1:
            return Setback(error=LaneError.GAP, have=have)
        known = inbound.known(connection, origin.node, [parcel.id for parcel in batch.parcels])
        if any(parcel.seq <= have and parcel.id not in known for parcel in batch.parcels):
            return Setback(error=LaneError.CONFLICT, have=have)
        directory = self._desk.directory_in(connection, peers)
        now = self._desk.wall()
        new: dict[str, inbound.Known] = {}
        brought = 0
        for item in examined:
            if item.parcel.id in known:
                continue
            brought += len(item.canonical) + sum(len(one.canonical) for one in item.changes)
            refusal = item.refusal or self._put(connection, origin, item, directory, now)
            became = inbound.Known(refusal.code, refusal.reason) if refusal else inbound.Known(None, None)
            known[item.parcel.id] = new[item.parcel.id] = became
        inbound.note(connection, origin.node, new, now)
        if brought:
            self._count(connection, origin.node, brought, now)
        last = max(have, batch.parcels[-1].seq)
        inbound.advance(connection, origin.node, batch.epoch, last, now)
        return Answer(have=last, refused=_refused(batch, known))

    def _count(self, connection: sqlite3.Connection, node: str, brought: int, now: int) -> None:
        """Count what a peer brings; raise QuotaReached, and so take nothing, if that is more than it may."""
        most = self._desk.config.peer_quota_mb
        if inbound.brought_today(connection, node, brought, now) > most * 1024 * 1024:
            here = self._desk.config.node_id
            raise QuotaReached(
                f"{here} takes at most {most} MiB of mail a day from {node} (peer_quota_mb in its config).",
                _ASK_AGAIN_S,
            )

    def _put(
        self, connection: sqlite3.Connection, origin: Origin, item: _Examined, directory: Directory, now: int
    ) -> Refusal | None:
        if item.brief is None:
            for receipt in item.receipts:
                recipients.receipt(connection, origin.node, receipt)
            for one in item.changes:
                actions.apply(connection, one.change, one.canonical, one.signature, verified=one.verified)
            if item.digests is not None:
                replication.answer(connection, origin.node, item.digests, now)
            return self._put_news(connection, origin, item, now)
        boxes = {name: directory.here(name) for name in item.names}
        lost = [name for name, box in boxes.items() if box is None]
        node = self._desk.config.node_id
        if len(lost) == len(boxes):
            return _refuse(item.parcel, "unknown_name", f"Nobody on {node} is called {' or '.join(lost)}.")
        row = connection.execute("SELECT number, node FROM briefs WHERE id = ?", (item.brief.id,)).fetchone()
        if row is not None and row["node"] != origin.node:
            return _refuse(item.parcel, "id_taken", "A brief of another node has this id.")
        if row is None:
            number = briefs.insert(
                connection, item.brief, item.canonical, item.signature, verified=item.verified, now=now
            )
        else:
            number = row["number"]
        found = [box for box in boxes.values() if box is not None]
        entries.deliver(connection, number, item.brief, found, known=row is not None)
        failed = [
            Receipt(brief_id=item.brief.id, recipient=name, state=DeliveryState.FAILED, at=now,
                    reason=f"Nobody on {node} is called {name}.")
            for name in lost
        ]  # fmt: skip
        send_receipts(self._desk, connection, {origin.node: failed} if failed else {}, now)
        return None

    def _put_news(self, connection: sqlite3.Connection, origin: Origin, item: _Examined, now: int) -> Refusal | None:
        """Take in what a parcel tells of a node or its key."""
        try:
            if item.newcomer is not None:
                introducing.take(self._desk, connection, origin.node, item.newcomer, now)
            if item.new_key is not None:
                rotation.take(self._desk, connection, origin.node, item.new_key, now)
        except ClaudeMailError as error:
            return _refuse(item.parcel, error.code, error.message)
        return None

    async def _examine_all(self, origin: Origin, parcels: list[Parcel]) -> list[_Examined]:
        """Look at parcels; at many of them in threads, since checking a signature takes 0.1 ms and leaves Python free."""
        parts = [parcels[start : start + _PART] for start in range(0, len(parcels), _PART)]
        if len(parts) == 1 and sum(map(_signatures, parcels)) <= _PART:
            return self._examine_some(origin, parcels)
        done = await asyncio.gather(*(asyncio.to_thread(self._examine_some, origin, part) for part in parts))
        return [item for part in done for item in part]

    def _examine_some(self, origin: Origin, parcels: list[Parcel]) -> list[_Examined]:
        return [self._examine(origin, parcel) for parcel in parcels]

    def _examine(self, origin: Origin, parcel: Parcel) -> _Examined:
        try:
            if parcel.kind == ParcelKind.RECEIPTS:
                receipts = _RECEIPTS.validate_python(parcel.body.get("receipts"))
                return _Examined(parcel, receipts=tuple(receipts))
            if parcel.kind in (ParcelKind.ACTIONS, ParcelKind.HISTORY):
                keys = self._desk.keyring.of_content
                return _Examined(parcel, changes=replication.read_changes(parcel.body, origin, keys))
            if parcel.kind == ParcelKind.DIGESTS:
                return _Examined(parcel, digests=replication.read_digests(parcel.body))
            if parcel.kind == ParcelKind.NODE:
                return _Examined(parcel, newcomer=introducing.read(parcel.body, origin))
            if parcel.kind == ParcelKind.KEY:
                return _Examined(parcel, new_key=rotation.read(parcel.body))
            if parcel.kind != ParcelKind.BRIEF:
                reason = f"{self._desk.config.node_id} runs ClaudeMail {__version__}, which knows no {parcel.kind!r} parcels."
                return _Examined(parcel, refusal=_refuse(parcel, "unknown_kind", reason))
            return self._examine_brief(origin, parcel)
        except ValidationError as error:
            return _Examined(parcel, refusal=_refuse(parcel, "malformed", invalid(error, "The parcel").message))
        except (ValueError, RecursionError) as error:
            return _Examined(parcel, refusal=_refuse(parcel, "malformed", f"The parcel cannot be read: {error}."))
        except PeerRefused:
            raise
        except ClaudeMailError as error:
            return _Examined(parcel, refusal=_refuse(parcel, error.code, error.message))

    def _examine_brief(self, origin: Origin, parcel: Parcel) -> _Examined:
        fields = parcel.body.get("brief")
        brief = Brief.model_validate(fields)
        assert isinstance(fields, dict)
        if brief.sender.node != origin.node:
            raise PeerRefused(f"{origin.node} sent a brief that claims to be from {brief.sender.node}.")
        if not self._is_accepted(origin.node, brief.sender):
            here = self._desk.config.node_id
            reason = f"{here} takes no mail from {brief.sender.name} of {origin.node} (accept_from in its config)."
            return _Examined(parcel, refusal=_refuse(parcel, "not_accepted", reason))
        names = _NAMES.validate_python(parcel.body.get("for"))
        check_size(brief.title, brief.body, brief.actions, brief.labels)
        text = canonical(fields)
        if len(text) > MAX_CANONICAL:
            return _Examined(parcel, refusal=_refuse(parcel, "too_large", f"The brief is over {MAX_CANONICAL} bytes."))
        signature = _SIGNATURE.validate_python(parcel.body.get("signature"))
        keys = self._desk.keyring.of_content.get(origin.node, ())
        if keys:
            from claudemail.keys import verify

            if not any(verify(key, signature, SIGNED_AS + text.encode()) for key in keys):
                reason = f"The signature of the brief is not by the key that {self._desk.config.node_id} knows."
                return _Examined(parcel, refusal=_refuse(parcel, "bad_signature", reason))
        return _Examined(parcel, brief, text, signature, bool(keys) and origin.verified, tuple(names))

    def _is_accepted(self, node: str, sender: Sender) -> bool:
        """Return whether mail of a sender on a node is taken here: by callsign, or by instance."""
        accepted = self._accepted[node]
        return accepted is None or not accepted.isdisjoint({sender.name.lower(), (sender.instance or "").lower()})

    async def next_batch(self, peer: str, most: int = MAX_BATCH, after: int = 0) -> Batch | None:
        """Return what is to go to a peer next, up to so many parcels, with numbers above `after`; or None."""
        return await self._desk.mail.read(lambda connection: outbox.batch(connection, peer, most, after))

    async def acknowledged(self, peer: str, batch: Batch, answer: Answer) -> None:
        """Take in a peer's answer to a batch: it has this much, and refused that."""
        now, last = self._desk.wall(), batch.parcels[-1].seq
        await self._desk.mail.write(lambda connection: _acknowledge(connection, peer, batch.epoch, last, answer, now))

    async def set_back(self, peer: str, epoch: str, setback: Setback) -> None:
        """Take in a peer's answer that it could not take a batch: serve it again, or start a new epoch."""
        await self._desk.mail.write(lambda connection: _set_back(connection, peer, epoch, setback))

    async def fetched(self, peer: str, pull: Pull) -> None:
        """Take in what a peer that fetches its parcels says of the last ones, and of all before.

        It says how far it is at the moment at which it asks, and it asks for one thing at a time: where that is less than it
        acknowledged, it was set back, and is served again.
        """
        now, outcome, lane = self._desk.wall(), pull.outcome, pull.lane
        if outcome is not None:

            def work(connection: sqlite3.Connection) -> None:
                if outcome.answer is not None:
                    _acknowledge(connection, peer, outcome.epoch, outcome.last, outcome.answer, now)
                if outcome.setback is not None:
                    _set_back(connection, peer, outcome.epoch, outcome.setback)

            await self._desk.mail.write(work)
        if lane is None:
            return
        before = now + 1
        if await self._desk.mail.read(lambda connection: outbox.lost(connection, peer, lane, before)) is not None:
            log.warning("%s has lost mail that it had: serving it again", peer)
            await self._desk.mail.write(lambda connection: _serve_again(connection, peer, lane, before))

    async def give_up(self, peer: str, epoch: str, seq: int, code: str, reason: str) -> None:
        """Put a parcel that a peer can never take into dead letters, and go on with the next."""
        now = self._desk.wall()
        await self._desk.mail.write(lambda connection: outbox.give_up(connection, peer, epoch, seq, code, reason, now))

    async def contact(self, peer: str) -> None:
        """Note that a peer was in contact."""
        now = self._desk.wall()
        await self._desk.registry.write(lambda connection: registry.contact(connection, peer, now))

    async def unreachable(self, peer: str, error: str, retry_at: int) -> None:
        """Note why a peer could not be reached and when it is tried again (Unix milliseconds)."""
        now = self._desk.wall()
        await self._desk.registry.write(lambda connection: registry.failure(connection, peer, error, retry_at, now))

    async def own_heartbeat(self, peer: str) -> Heartbeat:
        """Return what this node says of itself to a peer."""
        roster = await self._desk.mail.read(self._desk.presences)
        lane, known = await self._desk.mail.read(
            lambda connection: (inbound.progress(connection, peer, MOST_EPOCHS), action_changes.total(connection))
        )
        if len(roster) > _MOST_PRESENCES:
            roster.sort(key=lambda presence: not presence.live)  # who is there matters most
        return Heartbeat(
            version=__version__, at=self._desk.wall(), roster=roster[:_MOST_PRESENCES], lane=lane, actions=known
        )

    async def heard(self, peer: str, beat: Heartbeat, *, rtt_ms: float | None) -> None:
        """Take in what a peer says of itself."""
        now = self._desk.wall()

        def work(connection: sqlite3.Connection) -> None:
            registry.heartbeat(connection, peer, beat, rtt_ms=rtt_ms, now=now)
            self._note_beat(connection, peer, beat.roster, now)

        await self._desk.registry.write(work)
        await self._compare(peer, beat.actions)

    async def beat(self) -> None:
        """Note that this node's gateway is there, and who is on the node."""
        roster = await self._desk.mail.read(lambda connection: self._desk.presences(connection, counted=False))
        now, here = self._desk.wall(), self._desk.config.node_id
        await self._desk.registry.write(lambda connection: self._note_beat(connection, here, roster, now))

    def _note_beat(self, connection: sqlite3.Connection, node: str, roster: Sequence[Presence], now: int) -> None:
        beats.note(connection, node, roster, slot_ms=slot_ms(self._desk.config.heartbeat_interval_ms), now=now)

    async def _compare(self, peer: str, theirs: str | None) -> None:
        """Ask a peer for the changes of actions that it knows and this node does not, if they have stayed apart for a while."""
        if theirs is None:
            return
        own = await self._desk.mail.read(action_changes.total)
        if self._apart.should_ask(peer, own, theirs):
            now = self._desk.wall()
            await self._desk.mail.write(lambda connection: replication.ask(connection, peer, now))

    async def progress(self, peer: str) -> dict[str, int]:
        """Return how far this node has a peer's lane: its latest epochs, and the number in each."""
        return await self._desk.mail.read(lambda connection: inbound.progress(connection, peer, MOST_EPOCHS))

    async def retry_asked(self, peer: str) -> int:
        """Return how often somebody has asked for a peer to be tried at once."""
        return await self._desk.mail.read(lambda connection: outbox.retry_asked(connection, peer))

    async def has_lost(self, peer: str, beat: Heartbeat, before: int) -> bool:
        """Return whether a peer's heartbeat says that it has less than it acknowledged before that time."""
        lane = beat.lane
        if lane is None:
            return False
        return await self._desk.mail.read(lambda connection: outbox.lost(connection, peer, lane, before)) is not None

    async def serve_again(self, peer: str, beat: Heartbeat, before: int) -> None:
        """Send again what a peer lacks of what it acknowledged before that time, as after a restore from a backup."""
        lane = beat.lane or {}
        await self._desk.mail.write(lambda connection: _serve_again(connection, peer, lane, before))

    async def expire(self, elapsed_ms: int) -> None:
        """Send what waited too long to dead letters; `elapsed_ms` have gone by, without the clock, since the last call."""
        now = self._desk.wall()
        await self._desk.mail.write(lambda connection: outbox.expire(connection, elapsed_ms, now))


def _acknowledge(connection: sqlite3.Connection, peer: str, epoch: str, last: int, answer: Answer, now: int) -> None:
    # Only what was in the batch: numbers beyond it may stand for other parcels there than here.
    outbox.acknowledge(connection, peer, epoch, min(answer.have, last), answer.refused, now)
    announcements.settle(connection, peer, now)
    if answer.have > last:
        # It has more than we know to have sent: this database was set back, and would give numbers out twice.
        outbox.new_epoch(connection, peer)


def _set_back(connection: sqlite3.Connection, peer: str, epoch: str, setback: Setback) -> None:
    if setback.error is LaneError.GAP:
        outbox.rearm(connection, peer, epoch, setback.have)
    else:
        outbox.new_epoch(connection, peer)


def _serve_again(connection: sqlite3.Connection, peer: str, lane: Mapping[str, int], before: int) -> None:
    lost = outbox.lost(connection, peer, lane, before)
    if lost is not None:
        outbox.rearm(connection, peer, *lost)


def _signatures(parcel: Parcel) -> int:
    """Return about how many signatures there are in a parcel."""
    changes = parcel.body.get("changes")
    return len(changes) if isinstance(changes, list) else 1


def _refused(batch: Batch, known: Mapping[str, inbound.Known]) -> list[Refusal]:
    """Return which parcels of a batch are refused, now or since they came before."""
    outcomes = ((parcel.seq, known[parcel.id]) for parcel in batch.parcels)
    return [
        Refusal(seq=seq, code=one.refused, reason=one.reason or "") for seq, one in outcomes if one.refused is not None
    ]


def _refuse(parcel: Parcel, code: str, reason: str) -> Refusal:
    return Refusal(seq=parcel.seq, code=code, reason=reason[:500])
