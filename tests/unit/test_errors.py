"""The error tree as scripts and people meet it."""

from __future__ import annotations

from claudemail import errors
from claudemail.errors import ClaudeMailError, StoreFull


def _all(kind: type[ClaudeMailError]) -> list[type[ClaudeMailError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in _all(child))]


def test_every_error_has_a_code_of_its_own() -> None:
    """No two errors share a stable code, and every exit code says failure."""
    kinds = [kind for kind in _all(ClaudeMailError) if kind.__module__ == errors.__name__]
    assert len({kind.code for kind in kinds}) == len(kinds) > 10
    assert all(1 <= kind.exit_code <= 125 for kind in kinds)


def test_the_docstring_is_the_default_message() -> None:
    """Raised without words, an error says its docstring and then what to do."""
    assert str(StoreFull()) == (
        "The disk is full. Nothing was stored. Free some space and try again; mail already accepted is safe."
    )
    assert str(StoreFull("No room.", remedy="Delete something.")) == "No room. Delete something."


def test_the_tree_in_the_module_is_the_tree() -> None:
    """The drawing at the top of the module names every error, and nothing that does not exist."""
    drawn = [line.strip(" │├└─").split()[0] for line in (errors.__doc__ or "").splitlines() if "─" in line]
    defined = [kind.__name__ for kind in _all(ClaudeMailError)[1:] if kind.__module__ == errors.__name__]
    assert sorted(drawn) == sorted(defined)
