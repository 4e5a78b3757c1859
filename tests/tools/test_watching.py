"""/metrics and /healthz: at the gateway's own socket, and at a port of loopback where the config has one."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from claudemail import __version__, running
from claudemail.service.lifecycle import health
from claudemail.testing import Fleet, Member, free_ports, until
from tests.nursery import Nursling

Connect = Callable[..., Any]
_ANSWER_S = 20


def ask(member: Member, request: bytes) -> bytes:
    """Send bytes to the gateway's socket and return all that it answers."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_ANSWER_S)
        connection.connect(running.socket_path(member.config))
        connection.sendall(request)
        answer = b""
        while data := connection.recv(65_536):
            answer += data
    return answer


def get(member: Member, path: str) -> tuple[int, str]:
    """GET a page at the gateway's socket; return its status and text."""
    head, _, body = ask(member, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()).partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


def scrape(member: Member) -> dict[str, Metric]:
    """Return a gateway's metrics, as Prometheus understands them."""
    status, text = get(member, "/metrics")
    assert status == 200
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(families: Mapping[str, Metric], name: str, **labels: str) -> float | None:
    """Return the value of a sample, or None when there is none."""
    for family in families.values():
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return None


def test_what_is_measured(fleet: Fleet) -> None:
    """Mail that was carried is in the counters and what waits in the gauges, with help texts, and without anybody's name."""
    fleet.start()
    here, there = fleet["server1"], fleet["server2"]
    done = subprocess.run(
        running.own_command("send", "--to", "charlie", "--title", "Secret plan", "--body", "Meet at noon", "--wait", "delivered"),
        env=here.environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    families = scrape(here)
    assert value(families, "claudemail_parcels_sent_total", peer="server2") == 1
    assert value(families, "claudemail_peer_waiting_parcels", peer="server2") == 0
    assert value(families, "claudemail_peer_up", peer="server2") == 1
    assert value(families, "claudemail_peer_dead_letters", peer="server2") == 0
    assert value(families, "claudemail_store_up") == 1
    assert value(families, "claudemail_store_failures_total") == 0
    assert (value(families, "claudemail_store_commits_total") or 0) >= 1
    assert value(families, "claudemail_sessions") == 0
    [build] = families["claudemail_build_info"].samples
    assert build.labels["version"] == __version__
    assert value(families, "process_open_fds") or os.uname().sysname != "Linux"
    received = scrape(there)
    assert value(received, "claudemail_parcels_received_total", peer="server1") == 1
    assert value(received, "claudemail_unread_briefs") == 1
    assert value(received, "claudemail_requests_total", path="/v1/parcels", status="200") == 1
    assert (value(received, "claudemail_request_bytes_total", path="/v1/parcels") or 0) > 100
    assert value(received, "claudemail_peer_clock_skew_seconds", peer="server1") is not None
    for family in (*families.values(), *received.values()):
        assert family.documentation, family.name
        assert family.name.startswith(("claudemail_", "process_"))
    text = get(here, "/metrics")[1] + get(there, "/metrics")[1]
    for words in ("Secret", "noon", "charlie", "operator", "alpha"):
        assert words not in text

    there.kill()
    subprocess.run(
        running.own_command("send", "--to", "charlie", "--title", "waits"), env=here.environment, check=True, timeout=60,
        capture_output=True,
    )  # fmt: skip

    def waits() -> bool:
        found = scrape(here)
        age = value(found, "claudemail_peer_oldest_waiting_seconds", peer="server2") or 0
        return value(found, "claudemail_peer_waiting_parcels", peer="server2") == 1 and age > 0

    until(waits, "what waits is measured")


def test_requests_that_are_refused_are_counted_under_no_made_up_name(fleet: Fleet) -> None:
    """Paths that there are not are one label, whatever a caller asks for; and a refusal is in the log, once."""
    member = fleet["server1"]
    member.start()
    node = member.config.node
    for number in range(5):
        connection = http.client.HTTPConnection(node.ip, node.port, timeout=_ANSWER_S)
        connection.request("GET", f"/made/up/{number}?key=hush")
        assert connection.getresponse().status == 404
        connection.close()
    assert value(scrape(member), "claudemail_requests_total", path="other", status="404") == 5
    assert "made" not in get(member, "/metrics")[1]
    log = [json.loads(line) for line in (member.folder / running.LOG).read_text().splitlines()]
    [refused] = [entry for entry in log if entry["event"] == "request_refused"]
    assert (refused["status"], refused["path"], refused["caller"]) == (404, "/made/up/0", "127.0.0.1")
    assert "hush" not in json.dumps(log)


async def test_health_says_who_is_there(fleet: Fleet, connect: Connect) -> None:
    """A gateway that serves answers 200, with how many sessions it has and where it listens."""
    member = fleet["server1"]
    member.start()
    async with connect(member) as alpha:
        await alpha("roster")
        status, text = await asyncio.to_thread(get, member, "/healthz")
        found = json.loads(text)
        assert (status, found["status"], found["sessions"], found["node"]) == (200, "ok", 1, "server1")
        assert found["listening"] == f"127.0.0.1:{member.config.node.port}"
        assert value(await asyncio.to_thread(scrape, member), "claudemail_sessions") == 1
    until(lambda: (health(member.config) or {}).get("sessions") == 0, "the session has gone")


def test_health_without_a_store(fleet: Fleet) -> None:
    """A gateway that cannot read its mail is not well, and its other metrics are there all the same."""
    member = fleet["server1"]
    member.start()
    assert member.gateway is not None
    member.gateway.send_signal(signal.SIGSTOP)  # so that it does not end by itself, for want of its mail
    Path(member.config.db_path).rename(member.folder / "elsewhere.db")
    with socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
        for connection, path in ((first, b"/healthz"), (second, b"/metrics")):
            connection.settimeout(_ANSWER_S)
            connection.connect(running.socket_path(member.config))
            connection.sendall(b"GET " + path + b" HTTP/1.1\r\n\r\n")
        member.gateway.send_signal(signal.SIGCONT)
        assert first.recv(4096).startswith(b"HTTP/1.1 503")
        assert b"claudemail_store_up 0.0" in second.recv(65_536)


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (b"GET /nothing HTTP/1.1\r\n\r\n", 404),
        (b"POST /metrics HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}", 405),
        (b"GET HTTP/1.1\r\n\r\n", 404),
        (b" HTTP/1.1\r\n\r\n", 405),
        (b"GET /metrics HTTP/1.0\n\n", 200),
        (b"HEAD /healthz HTTP/1.1\r\n\r\n", 200),
        (b"GET /metrics?x=1 HTTP/1.1\r\nAccept: application/openmetrics-text; version=1.0.0\r\n\r\n", 200),
        (b"GET /metrics HTTP/1.1\r\n" + b"x: y\r\n" * 100 + b"\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nx: " + b"y" * 20_000 + b"\r\n\r\n", 400),
    ],
)
def test_requests_of_any_shape_get_an_answer(alone: Member, request_text: bytes, status: int) -> None:
    """What is no request for a page is told so, and the gateway serves the next."""
    answer = ask(alone, request_text)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer[:200]
    if request_text.startswith(b"HEAD"):
        assert answer.endswith(b"\r\n\r\n")
    assert get(alone, "/healthz")[0] == 200


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A node without peers, whose gateway runs, with metrics at a port of loopback as well."""
    with Fleet(tmp_path_factory.mktemp("alone"), {"solo": {"main": ["alpha"]}}) as fleet:
        member = fleet["solo"]
        data = json.loads(member.config_path.read_text())
        member.config_path.write_text(json.dumps({**data, "metrics_port": free_ports(1)[0]}))
        member = fleet.nodes["solo"] = Nursling(member.config_path)
        member.start()
        yield member


def test_curl_understands_it(alone: Member) -> None:
    """What the README says works."""
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("there is no curl here")
    line = [curl, "-sS", "--fail", "--unix-socket", running.socket_path(alone.config), "http://localhost/metrics"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=_ANSWER_S, check=False)
    assert done.returncode == 0, done.stderr
    assert "# HELP claudemail_sessions " in done.stdout


class TestPort:
    """The port of loopback."""

    def answer(self, member: Member, path: str, **headers: str) -> tuple[int, str]:
        """GET a page there."""
        assert member.config.metrics_port is not None

        def listens() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", member.config.metrics_port)) == 0

        until(listens, "the port is open")
        connection = http.client.HTTPConnection("127.0.0.1", member.config.metrics_port, timeout=_ANSWER_S)
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response.status, text

    def test_pages(self, alone: Member) -> None:
        """It has the same pages as the socket."""
        assert self.answer(alone, "/healthz")[0] == 200
        status, text = self.answer(alone, "/metrics")
        assert status == 200
        assert "claudemail_build_info" in text

    def test_browsers(self, alone: Member) -> None:
        """A web page in somebody's browser learns nothing, under whatever name it reaches the port."""
        assert self.answer(alone, "/metrics", Host="evil.example")[0] == 403
        assert self.answer(alone, "/metrics", Origin="http://evil.example")[0] == 403

    def test_no_session(self, alone: Member) -> None:
        """It takes no sessions: those are for whoever may open the socket."""
        with socket.create_connection(("127.0.0.1", alone.config.metrics_port or 0), timeout=_ANSWER_S) as connection:
            connection.sendall(b'{"jsonrpc": "2.0", "method": "claudemail/hello", "params": {}}\n\r\n')
            assert connection.recv(4096).startswith(b"HTTP/1.1 4")
