"""Actions between two nodes: asked for, taken, done, listed, and the same everywhere in the end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

from claudemail.office import Office
from claudemail.testing import Fleet, Member

Connect = Callable[..., Any]
ACTION = re.compile(r'^- (?:action: )?(\w+) \((\d+)\) "([^"]*)": (.*?)(?:; .*)?$', re.MULTILINE)
"""A line of a list: ref, number, text, how it stands."""
BODY = """\
Please:

- [ ] Back the table up @delta !urgent due:2031-01-02
- [x] Write the script
* [ ] Ask @nobody about `!low` things
- plain

> - [ ] somebody else's box

```
- [ ] code
```

    - [ ] more code
"""


def stand(answer: str) -> dict[str, str]:
    """Return how each action in an answer stands, by its text, in order."""
    return {match[3]: match[4] for match in ACTION.finditer(answer)}


def ref_of(answer: str, text: str) -> str:
    """Return the ref of an action in an answer."""
    return next(match[1] for match in ACTION.finditer(answer) if match[3] == text)


async def history(member: Member, word: str) -> list[tuple[str, str, bool, dict[str, Any]]]:
    """Return who changed what of an action, as a node knows it: name, node, whether it is verified, fields."""
    async with await Office.open(member.config) as office:
        found = await office.action(office.operator(), word)
    return [(change.by, change.node, change.verified, change.fields) for change in found.changes]


async def test_a_brief_asks_for_what_its_argument_and_its_boxes_say(nodes: Fleet, connect: Connect) -> None:
    """A text, a list, objects and boxes become actions on both nodes, with assignee, priority and day; code and quotes do not."""
    async with connect(nodes["server1"]) as alpha, connect(nodes["server2"]) as charlie:
        await alpha("send", to="charlie", title="text", action="One thing")
        await alpha("send", to="charlie", title="list", actions=["First", "Second"], priority="high", due="2031-05-06")
        items = [
            "Plain",
            {"text": "Whole", "assignee": "me", "priority": "low", "due": "2031-03-04"},
            {"text": "Given", "assignee": "operator"},
            {"text": "Back the table up"},
        ]
        await alpha("send", to="charlie, delta", title="objects and boxes", action=items, body=BODY)
        await alpha("send", to="instance2", title="to an instance", body="1. [ ] Numbered")
        await charlie.until("check", "4 unread briefs")
        expected = [
            {"One thing": "pending, for charlie"},
            dict.fromkeys(("First", "Second"), "pending, high, for charlie, due 2031-05-06"),
            {
                "Plain": "pending, nobody's yet",
                "Whole": "pending, low, for alpha, due 2031-03-04",
                "Given": "pending, for operator@server1",
                "Back the table up": "pending, nobody's yet",  # what the argument says comes before the box
                "Ask @nobody about `!low` things": "pending, nobody's yet",
            },
            {"Numbered": "pending, for instance2"},
        ]
        for number, actions in enumerate(expected, start=1):
            for session in (alpha, charlie):
                answer = await session("read", ref=number)
                assert "Actions it asks for:" in answer
                assert stand(answer) == actions
        assert "No unread mail" in await charlie("check")
        await alpha("send", to="charlie", title="boxes", body=BODY)
        await charlie.until("check", "1 unread brief")
        assert stand(await charlie("digest")) == {
            "Back the table up": "pending, urgent, for delta, due 2031-01-02",
            "Ask @nobody about `!low` things": "pending, for charlie",
        }


async def test_an_action_made_for_another_node_is_done_there_and_seen_here(nodes: Fleet, connect: Connect) -> None:
    """What alpha creates for charlie is in charlie's list; each update, by number or ref, is seen and kept with who made it."""
    async with connect(nodes["server1"]) as alpha, connect(nodes["server2"]) as charlie:
        created = await alpha(
            "action_create", text="Rotate the key", assignee="charlie", due="2031-01-02", priority="high"
        )
        match = re.match(r'Created (\w+) \(1\) "Rotate the key": pending, high, for charlie, due 2031-01-02\.', created)
        assert match, created
        assert "charlie sees it in claudemail_actions" in created
        mine = await charlie.until("actions", "Rotate the key")
        assert "asked 0s ago by alpha@server1" in mine
        began = await charlie("action_update", ref=1, status="wip", note="half of the hosts")
        assert began.startswith("Changed status (was pending) and note (was none). Now ")
        assert 'Note: "half of the hosts"' in began
        await alpha.until("action_list", '"Rotate the key": wip')
        again = await charlie("action_update", ref=1, status="wip")
        assert again.startswith("It is so already: ")
        await alpha("action_update", ref=match[1], due="none", priority="urgent", text="Rotate both keys")
        await charlie.until("actions", '"Rotate both keys": wip, urgent, for charlie;')
        assert "Now" in await charlie("action_update", ref="#1", status="done", note="")
        closed = await alpha.until("action_list", '"Rotate both keys": done', status="closed")
        assert "No action fits that." in await alpha("action_list")
        assert match[1] in closed
    for member in nodes.nodes.values():
        changes = await history(member, match[1])
        assert [change[:3] for change in changes] == [
            ("alpha", "server1", True),
            ("charlie", "server2", True),
            ("alpha", "server1", True),
            ("charlie", "server2", True),
        ]
        assert [change[3] for change in changes[1:]] == [
            {"status": "wip", "note": "half of the hosts"},
            {"due": None, "priority": "urgent", "text": "Rotate both keys"},
            {"status": "done", "note": None},
        ]


async def test_an_action_can_be_ones_own_or_nobodys_and_belong_to_a_brief(nodes: Fleet, connect: Connect) -> None:
    """assignee=me is this session, none is nobody; with brief it is shown with that brief on both nodes."""
    async with connect(nodes["server1"]) as alpha, connect(nodes["server2"]) as charlie:
        ref = (await alpha("send", to="charlie", title="Migration")).split()[1]
        await charlie.until("check", "1 unread brief")
        await charlie("action_create", text="Mine", assignee="me", brief=ref)
        await charlie("action_create", text="Whose", assignee="none", brief="1", note="who can?")
        await charlie("action_create", text="Operator's", assignee="operator@server1", brief=1)
        expected = {
            "Mine": "pending, for charlie",
            "Whose": "pending, nobody's yet",
            "Operator's": "pending, for operator@server1",
        }
        await alpha.until("read", "Operator's", ref=ref)
        for session in (alpha, charlie):
            assert stand(await session("read", ref=ref)) == expected
        assert f"by charlie@server2 in brief {ref}" in await alpha("action_list", assignee="none")
        given = await alpha("action_update", ref=ref_of(await alpha("action_list"), "Whose"), assignee="@delta")
        assert "assignee (was none)" in given
        await charlie.until("action_list", '"Whose": pending, for delta')


async def test_updates_on_both_nodes_at_the_same_time_end_the_same(nodes: Fleet, connect: Connect) -> None:
    """Of a field that both change one value stands, the same on both nodes; fields that one of them changes all stand."""
    async with connect(nodes["server1"]) as alpha, connect(nodes["server2"]) as charlie:
        for number in range(1, 6):
            await alpha("action_create", text=f"Task {number}")
        await charlie.until("action_list", "Task 5")
        refs = [ref_of(await alpha("action_list"), f"Task {number}") for number in range(1, 6)]
        await asyncio.gather(
            *(alpha("action_update", ref=ref, status="wip", priority="high", assignee="alpha") for ref in refs),
            *(
                charlie("action_update", ref=ref, status="blocked", due="2031-01-02", assignee="charlie")
                for ref in refs
            ),
        )
        ends = []
        for session in (alpha, charlie):
            for _ in range(1_000):
                found = stand(await session("action_list"))
                if all(", high, " in how and "due 2031-01-02" in how for how in found.values()):
                    break
                await asyncio.sleep(0.01)
            ends.append(found)
        assert ends[0] == ends[1]
        assert len(ends[0]) == 5
        for how in ends[0].values():
            assert re.fullmatch(r"(wip, high, for alpha|blocked, high, for charlie), due 2031-01-02", how), how


async def test_ones_own_list_has_what_is_to_do_and_offers_what_nobody_has_taken(nodes: Fleet, connect: Connect) -> None:
    """Pending and wip actions of a session and its instance are listed by priority, day and age; briefs offer nobody's."""
    async with (
        connect(nodes["server1"]) as alpha,
        connect(nodes["server1"]) as bravo,
        connect(nodes["server1"]) as delta,
        connect(nodes["server2"]) as charlie,
    ):
        for text, more in (
            ("older", {}),
            ("younger", {}),
            ("with a day", {"due": "2031-02-01"}),
            ("with an earlier day", {"due": "2031-01-01"}),
            ("low", {"priority": "low", "due": "2030-01-01"}),
            ("of the instance", {"priority": "high", "assignee": "instance1"}),
            ("urgent", {"priority": "urgent"}),
            ("in the way", {}),
            ("finished", {}),
            ("given up", {}),
            ("bravo's", {"assignee": "bravo"}),
            ("asked of nobody", {"assignee": "none"}),
        ):
            await charlie("action_create", text=text, **{"assignee": "alpha", **more})
        for text, status in (
            ("in the way", "blocked"),
            ("finished", "done"),
            ("given up", "dropped"),
            ("younger", "wip"),
        ):
            ref = ref_of(await charlie("action_list", status="all", text=text), text)
            await charlie("action_update", ref=ref, status=status)
        await charlie("send", to="alpha, delta", title="To both", action="Take this")
        await charlie("send", to="delta, charlie", title="To others", action="Not alpha's to take")
        ours = ["urgent", "of the instance", "with an earlier day", "with a day", "older", "younger", "low"]
        mine = await alpha.until("actions", "Take this")
        assert list(stand(mine)) == [*ours, "Take this"]
        assert mine.startswith("7 actions for alpha, most pressing first:")
        assert "1 more action of yours blocked: claudemail_action_list status=blocked." in mine
        assert "take one with assignee=me" in mine
        assert list(stand(await bravo("actions"))) == ["of the instance", "bravo's"]
        assert list(stand(await delta.until("actions", "Not alpha's"))) == ["Take this", "Not alpha's to take"]

        await alpha("action_update", ref=ref_of(mine, "Take this"), assignee="me")
        assert "nobody's" not in stand(await alpha("actions"))["Take this"]
        assert list(stand(await delta("actions"))) == ["Not alpha's to take"]
        await charlie.until("action_list", '"Take this": pending, for alpha')
        assert list(stand(await charlie("actions"))) == ["Not alpha's to take"]

        pages: list[str] = []
        page: dict[str, str] = {}
        while True:
            answer = await alpha("actions", limit=3, **page)
            pages += stand(answer)
            following = re.search(r'There are more: call again with cursor="([^"]+)"', answer)
            if following is None:
                break
            page = {"cursor": following[1]}
        assert pages == [*ours[:6], "Take this", ours[6]]


async def test_the_fleets_actions_are_filtered_and_paged(nodes: Fleet, connect: Connect) -> None:
    """Each filter leaves what it says, alone and together; paging visits every action once, the open ones first."""
    async with connect(nodes["server1"]) as alpha, connect(nodes["server2"]) as charlie:
        for text, more in (
            ("index the table", {"assignee": "charlie", "priority": "urgent", "due": "2020-01-02"}),
            ("drop the index", {"assignee": "me", "due": "2020-01-01"}),
            ("write notes", {"note": "about indexing"}),
            ("read notes", {"assignee": "instance1", "priority": "low"}),
        ):
            await alpha("action_create", text=text, **more)
        await charlie("action_create", text="pay bills", assignee="alpha")
        await charlie("action_create", text="buy stamps", assignee="charlie", due="2031-01-01")
        await charlie.until("action_list", "read notes")
        for text, status in (("buy stamps", "done"), ("read notes", "blocked"), ("write notes", "dropped")):
            await charlie("action_update", ref=ref_of(await charlie("action_list", text=text), text), status=status)
        await alpha.until("action_list", "write notes", status="dropped")

        for filters, expected in (
            ({}, ["index the table", "drop the index", "pay bills", "read notes"]),
            ({"status": "closed"}, ["write notes", "buy stamps"]),
            ({"status": "pending"}, ["index the table", "drop the index", "pay bills"]),
            ({"status": "blocked"}, ["read notes"]),
            ({"status": "done"}, ["buy stamps"]),
            ({"assignee": "me"}, ["drop the index", "pay bills", "read notes"]),
            ({"assignee": "charlie", "status": "all"}, ["index the table", "buy stamps"]),
            ({"assignee": "none", "status": "all"}, ["write notes"]),
            ({"asker": "me"}, ["index the table", "drop the index", "read notes"]),
            ({"asker": "charlie", "status": "all"}, ["pay bills", "buy stamps"]),
            ({"asker": "charlie", "assignee": "me"}, ["pay bills"]),
            ({"priority": "urgent"}, ["index the table"]),
            ({"overdue": True}, ["drop the index", "index the table"]),
            ({"text": "index"}, ["index the table", "drop the index"]),
            ({"text": "index -drop"}, ["index the table"]),
            ({"text": "ind*", "status": "all"}, ["index the table", "drop the index", "write notes"]),
            ({"text": '"the index"'}, ["drop the index"]),
            ({"text": "stamps"}, []),
        ):
            for session in (alpha, charlie) if "me" not in filters.values() else (alpha,):
                assert list(stand(await session("action_list", **filters))) == expected, filters
        assert 'status="all"' in await alpha("action_list", text="stamps")

        everything = list(stand(await alpha("action_list", status="all")))
        assert len(everything) == 6
        for limit in (1, 2, 4, 5):
            seen: list[str] = []
            page: dict[str, str] = {}
            while True:
                answer = await alpha("action_list", status="all", limit=limit, **page)
                seen += stand(answer)
                assert len(stand(answer)) <= limit
                following = re.search(r'There are more: call again with cursor="([^"]+)"', answer)
                if following is None:
                    break
                page = {"cursor": following[1]}
            assert seen == everything


async def test_what_is_noted_on_an_action_is_seen_by_who_asked(nodes: Fleet, connect: Connect) -> None:
    """The note that charlie leaves on an action is shown to alpha, who asked for it, and that it is charlie's."""
    async with connect(nodes["server1"]) as alpha, connect(nodes["server2"]) as charlie:
        ref = (await alpha("send", to="charlie", title="Migration", action="Review it")).split()[1]
        await charlie.until("actions", "Review it")
        await charlie("action_update", ref=1, status="blocked", note="needs a second pair of eyes")
        await alpha.until("action_list", "blocked")
        for answer in (await alpha("action_list"), await alpha("read", ref=ref), await alpha("waiting")):
            assert 'note: "needs a second pair of eyes"' in answer
        history = await alpha("action_list", ref=1)
        assert 'charlie (server2): status blocked, note "needs a second pair of eyes"' in history
        assert 'alpha (server1): text "Review it", assignee charlie, status pending' in history


async def test_the_last_day_there_is_is_a_day(node: Fleet, connect: Connect) -> None:
    """An action that is due on 9999-12-31 is said to be due then."""
    async with connect(node["server1"]) as alpha:
        assert "due 9999-12-31" in await alpha("action_create", text="One day", due="9999-12-31")
