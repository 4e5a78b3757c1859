"""Drafts on the disk, and what a draft begins with."""

from __future__ import annotations

import json
import os
import stat
from datetime import date
from pathlib import Path

import pytest

from claudemail.errors import InvalidInput
from claudemail.model.brief import MAX_TITLE
from claudemail.model.views import BriefView
from claudemail.office import Office
from claudemail.tui.drafts import Drafts, KeptDraft, Purpose
from claudemail.tui.writing import blank, finished, forward, reply
from tests.tui.conftest import Send

NOW = 1_774_362_180_000


def draft(title: str, at: int = NOW, **fields: object) -> KeptDraft:
    """A draft that was changed at a moment."""
    return blank("alpha", at).model_copy(update={"title": title, **fields})


def test_what_is_kept_is_found_as_it_was(tmp_path: Path) -> None:
    """A draft is found by whoever opens the folder next, the latest first, and not once it was removed."""
    kept = Drafts(str(tmp_path))
    assert kept.all() == []
    old, new = draft("old", NOW), draft("new \U0001f600 [/x]", NOW + 1, body="\u6f22\n" * 1000)
    for one in (old, new, old):
        kept.keep(one)
    assert Drafts(str(tmp_path)).all() == [new, old]
    assert kept.find(old.id) == old
    assert kept.fresh == {old.id, new.id}
    kept.remove(old.id)
    kept.remove(old.id)
    assert Drafts(str(tmp_path)).all() == [new]
    assert kept.fresh == {new.id}


def test_nobody_else_may_read_them(tmp_path: Path) -> None:
    """Folder and files are for their owner alone, also the one that is lent to an editor."""
    kept = Drafts(str(tmp_path))
    one = draft("secret")
    kept.keep(one)
    lent = kept.lend(one)
    for path, mode in ((lent.parent, 0o700), (lent, 0o600), (lent.with_suffix(".json"), 0o600)):
        assert stat.S_IMODE(path.stat().st_mode) == mode


def test_files_that_are_no_drafts_are_left_alone(tmp_path: Path) -> None:
    """What cannot be read as a draft, or calls itself something else, is passed over and stays."""
    kept = Drafts(str(tmp_path))
    one = draft("good")
    kept.keep(one)
    folder = tmp_path / "drafts"
    text = (folder / f"{one.id}.json").read_text()
    strange = {
        "broken": "{",
        "other": text,
        "../x": text,
        "list": "[]",
        "nul": "\0" * 10,
        "long": json.dumps({**json.loads(text), "priority": "none"}),
    }
    for name, content in strange.items():
        (folder / f"{Path(name).name}.json").write_text(content)
    assert kept.all() == [one]
    assert len(list(folder.iterdir())) == len(strange) + 1


def test_a_disk_that_is_full_keeps_the_former_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A draft that cannot be written whole leaves the one of before as it is, and nothing beside it."""
    kept = Drafts(str(tmp_path))
    one = draft("before")
    kept.keep(one)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        kept.keep(one.model_copy(update={"title": "after"}))
    assert kept.all() == [one]
    assert len(list((tmp_path / "drafts").iterdir())) == 1


def test_what_an_editor_saved_counts_when_the_console_died_meanwhile(tmp_path: Path) -> None:
    """The body is what the editor left, where that is newer than the draft; what is not UTF-8 or hostile in it is replaced."""
    kept = Drafts(str(tmp_path))
    one = draft("title", body="before")
    kept.keep(one)
    lent = kept.lend(one)
    lent.write_bytes(b"after \xff \x1b[31m")
    [found] = Drafts(str(tmp_path)).all()
    assert (found.title, found.body) == ("title", "after \ufffd [31m")
    kept.give_back(one.id)
    assert kept.all() == [one]


def test_a_link_in_the_place_of_the_lent_file_is_not_followed(tmp_path: Path) -> None:
    """Nothing outside the folder is written to, whatever stands in it."""
    kept = Drafts(str(tmp_path))
    one = draft("title", body="words")
    kept.keep(one)
    target = tmp_path / "target"
    target.write_text("precious")
    (tmp_path / "drafts" / f"{one.id}.md").symlink_to(target)
    with pytest.raises(OSError, match="symbolic link"):
        kept.lend(one)
    assert target.read_text() == "precious"


def test_the_answer_to_a_brief_is_found(tmp_path: Path) -> None:
    """An answer and a forward of the same brief are two drafts; one that is on its way is none."""
    kept = Drafts(str(tmp_path))
    brief = blank("", NOW).id
    one = draft("answer", about=brief, purpose=Purpose.REPLY)
    kept.keep(one)
    kept.keep(draft("sent", about=brief, purpose=Purpose.FORWARD, sent=True))
    assert kept.about(brief, Purpose.REPLY) == one
    assert kept.about(brief, Purpose.FORWARD) is None
    assert kept.about(one.id, Purpose.REPLY) is None


async def _view(office: Office, id: str, **changed: object) -> BriefView:
    view = await office.read(office.operator(), id)
    return view.model_copy(update={"brief": view.brief.model_copy(update=changed)})


async def test_whom_an_answer_is_to(office: Office, send: Send) -> None:
    """It is to the sender, by node where that is another; to all of its people but oneself; of an own one, to its people."""
    mine = await _view(office, (await send("operator", "alpha, charlie", "mine")).id)
    asked = await _view(office, (await send("alpha", "bravo, operator, @server2", "x" * MAX_TITLE)).id)
    theirs = await _view(
        office, asked.brief.id, to=["operator", "operator@server1", "alpha"],
        sender=asked.brief.sender.model_copy(update={"name": "operator", "node": "server2"}),
    )  # fmt: skip
    to = {
        (name, everyone): reply(view, "server1", NOW, everyone=everyone).to
        for name, view in (("mine", mine), ("asked", asked), ("theirs", theirs))
        for everyone in (False, True)
    }
    assert to == {
        ("mine", False): "alpha, charlie",
        ("mine", True): "alpha, charlie",
        ("asked", False): "alpha",
        ("asked", True): "alpha, bravo, @server2",
        ("theirs", False): "operator@server2",
        ("theirs", True): "operator@server2, alpha",
    }
    answer = reply(asked, "server1", NOW, everyone=False)
    assert answer.title.startswith("Re: xx")
    assert len(answer.title) == MAX_TITLE
    again = await _view(office, asked.brief.id, title="RE: it")
    assert reply(again, "server1", NOW, everyone=False).title == "RE: it"
    assert forward(again, NOW).title == "Fwd: RE: it"


def test_what_is_lacking_is_named() -> None:
    """A draft that cannot be a brief yet says what it lacks, and what to do."""
    whole = draft("title", body="words", due="+2d")
    assert finished(whole, date(2026, 3, 24)).due == "2026-03-26"
    for changed, said in (
        ({"title": ""}, "no title"),
        ({"to": ""}, "to nobody yet"),
        ({"due": "soon"}, "'soon' is no day. Write a day like"),
        ({"title": "x" * (MAX_TITLE + 1)}, "title: over the limit"),
    ):
        with pytest.raises(InvalidInput) as error:
            finished(whole.model_copy(update=changed), date(2026, 3, 24))
        assert said in str(error.value)
