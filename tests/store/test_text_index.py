"""The full text: what is in a brief finds it and nothing else does, whatever is typed, on a real database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from claudemail.errors import InvalidInput
from claudemail.model.action import ActionFields, Change
from claudemail.model.brief import Brief, Sender, canonical
from claudemail.model.ids import code_of, new_id
from claudemail.model.query import Query, Term, parse
from claudemail.store import actions, briefs, entries, text_index
from tests.store.conftest import opened

TODAY = date(2026, 3, 24)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", fullmatch=True)
ALIKE = st.from_regex(r"[aAbB1][aAbB1_-]{0,3}", fullmatch=True)
"""Names of few letters, so that many differ in one sign or in case only."""
PIECES = st.sampled_from(
    ["alpha", "deploy", "mig", "漢字", "한국", "カナ", "é", "ß", "ы", "ыa", "ыtbravo", "x9", "AND", "OR", "NOT", "NEAR(", "who:",
     "title :", "{title body}", "from:", "from:alpha", "is:unread", "after:2026-01-01", '"', "'", "-", "*", "^", "+", "(", ")",
     ":", ",", ".", "\\", "/", "%", "_", ";", " ", "\t", "\0", "\x1b", "\u200b", "\u3099", "\U0001f600", "\U0001e900", "\ud800"]
)  # fmt: skip
TYPED = st.lists(PIECES, max_size=24).map("".join) | st.text(st.characters(), max_size=60)
VOCABULARY = ("deploy", "deploys", "migration", "script", "alphabet", "stage", "staged", "n1")
TEXTS = st.lists(st.sampled_from(VOCABULARY), max_size=6)
WORDS = st.text("abcXYZ019éßłÆøñαΩбшЖأبجאבकखกขაბաբ漢字カナ한٣", min_size=1, max_size=8)
SEPARATORS = st.sampled_from([" ", ", ", "-", "_", ".", "/", "(", "\n", "\u3000", "…", "\U0001f600"])
CJK = st.text("漢字修理日本語のバグをカナ한국어", min_size=1, max_size=12)


def sent(title: str, body: str, sender: str = "alpha", instance: str | None = None, node: str = "server1") -> Brief:
    """Return a brief."""
    id = new_id(1)
    return Brief(
        id=id,
        ref=code_of(id)[:4],
        stamp=f"{1:014d}-00000-{node}",
        at=1,
        sender=Sender(name=sender, instance=instance, node=node),
        to=["bravo"],
        title=title,
        body=body,
        thread=id,
    )


def deliver(connection: sqlite3.Connection, brief: Brief, *mailboxes: str) -> int:
    """Store a brief, put it into mailboxes and into the full text, and return its number."""
    number = accept(connection, brief, *mailboxes)
    index_all(connection)
    return number


def accept(connection: sqlite3.Connection, brief: Brief, *mailboxes: str) -> int:
    """Store a brief, put it into mailboxes, and return its number."""
    text = canonical(brief.fields())
    number = briefs.insert(connection, brief, text, "", verified=True, now=1)
    entries.deliver(connection, number, brief, mailboxes, known=False)
    return number


def index_all(connection: sqlite3.Connection) -> None:
    """Take all briefs into the full text that are still to be."""
    while text_index.due(connection) is not None:
        text_index.take_in_some(connection)


def ask(connection: sqlite3.Connection, text: str) -> int:
    """Make an action and return its number."""
    change = Change(
        action=new_id(1),
        stamp=f"{1:014d}-00000-a",
        at=1,
        by="alpha",
        fields=ActionFields(text=text, note="deploy note"),
    )
    actions.apply(connection, change, canonical(change.wire()), "", verified=True)
    return actions.find(connection, change.action).number


def found(connection: sqlite3.Connection, typed: str) -> list[int]:
    """Return the briefs that somebody who may see everything finds, newest first."""
    expression = text_index.expression(parse(typed, TODAY).terms, text_index.any_of([text_index.EVERY]))
    assert expression is not None
    return list(text_index.matches(connection, expression))


@pytest.fixture(scope="module")
def filled() -> Iterator[sqlite3.Connection]:
    """A mail database with some briefs and actions, which nothing changes."""
    with closing(opened()) as connection:
        for title, body in (
            ("Deploy blocker", 'The migration fails: `alembic upgrade` AND then some, see NEAR(x) "quoted" -not'),
            ("漢字 한국어", "日本語のカナを修理する x9 é"),
            ("", "a b c d e f g h i j k l m n o p " * 40),
        ):
            deliver(connection, sent(title or "none", body), "alpha", "bravo")
            ask(connection, f"{title} {body}"[:400])
        yield connection


class TestAnyText:
    """Whatever is typed, SQLite understands what it is asked."""

    @given(
        TYPED,
        st.sampled_from(
            [
                None,
                text_index.any_of([text_index.EVERY]),
                text_index.any_of([text_index.held_by("bravo"), text_index.sent_by("alpha", "server1", "i")])
                + " AND "
                + text_index.any_of([text_index.from_name("alpha")]),
            ]
        ),
    )
    @settings(max_examples=400, deadline=None)
    @example("a " * 32, None)
    @example("a* " * 32, None)
    @example("漢" * 500, text_index.any_of([text_index.EVERY]))
    @example("-a -b -漢字", text_index.any_of([text_index.EVERY]))
    @example('"\u3099" \U0001e900* -\U0001e900', None)
    def test_is_no_error(self, filled: sqlite3.Connection, typed: str, within: str | None) -> None:
        """What was typed is looked for in briefs, among some of them, and in actions, without an error."""
        try:
            query = parse(typed, TODAY)
        except InvalidInput:
            return
        self.check(filled, query.terms, within)
        if query.sender is not None:  # any text may be behind from:
            name, _, node = query.sender.partition("@")
            word = text_index.sent_by(name, node) if node else text_index.from_name(name)
            self.check(filled, query.terms, text_index.any_of([word]))

    def check(self, connection: sqlite3.Connection, terms: Sequence[Term], within: str | None) -> None:
        """Look for terms in every way there is."""
        expression = text_index.expression(terms, within)
        assert (expression is None) == (within is None and all(term.excluded for term in terms))
        if expression is None:
            return
        numbers = list(text_index.matches(connection, expression))
        assert set(numbers) <= {1, 2, 3}
        assert numbers == sorted(numbers, reverse=True)
        assert text_index.among(connection, expression, [4, 3, 2]) == [number for number in numbers if number in (3, 2)]
        assert list(text_index.matches(connection, expression, least=2, before=3)) == [2] * (2 in numbers)
        alone = text_index.expression(terms)
        if alone is not None:
            assert set(text_index.matching_actions(connection, alone)) <= {1, 2, 3}

    @given(
        st.lists(
            st.builds(
                Term,
                words=st.text(st.characters(codec="utf-8") | st.sampled_from('"*()-^ ')),
                starts=st.booleans(),
                excluded=st.booleans(),
            )
        )
    )
    @settings(max_examples=200, deadline=None)
    def test_of_a_term_is_no_error(self, filled: sqlite3.Connection, terms: list[Term]) -> None:
        """Terms that no parser made are no error either."""
        self.check(filled, terms, None)
        self.check(filled, terms, text_index.any_of([text_index.EVERY]))

    @pytest.mark.parametrize(
        ("typed", "numbers"),
        [
            ("AND", [1]),
            ("deploy OR nothing", []),
            ("NEAR(x)", [1]),
            ("who:bravo", []),
            ('x" OR "a', []),
            ("title:deploy", []),
            ("^deploy", [1]),
            ("quoted -not", []),
            ("de*loy", []),
            (text_index.EVERY, []),
            (text_index.held_by("bravo"), []),
            (text_index.from_name("alpha") + "*", []),
            (f"a -{text_index.EVERY}", [3]),
        ],
    )
    def test_is_never_syntax(self, filled: sqlite3.Connection, typed: str, numbers: list[int]) -> None:
        """What means something to FTS5 is looked for like any other word, and never among the words that say whose it is."""
        assert found(filled, typed) == numbers


class TestWords:
    """What is in a brief finds it."""

    @given(
        st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6),
        st.lists(
            st.builds(
                Term,
                words=st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=2).map(" ".join),
                excluded=st.sampled_from([False, False, True]),
            )
            | st.builds(Term, words=st.sampled_from(["dep", "stag", "mig", "scripts"]), starts=st.just(value=True)),
            min_size=1,
            max_size=4,
        ),
    )
    @settings(max_examples=80, deadline=None)
    def test_as_a_plain_model_finds_them(self, written: list[tuple[list[str], list[str]]], terms: list[Term]) -> None:
        """Words, words that stand together, starts and excluded words find those briefs that have them, or have them not."""

        def has(place: list[str], term: Term) -> bool:
            words = term.words.split()
            if term.starts:
                return any(word.startswith(term.words) for word in place)
            return any(place[i : i + len(words)] == words for i in range(len(place)))

        with closing(opened()) as connection:
            for title, body in written:
                deliver(connection, sent(" ".join(title) or "none", " ".join(body)), "bravo")
            expression = text_index.expression(terms, text_index.any_of([text_index.EVERY]))
            assert expression is not None
            assert list(text_index.matches(connection, expression)) == [
                number
                for number in range(len(written), 0, -1)
                if all(any(has(place, term) for place in written[number - 1]) != term.excluded for term in terms)
            ]

    @given(st.lists(st.tuples(WORDS, SEPARATORS), min_size=1, max_size=10), st.data())
    @settings(max_examples=100, deadline=None)
    def test_of_any_script(self, pairs: list[tuple[str, str]], data: st.DataObject) -> None:
        """Any word of a text finds the brief, in its title and in its body, in whatever case, and between whatever signs."""
        text = "".join(word + separator for word, separator in pairs)
        word, _ = data.draw(st.sampled_from(pairs))
        with closing(opened()) as connection:
            deliver(connection, sent(text, ""), "bravo")
            deliver(connection, sent("none", text), "bravo")
            deliver(connection, sent("none", "other"), "bravo")
            assert found(connection, word) == found(connection, word.lower()) == [2, 1]
            assert found(connection, f'"{text}"') == [2, 1]
            assert found(connection, f"none -{word}") == [3]

    @given(CJK, CJK, CJK)
    @settings(max_examples=150, deadline=None)
    def test_of_scripts_without_spaces(self, title: str, body: str, typed: str) -> None:
        """Any part of a text in such a script finds the brief that it is in, and no other."""
        with closing(opened()) as connection:
            deliver(connection, sent(title, "none"), "bravo")
            deliver(connection, sent("none", f"about {body}!"), "bravo")
            for part in {typed, title[1:4], body[-3:], body[:1]} - {""}:
                assert found(connection, part) == [n for n, text in ((2, body), (1, title)) if part in text]

    @pytest.mark.parametrize(
        ("text", "typed"),
        [
            ("call `load_config()` twice", "config"),
            ("call `load_config()` twice", "load_config"),
            ("see claudemail/store/actions.py", "actions"),
            ("see claudemail/store/actions.py", "store/actions.py"),
            ("run a.b-c_d", "b-c"),
            ("https://example.org/a?b=c", "https://example.org/a?b=c"),
            ("Übergrößenträger", "ubergroßentrager"),
            ("CAFÉ", "cafe"),
            ("e-mail", "E-Mail"),
            ("v1.2.3", "v1.2.3"),
            ("it's", "it's"),
            ("<b>bold</b>", "bold"),
            ("修理する", "修理*"),
            ("exceptions", "exc*"),
        ],
    )
    def test_within_names_and_signs(self, connection: sqlite3.Connection, text: str, typed: str) -> None:
        """Names in code, paths and addresses are found by their parts and as a whole; accents and case do not matter."""
        deliver(connection, sent("none", text), "bravo")
        deliver(connection, sent("other", "words"), "bravo")
        assert found(connection, typed) == [1]

    @pytest.mark.parametrize("typed", ["alpha", "server1", "alpha server1"])
    def test_of_the_sender(self, connection: sqlite3.Connection, typed: str) -> None:
        """Who wrote it, and where, are words of a brief."""
        deliver(connection, sent("none", ""), "bravo")
        deliver(connection, sent("none", "", sender="charlie", node="server2"), "bravo")
        assert found(connection, typed) == [1]


class TestNames:
    """The words that say whose a brief is."""

    @given(NAMES | ALIKE, NAMES | ALIKE)
    @settings(deadline=None)
    @example("a-b", "a_b")
    @example("a-b", "A-B")
    def test_stand_for_one_name(self, one: str, other: str) -> None:
        """Two names have the same word if and only if they differ in case at most; a word is never cut in two."""
        same = one.lower() == other.lower()
        for coded in (text_index.held_by, text_index.from_name):
            assert (coded(one) == coded(other)) == same
        assert text_index.held_by(one).isalnum()
        assert len({text_index.held_by(one), text_index.from_name(one), text_index.EVERY}) == 3

    @given(ALIKE, ALIKE, ALIKE, ALIKE, st.sampled_from("si"), st.sampled_from("si"))
    @settings(deadline=None)
    @example("a", "ba", "ab", "a", "s", "s")
    def test_stand_for_one_sender(self, one: str, node: str, other: str, place: str, kind: str, sort: str) -> None:
        """The word of a sender stands for name, node and kind together, wherever one ends and the other begins."""
        same = (one.lower(), node.lower(), kind) == (other.lower(), place.lower(), sort)
        assert (text_index.sent_by(one, node, kind) == text_index.sent_by(other, place, sort)) == same
        assert text_index.sent_by(one, node, kind).isalnum()

    @given(st.lists(st.tuples(ALIKE, ALIKE, ALIKE), min_size=1, max_size=5), st.data())
    @settings(max_examples=60, deadline=None)
    def test_find_what_is_theirs(self, drawn: list[tuple[str, str, str]], data: st.DataObject) -> None:
        """In a database, each name finds the briefs of its mailbox or from it, and no others; typed words find none of them."""
        with closing(opened()) as connection:
            for sender, node, mailbox in drawn:
                deliver(connection, sent("none", "", sender, f"i-{sender}", node), mailbox)
            sender, node, mailbox = data.draw(st.sampled_from(drawn))
            for word, index, name in (
                (text_index.held_by(mailbox), 2, mailbox),
                (text_index.from_name(sender), 0, sender),
            ):
                expected = [n for n in range(len(drawn), 0, -1) if drawn[n - 1][index].lower() == name.lower()]
                assert list(text_index.matches(connection, text_index.any_of([word]))) == expected
            both = [text_index.sent_by(sender, node), text_index.sent_by(f"i-{sender}", node, "i")]
            for word in both:
                assert set(text_index.matches(connection, text_index.any_of([word]))) == {
                    n
                    for n, (one, place, _) in enumerate(drawn, 1)
                    if (one + "@" + place).lower() == (sender + "@" + node).lower()
                }
            assert text_index.any_of(both) == f'who : ("{both[0]}" OR "{both[1]}")'

    def test_in_a_text_mean_nothing(self, connection: sqlite3.Connection) -> None:
        """Whoever writes such a word into a brief puts it into nobody's mailbox by that."""
        words = [text_index.held_by("bravo"), text_index.from_name("bravo"), text_index.sent_by("bravo", "server1")]
        deliver(connection, sent(" ".join(words), " ".join(words)), "alpha")
        assert list(text_index.matches(connection, text_index.any_of(words))) == []
        assert found(connection, words[0]) == [1]


def test_briefs_that_lie_far_apart_are_found_among_others(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the briefs asked for, those that fit are found, however many others between them fit as well."""
    monkeypatch.setattr(text_index, "_LONGEST_WALK", 10)
    for number in range(50):
        deliver(connection, sent("t", "odd" if number % 2 else "even"))
    query = text_index.expression([Term(words="odd")], text_index.any_of([text_index.EVERY]))
    assert query is not None
    assert text_index.among(connection, query, [50, 47, 46, 31, 4, 2, 1]) == [50, 46, 4, 2]


class TestUpkeep:
    """The index follows what becomes of a brief."""

    @given(st.text(st.characters(codec="utf-8"), max_size=60), st.lists(ALIKE, min_size=1, max_size=5))
    @settings(max_examples=60, deadline=None)
    def test_more_mailboxes_leave_nothing_stale(self, body: str, mailboxes: list[str]) -> None:
        """A brief that comes to one mailbox after the other is indexed as one that came to all of them at once."""
        brief = sent("Title", body)
        with closing(opened()) as one, closing(opened()) as other:
            deliver(one, brief, mailboxes[0])
            for earlier, mailbox in pairwise(mailboxes):
                entries.deliver(one, 1, brief, [earlier, mailbox], known=True)
            deliver(other, brief, *{mailbox.lower(): mailbox for mailbox in reversed(mailboxes)}.values())
            assert vocabulary(one) == vocabulary(other)
            text_index.empty(one)
            assert vocabulary(one) == set()
            index_all(one)
            assert vocabulary(one) == vocabulary(other)

    @given(st.lists(ALIKE, min_size=1, max_size=5), st.integers(0, 5))
    @settings(max_examples=60, deadline=None)
    def test_when_it_is_taken_in_does_not_matter(self, mailboxes: list[str], earlier: int) -> None:
        """A brief that comes to further mailboxes before it is taken in, or after, is indexed the same."""
        brief = sent("Title", "a body")
        with closing(opened()) as one, closing(opened()) as other:
            accept(one, brief, mailboxes[0])
            for count in range(len(mailboxes)):
                if count == earlier:
                    index_all(one)
                entries.deliver(one, 1, brief, [mailboxes[count]], known=True)
            index_all(one)
            deliver(other, brief, *{mailbox.lower(): mailbox for mailbox in reversed(mailboxes)}.values())
            assert vocabulary(one) == vocabulary(other)
            assert found(one, "body") == [1]

    def test_a_part_at_a_time(self, connection: sqlite3.Connection) -> None:
        """Many are taken in by and by, the oldest first; of large ones fewer at once, but one at least."""
        for _ in range(150):
            accept(connection, sent("t", "small"))
        for _ in range(3):
            accept(connection, sent("t", "x" * 150_000))
        places = []
        while text_index.due(connection) is not None:
            assert text_index.due(connection) == 153
            places.append(text_index.take_in_some(connection))
            assert found(connection, "t") == list(range(places[-1], 0, -1))
        assert places == [100, 151, 152, 153]
        assert text_index.take_in_some(connection) == 153

    def test_out_and_in_again(self, connection: sqlite3.Connection) -> None:
        """What was taken out is not found, and what is in again is."""
        deliver(connection, sent("Deploy", "漢字 migration"), "bravo")
        deliver(connection, sent("Other", "deploy"), "bravo")
        text_index.remove(connection, 1)
        assert found(connection, "deploy") == [2]
        assert vocabulary(connection).isdisjoint({"漢", "migration"})
        text_index.restore(connection, 1)
        assert found(connection, "deploy") == [2, 1]
        assert found(connection, "字 migration") == [1]

    def test_of_a_body_that_its_node_did_not_scrub(self, connection: sqlite3.Connection) -> None:
        """A brief of a peer with control characters in its text may come to another mailbox later, like any other."""
        brief = sent("Deploy", "")
        raw = "foo\u200bbar " * 30
        text = canonical({**brief.fields(), "body": raw})
        came = Brief.model_validate({**brief.fields(), "body": raw})
        briefs.insert(connection, came, text, "", verified=True, now=1)
        entries.deliver(connection, 1, came, ["alpha"], known=False)
        index_all(connection)
        assert found(connection, "foobar") == [1]
        entries.deliver(connection, 1, came, ["bravo"], known=True)
        assert found(connection, "foobar") == [1]


def vocabulary(connection: sqlite3.Connection) -> set[str]:
    """Return every word that the index has of any brief."""
    connection.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.words USING fts5vocab(main, briefs_text, 'row')")
    return {row["term"] for row in connection.execute("SELECT term FROM temp.words")}


def test_a_query_that_asks_for_nothing(filled: sqlite3.Connection) -> None:
    """Excluded words alone are no query, but within another one they are."""
    excluded = [Term(words="deploy", excluded=True), Term(words="漢字", excluded=True)]
    everything = text_index.any_of([text_index.EVERY])
    assert text_index.expression([]) is None
    assert text_index.expression(excluded) is None
    for terms, numbers in ((excluded, [3]), (excluded[1:], [3, 1]), (Query().terms, [3, 2, 1])):
        expression = text_index.expression(terms, everything)
        assert expression is not None
        assert list(text_index.matches(filled, expression)) == numbers
