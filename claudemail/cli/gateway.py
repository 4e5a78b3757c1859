"""`claudemail gateway`: running it, starting and stopping it, and having a service manager do so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from claudemail.cli.options import Seconds, as_json, examples
from claudemail.cli.printing import bold, dim, green, red, say, show_json, yellow
from claudemail.errors import ClaudeMailError, GatewayRunning, GatewayUnavailable, ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from claudemail.config import Config
    from claudemail.model.views import GatewayState

NOT_RUNNING = 6
_STOP_S = 20.0
_FEW_LINES = 5


def _as_a_process(function: Callable[..., object]) -> Callable[..., object]:
    """Add the options with which gateways are started by others."""
    lock = click.option("--lock", "held", type=int, hidden=True, help="The lock that it has from the gateway it was.")
    return click.option("--on-demand", is_flag=True, hidden=True)(lock(function))


@click.group(
    invoke_without_command=True,
    epilog=examples(
        "claudemail gateway", "claudemail gateway start", "claudemail gateway logs -f", "claudemail gateway install"
    ),
)
@_as_a_process
@click.pass_context
def command(context: click.Context, on_demand: bool, held: int | None) -> int | None:
    """Run this node's gateway, start and stop it, or have it run as a service.

    Without a further word it runs in the foreground, as with `run`.
    """
    if context.invoked_subcommand is None:
        return _run(on_demand=on_demand, held=held)
    return None


@command.command(epilog=examples("claudemail gateway run"))
@_as_a_process
def run(on_demand: bool, held: int | None) -> int:
    """Run it in the foreground until it is stopped.

    It takes over from one that was started on demand. Ctrl-C or SIGTERM ends it once what is in flight is done, within seconds; a
    second one at once. Either way no mail is lost.
    """
    return _run(on_demand=on_demand, held=held)


def _run(*, on_demand: bool, held: int | None) -> int:
    import gc

    from claudemail import config, running

    settings = config.load()
    mode = running.ON_DEMAND if on_demand else running.FOREGROUND
    lock = running.take_lock(settings.state_dir, mode, held)
    if lock is None:
        return _running_already(settings, on_demand=on_demand)
    gc.set_threshold(50_000)  # what is loaded stays: looking for garbage in it each 700 objects is a tenth of the start
    # Only now: of many that sessions start at once, one wins, and the others need not load half a second of modules.
    from claudemail import daemon

    return daemon.run(settings, mode, lock)


def _running_already(settings: Config, *, on_demand: bool) -> int:
    from claudemail import running

    if on_demand:
        return 0
    other = running.read_notice(settings.state_dir)
    who = f" (PID {other.pid})" if other else ""
    raise ClaudeMailError(
        f"A gateway of {settings.node_id} is running already{who}.",
        remedy="Stop that one first: claudemail gateway stop.",
    )


@command.command(epilog=examples("claudemail gateway start"))
def start() -> None:
    """Start it in the background, unless it runs.

    It answers when this returns. Where it is installed as a service, that is started.
    """
    settings = _load()
    from claudemail.service import installed

    manager = installed(settings)
    by_service = manager is not None and not _is_by_hand(settings) and not _is_service(settings)
    if manager is not None and by_service:
        manager.start()  # it takes over from one that was started on demand
    _say_started(settings, started=_ensure(settings) or by_service)


@command.command(epilog=examples("claudemail gateway stop", "claudemail gateway stop --timeout 60"))
@click.option("--timeout", "timeout_s", type=Seconds(), default=_STOP_S, show_default=True, help="Seconds to wait.")
def stop(timeout_s: float) -> None:
    """Have it end, and wait until it is gone.

    What is in flight is done first; no mail is lost. The next session that needs it starts another.
    """
    settings = _load()
    pid, sessions = _stop(settings, timeout_s)
    if pid is None:
        say(f"No gateway of {settings.node_id} runs.")
        return
    say(green("Stopped"), f" the gateway of {settings.node_id} (PID {pid}).")
    if sessions:
        say(dim(f"Of {sessions} attached, the first session that needs it starts the next, within seconds."))


@command.command(epilog=examples("claudemail gateway restart"))
@click.option("--timeout", "timeout_s", type=Seconds(), default=_STOP_S, show_default=True, help="Seconds to wait.")
def restart(timeout_s: float) -> None:
    """Stop it and start it again, in the background.

    Sessions go on with the new one. It is not needed after a change of the config, which the gateway notices by itself.
    """
    settings = _load()
    from claudemail.service import installed

    manager = installed(settings)
    if manager is None or _is_by_hand(settings):
        _stop(settings, timeout_s)
    if manager is not None:
        manager.restart()
    _ensure(settings)
    _say_started(settings, started=True)


@command.command(epilog=examples("claudemail gateway status", "claudemail gateway status --json"))
@as_json
def status(as_json: bool) -> int:
    """Show whether it runs, since when, and how.

    The exit code is 0 when it runs and 6 when not.
    """
    found = _state(_load())
    if as_json:
        show_json(found.model_dump(mode="json"))
    else:
        _print(found)
    return 0 if found.running else NOT_RUNNING


@command.command(
    epilog=examples("claudemail gateway logs", "claudemail gateway logs -n 200", "claudemail gateway logs -f")
)
@click.option(
    "-n", "--lines", "count", type=click.IntRange(0, 100_000), default=30, show_default=True, help="How many."
)
@click.option("-f", "--follow", "goes_on", is_flag=True, help="Go on with what comes, until it is stopped.")
@click.option("--raw", is_flag=True, help="As they are in the file: one JSON object a line.")
def logs(count: int, goes_on: bool, raw: bool) -> None:
    """Show the last lines of its log, however it was started."""
    from claudemail.cli import log_lines
    from claudemail.cli.printing import flush

    path = _log(_load())
    lines = log_lines.last(path, count) if count else []
    if not lines and not goes_on:
        say(f"There is nothing in {path} yet.")
    for line in lines:
        say(*([line] if raw else log_lines.shown(line)))
    if goes_on:
        flush()
        for line in log_lines.follow(path):
            say(*([line] if raw else log_lines.shown(line)))
            flush()


@command.command(epilog=examples("claudemail gateway install", "claudemail gateway install --print"))
@click.option("--print", "only_print", is_flag=True, help="Print what would be written, and do nothing.")
def install(only_print: bool) -> None:
    """Have this user's systemd (or launchd on macOS) run it from now on.

    It starts with the user's session, or with the machine where lingering is enabled, and again whenever it ends. The service is
    for this node, with the config that applies here.
    """
    from claudemail.service import manager_for

    settings = _load()
    manager = manager_for(settings)
    if only_print:
        say(manager.text().rstrip("\n"))
        return
    try:
        manager.check()
    except ServiceUnavailable:
        say(dim(f"# This would be {manager.path}"))
        say(manager.text().rstrip("\n"))
        raise
    if _is_by_hand(settings):
        raise GatewayRunning(f"A gateway of {settings.node_id} runs in the foreground, and would be in the way.")
    manager.install()
    _ensure(settings)
    say(green("Installed"), f" {manager.path}; {manager.title} runs the gateway of {settings.node_id} from now on.")
    if (hint := manager.hint()) is not None:
        say(yellow(hint))


@command.command(epilog=examples("claudemail gateway uninstall"))
def uninstall() -> None:
    """Stop the service and remove it. Mail stays; the next session that needs a gateway starts one."""
    from claudemail.service import installed

    settings = _load()
    manager = installed(settings)
    if manager is None:
        say(f"No service is installed for {settings.node_id}.")
        return
    manager.uninstall()
    say(green("Removed"), f" {manager.path}.")


def _is_by_hand(settings: Config) -> bool:
    """Return whether a gateway runs in the foreground that no service manager of ours runs: no other takes over from it."""
    from claudemail import running

    notice = running.read_notice(settings.state_dir)
    return notice is not None and notice.mode == running.FOREGROUND and notice.service is None


def _is_service(settings: Config) -> bool:
    """Return whether the gateway that runs is the service."""
    from claudemail import running

    notice = running.read_notice(settings.state_dir)
    return notice is not None and notice.service is not None


def _load() -> Config:
    from claudemail import config

    return config.load()


def _log(settings: Config) -> Path:
    from claudemail.running import LOG

    return Path(settings.state_dir, LOG)


def _ensure(settings: Config) -> bool:
    """Return once the gateway answers, and whether it had to be started; a failure tells the last of its log."""
    from claudemail.cli import log_lines
    from claudemail.service import lifecycle

    try:
        return lifecycle.ensure(settings)
    except GatewayUnavailable as error:
        lines = ["".join(str(getattr(piece, "text", piece)) for piece in log_lines.shown(line))
                 for line in log_lines.last(_log(settings), _FEW_LINES)]  # fmt: skip
        ends = "\n".join(f"  {line}" for line in lines) or "  (nothing)"
        raise GatewayUnavailable(
            f"{error.message} The log ends with:\n{ends}\n", remedy="More: claudemail gateway logs -n 100."
        ) from error


def _stop(settings: Config, timeout_s: float) -> tuple[int | None, int]:
    """Stop the service, if there is one, and whatever gateway runs; return its PID and how many sessions it served."""
    from claudemail import running
    from claudemail.service import installed, lifecycle

    notice = running.read_notice(settings.state_dir)
    sessions = int((lifecycle.health(settings) or {}).get("sessions", 0))
    manager = installed(settings)
    if manager is not None:
        manager.stop()  # else it starts the next
    pid = lifecycle.stop(settings, timeout_s)
    if pid is None and notice is not None:
        pid = notice.pid
    return pid, sessions


def _say_started(settings: Config, *, started: bool) -> None:
    found = _state(settings)
    say(green("Started") if started else "It runs already:", f" the gateway of {found.node}", _pid(found), ".")


def _state(settings: Config) -> GatewayState:
    from claudemail import running
    from claudemail.model.views import GatewayState
    from claudemail.service import installed, lifecycle

    notice = running.read_notice(settings.state_dir)
    if notice is not None and notice.mode == running.KEPT_DOWN:
        notice = None
    health = lifecycle.health(settings) if notice is not None else None
    manager = installed(settings)
    return GatewayState(
        node=settings.node_id,
        running=notice is not None,
        answers=(health or {}).get("status") == "ok",
        pid=notice.pid if notice else None,
        since=notice.since if notice else None,
        mode=notice.mode if notice else None,
        service=(notice.service if notice else None) or (manager.definition.name if manager else None),
        listening=notice.listening if notice else None,
        listen_error=notice.listen_error if notice else None,
        version=notice.version if notice else None,
        sessions=health.get("sessions") if health else None,
        socket=running.socket_path(settings),
        log=str(_log(settings)),
    )


def _pid(found: GatewayState) -> str:
    return f" (PID {found.pid})" if found.pid is not None else ""


def _print(found: GatewayState) -> None:
    from claudemail.clock import wall_ms
    from claudemail.text import ago

    if not found.running:
        say(bold(found.node), "  ", yellow("not running"))
    else:
        since = f" for {ago(found.since, wall_ms())}" if found.since is not None else ""
        say(bold(found.node), "  ", green("running"), f"{since}{_pid(found)}, ClaudeMail {found.version or '?'}")
        say(dim("Started  "), "on demand" if found.mode == "on-demand" else "in the foreground or by a service")
        if found.listen_error:
            say(dim("Peers    "), red(f"not listening: {found.listen_error}"))
        else:
            say(dim("Peers    "), f"listening on {found.listening}" if found.listening else "not listening for any")
        if found.sessions is not None:
            say(dim("Sessions "), f"{found.sessions} attached")
        if not found.answers:
            say(red("It does not answer as it should"), ": look at its log")
    if found.service is not None:
        say(dim("Service  "), found.service)
    say(dim("Socket   "), found.socket)
    say(dim("Log      "), found.log)
