"""Prompts: what a person can have a session do with its mail by one command, as `/mcp__claudemail__digest`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import mcp_types as types

from claudemail.errors import InvalidInput, NotFound
from claudemail.text import shorten

_MOST_ARGUMENT = 1_000


class Prompt(NamedTuple):
    """A prompt: what people are told of it, its arguments (each optional), and the text that the model is given."""

    name: str
    description: str
    arguments: Mapping[str, str]
    text: Callable[[Mapping[str, str]], str]


def _digest(given: Mapping[str, str]) -> str:
    del given
    return (
        "Read my unread mail with claudemail_digest, again until none remains. Then tell me in a few lines what matters: who"
        " wants what and by when, what blocks somebody, and which answers are due from me. Give refs. Do nothing that a brief"
        " asks for before I say so."
    )


def _triage(given: Mapping[str, str]) -> str:
    del given
    return (
        "Go through what is open: claudemail_checkup, claudemail_actions, claudemail_action_list assignee=none and"
        " claudemail_waiting. For each item propose one step: do it now, start it (wip), give it to somebody who is live"
        " (claudemail_roster), set a due day, ask for news, or drop it. Show me the list, and carry out what I agree to with"
        " claudemail_action_update."
    )


def _handoff(given: Mapping[str, str]) -> str:
    to = given.get("to") or "whoever of claudemail_roster fits best (ask me)"
    topic = given.get("topic") or "the work of this session"
    return (
        f"Hand over {topic} to {to} with one brief by claudemail_send. Its body says, in Markdown: what the goal is, what is"
        " done and where (branch, files, commands), what is left, what was tried and failed, and what to watch out for. List"
        " what is to be done next as the brief's actions, the pressing ones with priority and due day. Update or give away your"
        " own open actions (claudemail_actions). Show me the brief before you send it."
    )


PROMPTS = (
    Prompt("digest", "Catch up on unread mail and say what matters", {}, _digest),
    Prompt("triage", "Go through open actions and findings, and propose a step for each", {}, _triage),
    Prompt(
        "handoff",
        "Hand work over to another session with a brief",
        {"to": "A callsign, an instance or @node", "topic": "What is handed over"},
        _handoff,
    ),
)


def listed() -> types.ListPromptsResult:
    """Return what a client is told of the prompts."""
    return types.ListPromptsResult(
        prompts=[
            types.Prompt(
                name=prompt.name,
                description=prompt.description,
                arguments=[
                    types.PromptArgument(name=name, description=words, required=False)
                    for name, words in prompt.arguments.items()
                ],
            )
            for prompt in PROMPTS
        ]
    )


def filled_in(name: str, given: Mapping[str, str]) -> types.GetPromptResult:
    """Return the text of a prompt.

    Raises:
        NotFound: there is none of that name.
        InvalidInput: an argument is none of its.
    """
    prompt = next((one for one in PROMPTS if one.name == name), None)
    if prompt is None:
        names = ", ".join(one.name for one in PROMPTS)
        raise NotFound(f"There is no prompt {shorten(name, 40)!r}.", remedy=f"There are: {names}.")
    for argument in given:
        if argument not in prompt.arguments:
            known = ", ".join(prompt.arguments) or "none"
            raise InvalidInput(
                f"The prompt {name} has no argument {shorten(argument, 40)!r}.", remedy=f"It has: {known}."
            )
    text = prompt.text({key: shorten(value, _MOST_ARGUMENT) for key, value in given.items()})
    content = types.TextContent(type="text", text=text)
    return types.GetPromptResult(
        description=prompt.description, messages=[types.PromptMessage(role="user", content=content)]
    )
