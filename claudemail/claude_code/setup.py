"""Setting Claude Code up for ClaudeMail, and undoing it: which files, what changes in them, a copy of each, and a diff first.

What each file was like before is kept in the node's state folder. Undoing gives back the very bytes where nobody changed the
file since, and takes out only what is ours where somebody did.
"""

from __future__ import annotations

import base64
import contextlib
import difflib
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from claudemail import whole_file
from claudemail.claude_code import settings
from claudemail.claude_code.settings import Change
from claudemail.config import Config
from claudemail.errors import InvalidInput, SettingsRefused

USER, PROJECT = "user", "project"
CONFIG_DIR_ENV = "CLAUDE_CONFIG_DIR"
MANIFEST = "setup.json"
_COPY = ".claudemail-backup"
_FOLDERS = (".claude", "skills", "mail")
"""Folders that setting up may make."""
_SKILL = Path(__file__).parent / "plugin" / "claudemail" / "skills" / "mail" / "SKILL.md"


class Plan(NamedTuple):
    """What is to become of one file."""

    path: Path
    before: bytes | None
    """What is in it; None: there is no such file."""
    after: bytes | None
    """What is to be in it; None: it is to go."""
    notes: tuple[str, ...] = ()
    as_it_was: bool = False
    """Whether what is there is what setting up left, and what is to be there, the very file that was there before."""

    @property
    def changes(self) -> bool:
        """Whether the file is to be another."""
        return self.before != self.after

    def diff(self) -> str:
        """Return the change as people read it."""
        old, new = (text.decode().splitlines(keepends=True) if text else [] for text in (self.before, self.after))
        names = [str(self.path) if text is not None else "/dev/null" for text in (self.before, self.after)]
        return "".join(
            line if line.endswith("\n") else f"{line}\n" for line in difflib.unified_diff(old, new, names[0], names[1])
        )


def plan(config: Config, scope: str, folder: Path, *, remove: bool = False) -> list[Plan]:
    """Return what setting up, or undoing it, would change. Nothing is changed.

    Args:
        config: this node's configuration.
        scope: `user`, for all of the user's projects, or `project`.
        folder: the project's folder.
        remove: whether it is to be undone.

    Raises:
        SettingsRefused: a file cannot be read, or is not as Claude Code has it.
    """
    shared = scope == PROJECT
    servers, others, skill = _files(scope, folder)
    manifest = _load(config)
    if remove:
        removing = [(servers, settings.remove_server), (others, settings.remove_settings), (skill, _leave)]
        return [_undone(path, manifest, change) for path, change in removing]
    return [
        _done(servers, partial(settings.add_server, shared=shared)),
        _done(others, partial(settings.add_settings, config=config, shared=shared)),
        _skill(skill, manifest),
    ]


def carry_out(config: Config, plans: Sequence[Plan], *, remove: bool = False) -> None:
    """Change the files, each whole or not at all, with a copy of what was beside it; note how they were.

    Raises:
        SettingsRefused: a file cannot be written, or was changed meanwhile.
    """
    manifest = _load(config)
    for one in plans:
        if not one.changes:
            continue
        try:
            if _read(one.path) != one.before:
                raise SettingsRefused(f"{one.path} was changed meanwhile.", remedy="Run the command again.")
            _write(one)
        except OSError as error:
            raise _refused(one.path, error.strerror or str(error)) from error
        key = str(one.path)
        if remove:
            manifest.pop(key, None)
        else:
            known = manifest.get(key)
            original = known["before"] if known and known["after"] == _digest(one.before) else _encoded(one.before)
            manifest[key] = {"before": original, "after": _digest(one.after)}
        _keep(config, manifest)


def _files(scope: str, folder: Path) -> tuple[Path, Path, Path]:
    """Return the file of MCP servers, the settings file and the skill's; links are followed, so that they stay links."""
    if scope == PROJECT:
        servers, home = folder / ".mcp.json", folder / ".claude"
    elif os.environ.get(CONFIG_DIR_ENV):
        home = Path(os.environ[CONFIG_DIR_ENV])
        servers = home / ".claude.json"
    else:
        home = Path(os.path.expanduser("~"), ".claude")
        servers = home.with_name(".claude.json")
    paths = servers, home / "settings.json", home / "skills" / "mail" / "SKILL.md"
    return Path(os.path.realpath(paths[0])), Path(os.path.realpath(paths[1])), Path(os.path.realpath(paths[2]))


def _skill(path: Path, manifest: dict[str, Any]) -> Plan:
    """Return what becomes of the skill's file: one that the user wrote or changed stays."""
    before, ours = _content(path), _SKILL.read_bytes()
    known = manifest.get(str(path))
    if before is None or before == ours or (known is not None and known["after"] == _digest(before)):
        return Plan(path, before, ours)
    return Plan(path, before, before, (f"You have a skill /mail of your own in {path}, which stays.",))


def _leave(text: str, before: object) -> Change:
    del before
    return Change(text)


def _done(path: Path, change: Callable[[str], Change]) -> Plan:
    before = _content(path)
    changed = _changed(path, before, change)
    return Plan(path, before, changed.text.encode(), changed.notes)


def _undone(path: Path, manifest: dict[str, Any], change: Callable[[str, object], Change]) -> Plan:
    before = _content(path)
    if before is None:
        return Plan(path, None, None)
    known = manifest.get(str(path))
    original = None if known is None else _decoded(known["before"])
    if known is not None and known["after"] == _digest(before):
        return Plan(path, before, original, as_it_was=True)
    if known is None and path.suffix != ".json":
        return Plan(path, before, before)
    said: object = None
    with contextlib.suppress(ValueError):
        said = None if original is None else json.loads(original)
    changed = _changed(path, before, lambda text: change(text, said))
    gone = known is not None and original is None and path.suffix == ".json" and not json.loads(changed.text)
    return Plan(path, before, None if gone else changed.text.encode())


def _changed(path: Path, before: bytes | None, change: Callable[[str], Change]) -> Change:
    try:
        return change((before or b"").decode("utf-8"))
    except (InvalidInput, UnicodeDecodeError) as error:
        why = error.message if isinstance(error, InvalidInput) else "it is not UTF-8"
        raise _refused(path, why) from error


def _content(path: Path) -> bytes | None:
    try:
        return _read(path)
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from error


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _write(one: Plan) -> None:
    copy = one.path.with_name(one.path.name + _COPY)
    if one.as_it_was:
        copy.unlink(missing_ok=True)  # nothing is in it that is not in the file, or ours
    elif one.before is not None:
        _put(copy, one.before, one.path)
    if one.after is None:
        one.path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not empty: it is not only ours
            for folder in one.path.parents:
                if folder.name not in _FOLDERS:
                    break
                folder.rmdir()
    else:
        one.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _put(one.path, one.after, one.path)


def _put(path: Path, content: bytes, like: Path) -> None:
    """Write a file whole, with the permissions of another, or private where there is none."""
    mode = like.stat().st_mode & 0o777 if like.exists() else 0o600
    whole_file.put(path, content, mode=mode, durable=True)


def _load(config: Config) -> dict[str, Any]:
    try:
        found = json.loads(Path(config.state_dir, MANIFEST).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _keep(config: Config, manifest: dict[str, Any]) -> None:
    path = Path(config.state_dir, MANIFEST)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if manifest:
            _put(path, json.dumps(manifest, indent=1).encode(), path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from error


def _digest(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()


def _encoded(content: bytes | None) -> str | None:
    return None if content is None else base64.b64encode(content).decode()


def _decoded(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


def _refused(path: Path, why: str) -> SettingsRefused:
    return SettingsRefused(f"{path} is left as it is: {why.rstrip('.')}.")
