"""What the fault tests share. Each run prints its seed; `FAULTS_SEED` in the environment repeats one."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest


@pytest.fixture
def run_seed() -> int:
    """The seed of this run. It decides what fails when, and not how the machine's processes take turns."""
    number = int(os.environ.get("FAULTS_SEED") or random.SystemRandom().randrange(10**6))
    print(f"FAULTS_SEED={number}")  # noqa: T201 - pytest shows it with a failure
    return number


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shim, compiled."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    path = tmp_path_factory.mktemp("shim") / "shim.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-o", path, Path(__file__).with_name("shim.c"), "-ldl", "-lpthread"],
        check=True,
    )
    return path


def needs_root(command: Sequence[str]) -> None:
    """Run a command that only root may; where it fails, skip the test, and in CI, which runs as root, fail it."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    why = f"`{' '.join(command)}` takes root: {done.stderr.strip()}"
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)
