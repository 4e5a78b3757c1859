"""Copying: text goes to the terminal's clipboard, and inside tmux to its buffer as well."""

from __future__ import annotations

import asyncio
import contextlib
import os

from textual.app import App

from claudemail.text import scrub

_TMUX_S = 5.0


async def copy(app: App[object], text: str) -> str:
    """Copy a text, scrubbed; return what was copied.

    The terminal is asked by OSC 52, which tmux keeps to itself unless it is told otherwise; so tmux is asked too.
    """
    text = scrub(text)
    app.copy_to_clipboard(text)
    if "TMUX" in os.environ:
        with contextlib.suppress(OSError, TimeoutError):  # there is no tmux to be found, or an older one that hangs
            await _to_tmux(text)
    return text


async def _to_tmux(text: str) -> None:
    process = await asyncio.create_subprocess_exec(
        "tmux", "load-buffer", "-w", "-",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(_TMUX_S):
            await process.communicate(text.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
