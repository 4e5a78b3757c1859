"""The session process, `claudemail mcp`: it pumps JSON-RPC lines between Claude Code's stdio and the gateway's socket.

Standard library only, since there is one for every session. It holds the callsign's lock, says who the session is, and
outlives the gateway: Claude Code never restarts a stdio server that died. When the gateway goes, requests that were in flight
are answered with an error that says so; when it is back, the handshake is replayed and the next request works.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import sys
import time

# The C module under `socket`, which would add selectors and 0.6 MB to every session.
from _socket import AF_UNIX, SOCK_STREAM
from _socket import socket as Socket  # noqa: N812 - a class, spelt as one

from claudemail import __version__, callsigns, config, running
from claudemail.clients import Clients
from claudemail.errors import ClaudeMailError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_LINE = 4 * 1024 * 1024
_CHUNK = 65_536
_START_S = 15.0
"""How long a starting gateway is waited for: Claude Code gives a server 30 s."""
_START_AGAIN_S = 1.0
"""A gateway that was started may have lost the race for the lock to one that was just ending: then another is needed."""
_WELCOME_S = 10.0
_SEND_S = 30.0
_LOOK_AGAIN_MS = 500
_REVIVE_S = 5.0
"""How long a gateway may be gone before an idle session starts one, so that a restart by a person or a service comes first."""
_ERROR = "claudemail: "
"""What an error begins with that a gateway ends with before it keeps its log, ..."""
_CRITICAL = '"level": "critical"'
"""... and what is in the line of its log that says why it cannot go on."""
_CONTROL = b'{"jsonrpc": "2.0", "method": "claudemail/'
_SHOWING = ("tools/call", "resources/read")
"""Requests whose answers may show mail: the gateway is told when they have been handed over."""
_END = 1_024
_ID = rb'"id"\s*:\s*(\d{1,18}|"[\w-]{1,64}")'
_FIRST_ID = re.compile(rb'\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?' + _ID)
_LAST_ID = re.compile(_ID + rb'\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$')
TOO_LONG = b"(a line that was too long)"
_MODERN = "io.modelcontextprotocol/protocolVersion"
_RETRY = (
    "The ClaudeMail gateway of this node stopped while it worked on this. Nothing that it had accepted is lost. Call again;"
    " repeat a send with the same key, or look first whether it was accepted."
)


class Gone(Exception):
    """The gateway's end of the socket is closed."""


class Lines:
    """Cuts a stream of bytes into lines. One that is too long to be taken leaves `TOO_LONG` and its ends in its place."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._skipping = False
        self._skipped = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that are whole now, without their ends."""
        *whole, rest = (self._rest + data).split(b"\n")
        if self._skipping and whole:
            self._skipped = _ends(self._skipped + whole[0])
            whole[0] = bytearray(TOO_LONG + self._skipped)
            self._skipping = False
        if self._skipping or len(rest) > MAX_LINE:
            self._skipped = _ends((self._skipped if self._skipping else b"") + rest)
            self._skipping = True
            rest = bytearray()
        self._rest = rest
        return [bytes(line) for line in whole if line.strip()]


class Session:
    """One session: its callsign, its connection to the gateway, and what is in flight."""

    def __init__(self, settings: config.Config) -> None:
        self._config = settings
        self._config_state = config.config_state(os.environ)
        self._project = _project_name()
        self._session_id = os.environ.get("CLAUDE_CODE_SESSION_ID") or None
        self._claim = self._claim_callsign()
        self._holder = os.urandom(16).hex()
        self._gateway: Socket | None = None
        self._from_gateway = Lines()
        self._in_flight: dict[str, dict[str, Any]] = {}
        self._initialize: bytes | None = None
        """The handshake of a client of the 2025 protocols, answered once and replayed to every later gateway."""
        self._initialized: bytes | None = None
        self._gone_since = 0.0
        self._client_pid = os.getppid()
        self._woken = 0
        """The number of the latest brief that Claude Code was told of by its inbox."""

    def _claim_callsign(self, former: str | None = None) -> callsigns.Claim:
        wanted = os.environ.get("CLAUDEMAIL_INSTANCE") or None
        return callsigns.claim(self._config, session_id=self._session_id, instance=wanted, former=former)

    def _follow_config(self) -> None:
        """Take over a config that was changed since the last gateway: it may be another node now, with other callsigns."""
        state = config.config_state(os.environ)
        if state == self._config_state:
            return
        self._config = config.load()
        self._claim.release()
        self._claim = self._claim_callsign(former=self._claim.callsign)
        self._config_state = state  # last: a session that finds no callsign now tries again, and has none meanwhile

    def run(self) -> int:
        """Pump until the client closes stdin; return the exit code."""
        from_client = Lines()
        self._connect_quietly(start=True)
        while True:
            poll = select.poll()
            poll.register(0, select.POLLIN)
            if self._gateway is not None:
                poll.register(self._gateway, select.POLLIN)
            ready = dict(poll.poll(None if self._gateway is not None else _LOOK_AGAIN_MS))
            if self._gateway is not None and self._gateway.fileno() in ready:
                self._hear_gateway()
            if 0 in ready:
                data = os.read(0, _CHUNK)
                if not data:
                    return 0
                for line in from_client.feed(data):
                    self._from_client(line)
            if self._gateway is None:
                self._connect_quietly(start=time.monotonic() - self._gone_since > _REVIVE_S)

    def _from_client(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            problem = {"code": -32700, "message": f"That line is not a JSON object of at most {MAX_LINE} bytes."}
            _reply({"jsonrpc": "2.0", "id": _id_of(line), "error": problem})
            return
        method, request = message.get("method"), "method" in message and "id" in message
        if isinstance(method, str) and method.startswith("claudemail/"):
            return  # the client has no business with what travels between us and the gateway
        if method == "notifications/initialized":
            self._initialized = line
        if self._gateway is None and not request:
            return  # a gateway that has just started has no use for it
        try:
            self._forward(line, message, request=request)
        except (ClaudeMailError, OSError) as error:
            # A full disk, say: this process lives on, and the next call may work.
            if request:
                _fail(message, str(error))
        if method == "initialize" and request:
            self._initialize = line

    def _forward(self, line: bytes, message: dict[str, Any], *, request: bool) -> None:
        """Send a client's line, to a new gateway if the one we had is found gone: it has not seen the whole line."""
        for attempt in (1, 2):
            if self._gateway is None:
                self._connect(start=True)
            try:
                self._send(line)
            except Gone:
                self._lost()
                if attempt == 2:
                    raise ClaudeMailError(_RETRY) from None
            else:
                break
        if request:
            self._in_flight[_key(message["id"])] = message

    def _hear_gateway(self) -> None:
        assert self._gateway is not None
        try:
            data = self._gateway.recv(_CHUNK)
            if not data:
                raise Gone
            for line in self._from_gateway.feed(data):
                self._from_gateway_line(line)
        except BrokenPipeError:
            raise  # the client has gone, not the gateway
        except (Gone, OSError, ValueError):
            self._lost()

    def _from_gateway_line(self, line: bytes) -> None:
        message = json.loads(line)
        if line.startswith(_CONTROL):
            if message["method"] == "claudemail/wake":
                self._wake(message["params"]["text"], message["params"]["upto"])
            return
        _write(line + b"\n")
        if "id" in message and "method" not in message:
            asked = self._in_flight.pop(_key(message["id"]), None)
            if asked is not None and asked.get("method") in _SHOWING:
                self._control("shown", {"id": message["id"]})

    def _wake(self, text: str, upto: int) -> None:
        """Tell Claude Code of mail by its inbox, and the gateway whether that went; what was told once is not told again."""
        from claudemail.claude_code import inbox

        clients = Clients(self._config.state_dir)
        if upto > self._told(clients) and inbox.wake(text):
            self._note_told(clients, upto)
        self._control("woken", {"upto": upto, "told": self._told(clients)})

    def _told(self, clients: Clients) -> int:
        return max(clients.told(self._client_pid), self._woken)

    def _note_told(self, clients: Clients, upto: int) -> None:
        self._woken = upto
        try:
            clients.tell(self._client_pid, upto)
        except OSError:
            return  # a full disk: this process remembers

    def _lost(self) -> None:
        """The gateway is gone: say so to whoever waits for an answer."""
        if self._gateway is not None:
            self._gateway.close()
        self._gateway = None
        self._gone_since = time.monotonic()
        asked, self._in_flight = self._in_flight, {}
        for message in asked.values():
            _fail(message, _RETRY)

    def _connect_quietly(self, *, start: bool) -> None:
        try:
            self._connect(start=start)
        except (ClaudeMailError, OSError) as error:
            if start:
                print(f"claudemail: {error}", file=sys.stderr, flush=True)  # noqa: T201 - Claude Code logs it
                self._gone_since = time.monotonic()

    def _connect(self, *, start: bool) -> None:
        """Connect, introduce the session and replay the handshake.

        Raises:
            ClaudeMailError: there is no gateway, it could not be started, it broke off, or it refuses this session.
        """
        self._follow_config()
        self._from_gateway = Lines()
        path = running.socket_path(self._config)
        deadline = time.monotonic() + (_START_S if start else 0)
        started = 0.0
        log = os.path.join(self._config.state_dir, running.LOG)
        said_before = _size(log)
        while True:
            self._gateway = _dial(path)
            if self._gateway is not None:
                break
            why = _last_words(log, said_before) if started else ""
            if why or time.monotonic() >= deadline:
                raise ClaudeMailError(
                    "The ClaudeMail gateway of this node does not run and could not be started.",
                    remedy=why or f"See {log}.",
                )
            if time.monotonic() - started > _START_AGAIN_S:
                running.start(self._config)
                started = time.monotonic()
            time.sleep(0.02)
        try:
            self._introduce()
        except (Gone, ClaudeMailError) as error:
            self._gateway.close()
            self._gateway = None
            if isinstance(error, Gone):
                raise ClaudeMailError("The ClaudeMail gateway of this node broke off.", remedy="Call again.") from None
            raise

    def _introduce(self) -> None:
        self._control(
            "hello",
            {
                "version": __version__,
                "callsign": self._claim.callsign,
                "instance": self._claim.instance,
                "holder": self._holder,
                "pid": os.getpid(),
                "client_pid": self._client_pid,
                "session_id": self._session_id,
                "project": self._project,
            },
        )
        welcome = self._await(lambda message: str(message.get("method", "")).startswith("claudemail/"))
        if welcome["method"] != "claudemail/welcome":
            raise ClaudeMailError(f"The gateway refuses this session: {welcome['params'].get('message')}")
        if self._initialize is not None and self._initialized is not None:
            self._send(self._initialize)
            first = json.loads(self._initialize)["id"]
            self._await(lambda message: message.get("id") == first)
            self._send(self._initialized)

    def _await(self, fits: Any) -> dict[str, Any]:  # noqa: ANN401 - a predicate; typing costs memory
        """Return the next message from the gateway that fits; others that come before it are of no use to the client."""
        assert self._gateway is not None
        self._gateway.settimeout(_WELCOME_S)
        try:
            while True:
                data = self._gateway.recv(_CHUNK)
                if not data:
                    raise Gone
                for line in self._from_gateway.feed(data):
                    message: dict[str, Any] = json.loads(line)
                    if fits(message):
                        return message
        except (OSError, ValueError) as error:
            raise Gone from error
        finally:
            self._gateway.settimeout(_SEND_S)

    def _control(self, word: str, params: dict[str, Any]) -> None:
        self._send(json.dumps({"jsonrpc": "2.0", "method": f"claudemail/{word}", "params": params}).encode())

    def _send(self, line: bytes) -> None:
        assert self._gateway is not None
        try:
            self._gateway.sendall(line + b"\n")
        except OSError as error:
            raise Gone from error


def _project_name() -> str | None:
    """Return the name of the project's folder. It is asked for once: the folder may be gone by the next time."""
    try:
        return os.path.basename(os.environ.get("CLAUDE_PROJECT_DIR") or os.getcwd())[:200] or None
    except OSError:
        return None


def _dial(path: str) -> Socket | None:
    """Return a connection to the gateway, or None when nobody listens."""
    connection = Socket(AF_UNIX, SOCK_STREAM)
    connection.settimeout(_SEND_S)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        return None
    return connection


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _last_words(log: str, before: int) -> str:
    """Return the error with which a gateway ended, if one did since its log had so many bytes."""
    if _size(log) <= before:
        return ""
    with open(log, "rb") as file:
        file.seek(max(before, _size(log) - _CHUNK))
        lines = file.read(_CHUNK).decode("utf-8", "replace").splitlines()
    for line in reversed(lines):
        if line.startswith(_ERROR):
            return line.removeprefix(_ERROR)
        if _CRITICAL in line:
            try:
                return str(json.loads(line)["message"])
            except (ValueError, KeyError):
                continue
    return ""


def _ends(line: bytes | bytearray) -> bytes:
    """Return the beginning and the end of a line that is too long to be kept."""
    return bytes(line if len(line) <= 2 * _END else line[:_END] + line[-_END:])


def _id_of(line: bytes) -> int | str | None:
    """Return the id of a request of which only the ends are there, so that its sender does not wait for ever."""
    ends = line.removeprefix(TOO_LONG)
    found = ends != line and (_FIRST_ID.match(ends) or _LAST_ID.search(ends))
    id: int | str | None = json.loads(found[1]) if found else None
    return id


def _key(id: object) -> str:
    return json.dumps(id)


def _fail(asked: dict[str, Any], text: str) -> None:
    """Answer a request with an error: one that the model reads, where it called a tool."""
    answer: dict[str, Any] = {"jsonrpc": "2.0", "id": asked["id"]}
    if asked["method"] == "tools/call":
        answer["result"] = {"content": [{"type": "text", "text": text}], "isError": True}
        params = asked.get("params")
        meta = params.get("_meta") if isinstance(params, dict) else None
        if isinstance(meta, dict) and _MODERN in meta:
            answer["result"]["resultType"] = "complete"
    else:
        answer["error"] = {"code": -32000, "message": text}
    _reply(answer)


def _reply(message: dict[str, Any]) -> None:
    _write(json.dumps(message).encode() + b"\n")


def _write(data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(1, rest) :]


def main() -> int:
    """Run the session process; return the exit code.

    Raises:
        ClaudeMailError: the configuration has mistakes, or no callsign is free.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Claude Code's way to end a server; there is nothing to clean up
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # a gateway that we started and that has ended is nobody's zombie
    try:
        return Session(config.load()).run()
    except BrokenPipeError:
        return 0
