"""What the doctor says of one thing."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from claudemail.model.value import Value


class State(StrEnum):
    """How a thing is."""

    OK = "ok"
    NOTE = "note"
    """Good to know; nothing has to be done."""
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(Value):
    """How one thing is, and what to do about it."""

    name: str
    """What was looked at: config, key, modes, database and so on."""
    state: State
    what: str
    remedy: str = ""
    fixable: bool = False
    """Whether `--fix` mends it."""
    fixed: bool = False
    """Whether it was mended just now; `state` is how it was before."""


class DoctorView(Value):
    """What the doctor found on a node."""

    node: str | None
    """None: the config does not tell."""
    findings: list[Finding]


class Examined(NamedTuple):
    """A finding, and what mends it."""

    finding: Finding
    fix: Callable[[], None] | None = None


def ok(name: str, what: str) -> Examined:
    """Return that a thing is as it should be."""
    return Examined(Finding(name=name, state=State.OK, what=what))


def note(name: str, what: str, remedy: str = "") -> Examined:
    """Return something good to know."""
    return Examined(Finding(name=name, state=State.NOTE, what=what, remedy=remedy))


def warning(name: str, what: str, remedy: str, fix: Callable[[], None] | None = None) -> Examined:
    """Return that somebody should look at a thing."""
    return Examined(Finding(name=name, state=State.WARNING, what=what, remedy=remedy, fixable=fix is not None), fix)


def problem(name: str, what: str, remedy: str, fix: Callable[[], None] | None = None) -> Examined:
    """Return that a thing does not work, or not safely."""
    return Examined(Finding(name=name, state=State.PROBLEM, what=what, remedy=remedy, fixable=fix is not None), fix)
