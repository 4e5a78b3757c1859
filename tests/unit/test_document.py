"""A brief as a file: what people write is understood, what cannot be is refused by line and key."""

from __future__ import annotations

from typing import Any

import frontmatter
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claudemail.errors import InvalidInput
from claudemail.model import document
from claudemail.model.brief import MAX_TITLE, Brief, Draft, Priority
from claudemail.text import scrub, scrub_line

SEED = """---
title: Deploy Blocker — DB Migration
date: 2026-03-24
from: alpha (server1)
to: charlie (server2)
action: Review migration script before deploying
---
The migration adds a NOT NULL column without a default value.
Existing rows will fail. Either add a default or backfill first.
"""


def front(*lines: str) -> str:
    """Return a file with these lines of frontmatter and a body."""
    return "\n".join(["---", *lines, "---", "Body.", ""])


def brief(**fields: Any) -> Brief:
    """Return a brief with these fields."""
    known = {
        "id": "01a2b3c4-0000-7000-8000-000000000001",
        "ref": "k7qd",
        "stamp": "01774310400000-00000-server1",
        "at": 1774310400000,
        "sender": {"name": "alpha", "instance": "instance1", "node": "server1"},
        "to": ["charlie@server2"],
        "title": "Deploy",
        "body": "Body.",
        "thread": "01a2b3c4-0000-7000-8000-000000000001",
    }
    return Brief.model_validate({**known, **fields})


class TestParse:
    """What a file says."""

    def test_seed(self) -> None:
        """The example of the documentation is understood in full."""
        found = document.parse(SEED)
        assert found.draft == {
            "title": "Deploy Blocker — DB Migration",
            "to": ["charlie@server2"],
            "actions": [{"text": "Review migration script before deploying"}],
            "body": "The migration adds a NOT NULL column without a default value.\n"
            "Existing rows will fail. Either add a default or backfill first.",
        }
        assert found.origin == {"date": "2026-03-24", "from": "alpha (server1)"}

    @pytest.mark.parametrize("change", [str, lambda text: text.replace("\n", "\r\n"), lambda text: "\ufeff" + text])
    def test_line_ends_and_byte_order_mark(self, change: Any) -> None:
        """Windows line ends and a byte order mark make no difference."""
        assert document.parse(change(SEED)) == document.parse(SEED)

    def test_body_only(self) -> None:
        """A file without frontmatter is all body."""
        assert document.parse("# Title\n\nText.\n").draft == {"body": "# Title\n\nText."}

    def test_empty_frontmatter(self) -> None:
        """Empty frontmatter gives nothing."""
        assert document.parse("---\n---\nText").draft == {"body": "Text"}

    def test_rules_in_the_body(self) -> None:
        """The first closing line ends the frontmatter; later ones are the body's."""
        assert document.parse("---\ntitle: a\n---\none\n---\ntwo\n").draft["body"] == "one\n---\ntwo"

    @pytest.mark.parametrize(
        ("written", "title"),
        [
            ("no", "no"),
            ("2026-03-24", "2026-03-24"),
            ("1e3", "1e3"),
            ("Blocker: the migration: again", "Blocker: the migration: again"),
            ("Fix #12", "Fix #12"),
            ("#12 is broken", "#12 is broken"),
            ("[urgent] deploy", "[urgent] deploy"),
            ("{x} is: not set", "{x} is: not set"),
            ('"Hello" she said', '"Hello" she said'),
            ('"unterminated', '"unterminated'),
            ("it's: fine", "it's: fine"),
            ("*Urgent* now", "*Urgent* now"),
            ("`make` fails: why", "`make` fails: why"),
            ("@all read this", "@all read this"),
            ("- dash", "- dash"),
            ("'quoted: well'", "quoted: well"),
            ('"tab\\tand \\e[31mred"', "tab and [31mred"),
        ],
    )
    def test_titles_as_people_write_them(self, written: str, title: str) -> None:
        """A title that is not quite YAML is taken at its word, and the lines after it are still read."""
        found = document.parse(front(f"title: {written}", "to: charlie", "priority: high"))
        assert found.draft == {"title": title, "to": ["charlie"], "priority": "high", "body": "Body."}

    @pytest.mark.parametrize(
        ("lines", "to"),
        [
            (["to: no"], ["no"]),
            (["to: charlie (server2), @server1 , all"], ["charlie@server2", "@server1", "all"]),
            (["to: @server2"], ["@server2"]),
            (["to: [alpha, bravo]"], ["alpha", "bravo"]),
            (["to:", "  - alpha", "  - charlie (server2)"], ["alpha", "charlie@server2"]),
        ],
    )
    def test_recipients(self, lines: list[str], to: list[str]) -> None:
        """Recipients may be one, several with commas, or a list, each as an address is written."""
        assert document.parse(front(*lines)).draft["to"] == to

    def test_actions(self) -> None:
        """Actions may be text or mappings, and text with a colon in it is text."""
        lines = [
            "action:",
            "  - Review: the script",
            "  - Fix: a: b",
            "  - plain #4",
            "  - text: with all",
            "    assignee: '@bravo'",
            "    priority: HIGH",
            "    due: 2026-12-01 # Tuesday",
        ]
        assert document.parse(front(*lines)).draft["actions"] == [
            {"text": "Review: the script"},
            {"text": "Fix: a: b"},
            {"text": "plain #4"},
            {"text": "with all", "assignee": "bravo", "priority": "high", "due": "2026-12-01"},
        ]

    def test_one_action_as_a_mapping(self) -> None:
        """A single action need not be in a list."""
        found = document.parse(front("action: {text: Do it, due: 2026-12-01}"))
        assert found.draft["actions"] == [{"text": "Do it", "due": "2026-12-01"}]

    def test_other_fields(self) -> None:
        """Every optional key is read; a dash in a key is as good as an underscore."""
        found = document.parse(
            front("Reply-To: k7qd", "priority: urgent", "due: 2026-12-01", "expires: 2027-01-01", "labels: ci, prod",
                  "id: x", "ref: abcd", "thread: y")
        )  # fmt: skip
        assert found.draft == {
            "reply_to": "k7qd",
            "priority": "urgent",
            "due": "2026-12-01",
            "expires": "2027-01-01",
            "labels": ["ci", "prod"],
            "body": "Body.",
        }
        assert found.origin == {"id": "x", "ref": "abcd", "thread": "y"}

    def test_what_is_given_makes_a_draft(self) -> None:
        """The fields are those of a draft."""
        draft = Draft.model_validate(document.parse(SEED).draft)
        assert (draft.title, draft.actions[0].text) == (
            "Deploy Blocker — DB Migration",
            document.parse(SEED).draft["actions"][0]["text"],
        )

    def test_the_library_reads_it_too(self) -> None:
        """The handler serves python-frontmatter's own functions."""
        post = frontmatter.loads(SEED, handler=document.BriefHandler())
        assert post["title"] == "Deploy Blocker — DB Migration"
        assert post.content.startswith("The migration")


class TestRefusals:
    """What cannot be understood."""

    @pytest.mark.parametrize(
        ("lines", "says"),
        [
            (["title: a", "prioritty: high"], ["Line 3", "prioritty", "priority"]),
            (["title:", "  - a"], ["Line 3", "title", "text"]),
            (["title: {a: b}"], ["Line 2", "title", "text"]),
            ([f"title: {'x' * (MAX_TITLE + 1)}"], ["Line 2", "title", "201", "200"]),
            (["priority: now"], ["Line 2", "priority", "'now'", "low, normal, high, urgent"]),
            (["due: tomorrow"], ["Line 2", "due", "'tomorrow'", "2026-12-31"]),
            (["due: 2026-02-30"], ["Line 2", "due", "2026-02-30"]),
            (["expires: 20261231"], ["Line 2", "expires", "20261231"]),
            (["to: a!b"], ["Line 2", "to", "'a!b'"]),
            (["to: {a: b}"], ["Line 2", "to", "text"]),
            (["labels: a/b"], ["Line 2", "label", "'a/b'"]),
            (["labels: " + ", ".join(f"l{n}" for n in range(17))], ["Line 2", "17", "16"]),
            (["action:", "  - text: x", "    asignee: bob"], ["Line 4", "asignee", "assignee"]),
            (["action:", "  - assignee: bob"], ["Line 3", "no text"]),
            (["action:", "  - text: x", "    assignee: b b"], ["Line 4", "assignee", "'b b'"]),
            (["action:", *["  - a"] * 129], ["129", "128"]),
            (["action:", "  - [a, b]"], ["Line 3", "action", "text"]),
            (["action: " + "x" * 501], ["Line 2", "action", "501", "500"]),
            (["title: a", "title: b"], ["Line 3", "title", "line 2"]),
            (["- a"], ["Line 2", "key: value"]),
            (["title: a", "no colon here", "to: b"], ["Line 3", "YAML"]),
            (["title: a", "\tto: b"], ["Line 3", "YAML"]),
            (["title: &a x", "to: *a"], ["Line 2", "`&`", "quotes"]),
            (["title: !!python/name:os.system x"], ["Line 2", "`!`", "quotes"]),
            (['title: "\\UFFFFFFFF"'], ["YAML"]),
            (["to: [[[[[a]]]]]"], ["Line 2", "nested"]),
            (["labels: " + "[" * 8000], ["Line 2", "nested"]),
            (["- " * 4000], ["Line 2", "nested"]),
            (["title: " + "x" * 9000], ["9009", "8192"]),
        ],
    )
    def test_by_line_and_key(self, lines: list[str], says: list[str]) -> None:
        """A mistake is refused with its line, its key and what belongs there."""
        with pytest.raises(InvalidInput) as caught:
            document.parse(front(*lines))
        for words in says:
            assert words in str(caught.value)

    def test_unclosed(self) -> None:
        """Frontmatter without an end is a mistake, not a body."""
        with pytest.raises(InvalidInput, match="has no end"):
            document.parse("---\ntitle: x\n\nBody")

    def test_nul(self) -> None:
        """A NUL character is refused by its line."""
        with pytest.raises(InvalidInput, match="Line 3 has a NUL"):
            document.parse("---\ntitle: a\nto: \0\n---\n")

    @given(st.text(st.sampled_from("ab:#-[]{}\"'&*!|>%@`,?\\ \t\n01"), max_size=60))
    def test_nothing_else_comes_out(self, text: str) -> None:
        """Whatever the frontmatter is, the answer is a document or a refusal."""
        try:
            found = document.parse(f"---\n{text}\n---\nBody.")
        except InvalidInput:
            return
        assert found.draft.keys() <= {"body", *Draft.model_fields}


LINES = st.text(max_size=40).map(scrub_line).filter(bool)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,8}", fullmatch=True)
DAYS = st.dates().map(str)
ADDRESSES = st.one_of(
    NAMES.map(lambda name: "all" if name.lower() == "all" else name),
    NAMES.map("@{}".format),
    st.tuples(NAMES, NAMES).map("@".join),
)
ACTIONS = st.fixed_dictionaries(
    {"text": LINES},
    optional={"assignee": NAMES, "priority": st.sampled_from(Priority), "due": DAYS},
)


class TestFormat:
    """A brief written as a file."""

    def test_seed(self) -> None:
        """The keys and their order are those of the documented example, then the optional ones."""
        text = document.format(
            brief(title="Deploy Blocker — DB Migration", actions=[{"text": "Review migration script"}], priority="high")
        )
        assert text == (
            "---\n"
            "title: Deploy Blocker — DB Migration\n"
            "date: 2026-03-24\n"
            "from: alpha (server1)\n"
            "to: charlie (server2)\n"
            "action: Review migration script\n"
            "id: 01a2b3c4-0000-7000-8000-000000000001\n"
            "ref: k7qd\n"
            "priority: high\n"
            "---\n"
            "Body.\n"
        )

    @pytest.mark.parametrize(
        "body", ["", "\n", "\n\n", "\ntext", "text\n", "\n\n text \n\n", "---\ntext\n---", "\ttext", "{a: [b"]
    )
    def test_body_to_the_letter(self, body: str) -> None:
        """A body comes back as it was, white space at its ends and rules in it too."""
        assert document.parse(document.format(brief(body=body))).draft["body"] == body

    @given(
        title=LINES,
        body=st.text(max_size=200).map(scrub),
        to=st.lists(ADDRESSES, min_size=1, max_size=4, unique=True),
        actions=st.lists(ACTIONS, max_size=4),
        priority=st.sampled_from(Priority),
        due=st.none() | DAYS,
        expires=st.none() | DAYS,
        labels=st.lists(NAMES, max_size=3),
        reply_to=st.none() | st.uuids().map(str),
    )
    def test_round_trip(self, **fields: Any) -> None:
        """What was written is read again, for any text that a brief can have."""
        written = brief(**fields)
        found = document.parse(document.format(written))
        draft = Draft.model_validate(found.draft)
        for field in ("title", "body", "to", "actions", "priority", "due", "expires", "labels", "reply_to"):
            assert getattr(draft, field) == getattr(written, field), field
        assert found.origin["from"] == str(written.sender)
        assert (found.origin["id"], found.origin["ref"]) == (written.id, written.ref)
