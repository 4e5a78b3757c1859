"""An action in full: its text and how it stands, its note, where it comes from, and all that was ever done to it."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from claudemail.model.views import ActionHistory
from claudemail.text import scrub_line
from claudemail.tui.action_words import Words, facts, history
from claudemail.tui.brief_words import thread_line
from claudemail.tui.widgets.scrolling import Scrolling

_PARTS = ("what", "facts", "note", "source", "history")
_BROAD = 56
"""From this width on, what somebody did stands beside who it was."""
_STYLES = {
    "": "",
    "dim": "$muted",
    "strong": "bold",
    "good": "$text-success",
    "high": "$high",
    "urgent": "bold $urgent",
}


class ActionDetail(Scrolling):
    """Shows one action. It keeps its scroll while the action changes."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.view: ActionHistory | None = None
        """The action that is shown."""
        self._parts = {name: Static(id=f"action-{name}", markup=False) for name in _PARTS}
        self._now_ms = 0
        self._drawn: dict[str, Content] = {}

    def compose(self) -> ComposeResult:
        """Lay out the parts, empty at first."""
        yield from self._parts.values()

    def show(self, view: ActionHistory | None, now_ms: int) -> None:
        """Show an action, or nothing."""
        self._now_ms = now_ms
        other = (view and view.action.id) != (self.view and self.view.action.id)
        self.view = view
        self._draw("what", Content.styled(scrub_line(view.action.text), "bold") if view else Content())
        self._draw("facts", _facts(view, now_ms) if view else Content())
        note = scrub_line(view.action.note) if view and view.action.note else ""
        self._draw("note", Content.assemble(("Note  ", "$muted"), note) if note else Content())
        self._draw("source", _source(view, now_ms) if view else Content())
        self._draw_history()
        if other:
            self.scroll_home(animate=False)

    def on_resize(self) -> None:
        """Break the lines of the history anew."""
        self._draw_history()

    def _draw_history(self) -> None:
        broad = self.size.width >= _BROAD
        self._draw("history", _history(self.view, self._now_ms, broad=broad) if self.view else Content())

    def _draw(self, part: str, content: Content) -> None:
        if self._drawn.get(part) != content:
            self._drawn[part] = content
            self._parts[part].display = bool(content)
            self._parts[part].update(content)


def _line(words: Sequence[Words]) -> Content:
    parts: list[tuple[str, str]] = []
    for index, (text, style) in enumerate(words):
        parts += [(" · " if index else "", "$muted"), (scrub_line(text), _STYLES[style])]
    return Content.assemble(*parts)


def _facts(view: ActionHistory, now_ms: int) -> Content:
    return Content("\n").join([_line(words) for words in facts(view.action, now_ms)])


def _source(view: ActionHistory, now_ms: int) -> Content:
    action = view.action
    if action.brief is None:
        return Content()
    if view.brief is None:
        return Content.assemble(
            ("From the brief ", "$muted"), action.brief_ref or "", (", which is not on this node", "$muted")
        )
    title, about = thread_line(view.brief, now_ms)
    return Content.assemble(("From the brief ", "$muted"), title, (f"\n  {about}   o jumps to it", "$muted"))


def _history(view: ActionHistory, now_ms: int, *, broad: bool) -> Content:
    lines = [Content.styled("History", "bold $muted")]
    for when, who, verified, what in history(view.changes, now_ms):
        doubt = (" UNVERIFIED", "bold $unverified") if not verified else ("", "")
        gap = "  " if broad else "\n  "
        lines.append(Content.assemble((when, "$muted"), "  ", (scrub_line(who), "bold"), doubt, gap, what))
    return Content("\n").join(lines)
