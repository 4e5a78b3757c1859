"""The board of the actions pane: four lanes, what they are narrowed to, and the action under the cursor in full."""

from __future__ import annotations

from textual import events, work
from textual.app import ComposeResult
from textual.containers import Container, Horizontal
from textual.timer import Timer

from claudemail.clock import WallClock
from claudemail.errors import InvalidInput, UnknownName
from claudemail.model.views import ActionHistory, ActionView
from claudemail.office import Office
from claudemail.tui import action_choices
from claudemail.tui.action_board import LANES, Board, Edge, lane_of
from claudemail.tui.action_filter import BoardFilter, Kind, Quick, Whose, as_typed, recalled
from claudemail.tui.messages import AsideChanged
from claudemail.tui.needs import OVERDUE
from claudemail.tui.panes.pane import Pane
from claudemail.tui.places import Place
from claudemail.tui.screens.ask import AskScreen, Question
from claudemail.tui.trouble import in_words, told
from claudemail.tui.widgets.action_detail import ActionDetail
from claudemail.tui.widgets.headline import WIDE
from claudemail.tui.widgets.lane_list import LaneList
from claudemail.tui.widgets.lane_strip import LaneStrip
from claudemail.tui.widgets.row_list import RowList

_BROAD = 150
"""From this width on, the action under the cursor is seen beside the lanes."""
_HIGH = 22
"""From this height on, there is room for an action below the lanes."""
_LOW = 12
"""Below this height, there is no room for blank lines."""
_REST_S = 0.1
"""How long the cursor rests on a card before its action is drawn: a held key does not draw all it passes."""


class BoardPane(Pane):
    """Lanes and detail, and everything that changes nothing: moving, looking, narrowing."""

    def __init__(self, office: Office, wall: WallClock, *, id: str | None = None) -> None:
        super().__init__(office, wall, id=id)
        self.board = Board(office)
        """What is known of the lanes."""
        self.filter = BoardFilter()
        """What the board is narrowed to."""
        self.at = 0
        """The index of the lane that has the keys, or had them last."""
        self.zoomed = False
        """Whether that lane has all of the room."""
        stale_days = office.config.checkup.stale_wip_days
        self.lanes = [
            LaneList(index, office.config.node_id, stale_days, id=f"lane-{lane.name}")
            for index, lane in enumerate(LANES)
        ]
        """The lanes."""
        self.detail = ActionDetail(id="action")
        """The action under the cursor, or the one that was opened."""
        self._strip = LaneStrip(id="strip")
        self._wanted: str | None = None
        self._rest: Timer | None = None
        self._could_go_back = False
        self._paging: set[tuple[int, Edge]] = set()

    def compose(self) -> ComposeResult:
        """Lay out the lanes and the action."""
        yield self._strip
        with Container(id="board"):
            with Horizontal(id="lanes"):
                yield from self.lanes
            yield self.detail

    @property
    def lane(self) -> LaneList:
        """The lane that has the keys, or had them last."""
        return self.lanes[self.at]

    @property
    def opened(self) -> bool:
        """Whether the reader has opened an action."""
        return self.has_class("-opened")

    @property
    def in_place(self) -> bool:
        """Whether the action is seen in place of the lanes."""
        return self.has_class("-in-place")

    @property
    def targets(self) -> list[ActionView]:
        """What keys are about: the action that is being read, the cards that are marked, or the one under the cursor."""
        if self.detail.view is not None and (self.in_place or self.detail.has_focus):
            return [self.detail.view.action]
        marked = [row for lane in self.lanes if lane.marked for row in lane.chosen]
        return marked or self.lane.chosen

    @property
    def aside(self) -> str:
        """What the board is narrowed to, unless the line of lanes says it."""
        return "" if self.has_class("-single") else self.filter.words

    async def refresh_pane(self) -> None:
        """Ask again for what is shown, and show what has changed.

        Raises:
            StoreError: the database could not say.
        """
        await self.refresh_lanes()
        if self._wanted is not None and self._rest is None and self._sees_detail:
            await self._show_detail(self._wanted)

    async def refresh_lanes(self, keep: ActionView | None = None, move: tuple[int, Edge] | None = None) -> None:
        """Ask again for the lanes.

        Args:
            keep: an action that is to be among the cards of its lane, in place of the one under the cursor there.
            move: a lane of which other cards are wanted, and which.

        Raises:
            StoreError: the database could not say.
        """
        kept = [None if lane.current is None else lane.current.id for lane in self.lanes]
        if keep is not None:
            kept[lane_of(keep.status)] = keep.id
        if move is not None and move[1] in (Edge.FIRST, Edge.LAST):
            kept[move[0]] = None
        try:
            await self.board.refresh(self.filter.wanted, kept, move)
        except UnknownName as error:
            # Somebody whose actions were looked at is in the fleet no more.
            self.app.notify(in_words(error), severity="warning", markup=False)
            self.filter = self.filter._replace(whose=Whose())
            await self.board.refresh(self.filter.wanted, kept, move)
        self.show_lanes()

    def show_lanes(self) -> None:
        """Show what is known of the lanes."""
        rows, totals = self.board.lanes(), self.board.totals()
        dropped = self.board.dropped
        for index, lane in enumerate(self.lanes):
            last = index == len(LANES) - 1
            lane.show(
                rows[index],
                self.now,
                total=totals[index],
                above=self.board.above(index),
                below=self.board.below(index),
                aside=f"{dropped} dropped" if last and dropped else "",
                empty=self._nothing_in(index),
            )
        self._strip.say(self.at, totals, self.filter.words)
        self._follow()

    def _nothing_in(self, index: int) -> str:
        nothing = f"Nothing {LANES[index].empty}"
        if self.filter.words:
            return f"{nothing} that fits.\nesc shows more."
        return f"{nothing}.\nn makes an action." if index == 0 else f"{nothing}."

    def take_keys(self) -> None:
        """Give the keys to the lane, or to the action where only that is seen."""
        self.screen.set_focus(self.detail if self.in_place else self.lane)

    def enter(self, index: int) -> None:
        """Go to a lane."""
        self.at = index
        self._arrange()
        self.screen.set_focus(self.lane)
        self._show_cursor()  # once the lane has the keys: it is drawn with them then, and once

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Note the lane that got the keys, as by a click, unless they have gone on to another since."""
        if isinstance(event.widget, LaneList) and event.widget is self.screen.focused and event.widget.index != self.at:
            self.enter(event.widget.index)

    def on_resize(self) -> None:
        """Lay out for another size."""
        self._lay_out()

    def _lay_out(self) -> None:
        self._arrange()
        self._show_cursor()

    def _arrange(self) -> None:
        """Give room to what there is room for: one lane or all, and the action beside them, below them or in their place."""
        width, height = self.size
        narrow = width < WIDE
        beside = not narrow and (self.zoomed or width >= _BROAD)
        below = not narrow and not beside and height >= _HIGH and self.opened
        single = narrow or self.zoomed
        self.set_class(single, "-single")
        self.set_class(height < _LOW, "-low")
        self.set_class(beside, "-beside")
        self.set_class(below, "-below")
        self.set_class(self.opened and not beside and not below, "-in-place")
        for lane in self.lanes:
            lane.display = lane is self.lane or not single
        if not self._sees_detail and self.detail.has_focus:
            self.screen.set_focus(self.lane)

    def _show_cursor(self) -> None:
        """Draw the cursor in the lane that has it only, and the action under it."""
        for lane in self.lanes:
            lane.be_seen(titled=not self.has_class("-single"), current=lane is self.lane)
        self._strip.say(self.at, self.board.totals(), self.filter.words)
        self._follow()

    @property
    def _sees_detail(self) -> bool:
        return any(self.has_class(name) for name in ("-beside", "-below", "-in-place"))

    def _follow(self) -> None:
        """Draw the action under the cursor, unless another is being read, and say whether escape does anything."""
        if self._steps_back != self._could_go_back:
            self._could_go_back = self._steps_back
            self.refresh_bindings()
        current = self.lane.current
        if self._sees_detail and not self.in_place and not self.detail.has_focus and current is not None:
            self._want(current.id)

    def _want(self, id: str) -> None:
        if id == self._wanted:
            return
        self._wanted = id
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(_REST_S, self._rested)

    def _rested(self) -> None:
        self._rest = None
        if self._wanted is not None:
            self.run_worker(self._shown(self._wanted), group="detail")

    async def _shown(self, id: str) -> None:
        with told(self):
            await self._show_detail(id)

    async def _show_detail(self, id: str) -> ActionHistory:
        view = await self.office.action(self.office.operator(), id)
        if id == self._wanted:
            self.detail.show(view, self.now)
        return view

    def on_row_list_moved(self, event: RowList.Moved) -> None:
        """Draw the action under the cursor, once it rests."""
        event.stop()
        if event.list is self.lane:
            self._follow()

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Open an action."""
        event.stop()
        self.open(event.row.id)

    def open(self, id: str) -> None:
        """Show an action, and give it the keys."""
        if self._rest is not None:
            self._rest.stop()
            self._rest = None
        self._wanted = id
        self.add_class("-opened")
        self._lay_out()
        self.screen.set_focus(self.detail)
        self.run_worker(self._shown(id), group="detail")

    def on_lane_list_wanted(self, event: LaneList.Wanted) -> None:
        """Get the cards that the reader is coming to."""
        event.stop()
        wanted = event.lane.index, event.edge
        if wanted not in self._paging:
            self._paging.add(wanted)
            self.run_worker(self._page(*wanted), group="page")

    async def _page(self, index: int, edge: Edge) -> None:
        try:
            with told(self):
                await self.refresh_lanes(move=(index, edge))
                if edge in (Edge.FIRST, Edge.LAST):
                    lane = self.lanes[index]
                    lane.move_to(0 if edge is Edge.FIRST else len(lane.rows) - 1)
        finally:
            self._paging.discard((index, edge))

    def on_lane_strip_clicked(self, event: LaneStrip.Clicked) -> None:
        """Go to the lane that was clicked."""
        event.stop()
        self.enter(event.index)

    async def go(self, place: Place) -> None:
        """Put the cursor on an action and open it, or show those that are overdue.

        Raises:
            NoSuchAction: there is none of that name.
            StoreError: the database could not say.
        """
        if place.what == OVERDUE:
            self._leave_detail()
            self.filter = BoardFilter(Quick.OVERDUE)
            await self.refresh_lanes()
            first = next((lane for lane in self.lanes if lane.rows), self.lane)
            self.enter(first.index)
            first.move_to(0)
        elif place.what is not None:
            found = await self.office.action(self.office.operator(), place.what)
            await self.reveal(found.action)
            self.open(found.action.id)

    async def reveal(self, action: ActionView) -> None:
        """Put the cursor on an action, taking off what keeps it from being seen.

        Raises:
            StoreError: the database could not say.
        """
        self.enter(lane_of(action.status))
        await self.refresh_lanes(action)
        if not self.lane.go_to(action.id):
            self.filter = BoardFilter()
            self.post_message(AsideChanged())
            await self.refresh_lanes(action)
            self.lane.go_to(action.id)

    def narrow(self, wanted: BoardFilter) -> None:
        """Show what fits a filter."""
        if wanted != self.filter:
            self.filter = wanted
            self._narrowed()

    @work(group="filter", exclusive=True)
    async def _narrowed(self) -> None:
        with told(self):
            await self.refresh_lanes()
        self.post_message(AsideChanged())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Going back needs something to go back from; going to and fro, two sides; and lanes, that they are seen."""
        del parameters
        if action == "back":
            return True if self._steps_back else None
        if action == "other":
            return True if self._sees_detail and not self.in_place else None
        if action in ("left", "right"):
            return None if self.in_place else True
        if action == "zoom":
            return True if self.size.width >= WIDE else None
        return True

    @property
    def _steps_back(self) -> bool:
        marked = any(lane.marked for lane in self.lanes)
        return self.opened or self.detail.has_focus or marked or bool(self.filter.words) or self.zoomed

    def action_back(self) -> None:
        """Take one step back: from the action, the marks, the filters one by one, the zoom."""
        if self.opened or self.detail.has_focus:
            self._leave_detail()
            self.screen.set_focus(self.lane)
        elif any(lane.marked for lane in self.lanes):
            for lane in self.lanes:
                lane.unmark()
            self._follow()
        elif self.filter.words:
            self.narrow(self.filter.wider)
        elif self.zoomed:
            self.action_zoom()

    def _leave_detail(self) -> None:
        self.remove_class("-opened")
        self._lay_out()

    def action_other(self) -> None:
        """Give the keys to the action beside the lanes, or back to the lane."""
        self.screen.set_focus(self.lane if self.detail.has_focus else self.detail)

    def action_zoom(self) -> None:
        """Give one lane all of the room, or have all lanes seen again."""
        self.zoomed = not self.zoomed
        self._lay_out()

    def action_left(self) -> None:
        """Go to the lane on the left."""
        self._step(-1)

    def action_right(self) -> None:
        """Go to the lane on the right."""
        self._step(1)

    def _step(self, by: int) -> None:
        height, room = self.lane.height_of_cursor, self.lane.room
        self.enter(min(max(self.at + by, 0), len(LANES) - 1))
        self.lane.stand_at(height, room)

    def action_filter(self) -> None:
        """Show what fits the next filter."""
        self.narrow(self.filter._replace(quick=self.filter.quick.next))

    def action_mine(self) -> None:
        """Show one's own actions, or everybody's."""
        mine = self.filter.whose.kind is Kind.ME
        self.narrow(self.filter._replace(whose=Whose() if mine else Whose(Kind.ME)))

    def action_whose(self) -> None:
        """Choose whose actions to see."""
        self.run_worker(self._ask_whose(), group="ask")

    async def _ask_whose(self) -> None:
        with told(self):
            choices = await action_choices.owners(self.office)
            question = Question("Whose actions?", placeholder="a name, or a node", choices=choices, only_choices=True)
            answer = await self.app.push_screen_wait(AskScreen(question))
            if answer is not None:
                self.narrow(self.filter._replace(whose=action_choices.whose(answer)))

    def action_find(self) -> None:
        """Show what has some words in it, as they are typed."""
        self.run_worker(self._ask_text(), group="ask")

    async def _ask_text(self) -> None:
        before = self.filter
        value = before.text.removesuffix("*")
        question = Question("Find in actions", value, "words of its text or note", check=self._typed)
        answer = await self.app.push_screen_wait(AskScreen(question))
        if answer is None:
            self.narrow(before)

    def _typed(self, typed: str) -> tuple[str, bool]:
        try:
            text = as_typed(typed)
        except InvalidInput as error:
            return str(error), False
        self.narrow(self.filter._replace(text=text))
        return "enter keeps it, esc takes it back", True

    def memory(self) -> dict[str, object]:
        """Return filter, lane and zoom."""
        return {**self.filter.remembered(), "lane": self.at, "zoomed": self.zoomed}

    def recall(self, kept: dict[str, object]) -> None:
        """Take up filter, lane and zoom."""
        self.filter = recalled(kept)
        lane = kept.get("lane")
        if isinstance(lane, int) and 0 <= lane < len(LANES):
            self.at = lane
        self.zoomed = kept.get("zoomed") is True
        if self.is_mounted:
            self._lay_out()
