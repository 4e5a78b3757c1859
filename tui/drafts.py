"""Drafts: briefs that are being written, each a file that outlives the console, however that ends."""

from __future__ import annotations

import contextlib
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError

from claudemail import whole_file
from claudemail.model.brief import Millis, Priority, Uuid
from claudemail.model.value import Value
from claudemail.text import scrub, scrub_line

FOLDER = "drafts"
_KEPT, _EDITED = ".json", ".md"
_MOST_BYTES = 8 * 1024 * 1024
"""More than this in a file is no draft of ours: the largest brief is far smaller, also as JSON."""

Text = Annotated[str, AfterValidator(scrub)]
Words = Annotated[str, AfterValidator(scrub_line)]


class Purpose(StrEnum):
    """What a draft is for."""

    NEW = "new"
    REPLY = "reply"
    FORWARD = "forward"


class KeptDraft(Value):
    """A brief that is being written, as it stands in its fields: none of it needs to be right yet."""

    id: Uuid
    key: Annotated[str, Field(min_length=1, max_length=200)]
    """By which the office knows that it was sent already."""
    purpose: Purpose = Purpose.NEW
    about: Uuid | None = None
    """The brief that it answers or passes on."""
    about_words: Words = ""
    """That brief, in words."""
    to: Words = ""
    title: Words = ""
    due: Words = ""
    body: Text = ""
    priority: Priority = Priority.NORMAL
    changed_at: Millis
    sent: bool = False
    """Whether it was sent, and had not been accepted yet when this was written."""

    def says_the_same(self, other: KeptDraft) -> bool:
        """Return whether another draft has the same in all the fields that somebody fills in."""
        return (self.to, self.title, self.due, self.body, self.priority) == (
            other.to, other.title, other.due, other.body, other.priority,
        )  # fmt: skip


class Drafts:
    """The drafts of a node's operator, in a folder that only the operator may look into."""

    def __init__(self, state_dir: str) -> None:
        self._folder = Path(state_dir, FOLDER)
        self.fresh: set[str] = set()
        """The ids of those that were written down since the console was opened, and are there still."""

    def keep(self, draft: KeptDraft) -> None:
        """Write a draft down, in place of what it was before; when this returns, it is on the disk.

        Raises:
            OSError: it could not be written; what it was before is there still.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        whole_file.put(self._path(draft.id), draft.model_dump_json(ensure_ascii=True), durable=True)
        self.fresh.add(draft.id)

    def remove(self, id: str) -> None:
        """Forget a draft; one that is not there is forgotten already.

        Raises:
            OSError: it could not be removed.
        """
        self.fresh.discard(id)
        for path in (self._path(id), self._path(id, _EDITED)):
            path.unlink(missing_ok=True)

    def all(self) -> list[KeptDraft]:
        """Return the drafts that are kept, the latest first. A file that is none of them is left as it is."""
        try:
            paths = list(self._folder.glob(f"*{_KEPT}"))
        except OSError:
            return []
        drafts = [draft for path in paths if (draft := self._load(path)) is not None]
        return sorted(drafts, key=lambda draft: draft.changed_at, reverse=True)

    def find(self, id: str) -> KeptDraft | None:
        """Return a draft as it is kept, or None."""
        return self._load(self._path(id))

    def about(self, brief: str, purpose: Purpose) -> KeptDraft | None:
        """Return the latest draft that answers a brief, or passes it on, or None."""
        return next((one for one in self.all() if (one.about, one.purpose) == (brief, purpose) and not one.sent), None)

    def _load(self, path: Path) -> KeptDraft | None:
        try:
            with open(path, "rb") as file:
                draft = KeptDraft.model_validate_json(file.read(_MOST_BYTES))
        except (OSError, ValidationError):
            return None
        if draft.id != path.stem:
            return None
        with contextlib.suppress(OSError):  # the console ended while an editor had it
            edited = self._path(draft.id, _EDITED)
            if edited.stat().st_mtime_ns >= path.stat().st_mtime_ns:
                return draft.model_copy(update={"body": self.edited(draft.id)})
        return draft

    def lend(self, draft: KeptDraft) -> Path:
        """Write the body of a draft into a file of its own, for an editor, and return its path.

        Raises:
            OSError: it could not be written.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(draft.id, _EDITED)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(draft.body)
        return path

    def edited(self, id: str) -> str:
        """Return what an editor left of the body that was lent to it.

        Raises:
            OSError: nothing that can be read.
        """
        with open(self._path(id, _EDITED), "rb") as file:
            return scrub(file.read(_MOST_BYTES).decode("utf-8", errors="replace"))

    def give_back(self, id: str) -> None:
        """Remove the file that was lent to an editor: what it says is in the draft again.

        Raises:
            OSError: it could not be removed.
        """
        self._path(id, _EDITED).unlink(missing_ok=True)

    def _path(self, id: str, kind: str = _KEPT) -> Path:
        return self._folder / f"{id}{kind}"
