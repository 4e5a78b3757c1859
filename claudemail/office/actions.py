"""Actions: made, changed and listed; every change is signed, and goes to all nodes of the fleet."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any

from pydantic import Field

from claudemail.clock import day_of
from claudemail.config import OPERATOR
from claudemail.errors import InvalidInput, NotFound, UnknownName
from claudemail.model import address
from claudemail.model.action import (
    MAX_NOTE,
    NOBODY,
    OPEN,
    SIGNED_AS,
    ActionFields,
    ActionStatus,
    Change,
    asker,
    from_brief,
    has_room,
)
from claudemail.model.brief import MAX_ACTION_TEXT, Brief, Line, Priority, canonical
from claudemail.model.due import expect_day
from claudemail.model.ids import new_id
from claudemail.model.parcel import ParcelKind
from claudemail.model.query import Term, parse_words
from claudemail.model.value import Value
from claudemail.model.views import (
    ActionBoard,
    ActionHistory,
    ActionPage,
    ActionStretch,
    ActionUpdated,
    ActionView,
    InboxRow,
    LeftAlone,
    MyActions,
)
from claudemail.office.desk import Desk
from claudemail.office.directory import Directory, Entry, Kind
from claudemail.office.finding import find_for
from claudemail.office.party import Party
from claudemail.store import action_changes, actions, entries, leases, outbox

_MOST_OFFERED = 10
_MOST_LOOKED_AT = 500
_MOST_COUNTED = 100
_MOST_TOGETHER = 64
"""As many changes travel in one parcel."""
ME = "me"
MAX_WORD = 130


class NewAction(Value):
    """An action that somebody wants to make, as it comes in at the door."""

    text: Annotated[Line, Field(min_length=1, max_length=MAX_ACTION_TEXT)]
    assignee: Annotated[str, Field(max_length=MAX_WORD)] | None = None
    priority: Priority = Priority.NORMAL
    due: Annotated[str, Field(max_length=MAX_WORD)] | None = None
    """A day as people write it."""
    note: Annotated[Line, Field(max_length=MAX_NOTE)] | None = None
    brief: Annotated[str, Field(max_length=MAX_WORD)] | None = None
    """Ref, number or id of the brief it comes from."""


class ActionUpdate(Value):
    """What somebody wants to change of an action. None leaves a field as it is; the empty word empties it."""

    text: Annotated[Line, Field(min_length=1, max_length=MAX_ACTION_TEXT)] | None = None
    status: ActionStatus | None = None
    assignee: Annotated[str, Field(max_length=MAX_WORD)] | None = None
    priority: Priority | None = None
    due: Annotated[str, Field(max_length=MAX_WORD)] | None = None
    note: Annotated[Line, Field(max_length=MAX_NOTE)] | None = None


class Wanted(Value):
    """Which actions somebody wants to see."""

    statuses: tuple[ActionStatus, ...] = OPEN
    assignee: Annotated[str, Field(max_length=MAX_WORD)] | None = None
    """A name; `me` with one's instance; `none` for those that are nobody's."""
    asker: Annotated[str, Field(max_length=MAX_WORD)] | None = None
    """Who asked: a name, or `me`."""
    priority: Priority | None = None
    least: Priority | None = None
    """This priority or a more pressing one."""
    node: Annotated[str, Field(max_length=MAX_WORD)] | None = None
    """Of somebody on this node, or asked for from there."""
    overdue: bool = False
    brief: Annotated[str, Field(max_length=MAX_WORD)] | None = None
    """Asked for in this brief: ref, number or id."""
    text: Annotated[str, Field(max_length=500)] | None = None


class Stretch(Value):
    """A stretch of a list of actions that somebody wants to see."""

    statuses: tuple[ActionStatus, ...]
    """Those of the list: either open or closed ones, so that it has one order."""
    limit: int
    after: str | None = None
    """The place that it begins after, as a stretch before had it; None: the top."""
    skip: int = 0
    """So many rows further down than `after`, or further up where it is negative."""
    end: bool = False
    """The last rows of the list, whatever `after` says."""
    keep: str | None = None
    """The id of an action to be seen in it. If it is further up or down, the stretch is the one around it."""


async def create(desk: Desk, party: Party, new: NewAction) -> ActionView:
    """Make an action.

    Raises:
        InvalidInput: the day is none.
        UnknownName: nobody is called as the assignee is.
        NotFound: the brief is not here, or neither from nor to this party.
        LeaseLost: the party's callsign is another session's now.
        StoreError: it could not be stored.
    """
    peers = await desk.peers()
    due = expect_day(new.due, day_of(desk.wall())) if new.due else None
    _ = desk.key  # made before the transaction: the first one of a node is written to disk

    def work(connection: sqlite3.Connection) -> ActionView:
        leases.check(connection, party.name, party.epoch)
        now = desk.wall()
        id = new_id(now)
        fields = ActionFields(
            ref=actions.new_ref(connection, id),
            text=new.text,
            assignee=assignee(desk.directory_in(connection, peers), party, new.assignee),
            status=ActionStatus.PENDING,
            priority=new.priority,
            due=due,
            note=new.note or None,
            brief=None if new.brief is None else find_for(connection, party, new.brief).row["id"],
            asker=asker(party.sender),
        )
        change = Change(action=id, stamp=desk.stamp(connection), at=now, by=party.name, fields=fields)
        spread(desk, connection, [keep(desk, connection, change)])
        return actions.find(connection, id)

    return await desk.mail.write(work)


async def update(desk: Desk, party: Party, updates: Sequence[tuple[str, ActionUpdate]]) -> list[ActionUpdated]:
    """Change actions, each in its own way: all of them, or none. What is so already is not changed again.

    Args:
        desk: the desk.
        party: who changes them.
        updates: what each goes by, and what is to be changed of it.

    Raises:
        NoSuchAction: there is none that goes by one of the words.
        InvalidInput: nothing is to be changed, the day is none, or no change could come after those that were made.
        UnknownName: nobody is called as the assignee is.
        LeaseLost: the party's callsign is another session's now.
        StoreError: it could not be stored.
    """
    today = day_of(desk.wall())
    given = [(word, _given(wanted, today)) for word, wanted in updates]
    peers = await desk.peers()
    _ = desk.key

    def work(connection: sqlite3.Connection) -> list[ActionUpdated]:
        leases.check(connection, party.name, party.epoch)
        changing = _Changing(desk, connection, party)
        done = []
        for word, values in given:
            before = actions.find(connection, word)
            if "assignee" in values:
                whom = assignee(desk.directory_in(connection, peers), party, values["assignee"])
                done.append(changing.set(before, {**values, "assignee": whom}))
            else:
                done.append(changing.set(before, values))
        changing.spread()
        return done

    return await desk.mail.write(work)


def _given(wanted: ActionUpdate, today: date) -> dict[str, Any]:
    given: dict[str, Any] = {name: value for name, value in wanted if value is not None}
    if not given:
        raise InvalidInput(
            "Nothing is to be changed.", remedy="Give a status, an assignee, a priority, a due day or a note."
        )
    if given.get("due", "") not in ("", *NOBODY):
        given["due"] = expect_day(given["due"], today)
    elif "due" in given:
        given["due"] = None
    return given


async def take_back(desk: Desk, party: Party, updates: Sequence[ActionUpdated]) -> list[LeftAlone]:
    """Give the fields that updates of this party changed their former values again.

    A field that another has set since stays, though it be to the same value, and so does one that has another value now.

    Returns:
        What was left as it is.

    Raises:
        InvalidInput: no change could come after those that were made.
        LeaseLost: the party's callsign is another session's now.
        StoreError: it could not be stored.
    """
    _ = desk.key
    own = party.name, desk.config.node_id

    def work(connection: sqlite3.Connection) -> list[LeftAlone]:
        leases.check(connection, party.name, party.epoch)
        changing = _Changing(desk, connection, party)
        left = []
        for done in updates:
            now = actions.find(connection, done.action.id)
            changes = [] if done.stamp is None else action_changes.after(connection, now.number, done.stamp)
            touched = {name: _who_changed(changes, name, own) for name in done.before}
            kept = [name for name in done.before if touched[name] or getattr(now, name) != getattr(done.action, name)]
            changing.set(now, {name: value for name, value in done.before.items() if name not in kept})
            if kept:
                by = next((touched[name] for name in kept if touched[name]), None)
                left.append(LeftAlone(action=now, fields=kept, by=by or "@".join(own)))
        changing.spread()
        return left

    return await desk.mail.write(work)


def _who_changed(changes: Sequence[Change], field: str, but: tuple[str, str]) -> str | None:
    """Return who of others made the first of some changes that sets a field, as `alpha@server1`; None for nobody."""
    others = (one for one in changes if field in one.fields.model_fields_set and (one.by, one.node) != but)
    return next((f"{one.by}@{one.node}" for one in others), None)


class _Changing:
    """Changes that are made in one transaction, and go to the other nodes together."""

    def __init__(self, desk: Desk, connection: sqlite3.Connection, party: Party) -> None:
        self._desk, self._connection, self._party = desk, connection, party
        self._signed: list[dict[str, Any]] = []

    def set(self, before: ActionView, values: Mapping[str, Any]) -> ActionUpdated:
        """Give an action's fields these values, as far as they have others."""
        fresh = {name: value or None for name, value in values.items() if (value or None) != getattr(before, name)}
        if not fresh:
            return ActionUpdated(action=before, before={})
        desk, connection = self._desk, self._connection
        stamp = desk.stamp(connection, after=actions.last_stamp(connection, before.number))
        if not has_room(stamp):
            raise InvalidInput(
                f"Action {before.ref} cannot change any more: a node with a wrong clock has set it in the year 2999.",
                remedy="Make a new action in its place.",
            )
        fields = ActionFields.model_validate(fresh)
        change = Change(action=before.id, stamp=stamp, at=desk.wall(), by=self._party.name, fields=fields)
        self._signed.append(keep(desk, connection, change))
        after = actions.find(connection, before.id)
        return ActionUpdated(action=after, before={name: getattr(before, name) for name in fresh}, stamp=stamp)

    def spread(self) -> None:
        """Put what was changed into the lanes, in parcels that every node takes."""
        for start in range(0, len(self._signed), _MOST_TOGETHER):
            spread(self._desk, self._connection, self._signed[start : start + _MOST_TOGETHER])


async def listing(desk: Desk, party: Party, wanted: Wanted, limit: int, after: str | None) -> ActionPage:
    """Return part of the actions that are wanted.

    Raises:
        UnknownName: nobody is called as the assignee or asker is.
        NotFound: the brief is not here, or neither from nor to this party.
        InvalidInput: the words have none to look for, or the cursor is not one of this list.
    """
    peers = await desk.peers()
    terms = _terms(wanted)

    def work(connection: sqlite3.Connection) -> ActionPage:
        directory = desk.directory_in(connection, peers)
        return _page(connection, _filter(desk, connection, directory, party, wanted, terms), limit, after)

    return await desk.mail.read(work)


async def board(desk: Desk, party: Party, wanted: Wanted, stretches: Sequence[Stretch]) -> ActionBoard:
    """Return stretches of the lists of the actions that are wanted, all as of one moment.

    Raises:
        UnknownName: nobody is called as the assignee or asker is, or there is no such node.
        NotFound: the brief is not here, or neither from nor to this party.
        InvalidInput: the words have none to look for, or a place is not one of these lists.
    """
    peers = await desk.peers()
    terms = _terms(wanted)

    def work(connection: sqlite3.Connection) -> ActionBoard:
        base = _filter(desk, connection, desk.directory_in(connection, peers), party, wanted, terms)
        return ActionBoard(
            stretches=[_stretch(connection, base._replace(statuses=one.statuses), one) for one in stretches],
            totals=actions.count(connection, base._replace(statuses=tuple(ActionStatus))),
        )

    return await desk.mail.read(work)


def _stretch(connection: sqlite3.Connection, wanted: actions.Filter, stretch: Stretch) -> ActionStretch:
    try:
        after = _beginning(connection, wanted, stretch)
        found = _after(connection, wanted, stretch.limit, after)
        if stretch.keep is not None and all(action.id != stretch.keep for action in found.rows):
            place = actions.place_of(connection, wanted, stretch.keep)
            if place is not None:
                after = actions.place_before(connection, wanted, place, stretch.limit // 2 + 1)
                found = _after(connection, wanted, stretch.limit, after)
    except ValueError:
        raise InvalidInput("That place is not one of this list.", remedy="Begin at the top.") from None
    return found


def _beginning(connection: sqlite3.Connection, wanted: actions.Filter, stretch: Stretch) -> str | None:
    if stretch.end:
        return actions.place_before(connection, wanted, None, stretch.limit + 1)
    if stretch.skip < 0 and stretch.after is not None:
        return actions.place_before(connection, wanted, stretch.after, -stretch.skip)
    if stretch.skip > 0:
        skipped = actions.page(connection, wanted, stretch.skip, stretch.after)
        return skipped[-1][0] if skipped else stretch.after
    return stretch.after


def _after(connection: sqlite3.Connection, wanted: actions.Filter, limit: int, after: str | None) -> ActionStretch:
    found = actions.page(connection, wanted, limit + 1, after)
    return ActionStretch(rows=[action for _, action in found[:limit]], after=after, more=len(found) > limit)


async def loads(desk: Desk) -> dict[str, int]:
    """Return how many open actions each assignee has, by name; those that are nobody's by the empty one."""

    def work(connection: sqlite3.Connection) -> dict[str, int]:
        nobodys = sum(actions.count(connection, actions.Filter(assignees=("",))).values())
        return {**actions.loads(connection), **({"": nobodys} if nobodys else {})}

    return await desk.mail.read(work)


def _terms(wanted: Wanted) -> tuple[Term, ...]:
    return parse_words(wanted.text) if wanted.text else ()


def _filter(
    desk: Desk,
    connection: sqlite3.Connection,
    directory: Directory,
    party: Party,
    wanted: Wanted,
    terms: tuple[Term, ...],
) -> actions.Filter:
    return actions.Filter(
        statuses=wanted.statuses,
        assignees=_assignees(connection, directory, party, wanted.assignee),
        asker=_asker(connection, directory, party, wanted.asker),
        priority=wanted.priority,
        least=wanted.least,
        node=_residents(directory, wanted.node),
        due_before=day_of(desk.wall()).isoformat() if wanted.overdue else None,
        brief=None if wanted.brief is None else find_for(connection, party, wanted.brief).row["id"],
        terms=terms,
    )


def _residents(directory: Directory, node: str | None) -> actions.Residents | None:
    if node is None:
        return None
    if node not in [one.id for one in directory.config.nodes]:
        raise UnknownName(f"There is no node {node!r}.")
    names = (spelt(entry) for entry in directory.entries if entry.node == node)
    return actions.Residents(node, (*names, f"{OPERATOR}@{node}"))


async def mine(desk: Desk, party: Party, limit: int, after: str | None) -> MyActions:
    """Return what somebody has to do: theirs that are pending or in work, and what was asked of them among others.

    Raises:
        InvalidInput: the cursor is not one of this list.
    """

    def work(connection: sqlite3.Connection) -> MyActions:
        names = names_of(party)
        doing = actions.Filter(statuses=(ActionStatus.PENDING, ActionStatus.WIP), assignees=names)
        blocked = actions.Filter(statuses=(ActionStatus.BLOCKED,), assignees=names)
        offered, more = _offered(connection, party)
        return MyActions(
            mine=_page(connection, doing, limit, after),
            offered=offered,
            offered_more=more,
            blocked=len(actions.page(connection, blocked, _MOST_COUNTED)),
        )

    return await desk.mail.read(work)


async def history(desk: Desk, party: Party, word: str) -> ActionHistory:
    """Return an action with all that was ever changed of it.

    Raises:
        NoSuchAction: there is none that goes by `word`.
    """

    def work(connection: sqlite3.Connection) -> ActionHistory:
        action = actions.find(connection, word)
        return ActionHistory(
            action=action,
            brief=None if action.brief is None else _source(connection, party, action.brief),
            changes=action_changes.history(connection, action.number),
        )

    return await desk.mail.read(work)


def _source(connection: sqlite3.Connection, party: Party, brief_id: str) -> InboxRow | None:
    """Return the brief that asked for an action, if it is here and this party may see it."""
    try:
        number = find_for(connection, party, brief_id).row["number"]
    except NotFound:
        return None
    return entries.rows_of(connection, [number], party.mailboxes)[0]


def make_of_brief(desk: Desk, connection: sqlite3.Connection, brief: Brief, sole: str | None) -> None:
    """Make the actions that a brief of this node asks for. Those of a brief to a sole recipient are that one's."""
    signed = []
    for index, item in enumerate(brief.actions):
        change = from_brief(brief, item, index, sole=sole)
        ref = actions.new_ref(connection, change.action)
        fields = change.fields.model_copy(update={"ref": ref})
        signed.append(keep(desk, connection, change.model_copy(update={"fields": fields})))
    spread(desk, connection, signed)


def keep(desk: Desk, connection: sqlite3.Connection, change: Change) -> dict[str, Any]:
    """Sign a change that was made here and take it in; return it as other nodes are sent it."""
    wire = change.wire()
    text = canonical(wire)
    signature = desk.key.sign(SIGNED_AS + text.encode())
    actions.apply(connection, change, text, signature, verified=True)
    return {"change": wire, "signature": signature}


def spread(desk: Desk, connection: sqlite3.Connection, signed: Sequence[dict[str, Any]]) -> None:
    """Put signed changes into the lanes to all other nodes."""
    now = desk.wall()
    if signed:
        for peer in desk.config.peers:
            outbox.enqueue(connection, peer.id, new_id(now), ParcelKind.ACTIONS, {"changes": list(signed)}, now)


def names_of(party: Party) -> tuple[str, ...]:
    """Return by which names actions are somebody's: a callsign and its instance, or an operator with the node."""
    return (f"{OPERATOR}@{party.node}",) if party.is_operator else party.mailboxes


def spelt(entry: Entry) -> str:
    """Return how an action names somebody; operators are called the same on every node."""
    return f"{entry.name}@{entry.node}" if entry.kind is Kind.OPERATOR else entry.name


def assignee(directory: Directory, party: Party, word: str | None) -> str | None:
    """Return whom an action is given to by a word: a name of the fleet, `me`, or nobody.

    Raises:
        UnknownName: nobody is called that.
        InvalidInput: it is no name.
    """
    word = (word or "").strip().removeprefix("@")
    if not word or word.lower() in NOBODY:
        return None
    if word.lower() == ME:
        return names_of(party)[0]
    return spelt(directory.one(_address(word)))


def _assignees(
    connection: sqlite3.Connection, directory: Directory, party: Party, word: str | None
) -> tuple[str, ...] | None:
    if word is None:
        return None
    if word.strip().lower() == ME:
        return names_of(party)
    try:
        name = assignee(directory, party, word)
    except UnknownName:
        if not actions.was_assigned(connection, word):
            raise
        name = word  # somebody of the past
    return ("",) if name is None else (name,)


def _asker(connection: sqlite3.Connection, directory: Directory, party: Party, word: str | None) -> str | None:
    if word is None:
        return None
    if word.strip().lower() == ME:
        return asker(party.sender)
    try:
        entry = directory.one(_address(word.strip()))
    except UnknownName:
        past = actions.askers_called(connection, word.strip())
        if len(past) != 1:
            raise
        return past[0]  # somebody of the past
    return f"{entry.name}@{entry.node}"


def _address(word: str) -> address.Address:
    found = address.parse(word)
    if len(found) != 1 or found[0].name is None or found[0].is_all:
        raise InvalidInput(f"{word!r} is not one name.", remedy="Give one callsign, instance, or operator@node.")
    return found[0]


def _page(connection: sqlite3.Connection, wanted: actions.Filter, limit: int, after: str | None) -> ActionPage:
    try:
        found = actions.page(connection, wanted, limit + 1, after)
    except ValueError:
        raise InvalidInput(
            "That cursor is not one of this list.", remedy="Call without a cursor to begin at the top."
        ) from None
    cursor = found[limit - 1][0] if len(found) > limit else None
    return ActionPage(rows=[action for _, action in found[:limit]], cursor=cursor)


def _offered(connection: sqlite3.Connection, party: Party) -> tuple[list[ActionView], bool]:
    """Return actions that are nobody's yet and that briefs to this party ask for, and whether there may be more."""
    wanted = actions.Filter(statuses=(ActionStatus.PENDING, ActionStatus.WIP), assignees=("",))
    nobodys = actions.page(connection, wanted, _MOST_LOOKED_AT)
    found = [action for _, action in nobodys if _is_asked(connection, party, action)]
    return found[:_MOST_OFFERED], len(found) > _MOST_OFFERED or len(nobodys) == _MOST_LOOKED_AT


def _is_asked(connection: sqlite3.Connection, party: Party, action: ActionView) -> bool:
    if action.brief is None:
        return False
    marks = ", ".join("?" * len(party.mailboxes))
    row = connection.execute(
        f"SELECT 1 FROM briefs b JOIN entries e ON e.brief = b.number AND e.mailbox IN ({marks}) WHERE b.id = ?",
        (*party.mailboxes, action.brief),
    ).fetchone()
    return row is not None
