"""The actions pane as tests see and work it."""

from __future__ import annotations

from claudemail.model.action import ActionStatus
from claudemail.model.views import ActionView
from claudemail.office import Office
from claudemail.office.actions import ActionUpdate, NewAction
from claudemail.tui.action_board import LANES
from claudemail.tui.panes.actions import ActionsPane
from claudemail.tui.screens.ask import AskScreen
from tests.tui.conftest import Seen


class Board:
    """The actions pane of a console."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self.pane = seen.app.screen_stack[0].query_one(ActionsPane)

    @classmethod
    async def opened(cls, seen: Seen, *keys: str) -> Board:
        """Go to the actions pane, wait until it has been filled, and press keys."""
        board = cls(seen)
        await seen.press("2")
        await seen.until(lambda: board.pane.lane.has_focus and board.pane.lane._loaded)
        await board.press(*keys)
        return board

    def lane(self, name: str) -> list[str]:
        """The texts of the cards in a lane."""
        index = [lane.name for lane in LANES].index(name)
        return [row.text for row in self.pane.lanes[index].rows]

    @property
    def lanes(self) -> list[list[str]]:
        """The texts of the cards in all lanes."""
        return [self.lane(lane.name) for lane in LANES]

    @property
    def all(self) -> list[str]:
        """The texts of all cards, sorted."""
        return sorted(text for lane in self.lanes for text in lane)

    @property
    def card(self) -> str | None:
        """The text of the card under the cursor of the lane that has the keys."""
        row = self.pane.lane.current
        return None if row is None else row.text

    @property
    def detail(self) -> str | None:
        """The text of the action that is drawn in full."""
        view = self.pane.detail.view
        return None if view is None or not self.pane.detail.display else view.action.text

    @property
    def asking(self) -> bool:
        """Whether a question is on the screen."""
        return isinstance(self.seen.app.screen, AskScreen)

    async def press(self, *keys: str) -> None:
        """Press keys, and wait until what they began is over."""
        if keys:
            await self.seen.press(*keys)
        await self.seen.until(lambda: self.asking or not self._busy)

    @property
    def _busy(self) -> bool:
        groups = ("triage", "filter", "page", "ask", "undo", "go", "detail", "belongs", "copy", "pane")
        return any(worker.group in groups and not worker.is_finished for worker in self.seen.app.workers)

    async def answer(self, *keys: str) -> None:
        """Type an answer to the question on the screen, and give it."""
        await self.seen.until(lambda: self.asking)
        await self.seen.press(*keys, "enter")
        await self.press()

    async def type(self, text: str) -> None:
        """Put a text into the line of the question on the screen, in one go, as a paste does."""
        from textual.widgets import Input

        await self.seen.until(lambda: self.asking)
        self.seen.app.screen.query_one(Input).value = text
        await self.seen.pilot.pause()

    def told(self, words: str) -> bool:
        """Whether a notification says something."""
        return any(words in one.message for one in self.seen.app._notifications)


async def make(office: Office, *texts: str, by: str | None = None, **fields: object) -> list[ActionView]:
    """Have somebody, or the operator, make actions; `status` is what becomes of them."""
    party = await office.party(by)
    status = fields.pop("status", None)
    made = [await office.create_action(party, NewAction.model_validate({"text": text, **fields})) for text in texts]
    if status is not None:
        wanted = ActionUpdate(status=ActionStatus(str(status)))
        await office.update_actions(party, [(one.id, wanted) for one in made])
    return made


async def found(office: Office, one: ActionView) -> ActionView:
    """Return an action as it is now."""
    return (await office.action(office.operator(), one.id)).action
