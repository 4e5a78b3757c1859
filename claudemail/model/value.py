"""The base of everything that mail is made of."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """Immutable, and built when it is first used: a command that only counts mail must not pay for all the other models."""

    model_config = ConfigDict(frozen=True, defer_build=True)


LATER = ConfigDict(defer_build=True)
"""The same for what checks plain lists of values."""
