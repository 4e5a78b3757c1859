"""The themes: legible, and with mistakes named."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.color import Color
from textual.theme import Theme

from claudemail.config import Config
from claudemail.errors import ConfigError, InvalidInput
from claudemail.office import Office
from claudemail.themes.loader import DARK, LIGHT, builtin, parse
from claudemail.tui import memory
from claudemail.tui.app import ConsoleApp
from tests.tui.conftest import NARROW, Console
from tests.tui.hand import Hand
from tests.tui.test_compose import toasts

OURS = ("muted", "unread", "urgent", "urgent-soft", "high", "unverified")


def test_there_are_themes_for_all_eyes() -> None:
    """At least six are our own: dark and light ones, one of high contrast, one for those who do not tell red from green."""
    names = [theme.name for theme in builtin()]
    assert names[:2] == [DARK, LIGHT]
    assert len(names) >= 6
    assert {"claudemail-high-contrast", "claudemail-colour-blind"} <= set(names)
    assert {theme.dark for theme in builtin()} == {True, False}


@pytest.mark.parametrize("theme", builtin(), ids=lambda theme: str(theme.name))
def test_text_is_legible(theme: Theme) -> None:
    """All text has a contrast of at least 4.5 to 1 on every background that it stands on (WCAG AA), or 7 to 1 (AAA)."""
    ours = theme.variables
    least = 7 if theme.name == "claudemail-high-contrast" else 4.5
    backgrounds = [theme.background, theme.panel, ours["cursor-blurred"], ours["cursor"]]
    texts = [theme.foreground, theme.primary, theme.success, *(ours[name] for name in OURS)]
    for background in backgrounds:
        for text in texts:
            assert background is not None
            assert text is not None
            ratio = _contrast(Color.parse(text), Color.parse(background))
            assert ratio >= least, (text, background, ratio)


def _contrast(one: Color, other: Color) -> float:
    """Return the contrast ratio of two colours (WCAG 2.2)."""

    def luminance(color: Color) -> float:
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color.normalized]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", [*(theme.name for theme in builtin()), "nord", "ansi-dark"])
async def test_the_console_opens_in_any_theme(office: Office, name: str) -> None:
    """The console can be drawn in our themes, and in others that do not know its colours."""
    app = ConsoleApp(office, theme=name)
    async with app.run_test(size=(130, 36)):
        await Hand(app).pause()
        assert app.theme == name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "not valid TOML"),
        ("name = 'x'", "needs a name and a primary"),
        ("name = 'x'\nprimary = 'nonesuch'", "primary is 'nonesuch'"),
        ("name = 'x'\nprimary = '#fff'\nprimry = 'red'", "unknown fields: primry"),
        ("name = 'x'\nprimary = '#fff'\ndark = 3", "`dark` is true or false"),
        ("name = 'x'\nprimary = '#fff'\n[variables]\nmuted = 4", "muted is 4"),
    ],
)
def test_mistakes_are_named(text: str, said: str) -> None:
    """A theme file with a mistake is refused with the file and the mistake named."""
    with pytest.raises(ConfigError) as error:
        parse(text, "mine.toml")
    assert "mine.toml" in str(error.value)
    assert said in str(error.value)


def test_colours_stay_apart_for_all_eyes() -> None:
    """In the theme for colour-blind readers what is pressing, what is good and what is new differ in lightness or in blue."""
    theme = next(one for one in builtin() if one.name == "claudemail-colour-blind")
    okabe_ito = {"#56b4e9", "#f0e442", "#e69f00"}
    assert {theme.primary, theme.warning, theme.error} == okabe_ito


async def test_going_through_the_themes(office: Office, console: Console) -> None:
    """The key goes through all of ours and the operator's own and comes round; the next console has the one that was left."""
    names = [theme.name for theme in builtin()]
    async with console(office, NARROW) as seen:
        worn = [seen.app.theme]
        for _ in names:
            await seen.press("T")
            worn.append(seen.app.theme)
        assert worn == [*names, DARK]
        await seen.press("T", "4", "q")
    assert memory.load(office.config.state_dir)["theme"] == LIGHT
    async with console(office, NARROW) as seen:
        assert seen.app.theme == LIGHT
        assert seen.app.screen_stack[0].query_one("#nodes").display
    assert ConsoleApp(office, theme="dusk").theme == "claudemail-dusk"
    with pytest.raises(InvalidInput, match="no theme 'nonesuch'") as error:
        ConsoleApp(office, theme="nonesuch")
    assert "claudemail-tide" in error.value.remedy


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"pane": "x", "panes": 3, "theme": 4}', '{"panes": {"inbox": 1}}', "\0"]
)
async def test_a_memory_that_cannot_be_read_is_nothing(
    config: Config, office: Office, console: Console, text: str
) -> None:
    """Whatever stands in the file, the console opens as it does without."""
    Path(config.state_dir, memory.FILE).write_text(text)
    async with console(office, NARROW) as seen:
        assert seen.app.theme == DARK
        assert seen.app.screen_stack[0].query_one("#inbox").display


async def test_the_operators_own_themes(config: Config, office: Office, console: Console) -> None:
    """They stand in a folder beside the config file, which may name one for the start; files with mistakes are named."""
    folder = Path(str(config.path)).parent / "themes"
    folder.mkdir()
    (folder / "mine.toml").write_text("name = 'mine'\nprimary = '#ff0000'\n")
    (folder / "bad.toml").write_text("name = '[/x]'\n")
    (folder / "worse.toml").write_bytes(b"\xff\xfe")
    office.config.console.theme = "mine"
    async with console(office, NARROW) as seen:
        assert seen.app.theme == "mine"
        for words in ("bad.toml needs a name and a primary colour", "worse.toml cannot be read"):
            assert words in toasts(seen)
    office.config.console.theme = "nonesuch"
    Path(config.state_dir, memory.FILE).unlink()
    async with console(office, NARROW) as seen:
        assert seen.app.theme == DARK
        assert "there is no theme 'nonesuch'" in toasts(seen)


async def test_no_color_has_no_themes(office: Office, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """With NO_COLOR the key says why nothing changes, and the theme that was used last is still remembered."""
    memory.save(office.config.state_dir, {"theme": LIGHT})
    monkeypatch.setenv("NO_COLOR", "1")
    async with console(office, NARROW) as seen:
        await seen.press("T")
        assert seen.app.theme == "ansi-dark"
        assert "NO_COLOR is set" in toasts(seen)
        await seen.press("2", "q")
    assert memory.load(office.config.state_dir)["theme"] == LIGHT
