"""`claudemail statusline`: what Claude Code shows at the foot of the screen, where reading a file is not enough.

Standard library only. Claude Code gives JSON on stdin and its PID, COLUMNS and so on in the environment.
"""

from __future__ import annotations

import os
import shlex
import sys
import time

from claudemail.claude_code.status_files import BY_PID, FOLDER, Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from claudemail.clients import Record
    from claudemail.config import Config

_SILENT_BEATS = 5
_OFFLINE = "✉ ClaudeMail · offline"
_NAME = "claudemail"
_NOBODY = "✉ ClaudeMail · no session here yet"


def main(*, plain: bool = False, width: int | None = None) -> int:
    """Print the line for the session that stdin and the environment tell of; whatever goes wrong, a line."""
    try:
        text = _line(plain=plain, width=width)
    except Exception:  # noqa: BLE001 - a status line has no place for what went wrong; `claudemail doctor` has
        text = _OFFLINE
    sys.stdout.buffer.write(text.encode() + b"\n")
    sys.stdout.buffer.flush()
    return 0


def snippet(settings: Config) -> dict[str, object]:
    """Return what to put into Claude Code's settings: it reads a file, and asks for it once a second."""
    return {"type": "command", "command": command(settings), "padding": 0, "refreshInterval": 1}


def command(settings: Config) -> str:
    """Return the shell command of the status line."""
    files = os.path.join(settings.state_dir, FOLDER, BY_PID)
    return f'cat {shlex.quote(files)}/"$CLAUDE_PID" 2>/dev/null || {shlex.join(program())} statusline'


def program() -> list[str]:
    """Return how this very ClaudeMail is run: by its script beside Python, if that is there."""
    import shutil

    from claudemail.running import own_command

    script = os.path.join(os.path.dirname(sys.executable), _NAME)
    found = script if os.access(script, os.X_OK) else shutil.which(_NAME)
    return [found] if found else own_command()


def _line(*, plain: bool, width: int | None) -> str:
    from claudemail import config
    from claudemail.clients import Clients

    if not sys.stdin.isatty():
        sys.stdin.buffer.read()  # it names the session, and the process is what counts; but its writer must not fail
    settings = config.load()
    columns = os.environ.get("COLUMNS", "")
    width = width or (int(columns) if columns.isdecimal() and int(columns) > 0 else None)
    record = Clients(settings.state_dir).find(int(os.environ.get("CLAUDE_PID") or os.getppid()))
    colour = not plain and not os.environ.get("NO_COLOR")
    if record is None:
        return _NOBODY if width is None else _NOBODY[:width]
    return _status(settings, record).line(width, colour=colour)


def _status(settings: Config, record: Record) -> Status:
    """Return the status by the databases themselves: no gateway need run."""
    from claudemail.store.standing import Look, silent_nodes, standing

    with Look(settings.db_path) as mail:
        state = standing(mail, (record.callsign, record.instance), time.strftime("%Y-%m-%d"))
    silent: list[str] = []
    if settings.peers and os.path.exists(settings.registry_db_path):
        before = time.time_ns() // 1_000_000 - _SILENT_BEATS * settings.heartbeat_interval_ms
        with Look(settings.registry_db_path) as registry:
            silent = silent_nodes(registry, [node.id for node in settings.peers], before)
    return Status.of(record.callsign, settings.node_id, state, silent)
