"""Loads themes: TOML with the fields of a Textual theme, and our own colours under `[variables]`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from textual.color import Color, ColorParseError
from textual.theme import Theme

from claudemail.errors import ConfigError

PREFIX = "claudemail-"
DARK = f"{PREFIX}dark"
LIGHT = f"{PREFIX}light"
SUFFIX = ".toml"

_COLORS = (
    "primary", "secondary", "accent", "foreground", "background", "surface", "panel", "boost", "warning", "error", "success",
)  # fmt: skip
_OURS_ANSI = {
    "muted": "ansi_default",
    "rule": "ansi_default",
    "cursor": "ansi_default",
    "cursor-blurred": "ansi_default",
    "unread": "ansi_blue",
    "urgent": "ansi_red",
    "urgent-soft": "ansi_yellow",
    "high": "ansi_yellow",
    "unverified": "ansi_yellow",
}


def builtin() -> list[Theme]:
    """Return the themes that come with ClaudeMail, the dark and the light one first."""
    themes = [
        parse(file.read_text("utf-8"), file.name)
        for file in files("claudemail.themes").iterdir()
        if file.name.endswith(SUFFIX)
    ]
    return sorted(themes, key=lambda theme: (theme.name != DARK, theme.name != LIGHT, theme.name))


def own(folder: Path) -> tuple[list[Theme], list[str]]:
    """Return the themes in a folder of the user's, and what is wrong with the files that are none."""
    themes, mistakes = [], []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            themes.append(parse(path.read_text("utf-8"), path.name))
        except ConfigError as error:
            mistakes.append(error.message)
        except (OSError, UnicodeDecodeError) as error:
            mistakes.append(f"The theme {path.name} cannot be read: {error}.")
    return themes, mistakes


def find(name: str, known: Iterable[str]) -> str | None:
    """Return which of the known names somebody means: one of them, or one of ours without `claudemail-` before it."""
    names = list(known)
    return next((word for word in (name, f"{PREFIX}{name}") if word in names), None)


def defaults(theme: Theme) -> dict[str, str]:
    """Return our own colours for a theme that does not name them, made from those that it does name."""
    if theme.ansi:
        return dict(_OURS_ANSI)
    colors = theme.to_color_system().generate()
    text, paper = Color.parse(colors["foreground"]), Color.parse(colors["background"])
    return {
        "muted": text.blend(paper, 0.3).hex,
        "rule": text.blend(paper, 0.75).hex,
        "cursor": Color.parse(colors["primary"]).blend(paper, 0.7).hex,
        "cursor-blurred": text.blend(paper, 0.87).hex,
        "unread": colors["primary"],
        "urgent": colors["error"],
        "urgent-soft": colors["warning"],
        "high": colors["warning"],
        "unverified": colors["warning"],
    }


def parse(text: str, source: str) -> Theme:
    """Return the theme that `text` (TOML, from the file `source`) describes.

    Raises:
        ConfigError: it is not TOML, lacks a name or the primary colour, or has a field or colour that there is not.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The theme {source} is not valid TOML: {error}.") from error
    name, dark, variables = data.pop("name", None), data.pop("dark", True), data.pop("variables", {})
    if not isinstance(name, str) or not name or "primary" not in data:
        raise ConfigError(f"The theme {source} needs a name and a primary colour.")
    if not isinstance(dark, bool) or not isinstance(variables, dict):
        raise ConfigError(f"The theme {source}: `dark` is true or false, and `variables` a table.")
    unknown = sorted(set(data) - set(_COLORS))
    if unknown:
        raise ConfigError(f"The theme {source} has unknown fields: {', '.join(unknown)}.")
    for key, value in {**data, **{key: value for key, value in variables.items() if key in _OURS_ANSI}}.items():
        _check_color(source, key, value)
    return Theme(name=name, dark=dark, variables={key: str(value) for key, value in variables.items()}, **data)


def _check_color(source: str, key: str, value: object) -> None:
    try:
        Color.parse(value if isinstance(value, str) else "")
    except ColorParseError as error:
        raise ConfigError(f"The theme {source}: {key} is {value!r}, which is not a colour.") from error
