"""The front of the office: open it, and ask."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from claudemail import callsigns
from claudemail.checkup import CheckupView, Finding
from claudemail.clock import WallClock, wall_ms
from claudemail.config import Config
from claudemail.errors import StoreDamaged, StoreForeign
from claudemail.model.brief import Draft, Priority
from claudemail.model.parcel import ParcelKind
from claudemail.model.query import Query
from claudemail.model.views import (
    ActionBoard,
    ActionHistory,
    ActionPage,
    ActionUpdated,
    ActionView,
    BeatsView,
    BriefView,
    CheckView,
    CleanView,
    DigestView,
    DraftView,
    InboxPage,
    InboxRow,
    LeftAlone,
    MyActions,
    PingView,
    RetryView,
    RosterView,
    RotationView,
    SearchPage,
    SendResult,
    SentPage,
    StarredView,
    StarView,
    StatusView,
    ThreadView,
    WaitEnd,
    WaitingView,
)
from claudemail.office import (
    actions,
    cleaning,
    examining,
    fleet,
    indexing,
    introducing,
    inviting,
    listing,
    marking,
    pinging,
    reading,
    retrying,
    rotation,
    searching,
    sending,
    waiting,
)
from claudemail.office import party as parties
from claudemail.office.actions import ActionUpdate, NewAction, Stretch, Wanted
from claudemail.office.cleaning import DAYS as CLEAN_DAYS
from claudemail.office.desk import INBOX, SENT, Desk
from claudemail.office.directory import Directory
from claudemail.office.party import Party
from claudemail.office.transit import Transit
from claudemail.office.waiting import DAYS as WAITING_DAYS
from claudemail.office.waiting import Tick
from claudemail.store import briefs, leases, meta, renaming, unwritten
from claudemail.store.database import MAIL, REGISTRY, Database
from claudemail.store.standing import Standing

if TYPE_CHECKING:
    from claudemail.keys import NodeKey
    from claudemail.model.joining import Token

PAGE = 20


async def _open_registry(path: Path) -> Database:
    """Open the registry; one that is damaged is put aside and made anew: the next heartbeats fill it.

    It need not be durable, either: what a power cut costs it is worth nothing by then.
    """
    try:
        return await Database.open(path, REGISTRY, durable=False)
    except StoreDamaged:
        for part in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
            if part.exists():
                part.replace(f"{part}.damaged")
        return await Database.open(path, REGISTRY, durable=False)


class Office:
    """All use-cases of one node. Use `async with await Office.open(config) as office`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.config = desk.config
        self.transit = Transit(desk)
        """The mailroom for the mesh."""

    @classmethod
    async def open(cls, config: Config, *, wall: WallClock = wall_ms) -> Office:
        """Open this node's databases, made if need be.

        Raises:
            StoreError: one of them cannot be opened, or belongs to another node.
        """
        mail = await Database.open(Path(config.db_path), MAIL)
        try:
            registry = await _open_registry(Path(config.registry_db_path))
        except BaseException:
            await mail.close()
            raise
        office = cls(Desk(config, mail, registry, wall))
        try:
            await office._check_owner()
            await office._make_actions()
            rotation.remember(office._desk, await office._unwritten())
        except BaseException:
            await office.close()
            raise
        return office

    async def __aenter__(self) -> Office:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Finish what is being written and close."""
        await self._desk.close()

    async def _check_owner(self) -> None:
        """Mark a new database as this node's, and refuse one that is another's: their lanes would mix.

        A node that never had a peer takes its mail along to a new name, as when it joins its first fleet.
        """

        def work(connection: sqlite3.Connection) -> str:
            owner = meta.owner(connection)
            if owner != self.config.node_id and (owner is None or not meta.had_peers(connection)):
                meta.set_owner(connection, owner, self.config.node_id)
                return self.config.node_id
            return owner or ""

        found = await self._desk.mail.read(meta.owner)
        if found is None:
            self._check_beginning()
        if found != self.config.node_id:
            found = await self._desk.mail.write(work)
        if found != self.config.node_id:
            raise StoreForeign(
                f"{self.config.db_path} belongs to node {found}, and this is {self.config.node_id}.",
                remedy=f'Set "node_id" (or CLAUDEMAIL_NODE) to {found}, or give db_path a folder of this node\'s own.',
            )

    def _check_beginning(self) -> None:
        """Refuse a new database where there are files of an older one's mail: it may be on a disk that is not there now."""
        folder = Path(self.config.mailbox_dir)
        if any(path for kind in (INBOX, SENT) for path in (folder / kind).rglob("*.md")):
            raise StoreDamaged(
                f"The database {self.config.db_path} is new, and {folder} has mail of an earlier one.",
                remedy=f"{StoreDamaged.remedy} To begin without that mail, move {folder} away.",
            )

    async def _make_actions(self) -> None:
        """Make the actions of briefs that this node sent when ClaudeMail did not track them yet."""
        if not await self._desk.mail.read(meta.lacks_actions):
            return
        _ = self._desk.key

        def work(connection: sqlite3.Connection) -> None:
            if meta.lacks_actions(connection):
                for brief, names in briefs.with_actions(connection, self.config.node_id):
                    actions.make_of_brief(self._desk, connection, brief, names[0] if len(names) == 1 else None)
                meta.has_actions(connection)

        await self._desk.mail.write(work)

    def is_in_place(self) -> bool:
        """Return whether the mail database is still the file that was opened."""
        return self._desk.mail.is_in_place()

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Have `listener` called in the event loop whenever mail or roster may have changed, whichever process did it.

        Returns:
            A function that ends it.
        """
        end_mail, end_registry = self._desk.mail.subscribe(listener), self._desk.registry.subscribe(listener)

        def unsubscribe() -> None:
            end_mail()
            end_registry()

        return unsubscribe

    async def directory(self) -> Directory:
        """Return every name in the fleet."""
        return await self._desk.directory()

    def key(self) -> NodeKey:
        """Return this node's key, made if it has none yet."""
        return self._desk.key

    async def invite(self, host: str, port: int) -> Token:
        """Return a new invitation to the fleet: see `inviting.invite`."""
        return await inviting.invite(self._desk, host, port)

    async def guest_of(self, invitation: str) -> inviting.Joined | None:
        """Return who joined by an invitation: see `inviting.guest_of`."""
        return await inviting.guest_of(self._desk, invitation)

    async def is_inviting(self) -> bool:
        """Return whether somebody may come to join."""
        return await inviting.is_inviting(self._desk)

    async def had_peers(self) -> bool:
        """Return whether the node ever exchanged mail with another."""
        return await self._desk.mail.read(meta.had_peers)

    async def rename_instance(self, old: str, new: str) -> None:
        """Keep an instance's mail under its new name."""
        here = self.config.node_id
        if not await self._desk.mail.write(lambda connection: renaming.rename(connection, old, new, here)):
            return
        inbox = Path(self.config.mailbox_dir, "inbox")
        with contextlib.suppress(OSError):  # then the files are written anew, and the former ones stay beside them
            (inbox / old).rename(inbox / new)

    async def rotate_key(self) -> RotationView:
        """Give this node a new key: see `rotation.begin`."""
        return await rotation.begin(self._desk)

    async def rotation(self) -> RotationView | None:
        """Return how far the change of keys is that is under way, or None."""
        return await rotation.state(self._desk)

    async def settle(self, *, again: bool = False) -> None:
        """Go on with the change of keys that is under way, if there is one: see `rotation.settle`."""
        await rotation.settle(self._desk, again=again)

    async def write_down(self) -> None:
        """Try again to write into the config file what other nodes told and could not be written before."""
        if await self._unwritten():
            await self._desk.mail.write(self._write_down)

    async def _unwritten(self) -> list[unwritten.Unwritten]:
        return await self._desk.mail.read(unwritten.everything)

    def _write_down(self, connection: sqlite3.Connection) -> None:
        for one in unwritten.everything(connection):
            (rotation if one.kind == ParcelKind.KEY else introducing).retry(self._desk, connection, one)

    def now(self) -> int:
        """Return the time by this node's clock, Unix milliseconds."""
        return self._desk.wall()

    def operator(self) -> Party:
        """Return the operator of this node."""
        return parties.operator(self.config)

    async def party(self, name: str | None) -> Party:
        """Return the party of that name on this node; the operator for None.

        Raises:
            UnknownName: there is none of that name here.
        """
        return self.operator() if name is None else parties.named(await self.directory(), name)

    async def claim(
        self,
        callsign: str,
        instance: str,
        *,
        holder: str,
        pid: int,
        client_pid: int,
        session_id: str | None,
        project: str | None,
    ) -> Party:
        """Give a callsign to a session that holds its lock; return the party it acts as."""
        now = self._desk.wall()

        def work(connection: sqlite3.Connection) -> int:
            return leases.claim(
                connection,
                callsign,
                instance,
                holder=holder,
                pid=pid,
                client_pid=client_pid,
                session_id=session_id,
                project=project,
                now=now,
            )

        epoch = await self._desk.mail.write(work)
        return parties.session(self.config, callsign, instance, epoch)

    async def release_dead(self) -> None:
        """Note which sessions ended while no gateway was there to see it."""
        now = self._desk.wall()

        def work(connection: sqlite3.Connection) -> None:
            for lease in leases.all_leases(connection):
                # The lock, and not the PID: after a reboot another process may have that.
                if lease.ended_at is None and not callsigns.is_held(self.config, lease.callsign):
                    leases.end(connection, lease.callsign, lease.epoch, now)

        await self._desk.mail.write(work)

    async def active(self, party: Party) -> None:
        """Note that a session has done something just now."""
        now, epoch = self._desk.wall(), party.epoch
        if epoch is not None:
            await self._desk.mail.write(lambda connection: leases.active(connection, party.name, epoch, now))

    async def release(self, party: Party) -> None:
        """Note that a session has gone."""
        now, epoch = self._desk.wall(), party.epoch
        if epoch is not None:
            await self._desk.mail.write(lambda connection: leases.end(connection, party.name, epoch, now))

    async def send(self, party: Party, draft: Draft) -> SendResult:
        """Accept a brief: see `sending.send`."""
        return await sending.send(self._desk, party, draft)

    async def preview(self, party: Party, draft: Draft) -> DraftView:
        """Return what a draft will be once it is sent: see `sending.preview`."""
        return await sending.preview(self._desk, party, draft)

    async def sent_with(self, party: Party, key: str) -> str | None:
        """Return the ref of the brief that was sent with a key: see `sending.sent_with`."""
        return await sending.sent_with(self._desk, party, key)

    async def check(self, party: Party) -> CheckView:
        """Return unread mail, counted; nothing is marked."""
        return await reading.check(self._desk, party)

    async def inbox(
        self,
        mailboxes: Sequence[str] | None,
        *,
        unread: bool = False,
        limit: int = PAGE,
        before: int | None = None,
        after: int | None = None,
        viewer: str | None = None,
    ) -> InboxPage:
        """Return part of these mailboxes (None: all of the node), newest first; `before` is a page's cursor.

        With `after`, the rows are those next above that number. With `viewer`, that name's stars are seen too.
        """
        return await listing.inbox(
            self._desk, mailboxes, unread=unread, limit=limit, before=before, after=after, viewer=viewer
        )

    async def starred(
        self,
        names: Sequence[str] | None,
        *,
        limit: int = PAGE,
        before: int | None = None,
        after: int | None = None,
        viewer: str | None = None,
    ) -> InboxPage:
        """Return part of what these names (None: anyone here) have starred: see `listing.starred`."""
        return await listing.starred(self._desk, names, limit=limit, before=before, after=after, viewer=viewer)

    async def sent(
        self, name: str | None, *, limit: int = PAGE, before: int | None = None, after: int | None = None
    ) -> SentPage:
        """Return part of what somebody here (None: anyone) has sent, with how far it has come: see `listing.sent`."""
        return await listing.sent(self._desk, name, limit=limit, before=before, after=after)

    async def unread_of(self, priority: Priority, *, limit: int = PAGE) -> list[InboxRow]:
        """Return unread mail of a priority in any mailbox of the node, the oldest first."""
        return await listing.unread_of(self._desk, priority, limit)

    async def read(self, party: Party, word: str) -> BriefView:
        """Return a brief in full, by ref, number or id; `shown` marks it read: see `reading.read`."""
        return await reading.read(self._desk, party, word)

    async def digest(self, party: Party, most_chars: int = reading.DIGEST_CHARS) -> DigestView:
        """Return unread briefs summarised; `shown` marks them read: see `reading.digest`."""
        return await reading.digest(self._desk, party, most_chars)

    async def shown(self, party: Party, numbers: Sequence[int]) -> None:
        """Mark briefs read that have been shown, and send receipts: see `reading.shown`."""
        await reading.shown(self._desk, party, numbers)

    async def told(self, party: Party, upto: int | None = None) -> None:
        """Note that a party has been told that there is unread mail, and send receipts: see `reading.told`."""
        await reading.told(self._desk, party, upto)

    async def standings(self, parties: Sequence[Party]) -> list[Standing]:
        """Return how sessions stand: see `reading.standings`."""
        return await reading.standings(self._desk, parties)

    async def thread(self, party: Party, word: str, limit: int = PAGE) -> ThreadView:
        """Return a whole thread; `shown` marks what was shown read: see `reading.thread`."""
        return await reading.thread(self._desk, party, word, limit)

    async def star(self, party: Party, word: str, *, wanted: bool | None = None) -> StarView:
        """Star a brief, or take its star away: see `reading.star`."""
        return await reading.star(self._desk, party, word, wanted=wanted)

    async def star_all(self, party: Party, words: Sequence[str], *, wanted: bool | None = None) -> StarredView:
        """Star briefs together, or take their stars away: see `marking.star_all`."""
        return await marking.star_all(self._desk, party, words, wanted=wanted)

    async def unread(self, party: Party, numbers: Sequence[int]) -> list[int]:
        """Take briefs of a party's own mail for unread again: see `marking.unread`."""
        return await marking.unread(self._desk, party, numbers)

    async def all_read(self, party: Party) -> list[int]:
        """Mark all of a party's mail read: see `marking.all_read`."""
        return await marking.all_read(self._desk, party)

    async def search(
        self,
        party: Party,
        query: Query,
        *,
        limit: int = PAGE,
        before: int | None = None,
        within: Sequence[str] | None = None,
    ) -> SearchPage:
        """Return part of the briefs that fit a query: see `searching.search`."""
        return await searching.search(self._desk, party, query, limit, before, within)

    async def create_action(self, party: Party, new: NewAction) -> ActionView:
        """Make an action: see `actions.create`."""
        return await actions.create(self._desk, party, new)

    async def update_action(self, party: Party, word: str, wanted: ActionUpdate) -> ActionUpdated:
        """Change an action: see `actions.update`."""
        (updated,) = await actions.update(self._desk, party, [(word, wanted)])
        return updated

    async def update_actions(self, party: Party, updates: Sequence[tuple[str, ActionUpdate]]) -> list[ActionUpdated]:
        """Change several actions, all or none: see `actions.update`."""
        return await actions.update(self._desk, party, updates)

    async def take_back(self, party: Party, updates: Sequence[ActionUpdated]) -> list[LeftAlone]:
        """Undo updates of actions, as far as nobody has changed the same since: see `actions.take_back`."""
        return await actions.take_back(self._desk, party, updates)

    async def list_actions(
        self, party: Party, wanted: Wanted, *, limit: int = PAGE, after: str | None = None
    ) -> ActionPage:
        """Return part of the actions that are wanted: see `actions.listing`."""
        return await actions.listing(self._desk, party, wanted, limit, after)

    async def action_board(self, party: Party, wanted: Wanted, stretches: Sequence[Stretch]) -> ActionBoard:
        """Return stretches of several lists of actions: see `actions.board`."""
        return await actions.board(self._desk, party, wanted, stretches)

    async def action_loads(self) -> dict[str, int]:
        """Return how many open actions each assignee has: see `actions.loads`."""
        return await actions.loads(self._desk)

    async def my_actions(self, party: Party, *, limit: int = PAGE, after: str | None = None) -> MyActions:
        """Return what a party has to do: see `actions.mine`."""
        return await actions.mine(self._desk, party, limit, after)

    async def action(self, party: Party, word: str) -> ActionHistory:
        """Return an action with its history: see `actions.history`."""
        return await actions.history(self._desk, party, word)

    async def waiting(
        self,
        party: Party,
        *,
        limit: int = PAGE,
        before: int | None = None,
        days: int = WAITING_DAYS,
        word: str | None = None,
    ) -> WaitingView:
        """Return what a party waits for: see `waiting.waiting`."""
        return await waiting.waiting(self._desk, party, limit=limit, before=before, days=days, word=word)

    async def wait(self, party: Party, seconds: float, *, word: str | None = None, tick: Tick | None = None) -> WaitEnd:
        """Return at the next answer to a party, or when the time is over: see `waiting.wait`."""
        return await waiting.wait(self._desk, party, seconds, word, tick)

    async def clean(
        self, party: Party, mailboxes: Sequence[str] | None, *, days: int = CLEAN_DAYS, apply: bool = False
    ) -> CleanView:
        """Archive old mail, or say what that would do: see `cleaning.clean`."""
        return await cleaning.clean(self._desk, party, mailboxes, days, apply=apply)

    async def index_some(self) -> bool:
        """Take some briefs into the full text: see `indexing.index_some`."""
        return await indexing.index_some(self._desk)

    async def mirror_some(self) -> int:
        """Write some of the files that are not as they should be; return how many briefs and changes that were."""
        from claudemail.office import mirror  # YAML, which most commands can do without

        return await mirror.write_some(self._desk)

    async def mirror_anew(self) -> None:
        """Have all files written again: see `mirror.write_all_anew`."""
        from claudemail.office import mirror

        await mirror.write_all_anew(self._desk)

    async def checkup(self) -> CheckupView:
        """Return what in the fleet wants attention: see `examining.checkup`."""
        return await examining.checkup(self._desk)

    async def snooze(self, finding: Finding, until: int | None) -> None:
        """Do not tell of a finding until then (Unix milliseconds), or tell of it again: see `examining.snooze`."""
        await examining.snooze(self._desk, finding, until)

    async def ping(self, node: str) -> PingView:
        """Ask a node whether it is there: see `pinging.ping`."""
        return await pinging.ping(self._desk, node)

    async def retry(self, what: str | None = None, *, dead: bool | None = None) -> RetryView:
        """Have a node, or all, tried at once, and dead letters of a node, a brief, or all, sent again. See `retrying.retry`."""
        return await retrying.retry(self._desk, what, dead=dead)

    async def status(self) -> StatusView:
        """Return the state of this node."""
        return await fleet.status(self._desk)

    def commits(self) -> tuple[int, int]:
        """Return how many transactions on mail this process has committed, and how many failed."""
        return self._desk.mail.commits, self._desk.mail.failures

    async def roster(self) -> RosterView:
        """Return everyone in the fleet, as far as this node knows."""
        return await fleet.roster(self._desk)

    async def heartbeats(self, slots: int) -> BeatsView:
        """Return the history of heartbeats: see `fleet.heartbeats`."""
        return await fleet.heartbeats(self._desk, slots)

    def fingerprint(self, node: str) -> str | None:
        """Return a short form of a node's public key as it is known now, for people to compare; None: it is not known."""
        from claudemail.keys import fingerprint  # 40 ms, which most who open an office can do without

        if node == self.config.node_id:
            return fingerprint(self._desk.key.public)
        public = self._desk.keyring.current.get(node)
        return None if public is None else fingerprint(public)
