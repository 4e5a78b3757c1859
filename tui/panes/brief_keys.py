"""What is done to briefs, the same for those of a list and for the one that is read: marks, copies, answers, another try."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import ClassVar, NamedTuple

from textual.actions import SkipAction
from textual.binding import BindingType

from claudemail.config import OPERATOR
from claudemail.model.brief import Brief
from claudemail.model.receipt import DeliveryState
from claudemail.model.views import ActionView, BriefView, InboxRow, RetryView
from claudemail.text import plural, scrub_line, shorten
from claudemail.tui.bindings import ANSWER, BELONGS, COPY, MAIL, TRY, WRITE
from claudemail.tui.messages import Done, Go, Write
from claudemail.tui.panes.pane import Pane
from claudemail.tui.places import Place, Where
from claudemail.tui.screens.ask import AskScreen, Question
from claudemail.tui.trouble import told
from claudemail.tui.widgets.choices import Choice

MANY = 20
"""To mark more than this read takes a yes."""
_TITLE = 40
_TOLD_S = 4


class Target(NamedTuple):
    """A brief that something is done to."""

    id: str
    number: int
    ref: str
    title: str

    @classmethod
    def of_row(cls, row: InboxRow) -> Target:
        """Return the brief of a row."""
        return cls(row.id, row.number, row.ref, row.title)

    @classmethod
    def of_view(cls, view: BriefView) -> Target:
        """Return a brief that is read."""
        brief: Brief = view.brief
        return cls(brief.id, view.number, brief.ref, brief.title)


class BriefKeys(Pane):
    """A pane with briefs on it."""

    BINDINGS: ClassVar[list[BindingType]] = [*ANSWER, *WRITE, *MAIL, *COPY, *BELONGS, *TRY]

    @property
    def target(self) -> Target | None:
        """The brief that is read, or that the cursor is on."""
        raise NotImplementedError

    @property
    def targets(self) -> Sequence[Target]:
        """The briefs that are marked; without marks, or while one is read, that one."""
        raise NotImplementedError

    def _do(self, work: Awaitable[None]) -> None:
        """Do something; what goes wrong is told."""

        async def worker() -> None:
            with told(self):
                await work

        self.run_worker(worker(), group="deeds")

    def _tell(self, words: str) -> None:
        self.app.notify(scrub_line(words), timeout=_TOLD_S, markup=False)

    def action_star(self) -> None:
        """Star briefs, or take their stars away where all have one."""
        if self.targets:
            self._do(self._star([target.id for target in self.targets], _named(self.targets)))

    async def _star(self, ids: Sequence[str], named: str) -> None:
        office = self.office
        result = await office.star_all(office.operator(), ids)

        async def undo() -> None:
            await office.star_all(office.operator(), result.changed, wanted=not result.starred)

        words = f"Starred {named}" if result.starred else f"Took your star from {named}"
        self.post_message(Done(scrub_line(words), undo))

    def action_unread(self) -> None:
        """Take one's own mail for unread again."""
        if self.targets:
            self._do(self._unread(self.targets))

    async def _unread(self, targets: Sequence[Target]) -> None:
        office = self.office
        numbers = await office.unread(office.operator(), [target.number for target in targets])
        if not numbers:
            mine = OPERATOR in (await office.read(office.operator(), targets[0].id)).mailboxes
            words = f"{_named(targets)}: unread as it is." if mine else "Only your own mail can be unread again."
            self._tell(words)
            return

        async def undo() -> None:
            await office.shown(office.operator(), numbers)

        again = [target for target in targets if target.number in numbers]
        self.post_message(Done(scrub_line(f"Unread again: {_named(again)}"), undo))

    def action_all_read(self) -> None:
        """Mark all of one's own mail read, asking first where that is much."""
        self._do(self._all_read())

    async def _all_read(self) -> None:
        office = self.office
        count = (await office.check(office.operator())).unread
        if not count:
            self._tell("All of your own mail is read.")
            return
        if count > MANY:
            question = Question(
                f"Mark all {count} of your unread briefs read? Their senders will see it.",
                choices=(Choice("yes", "mark them read"), Choice("no", "leave them unread")),
                only_choices=True,
            )
            if await self.app.push_screen_wait(AskScreen(question)) != "yes":
                return
        numbers = await office.all_read(office.operator())

        async def undo() -> None:
            await office.unread(office.operator(), numbers)

        self.post_message(Done(f"Marked {plural(len(numbers), 'brief')} read", undo))

    def action_copy(self) -> None:
        """Copy the text of a brief."""
        if self.target is not None:
            self._do(self._copy_body(self.target))

    async def _copy_body(self, target: Target) -> None:
        body = (await self.office.read(self.office.operator(), target.id)).brief.body
        if not body:
            self._tell(f"{target.ref} has no text to copy.")
            return
        self.copy_out(body, f"the text of {target.ref}, {plural(len(body), 'character')}")

    def action_copy_id(self) -> None:
        """Copy the ref of a brief."""
        if self.target is not None:
            self.copy_out(self.target.ref, self.target.ref)

    def action_belongs(self) -> None:
        """Go to the action that a brief asks for, or one of them."""
        if self.target is not None:
            self._do(self._to_action(self.target))

    async def _to_action(self, target: Target) -> None:
        actions = (await self.office.read(self.office.operator(), target.id)).actions
        if not actions:
            self._tell(f"{target.ref} asks for no action.")
            return
        ref: str | None = actions[0].ref
        if len(actions) > 1:
            choices = [Choice(action.ref, _about(action), shorten(action.text, _TITLE)) for action in actions]
            ref = await self.app.push_screen_wait(
                AskScreen(Question("To which action?", choices=choices, only_choices=True))
            )
        if ref is not None:
            self.post_message(Go(Place(Where.ACTIONS, ref)))

    def action_retry(self) -> None:
        """Try at once to send what of a brief has not come through."""
        if self.target is not None:
            self._do(self._retry(self.target))

    async def _retry(self, target: Target) -> None:
        view = await self.office.read(self.office.operator(), target.id)
        stuck = [one for one in view.recipients if one.state in (DeliveryState.QUEUED, DeliveryState.FAILED)]
        if not stuck:
            self._tell(f"Nothing of {target.ref} waits to be sent.")
            return
        self._tell(_tried(await self.office.retry(target.id, dead=True)))

    def action_compose(self) -> None:
        """Write a new brief."""
        self.post_message(Write())

    def action_reply(self) -> None:
        """Answer the sender."""
        self._write()

    def action_reply_all(self) -> None:
        """Answer everyone."""
        self._write(everyone=True)

    def action_forward(self) -> None:
        """Pass a brief on."""
        self._write(forward=True)

    def _write(self, *, everyone: bool = False, forward: bool = False) -> None:
        if self.target is None:
            raise SkipAction
        self.post_message(Write(about=self.target.id, everyone=everyone, forward=forward))


def _named(targets: Sequence[Target]) -> str:
    return shorten(targets[0].title, _TITLE) if len(targets) == 1 else plural(len(targets), "brief")


def _about(action: ActionView) -> str:
    return " · ".join(part for part in (action.ref, str(action.status), action.assignee or "") if part)


def _tried(result: RetryView) -> str:
    revived = f"{plural(result.revived, 'dead letter')} sent again. " if result.revived else ""
    if not result.nodes:
        return f"{revived}Nothing waits for another node."
    return f"{revived}{', '.join(result.nodes)} tried now."
