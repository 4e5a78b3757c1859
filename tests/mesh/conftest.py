"""What the tests of joining share: nodes that stand alone."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.mesh.lone import Lone


@pytest.fixture
def lone(tmp_path: Path) -> Iterator[Callable[[str], Lone]]:
    """A function that makes a node without a config file; all of them are gone at the end."""
    with contextlib.ExitStack() as stack:

        def make(name: str) -> Lone:
            node = Lone(tmp_path / name, name)
            stack.callback(node.end)
            return node

        yield make
