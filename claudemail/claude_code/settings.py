"""What ClaudeMail adds to Claude Code's settings, and how it finds that again. Texts in, texts out."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from claudemail.claude_code import run_hook
from claudemail.claude_code.hook import EVENTS
from claudemail.claude_code.status_line import program, snippet
from claudemail.config import CONFIG_ENV, NODE_ENV, Config
from claudemail.errors import InvalidInput
from claudemail.json_text import Document

SERVER = "claudemail"
PERMISSION = f"mcp__{SERVER}__*"
_HOOK_S = 5
_OURS = re.compile(
    r"(\w+=\S+ )*(\S+ -I -S \S+/claude_code/run_hook\.py|(\S+/)?claudemail (hook|statusline)"
    r"|cat \S+ 2>/dev/null \|\| [^|;&]* statusline)"
)
"""Command lines that are ours alone; one that the user has made of ours and more is the user's."""
Path = tuple[str | int, ...]


class Change(NamedTuple):
    """A text after a change, and what there was to say about it."""

    text: str
    notes: tuple[str, ...] = ()


def add_server(text: str, *, shared: bool) -> Change:
    """Return the text of a file of MCP servers with ours in it.

    Args:
        text: JSON; an object, or nothing.
        shared: whether others get the file, so that the command must be found by its name.

    Raises:
        InvalidInput: the text is not JSON, or not made as Claude Code has it.
    """
    document = _document(text)
    _container(document, (), "mcpServers", {})
    server: dict[str, Any] = {"type": "stdio", "command": SERVER, "args": ["mcp"]}
    if not shared:
        command, *arguments = program()
        server |= {"command": command, "args": [*arguments, "mcp"]}
        if _environment():
            server["env"] = _environment()
    document.set(("mcpServers",), SERVER, server)
    return Change(document.text)


def add_settings(text: str, config: Config, *, shared: bool) -> Change:
    """Return the text of a settings file with the permission, the hooks and the status line in it.

    A status line of the user's stays, and a note says how to have both.

    Args:
        text: JSON; an object, or nothing.
        config: this node's configuration.
        shared: whether others get the file, so that commands must be found by their names.

    Raises:
        InvalidInput: the text is not JSON, or not made as Claude Code has it.
    """
    document = _document(text)
    notes: list[str] = []
    _container(document, (), "permissions", {})
    _container(document, ("permissions",), "allow", [])
    if not {PERMISSION, f"mcp__{SERVER}"} & set(map(str, document.data["permissions"]["allow"])):
        document.append_at(("permissions",), "allow", PERMISSION)
    _container(document, (), "hooks", {})
    command = f"{SERVER} hook" if shared else _hook_command()
    for event in EVENTS:
        hook: dict[str, Any] = {"type": "command", "command": command, "timeout": _HOOK_S}
        if event == "FileChanged":
            hook["asyncRewake"] = True
        _put_hook(document, event, hook)
    line = snippet(config) if not shared else {**snippet(config), "command": f"{SERVER} statusline"}
    there = document.data.get("statusLine")
    if there is None or _is_ours(there):
        document.set((), "statusLine", line)
    else:
        notes.append(
            "You have a status line, which stays. To have ClaudeMail's beside it, let your command print this as well:\n"
            f"  {line['command']}"
        )
    return Change(document.text, tuple(notes))


def remove_server(text: str, before: object) -> Change:
    """Return the text of a file of MCP servers without ours; `before` is what the file said before ours was added, if known."""
    document = _document(text)
    if SERVER in _inside(document.data, ("mcpServers",)):
        document.remove(("mcpServers", SERVER))
        _tidy(document, ("mcpServers",), before)
    return Change(document.text)


def remove_settings(text: str, before: object) -> Change:
    """Return the text of a settings file without what is ours. Arguments as `remove_server`."""
    document = _document(text)
    allowed = _inside(document.data, ("permissions", "allow"))
    if PERMISSION in allowed and PERMISSION not in _inside(before, ("permissions", "allow")):
        document.remove(("permissions", "allow", allowed.index(PERMISSION)))
        _tidy(document, ("permissions", "allow"), before)
    for path in reversed(list(_hooks(document.data))):
        document.remove(path)
        _tidy(document, path[:-1], before)
    if _is_ours(document.data.get("statusLine")):
        document.remove(("statusLine",))
    return Change(document.text)


def _document(text: str) -> Document:
    text = text if text.strip() else "{}\n"
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"it is not valid JSON: {error}") from error
    if not isinstance(data, dict):
        raise InvalidInput("it is JSON, but not an object")
    return Document(text, spread=True)


def _container(document: Document, path: Path, key: str, empty: dict[str, Any] | list[Any]) -> None:
    """See that the object at `path` has an object or list by this key."""
    there = _at(document.data, path).get(key)
    if there is None:
        document.set(path, key, empty)
    elif not isinstance(there, type(empty)):
        kind = "an object" if isinstance(empty, dict) else "a list"
        raise InvalidInput(f"its {'.'.join([*map(str, path), key])} is not {kind}")


def _put_hook(document: Document, event: str, hook: dict[str, Any]) -> None:
    """Put our hook of an event into the settings, or in the place of an earlier one of ours."""
    _container(document, ("hooks",), event, [])
    for path in _hooks(document.data):
        if path[1] == event:
            if _at(document.data, path) != hook:
                _replace(document, path, hook)
            return
    document.append_at(("hooks",), event, {"hooks": [hook]})


def _replace(document: Document, path: Path, hook: dict[str, Any]) -> None:
    for key, value in hook.items():
        document.set(path, key, value)


def _hooks(data: dict[str, Any]) -> Iterator[Path]:
    """Yield where our hooks are."""
    for event, entries in _inside(data, ("hooks",), dict).items():
        for place, entry in enumerate(entries if isinstance(entries, list) else ()):
            hooks = entry.get("hooks") if isinstance(entry, dict) else None
            for inner, hook in enumerate(hooks if isinstance(hooks, list) else ()):
                if _is_ours(hook):
                    yield ("hooks", event, place, "hooks", inner)


def _is_ours(thing: object) -> bool:
    command = thing.get("command") if isinstance(thing, dict) else None
    return isinstance(command, str) and _OURS.fullmatch(command) is not None


def _tidy(document: Document, path: Path, before: object) -> None:
    """Take away containers that are empty now and were not there before."""
    while path and not _at(document.data, path) and not _was_there(before, path):
        document.remove(path)
        path = path[:-1]
        if path and isinstance(path[-1], int):
            entry = _at(document.data, path)
            if isinstance(entry, dict) and set(entry) <= {"matcher"} and not _was_there(before, path):
                document.remove(path)
                path = path[:-1]


def _was_there(before: object, path: Path) -> bool:
    try:
        _at(before, path)
    except (KeyError, IndexError, TypeError):
        return False
    return True


def _at(data: Any, path: Path) -> Any:  # noqa: ANN401 - JSON
    for step in path:
        data = data[step]
    return data


def _inside(data: Any, path: Path, kind: type = list) -> Any:  # noqa: ANN401 - JSON
    """Return the container at `path`, or an empty one where there is none."""
    try:
        found = _at(data, path)
    except (KeyError, IndexError, TypeError):
        return kind()
    return found if isinstance(found, list | dict) else kind()


def _hook_command() -> str:
    assigned = " ".join(f"{name}={shlex.quote(value)}" for name, value in _environment().items())
    command = shlex.join([sys.executable, "-I", "-S", os.path.abspath(run_hook.__file__)])
    return f"{assigned} {command}" if assigned else command


def _environment() -> dict[str, str]:
    """Return what of this environment tells ClaudeMail where its configuration is."""
    found = {name: os.environ[name] for name in (CONFIG_ENV, NODE_ENV) if os.environ.get(name)}
    if CONFIG_ENV in found:
        found[CONFIG_ENV] = os.path.abspath(os.path.expanduser(found[CONFIG_ENV]))
    return found
