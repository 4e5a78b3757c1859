"""The console's view once, as text or as data, for `claudemail console --once`. Nothing of Textual is loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from claudemail.checkup import CheckupView, Severity
from claudemail.model.roster import Liveness, Presence
from claudemail.model.views import CheckView, ConsoleView, InboxPage, NodeView, RosterView, StatusView
from claudemail.office import Office
from claudemail.text import plural, scrub_line
from claudemail.tui import glyphs
from claudemail.tui.columns import cells, columns, cut, fit, heading
from claudemail.tui.moments import age, to_minute
from claudemail.tui.needs import NodeState, everyones_mail, fit_needs, nodes_in_words, state_of

ROWS = 20
"""How many of the newest briefs are listed."""
LEAST_WIDTH = 40


async def once(office: Office, width: int) -> str:
    """Return the console's view as text: the state of the node, the newest briefs, the roster.

    Raises:
        StoreError: the database could not say.
    """
    status, mail = await office.status(), await everyones_mail(office)
    page, roster = await office.inbox(None, limit=ROWS), await office.roster()
    return render(status, mail, page, roster, width, await office.checkup())


async def snapshot(office: Office) -> ConsoleView:
    """Return the console's view as data.

    Raises:
        StoreError: the database could not say.
    """
    status = await office.status()
    checkup = await office.checkup()
    state = state_of(status, await everyones_mail(office), status.at, checkup=checkup)
    return ConsoleView(
        status=status,
        needs=[need.text for need in state.needs],
        findings=findings(checkup),
        inbox=await office.inbox(None, limit=ROWS),
        roster=await office.roster(),
    )


def render(
    status: StatusView,
    mail: CheckView,
    page: InboxPage,
    roster: RosterView,
    width: int,
    checkup: CheckupView | None = None,
) -> str:
    """Return the views as text of at most `width` columns, or 40 if that is more."""
    width = max(width, LEAST_WIDTH)
    now = to_minute(status.at)
    state = state_of(status, mail, now, checkup=checkup)
    lines = [
        *_headline(state, width),
        *_counts(status, checkup, width),
        "",
        *_inbox(page, now, width),
        "",
        *_roster(roster, now, width),
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _headline(state: NodeState, width: int) -> Iterator[str]:
    name = f"ClaudeMail  {state.node}"
    for words in (True, False):
        nodes = nodes_in_words(state, words=words)
        counts = f"{state.unread} unread{'   ' if nodes else ''}{nodes}"
        if len(name) + len(counts) + 2 <= width:
            break
    yield cut(name, width - len(counts) - 2) + "  " + counts
    needs = " · ".join(words for words, _ in fit_needs(state.needs, width - len("needs you  ")))
    yield cut(f"needs you  {needs}" if needs else "nothing needs you", width)


def _counts(status: StatusView, checkup: CheckupView | None, width: int) -> Iterator[str]:
    """Yield how many actions are in each lane, and what the checkup found; nothing of what there is none."""
    actions = [f"{count} {state}" for state, count in status.actions.items() if count]
    if actions:
        yield cut(f"actions    {' · '.join(actions)}", width)
    found = [f"{count} {severity}" for severity, count in findings(checkup).items() if count]
    if found:
        yield cut(f"checkup    {' · '.join(found)}", width)


def findings(checkup: CheckupView | None) -> dict[str, int]:
    """Return how many findings of each severity a checkup has."""
    found = Counter(str(finding.severity) for finding in checkup.findings) if checkup else Counter[str]()
    return {severity: found[severity] for severity in Severity}


def _inbox(page: InboxPage, now: int, width: int) -> Iterator[str]:
    if not page.rows:
        yield "No mail yet."
        return
    layout = columns(width)
    yield heading(layout)
    for row in page.rows:
        yield " ".join(cells(row, layout, now))
    if page.cursor is not None:
        yield f"… the newest {len(page.rows)}; `claudemail inbox` lists more"


def _roster(roster: RosterView, now: int, width: int) -> Iterator[str]:
    for node in roster.nodes:
        yield cut(_node_line(node, now), width)
        names = max((len(presence.name) for presence in node.presences), default=0)
        for presence in node.presences:
            yield cut(f"  {fit(presence.name, min(names, 16))}  {_presence_words(presence, now)}", width)


def _node_line(node: NodeView, now: int) -> str:
    if node.here:
        return f"{node.node}  this node, {plural(len(node.presences), 'name')}"
    heard = "never heard of" if node.heard_at is None else f"heard {_since(node.heard_at, now)}"
    return f"{node.node}  {glyphs.LIVENESS[node.liveness]} {node.liveness}, {heard}"


def _presence_words(presence: Presence, now: int) -> str:
    state = Liveness.LIVE if presence.live else Liveness.AWAY
    words = f"{glyphs.LIVENESS[state]} {state}"
    if presence.since is not None:
        words += _came(presence.since, now) if presence.live else f", seen {_since(presence.since, now)}"
    if presence.project:
        words += f", in {scrub_line(presence.project)}"
    if presence.received:
        words += f", {presence.unread} unread, {presence.read_coverage:.0%} read"
    return words


def _came(then: int, now: int) -> str:
    words = age(then, now)
    return ", just came" if words == "now" else f" since {words}"


def _since(then: int, now: int) -> str:
    words = age(then, now)
    return words if words == "now" else f"{words} ago"
