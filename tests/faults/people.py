"""Who writes and reads in a fleet under test: processes that use the office, and real `claudemail mcp` sessions."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from claudemail.running import own_command
from tests.faults.correspondent import Log, events, next_number, title_of
from tests.faults.fleets import Node

_TITLE = re.compile(r"\b[a-z]+-\d{6}\b")
_PAUSE_S = 0.02
_DIGEST_EVERY = 7


class Person:
    """Somebody with a callsign who sends to all of `addresses` in turn. What it did stands in its log."""

    def __init__(self, node: Node, name: str, addresses: Sequence[str]) -> None:
        self.node = node
        self.name = name
        self.addresses = list(addresses)
        self.log = node.folder.parent / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def accepted(self) -> int:
        """Return how many briefs were accepted so far."""
        return next_number(self.log) - 1

    def start(self) -> None:
        """Begin, or go on after a kill."""
        raise NotImplementedError

    def kill(self) -> None:
        """Kill the process with SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> None:
        """Finish what is under way, and end."""
        raise NotImplementedError


class Correspondent(Person):
    """A process of its own that works in the office, as the command line does."""

    def start(self) -> None:
        command = [sys.executable, "-P", str(Path(__file__).with_name("correspondent.py")), self.name, str(self.log)]
        with (self.node.folder.parent / f"{self.name}.err").open("ab") as errors:
            self.process = subprocess.Popen(
                [*self.node.prefix, *command, *self.addresses],
                env=self.node.environment,
                stdin=subprocess.PIPE,
                stdout=errors,
                stderr=errors,
            )

    def kill(self) -> None:
        super().kill()
        self._close()

    def stop(self) -> None:
        self._close()
        if self.process is not None:
            self.process.wait(60)

    def _close(self) -> None:
        if self.process is not None and self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()


class SessionPerson(Person):
    """A Claude Code session's stand-in: a thread that talks MCP to a real `claudemail mcp`, started again when it is killed."""

    def __init__(self, node: Node, name: str, instance: str, addresses: Sequence[str]) -> None:
        super().__init__(node, name, addresses)
        self.instance = instance
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._ids = 0
        self.error: BaseException | None = None

    def start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._live, name=self.name, daemon=True)
            self._thread.start()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()  # the thread takes notice, and what is still in the pipe

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(90)
            assert not self._thread.is_alive(), f"{self.name} does not come to an end"
        if self.error is not None:
            raise self.error

    def _live(self) -> None:
        log = Log(self.log)
        try:
            while not self._stopping.is_set():
                with contextlib.suppress(EOFError, BrokenPipeError):
                    self._one_life(log)
        except BaseException as error:  # noqa: BLE001 - told by `stop`
            self.error = error
        finally:
            log.close()

    def _one_life(self, log: Log) -> None:
        with (self.node.folder.parent / f"{self.name}.err").open("ab") as errors:
            self.process = subprocess.Popen(
                [*self.node.prefix, *own_command("mcp")],
                env={**self.node.environment, "CLAUDEMAIL_INSTANCE": self.instance},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        try:
            self._greet()
            while not self._stopping.wait(_PAUSE_S):
                self._send_one(log)
        finally:
            for pipe in (self.process.stdin, self.process.stdout):
                assert pipe is not None
                with contextlib.suppress(OSError):
                    pipe.close()
            self.process.kill()
            self.process.wait()

    def _greet(self) -> None:
        hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "faults", "version": "1"}}
        while "error" in self._ask("initialize", hello):
            self._stopping.wait(_PAUSE_S)
            if self._stopping.is_set():
                return
        self._write({"jsonrpc": "2.0", "method": "notifications/initialized"})
        text, failed = self.call("roster")
        assert failed or f"You are {self.name}" in text, text[:300]

    def _send_one(self, log: Log) -> None:
        number = next_number(self.log)
        to, title = self.addresses[number % len(self.addresses)], title_of(self.name, number)
        log.add("try", number=number, to=to)
        text, failed = self.call("send", to=to, title=title, key=title, body="x" * 200)
        if failed:
            log.add("refused", number=number, code="tool", message=text)
            return
        log.add("ok", number=number)
        if number % _DIGEST_EVERY == 0:
            text, failed = self.call("digest")
            if not failed:
                log.add("shown", titles=_TITLE.findall(text))

    def call(self, tool: str, **arguments: Any) -> tuple[str, bool]:
        """Call a tool; return its text and whether it is an error."""
        answer = self._ask("tools/call", {"name": f"claudemail_{tool}", "arguments": arguments})
        if "error" in answer:
            return str(answer["error"]), True
        return answer["result"]["content"][0]["text"], bool(answer["result"].get("isError"))

    def _ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._ids += 1
        self._write({"jsonrpc": "2.0", "id": self._ids, "method": method, "params": params})
        assert self.process is not None
        assert self.process.stdout is not None
        while True:
            line = self.process.stdout.readline()
            if not line.endswith(b"\n"):
                raise EOFError
            answer: dict[str, Any] = json.loads(line)
            if answer.get("id") == self._ids:
                return answer

    def _write(self, message: dict[str, Any]) -> None:
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()


def last_refusal(person: Person) -> str:
    """Return the code and message of the last send that was refused."""
    refused = [one for one in events(person.log) if one["event"] == "refused"]
    return f"{refused[-1]['code']}: {refused[-1]['message']}" if refused else ""
