"""The console in a browser. Whoever has the address may do all that the operator may, so that it holds a secret."""

from __future__ import annotations

import asyncio
import hmac
import os
import secrets
import shlex
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from claudemail.errors import InvalidInput, WebMissing
from claudemail.office.whereabouts import own_address
from claudemail.running import own_command, own_environment

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - told apart, not listened on
_TITLE = "ClaudeMail"


def serve(host: str, port: int, theme: str | None) -> None:
    """Serve the console until it is interrupted; the address to open is printed.

    A browser gets a cookie for the secret in that address, and without the cookie it gets nothing: neither other users of this
    machine nor pages of other origins, which could open a web socket to it, can act as the operator.

    Raises:
        WebMissing: textual-serve is not installed.
        InvalidInput: that address cannot be listened on.
    """
    try:
        from aiohttp import web
        from textual_serve.server import Server
    except ImportError as error:
        raise WebMissing from error
    key = secrets.token_urlsafe(24)
    cookie = f"claudemail-{port}"

    @web.middleware
    async def guard(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if hmac.compare_digest(request.cookies.get(cookie, "").encode(), key.encode()):
            return await handler(request)
        if request.path == "/" and hmac.compare_digest(request.query.get("key", "").encode(), key.encode()):
            response = web.Response(status=303, headers={"Location": "/"})
            response.set_cookie(cookie, key, httponly=True, samesite="Strict", path="/")
            return response
        return web.Response(status=403, text="Open the address that `claudemail console --web` printed.\n")

    class ConsoleServer(Server):
        async def _make_app(self) -> web.Application:
            app = await super()._make_app()
            app.middlewares.append(guard)
            return app

        async def handle_index(self, request: web.Request) -> Any:  # noqa: ANN401 - as it is there
            # By the name that the browser calls it by: the cookie is for that one.
            secure = request.scheme == "https" or request.headers.get("X-Forwarded-Proto") == "https"
            self.public_url = f"{'https' if secure else 'http'}://{request.host}"
            return await super().handle_index(request)

        async def on_startup(self, app: web.Application) -> None:
            """Say nothing yet: nobody listens."""

    words = own_command("console", *(("--theme", theme) if theme is not None else ()))
    os.environ.update(own_environment({}))
    name = own_address() if host in _EVERYWHERE else host
    shown = f"[{name}]" if ":" in name else name
    url = f"http://{shown}:{port}"
    server = ConsoleServer(shlex.join(words), host=host, port=port, title=_TITLE, public_url=url)

    async def run() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        runner = web.AppRunner(await server._make_app(), access_log=None)  # noqa: SLF001 - what its own `serve` runs
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            sys.stdout.write(f"The console is at {url}/?key={key}\nCtrl+C ends it; mail goes on without it.\n")
            if host not in _LOOPBACK:
                sys.stdout.write(
                    "It is not encrypted: on a network that you do not trust, put a TLS proxy before it.\n"
                )
            sys.stdout.flush()
            await stop.wait()
        finally:
            await runner.cleanup()

    try:
        asyncio.run(run())
    except OSError as error:
        raise InvalidInput(
            f"{shown}:{port} cannot be listened on: {error.strerror}.", remedy="Give another --port."
        ) from error
