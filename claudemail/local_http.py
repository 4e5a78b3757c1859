"""HTTP for this machine: a few pages to GET, at the gateway's own Unix socket or at a port of loopback."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple

log = logging.getLogger(__name__)
LOOPBACK = "127.0.0.1"
_RECEIVE_S = 5.0
_MOST_HEADERS = 64
_MOST_LINE = 8 * 1024
_AGAIN_S = 5.0
_TEXT = "text/plain; charset=utf-8"
_HERE = ("localhost", LOOPBACK)


class Page(NamedTuple):
    """What is answered."""

    status: int
    kind: str
    """Its media type."""
    body: bytes


Render = Callable[[str], Awaitable[Page]]
"""Makes a page for a request with this `Accept` header."""


def is_request(line: bytes) -> bool:
    """Return whether the first line of a connection is that of an HTTP request."""
    return line.rstrip(b"\r\n").endswith((b" HTTP/1.1", b" HTTP/1.0"))


class LocalHttp:
    """Answers one request a connection."""

    def __init__(self, pages: Mapping[str, Render]) -> None:
        self._pages = pages

    async def answer(self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the request that begins with the line `first`. The caller closes the connection."""
        await self._answer(first, reader, writer, from_socket=True)

    async def serve_port(self, port: int) -> None:
        """Serve the pages at a port of loopback until cancelled. One that is taken is tried again and again."""
        said = False
        while True:
            try:
                server = await asyncio.start_server(self._serve, LOOPBACK, port, limit=_MOST_LINE)
            except OSError as error:
                if not said:
                    where = f"{LOOPBACK}:{port}"
                    log.warning("metrics cannot be served on %s: %s", where, error.strerror, extra={"event": "no_port"})
                said = True
                await asyncio.sleep(_AGAIN_S)
                continue
            async with server:
                await server.serve_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_RECEIVE_S):
                first = await reader.readline()
            await self._answer(first, reader, writer, from_socket=False)
        except (TimeoutError, ValueError, OSError):
            return  # too slow, too long, or gone: nobody is left to be told
        finally:
            writer.close()

    async def _answer(
        self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, from_socket: bool
    ) -> None:
        head = False
        try:
            async with asyncio.timeout(_RECEIVE_S):
                headers = await _headers(reader)
            method, path = first.decode("latin-1").split(" ")[:2]
            head = method == "HEAD"
            page = await self._page(method, path.partition("?")[0], headers, from_socket=from_socket)
        except (TimeoutError, ValueError):
            page = _plain(HTTPStatus.BAD_REQUEST)
        status = HTTPStatus(page.status)
        lines = [
            f"HTTP/1.1 {status.value} {status.phrase}",
            f"Content-Type: {page.kind}",
            f"Content-Length: {len(page.body)}",
            "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff",
            "Connection: close",
            "\r\n",
        ]
        writer.write("\r\n".join(lines).encode() + (b"" if head else page.body))
        await writer.drain()

    async def _page(self, method: str, path: str, headers: Mapping[str, str], *, from_socket: bool) -> Page:
        # A web page may make its reader's browser call a port of loopback, but not without saying where it comes from.
        if not from_socket and (headers.get("host", "").partition(":")[0] not in _HERE or "origin" in headers):
            return _plain(HTTPStatus.FORBIDDEN)
        if method not in ("GET", "HEAD"):
            return _plain(HTTPStatus.METHOD_NOT_ALLOWED)
        render = self._pages.get(path)
        if render is None:
            return _plain(HTTPStatus.NOT_FOUND, f"There are: {', '.join(self._pages)}")
        try:
            return await render(headers.get("accept", ""))
        except Exception:
            log.exception("%s could not be shown", path, extra={"event": "page_failed", "path": path})
            return _plain(HTTPStatus.INTERNAL_SERVER_ERROR)


async def get(socket: str, path: str) -> Page:
    """Ask for a page at a Unix socket.

    Raises:
        OSError: nobody answers there.
        ValueError: the answer is no HTTP.
    """
    reader, writer = await asyncio.open_unix_connection(socket)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await writer.drain()
        head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
    finally:
        writer.close()
    first, *fields = head.decode("latin-1").split("\r\n")
    kind = next((field.split(":", 1)[1].strip() for field in fields if field.lower().startswith("content-type:")), "")
    words = first.split()
    if len(words) < 2:
        raise ValueError(f"no HTTP is spoken at {socket}")
    return Page(int(words[1]), kind, body)


async def _headers(reader: asyncio.StreamReader) -> dict[str, str]:
    """Return the header fields of a request, their names in lower case.

    Raises:
        ValueError: they are no header fields, or too many or too long.
    """
    found: dict[str, str] = {}
    for _ in range(_MOST_HEADERS):
        line = await reader.readline()
        if len(line) > _MOST_LINE:
            raise ValueError("a header field is too long")
        if line in (b"\r\n", b"\n", b""):
            return found
        name, _colon, value = line.decode("latin-1").partition(":")
        found[name.strip().lower()] = value.strip()
    raise ValueError("too many header fields")


def _plain(status: HTTPStatus, more: str = "") -> Page:
    return Page(status, _TEXT, f"{status.value} {status.phrase}\n{more}".rstrip().encode() + b"\n")
