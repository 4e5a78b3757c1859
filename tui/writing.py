"""What a draft begins with, and what it says to the office once it is written. Values in, values out."""

from __future__ import annotations

from datetime import date

from pydantic import ValidationError

from claudemail.config import OPERATOR
from claudemail.errors import InvalidInput
from claudemail.model.brief import MAX_TITLE, Draft, Sender, invalid
from claudemail.model.due import FORMS, day
from claudemail.model.ids import new_id
from claudemail.model.views import BriefView
from claudemail.text import scrub, scrub_line, shorten
from claudemail.tui.drafts import KeptDraft, Purpose
from claudemail.tui.moments import local

_MOST_ABOUT = 120


def blank(to: str, now_ms: int) -> KeptDraft:
    """Return a new draft."""
    id = new_id(now_ms)
    return KeptDraft(id=id, key=id, to=to, changed_at=now_ms)


def reply(view: BriefView, here: str, now_ms: int, *, everyone: bool) -> KeptDraft:
    """Return the draft of an answer by the operator of the node `here`: to the sender of a brief, or to all of its people."""
    brief = view.brief
    own = is_own(brief.sender, here)
    people = [] if own else [_address(brief.sender, here)]
    if everyone or own:
        people += [_seen_from(one, brief.sender.node, here) for one in brief.to]
    people = [one for one in dict.fromkeys(people) if one != OPERATOR] or people[:1]
    return blank(", ".join(people), now_ms).model_copy(
        update={
            "purpose": Purpose.REPLY,
            "about": brief.id,
            "about_words": _about(view),
            "title": _prefixed("Re:", brief.title),
        }
    )


def forward(view: BriefView, now_ms: int) -> KeptDraft:
    """Return the draft that passes a brief on, quoted below a line that says whose it is and of when."""
    brief = view.brief
    head = f'From {brief.sender}, {local(brief.at, now_ms)}, {brief.ref}: "{scrub_line(brief.title)}"'
    quoted = "\n".join(f"> {line}".rstrip() for line in scrub(brief.body).splitlines())
    return blank("", now_ms).model_copy(
        update={
            "purpose": Purpose.FORWARD,
            "about": brief.id,
            "about_words": _about(view),
            "title": _prefixed("Fwd:", brief.title),
            "body": f"\n\n{head}\n\n{quoted}\n",
        }
    )


def is_own(sender: Sender, here: str) -> bool:
    """Return whether the operator of the node `here` wrote it."""
    return (sender.name, sender.node) == (OPERATOR, here)


def _address(sender: Sender, here: str) -> str:
    return sender.name if sender.node == here else f"{sender.name}@{sender.node}"


def _seen_from(address: str, origin: str, here: str) -> str:
    """Return an address of a brief from another node as it has to be written here: each node has an operator of its own."""
    name, _, node = address.partition("@")
    if name.lower() != OPERATOR:
        return address
    return OPERATOR if (node or origin) == here else f"{OPERATOR}@{node or origin}"


def _prefixed(prefix: str, title: str) -> str:
    title = scrub_line(title)
    if title.lower().startswith(prefix.lower()):
        return title
    return shorten(f"{prefix} {title}", MAX_TITLE)


def _about(view: BriefView) -> str:
    return shorten(f"{view.brief.sender.name}: {view.brief.title}", _MOST_ABOUT)


def finished(draft: KeptDraft, today: date) -> Draft:
    """Return what a draft says to the office.

    Raises:
        InvalidInput: something in it is lacking or not as it should be.
    """
    if not draft.title:
        raise InvalidInput("The brief has no title.", remedy="Say in a few words what it is about.")
    if not draft.to:
        raise InvalidInput("The brief is to nobody yet.", remedy="Name a callsign, an instance, @node or all.")
    due = day(draft.due, today) if draft.due else None
    if draft.due and due is None:
        raise InvalidInput(f"{shorten(draft.due, 40)!r} is no day.", remedy=FORMS)
    fields = {
        "to": [draft.to],
        "title": draft.title,
        "body": draft.body.rstrip(),
        "priority": draft.priority,
        "due": due,
        "reply_to": draft.about if draft.purpose is Purpose.REPLY else None,
        "key": draft.key,
    }
    try:
        return Draft.model_validate(fields)
    except ValidationError as error:
        raise invalid(error, "The brief") from error


def heading(draft: KeptDraft) -> str:
    """Return what is being written, in words."""
    match draft.purpose:
        case Purpose.REPLY:
            return f"Reply to {draft.about_words}"
        case Purpose.FORWARD:
            return f"Pass on {draft.about_words}"
        case _:
            return "New brief"
