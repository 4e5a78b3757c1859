"""The rules of a checkup, each as a function of a snapshot made by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claudemail.checkup import Finding, GoneMailbox, LacksConfig, Rule, Severity, Snapshot, examine
from claudemail.config import Thresholds
from claudemail.model.action import ActionStatus
from claudemail.model.brief import Priority, Sender
from claudemail.model.roster import Liveness
from claudemail.model.views import ActionView, DeadLetter, InboxRow, LaneView

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
NOW = int(NOON.timestamp() * 1000)
LACKING = LacksConfig(
    node="newcomer",
    origin="server2",
    why="The file is write-protected.",
    entry='add {"id": "newcomer"} to "nodes"',
    at=NOW,
)
TODAY = NOON.date()
SECOND, MINUTE, DAY, MIB = 1_000, 60_000, 86_400_000, 2**20
ROOM = 10**12
ID = "01a212b2-9363-796f-89f2-afee7e8f31a0"


def lane(**fields: Any) -> LaneView:
    """Return a lane with which all is well, but for these fields."""
    well: dict[str, Any] = {
        "node": "server2", "url": "http://10.0.0.2:3301", "waiting": 0, "oldest_at": None, "dead": 0,
        "liveness": Liveness.LIVE, "heard_at": NOW, "error": None, "retry_at": None, "version": "1.0", "skew_ms": 0,
        "rtt_ms": 1.0, "verified": True,
    }  # fmt: skip
    return LaneView(**{**well, **fields})


def action(**fields: Any) -> ActionView:
    """Return an action that was asked for just now, but for these fields."""
    fresh: dict[str, Any] = {
        "id": ID, "ref": "k9mx", "number": 5, "text": "Review it", "assignee": "alpha", "status": ActionStatus.PENDING,
        "priority": Priority.NORMAL, "due": None, "note": None, "asker": "bravo@server1", "brief": None, "brief_ref": None,
        "created_at": NOW, "changed_at": NOW, "status_at": NOW,
    }  # fmt: skip
    return ActionView(**{**fresh, **fields})


def row(**fields: Any) -> InboxRow:
    """Return an urgent brief that came just now and is unread, but for these fields."""
    fresh: dict[str, Any] = {
        "id": ID, "ref": "k7qd", "number": 7, "title": "Deploy blocker", "sender": Sender(name="charlie", node="server2"),
        "verified": True, "at": NOW, "priority": Priority.URGENT, "actions": 0, "unread": True, "mailboxes": ["alpha"],
    }  # fmt: skip
    return InboxRow(**{**fresh, **fields})


def letter(**fields: Any) -> DeadLetter:
    """Return a dead letter, but for these fields."""
    lost: dict[str, Any] = {
        "kind": "brief", "ref": "m2xq", "title": "Lost one", "node": "server2", "at": NOW - 2 * DAY, "dead_at": NOW - DAY,
        "reason": "Nobody is there.",
    }  # fmt: skip
    return DeadLetter(**{**lost, **fields})


def gone(**fields: Any) -> GoneMailbox:
    """Return a mailbox whose owner left just now, but for these fields."""
    left: dict[str, Any] = {"name": "bravo", "unread": 3, "seen_at": NOW, "known": True}
    return GoneMailbox(**{**left, **fields})


def snapshot(**fields: Any) -> Snapshot:
    """Return a snapshot in which all is well, but for these fields."""
    well: dict[str, Any] = {
        "at": NOW, "today": TODAY.isoformat(), "version": "1.0", "gateway_running": True, "listen_error": None,
        "lanes": [lane()], "dead_letters": [], "overdue": [], "wip": [], "urgent": [], "loads": {}, "idle": [],
        "mailboxes": [], "disk_free": ROOM,
    }  # fmt: skip
    return Snapshot(**{**well, **fields})


def found(fields: dict[str, Any], **limits: int) -> list[Finding]:
    """Return what a snapshot that is well but for these fields leads to, with some thresholds set."""
    return examine(snapshot(**fields), Thresholds(**limits))


def silent(age: int) -> dict[str, Any]:
    """Return the fields of a snapshot with a peer that was last heard of so long ago."""
    return {"lanes": [lane(liveness=Liveness.STALE, heard_at=NOW - age)]}


class Edge(NamedTuple):
    """From where on a rule finds something: the fields of a snapshot with so much of what it looks at."""

    rule: Rule
    severity: Severity
    limit: str
    """The threshold's name in the config."""
    unit: int
    """One of it, in what the snapshot has."""
    fields: Any
    since: Any = None
    """Since when a finding is said to be so, for so much; None: it is not said."""
    step: int = 1
    """What leads away from a finding: less of it, or more."""


EDGES = [
    Edge(
        Rule.UNDELIVERED, Severity.CRITICAL, "undelivered_minutes", MINUTE,
        lambda age: {"lanes": [lane(waiting=2, oldest_at=NOW - age)]}, lambda age: NOW - age,
    ),
    Edge(Rule.SILENT_NODE, Severity.WARNING, "silent_minutes", MINUTE, silent, lambda age: NOW - age),
    Edge(
        Rule.URGENT_UNREAD, Severity.WARNING, "urgent_unread_minutes", MINUTE,
        lambda age: {"urgent": [row(at=NOW - age)]}, lambda age: NOW - age,
    ),
    Edge(
        Rule.STALE_WIP, Severity.WARNING, "stale_wip_days", DAY,
        lambda age: {"wip": [action(status=ActionStatus.WIP, changed_at=NOW - age)]}, lambda age: NOW - age,
    ),
    Edge(
        Rule.CLOCK_SKEW, Severity.WARNING, "clock_skew_seconds", SECOND,
        lambda skew: {"lanes": [lane(skew_ms=skew)]},
    ),
    Edge(
        Rule.CLOCK_SKEW, Severity.WARNING, "clock_skew_seconds", SECOND,
        lambda skew: {"lanes": [lane(skew_ms=-skew)]},
    ),
    Edge(
        Rule.GONE_MAILBOX, Severity.INFO, "gone_days", DAY,
        lambda age: {"mailboxes": [gone(seen_at=NOW - age)]}, lambda age: NOW - age,
    ),
    Edge(
        Rule.UNBALANCED_LOAD, Severity.INFO, "unbalanced_least", 1,
        lambda load: {"loads": {"alpha": load}, "idle": ["bravo"]},
    ),
    Edge(
        Rule.UNBALANCED_LOAD, Severity.INFO, "unbalanced_factor", 4,
        lambda load: {"loads": {"alpha": load, "bravo": 4, "delta": 4}},
    ),
    Edge(
        Rule.DISK_LOW, Severity.CRITICAL, "disk_low_mb", MIB,
        lambda free: {"disk_free": free - 1}, step=-1,
    ),
]  # fmt: skip
"""Every rule that has a threshold. Of room on the disk there is too little below its threshold, and just enough at it."""


class TestThresholds:
    """From where on a rule finds something."""

    def test_each_is_here(self) -> None:
        """No threshold of the config goes without a test of its edge."""
        assert {edge.limit for edge in EDGES} == set(Thresholds.__slots__)

    @pytest.mark.parametrize("limit", [None, 11], ids=["as it is", "as the config has it"])
    @pytest.mark.parametrize("edge", EDGES, ids=lambda edge: edge.limit)
    def test_edge(self, edge: Edge, limit: int | None) -> None:
        """A rule finds something at its threshold and not one unit below, the built-in one or the config's."""
        limits = {} if limit is None else {edge.limit: limit}
        at = (limit or getattr(Thresholds(), edge.limit)) * edge.unit
        [finding] = found(edge.fields(at), **limits)
        assert (finding.rule, finding.severity) == (edge.rule, edge.severity)
        assert finding.since == (None if edge.since is None else edge.since(at))
        assert finding.remedy
        assert found(edge.fields(at - edge.step), **limits) == []

    def test_other_limits_do_not_matter(self) -> None:
        """A rule goes by its own threshold, however the others are set."""
        for edge in EDGES:
            kept = (edge.limit, "disk_low_mb", "unbalanced_factor", "unbalanced_least")
            others = {name: 1_000_000 for name in Thresholds.__slots__ if name not in kept}
            [finding] = found(edge.fields(getattr(Thresholds(), edge.limit) * edge.unit), **others)
            assert finding.rule is edge.rule


class TestAllIsWell:
    """What no rule minds."""

    @pytest.mark.parametrize(
        "fields",
        [
            {},
            {"lanes": [], "gateway_running": False},
            {"lanes": [lane(oldest_at=NOW - 100 * DAY)]},
            {"lanes": [lane(liveness=Liveness.LATE, heard_at=NOW - DAY)]},
            {"lanes": [lane(version=None, skew_ms=None)]},
            {"overdue": [action(due=TODAY.isoformat())]},
            {"overdue": [action(due="2026-01-01", status=ActionStatus.DONE)]},
            {"overdue": [action(due=None)]},
            {"wip": [action(status=ActionStatus.BLOCKED, changed_at=NOW - 100 * DAY)]},
            {"urgent": [row(at=NOW - DAY, unread=False)]},
            {"urgent": [row(at=NOW - DAY, priority=Priority.HIGH)]},
            {"mailboxes": [gone(seen_at=NOW - 100 * DAY, unread=0)]},
            {"mailboxes": [gone(seen_at=None)]},
            {"loads": {"alpha": 100}},
            {"loads": {"alpha": 100, "bravo": 99}},
            {"loads": {}, "idle": ["alpha", "bravo"]},
        ],
    )
    def test_nothing_is_found(self, fields: dict[str, Any]) -> None:
        """What looks like trouble and is none leads to no finding."""
        assert found(fields) == []


class TestFindings:
    """What a finding says."""

    @pytest.mark.parametrize(
        ("fields", "rule", "severity", "says", "about"),
        [
            (
                {"gateway_running": False}, Rule.GATEWAY, Severity.WARNING,
                ["is down", "claudemail gateway"], {"since": None},
            ),
            (
                {"gateway_running": False, "lanes": [lane(waiting=1, oldest_at=NOW)]}, Rule.GATEWAY, Severity.CRITICAL,
                ["is down, 1 parcel"], {},
            ),
            (
                {"listen_error": "the port is taken"}, Rule.GATEWAY, Severity.CRITICAL,
                ["peers cannot reach this node: the port is taken", "gateway_port"], {},
            ),
            (
                {"dead_letters": [letter()]}, Rule.DEAD_LETTERS, Severity.CRITICAL,
                ['m2xq "Lost one" did not reach server2: Nobody is there'],
                {"since": NOW - DAY, "brief": "m2xq", "node": "server2"},
            ),
            (
                {"dead_letters": [letter(kind="receipts", ref=None, title=None)]}, Rule.DEAD_LETTERS, Severity.CRITICAL,
                ["receipts did not reach server2"], {"brief": None},
            ),
            (
                {"disk_free": 20 * MIB + 5}, Rule.DISK_LOW, Severity.CRITICAL, ["20 MiB are free"], {},
            ),
            (
                {"lanes": [lane(waiting=2, oldest_at=NOW - 2 * 3600 * SECOND, error="the connection was refused.")]},
                Rule.UNDELIVERED, Severity.CRITICAL,
                ["2 parcels for server2 wait, the oldest for 2h: the connection was refused", "http://10.0.0.2:3301"],
                {"node": "server2"},
            ),
            (
                silent(90 * MINUTE), Rule.SILENT_NODE, Severity.WARNING,
                ["server2 is silent for 1h", "http://10.0.0.2:3301"], {"node": "server2"},
            ),
            (
                {"lanes": [lane(liveness=Liveness.STALE, heard_at=None)]}, Rule.SILENT_NODE, Severity.WARNING,
                ["server2 was never heard of"], {"since": None, "node": "server2"},
            ),
            (
                {"overdue": [action(due="2026-11-24")]}, Rule.OVERDUE, Severity.WARNING,
                ['k9mx "Review it", alpha\'s, was due on 2026-11-24', "new due day"],
                {"since": int(datetime(2026, 11, 24, tzinfo=UTC).timestamp() * 1000), "action": "k9mx", "name": "alpha"},
            ),
            (
                {"overdue": [action(due="2026-11-24", assignee=None)]}, Rule.OVERDUE, Severity.WARNING,
                ['k9mx "Review it" was due on 2026-11-24'], {"name": None},
            ),
            (
                {"urgent": [row(at=NOW - DAY, mailboxes=["alpha", "bravo"])]}, Rule.URGENT_UNREAD, Severity.WARNING,
                ['k7qd "Deploy blocker" from charlie (server2) is unread by alpha, bravo'],
                {"since": NOW - DAY, "brief": "k7qd", "name": "alpha"},
            ),
            (
                {"wip": [action(status=ActionStatus.WIP, changed_at=NOW - 5 * DAY)]}, Rule.STALE_WIP, Severity.WARNING,
                ["is in work, and unchanged for 5d", "how it stands"],
                {"since": NOW - 5 * DAY, "action": "k9mx", "name": "alpha"},
            ),
            (
                {"lanes": [lane(skew_ms=5 * MINUTE)]}, Rule.CLOCK_SKEW, Severity.WARNING,
                ["the clock of server2 is 5m ahead of this node's", "NTP"], {"node": "server2"},
            ),
            (
                {"lanes": [lane(skew_ms=-5 * MINUTE)]}, Rule.CLOCK_SKEW, Severity.WARNING, ["5m behind"], {},
            ),
            (
                {"lanes": [lane(verified=False)]}, Rule.UNVERIFIED_PEER, Severity.INFO,
                ["public key of server2 is not in the config", "claudemail keys"], {"node": "server2"},
            ),
            (
                {"lanes": [lane(version="0.9")]}, Rule.VERSION_MISMATCH, Severity.INFO,
                ["server2 runs ClaudeMail 0.9, this node 1.0"], {"node": "server2"},
            ),
            (
                {"loads": {"alpha": 12, "bravo": 1}, "idle": ["delta"]}, Rule.UNBALANCED_LOAD, Severity.INFO,
                ["alpha has 12 open actions, the others 0.5 on average", "away"], {"name": "alpha"},
            ),
            (
                {"mailboxes": [gone(seen_at=NOW - 20 * DAY)]}, Rule.GONE_MAILBOX, Severity.INFO,
                ["3 unread briefs in the mailbox of bravo, whose last session ended 20d ago", "session of that name"],
                {"since": NOW - 20 * DAY, "name": "bravo"},
            ),
            (
                {"mailboxes": [gone(seen_at=None, known=False, unread=1)]}, Rule.GONE_MAILBOX, Severity.INFO,
                ["1 unread brief in the mailbox of bravo, that no config names", "config"], {"since": None, "name": "bravo"},
            ),
        ],
    )  # fmt: skip
    def test_words(
        self, fields: dict[str, Any], rule: Rule, severity: Severity, says: list[str], about: dict[str, Any]
    ) -> None:
        """A finding says what is wrong, how grave it is, since when, what it is about, and what to do."""
        [finding] = found(fields)
        assert (finding.rule, finding.severity) == (rule, severity)
        for words in says:
            assert words in f"{finding.what}\n{finding.remedy}"
        assert finding.remedy.endswith(".")
        for field, value in about.items():
            assert getattr(finding, field) == value

    def test_what_the_config_lacks_is_said_with_what_belongs_there(self) -> None:
        """What another node told and the file does not say is shown with who told it, why, and the entry itself."""
        [finding] = found({"lacking": (LACKING,)})
        assert finding.rule is Rule.CONFIG
        assert "server2 told of newcomer: The file is write-protected" in finding.what
        assert '{"id": "newcomer"}' in finding.remedy

    def test_every_rule_is_here(self) -> None:
        """Each rule finds something in a snapshot of a node on which everything is wrong."""
        assert {finding.rule for finding in examine(everything_wrong(), Thresholds())} == set(Rule)

    def test_long_titles_are_cut(self) -> None:
        """A finding stays a line, however long a title or an action is, and control characters are left out of it."""
        long = "\x1b[31m" + "long " * 39
        for fields in ({"dead_letters": [letter(title=long)]}, {"urgent": [row(title=long, at=NOW - DAY)]},
                       {"overdue": [action(text=long, due="2026-01-01")]}):  # fmt: skip
            [finding] = found(fields)
            assert len(finding.what) < 160
            assert "…" in finding.what
            assert "\x1b" not in finding.what


class TestMany:
    """Many findings."""

    @pytest.mark.parametrize(("count", "shown"), [(20, 20), (21, 21), (25, 21), (200, 21)])
    def test_more_than_twenty_of_a_rule_are_counted(self, count: int, shown: int) -> None:
        """Twenty findings of a rule are listed; how many more there are is one line, as grave as they are."""
        findings = found({"dead_letters": [letter(at=NOW - n) for n in range(count)], "lanes": [lane(verified=False)]})
        dead = [finding for finding in findings if finding.rule is Rule.DEAD_LETTERS]
        assert len(dead) == shown
        assert len(findings) == shown + 1
        if count > 20:
            assert (dead[-1].what, dead[-1].severity) == (f"and {count - 20} more: dead letters", Severity.CRITICAL)
            assert dead[-1].remedy

    def test_the_gravest_come_first(self) -> None:
        """The critical come before warnings, those before the rest, and within that what has been so for the longest."""
        findings = examine(everything_wrong(), Thresholds())
        order = list(Severity)
        assert [order.index(finding.severity) for finding in findings] == sorted(
            order.index(finding.severity) for finding in findings
        )
        for severity in Severity:
            since = [one.since for one in findings if one.severity is severity]
            dated = [at for at in since if at is not None]
            assert dated == sorted(dated)
            assert since == dated + [None] * (len(since) - len(dated))
        assert {finding.severity for finding in findings} == set(Severity)


def everything_wrong() -> Snapshot:
    """Return a snapshot of a node on which every rule finds something."""
    wrong = lane(
        waiting=3, oldest_at=NOW - DAY, liveness=Liveness.STALE, heard_at=NOW - 2 * DAY, version="0.9", skew_ms=DAY,
        verified=False,
    )  # fmt: skip
    return snapshot(
        gateway_running=False,
        lanes=[wrong, lane(node="server3", liveness=Liveness.STALE, heard_at=None)],
        dead_letters=[letter(at=NOW - 3 * DAY), letter(at=NOW - 5 * DAY)],
        overdue=[action(due="2026-11-20"), action(due="2026-11-10")],
        wip=[action(status=ActionStatus.WIP, changed_at=NOW - 9 * DAY)],
        urgent=[row(at=NOW - DAY)],
        loads={"alpha": 20},
        idle=["bravo"],
        mailboxes=[gone(seen_at=NOW - 30 * DAY), gone(name="zulu", seen_at=None, known=False)],
        disk_free=1,
        lacking=(LACKING,),
    )


times = st.integers(NOW - 400 * DAY, NOW + DAY)
names = st.sampled_from(["alpha", "bravo", "charlie", "delta"])
days = st.integers(-30, 30).map(lambda ahead: (TODAY + timedelta(days=ahead)).isoformat())
lanes = st.builds(
    lane,
    node=st.sampled_from(["server2", "server3", "server4"]),
    waiting=st.integers(0, 5),
    oldest_at=st.none() | times,
    liveness=st.sampled_from(Liveness),
    heard_at=st.none() | times,
    error=st.none() | st.text(max_size=20),
    version=st.none() | st.sampled_from(["1.0", "0.9"]),
    skew_ms=st.none() | st.integers(-DAY, DAY),
    verified=st.booleans(),
)
tracked = st.builds(
    action,
    text=st.text(min_size=1, max_size=80),
    assignee=st.none() | names,
    status=st.sampled_from(ActionStatus),
    due=st.none() | days,
    changed_at=times,
)
snapshots = st.builds(
    snapshot,
    gateway_running=st.booleans(),
    lanes=st.lists(lanes, max_size=4),
    dead_letters=st.lists(
        st.builds(
            letter,
            ref=st.none() | st.just("m2xq"),
            title=st.none() | st.text(max_size=80),
            at=times,
            reason=st.text(max_size=20),
        ),
        max_size=30,
    ),
    overdue=st.lists(tracked, max_size=8),
    wip=st.lists(tracked, max_size=8),
    urgent=st.lists(
        st.builds(
            row,
            title=st.text(min_size=1, max_size=80),
            at=times,
            priority=st.sampled_from(Priority),
            unread=st.booleans(),
            mailboxes=st.lists(names, max_size=3),
        ),
        max_size=8,
    ),
    loads=st.dictionaries(names, st.integers(1, 50)),
    idle=st.lists(names, max_size=3),
    mailboxes=st.lists(
        st.builds(
            gone, name=names, unread=st.integers(0, 3), seen_at=st.none() | times, known=st.booleans()
        ),
        max_size=4,
    ),
    disk_free=st.integers(0, ROOM),
)  # fmt: skip
limits = st.builds(Thresholds, **{name: st.integers(1, 1_000) for name in Thresholds.__slots__})


class TestAnySnapshot:
    """What holds whatever there is."""

    @given(snapshots, limits)
    def test_it_never_fails(self, found: Snapshot, limits: Thresholds) -> None:
        """Whatever a node knows, the findings have words and a remedy, and no rule has more than its share."""
        findings = examine(found, limits)
        for finding in findings:
            assert finding.what
            assert finding.remedy
        for rule in Rule:
            assert sum(finding.rule is rule for finding in findings) <= 21

    @given(snapshots, st.data())
    def test_less_trouble_adds_no_other(self, before: Snapshot, data: st.DataObject) -> None:
        """Without one lane or one action, nothing is found that was not before, but for how much waits for the gateway."""
        things = [(kind, n) for kind in ("lanes", "overdue", "wip") for n in range(len(getattr(before, kind)))]
        if not things:
            return
        kind, number = data.draw(st.sampled_from(things))
        fewer = [thing for n, thing in enumerate(getattr(before, kind)) if n != number]
        after = before.model_copy(update={kind: fewer})
        known = examine(before, Thresholds())
        added = [finding for finding in examine(after, Thresholds()) if finding not in known]
        assert {finding.rule for finding in added} <= ({Rule.GATEWAY} if kind == "lanes" else set())
