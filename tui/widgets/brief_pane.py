"""A brief in full: its head, how far it has come, what it asks for, its text and its thread."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from claudemail.model.brief import Priority
from claudemail.model.receipt import DeliveryState
from claudemail.model.views import BriefView
from claudemail.text import scrub_line
from claudemail.tui import brief_words, glyphs
from claudemail.tui.columns import priority_words
from claudemail.tui.widgets.reading import Reading, body_widget

_PARTS = ("title", "head", "delivery", "actions", "thread")
_DELIVERY_STYLE = {
    DeliveryState.FAILED: "$text-error",
    DeliveryState.QUEUED: "$urgent-soft",
    DeliveryState.READ: "$text-success",
}


class BriefPane(Reading):
    """Shows one brief. It keeps its scroll while receipts and ages change."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.view: BriefView | None = None
        """The brief that is shown."""
        self._now_ms = 0
        # Kept, not looked up: mail may come in while the console is being closed and they are no longer to be found.
        self._parts = {name: Static(id=name, markup=False) for name in _PARTS}
        self._body = Vertical(id="body")
        self._drawn: dict[str, Content] = {}

    def compose(self) -> ComposeResult:
        """Lay out the parts, empty at first."""
        for name in ("title", "head", "delivery", "actions"):
            yield self._parts[name]
        yield self._body
        yield self._parts["thread"]

    async def show(self, view: BriefView | None, now_ms: int) -> None:
        """Show a brief, or nothing. The body of one that is shown already stays as it is: briefs do not change."""
        other = (view and view.brief.id) != (self.view and self.view.brief.id)
        self.view = view
        self.set_class(view is None, "-empty")
        self._now_ms = now_ms
        self._draw_all()
        if other:
            with self.app.batch_update():
                await self._body.remove_children()
                if view is not None and view.brief.body and self._body.is_attached:
                    await self._body.mount(body_widget(view.brief.body))
                self.scroll_home(animate=False)

    def on_resize(self) -> None:
        """Break the lines anew."""
        self._draw_all()

    def _draw_all(self) -> None:
        view, now_ms = self.view, self._now_ms
        width = self.scrollable_content_region.width
        self._draw("title", _title(view, width) if view else Content())
        self._draw("head", _head(view, now_ms) if view else Content())
        self._draw("delivery", _delivery(view, now_ms) if view else Content())
        self._draw("actions", _actions(view, now_ms, width) if view else Content())
        self._draw("thread", _thread(view, now_ms, width) if view else Content())

    def _draw(self, part: str, content: Content) -> None:
        if self._drawn.get(part) != content:
            self._drawn[part] = content
            self._parts[part].display = bool(content)
            self._parts[part].update(content)


def _title(view: BriefView, width: int) -> Content:
    priority = view.brief.priority
    style = {Priority.URGENT: "bold $urgent", Priority.HIGH: "$high"}.get(priority, "$muted")
    star = (f"{glyphs.STAR} ", "$unread") if view.starred else ("", "")
    title = Content.assemble(star, (scrub_line(view.brief.title), "bold"))
    return _beside(title, Content.styled(priority_words(priority), style), width)


def _head(view: BriefView, now_ms: int) -> Content:
    name, sure = brief_words.sender_words(view)
    lines: list[tuple[str, str]] = [
        (name, "bold"),
        (" (", "$muted"),
        (sure, "$muted" if view.verified else "bold $unverified"),
        (") → ", "$muted"),
        (brief_words.recipients_line(view), ""),
        (f"\n{brief_words.facts_line(view, now_ms)}", "$muted"),
    ]
    mailbox = brief_words.mailbox_line(view)
    if mailbox:
        lines.append((f"\n{mailbox}", "$muted"))
    return Content.assemble(*lines)


def _delivery(view: BriefView, now_ms: int) -> Content:
    lines = [
        Content.assemble((words, _DELIVERY_STYLE.get(state, "") if state else "$muted"))
        for words, state in brief_words.delivery_parts(view.recipients, now_ms)
    ]
    return Content("\n").join(lines)


def _actions(view: BriefView, now_ms: int, width: int) -> Content:
    lines = []
    for action in brief_words.action_words(view, now_ms):
        style = "$high" if action.pressing else "$muted"
        line = Content.assemble((f"{action.glyph} ", style), (action.text, "$muted" if action.over else ""))
        lines.append(_beside(line, Content.styled(action.about, style), width, indent=2))
    return Content("\n").join(lines)


def _thread(view: BriefView, now_ms: int, width: int) -> Content:
    if not view.thread:
        return Content()
    more = f", {view.thread_more} older left out" if view.thread_more else ""
    lines = [Content.styled(f"In this thread{more}   i shows all of it", "bold $muted")]
    for row in view.thread:
        title, about = brief_words.thread_line(row, now_ms)
        lines.append(_beside(Content(title), Content.styled(about, "$muted"), width, indent=2))
    return Content("\n").join(lines)


def _beside(text: Content, aside: Content, width: int, indent: int = 0) -> Content:
    """Return a text and what stands beside it, or below it where there is too little room for both."""
    if not aside:
        return text
    gap = "  " if text.cell_length + aside.cell_length + 2 <= width else "\n" + " " * indent
    return Content.assemble(text, gap, aside)
