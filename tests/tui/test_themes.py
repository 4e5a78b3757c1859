"""The themes: legible, and with mistakes named."""

from __future__ import annotations

import pytest
from textual.color import Color
from textual.theme import Theme

from claudemail.errors import ConfigError
from claudemail.office import Office
from claudemail.themes.loader import LIGHT, builtin, parse
from claudemail.tui.app import ConsoleApp


@pytest.mark.parametrize("theme", builtin(), ids=lambda theme: str(theme.name))
def test_text_is_legible(theme: Theme) -> None:
    """All text has a contrast of at least 4.5 to 1 on every background that it stands on (WCAG AA)."""
    ours = theme.variables
    backgrounds = [theme.background, theme.panel, ours["cursor-blurred"], ours["cursor"]]
    texts = [theme.foreground, *(ours[name] for name in ("muted", "unread", "urgent", "high", "unverified"))]
    for background in backgrounds:
        for text in texts:
            assert background is not None
            assert text is not None
            ratio = _contrast(Color.parse(text), Color.parse(background))
            assert ratio >= 4.5, (text, background, ratio)


def _contrast(one: Color, other: Color) -> float:
    """Return the contrast ratio of two colours (WCAG 2.2)."""

    def luminance(color: Color) -> float:
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color.normalized]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", [LIGHT, "nord", "ansi-dark"])
async def test_the_console_opens_in_any_theme(office: Office, name: str) -> None:
    """The console can be drawn in our themes, and in others that do not know its colours."""
    app = ConsoleApp(office, theme=name)
    async with app.run_test(size=(130, 36)) as pilot:
        await pilot.pause()
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
