"""A brief as its recipients will see it, before it is sent."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from claudemail.model.brief import Draft, Priority
from claudemail.model.views import DraftView
from claudemail.text import scrub_line
from claudemail.tui import glyphs
from claudemail.tui.columns import priority_words
from claudemail.tui.widgets.reading import Reading, body_widget


class Preview(Reading):
    """Shows a draft, the signature line and the actions that were found in it."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._head = Static(id="preview-head", markup=False)
        self._actions = Static(id="preview-actions", markup=False)
        self._body = Vertical(id="preview-body")

    def compose(self) -> ComposeResult:
        """Lay out the parts."""
        yield self._head
        yield self._actions
        yield self._body

    async def show(self, draft: Draft, view: DraftView) -> None:
        """Show a draft, and what the office says that it will be."""
        self._head.update(_head(draft, view))
        self._actions.update(_actions(view))
        self._actions.display = bool(view.actions)
        await self._body.remove_children()
        if view.body:
            await self._body.mount(body_widget(view.body))
        self.scroll_home(animate=False)


def _head(draft: Draft, view: DraftView) -> Content:
    style = {Priority.URGENT: "bold $urgent", Priority.HIGH: "$high"}.get(draft.priority, "$muted")
    facts = [priority_words(draft.priority) or "normal priority", f"due {draft.due}" if draft.due else ""]
    return Content.assemble(
        (scrub_line(draft.title), "bold"),
        ("\nto ", "$muted"),
        scrub_line(", ".join(view.recipients)),
        ("\n", ""),
        (" · ".join(fact for fact in facts if fact), style),
    )


def _actions(view: DraftView) -> Content:
    lines = []
    for action in view.actions:
        facts = [action.assignee or "", priority_words(action.priority), f"due {action.due}" if action.due else ""]
        about = " · ".join(fact for fact in facts if fact)
        words = (f"  {about}" if about else "", "$muted")
        lines.append(Content.assemble((f"{glyphs.ACTION} ", "$high"), scrub_line(action.text), words))
    return Content("\n").join(lines)
