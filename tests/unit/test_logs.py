"""The gateway's log: what a line of it is, and what becomes of the file."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from claudemail.logs import AsJson, ForPeople, LogFile, entry, pieces

Make = Callable[..., tuple[logging.Logger, LogFile]]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """A function that makes a logger with a log file of its own."""
    made: list[tuple[logging.Logger, LogFile]] = []

    def new(path: Path = tmp_path / "gateway.log", **options: int) -> tuple[logging.Logger, LogFile]:
        file = LogFile(str(path), **options)
        file.setFormatter(AsJson())
        # Not of the tree of loggers, where pytest would listen, and choke on what is no text.
        logger = logging.Logger(f"claudemail.test.{len(made)}", logging.INFO)  # noqa: LOG001 - on purpose, see above
        logger.addHandler(file)
        made.append((logger, file))
        return made[-1]

    yield new
    for logger, file in made:
        logger.removeHandler(file)
        file.close()


def entries(path: Path) -> list[dict[str, Any]]:
    """Return the entries of a log; every line must be one."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_is_an_object_with_its_fields(make: Make, tmp_path: Path) -> None:
    """Time, level, event and message come first, then the fields of the event; a call without an event is named by its module."""
    logger, _ = make()
    logger.info("%s answers", "server2", extra={"event": "answered", "peer": "server2", "ms": 1.23456, "bytes": 7})
    logger.warning("as ever")
    first, second = entries(tmp_path / "gateway.log")
    assert list(first) == ["ts", "level", "event", "message", "peer", "ms", "bytes"]
    assert (first["level"], first["event"], first["message"]) == ("info", "answered", "server2 answers")
    assert (first["ms"], first["bytes"]) == (1.235, 7)
    assert len(first["ts"]) == len("2026-11-25T15:19:18.042Z")
    assert first["ts"].endswith("Z")
    assert (second["level"], second["event"]) == ("warning", "test.0")
    assert (tmp_path / "gateway.log").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "text",
    [
        'x"}\n{"ts": "2026-01-01T00:00:00.000Z", "level": "info", "event": "forged"}',
        "x\r\nforged",
        "x\u2028forged\x85forged",
        "\x1b]0;owned\x07\x1b[31mred\u202e",
        "\ud800lone",
        "y" * 100_000,
    ],
    ids=["an entry", "a line", "other line ends", "escapes", "half a character", "long"],
)
def test_text_of_a_peer_forges_no_line(make: Make, tmp_path: Path, text: str) -> None:
    """Whatever a peer's words are, they stay within one line, scrubbed and short, in the message, the fields and an error."""
    logger, file = make()
    try:
        raise ValueError(text)
    except ValueError:
        logger.exception("peer says %s", text, extra={"event": text, "why": text, "what": [text]})
    raw = (tmp_path / "gateway.log").read_bytes()
    assert raw.count(b"\n") == 1
    assert raw.isascii()
    assert len(raw) < 20_000
    [found] = entries(tmp_path / "gateway.log")
    assert found["event"] != "forged"
    for name in ("event", "message", "why", "what", "error"):
        assert not [char for char in found[name] if ord(char) < 32 or char in "\x7f\x85\x9b\u2028\u202e\ud800"]
    record = logging.makeLogRecord({"name": "x", "msg": "%s", "args": (text,), "levelname": "INFO", "why": text})
    shown = ForPeople(colour=False).format(record)
    assert "\n" not in shown
    assert "\x1b" not in shown
    assert file.follows(2) is False


def test_secrets_and_mail_are_not_logged() -> None:
    """A field that is named like a secret or like mail is hidden, and so is what Pydantic quotes of somebody's input."""

    class Model(BaseModel):
        body: int

    mail = {"body": f"the plan is to meet at {'no' + 'on'}"}
    with pytest.raises(ValidationError) as caught:
        Model.model_validate(mail)
    secrets = dict.fromkeys(("title", "body", "token", "public_key", "signature", "password"), "hush")
    error = caught.value
    record = logging.LogRecord("x", logging.ERROR, "", 0, "%s", (error,), (type(error), error, error.__traceback__))
    vars(record).update(secrets)
    text = json.dumps(entry(record))
    assert "hush" not in text
    assert "noon" not in text
    assert "int_parsing" in text


def test_a_line_for_people() -> None:
    """On a terminal it is read from left to right; colour is only for the level and what stands back."""
    record = logging.makeLogRecord(
        {"name": "x", "msg": "no way", "levelname": "WARNING", "event": "lane_waits", "peer": "server2"}
    )
    plain, coloured = ForPeople(colour=False).format(record), ForPeople(colour=True).format(record)
    assert "warning  no way  peer=server2" in plain.replace("   ", "  ")
    assert "\x1b[33m" in coloured
    assert "".join(text for text, _ in pieces(entry(record))) == plain


def test_the_file_begins_anew_by_its_size(make: Make, tmp_path: Path) -> None:
    """A file that would grow too large is put aside, and only so many of them are kept; no line is lost in between."""
    logger, _ = make(most_bytes=2_000, kept=2)
    for number in range(100):
        logger.info("line", extra={"number": number})
    files = sorted(tmp_path.glob("gateway.log*"))
    assert [file.name for file in files] == ["gateway.log", "gateway.log.1", "gateway.log.2"]
    assert all(file.stat().st_size <= 2_000 for file in files)
    numbers = [found["number"] for file in reversed(files) for found in entries(file)]
    assert numbers == list(range(numbers[0], 100))


def test_output_follows_the_file(tmp_path: Path) -> None:
    """What a process prints to stderr, where that is the log, goes to the new file once the log has begun anew."""
    path = tmp_path / "gateway.log"
    script = (
        "import logging, os, sys\nfrom claudemail import logs\nlogs.MOST_BYTES = 2000\n"
        "file = logs.LogFile(sys.argv[1], most_bytes=2000)\nassert file.follows(2)\nfile.setFormatter(logs.AsJson())\n"
        "log = logging.getLogger()\nlog.addHandler(file)\nlog.setLevel('INFO')\n"
        "for number in range(30): log.info('line')\n"
        "os.write(2, b'the last words of a crash\\n')\n"
    )
    with path.open("ab") as out:
        subprocess.run([sys.executable, "-c", script, str(path)], stderr=out, check=True)
    assert (tmp_path / "gateway.log.1").exists()
    assert path.read_text().endswith("the last words of a crash\n")


def test_a_full_disk_costs_lines_only(make: Make, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Lines that do not fit on the disk are counted, quietly, and said to be lost once there is room."""
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full here")
    path = tmp_path / "gateway.log"
    path.symlink_to("/dev/full")
    logger, file = make(path)
    for _ in range(3):
        logger.info("lost")
    file.close()
    path.unlink()
    logger.info("kept")
    lost, kept = entries(path)
    assert (lost["event"], lost["lines"]) == ("log_lines_lost", 3)
    assert kept["message"] == "kept"
    assert capfd.readouterr() == ("", "")


def test_a_log_that_cannot_be_opened_stops_nobody(make: Make, tmp_path: Path) -> None:
    """A folder in the place of the log costs the log, and nothing else."""
    (tmp_path / "gateway.log").mkdir()
    logger, _ = make()
    logger.info("nobody hears it")
