"""What a service manager is told by a real gateway."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from claudemail import running
from claudemail.service.lifecycle import health
from claudemail.testing import Fleet, Member


class Served(Member):
    """A node whose gateway is a service."""

    def __init__(self, config_path: Path) -> None:
        super().__init__(config_path)
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(self.folder / "notify"))
        self.manager.settimeout(20)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its processes."""
        own = {"NOTIFY_SOCKET": str(self.folder / "notify"), running.SERVICE_ENV: "claudemail-server1"}
        return {**super().environment, **own}

    def said(self) -> dict[str, str]:
        """Return the next that the gateway says, by its names."""
        return dict(line.split("=", 1) for line in self.manager.recv(4096).decode().splitlines())


@pytest.fixture
def served(fleet: Fleet) -> Iterator[Served]:
    """The node `server1`, whose gateway is a service."""
    member = Served(fleet["server1"].config_path)
    fleet.nodes["server1"] = member
    with member.manager:
        yield member
        member.kill()


def test_it_is_ready_when_it_answers(served: Served) -> None:
    """READY comes once the socket answers and peers are heard; what it says is where."""
    served.start(wait=False)
    said = served.said()
    assert said["READY"] == "1"
    assert said["STATUS"] == f"server1: 127.0.0.1:{served.config.node.port}"
    found = health(served.config)
    assert found is not None
    assert found["listening"] == f"127.0.0.1:{served.config.node.port}"
    served.kill(signal.SIGTERM)
    assert served.said() == {"STOPPING": "1"}


def test_beginning_anew_is_no_end(served: Served) -> None:
    """After a change of the config it is the same process, ready again, with the same log, and counts anew."""
    served.start()
    assert served.gateway is not None
    assert served.said()["READY"] == "1"
    data = json.loads(served.config_path.read_text())
    served.config_path.write_text(json.dumps({**data, "poll_interval_ms": 1234}))
    assert "RELOADING" in served.said()
    assert served.said()["READY"] == "1"
    notice = running.read_notice(served.config.state_dir)
    assert notice is not None
    assert (notice.pid, notice.service) == (served.gateway.pid, "claudemail-server1")
    assert (health(served.config) or {}).get("status") == "ok"
    entries = [json.loads(line) for line in (served.folder / running.LOG).read_text().splitlines()]
    own = ("started", "config_changed", "stopping", "stopped")
    assert [entry["event"] for entry in entries if entry["event"] in own] == [*own, "started"]
    served.kill(signal.SIGTERM)
    assert served.said() == {"STOPPING": "1"}


def test_a_port_that_is_taken_keeps_no_session_waiting(served: Served) -> None:
    """It is ready for its own sessions, and says why peers are not heard."""
    node = served.config.node
    with socket.socket() as other:
        other.bind((node.ip, node.port))
        other.listen()
        served.start(wait=False)
        assert "cannot listen" in served.said()["STATUS"]
        found = health(served.config)
        assert found is not None
        assert (found["status"], found["listening"]) == ("ok", None)
        assert "cannot listen" in found["listen_error"]
    assert served.said()["STATUS"] == f"server1: {node.ip}:{node.port}"
