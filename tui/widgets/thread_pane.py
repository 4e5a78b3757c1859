"""A whole thread, one brief after the other, one of them picked out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from claudemail.model.views import BriefView, ThreadView
from claudemail.text import plural, scrub_line
from claudemail.tui import brief_words, glyphs
from claudemail.tui.bindings import OPEN
from claudemail.tui.columns import priority_words
from claudemail.tui.moments import age
from claudemail.tui.widgets.reading import MARKDOWN_CHARS, Reading, body_widget

_MOST_MARKDOWN = 3 * MARKDOWN_CHARS
"""How much of a thread is drawn as Markdown, the latest first."""


class ThreadPane(Reading):
    """Shows the briefs of a thread, the oldest first. It stays as it is while receipts and ages change."""

    BINDINGS: ClassVar[list[BindingType]] = OPEN

    @dataclass
    class Opened(Message):
        """The reader wants to see a brief alone."""

        id: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.views: Sequence[BriefView] = ()
        """The briefs that are shown."""
        self.picked = 0
        """The index of the one that is picked out."""
        self._left_out = 0
        self._posts: list[Post] = []

    @property
    def view(self) -> BriefView | None:
        """The brief that is picked out."""
        return self.views[self.picked] if self.views else None

    async def show(self, thread: ThreadView, at: str | None, now_ms: int) -> None:
        """Show a thread from the brief with the id `at` on; None: shown again, it keeps the one that is picked out."""
        ids = [view.brief.id for view in thread.briefs]
        known = [view.brief.id for view in self.views]
        if at is None and self.view is not None:
            at = self.view.brief.id
        self.views, self._left_out = thread.briefs, thread.left_out
        if ids == known:
            self.redraw(now_ms)
            return
        self.picked = ids.index(at) if at in ids else len(ids) - 1
        with self.app.batch_update():
            await self.remove_children()
            if not self.is_attached:
                return
            formatted = _formatted(thread.briefs)
            self._posts = [Post(view, markdown=view.brief.id in formatted) for view in thread.briefs]
            await self.mount(*self._before(), *self._posts)
            self.redraw(now_ms)
        self.call_after_refresh(self._to_picked)

    def _before(self) -> list[Widget]:
        words = f"{plural(self._left_out, 'older brief')} left out; `claudemail thread` shows them."
        return [Static(Content.styled(words, "$muted"), markup=False)] if self._left_out else []

    def forget(self) -> None:
        """Show the next thread anew, whichever it is."""
        self.views, self._posts = (), []

    def redraw(self, now_ms: int) -> None:
        """Draw the heads anew."""
        for index, (view, post) in enumerate(zip(self.views, self._posts, strict=True)):
            post.say(view, now_ms, picked=index == self.picked)

    def pick(self, index: int) -> None:
        """Pick out a brief, and have its head seen."""
        if self._posts:
            self.picked = min(max(index, 0), len(self._posts) - 1)
            for number, post in enumerate(self._posts):
                post.set_picked(picked=number == self.picked)
            self._to_picked()

    def _to_picked(self) -> None:
        if self._posts:
            self.scroll_to_widget(self._posts[self.picked], animate=False, top=True, force=True)

    def on_post_clicked(self, event: Post.Clicked) -> None:
        """Pick out the brief that was clicked; open it after a second click."""
        event.stop()
        self.pick(self._posts.index(event.post))
        if event.twice:
            self.action_open()

    def action_open(self) -> None:
        """Show the picked brief alone."""
        if self.view is not None:
            self.post_message(self.Opened(self.view.brief.id))


class Post(Vertical):
    """One brief of a thread."""

    @dataclass
    class Clicked(Message):
        """It was clicked."""

        post: Post
        twice: bool

    def __init__(self, view: BriefView, *, markdown: bool) -> None:
        super().__init__()
        self._view = view
        self._head = Static(markup=False, classes="post-head")
        self._said: Content | None = None
        self._now_ms = 0
        self._picked = False
        self._markdown = markdown

    def compose(self) -> list[Widget]:
        """Lay out the head and the body."""
        body = self._view.brief.body
        return [self._head, body_widget(body, markdown=self._markdown)] if body else [self._head]

    def say(self, view: BriefView, now_ms: int, *, picked: bool) -> None:
        """Draw the head, if it is another now."""
        self._view, self._now_ms, self._picked = view, now_ms, picked
        content = _head(view, now_ms, picked=picked)
        if content != self._said:
            self._said = content
            self._head.update(content)

    def set_picked(self, *, picked: bool) -> None:
        """Show whether it is the one that is picked out."""
        self.say(self._view, self._now_ms, picked=picked)

    def on_click(self, event: events.Click) -> None:
        """Have it picked out; a second click opens it."""
        self.post_message(self.Clicked(self, twice=event.chain == 2))


def _formatted(views: Sequence[BriefView]) -> set[str]:
    """Return the ids of the briefs that are drawn as Markdown: a widget for each of their blocks, of many briefs, is too much."""
    room, ids = _MOST_MARKDOWN, set()
    for view in reversed(views):
        room -= len(view.brief.body)
        if room < 0:
            break
        ids.add(view.brief.id)
    return ids


def _head(view: BriefView, now_ms: int, *, picked: bool) -> Content:
    brief = view.brief
    name, sure = brief_words.sender_words(view)
    marks = (f"{glyphs.UNREAD} unread " if view.unread else "") + (f"{glyphs.STAR} " if view.starred else "")
    priority = priority_words(brief.priority)
    return Content.assemble(
        (f"{glyphs.CURSOR} " if picked else "  ", "$primary"),
        (marks, "$unread"),
        (scrub_line(brief.title), "bold underline" if picked else "bold"),
        (f"  {priority}" if priority else "", "$high"),
        "\n  ",
        (name, "bold"),
        (f" ({sure})", "$muted" if view.verified else "bold $unverified"),
        (f" → {brief_words.recipients_line(view)} · {age(brief.at, now_ms)} · {brief.ref}", "$muted"),
    )
