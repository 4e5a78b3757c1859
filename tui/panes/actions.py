"""The actions pane: the board, and the keys by which actions are sorted out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from functools import partial
from typing import ClassVar

from textual.actions import SkipAction
from textual.binding import BindingType

from claudemail.clock import WallClock, day_of
from claudemail.errors import InvalidInput
from claudemail.model import checkbox
from claudemail.model.action import MAX_NOTE, ActionStatus
from claudemail.model.brief import MAX_ACTION_TEXT, ActionItem
from claudemail.model.due import FORMS, day
from claudemail.model.views import ActionUpdated, ActionView
from claudemail.office import Office
from claudemail.office.actions import ME, ActionUpdate, NewAction, names_of
from claudemail.office.directory import Directory
from claudemail.text import plural, scrub_line
from claudemail.tui import action_choices, triage
from claudemail.tui.action_board import Guess
from claudemail.tui.action_choices import NOBODY
from claudemail.tui.action_filter import Kind
from claudemail.tui.action_words import day_words, due_words, what
from claudemail.tui.bindings import BACK, BELONGS, COPY, FILTER, FIND, SIDES, TRIAGE, WRITE
from claudemail.tui.columns import priority_words
from claudemail.tui.messages import Done, Go, Write
from claudemail.tui.panes.board import BoardPane
from claudemail.tui.places import Place, Where
from claudemail.tui.screens.ask import AskScreen, Check, Question
from claudemail.tui.triage import Step
from claudemail.tui.trouble import EXPECTED, told


class ActionsPane(BoardPane):
    """Keys act on the action that is being read, on the cards that are marked, or on the one under the cursor.

    What they do is shown at once, and taken back if it cannot be stored.
    """

    WHERE: ClassVar[Where] = Where.ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = [
        *BACK, *TRIAGE, FIND[0], *FILTER, *WRITE, *COPY, *BELONGS, *SIDES,
    ]  # fmt: skip

    def __init__(self, office: Office, wall: WallClock, *, id: str | None = None) -> None:
        super().__init__(office, wall, id=id)
        self._storing = asyncio.Lock()  # in the order in which the keys were pressed

    def _do(self, steps: Sequence[Step], words: str) -> None:
        """Show what is to become of some actions, and have it stored.

        Args:
            steps: the actions and their new fields.
            words: what that is, after what the actions are called: `→ done`.
        """
        if not steps:
            return
        now = self.wall()
        moved = {"status_at": now, "changed_at": now}
        fields = {step.action.id: {**step.fields, **(moved if "status" in step.fields else {})} for step in steps}
        guess = self.board.guess(fields)
        self.show_lanes()
        self.run_worker(self._store(steps, guess, f"{what([step.action for step in steps])} {words}"), group="triage")

    async def _store(self, steps: Sequence[Step], guess: Guess, words: str) -> None:
        with told(self):
            try:
                async with self._storing:
                    done = await self.office.update_actions(
                        self.office.operator(), [(step.action.id, step.update) for step in steps]
                    )
            except EXPECTED:
                self.board.forget(guess)
                self.show_lanes()
                self.lane.go_to(steps[0].action.id)
                raise
            if any(one.before for one in done):
                self.post_message(Done(words, partial(self._take_back, done)))
            try:
                await self.refresh_pane()
            finally:
                self.board.forget(guess)
                self.show_lanes()

    async def _take_back(self, done: Sequence[ActionUpdated]) -> None:
        left = await self.office.take_back(self.office.operator(), done)
        await self.refresh_pane()
        if left:
            first = left[0]
            raise InvalidInput(
                f"{what([one.action for one in left])}: {', '.join(first.fields)} changed since by {first.by},"
                " and left as it is now."
            )

    def action_move_left(self) -> None:
        """Move the cards to the lane on the left."""
        self._move(-1)

    def action_move_right(self) -> None:
        """Move the cards to the lane on the right."""
        self._move(1)

    def _move(self, by: int) -> None:
        steps = triage.to_lane(self.targets, by)
        lanes = {step.fields["status"] for step in steps}
        self._do(steps, f"→ {lanes.pop()}" if len(lanes) == 1 else "moved")

    def action_done(self) -> None:
        """The actions are done."""
        self._do(triage.changing(self.targets, status=ActionStatus.DONE), "→ done")

    def action_drop(self) -> None:
        """Drop the actions, or take them up again."""
        steps = triage.dropped(self.targets)
        self._do(steps, f"→ {steps[0].fields['status']}" if steps else "")

    def action_more(self) -> None:
        """Make the actions more pressing."""
        self._press(1)

    def action_less(self) -> None:
        """Make the actions less pressing."""
        self._press(-1)

    def _press(self, by: int) -> None:
        steps = triage.pressing(self.targets, by)
        priorities = {step.fields["priority"] for step in steps}
        many = "more pressing" if by > 0 else "less pressing"
        self._do(steps, f"→ {priorities.pop()}" if len(priorities) == 1 else many)

    def action_assign(self) -> None:
        """Ask whom to give the actions to."""
        self.run_worker(self._assign(self._some()), group="ask")

    def _some(self) -> Sequence[ActionView]:
        """Return what a question is to be about; where there is nothing, there is no question."""
        targets = self.targets
        if not targets:
            raise SkipAction
        return targets

    async def _assign(self, targets: Sequence[ActionView]) -> None:
        with told(self):
            choices = await action_choices.assignees(self.office, self.now)
            question = Question(
                f"Give to whom: {what(targets)}", placeholder="a name", choices=choices, only_choices=True
            )
            answer = await self.app.push_screen_wait(AskScreen(question))
            if answer is None:
                return
            name = self._own_name if answer == ME else None if answer == NOBODY else answer
            self._do(triage.changing(targets, assignee=name), f"→ {name or NOBODY}")

    @property
    def _own_name(self) -> str:
        return names_of(self.office.operator())[0]

    def action_due(self) -> None:
        """Ask until when the actions are to be done."""
        self.run_worker(self._due(self._some()), group="ask")

    async def _due(self, targets: Sequence[ActionView]) -> None:
        question = Question(
            f"Due when: {what(targets)}",
            (targets[0].due or "") if len(targets) == 1 else "",
            "fri, +2d, 2026-12-31; empty: no day",
            check=self._what_day,
        )
        answer = await self.app.push_screen_wait(AskScreen(question))
        if answer is not None:
            due = day(answer, self._today) if answer.strip() else None
            words = due_words(due, self._today) if due else "no day"
            self._do(triage.changing(targets, due=due), f"→ {words}")

    @property
    def _today(self) -> date:
        return day_of(self.wall())

    def _what_day(self, typed: str) -> tuple[str, bool]:
        if not typed.strip():
            return "no day", True
        due = day(typed, self._today)
        return (FORMS, False) if due is None else (day_words(due, self._today), True)

    def action_edit(self) -> None:
        """Ask for other words for the action."""
        self._ask_for("text", MAX_ACTION_TEXT, "Text")

    def action_note(self) -> None:
        """Ask how the action stands."""
        self._ask_for("note", MAX_NOTE, "Note")

    def _ask_for(self, field: str, most: int, title: str) -> None:
        target = self._some()[0]
        value: str = getattr(target, field) or ""

        async def store(answer: str) -> None:
            wanted = ActionUpdate.model_validate({field: answer})
            done = await self.office.update_action(self.office.operator(), target.id, wanted)
            if done.before:
                words = f"{what([target])} {'reworded' if field == 'text' else 'noted'}"
                self.post_message(Done(words, partial(self._take_back, [done])))
            await self.refresh_pane()

        question = Question(
            f"{title}: {what([target])}", value, replaced=False, check=_fits(most, empty=field == "note")
        )
        self.run_worker(self._ask_until_stored(question, store), group="ask")

    async def _ask_until_stored(self, question: Question, store: Callable[[str], Awaitable[None]]) -> None:
        """Ask, and ask again with what was typed if that could not be stored."""
        while True:
            answer = await self.app.push_screen_wait(AskScreen(question))
            if answer is None:
                return
            with told(self):
                await store(answer)
                return
            question = question._replace(value=answer, replaced=False)

    def action_new(self) -> None:
        """Ask for a new action."""
        self.run_worker(self._new(), group="ask")

    async def _new(self) -> None:
        with told(self):
            directory = await self.office.directory()
            question = Question(
                "New action", placeholder="text @name !high due:fri", check=partial(self._understood, directory)
            )
            await self._ask_until_stored(question, partial(self._create, directory))

    def _item(self, directory: Directory, typed: str) -> ActionItem | None:
        return checkbox.item(typed, today=self._today, knows=directory.knows)

    def _understood(self, directory: Directory, typed: str) -> tuple[str, bool]:
        item = self._item(directory, typed)
        if item is None:
            return "What is to be done?", False
        parts = [f"for {item.assignee or self._usual_assignee or NOBODY}", priority_words(item.priority)]
        parts += [f"due {day_words(item.due, self._today)}"] if item.due else []
        return " · ".join(part for part in parts if part), True

    @property
    def _usual_assignee(self) -> str | None:
        """Whose a new action is if nothing else is said: theirs whose actions are looked at."""
        kind, name = self.filter.whose
        return {Kind.ME: ME, Kind.NAME: name}.get(kind)

    async def _create(self, directory: Directory, typed: str) -> None:
        item = self._item(directory, typed)
        if item is None:
            return
        new = NewAction(
            text=item.text, assignee=item.assignee or self._usual_assignee, priority=item.priority, due=item.due
        )
        made = await self.office.create_action(self.office.operator(), new)
        self.post_message(Done(f"{what([made])} made", partial(self._unmake, made)))
        self._leave_detail()
        await self.reveal(made)

    async def _unmake(self, made: ActionView) -> None:
        """Drop an action that was made, unless something has become of it."""
        now = (await self.office.action(self.office.operator(), made.id)).action
        if now.status is not ActionStatus.PENDING:
            raise InvalidInput(f"{what([now])} is {now.status} by now, and left as it is.")
        await self.office.update_action(self.office.operator(), made.id, ActionUpdate(status=ActionStatus.DROPPED))
        await self.refresh_pane()

    def action_copy(self) -> None:
        """Copy the texts."""
        targets = self.targets
        if targets:
            named = plural(len(targets), "text")
            self.copy_out("\n".join(one.text for one in targets), named)

    def action_copy_id(self) -> None:
        """Copy what the actions go by."""
        refs = " ".join(one.ref for one in self.targets)
        if refs:
            self.copy_out(refs, refs)

    def action_compose(self) -> None:
        """Write to whoever has the action."""
        self.post_message(Write(to=next((one.assignee for one in self.targets if one.assignee), "")))

    def action_belongs(self) -> None:
        """Jump to the brief that asked for the action."""
        self.run_worker(self._belongs(self.targets[:1]), group="belongs")

    async def _belongs(self, targets: Sequence[ActionView]) -> None:
        with told(self):
            for target in targets:
                view = await self.office.action(self.office.operator(), target.id)
                if view.brief is not None:
                    self.post_message(Go(Place(Where.INBOX, view.brief.id)))
                elif target.brief is None:
                    self.app.notify("No brief asked for this action.", timeout=3, markup=False)
                else:
                    words = f"The brief {target.brief_ref} that asked for it is not on this node."
                    self.app.notify(words, timeout=4, markup=False)


def _fits(most: int, *, empty: bool) -> Check:
    """Return a check that a text is not too long, and not empty unless it may be."""

    def check(typed: str) -> tuple[str, bool]:
        length = len(scrub_line(typed))
        if not length and not empty:
            return "It needs some words.", False
        return (f"{length} characters; {most} are the most.", False) if length > most else ("", True)

    return check
