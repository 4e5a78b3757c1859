"""The console in a browser: the page and its web socket, for whoever has the printed address, and for nobody else."""

from __future__ import annotations

import asyncio
import re
import select
import subprocess
from collections.abc import Iterator

import aiohttp
import pytest

from claudemail.office.whereabouts import is_loopback
from claudemail.running import own_command
from claudemail.testing import Fleet, free_ports


@pytest.fixture
def address(fleet: Fleet) -> Iterator[str]:
    """The address that a real `claudemail console --web` prints."""
    [port] = free_ports(1)
    process = subprocess.Popen(
        own_command("console", "--web", "--port", str(port), "--theme", "paper"),
        env=fleet["server1"].environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], 30)[0]
        match = re.search(rb"http://127\.0\.0\.1:\d+/\?key=[\w-]+", process.stdout.readline())
        assert match is not None
        yield match[0].decode()
    finally:
        process.terminate()
        process.communicate(timeout=30)


async def test_the_page_and_the_console_behind_it(address: str) -> None:
    """The printed address leads to the page; its web socket draws the console and takes keys."""
    base = address.partition("/?")[0]
    assert is_loopback(base.removeprefix("http://").partition(":")[0])
    jar = aiohttp.CookieJar(unsafe=True)  # cookies of an IP address, as browsers take them
    async with aiohttp.ClientSession(cookie_jar=jar) as client:
        async with client.get(address) as answer:
            page = await answer.text()
            assert (answer.status, str(answer.url)) == (200, f"{base}/")
        match = re.search(r'data-session-websocket-url="([^"]+)"', page)
        assert match is not None
        assert match[1] == f"{base.replace('http', 'ws')}/ws"
        async with client.ws_connect(f"{match[1]}?width=100&height=30") as socket:
            seen = b""
            async with asyncio.timeout(30):
                while b"No mail yet." not in seen:
                    seen += bytes((await socket.receive()).data or b"")
                await socket.send_json(["stdin", "?"])
                while b"Quit; mail goes on" not in seen:
                    seen += bytes((await socket.receive()).data or b"")


async def test_nobody_else_gets_anything(address: str) -> None:
    """Without the key in the address there is no page, no file and no web socket, whoever asks."""
    base = address.partition("/?")[0]
    async with aiohttp.ClientSession() as client:
        for path in ("/", "/?key=", "/?key=wrong", "/ws", "/static/js/textual.js", f"/ws?{address.partition('?')[2]}"):
            async with client.get(base + path, headers={"Cookie": "claudemail=x"}) as answer:
                assert answer.status == 403
                assert "claudemail console --web" in await answer.text()


def test_without_the_extra(fleet: Fleet) -> None:
    """Where textual-serve is missing, one line says what installs it."""
    code = (
        "import sys; sys.modules['textual_serve'] = None; sys.argv = ['claudemail', 'console', '--web'];"
        "from claudemail.__main__ import main; sys.exit(main())"
    )
    [python, *_] = own_command()
    done = subprocess.run(
        [python, "-c", code], env=fleet["server1"].environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "pip install 'claudemail[web]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_that_is_taken(fleet: Fleet, address: str) -> None:
    """Where somebody listens already, one line says so, and no address is printed."""
    port = address.partition("/?")[0].rpartition(":")[2]
    done = subprocess.run(
        own_command("console", "--web", "--port", port), env=fleet["server1"].environment,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "cannot be listened on" in done.stderr
    assert "Give another --port." in done.stderr
    assert "Traceback" not in done.stderr
