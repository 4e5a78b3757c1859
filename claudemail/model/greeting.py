"""The greeting: what a node says to a peer that it knows, for whoever wants to know whether they understand each other."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from claudemail.model.brief import Line, Millis, Name
from claudemail.model.value import Value


class Greeting(Value):
    """A node, its version and its clock."""

    node: Name
    version: Annotated[Line, Field(max_length=40)]
    at: Millis
