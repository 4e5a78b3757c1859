"""The cast of the demo."""

from __future__ import annotations

from typing import Any

import pytest

from claudemail.cast import answer_title, unread_in


def test_unread_in_a_digest(node: Any) -> None:
    """The cast takes ref and title of each brief out of a digest, quotes in titles and the text of briefs left alone."""
    titles = ('Fix "it" from 3 (1) "up"', "Plain")
    refs = [node.send("alpha", title, body='He said "no" to bravo (5).') for title in titles]
    shown = [title.replace('"', "”") for title in titles]
    assert unread_in(node("digest", "--as", "alpha").out) == list(zip(refs, shown, strict=True))


@pytest.mark.parametrize("title", ["Nightly report", "Re: Nightly report"])
def test_title_of_an_answer(title: str) -> None:
    """An answer is titled for what it answers, with one `Re:` however long the thread."""
    assert answer_title(title) == "Re: Nightly report"
