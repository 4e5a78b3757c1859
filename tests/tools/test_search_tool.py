"""Finding mail again: claudemail_search, claudemail_star and claudemail_clean, with mail between two nodes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from claudemail.testing import Fleet

Connect = Callable[..., Any]
ODD = [
    '"', "*", "NEAR(", "NEAR(a b, 2)", "AND", "NOT", "OR OR", 'a"b', "col:x", "title:plan", "who:alpha", "^", "^plan", "🚀",
    "x" * 500, "ab " * 16 + "y" * 450, "-", "--", '-"', '""', "()", ") OR (", "{a b}:c", "a*b*", "*a", "\\", "%", "';--", "?1",
    "from:", 'from:"', "is:", "thread:", '"no end', "é", "日本", "a\x00b", "\u202e", "<b>", "\n\t", "+", "a+b", "rowid:1",
]  # fmt: skip
HIT = re.compile(r'^- \w+ \(\d+\) "([^"]*)" from ', re.MULTILINE)


def ref_of(answer: str) -> str:
    """Return the ref in the answer to a send."""
    match = re.match(r"Accepted: (\w+) \(\d+\)", answer)
    assert match, answer
    return match[1]


async def found(session: Any, query: str = "", **filters: Any) -> list[str]:
    """Return the titles that a search finds, in order."""
    return HIT.findall(await session("search", query=query, **filters))


async def test_words_and_filters_find_what_they_say(nodes: Fleet, connect: Connect) -> None:
    """Words, phrases, starts, exclusions and every filter, in the query or beside it, find exactly what fits, newest first."""
    async with (
        connect(nodes["server1"]) as alpha,
        connect(nodes["server1"]) as bravo,
        connect(nodes["server2"]) as charlie,
    ):
        first = ref_of(await charlie("send", to="alpha", title="Migration plan", body="The table grows by a column."))
        await charlie(
            "send", to="instance1", title="Table talk", body="A column of the table is null.", priority="high"
        )
        await alpha.until("check", "2 unread briefs")
        await bravo("send", to="alpha", title="Lunch", body="Migrating birds over a table")
        await alpha("send", reply_to=first, title="Re: plan", body="Which column?")
        await alpha("star", ref=first)
        await alpha("read", ref=2)
        everything = ["Re: plan", "Lunch", "Table talk", "Migration plan"]
        for query, filters, expected in (
            ("column", {}, ["Re: plan", "Table talk", "Migration plan"]),
            ("COLUMN table", {}, ["Table talk", "Migration plan"]),
            ('"column of the table"', {}, ["Table talk"]),
            ("migrat*", {}, ["Lunch", "Migration plan"]),
            ("table -column", {}, ["Lunch"]),
            ('table -"the table"', {}, ["Lunch"]),
            ("charlie", {}, ["Table talk", "Migration plan"]),  # senders' names are words, too
            ("nowhere", {}, []),
            ("", {"sender": "charlie"}, ["Table talk", "Migration plan"]),
            ("from:charlie@server2", {}, ["Table talk", "Migration plan"]),
            ("", {"sender": "charlie@server1"}, []),
            ("column", {"sender": "alpha"}, ["Re: plan"]),
            ("", {"unread": True}, ["Lunch", "Migration plan"]),
            ("is:read table", {}, ["Table talk"]),
            ("is:unread table", {}, ["Lunch", "Migration plan"]),
            ("", {"starred": True}, ["Migration plan"]),
            ("is:starred", {}, ["Migration plan"]),
            ("table", {"starred": False}, ["Lunch", "Table talk"]),
            ("", {"thread": first}, ["Re: plan", "Migration plan"]),
            (f"thread:{first} which", {}, ["Re: plan"]),
            ("", {"archived": False}, everything),
            ("", {"archived": True}, []),
            ("", {"after": "2020-01-01"}, everything),
            ("", {"before": "2020-01-01"}, []),
            ("", {"after": "2999-01-01"}, []),
            ("before:9999-12-31 after:0001-01-01 lunch", {}, ["Lunch"]),
            ("table", {"sender": "bravo", "unread": True, "archived": False, "after": "2020-01-01"}, ["Lunch"]),
        ):
            assert await found(alpha, query, **filters) == expected, (query, filters)
        answer = await alpha("search", query="null")
        assert '"Table talk" from charlie (server2), high, ' in answer
        opening = next(line for line in answer.splitlines() if "not the user's word" in line)
        nonce = opening.split()[0].removeprefix("<<<")
        assert re.search(rf"\w+: A column of the table is null\..*\n>>>{nonce}$", answer)
        assert "2 unread briefs" in await alpha("check")  # searching marks nothing read
        assert await found(bravo, "column") == ["Re: plan", "Table talk"]  # what its instance sent and received
        assert await found(charlie, "column") == ["Re: plan", "Table talk", "Migration plan"]


async def test_any_text_is_a_query(node: Fleet, connect: Connect) -> None:
    """What means something to SQLite or to nobody is looked for as words, or refused as having none; never a database error."""
    async with connect(node["server1"]) as alpha:
        await alpha("send", to="charlie", title="The AND plan", body="a b NEAR col x y z", action="NEAR AND OR")
        for text in ODD:
            for tool, arguments in (("search", {"query": text}), ("action_list", {"text": text})):
                answer, failed = await alpha.outcome(tool, **arguments)
                if failed:
                    assert re.search(
                        r"nothing to search for\. Give a word|no word to look for\. Give at least", answer
                    ), text
                else:
                    assert re.match(r"No (brief of yours|action) fits that\.|1 (brief|action)", answer), (text, answer)
        assert await found(alpha, "AND") == ["The AND plan"]
        assert '"NEAR AND OR"' in await alpha("action_list", text="and near")
        for word in ('"', "zzz", "🚀", "x" * 64):
            assert "no brief" in (await alpha.refused("search", query="plan", thread=word)).lower()


async def test_any_text_is_a_sender(node: Fleet, connect: Connect) -> None:
    """A sender with characters that no name has is nobody, or no name, and never an error of the database."""
    async with connect(node["server1"]) as alpha:
        for sender in ('a"b', "a\x00b", 'a@b"', 'x") and ("y', "x y", "*"):
            answer, _ = await alpha.outcome("search", sender=sender)
            assert "database" not in answer, (sender, answer)


async def test_a_search_finds_only_what_is_from_or_to_a_session(nodes: Fleet, connect: Connect) -> None:
    """Whatever is asked for, a brief between others is not found, though it is on this node and in the same thread."""
    async with (
        connect(nodes["server1"]) as alpha,
        connect(nodes["server1"]) as _,
        connect(nodes["server1"]) as delta,
        connect(nodes["server2"]) as charlie,
    ):
        ref = ref_of(await alpha("send", to="charlie", title="Secret plan", body="the code is 1234"))
        await charlie.until("check", "1 unread brief")
        await charlie("send", reply_to=ref, to="delta", title="Shared plan")
        await delta.until("check", "1 unread brief")
        assert await found(alpha, "plan") == ["Secret plan"]
        for query, filters in (
            ("plan", {}),
            ("pla*", {}),
            ("-nothing", {}),
            ("", {"archived": False}),
            ("", {"after": "2020-01-01"}),
            ("plan", {"unread": True}),
            ("plan", {"starred": False}),
            ("", {"thread": "2"}),
        ):
            assert await found(delta, query, **filters) == ["Shared plan"], (query, filters)
        for query, filters in (("1234", {}), ("code", {}), ("from:alpha", {}), ("", {"sender": "alpha@server1"})):
            answer = await delta("search", query=query, **filters)
            assert answer == "No brief of yours fits that.", (query, filters)
        assert "neither from nor to delta" in await delta.refused("search", thread=ref)


async def test_paging_finds_each_brief_once(node: Fleet, connect: Connect) -> None:
    """Going on with the cursor of each page finds every brief once, newest first, also with a filter beside the words."""
    async with connect(node["server1"]) as alpha, connect(node["server1"]) as bravo:
        for number in range(7):
            await alpha("send", to="bravo", title=f"page {number}")
        for limit, filters in ((1, {}), (3, {"unread": True}), (7, {}), (100, {"sender": "alpha"})):
            seen: list[str] = []
            page: dict[str, str] = {}
            while True:
                answer = await bravo("search", query="page", limit=limit, **filters, **page)
                assert len(HIT.findall(answer)) <= limit
                seen += HIT.findall(answer)
                following = re.search(r'There are more: call again with cursor="(\d+)"', answer)
                if following is None:
                    break
                page = {"cursor": following[1]}
            assert seen == [f"page {number}" for number in range(6, -1, -1)], limit


async def test_a_star_is_shown_until_it_is_taken_away(nodes: Fleet, connect: Connect) -> None:
    """A brief is starred and unstarred by turns, by who has it and by who sent it, each for itself."""
    async with connect(nodes["server1"]) as alpha, connect(nodes["server2"]) as charlie:
        ref = ref_of(await alpha("send", to="charlie", title="Keep"))
        await charlie.until("check", "1 unread brief")
        for _ in range(2):
            assert f'Starred {ref} (1) "Keep".' in await charlie("star", ref=1)
            assert ", starred\n" in await charlie("read", ref=ref)
            assert ", starred, " in await charlie("search", query="is:starred")
            assert "Starred: 1." in await charlie("status")
            assert "starred" not in await alpha("read", ref=ref)
            assert f'{ref} (1) "Keep" is not starred now.' in await charlie("star", ref=ref)
            assert ", starred" not in await charlie("read", ref=ref)
            assert await found(charlie, "is:starred") == []
        await alpha("star", ref=ref)
        assert await found(alpha, "is:starred") == ["Keep"]
        assert await found(charlie, "is:starred") == []


async def test_cleaning_archives_what_is_read_and_done_with(nodes: Fleet, connect: Connect) -> None:
    """A dry run changes nothing; apply archives read mail, but none that is unread, starred or has open actions."""
    async with connect(nodes["server1"]) as alpha, connect(nodes["server2"]) as charlie:
        for title, more in (("old", {}), ("dear", {}), ("open", {"action": "Do it"}), ("new", {})):
            await alpha("send", to="charlie", title=title, body="harvest", **more)
        await charlie.until("check", "4 unread briefs")
        for number in (1, 2, 3):
            await charlie("read", ref=number)
        await charlie("star", ref=2)
        for _ in range(2):
            dry = await charlie("clean", days=0)
            assert re.match(
                r'Would archive 1 read brief older than 0 days:\n- \w+ \(1\) "old" from alpha \(server1\), ', dry
            )
            assert "Call again with apply=true to do it. Nothing is deleted." in dry
            assert "Kept: 1 for starred and 1 for open actions." in dry
            assert "Archived: 0." in await charlie("status")
        assert "Nothing to archive: no read brief is older than 30 days." in await charlie("clean", apply=True)
        assert "Archived 1 brief; claudemail_search still finds them." in await charlie("clean", days=0, apply=True)
        assert "Archived: 1." in await charlie("status")
        assert await found(charlie, "harvest", archived=True) == ["old"]
        assert await found(charlie, "harvest is:current") == ["new", "open", "dear"]
        assert await found(charlie, "harvest") == ["new", "open", "dear", "old"]
        assert ", archived\n" in await charlie("read", ref=1)
        assert "1 unread brief for charlie" in await charlie("check")
        await charlie("action_update", ref=1, status="done")
        await charlie("star", ref=2)
        assert "Archived 2 briefs" in await charlie("clean", days=0, apply=True)
        assert await found(charlie, "harvest", archived=False) == ["new"]
        assert "archived" not in await alpha("search", query="harvest")  # the sender's side is its own


async def test_cleaning_does_not_deny_what_it_keeps(node: Fleet, connect: Connect) -> None:
    """Where all read mail of that age is kept, the answer does not say that there is none of that age."""
    async with connect(node["server1"]) as alpha, connect(node["server1"]) as bravo:
        await alpha("send", to="bravo", title="Keep")
        await bravo("read", ref=1)
        await bravo("star", ref=1)
        kept = await bravo("clean", days=0)
        assert "Kept: 1 " in kept
        assert "no read brief is older" not in kept
