"""What a tool is, and what it is given when it is called."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from claudemail.errors import GatewayUnavailable, InvalidInput
from claudemail.model.brief import invalid
from claudemail.office import Office, Party

A = TypeVar("A", bound="Arguments")
T = TypeVar("T")


Report = Callable[[float, float, str], Awaitable[None]]
"""Takes how many seconds of how many have gone by, and a word about it."""


class Arguments(BaseModel):
    """The base of all tools' arguments: an unknown one is an error, so that a typing error is not ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


@dataclass
class Call:
    """One call of a tool by a session."""

    office: Office
    party: Party
    report: Report | None = None
    """Tells the client how far a long call is; None: it has not asked to know."""
    stopping: asyncio.Event | None = None
    """Is set when the gateway is to end; None: it is not known to."""
    shown: list[int] = field(default_factory=list)
    """Numbers of briefs in the answer; they are marked read once the answer has reached the client, never before."""
    told: bool = False
    """Whether the answer says how much mail is unread; once it has reached the client, the senders are told that."""

    def show(self, numbers: Sequence[int]) -> None:
        """Note that the answer shows these briefs to the session."""
        self.shown.extend(numbers)

    async def unless_stopping(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what some work that only waits returns.

        Raises:
            GatewayUnavailable: the gateway is to end.
        """
        if self.stopping is None:
            return await work
        waiting, stopping = asyncio.create_task(work), asyncio.create_task(self.stopping.wait())
        try:
            await asyncio.wait([waiting, stopping], return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return waiting.result()
            raise GatewayUnavailable(
                "The ClaudeMail gateway of this node stopped while this waited.",
                remedy="Nothing is lost. Call again: the next gateway answers.",
            )
        finally:
            waiting.cancel()
            stopping.cancel()
            await asyncio.wait([waiting, stopping])


@dataclass(frozen=True)
class Tool(Generic[A]):
    """A tool: what the model is told of it, and what it does. Its answer is prose; structured content would hide it."""

    name: str
    description: str
    arguments: type[A]
    run: Callable[[Call, A], Awaitable[str]]
    read_only: bool = False
    idempotent: bool = False
    """Whether to call it again with the same arguments changes nothing more."""

    async def call(self, call: Call, given: dict[str, Any]) -> str:
        """Check the arguments and run.

        Raises:
            ClaudeMailError: the arguments do not fit, or it could not be done.
        """
        try:
            arguments = self.arguments.model_validate(given)
        except ValidationError as error:
            names = ", ".join(self.arguments.model_fields) or "no arguments"
            raise InvalidInput(
                invalid(error, "The call").message, remedy=f"{self.name} takes {names}; correct that and call again."
            ) from error
        return await self.run(call, arguments)

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of the arguments, without what only costs every session context.

        Titles, what Python calls the types, and limits on lengths: who goes over those is told so.
        """
        whole = self.arguments.model_json_schema()
        schema: dict[str, Any] = _plain(whole, whole.pop("$defs", {}))
        return schema


_LEFT_OUT = ("title", "additionalProperties", "maxLength", "minLength")


def _plain(node: Any, definitions: dict[str, Any], *, named: bool = False) -> Any:  # noqa: ANN401 - JSON
    """Return a part of a schema in short. Under `named` are properties, whose names are not words of the schema's."""
    if isinstance(node, list):
        return [_plain(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if named:
        return {key: _plain(value, definitions) for key, value in node.items()}
    if "$ref" in node:
        node = {**definitions[node["$ref"].rpartition("/")[2]], **node}
        node.pop("$ref")
        node.pop("description", None)
    if node.get("type") == "object":
        node = {key: value for key, value in node.items() if key != "description"}
    kept = {
        key: _plain(value, definitions, named=key == "properties")
        for key, value in node.items()
        if key not in _LEFT_OUT
    }
    if kept.get("default", 0) is None:
        del kept["default"]
    options = [option for option in kept.pop("anyOf", []) if option != {"type": "null"}]
    if len(options) == 1:
        return {**options[0], **kept}
    return {**kept, "anyOf": options} if options else kept
