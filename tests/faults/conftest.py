"""What the fault tests share. Each run prints its seed; `FAULTS_SEED` in the environment repeats one."""

from __future__ import annotations

import os
import random

import pytest


@pytest.fixture
def seed() -> int:
    """The seed of this run. It decides what fails when, and not how the machine's processes take turns."""
    number = int(os.environ.get("FAULTS_SEED") or random.SystemRandom().randrange(10**6))
    print(f"FAULTS_SEED={number}")  # noqa: T201 - pytest shows it with a failure
    return number
