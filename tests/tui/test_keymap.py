"""The keymap: keys are moved by the config, and what cannot be moved is named."""

from __future__ import annotations

from collections import defaultdict

import pytest

from claudemail.office import Office
from claudemail.tui.keymap import all_bindings, usable
from tests.tui.conftest import Console
from tests.tui.test_compose import toasts

SHARED = {"n", "x"}
"""Keys with two meanings, on panes that are never seen together."""


def test_every_binding_has_an_id_and_one_meaning() -> None:
    """Without a keymap no key has two meanings where it works, but for those that are known."""
    keys: dict[tuple[str, str], set[str]] = defaultdict(set)
    for binding in all_bindings():
        assert binding.id
        kind = binding.id.partition(".")[0]
        for key in binding.key.split(","):
            keys["own" if kind in ("ask", "help", "compose", "complete") else "", key].add(binding.id)
    twice = {key for (own, key), ids in keys.items() if len(ids) > 1 and not own}
    assert twice == SHARED


@pytest.mark.parametrize(
    ("keymap", "taken", "said"),
    [
        ({}, {}, []),
        ({"mail.reply": "f9"}, {"mail.reply": "f9"}, []),
        ({"mail.reply": "f9, f7"}, {"mail.reply": "f9,f7"}, []),
        ({"console.help": "f1"}, {"console.help": "f1"}, []),
        ({"mail.star": "?"}, {}, ["mail.star stays where it is: question_mark is the key of console.help."]),
        ({"mail.reply": "s"}, {}, ["mail.reply stays where it is: s is the key of mail.star."]),
        ({"mail.reply": "s", "mail.star": "r"}, {"mail.reply": "s", "mail.star": "r"}, []),
        (
            {"mail.reply": "f9", "mail.star": "f9"},
            {"mail.reply": "f9"},
            ["mail.star stays where it is: f9 is the key of"],
        ),
        ({"mail.reply": "s", "mail.star": "u"}, {}, ["u is the key of console.undo", "s is the key of mail.star"]),
        ({"mail.repli": "e"}, {}, ["there is no binding 'mail.repli'; did you mean 'mail.reply'."]),
        ({"zzz": "e"}, {}, ["there is no binding 'zzz'."]),
        ({"mail.reply": " , "}, {}, ["mail.reply is given no key"]),
        ({"compose.priority": "u"}, {"compose.priority": "u"}, []),
    ],
)
def test_what_is_taken_of_a_keymap(keymap: dict[str, str], taken: dict[str, str], said: list[str]) -> None:
    """Keys that are free are taken, keys that others have are not, also where two change places."""
    found, mistakes = usable(keymap)
    assert found == taken
    assert len(mistakes) == len(said)
    for mistake, words in zip(mistakes, said, strict=True):
        assert mistake.startswith("console.keymap: ")
        assert words in mistake


async def test_the_console_goes_by_it(office: Office, console: Console) -> None:
    """A moved key works and its old one does not, the help screen shows it, and mistakes are said at the start."""
    settings = office.config.console
    settings.keymap = {"pane.nodes": "0", "console.undo": "q", "[/x]": "y"}
    async with console(office) as seen:
        assert "there is no binding '[/x]'" in toasts(seen)
        assert "console.undo stays where it is: q is the key of console.quit" in toasts(seen)
        await seen.press("4")
        assert seen.app.screen_stack[0].query_one("#inbox").display
        await seen.press("0")
        assert seen.app.screen_stack[0].query_one("#nodes").display
        await seen.press("question_mark")
        assert any(line.split()[:2] == ["0", "Nodes"] for line in seen.lines())
