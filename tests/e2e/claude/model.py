"""A model for tests with the real client: the Messages API on loopback, answering by rules instead of thought.

A rule says what to do once some text is in the newest part of the conversation: which tools to call, one a turn, and what to
say at the end. Where no rule fits it says OK. All that the model was shown is kept, so that tests can look at it.
"""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

_USAGE = {"input_tokens": 10, "output_tokens": 5, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}


class Call(NamedTuple):
    """Have a tool called."""

    tool: str
    arguments: dict[str, Any]


class Shown(NamedTuple):
    """A text that the model was shown."""

    at: float
    role: str
    kind: str
    text: str


Step = Call | str


class Model:
    """Plays the model. Use it as a context manager; `url` is where it is."""

    def __init__(self) -> None:
        self._rules: list[tuple[re.Pattern[str], Sequence[Step]]] = []
        self._requests: list[tuple[float, dict[str, Any]]] = []
        self._changed = threading.Condition()
        model = self

        class Handler(_Handler):
            answers = model

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Model:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def when(self, pattern: str, *steps: Step) -> None:
        """Have this done once a text in which `pattern` is found is the newest that a rule fits."""
        self._rules.insert(0, (re.compile(pattern, re.DOTALL), steps))

    @property
    def shown(self) -> list[Shown]:
        """All that the model was shown, in every role, each once for every request that had it."""
        with self._changed:
            requests = list(self._requests)
        return [Shown(at, *part) for at, body in requests for part in _parts(body)]

    def turns(self) -> list[list[Shown]]:
        """What the model was shown, request by request; only those that offered tools, which are the session's own."""
        with self._changed:
            requests = [(at, body) for at, body in self._requests if body.get("tools")]
        return [[Shown(at, *part) for part in _parts(body)] for at, body in requests]

    def wait_for(self, pattern: str, seconds: float = 20.0, *, after: int = 0) -> Shown:
        """Return the first text in which `pattern` is found, of requests after so many, once the model is shown it.

        Raises:
            AssertionError: it was not in all this time.
        """
        deadline, wanted = time.monotonic() + seconds, re.compile(pattern, re.DOTALL)
        with self._changed:
            while True:
                for at, body in self._requests[after:]:
                    for part in _parts(body):
                        if wanted.search(part[2]):
                            return Shown(at, *part)
                if not self._changed.wait(deadline - time.monotonic()):
                    seen = "\n".join(repr(part) for _, body in self._requests[after:][-1:] for part in _parts(body))
                    raise AssertionError(f"the model was never shown {pattern!r}; the last request:\n{seen[-4000:]}")

    @property
    def asked(self) -> int:
        """How many requests there were."""
        with self._changed:
            return len(self._requests)

    def answer(self, body: dict[str, Any]) -> Step:
        """Return what the model does next, and keep what it was shown."""
        with self._changed:
            self._requests.append((time.monotonic(), body))
            self._changed.notify_all()
        if not body.get("tools"):
            return '{"title": "a test"}'
        steps: Sequence[Step] = ()
        done = 0
        for role, kind, text in _parts(body):
            fitting = next(
                (rule for pattern, rule in self._rules if kind != "tool_result" and pattern.search(text)), None
            )
            if fitting is not None and role != "assistant":
                steps, done = fitting, 0
            elif kind == "tool_result":
                done += 1
        return steps[done] if done < len(steps) else "OK"


def _parts(body: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield (role, kind, text) of all that a request shows, in order."""
    system = body.get("system")
    for block in _blocks(system):
        yield "system", "prompt", str(block.get("text", ""))
    for message in body.get("messages", ()):
        for block in _blocks(message["content"]):
            kind = block.get("type", "text")
            value = block.get("text")
            if value is None:
                value = block.get("content") if kind == "tool_result" else block.get("input")
            if isinstance(value, list):
                value = "\n".join(str(item.get("text", item)) for item in value)
            yield message["role"], kind, value if isinstance(value, str) else json.dumps(value)


def _blocks(content: object) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return list(content) if isinstance(content, list) else []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answers: Model

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        del format, args

    def do_HEAD(self) -> None:
        self._reply(200, {})

    def do_GET(self) -> None:
        self._reply(404, {"type": "error", "error": {"type": "not_found_error", "message": "there is none"}})

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = self.path.partition("?")[0]
        if path.endswith("/count_tokens"):
            self._reply(200, {"input_tokens": 10})
        elif path.endswith("/v1/messages"):
            self._message(json.loads(raw))
        else:
            self.do_GET()

    def _message(self, body: dict[str, Any]) -> None:
        step = self.answers.answer(body)
        block: dict[str, Any] = {"type": "text", "text": step}
        if isinstance(step, Call):
            block = {
                "type": "tool_use",
                "id": f"toolu_{uuid.uuid4().hex[:20]}",
                "name": step.tool,
                "input": step.arguments,
            }
        message = {
            "id": f"msg_{uuid.uuid4().hex[:20]}",
            "type": "message",
            "role": "assistant",
            "model": body.get("model", "none"),
            "stop_sequence": None,
        }
        stop = "tool_use" if isinstance(step, Call) else "end_turn"
        if body.get("stream"):
            self._stream(message, block, stop)
        else:
            self._reply(200, {**message, "content": [block], "stop_reason": stop, "usage": _USAGE})

    def _stream(self, message: dict[str, Any], block: dict[str, Any], stop: str) -> None:
        if block["type"] == "tool_use":
            empty = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        else:
            empty, delta = {**block, "text": ""}, {"type": "text_delta", "text": block["text"]}
        begun = {**message, "content": [], "stop_reason": None, "usage": _USAGE}
        events: list[tuple[str, dict[str, Any]]] = [
            ("message_start", {"message": begun}),
            ("content_block_start", {"index": 0, "content_block": empty}),
            ("content_block_delta", {"index": 0, "delta": delta}),
            ("content_block_stop", {"index": 0}),
            ("message_delta", {"delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {"output_tokens": 5}}),
            ("message_stop", {}),
        ]
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for name, data in events:
            self.wfile.write(f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode())
        self.close_connection = True

    def _reply(self, status: int, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
