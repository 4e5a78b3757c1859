"""The committed screenshots show the console as it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.tui.make_screenshots import COMMAND, FOLDER, SHOTS, all_shots


async def test_screenshots_are_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each screenshot in the repository is what the console draws now."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    made = await all_shots(tmp_path)
    stale = [name for name, svg in made.items() if _lines(svg) != _lines(_kept(name))]
    extra = {path.stem for path in FOLDER.glob("*.svg")} - set(SHOTS)
    assert not stale and not extra, f"stale: {stale}, not made any more: {sorted(extra)}; run: {COMMAND}"  # noqa: PT018


def _kept(name: str) -> str:
    path = FOLDER / f"{name}.svg"
    return path.read_text("utf-8") if path.exists() else ""


def _lines(svg: str) -> list[str]:
    """Return the SVG without what depends on the release of Rich only."""
    return re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL).splitlines()
