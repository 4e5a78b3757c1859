"""Boxes in Markdown: what asks for something, what only looks like it, and the marks that say who, how soon and until when."""

from __future__ import annotations

import re
from datetime import date
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from claudemail.model.brief import MAX_ACTION_TEXT, ActionItem, Priority
from claudemail.model.checkbox import extract
from claudemail.text import scrub, scrub_line

TODAY = date(2026, 3, 24)
KNOWN = ("alpha", "bravo", "instance-1", "operator@server1")
MARKS = ("@alpha", "@operator@server1", "!high", "!URGENT", "due:fri", "due:+2w", "due:2026-12-31")
"""Each would be understood where it stands on its own."""
PLAIN = st.text("abcxyzäß漢0189", min_size=1, max_size=8) | st.sampled_from(
    ["**bold**", "_so_", "<b>", "&amp;", "[link](x)", "me@example.org", "(@alpha)", "#12", "a!high", "what?!", "`make all`",
     "@nobody", "!soon", "due:never", "due:", "@", "!", "[x]", "[ ]", "-", "1.", ">", "it's", "100%", "C:\\dir", "|", "~~~"]
)  # fmt: skip
"""Words that are nothing but text where they stand within a line."""
TEXTS = st.lists(PLAIN, min_size=1, max_size=6).map(" ".join)
MARKERS = st.sampled_from(["-", "*", "+", "1.", "1)"])
BULLETS = st.builds("{} [ ] {}".format, MARKERS, TEXTS)
PIECES = st.sampled_from(
    ["- ", "* ", "+ ", "1. ", "2) ", "-", "[ ] ", "[ ]", "[x] ", "- [ ] do it", "- [ ] ", "```", "~~~", "`", "``", "> ", ">",
     "\n", "\n", "\n", "\n\n", "  ", "    ", "\t", "<!--", "-->", "<div>", "</div>", "<pre>", "\\", "@alpha", "!high", "due:fri",
     " ", "word", "[a]: b", "===", "---", "***", "#", "&", "|", "\r", "\0", "\x1b", "\u2028", "\u00a0", "\ud800", "\U0001f600"]
)  # fmt: skip
MARKDOWN = st.lists(PIECES, max_size=40).map("".join)
BEGINS_BELOW = re.compile(r"[\s>]*(?:(?:[-*+]|[0-9]+[.)])\s*)+(?:\[ \]\s*)?|.*\[ \][ \t]*(?:\u00a0.*)?")
"""A line below which an item may begin, or that has another space before its first word."""


def found(body: str) -> list[ActionItem]:
    """Return what a body asks for on a Tuesday, in a fleet of a few names."""
    return extract(body, today=TODAY, knows=lambda name: name in KNOWN)


def texts(body: str) -> list[str]:
    """Return the texts of what a body asks for."""
    return [item.text for item in found(body)]


def one(text: str) -> ActionItem:
    """Return the only thing that a list of one box asks for."""
    [item] = found(f"- [ ] {text}")
    return item


def before(prefix: str, lines: list[str]) -> str:
    """Return lines with something before each of them."""
    return "".join(f"{prefix}{line}\n" for line in lines)


class Node(NamedTuple):
    """An item of a list, and the list below it."""

    marker: str
    text: str
    below: list[Node]


NODES = st.recursive(
    st.builds(Node, MARKERS, TEXTS, st.just([])),
    lambda nodes: st.builds(Node, MARKERS, TEXTS, st.lists(nodes, max_size=3)),
    max_leaves=8,
)


def written(nodes: list[Node], indent: str = "") -> str:
    """Return lists within lists as Markdown."""
    return "".join(
        f"{indent}{node.marker} [ ] {node.text}\n{written(node.below, indent + ' ' * (len(node.marker) + 1))}"
        for node in nodes
    )


def in_order(nodes: list[Node]) -> list[str]:
    """Return the texts of lists within lists, from top to bottom."""
    return [text for node in nodes for text in (node.text, *in_order(node.below))]


class TestItems:
    """What asks for something."""

    @given(st.lists(NODES, max_size=4), st.sampled_from(["", "# Title\n\n", "Text:\n", "\n\n"]))
    @settings(deadline=None)
    def test_each_comes_out_as_it_was_written(self, nodes: list[Node], above: str) -> None:
        """Every item of plain words is found exactly, in the order of the lines, in lists within lists too."""
        assert texts(above + written(nodes)) == in_order(nodes)

    @given(st.lists(TEXTS, min_size=1, max_size=8), st.sampled_from("-*+"), st.integers(0, 3), st.booleans())
    @settings(deadline=None)
    def test_loose_and_indented_lists(self, items: list[str], marker: str, indent: int, loose: bool) -> None:  # noqa: FBT001
        """Empty lines between the items and up to three spaces before all of them make no difference."""
        lines = [f"{' ' * indent}{marker} [ ] {item}" for item in items]
        assert texts(("\n\n" if loose else "\n").join(lines)) == items

    @given(st.lists(TEXTS, min_size=1, max_size=8), st.sampled_from(".)"), st.integers(0, 10**8))
    @settings(deadline=None)
    def test_numbered_lists(self, items: list[str], sign: str, first: int) -> None:
        """Numbers are as good as dashes, wherever they begin."""
        assert texts("".join(f"{first + i}{sign} [ ] {item}\n" for i, item in enumerate(items))) == items

    @given(TEXTS, TEXTS)
    @settings(deadline=None)
    def test_lines_that_go_on(self, first: str, second: str) -> None:
        """The rest of a paragraph is a part of the item; the next paragraph is not."""
        assert texts(f"- [ ] {first}\n  x {second}\n\n  More.\n") == [f"{first} x {second}"]

    def test_everything_at_once(self) -> None:
        """A brief as people write it."""
        body = """# Release

- [ ] Tag it @alpha !high due:fri
- [x] Write the notes @bravo
  1. [ ] with **links**, see `- [ ] this`
  2. [X] without
- Sub-tasks:
    - [ ] ask @nobody, then
      wait due:+2w
> - [ ] quoted

```
- [ ] code
```
10. [ ] last
"""
        assert found(body) == [
            ActionItem(text="Tag it", assignee="alpha", priority=Priority.HIGH, due="2026-03-27"),
            ActionItem(text="with **links**, see `- [ ] this`"),
            ActionItem(text="ask @nobody, then wait", due="2026-04-07"),
            ActionItem(text="last"),
        ]

    @pytest.mark.parametrize("body", ["-\n  [ ] Review", "- [ ] \n  Review", "- [ ] \u3000Review"])
    def test_that_take_a_second_look(self, body: str) -> None:
        """What begins on the line below, or behind a wide space, is an item, with or without others beside it."""
        assert texts(f"- [ ] Other\n{body}\n") == ["Other", "Review"]
        assert texts(body) == ["Review"]


class TestNoItems:
    """What only looks as if it asked for something."""

    @given(
        st.lists(BULLETS, min_size=1, max_size=6),
        st.sampled_from("`~"),
        st.integers(3, 6),
        st.sampled_from(["", "- ", "  1. "]),
        st.booleans(),
    )
    @settings(deadline=None)
    def test_fences(self, lines: list[str], sign: str, length: int, item: str, closed: bool) -> None:  # noqa: FBT001
        """Nothing in a fence is read, whatever it is made of, in a list too, and when it is never closed."""
        fence = sign * length
        other = ("~" if sign == "`" else "`") * 3
        inner = [fence + "md", *lines, other, *lines, fence[1:], *lines, *([fence] if closed else [])]
        assert found(f"Text.\n\n{item}{before(' ' * len(item), inner).lstrip(' ')}") == []

    @given(st.lists(BULLETS, min_size=1, max_size=6), st.sampled_from(["    ", "\t", "  \t", "        "]))
    @settings(deadline=None)
    def test_indented_code(self, lines: list[str], indent: str) -> None:
        """Four spaces or a tab make code, below a paragraph and an empty line."""
        assert found(f"Text.\n\n{before(indent, lines)}") == []

    @given(
        st.lists(BULLETS, min_size=1, max_size=6),
        st.lists(st.sampled_from(["> ", ">", " > ", "> - ", "- > "]), min_size=1),
    )
    @settings(deadline=None)
    def test_quotes(self, lines: list[str], signs: list[str]) -> None:
        """What somebody else wrote asks nobody for anything, however deep it is quoted."""
        assert found(before("> " + "".join(signs[:6]), lines)) == []
        assert found(before("> ", ["- [ ] above", *before("  > ", lines).splitlines(), "  - [ ] below"])) == []
        assert texts("- [ ] mine\n" + before("  > ", lines)) == ["mine"]

    @given(
        st.lists(BULLETS, min_size=1, max_size=6),
        st.sampled_from(
            [
                ("<!--", "-->"),
                ("<pre>", "</pre>"),
                ("<script>", "</script>"),
                ("<style>", "</style>"),
                ("<textarea>", "</textarea>"),
                ("<![CDATA[", "]]>"),
                ("<?php", "?>"),
            ]
        ),
    )
    @settings(deadline=None)
    def test_html_with_an_end(self, lines: list[str], tags: tuple[str, str]) -> None:
        """Comments and blocks of HTML are not read up to their end, over empty lines too; what follows them is."""
        start, end = tags
        assert texts(f"{start}\n{before('', lines)}\n{before('', lines)}{end}\n\n- [ ] after\n") == ["after"]

    @given(
        st.lists(BULLETS, min_size=1, max_size=6), st.sampled_from(["<div>", "</p>", "<table class='x'>", "<details>"])
    )
    @settings(deadline=None)
    def test_html_up_to_an_empty_line(self, lines: list[str], tag: str) -> None:
        """A block of HTML ends at the first empty line."""
        assert texts(f"{tag}\n{before('', lines)}\n- [ ] after\n") == ["after"]

    @pytest.mark.parametrize(
        "body",
        [
            "- [x] done",
            "- [X] done",
            "* [x] - [x] done",
            "- [-] dropped",
            "- [] no space",
            "- [  ] two spaces",
            "- [ ]nothing between",
            "- [ ]",
            "- [ ]   \n",
            "- [ ] @alpha !high due:fri",
            "- see [ ] there",
            "- **[ ] bold**",
            "- `[ ] code`",
            "- `` [ ] code ``",
            "- \\[ ] escaped",
            "- # [ ] title",
            "- > [ ] quote",
            "- \\- [ ] escaped",
            "[ ] no list",
            "-[ ] no list",
            "\\- [ ] no list",
            "1.[ ] no list",
            "1234567890. [ ] too long a number",
            "a. [ ] no number",
            "| - [ ] table |",
            "Text\n2. [ ] goes on",
            "    - [ ] code",
            "-     [ ] code",
            "- \n\n  [ ] not in the item",
            "[a]: b\n'- [ ] title",
        ],
    )
    def test_others(self, body: str) -> None:
        """Ticked boxes, boxes elsewhere, boxes without a text and what is no list ask for nothing."""
        assert found(body) == []


class TestMarks:
    """Who, how soon and until when."""

    @given(st.permutations(["@alpha", "!high", "due:fri"]), st.lists(TEXTS, min_size=4, max_size=4))
    @settings(deadline=None)
    def test_anywhere_in_the_text(self, marks: list[str], parts: list[str]) -> None:
        """Marks may stand anywhere; the text is what is left."""
        between = [word for pair in zip(parts, [*marks, ""], strict=True) for word in pair]
        assert one(" ".join(between)) == ActionItem(
            text=" ".join(parts), assignee="alpha", priority=Priority.HIGH, due="2026-03-27"
        )

    @given(TEXTS, st.sampled_from(KNOWN), st.sampled_from(Priority), st.sampled_from(".,;:"))
    @settings(deadline=None)
    def test_with_a_stop_behind_them(self, text: str, name: str, priority: Priority, stop: str) -> None:
        """A stop or a comma behind a mark goes with it."""
        assert one(f"{text} @{name}{stop} !{priority.upper()}{stop} due:2026-12-31{stop}") == ActionItem(
            text=text, assignee=name, priority=priority, due="2026-12-31"
        )

    @given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", fullmatch=True), st.booleans())
    @settings(deadline=None)
    def test_names_only_when_known(self, name: str, known: bool) -> None:  # noqa: FBT001
        """A name gives the item to somebody only if there is somebody of that name; else it stays in the text."""
        asked: list[str] = []

        def knows(word: str) -> bool:
            asked.append(word)
            return known

        [item] = extract(f"- [ ] Review @{name} again", today=TODAY, knows=knows)
        assert asked == [name]
        assert item.assignee == (name if known else None)
        assert item.text == ("Review again" if known else f"Review @{name} again")

    @pytest.mark.parametrize(
        ("written", "text", "fields"),
        [
            ("Fix @alpha @bravo", "Fix @bravo", {"assignee": "alpha"}),
            ("Fix @nobody @bravo", "Fix @nobody", {"assignee": "bravo"}),
            ("Fix !low !high", "Fix !high", {"priority": Priority.LOW}),
            ("Fix due:fri due:mon", "Fix due:mon", {"due": "2026-03-27"}),
            ("Fix due:soon due:mon", "Fix due:soon", {"due": "2026-03-30"}),
            ("Fix !soon", "Fix !soon", {}),
            ("Fix (@alpha)", "Fix (@alpha)", {}),
            ("Fix x@alpha", "Fix x@alpha", {}),
            ("Fix @alpha's", "Fix @alpha's", {}),
            ("Fix @alpha@server9", "Fix @alpha@server9", {}),
            ("Fix @operator@server1", "Fix", {"assignee": "operator@server1"}),
            ("@alpha Fix", "Fix", {"assignee": "alpha"}),
            ("Fix\n  @alpha\n  it", "Fix it", {"assignee": "alpha"}),
            ("Fix\\\n  it @alpha", "Fix it", {"assignee": "alpha"}),
        ],
    )
    def test_the_first_that_means_something(self, written: str, text: str, fields: dict[str, str]) -> None:
        """Of each kind the first one counts; what means nothing and further ones stay in the text."""
        assert one(written) == ActionItem.model_validate({"text": text, **fields})

    @given(
        st.lists(st.sampled_from(MARKS) | TEXTS.filter(lambda text: "`" not in text), min_size=1, max_size=5),
        st.integers(1, 4),
    )
    @settings(deadline=None)
    def test_in_code(self, inner: list[str], ticks: int) -> None:
        """No mark within backticks is taken for one, however many they are; the code stays as it was written."""
        code = f"{'`' * ticks}{' '.join(inner)}{'`' * ticks}"
        assert one(f"Run {code} soon") == ActionItem(text=f"Run {code} soon")
        assert one(f"Run {code} @alpha") == ActionItem(text=f"Run {code}", assignee="alpha")

    @pytest.mark.parametrize(
        ("written", "text"),
        [
            ("Run `` a ` @alpha ` b `` now", "Run ``a ` @alpha ` b`` now"),
            ("Run `a\n  @alpha` now", "Run `a @alpha` now"),
            ("Run `@alpha now", "Run `@alpha now"),
            ("Run \\`x` @nobody", "Run `x` @nobody"),
        ],
    )
    def test_backticks(self, written: str, text: str) -> None:
        """Code begins and ends where Markdown says; backticks that do not match are text."""
        assert one(written) == ActionItem(text=text)

    @given(st.sampled_from(MARKS), TEXTS)
    @settings(deadline=None)
    def test_escaped(self, mark: str, text: str) -> None:
        """A backslash before a mark keeps it in the text, without the backslash."""
        escaped = mark.replace(":", "\\:") if mark.startswith("due") else f"\\{mark}"
        assert one(f"{text} {escaped}") == ActionItem(text=f"{text} {mark}")

    def test_escaped_backticks_and_backslashes(self) -> None:
        """Where there is no code for escaped backticks, marks are marks; an escaped backslash escapes nothing."""
        assert one("a \\` @alpha \\` b") == ActionItem(text="a ` ` b", assignee="alpha")
        assert one("a \\\\ @alpha b") == ActionItem(text="a \\ b", assignee="alpha")


class TestAnyText:
    """Whatever is in a body."""

    @given(MARKDOWN | st.text(st.characters()))
    @settings(max_examples=400, deadline=None)
    @example("- [ ] " + "\ud800")
    @example("- [ ] \u200b")
    @example("- [ ] \ue000 @alpha")
    @example("- [ ] \\")
    @example("> " * 300 + "- [ ] x")
    @example("- " * 300 + "[ ] x")
    @example("- [ ] x\n" + "".join(f"{' ' * i}- [ ] x\n" for i in range(200)))
    @example("- [ ] " + "`" * 50_000)
    @example("- [ ] " + "@alpha " * 10_000)
    @example("- [ ] x\n" + "[a]: b 'c\n" * 2_000)
    def test_is_read_without_an_error(self, body: str) -> None:
        """There is always an answer, and each item is one line of text that an action can have."""
        for item in found(body):
            assert 1 <= len(item.text) <= MAX_ACTION_TEXT
            assert scrub_line(item.text) == item.text
            assert item.assignee is None or item.assignee in KNOWN
            assert ActionItem.model_validate(item.model_dump()) == item

    @given(st.lists(TEXTS | st.sampled_from(MARKS), min_size=80, max_size=200).map(" ".join))
    @settings(max_examples=40, deadline=None)
    @example("x" * MAX_ACTION_TEXT)
    @example("x" * (MAX_ACTION_TEXT + 1))
    @example("x" * 300_000)
    @example("\U0001f600" * 2_000)
    def test_a_long_item_is_cut(self, text: str) -> None:
        """What is too long ends with an ellipsis; what fits is whole."""
        item = one(f"x {text}")
        assert len(item.text) <= MAX_ACTION_TEXT
        if len(text) + 2 > 4 * MAX_ACTION_TEXT:
            assert item.text.endswith("…")
        assert one("y" * MAX_ACTION_TEXT).text == "y" * MAX_ACTION_TEXT

    def test_the_end_of_a_very_long_item_is_not_looked_at(self) -> None:
        """A mark is a mark up to four times the length of a text."""
        far, near = one(f"{'x ' * 4 * MAX_ACTION_TEXT} @alpha"), one(f"{'x ' * MAX_ACTION_TEXT} @alpha")
        assert (far.assignee, near.assignee) == (None, "alpha")

    @given(MARKDOWN.map(scrub))
    @settings(max_examples=300, deadline=None)
    @example("+ - 1. [ ] x")
    @example("\t- [ ] x")
    def test_means_the_same_below_other_boxes(self, body: str) -> None:
        """What a body asks for does not depend on what stands above it, though most bodies are given no more than a look."""
        body = "\n".join(line for line in body.split("\n") if not BEGINS_BELOW.fullmatch(line))
        assert texts(f"- [ ] first\n\n***\n\n{body}") == ["first", *texts(body)]
