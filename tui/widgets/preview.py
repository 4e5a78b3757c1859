"""A brief as its recipients will see it, before it is sent."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Markdown, Static

from claudemail.model.brief import Draft, Priority
from claudemail.model.views import DraftView
from claudemail.text import scrub, scrub_line
from claudemail.tui import glyphs
from claudemail.tui.bindings import MOVE
from claudemail.tui.brief_words import action_parts
from claudemail.tui.columns import priority_words
from claudemail.tui.widgets.brief_pane import MARKDOWN_CHARS, MARKDOWN_LINES


class Preview(VerticalScroll, inherit_bindings=False):
    """Shows a draft, the signature line and the actions that were found in it."""

    BINDINGS = MOVE

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
            await self._body.mount(_body(view.body))
        self.scroll_home(animate=False)

    def action_down(self) -> None:
        """Scroll one line down."""
        self.scroll_relative(y=1, animate=False)

    def action_up(self) -> None:
        """Scroll one line up."""
        self.scroll_relative(y=-1, animate=False)

    def action_half_down(self) -> None:
        """Scroll half a page down."""
        self.scroll_relative(y=max(self.size.height // 2, 1), animate=False)

    def action_half_up(self) -> None:
        """Scroll half a page up."""
        self.scroll_relative(y=-max(self.size.height // 2, 1), animate=False)

    def action_first(self) -> None:
        """Scroll to the head."""
        self.scroll_home(animate=False)

    def action_last(self) -> None:
        """Scroll to the end."""
        self.scroll_end(animate=False)


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
        text, about = action_parts(action)
        lines.append(Content.assemble((f"{glyphs.ACTION} ", "$high"), text, (f"  {about}" if about else "", "$muted")))
    return Content("\n").join(lines)


def _body(body: str) -> Widget:
    text = scrub(body)
    if len(text) <= MARKDOWN_CHARS and text.count("\n") <= MARKDOWN_LINES:
        return Markdown(text, open_links=False)
    return Static(Content(text.expandtabs(4)), markup=False)
