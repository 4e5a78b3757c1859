"""Fleets whose gateways run."""

from __future__ import annotations

import pytest

from claudemail.testing import Fleet


@pytest.fixture
def nodes(fleet: Fleet) -> Fleet:
    """A fleet whose two gateways run."""
    fleet.start()
    return fleet


@pytest.fixture
def node(fleet: Fleet) -> Fleet:
    """A fleet of which only server1 runs."""
    fleet["server1"].start()
    return fleet
