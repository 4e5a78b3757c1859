"""The line at the top: which node this is, what needs you, how much mail is unread, how the other nodes are."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget

from claudemail.config import OPERATOR
from claudemail.tui.needs import Need, NodeState, fit_needs, nodes_in_words

WIDE = 100
"""From this width on, list and brief stand side by side and the headline is one line."""
_NAME = "ClaudeMail"
_TITLE = "needs you  "
_ALL_WELL = "nothing needs you"


class Headline(Widget):
    """Tells the state of the node; it is drawn again only when what it tells has changed."""

    state: reactive[NodeState | None] = reactive(None, layout=True)
    """What it tells; None before that is known."""

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Take a second line for what needs you where there is too little room beside the name."""
        del container, width
        return 2 if viewport.width < WIDE and self.state is not None and self.state.needs else 1

    def render(self) -> Content:
        """Return the line, or two."""
        width = self.content_size.width
        wide = self.app.size.width >= WIDE
        if self.state is None:
            return Content.styled(_NAME, "bold $primary")
        left = self._left(self.state, wide=wide)
        right = self._right(self.state, words=wide)
        if wide and left.cell_length + right.cell_length + self._needs_length(self.state.needs) > width:
            right = self._right(self.state, words=False)
        if not wide and left.cell_length + right.cell_length + 2 > width:
            left = Content.styled(self.state.node, "bold $primary")
        if wide:
            room = width - left.cell_length - right.cell_length - 6
            left = Content.assemble(left, "   ", self._needs(self.state.needs, room, titled=True))
        gap = " " * max(width - left.cell_length - right.cell_length, 1)
        line = Content.assemble(left, gap, right)
        if not wide and self.state.needs:
            line = Content("\n").join([line, self._needs(self.state.needs, width, titled=False)])
        return line

    def _needs_length(self, needs: tuple[Need, ...]) -> int:
        """Return how much room the needs take in whole words, with their title and the gaps beside them."""
        return len(_TITLE) + len(" · ".join(need.text for need in needs)) + 6 if needs else 0

    def _left(self, state: NodeState, *, wide: bool) -> Content:
        who = f"  {state.node} · {OPERATOR}" if wide else f"  {state.node}"
        return Content.assemble((_NAME, "bold $primary"), who)

    def _right(self, state: NodeState, *, words: bool) -> Content:
        unread = f"{state.unread} unread"
        nodes = nodes_in_words(state, words=words)
        return Content.assemble((unread, "bold $unread" if state.unread else "$muted"), f"   {nodes}" if nodes else "")

    def _needs(self, needs: tuple[Need, ...], room: int, *, titled: bool) -> Content:
        if not needs:
            return Content.styled(_ALL_WELL, "$muted")
        title = _TITLE if titled else ""
        parts: list[Content | tuple[str, str]] = [(title, "$muted")]
        for index, (words, need) in enumerate(fit_needs(needs, room - len(title))):
            style = "$muted" if need is None else "bold $urgent" if need.grave else "$high"
            parts += [(" · " if index else "", "$muted"), (words, style)]
        return Content.assemble(*parts)
