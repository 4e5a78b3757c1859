"""What Claude Code's hooks run, `claudemail hook`: some milliseconds each, standard library only, and never a fault of theirs.

The event comes as JSON on stdin; what is printed reaches the model. Whatever goes wrong ends with exit code 0 and a line in
`hooks.log`: a session must not suffer for its mail.
"""

from __future__ import annotations

import json
import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from claudemail.clients import Clients, Record
    from claudemail.config import Config
    from claudemail.store.standing import Standing

EVENTS = ("SessionStart", "UserPromptSubmit", "Stop", "SessionEnd", "FileChanged")
LOG = "hooks.log"
WOKEN = 2
"""The exit code by which a hook that may rewake has Claude Code show its stderr to the model."""
_MOST_INPUT = 16 * 1024 * 1024
_MOST_LOG = 256 * 1024
_BUSY_S = 0.5
_ENDS = ("clear", "resume")
"""Reasons for the end of a session after which the process goes on with another."""


def main() -> int:
    """Answer the hook that stdin tells of; return the exit code."""
    folder = None
    try:
        from claudemail import config

        settings = config.load()
        folder = settings.state_dir
        code = _answer(settings, json.loads(sys.stdin.buffer.read(_MOST_INPUT)))
        for stream in (sys.stdout, sys.stderr):
            stream.flush()  # the process ends without taking itself apart
    except Exception as error:  # noqa: BLE001 - see above
        _note(folder, error)
        return 0
    return code


def _answer(settings: Config, event: dict[str, Any]) -> int:
    answers: dict[str, Callable[[Hook], int]] = {
        "SessionStart": Hook.started,
        "UserPromptSubmit": Hook.prompted,
        "Stop": Hook.stopping,
        "SessionEnd": Hook.ended,
        "FileChanged": Hook.pinged,
    }
    answer = answers.get(event["hook_event_name"])
    pid = int(os.environ.get("CLAUDE_PID") or os.getppid())
    return 0 if answer is None else answer(Hook(settings, event, pid))


class Hook:
    """One event of one Claude Code process."""

    def __init__(self, settings: Config, event: dict[str, Any], pid: int) -> None:
        from claudemail.clients import Clients

        self._settings = settings
        self._event = event
        self._pid = pid
        self._clients: Clients = Clients(settings.state_dir)

    def started(self) -> int:
        """Say who the session is and what is unread, and have the ping file watched."""
        from claudemail import callsigns
        from claudemail.claude_code import words

        record = callsigns.choose(self._settings, self._pid, self._event.get("session_id"))
        if record is None:
            return 0
        state = self._standing(record)
        text = words.at_start(record.callsign, self._settings.node_id, state, titles=self._settings.hook_titles)
        ping = os.path.join(self._settings.ping_dir, record.callsign)
        os.makedirs(self._settings.ping_dir, mode=0o700, exist_ok=True)
        self._say({"additionalContext": text, "watchPaths": [ping]})
        self._told(record, state)
        return 0

    def prompted(self) -> int:
        """Say what has come since the session was told last."""
        from claudemail.claude_code import words

        record = self._record()
        if record is None:
            return 0
        state = self._standing(record, after=self._clients.told(self._pid))
        if state.fresh:
            text = words.news(record.callsign, state, titles=self._settings.hook_titles)
            self._say({"additionalContext": text})
            self._told(record, state)
        return 0

    def stopping(self) -> int:
        """Keep the session from ending its turn, once, while urgent mail is unread."""
        from claudemail.claude_code import words

        if self._event.get("stop_hook_active"):
            return 0
        record = self._record()
        if record is None:
            return 0
        state = self._standing(record, after=self._clients.held(self._pid))
        urgent = [one for one in state.fresh if one.is_urgent]
        if urgent:
            self._clients.hold(
                self._pid, urgent[0].number
            )  # first: a session that could not be let go must not be held
            json.dump({"decision": "block", "reason": words.before_stop(record.callsign, urgent)}, sys.stdout)
            self._told(record, state)
        return 0

    def ended(self) -> int:
        """Forget a process that ends."""
        if self._event.get("reason") not in _ENDS:
            self._clients.forget(self._pid)
        return 0

    def pinged(self) -> int:
        """Wake the session, where the gateway wrote into its ping file because there was no better way."""
        record = self._record()
        path = self._event.get("file_path")
        if record is None or path != os.path.join(self._settings.ping_dir, record.callsign):
            return 0
        with open(path, encoding="utf-8") as file:
            ping = json.loads(file.read(_MOST_LOG) or "{}")
        upto = int(ping.get("upto", 0))
        if upto <= self._clients.told(self._pid):
            return 0
        self._clients.tell(self._pid, upto)
        self._tell_gateway(record, upto)
        sys.stderr.write(str(ping["text"]))
        return WOKEN

    def _record(self) -> Record | None:
        from claudemail import callsigns

        return callsigns.choose(self._settings, self._pid, self._event.get("session_id"))

    def _standing(self, record: Record, after: int = 0) -> Standing:
        from claudemail.store.standing import Look, Standing, standing

        if not os.path.exists(self._settings.db_path):
            return Standing(0, 0, 0, [])
        with Look(self._settings.db_path) as connection:
            return standing(connection, (record.callsign, record.instance), time.strftime("%Y-%m-%d"), after=after)

    def _told(self, record: Record, state: Standing) -> None:
        if state.fresh:
            newest = state.fresh[0].number
            self._clients.tell(self._pid, newest)
            self._tell_gateway(record, newest)

    def _tell_gateway(self, record: Record, upto: int) -> None:
        """Have the gateway send receipts; where none runs, the next one does so when it finds that the session knows."""
        from socket import AF_UNIX, SOCK_STREAM, socket

        from claudemail.sockets import gateway_socket

        line = {"jsonrpc": "2.0", "method": "claudemail/told", "params": {"callsign": record.callsign, "upto": upto}}
        with socket(AF_UNIX, SOCK_STREAM) as connection:
            connection.settimeout(_BUSY_S)
            try:
                connection.connect(gateway_socket(self._settings.state_dir))
                connection.sendall(json.dumps(line).encode() + b"\n")
            except OSError:
                return

    def _say(self, output: dict[str, Any]) -> None:
        name = self._event["hook_event_name"]
        json.dump({"hookSpecificOutput": {"hookEventName": name, **output}}, sys.stdout)


def _note(folder: str | None, error: Exception) -> None:
    """Write down what went wrong, in a log that is kept small."""
    line = (
        f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} hook: {type(error).__name__}: {error}\n".replace("\n", " ").rstrip()
        + "\n"
    )
    try:
        folder = folder or os.path.expanduser("~/.claudemail")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        path = os.path.join(folder, LOG)
        if os.path.exists(path) and os.path.getsize(path) > _MOST_LOG:
            os.replace(path, f"{path}.1")
        with open(path, "a", encoding="utf-8") as file:
            file.write(line)
    except OSError:
        return
