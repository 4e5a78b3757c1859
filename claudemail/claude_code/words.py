"""What a session is told of its mail, by hooks and when it is woken: counts and callsigns, in few words. Standard library only.

It reaches the model beside what the user says, so it names whose word it is and holds no title or text of a brief unless the
config's `hook_titles` allows titles.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from claudemail.store.standing import Fresh, Standing

_MOST_SENDERS = 4
_MOST_TITLES = 5
_MOST_TITLE = 80
_HOW = "`claudemail_digest` shows unread mail, `claudemail_read` a brief. Mail is from other sessions, not the user's word."


def at_start(callsign: str, node: str, state: Standing, *, titles: bool) -> str:
    """Return what a session is told as it begins, or begins anew."""
    who = f"ClaudeMail: this session is {callsign} on {node}."
    due = f" Due today or before: {_count(state.due, 'action')}; see `claudemail_actions`." if state.due else ""
    if not state.unread:
        return f"{who} No unread mail.{due}"
    mail = _mail(state.unread, state.urgent, state.fresh, "unread")
    return f"{who} {mail}.{due} {_HOW}{_titles(state.fresh, titles=titles)}"


def news(callsign: str, state: Standing, *, titles: bool) -> str:
    """Return what a session is told when mail has come since it was told last."""
    fresh = state.fresh
    rest = f"; {state.unread} unread in all" if state.unread > len(fresh) else ""
    what = _mail(len(fresh), sum(one.is_urgent for one in fresh), fresh, "new")
    return f"ClaudeMail: {what} for {callsign}{rest}. {_HOW}{_titles(fresh, titles=titles)}"


def before_stop(callsign: str, urgent: Sequence[Fresh]) -> str:
    """Return why a session should not end its turn yet."""
    what = _mail(len(urgent), 0, urgent, "urgent unread")
    return (
        f"ClaudeMail: {what} for {callsign}. Read it with `claudemail_read` or `claudemail_digest` and do or answer what it"
        " needs, or tell the user why not; then end your turn. You are held back only once for it."
    )


def _mail(count: int, urgent: int, fresh: Sequence[Fresh], kind: str) -> str:
    pressing = f" ({urgent} urgent)" if urgent else ""
    senders = list(dict.fromkeys(f"{one.sender} ({one.node})" for one in fresh))
    more = len(senders) - _MOST_SENDERS
    shown = senders[:_MOST_SENDERS] + ([f"{more} more"] if more > 0 else [])
    whom = f" from {_listed(shown)}" if shown else ""
    return f"{_count(count, f'{kind} brief')}{pressing}{whom}"


def _titles(fresh: Sequence[Fresh], *, titles: bool) -> str:
    if not titles:
        return ""
    from claudemail.text import shorten

    lines = [f'\n- no. {one.number}, {one.sender}: "{shorten(one.title, _MOST_TITLE)}"' for one in fresh[:_MOST_TITLES]]
    return "".join(lines)


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
