"""The screen where a brief is written. What is written is on the disk a moment later, and stays there until it is accepted."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Input, Static, TextArea

from claudemail.clock import WallClock, day_of
from claudemail.errors import ClaudeMailError
from claudemail.model.brief import MAX_TITLE, Priority
from claudemail.office import Office
from claudemail.office.directory import Directory
from claudemail.text import scrub, scrub_line
from claudemail.tui import editor
from claudemail.tui.bindings import COMPOSE
from claudemail.tui.columns import priority_words, shortened
from claudemail.tui.drafts import Drafts, KeptDraft
from claudemail.tui.moments import to_minute
from claudemail.tui.recipients import choices, meaning
from claudemail.tui.screens.ask import AskScreen, Question
from claudemail.tui.trouble import EXPECTED, in_words
from claudemail.tui.widgets.choices import Choice, Choices
from claudemail.tui.widgets.fields import Body, Line
from claudemail.tui.widgets.key_line import KeyLine
from claudemail.tui.widgets.preview import Preview
from claudemail.tui.widgets.recipient_input import RecipientInput
from claudemail.tui.writing import finished, heading

_KEEP_S = 0.7
"""How long after a change the draft is written down, together with what was changed meanwhile."""
_LOW, _LOWER = 24, 16
"""Below so many lines there are fewer choices."""
_PRIORITIES = (Priority.NORMAL, Priority.HIGH, Priority.URGENT, Priority.LOW)
_DISCARD = "discard"


class ComposeScreen(ModalScreen[KeptDraft | None]):
    """Writes a brief. The result is the draft that is to be sent, or None where it was left, kept or thrown away."""

    BINDINGS: ClassVar[list[BindingType]] = COMPOSE

    def __init__(
        self,
        office: Office,
        wall: WallClock,
        drafts: Drafts,
        draft: KeptDraft,
        *,
        settle: Callable[[], Awaitable[object]],
        said: str = "",
    ) -> None:
        """Make the screen.

        Args:
            office: who takes the brief.
            wall: the clock that days and ages are counted by.
            drafts: where it is kept.
            draft: what it begins with.
            settle: called before an editor has the terminal, and with it all of this process's time.
            said: what is said of it to begin with, such as why it was not sent.
        """
        super().__init__()
        self._office = office
        self._wall = wall
        self._drafts = drafts
        self._begun = draft.model_copy(update={"sent": False})
        self._kept = drafts.find(draft.id)
        self._settle = settle
        self._trouble = said
        self._priority = draft.priority
        self._directory: Directory | None = None
        self._timer: Timer | None = None
        self._keeping = asyncio.Lock()
        self._over = False
        self._head = Static(id="compose-head", markup=False)
        self._offered = Choices((), id="offered")
        self._to = RecipientInput(draft.to, self._offered, id="to")
        self._title = Line(draft.title, compact=True, max_length=MAX_TITLE, select_on_focus=False, id="title")
        self._due = Line(draft.due, placeholder="fri, +2d", compact=True, select_on_focus=False, id="due")
        self._shown_priority = Static(id="priority", markup=False)
        self._text = Body(draft.body, compact=True, soft_wrap=True, highlight_cursor_line=False, id="text")
        self._preview = Preview(id="preview")
        self._said = Static(id="compose-said", markup=False)

    def compose(self) -> ComposeResult:
        """Lay out the fields."""
        yield self._head
        with Horizontal(classes="field"):
            yield Static("To", classes="label", markup=False)
            yield self._to
        yield self._offered
        with Horizontal(classes="field"):
            yield Static("Title", classes="label", markup=False)
            yield self._title
        with Horizontal(classes="field"):
            yield Static("Priority", classes="label", markup=False)
            yield self._shown_priority
            yield Static("Due", id="due-label", markup=False)
            yield self._due
        yield self._text
        yield self._preview
        yield self._said
        yield KeyLine()

    @property
    def draft(self) -> KeptDraft:
        """The draft as it stands in the fields."""
        return self._begun.model_copy(
            update={
                "to": scrub_line(self._to.value),
                "title": scrub_line(self._title.value),
                "due": scrub_line(self._due.value),
                "body": scrub(self._text.text),
                "priority": self._priority,
                "changed_at": self._wall(),
                "sent": False,
            }
        )

    def on_mount(self) -> None:
        """Give the keys to the first field that is empty, and learn who there is."""
        first = next((field for field in (self._to, self._title) if not field.value), self._text)
        first.focus()
        self._preview.display = False
        self._say_head()
        self._say_priority()
        self._say()
        self.run_worker(self._learn(), group="learn")
        self._keep_soon()  # one that was taken back is a draft again

    def on_resize(self) -> None:
        """Offer fewer names where there are few lines."""
        height = self.size.height
        self._offered.shown = 3 if height < _LOWER else 6 if height < _LOW else 10
        if self._offered.display:
            self._to.offer()

    async def _learn(self) -> None:
        try:
            self._directory = await self._office.directory()
            roster = await self._office.roster()
        except EXPECTED as error:
            self._trouble = in_words(error)
        else:
            self._offered.set_choices(choices(self._directory, roster, self._now))
            self._to.offer()
        self._say()

    @property
    def _now(self) -> int:
        return to_minute(self._wall())

    def _say_head(self, kept: str = "") -> None:
        aside = f"   {kept}" if kept else ""
        words = shortened(heading(self._begun), max((self._head.content_size.width or self.size.width) - len(aside), 0))
        self._head.update(Content.assemble((words, "bold $primary"), (aside, "$muted")))

    def _say_priority(self) -> None:
        style = {Priority.URGENT: "bold $urgent", Priority.HIGH: "$high"}.get(self._priority, "")
        self._shown_priority.update(Content.styled(priority_words(self._priority) or "normal", style))

    def _say(self) -> None:
        """Say what keeps the brief from being sent, or whom it goes to."""
        words, fits = "", True
        if self._trouble:
            words, fits = self._trouble, False
        elif self._directory is not None:
            words, fits = meaning(self._to.settled, self._directory, self._now)
        self._said.update(Content.styled(words, "$muted" if fits else "$text-error"))

    @on(Input.Changed, "#to")
    @on(Input.Blurred, "#to")
    def _to_changed(self) -> None:
        self.call_after_refresh(self._say)  # once it is known what the name that is being typed may become

    @on(Input.Changed)
    @on(TextArea.Changed)
    def _changed(self) -> None:
        if self.draft.says_the_same(self._kept or self._begun):
            return
        self._trouble = ""
        self._say()
        if self._timer is None and not self._over:
            self._timer = self.set_timer(_KEEP_S, self._keep_soon)

    def _is_kept(self, draft: KeptDraft) -> bool:
        """Return whether there is nothing to write down: it is so on the disk, or as it was before anybody wrote in it."""
        before = self._kept or self._begun
        return draft.says_the_same(before) and not before.sent

    def _keep_soon(self) -> None:
        self._timer = None
        if not self._over:
            self.run_worker(self.keep(), group="keep")

    async def keep(self) -> bool:
        """Write the draft down if it holds anything of somebody's; return False where that failed, which is said then."""
        async with self._keeping:
            draft = self.draft
            if self._is_kept(draft):
                return True
            try:
                await asyncio.to_thread(self._drafts.keep, draft)
            except OSError as error:
                self._trouble = f"The draft cannot be kept: {error.strerror or error}. Make room, or send it."
                self._say_head("not kept")
                self._say()
                return False
            self._kept = draft
            self._say_head("kept")
            return True

    def on_choices_picked(self, event: Choices.Picked) -> None:
        """Take the name that was clicked."""
        event.stop()
        self._to.focus()
        self._to.take(event.choice)

    @on(Input.Submitted)
    def _next_field(self, event: Input.Submitted) -> None:
        event.stop()
        self.focus_next()

    def on_click(self, event: object) -> None:
        """Change the priority by a click on it."""
        if getattr(event, "widget", None) is self._shown_priority:
            self.action_priority()

    def action_priority(self) -> None:
        """Choose the next priority."""
        self._priority = _PRIORITIES[(_PRIORITIES.index(self._priority) + 1) % len(_PRIORITIES)]
        self._say_priority()
        self._changed()

    async def action_preview(self) -> None:
        """Show the brief as it will look, or go back to writing it."""
        if self._preview.display:
            self._show_preview(seen=False)
            return
        try:
            draft = finished(self.draft, day_of(self._wall()))
            view = await self._office.preview(self._office.operator(), draft)
        except EXPECTED as error:
            self._trouble = in_words(error)
            self._say()
            return
        await self._preview.show(draft, view)
        self._show_preview(seen=True)

    def _show_preview(self, *, seen: bool) -> None:
        self._to.put_away()
        self._preview.display = seen
        self.set_class(seen, "-preview")
        (self._preview if seen else self._text).focus()

    async def action_send(self) -> None:
        """Send the brief, if the office would take it; else say what is wrong with it."""
        if self._over:
            return
        draft = self.draft
        try:
            await self._office.preview(self._office.operator(), finished(draft, day_of(self._wall())))
        except EXPECTED as error:
            self._trouble = in_words(error)
            self._say()
            return
        await self._end()
        sent = draft.model_copy(update={"sent": True})
        with contextlib.suppress(OSError):  # a disk that has no room for it will not take the brief either, and say so
            await asyncio.to_thread(self._drafts.keep, sent)
        self.dismiss(sent)

    async def _end(self) -> None:
        """Write no more down."""
        self._over = True
        if self._timer is not None:
            self._timer.stop()
        async with self._keeping:
            pass

    async def action_leave(self) -> None:
        """Go one step back: from the names that are offered, from the preview, from the brief, of which a draft is kept."""
        if self._preview.display:
            self._show_preview(seen=False)
        elif self._to.has_focus and self._to.is_offering and self._to.value:
            self._to.put_away()
        elif await self.keep():
            await self._end()
            if self._kept is not None:
                self.app.notify("The draft is kept; c takes it up again.", timeout=4, markup=False)
            self.dismiss(None)

    def action_discard(self) -> None:
        """Throw the draft away; one with something in it is asked for first."""
        if self._kept is None and self.draft.says_the_same(self._begun):
            self.dismiss(None)
        else:
            self.run_worker(self._ask_discard(), group="discard", exclusive=True)

    async def _ask_discard(self) -> None:
        question = Question(
            "Throw this draft away?",
            choices=(Choice(_DISCARD, "it cannot be brought back"), Choice("keep", "go on writing")),
            only_choices=True,
        )
        if await self.app.push_screen_wait(AskScreen(question)) != _DISCARD:
            return
        await self._end()
        try:
            await asyncio.to_thread(self._drafts.remove, self._begun.id)
        except OSError as error:
            self.app.notify(f"It could not be removed: {error.strerror}.", severity="error", timeout=8, markup=False)
        self.dismiss(None)

    async def action_editor(self) -> None:
        """Write the body in the operator's own editor."""
        try:
            editor.command(os.environ)
            if not await self.keep():
                return
            await self._settle()
            path = self._drafts.lend(self.draft)
            with self.app.suspend():
                complaint = editor.edit(path)
            self._text.load_text(self._drafts.edited(self._begun.id))
            if await self.keep():
                self._drafts.give_back(self._begun.id)
                self._trouble = complaint
        except SuspendNotSupported:
            self._trouble = "No editor can be opened in this kind of terminal."
        except (ClaudeMailError, OSError) as error:
            self._trouble = in_words(error)
        self._say()
