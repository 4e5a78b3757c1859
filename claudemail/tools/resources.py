"""Resources: mail as something that a person can point a session at, as `@claudemail:mail://brief/k7qd`."""

from __future__ import annotations

import re

import mcp_types as types

from claudemail.errors import NotFound
from claudemail.text import plural, shorten
from claudemail.tools.read import brief_in_full
from claudemail.tools.tool import Call
from claudemail.wording import row_line

INBOX = "mail://inbox"
BRIEF = "mail://brief/{ref}"
_BRIEF = re.compile(r"mail://brief/([A-Za-z0-9-]{1,40})")
_KIND = "text/plain"
_MOST_LISTED = 50


async def listed(call: Call) -> types.ListResourcesResult:
    """Return what a client is told of the resources: Claude Code lets a person point at none that is not in this list.

    Raises:
        StoreError: the database could not say.
    """
    inbox = types.Resource(
        uri=INBOX, name="inbox", description="Your newest mail, one line each; marks nothing read", mime_type=_KIND
    )
    page = await call.office.inbox(call.party.mailboxes, limit=_MOST_LISTED)
    briefs = [
        types.Resource(
            uri=BRIEF.format(ref=row.ref),
            name=row.ref,
            title=row.title,
            description=f"Brief from {row.sender}; marks it read",
            mime_type=_KIND,
        )
        for row in page.rows
    ]
    return types.ListResourcesResult(resources=[inbox, *briefs])


def templates() -> types.ListResourceTemplatesResult:
    """Return what a client is told of the resources that have a name in them."""
    brief = types.ResourceTemplate(
        uri_template=BRIEF, name="brief", description="One brief in full, by ref; marks it read", mime_type=_KIND
    )
    return types.ListResourceTemplatesResult(resource_templates=[brief])


async def text_of(call: Call, uri: str) -> str:
    """Return the text of a resource.

    Raises:
        NotFound: there is no such resource, or no such brief.
        StoreError: the database could not say.
    """
    if uri == INBOX:
        return await _inbox(call)
    match = _BRIEF.fullmatch(uri)
    if match is None:
        raise NotFound(f"There is no resource {shorten(uri, 80)!r}.", remedy=f"There are {INBOX} and {BRIEF}.")
    return await brief_in_full(call, match[1])


async def _inbox(call: Call) -> str:
    page = await call.office.inbox(call.party.mailboxes)
    if not page.rows:
        return f"No mail for {call.party.name}."
    now = call.office.now()
    lines = [f"{plural(page.unread, 'unread brief')} for {call.party.name}. The newest {len(page.rows)}:"]
    lines += [f"- {'unread ' if row.unread else ''}{row_line(row, now)}" for row in page.rows]
    if page.cursor is not None:
        lines.append("- and older ones: claudemail_search finds them")
    return "\n".join(lines)


def as_result(uri: str, text: str) -> types.ReadResourceResult:
    """Return a text as the answer to a request for a resource."""
    return types.ReadResourceResult(contents=[types.TextResourceContents(uri=uri, text=text, mime_type=_KIND)])
