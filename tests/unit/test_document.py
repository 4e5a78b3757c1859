"""A brief as a file: what people write is understood, what cannot be is refused by line and key."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Any

import frontmatter
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from claudemail.clock import iso
from claudemail.errors import InvalidInput
from claudemail.model import address, document
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


KEYS = st.sampled_from(
    ["title", "to", "action", "actions", "reply_to", "Reply-To", "priority", "due", "expires", "label", "labels", "date", "from",
     "id", "ref", "thread", "stamp", "signature", "recipients", "starred", "text", "assignee", "<<", "? title", "", "nothing"]
)  # fmt: skip
VALUES = st.sampled_from(
    ["", "~", "null", "1", "-0.5", "yes", "high", "2026-12-31", "alpha", "a, b; c", "@server1", "alpha (server1)",
     "[]", "{}", "[a, b]", "[[a]]", "[{text: x}]", "{text: x, due: 1}", "{a: {b: c}}", "\n  - a\n  - b", "\n  a: b",
     "|\n  one\n  two", ">-\n  one\n  two", "\n  - text: x\n    due: soon", "\n  - - - - a", "&a x", "*a", "!!int 1", "!x",
     "'", '"\\', '"\\x41"', '"\\ud800"', "it's: so", "#1", "a # b", "%", "@", "`", "x" * 600, "---", "...",
     "\u0085", "\x1b[2J", '"\\e[2J\\n\\L\\P"', "\ufffe", "\U0001f600", "\ud800", "\0"]
)  # fmt: skip
LOOSE = st.lists(
    st.sampled_from(
        ["title: ", "to: ", "action:", "labels: ", "- ", "  - ", "    ", "text: ", "&a ", "*a", "!!python/name:os.system ",
         "[", "]", "{", "}", "? ", ": ", ",", "|", ">", "'", '"', "\\", "\\u", "\\UFFFFFFFF", "#", "%YAML 1.1", "%TAG ! x",
         "...", "---", "<<: ", "\n", "\n", "\n", "\t", " ", "a", "0", "~", "alpha", "\r", "\x1b", "\x85", "\u2028", "\ufeff",
         "\uffff", "\ud800", "漢", "\0"]
    ),
    max_size=40,
).map("".join)  # fmt: skip


def texts_in(found: object) -> list[str]:
    """Return every text in what was found."""
    if isinstance(found, dict):
        return [text for value in found.values() for text in texts_in(value)]
    return [text for value in found for text in texts_in(value)] if isinstance(found, list | tuple) else [str(found)]


def check_refusal(error: InvalidInput) -> None:
    """Check that an error says where and what to do, on one short line without control characters."""
    assert re.match(r"Line [1-9][0-9]*[: ]|The frontmatter ", error.message)
    assert error.remedy
    assert len(str(error)) < 1_000
    assert scrub_line(str(error)) == str(error)


def outcome(text: str) -> document.Document | None:
    """Return what a file says, or None if it is refused; check that what comes out is no more than what went in."""
    try:
        found = document.parse(text)
    except InvalidInput as error:
        check_refusal(error)
        return None
    assert found.draft.keys() <= {"body", *Draft.model_fields}
    assert sum(map(len, texts_in(found))) <= len(text)
    assert scrub(found.draft["body"]) == found.draft["body"]
    assert all(scrub_line(line) == line for line in texts_in({**found.draft, "body": "", **found.origin}))
    return found


class TestHostile:
    """Files that somebody made to do harm, and files that are something else."""

    @given(st.text(st.characters(), max_size=200), st.booleans())
    @settings(deadline=None)
    @example("\ufeff---\r\n---\r\n", False)
    @example("---", False)
    @example("\n\n---", False)
    def test_any_text(self, text: str, fenced: bool) -> None:  # noqa: FBT001
        """Any text at all is a document or a refusal that says where; as frontmatter too."""
        outcome(f"---\n{text}\n---\n{text}" if fenced else text)

    @given(LOOSE)
    @settings(max_examples=200, deadline=None)
    @example("%YAML " + "1" * 5_000 + ".1\n--- a")
    @example("? " * 300)
    @example("a: b\n...\nc: d")
    def test_pieces_of_yaml(self, text: str) -> None:
        """Any pieces of YAML are a document or a refusal."""
        outcome(f"---\n{text}\n---\nBody.")

    @given(st.lists(st.tuples(KEYS, VALUES), max_size=4))
    @settings(max_examples=300, deadline=None)
    def test_fields_of_any_type(self, lines: list[tuple[str, str]]) -> None:
        """Whatever a key is given, what comes out has the types of a draft, or the key is refused."""
        found = outcome(front(*(f"{key}: {value}" for key, value in lines)))
        if found is not None:
            Draft.model_validate({"to": ["alpha"], "title": "Title", **found.draft})
            assert all(isinstance(value, str) for value in found.origin.values())

    @pytest.mark.parametrize(
        "lines",
        [
            ["labels: &a [x, x, x]", "to: [*a, *a, *a]"],
            [
                "a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]",
                *(
                    f"{one}: &{one} [{', '.join([f'*{two}'] * 9)}]"
                    for two, one in zip("abcdefgh", "bcdefghi", strict=True)
                ),
            ],
            ["title: &a", "  - *a"],
            ["action:", "  - &a {text: x}", "  - *a"],
            ["action: {<<: &a {text: x}}"],
            ["<<: *a"],
            ["title: *a"],
        ],
    )
    def test_aliases(self, lines: list[str]) -> None:
        """No alias is ever expanded: a file with one is refused by its line, and the signs that do it are named."""
        with pytest.raises(InvalidInput, match=r"^Line [2-4] .*`&` and `\*`"):
            document.parse(front(*lines))

    @pytest.mark.parametrize("times", [5, 100, 1_000])
    @pytest.mark.parametrize(
        ("start", "opened", "closed"),
        [("labels: ", "[", "]"), ("action: ", "{a: ", "}"), ("to:\n  ", "- ", ""), ("", "- ", ""), ("", "? ", "")],
    )
    def test_depth(self, start: str, opened: str, closed: str, times: int) -> None:
        """What is nested deeper than a brief can be is refused by its line, however deep."""
        with pytest.raises(InvalidInput, match=r"^Line [23] .*nested too deeply"):
            document.parse(front(f"{start}{opened * times}a{closed * times}"))

    @pytest.mark.parametrize("limit", [document.MAX_FRONTMATTER, 20])
    def test_size(self, limit: int) -> None:
        """Frontmatter up to the limit is read, one byte more is refused, with both sizes; the body does not count."""
        fits = "title: " + "\n" * (limit - 9)
        assert document.parse(f"---\n{fits}\n---\n{'x' * 300_000}", most=limit).draft == {"body": "x" * 300_000}
        with pytest.raises(InvalidInput, match=rf"{limit + 1} bytes.*{limit} bytes") as caught:
            document.parse(f"---\n{fits}\n\n---\n", most=limit)
        assert "body" in caught.value.remedy

    @given(
        st.integers(0, 0x9F).map(chr),
        st.sampled_from(["title: a{}b", "{}title: a", "title{}: a", "to: alpha{}", "labels: [a,{}b]"]),
    )
    def test_control_characters(self, char: str, line: str) -> None:
        """No control character reaches a draft or an error, wherever it stands."""
        found = outcome(front(line.format(char)))
        if found is not None:
            assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", repr(found).replace("\n", " ")) is None

    @pytest.mark.parametrize(
        "key", ["title", "to", "action", "labels", "reply_to", "due", "date", "ref", "recipients", "no"]
    )
    def test_control_characters_in_disguise(self, key: str) -> None:
        """An escape of YAML's brings none in either."""
        outcome(front(f'{key}: "a\\e[2J\\0b\\L\\x9b\\uFEFF\\u202E"'))

    @pytest.mark.parametrize("line", [1, 2, 4, 5])
    def test_nul_anywhere(self, line: int) -> None:
        """A NUL character is refused by its line, in the body too, since no text file has one."""
        lines = front("title: a").splitlines()
        lines.insert(line - 1, "\0")
        with pytest.raises(InvalidInput, match=f"^Line {line} has a NUL"):
            document.parse("\n".join(lines))

    def test_many_lines_that_are_not_yaml(self) -> None:
        """A few lines are taken at their word; where most of a file needs that, the first one is refused."""
        lines = [f"  - Fix {n}: a: b" for n in range(60)]
        assert document.parse(front("action:", *lines[:3])).draft["actions"] == [
            {"text": line[4:]} for line in lines[:3]
        ]
        with pytest.raises(InvalidInput, match=r"^Line 3 cannot be read as YAML"):
            document.parse(front("action:", *lines))

    @pytest.mark.parametrize("char", ["\ufffe", "\uffff"])
    def test_characters_that_yaml_cannot_have(self, char: str) -> None:
        """A character that cannot stand in YAML is refused by its line, too, or is taken out."""
        try:
            document.parse(front("to: alpha", f"title: a{char}b"))
        except InvalidInput as error:
            assert error.message.startswith("Line 3")  # noqa: PT017


LINES = st.text(max_size=40).map(scrub_line).filter(bool)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,8}", fullmatch=True)
LONG_NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", fullmatch=True) | st.just("x" * 64)
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

    @given(
        names=st.lists(LONG_NAMES, min_size=8, max_size=8),
        starred=st.lists(LONG_NAMES, max_size=3),
        recipients=st.lists(st.tuples(LONG_NAMES, LONG_NAMES).map("@".join), max_size=64),
        times=st.lists(st.integers(0, 10**14 - 1), min_size=3, max_size=3),
        signature=st.binary(min_size=64, max_size=64).map(lambda raw: b64encode(raw).decode()),
        title=LINES,
        body=st.text(max_size=100).map(scrub),
        thread=st.uuids().map(str),
        flags=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    )
    @settings(max_examples=60, deadline=None)
    def test_what_a_node_keeps_beside(self, **drawn: Any) -> None:
        """The file that a node keeps of its own mail says all that the database does, and the brief is the same in it."""
        name, instance, node, mailbox, reader, *labels = drawn["names"]
        read, archived, sent = drawn["flags"]
        at, accepted, then = drawn["times"]
        written = brief(
            sender={"name": name, "instance": instance, "node": node},
            stamp=f"{at:014d}-00007-{node}",
            at=at,
            thread=drawn["thread"],
            title=drawn["title"],
            body=drawn["body"],
            labels=labels,
        )
        kept = {
            "instance": instance,
            "stamp": written.stamp,
            "sent": iso(at),
            "accepted": iso(accepted),
            "signature": drawn["signature"],
            "starred": ", ".join(drawn["starred"]),
            "mailbox": mailbox,
            "read": f"{iso(then)} by {reader}" if read else "",
            "archived": iso(then) if archived else "",
            "recipients": ", ".join(drawn["recipients"]) if sent else "",
        }
        found = document.parse(document.format(written, kept), most=256 * 1024)
        draft = Draft.model_validate(found.draft)
        assert (draft.title, draft.body, draft.labels) == (written.title, written.body, labels)
        assert found.origin == {
            "date": iso(at)[:10],
            "from": f"{name} ({node})",
            "id": written.id,
            "ref": written.ref,
            "thread": drawn["thread"],
            **{key: value for key, value in kept.items() if value},
        }

    @given(st.lists(st.tuples(LONG_NAMES, LONG_NAMES).map("@".join) | LONG_NAMES, min_size=1, max_size=24, unique=True))
    @settings(max_examples=40, deadline=None)
    def test_long_names(self, to: list[str]) -> None:
        """Recipients and assignees come back whatever the length of their names."""
        to = ["all" if one.lower() == "all" else one for one in to]
        actions = [{"text": "Review", "assignee": one} for one in to]
        found = document.parse(document.format(brief(to=to, actions=actions)), most=256 * 1024)
        assert found.draft["to"] == to
        assert found.draft["actions"] == actions

    def test_most_that_a_brief_can_have(self) -> None:
        """The longest title and texts, and as many actions and labels as there may be, come back."""
        item = {"text": "'\": #" * 83, "assignee": "operator@server1", "priority": "urgent", "due": "2026-12-31"}
        written = brief(title="\\\U0001f600" * 100, actions=[item] * 128, labels=["x" * 64] * 16)
        found = Draft.model_validate(document.parse(document.format(written), most=256 * 1024).draft)
        assert (found.title, found.actions, found.labels) == (written.title, written.actions, written.labels)

    def test_as_many_recipients_as_a_brief_may_have(self) -> None:
        """What can be sent can be read from its file."""
        to = [f"{'n' * 28}{n:02d}@{'s' * 31}" for n in range(64)]
        assert [str(one) for one in address.parse(to)] == to
        assert document.parse(document.format(brief(to=to))).draft["to"] == to

    def test_starred_by_many(self) -> None:
        """Who has starred a brief is in its file, also where that is the whole alphabet."""
        names = ", ".join(f"callsign{n}" for n in range(26))
        assert document.parse(document.format(brief(), {"starred": names})).origin["starred"] == names
