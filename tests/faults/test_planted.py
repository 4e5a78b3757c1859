"""The suite can fail: with a fault planted in a copy of the code, the short form of a test finds it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import claudemail
from tests.faults.history import Broken
from tests.faults.test_lockstep import Runner, kills, power_cuts
from tests.faults.test_storm import storm

Edits = dict[str, list[tuple[str, str]]]

NO_SYNC: Edits = {"store/database.py": [("{'FULL' if durable else 'NORMAL'}", "OFF")]}
AS_IF_NEW = """\
        if row is not None:
            from claudemail.model.ids import new_id

            item = item._replace(brief=item.brief.model_copy(update={"id": new_id(now)}))
            row = None
        if row is None:
            number = briefs.insert("""
NO_DEDUPLICATION: Edits = {
    "store/inbound.py": [("INSERT INTO received", "INSERT OR REPLACE INTO received")],
    "office/transit.py": [
        ("known = inbound.known(connection, origin.node, [parcel.id for parcel in batch.parcels])",
         "known: dict[str, inbound.Known] = {}"),
        ("if any(parcel.seq <= have and parcel.id not in known for parcel in batch.parcels):", "if False:"),
        ("        if row is None:\n            number = briefs.insert(", AS_IF_NEW),
    ],
}  # fmt: skip
LATER = """self._later = asyncio.create_task(self._desk.mail.write(
            lambda connection: self._commit(connection, origin, batch, examined, peers)))
        return Answer(have=batch.parcels[-1].seq)"""
COMMIT = (
    "return await self._desk.mail.write(lambda connection: self._commit(connection, origin, batch, examined, peers))"
)
ANSWER_BEFORE_COMMIT: Edits = {"office/transit.py": [(COMMIT, LATER)]}


def planted(root: Path, edits: Edits) -> Path:
    """Return a folder with a copy of the code that has a fault."""
    tree = root / "tree"
    package = Path(claudemail.__file__).parent
    shutil.copytree(package, tree / "claudemail", ignore=shutil.ignore_patterns("__pycache__"))
    for name, changes in edits.items():
        path = tree / "claudemail" / name
        text = path.read_text()
        for old, new in changes:
            assert text.count(old) == 1, f"{name} has changed: plant the fault anew in place of {old!r}"
            text = text.replace(old, new)
        path.write_text(text)
    return tree


def test_commits_that_are_not_synced_are_found(shim: Path, run_seed: int, tmp_path: Path) -> None:
    """Without a sync at each commit, a power cut takes what was accepted, and that is seen."""
    runner = Runner(shim, planted(tmp_path, NO_SYNC))
    try:
        with pytest.raises(AssertionError):
            power_cuts(runner, tmp_path, run_seed, 1 / 60)
    finally:
        runner.close()


def test_an_answer_before_the_commit_is_found(shim: Path, run_seed: int, tmp_path: Path) -> None:
    """A node that answers before it has committed, and is killed between the two, has lost what it said that it has."""
    runner = Runner(shim, planted(tmp_path, ANSWER_BEFORE_COMMIT))
    try:
        with pytest.raises(AssertionError):
            kills(runner, tmp_path, run_seed, share=0, told=1)
    finally:
        runner.close()


def test_mail_that_is_taken_in_twice_is_found(run_seed: int, tmp_path: Path) -> None:
    """Without the check whether a parcel came before, each answer that gets lost doubles mail."""
    with pytest.raises(Broken, match="doubled"):
        storm(tmp_path / "fleet", run_seed, kills=2, drop=0.4, tree=planted(tmp_path, NO_DEDUPLICATION))
