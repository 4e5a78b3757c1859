"""What a tool is, and what it is given when it is called."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from claudemail.office import Office, Party

A = TypeVar("A", bound="Arguments")


class Arguments(BaseModel):
    """The base of all tools' arguments: an unknown one is an error, so that a typing error is not ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


@dataclass
class Call:
    """One call of a tool by a session."""

    office: Office
    party: Party
    shown: list[int] = field(default_factory=list)
    """Numbers of briefs in the answer; they are marked read once the answer has reached the client, never before."""

    def show(self, numbers: Sequence[int]) -> None:
        """Note that the answer shows these briefs to the session."""
        self.shown.extend(numbers)


@dataclass(frozen=True)
class Tool(Generic[A]):
    """A tool: what the model is told of it, and what it does. Its answer is prose; structured content would hide it."""

    name: str
    description: str
    arguments: type[A]
    run: Callable[[Call, A], Awaitable[str]]
    read_only: bool = False

    async def call(self, call: Call, given: dict[str, Any]) -> str:
        """Check the arguments and run.

        Raises:
            pydantic.ValidationError: the arguments do not fit.
            ClaudeMailError: it could not be done.
        """
        return await self.run(call, self.arguments.model_validate(given))

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of the arguments, without the titles that only cost every session context."""
        schema: dict[str, Any] = _plain(self.arguments.model_json_schema())
        return schema


def _plain(node: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _plain(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))}
    if kept.get("default", 0) is None:
        del kept["default"]
        options = [option for option in kept.get("anyOf", []) if option != {"type": "null"}]
        if len(options) == 1:
            del kept["anyOf"]
            kept.update(options[0])
    return kept
