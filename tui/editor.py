"""The operator's own editor, for the body of a brief."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from claudemail.errors import InvalidInput

_USUAL = ("editor", "nano", "vi")
_REMEDY = "Set VISUAL or EDITOR to the command of your editor. The draft is as it was."


def command(environ: Mapping[str, str]) -> list[str]:
    """Return the command of the editor that the environment names, or of one that most systems have.

    Raises:
        InvalidInput: it names none that can be run.
    """
    named = environ.get("VISUAL") or environ.get("EDITOR")
    if not named:
        found = next((name for name in _USUAL if shutil.which(name)), None)
        if found is None:
            raise InvalidInput("There is no editor: neither VISUAL nor EDITOR is set.", remedy=_REMEDY)
        return [found]
    try:
        words = shlex.split(named)
    except ValueError as error:
        raise InvalidInput(f"The editor {named!r} cannot be run: {error}.", remedy=_REMEDY) from error
    if not words or shutil.which(words[0]) is None:
        raise InvalidInput(f"The editor {named!r} is not there.", remedy=_REMEDY)
    return words


def edit(path: Path) -> str:
    """Have a file edited; return what the editor complained of by its exit code, or the empty string.

    The whole process waits: while an editor has the terminal, nobody else may write to it.

    Raises:
        InvalidInput: there is no editor.
        OSError: it could not be run.
    """
    words = command(os.environ)
    code = subprocess.run([*words, str(path)], check=False).returncode
    return f"{words[0]} ended with {code}; what it left is taken." if code else ""
