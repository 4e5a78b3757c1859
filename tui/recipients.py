"""The line of recipients while it is typed: who there is to write to, and whom the line means so far."""

from __future__ import annotations

import re
from collections import Counter

from claudemail.config import OPERATOR
from claudemail.errors import ClaudeMailError
from claudemail.model import address
from claudemail.model.roster import Liveness
from claudemail.model.views import RosterView
from claudemail.office.directory import Directory, Entry, Kind
from claudemail.text import scrub_line
from claudemail.tui import glyphs
from claudemail.tui.moments import age
from claudemail.tui.widgets.choices import Choice

_BETWEEN = re.compile(r"[,;\s]")
_MOST_NAMED = 6


def choices(directory: Directory, roster: RosterView, now_ms: int) -> list[Choice]:
    """Return everyone there is to write to, those who are there first, then the groups."""
    liveness = {node.node: node.liveness for node in roster.nodes}
    projects = {
        (node.node, presence.name): presence.project
        for node in roster.nodes
        for presence in node.presences
        if presence.project
    }
    names = Counter(entry.name.lower() for entry in directory.entries)
    found = []
    for entry in sorted(directory.entries, key=lambda entry: (not entry.live, entry.name.lower())):
        word = entry.name if names[entry.name.lower()] == 1 else f"{entry.name}@{entry.node}"
        about = [presence_words(entry, liveness.get(entry.node), now_ms), entry.node]
        about.append(projects.get((entry.node, entry.name)) or ("" if entry.kind is Kind.CALLSIGN else entry.kind))
        found.append(Choice(word, " · ".join(part for part in about if part)))
    here = directory.config.node_id
    groups = [("all", "everyone"), *((f"@{node.id}", f"everyone on {node.id}") for node in directory.config.nodes)]
    for word, words in groups:
        count = _count(word, directory)
        if count:
            found.append(Choice(word, f"{words}: {count}"))
    found += [
        Choice(f"{OPERATOR}@{node.id}", f"the operator of {node.id}")
        for node in directory.config.nodes
        if node.id != here
    ]
    return found


def presence_words(entry: Entry, node: Liveness | None, now_ms: int) -> str:
    """Return whether somebody is there, by sign and word: `● live`, `◐ late`, `· away 3h`."""
    if entry.live:
        state = node or Liveness.LIVE
        return f"{glyphs.LIVENESS[state]} {state}"
    sign = glyphs.LIVENESS[Liveness.AWAY]
    return f"{sign} no session yet" if entry.seen_at is None else f"{sign} away {age(entry.seen_at, now_ms)}"


def _count(word: str, directory: Directory) -> int:
    try:
        return len(directory.resolve(address.parse(word), but=OPERATOR))
    except ClaudeMailError:
        return 0


def meaning(line: str, directory: Directory, now_ms: int) -> tuple[str, bool]:
    """Return whom a line of recipients means, in words, and whether it can be sent to."""
    if not line.strip(" ,;"):
        return "", False
    try:
        chosen = directory.resolve(address.parse(line), but=OPERATOR)
    except ClaudeMailError as error:
        return scrub_line(str(error)), False
    named = [_named(entry, now_ms) for entry in chosen[:_MOST_NAMED]]
    if len(chosen) > _MOST_NAMED:
        named.append(f"and {len(chosen) - _MOST_NAMED} more")
    return f"To {'one mailbox' if len(chosen) == 1 else f'{len(chosen)} mailboxes'}: {', '.join(named)}", True


def _named(entry: Entry, now_ms: int) -> str:
    if entry.live or entry.kind is Kind.OPERATOR:
        return entry.name
    return f"{entry.name} ({'no session yet' if entry.seen_at is None else f'away {age(entry.seen_at, now_ms)}'})"


def word_at(line: str, cursor: int) -> tuple[int, str]:
    """Return the word that is being typed at the cursor, and where it begins."""
    start = cursor
    while start > 0 and not _BETWEEN.match(line[start - 1]):
        start -= 1
    return start, line[start:cursor]


def completed(line: str, cursor: int, value: str) -> tuple[str, int]:
    """Return the line with the word at the cursor made whole and ready for the next one, and where the cursor is then."""
    start, _ = word_at(line, cursor)
    rest = line[cursor:].lstrip(" ,;")
    before = line[:start] + value + ", "
    return before + rest, len(before)
