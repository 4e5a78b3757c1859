"""The check at the end of a run: what was accepted is there, once, in order, and nothing else is; all has come to rest."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing
from typing import NamedTuple

from claudemail.testing import Layout, until
from tests.faults.correspondent import events, title_of
from tests.faults.fleets import FaultFleet, Node
from tests.faults.people import Person

DRAIN_S = 120.0
_KIND, _MOST_OF_A_KIND = 5, 4


class Facts(NamedTuple):
    """What the checks counted: it is printed, so that a run that had nothing to check is seen."""

    accepted: int
    entries: int
    read: int


class Broken(AssertionError):
    """The promise was broken: the message lists how."""


def settle(nodes: Iterable[Node], *, but: Sequence[str] = ()) -> None:
    """Wait until nothing waits in any outbox, except for nodes in `but`.

    Raises:
        TimeoutError: it never comes to that.
    """
    nodes = list(nodes)

    def drained() -> bool:
        return not any(waiting(node, but=but) for node in nodes)

    until(lambda: drained() and drained(), "all outboxes are empty", DRAIN_S)


def waiting(node: Node, *, but: Sequence[str] = ()) -> int:
    """Return how many parcels wait in a node's outbox."""
    with closing(_open(node)) as database:
        rows = database.execute("SELECT peer, count(*) FROM outbox WHERE done_at IS NULL GROUP BY peer").fetchall()
    return sum(count for peer, count in rows if peer not in but)


def check(
    fleet: FaultFleet,
    people: Iterable[Person],
    *,
    dead: Sequence[str] = (),
    forgetful: Sequence[str] = (),
    vague: Collection[str] = (),
) -> Facts:
    """Compare what the people wrote down with what is in the databases.

    Args:
        fleet: the nodes, at rest.
        people: who wrote and read.
        dead: nodes that took nothing: what went there is not looked for.
        forgetful: nodes that were set back: what was read there may be unread again.
        vague: titles that only a node knew that was set back: they may be there or not.

    Raises:
        Broken: something was lost, doubled, out of order, or marked read that nobody read.
    """
    people = list(people)
    wrong: list[str] = []
    expected, tried, accepted = _expected(fleet.layout, people, dead)
    shown = {(person.name, title) for person in people for one in events(person.log) if one["event"] == "shown"
             for title in one["titles"]}  # fmt: skip
    found: dict[str, Counter[str]] = {}
    read = 0
    for node in fleet.members():
        if node.config.node_id in dead:
            continue
        with closing(_open(node)) as database:
            rows = database.execute(
                "SELECT e.mailbox, b.title, b.sender, e.read_at, e.read_by FROM entries e"
                " JOIN briefs b ON b.number = e.brief ORDER BY b.number"
            ).fetchall()
            for mailbox in {row["mailbox"] for row in rows}:
                found[mailbox] = Counter(row["title"] for row in rows if row["mailbox"] == mailbox)
            wrong += _out_of_order(rows)
            for row in rows:
                if row["read_at"] is not None:
                    read += 1
                    if (row["read_by"], row["title"]) not in shown:
                        wrong.append(f"{row['title']} is marked read by {row['read_by']}, who never saw it")
            wrong += [f"{node.config.node_id}: {what}" for what in inconsistent(database)]
            wrong += _receipts(fleet, node, database, dead, forgetful)
    for mailbox, titles in expected.items():
        there = found.get(mailbox, Counter())
        wrong += [f"lost: {title} in {mailbox}" for title in sorted(titles.difference(vague)) if not there[title]]
    for mailbox, there in found.items():
        wrong += [f"doubled: {title} in {mailbox}, {count} times" for title, count in there.items() if count > 1]
        wrong += [f"from nowhere: {title} in {mailbox}" for title in there if title not in tried]
    if wrong:
        raise Broken(f"{len(wrong)} broken promises, such as:\n  " + "\n  ".join(_some_of_each(wrong)))
    return Facts(accepted, sum(sum(there.values()) for there in found.values()), read)


def _some_of_each(wrong: Sequence[str]) -> list[str]:
    """Return a few of each kind: kinds differ in how they begin."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for what in wrong:
        kinds[what[:_KIND]].append(what)
    return [what for kind in kinds.values() for what in kind[:_MOST_OF_A_KIND]]


def _expected(
    layout: Layout, people: Iterable[Person], dead: Sequence[str]
) -> tuple[dict[str, set[str]], set[str], int]:
    """Return which titles must be in each mailbox, which may be anywhere, and how many were accepted."""
    expected: dict[str, set[str]] = defaultdict(set)
    tried: set[str] = set()
    accepted = 0
    for person in people:
        to: dict[int, str] = {}
        for one in events(person.log):
            if one["event"] == "try":
                to[one["number"]] = one["to"]
                tried.add(title_of(person.name, one["number"]))
            elif one["event"] == "ok" and one["number"] in to:
                accepted += 1
                for node, mailbox in meaning(layout, to[one["number"]], person.name):
                    if node not in dead:
                        expected[mailbox].add(title_of(person.name, one["number"]))
    return expected, tried, accepted


def meaning(layout: Layout, address: str, sender: str) -> set[tuple[str, str]]:
    """Return the (node, mailbox) pairs that an address stands for, worked out from the layout alone."""
    signs = {(node, sign) for node, rooms in layout.items() for signs in rooms.values() for sign in signs}
    if address == "all":
        return {(node, sign) for node, sign in signs if sign != sender}
    if address.startswith("@"):
        return {(node, sign) for node, sign in signs if node == address[1:] and sign != sender}
    everyone = signs | {(node, room) for node, rooms in layout.items() for room in rooms}
    return {(node, name) for node, name in everyone if name == address}


def _out_of_order(rows: Iterable[Mapping[str, str]]) -> list[str]:
    last: dict[tuple[str, str], str] = {}
    wrong = []
    for row in rows:
        lane = (row["mailbox"], row["sender"])
        if row["title"] < last.get(lane, ""):
            wrong.append(f"out of order: {row['title']} after {last[lane]} in {lane[0]}")
        last[lane] = max(row["title"], last.get(lane, ""))
    return wrong


def inconsistent(database: sqlite3.Connection) -> list[str]:
    """Return what does not add up in a mail database: its structure, its counters, its lanes."""
    wrong = [row[0] for row in database.execute("PRAGMA integrity_check") if row[0] != "ok"]
    wrong += [f"foreign key: {tuple(row)}" for row in database.execute("PRAGMA foreign_key_check")]
    counted = database.execute("SELECT mailbox, priority, sum(unread), sum(received) FROM counters GROUP BY 1, 2")
    recount = database.execute(
        "SELECT mailbox, priority, sum(read_at IS NULL), count(*) FROM entries GROUP BY 1, 2"
    ).fetchall()
    kept = [tuple(row) for row in counted.fetchall()]
    if kept != [tuple(row) for row in recount]:
        wrong.append(f"the counters say {kept}, a recount {[tuple(row) for row in recount]}")
    totals = database.execute("SELECT node, briefs FROM totals ORDER BY 1").fetchall()
    if [tuple(row) for row in totals] != [
        tuple(row) for row in database.execute("SELECT node, count(*) FROM briefs GROUP BY 1 ORDER BY 1")
    ]:
        wrong.append("the totals are not a recount of the briefs")
    for lane in database.execute("SELECT * FROM lanes").fetchall():
        numbers = [
            row["seq"]
            for row in database.execute(
                "SELECT seq FROM outbox WHERE peer = ? AND epoch = ? ORDER BY seq", (lane["peer"], lane["epoch"])
            )
        ]
        if numbers and numbers != list(range(numbers[0], lane["next_seq"])):  # the oldest are forgotten one day
            wrong.append(f"the lane to {lane['peer']} has holes")
    return wrong


def _receipts(
    fleet: FaultFleet, node: Node, database: sqlite3.Connection, dead: Sequence[str], forgetful: Sequence[str]
) -> list[str]:
    """Compare what a node knows of its briefs' recipients with what is at theirs, and the lanes' two ends."""
    wrong = []
    own = node.config.node_id
    for other in fleet.members():
        peer = other.config.node_id
        if peer in dead:
            continue
        with closing(_open(other)) as there:
            entries = {
                (row["id"], row["mailbox"]): row["read_at"]
                for row in there.execute(
                    "SELECT b.id, e.mailbox, e.read_at FROM entries e JOIN briefs b ON b.number = e.brief"
                )
            }
            lane = database.execute("SELECT epoch, next_seq FROM lanes WHERE peer = ?", (peer,)).fetchone()
            if lane is not None:
                have = there.execute(
                    "SELECT have FROM inbound WHERE origin = ? AND epoch = ?", (own, lane["epoch"])
                ).fetchone()
                if have is None or have["have"] != lane["next_seq"] - 1:
                    wrong.append(
                        f"{peer} has the lane of {own} up to {have and have['have']} of {lane['next_seq'] - 1}"
                    )
        for row in database.execute(
            "SELECT b.id, b.title, r.* FROM recipients r JOIN briefs b ON b.number = r.brief WHERE r.node = ? AND b.node = ?",
            (peer, own),
        ):
            if row["delivered_at"] is None or row["failed_at"] is not None:
                wrong.append(f"{own} does not know that {row['title']} was delivered to {row['name']}")
            elif (row["id"], row["name"]) not in entries:
                wrong.append(f"{own} takes {row['title']} for delivered to {row['name']}, which does not have it")
            elif (row["read_at"] is None) != (entries[row["id"], row["name"]] is None) and peer not in forgetful:
                wrong.append(f"{own} and {peer} disagree whether {row['name']} has read {row['title']}")
    return wrong


def _open(node: Node) -> sqlite3.Connection:
    database = sqlite3.connect(f"file:{node.config.db_path}?mode=ro", uri=True, timeout=10)
    database.row_factory = sqlite3.Row
    return database
