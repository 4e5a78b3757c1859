"""The writing desk of the console: it opens drafts, sends what was written after a while, and tells what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from textual.screen import Screen
from textual.timer import Timer

from claudemail.clock import WallClock
from claudemail.errors import NotFound
from claudemail.model.receipt import RecipientState
from claudemail.model.views import SendResult
from claudemail.office import Office
from claudemail.text import plural, shorten
from claudemail.tui.drafts import Drafts, KeptDraft, Purpose
from claudemail.tui.messages import Go, Write
from claudemail.tui.moments import age, to_minute
from claudemail.tui.outgoing import NotSent, Outgoing, unsent
from claudemail.tui.places import Place, Where
from claudemail.tui.screens.ask import AskScreen, Question
from claudemail.tui.screens.compose import ComposeScreen
from claudemail.tui.trouble import EXPECTED, in_words, told
from claudemail.tui.widgets.choices import Choice
from claudemail.tui.widgets.sent_line import SentLine
from claudemail.tui.writing import blank, forward, reply

_TOLD_S = 15
"""How long the line tells what became of a brief."""
_MOST_TITLE = 40
_NEW = "new"

StartGateway = Callable[[], object]
"""Starts this node's gateway if it does not run; may take a moment."""


class WritingDesk:
    """All of the console's writing, on behalf of its standing screen."""

    def __init__(
        self, screen: Screen[None], office: Office, wall: WallClock, line: SentLine, start_gateway: StartGateway | None
    ) -> None:
        """Make the desk.

        Args:
            screen: where its questions and errors are shown.
            office: who takes the briefs.
            wall: the clock that ages are counted by.
            line: where it tells what becomes of the brief that was sent last.
            start_gateway: has mail for other nodes carried; None: whoever runs a gateway sees to that.
        """
        self._screen = screen
        self._office = office
        self._wall = wall
        self._line = line
        self._start_gateway = start_gateway
        self._drafts = Drafts(office.config.state_dir)
        self._outgoing = Outgoing(office, self._drafts, wall, office.config.console.send_delay_s)
        self._last: SendResult | None = None
        self._hide: Timer | None = None
        self._warned = False

    async def look(self) -> None:
        """Say which briefs a former console was still to send, if there are any."""
        with told(self._screen):
            left = await unsent(self._office, self._drafts)
            if left:
                title = shorten(left[0].title, _MOST_TITLE)
                more = f" and {plural(len(left) - 1, 'other')}" if len(left) > 1 else ""
                self._screen.notify(
                    f"Not sent before the console ended: {title}{more}. c takes it up.",
                    severity="warning", timeout=15, markup=False,
                )  # fmt: skip

    async def write(self, wanted: Write) -> None:
        """Open what somebody wants to write: a kept draft where there is one for it."""
        with told(self._screen):
            draft = await self._wanted(wanted)
            if draft is not None:
                await self._open(draft)

    async def _wanted(self, wanted: Write) -> KeptDraft | None:
        if wanted.about is not None:
            return await self._answer(wanted.about, wanted)
        if wanted.to:
            return blank(wanted.to, self._wall())
        kept = [one for one in await asyncio.to_thread(self._drafts.all) if one.id not in self._outgoing.ids]
        if not kept:
            return blank("", self._wall())
        answer = await self._screen.app.push_screen_wait(AskScreen(_which(kept, to_minute(self._wall()))))
        if answer == _NEW:
            return blank("", self._wall())
        return next((one for one in kept if one.id == answer), None)

    async def _answer(self, word: str, wanted: Write) -> KeptDraft:
        try:
            view = await self._office.read(self._office.operator(), word)
        except NotFound as error:
            raise NotFound("That brief is not on this node any more.", remedy="") from error
        purpose = Purpose.FORWARD if wanted.forward else Purpose.REPLY
        kept = await asyncio.to_thread(self._drafts.about, view.brief.id, purpose)
        if kept is not None and kept.id not in self._outgoing.ids:
            self._screen.notify("This is the draft that was kept.", timeout=4, markup=False)
            return kept
        if wanted.forward:
            return forward(view, self._wall())
        return reply(view, self._office.config.node_id, self._wall(), everyone=wanted.everyone)

    async def _open(self, draft: KeptDraft, said: str = "") -> None:
        """Have a draft written on, and send what comes of it."""
        self._warned = False
        screen = ComposeScreen(self._office, self._wall, self._drafts, draft, settle=self._outgoing.settle, said=said)
        written = await self._screen.app.push_screen_wait(screen)
        if written is not None:
            self._screen.run_worker(self._send(written), group="send")

    async def _send(self, draft: KeptDraft) -> None:
        result = await self._outgoing.send(draft, self._tell)
        if isinstance(result, NotSent):
            await self._not_sent(result)
        elif result is not None:
            self._last = result
            self._say_went(result.recipients)
            self._restart_hiding()
            await self._have_carried(result)

    async def _not_sent(self, failed: NotSent) -> None:
        said = f"It was not sent. {in_words(failed.error)}"
        if any(isinstance(screen, ComposeScreen) for screen in self._screen.app.screen_stack):
            self._screen.notify(f"{shorten(failed.draft.title, _MOST_TITLE)}: {said} Its draft is kept.",
                                severity="error", timeout=15, markup=False)  # fmt: skip
        else:
            await self._open(failed.draft, said)

    async def _have_carried(self, result: SendResult) -> None:
        here = self._office.config.node_id
        if self._start_gateway is None or all(state.node == here for state in result.recipients):
            return
        try:
            await asyncio.to_thread(self._start_gateway)
        except EXPECTED as error:
            self._screen.notify(
                f"It is safe, and waits for other nodes: this node's gateway could not be started. {in_words(error)}",
                severity="warning", timeout=12, markup=False,
            )  # fmt: skip

    def _tell(self) -> None:
        """Say how long what was sent last can be taken back."""
        waiting = self._outgoing.next
        if waiting is not None:
            draft, left_s = waiting
            self._line.waits(draft.title, left_s, "u")
        elif self._outgoing.ids:
            self._line.goes("")
        elif self._hide is None:
            self._line.hide()

    def _say_went(self, states: list[RecipientState]) -> None:
        if self._last is not None and self._outgoing.next is None:
            self._line.went(self._last.ref, self._last.title, states)

    def _restart_hiding(self) -> None:
        if self._hide is not None:
            self._hide.stop()
        self._hide = self._screen.set_timer(_TOLD_S, self._put_away)

    def _put_away(self) -> None:
        self._hide = None
        self._tell()

    async def refresh(self) -> None:
        """Say how far the brief that was sent last has come by now.

        Raises:
            StoreError: the database could not say.
        """
        if self._hide is not None and self._last is not None:
            view = await self._office.read(self._office.operator(), self._last.id)
            self._say_went(view.recipients)

    def show_last(self) -> None:
        """Go to the brief that was sent last."""
        if self._last is not None:
            self._screen.post_message(Go(Place(Where.INBOX, self._last.id)))
        else:
            self._screen.notify("Nothing was sent from here yet.", timeout=4, markup=False)

    def take_back(self) -> bool:
        """Take back what was sent last and has not gone yet, and open it again; return False where there is nothing."""
        draft = self._outgoing.take_back()
        if draft is not None:
            self._screen.run_worker(self._open(draft), group="write")
        return draft is not None

    async def may_quit(self) -> bool:
        """Send what waits, keep what is written; return whether the console may end, which somebody with drafts says twice."""
        screen = self._screen.app.screen
        if isinstance(screen, ComposeScreen) and not await screen.keep():
            return False
        if not await self._outgoing.settle():
            return False
        fresh = len(self._drafts.fresh)
        if not fresh or self._warned:
            return True
        self._warned = True
        self._screen.notify(f"{plural(fresh, 'draft')} kept, not sent. Quit again to leave.", timeout=6, markup=False)
        return False


def _which(kept: list[KeptDraft], now_ms: int) -> Question:
    """Return the question which of the drafts to go on with."""
    choices = [Choice(_NEW, "a new brief", label="New brief")]
    for draft in kept:
        about = [f"to {shorten(draft.to, _MOST_TITLE)}" if draft.to else "to nobody yet", age(draft.changed_at, now_ms)]
        if draft.sent:
            about.append("was not sent")
        choices.append(Choice(draft.id, " · ".join(about), label=shorten(draft.title, _MOST_TITLE) or "(no title yet)"))
    return Question("Write", placeholder="a new brief, or go on with a draft", choices=choices, only_choices=True)
