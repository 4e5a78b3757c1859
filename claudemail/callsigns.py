"""Callsigns: a session claims the first free one by locking its file. Standard library only.

The lock is the kernel's (`flock`), so a killed session frees its name at once and two never hold the same. The files are
never unlinked: a lock on a file that is gone protects nothing. What stands in them is for people, and tells a session
that comes back which name it had.
"""

from __future__ import annotations

import fcntl
import json
import os

from claudemail.clients import Clients, Record
from claudemail.config import DEFAULT_INSTANCE, Config
from claudemail.errors import ClaudeMailError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

ALPHABET = (
    "alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliett", "kilo", "lima", "mike",
    "november", "oscar", "papa", "quebec", "romeo", "sierra", "tango", "uniform", "victor", "whiskey", "xray", "yankee",
    "zulu",
)  # fmt: skip
_MOST_NAMES = 10_000
_held: set[int] = set()


class Claim:
    """A callsign that this process holds until `release`, or until it ends."""

    def __init__(self, callsign: str, instance: str, file: int) -> None:
        self.callsign = callsign
        self.instance = instance
        self._file = file

    def release(self) -> None:
        """Give the callsign up; once is enough, and again does no harm."""
        if self._file in _held:
            _held.discard(self._file)
            os.close(self._file)
            self._file = -1


def claim(
    config: Config,
    *,
    session_id: str | None = None,
    instance: str | None = None,
    former: str | None = None,
    client_pid: int | None = None,
) -> Claim:
    """Return a callsign of this node that nobody holds.

    A Claude Code process gets the name that its hooks have chosen already; a session that was here before, the name it had;
    each if that is free. Else the pools of the node's instances are tried in order, then the names that this node may make
    up; names that others have chosen and not locked yet come last.

    Args:
        config: the configuration.
        session_id: Claude Code's id of the session.
        instance: take only names of this instance.
        former: the name that this process had; else it is looked up by the session's id.
        client_pid: the Claude Code process that the session belongs to; None: this process's parent.

    Raises:
        ClaudeMailError: there is no free name, or no such instance.
    """
    client_pid = os.getppid() if client_pid is None else client_pid
    folder = os.path.join(config.state_dir, "callsigns")
    names = list(_candidates(config, instance))
    clients = Clients(config.state_dir)
    try:
        with clients.choosing():
            known = clients.find(client_pid)
            ordered = _ordered(
                names, folder, clients, client_pid, [former, known.callsign if known else None], session_id
            )
            found = _first_free(folder, ordered, session_id, client_pid)
            # A second server of the same process leaves the record to the first.
            if known is None or known.callsign == found.callsign or not is_held(config, known.callsign):
                session_id = known.session_id if known is not None and known.session_id else session_id
                _keep(clients, Record(client_pid, found.callsign, found.instance, session_id, claimed=True))
            return found
    except OSError as error:
        raise ClaudeMailError(
            f"No callsign can be locked in {folder}: {error.strerror}.",
            remedy="Check the folder, and the disk's space.",
        ) from error


def choose(config: Config, client_pid: int, session_id: str | None) -> Record | None:
    """Return the callsign that a Claude Code process has, or is to have once its session locks one.

    It is noted which session the process is in now, so that one that is resumed later gets the name back.

    Returns:
        None where its session ended without it and another process has the name now.

    Raises:
        ClaudeMailError: there is no free name.
        OSError: nothing can be written.
    """
    folder = os.path.join(config.state_dir, "callsigns")
    clients = Clients(config.state_dir)
    with clients.choosing():
        record = clients.find(client_pid)
        if record is None:
            ordered = _ordered(list(_candidates(config, None)), folder, clients, client_pid, [], session_id)
            free = next((pair for pair in ordered if not is_held(config, pair[0])), None)
            if free is None:
                raise _none_free()
            record = Record(client_pid, *free, session_id)
            clients.keep(record)
        elif session_id and record.session_id != session_id:
            record.session_id = session_id
            clients.keep(record)
        holder = holder_of(config, record.callsign)
        if holder is not None and holder != client_pid:
            return None
        if session_id:
            _note_session(folder, record, session_id)
        return record


def _ordered(
    names: list[tuple[str, str]],
    folder: str,
    clients: Clients,
    client_pid: int,
    wanted: list[str | None],
    session_id: str | None,
) -> list[tuple[str, str]]:
    """Return the names in the order in which this process should try them."""
    first = next((name for name in wanted if name), None) or _former(folder, session_id)
    chosen = {record.callsign for record in clients.running() if record.pid != client_pid and not record.claimed}
    # A stable sort: the others keep their order.
    return sorted(names, key=lambda pair: (pair[0] != first, pair[0] in chosen))


def _first_free(folder: str, names: list[tuple[str, str]], session_id: str | None, client_pid: int) -> Claim:
    for callsign, owner in names:
        file = _lock(os.path.join(folder, f"{callsign}.lock"))
        if file is not None:
            _sign(file, callsign, session_id, client_pid)
            _held.add(file)
            return Claim(callsign, owner, file)
    raise _none_free()


def _none_free() -> ClaudeMailError:
    return ClaudeMailError("No callsign is free on this node.", remedy="End a session, or add callsigns to the config.")


def is_held(config: Config, callsign: str) -> bool:
    """Return whether a process holds a callsign of this node now."""
    path = os.path.join(config.state_dir, "callsigns", f"{callsign}.lock")
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False


def holder_of(config: Config, callsign: str) -> int | None:
    """Return the PID of the Claude Code process whose session holds a callsign of this node now; None for nobody's."""
    if not is_held(config, callsign):
        return None
    try:
        with open(os.path.join(config.state_dir, "callsigns", f"{callsign}.lock"), encoding="utf-8") as file:
            return int(json.loads(file.read(4096))["client_pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _candidates(config: Config, wanted: str | None) -> Iterator[tuple[str, str]]:
    """Yield (callsign, instance) in the order in which they are tried."""
    instances = config.instances_on(config.node_id)
    if wanted is not None:
        instances = tuple(instance for instance in instances if instance.id == wanted)
        if not instances:
            known = ", ".join(instance.id for instance in config.instances_on(config.node_id)) or "none"
            raise ClaudeMailError(f"This node has no instance {wanted!r}.", remedy=f"It has: {known}.")
    for instance in instances:
        for callsign in instance.callsigns:
            yield callsign, instance.id
    fallback = instances[0].id if instances else DEFAULT_INSTANCE
    for callsign in generated(config):
        yield callsign, fallback


def generated(config: Config) -> Iterator[str]:
    """Yield the names that this node may make up: the alphabet, then alpha-2 and so on, without any that the config gives.

    The nodes take turns in that list, so that two of them never make up the same name, even while they cannot talk.
    """
    taken = _configured(config)
    ids = _in_turn(config)
    free = 0
    for number in range(_MOST_NAMES):
        name = _made_up(number)
        if name in taken:
            continue
        if ids[free % len(ids)] == config.node_id:
            yield name
        free += 1


def maker_of(config: Config, name: str) -> str | None:
    """Return the node that may make up a name, or None if it is not in the list."""
    number, taken = _place(name), _configured(config)
    if number is None or name in taken:
        return None
    before = sum(1 for other in map(_place, taken) if other is not None and other < number)
    return _in_turn(config)[(number - before) % len(config.nodes)]


def _in_turn(config: Config) -> list[str]:
    """Return the nodes in an order that is the same on all of them: who joined may be listed last or first."""
    return sorted((node.id for node in config.nodes), key=str.lower)


def _made_up(number: int) -> str:
    series, letter = divmod(number, len(ALPHABET))
    return ALPHABET[letter] if series == 0 else f"{ALPHABET[letter]}-{series + 1}"


def _place(name: str) -> int | None:
    """Return where in the list a name stands, or None if it is not in it."""
    letter, _, series = name.partition("-")
    if letter not in ALPHABET or (series and not (series.isascii() and series.isdigit() and len(series) < 6)):
        return None
    number = ALPHABET.index(letter) + len(ALPHABET) * (int(series) - 1 if series else 0)
    return number if number >= 0 and _made_up(number) == name else None


def _configured(config: Config) -> set[str]:
    """Return all names that the config gives, in lower case."""
    names = {instance.id.lower() for instance in config.instances}
    return names.union(callsign.lower() for instance in config.instances for callsign in instance.callsigns)


def _former(folder: str, session_id: str | None) -> str | None:
    """Return the callsign that a session of this id signed for last."""
    if not session_id:
        return None
    best: tuple[int, str] | None = None
    for entry in os.scandir(folder):
        try:
            with open(entry.path, encoding="utf-8") as file:
                data = json.loads(file.read(4096) or "{}")
        except (OSError, ValueError):
            continue
        if isinstance(data, dict) and data.get("session_id") == session_id:
            found = (entry.stat().st_mtime_ns, entry.name.removesuffix(".lock"))
            best = max(best, found) if best else found
    return best[1] if best else None


def _lock(path: str) -> int | None:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return None
    return file


def _sign(file: int, callsign: str, session_id: str | None, client_pid: int) -> None:
    text = json.dumps({"callsign": callsign, "pid": os.getpid(), "client_pid": client_pid, "session_id": session_id})
    try:
        os.ftruncate(file, 0)
        os.pwrite(file, text.encode(), 0)
    except OSError:
        return  # a full disk: the lock is what counts


def _keep(clients: Clients, record: Record) -> None:
    try:
        clients.keep(record)
    except OSError:
        return  # a full disk: the lock is what counts


def _note_session(folder: str, record: Record, session_id: str) -> None:
    """Write into the lock file of a process's callsign which session that is now, where its session holds it."""
    try:
        with open(os.path.join(folder, f"{record.callsign}.lock"), "r+", encoding="utf-8") as file:
            data = json.loads(file.read(4096))
            if data["client_pid"] == record.pid and data["session_id"] != session_id:
                file.seek(0)
                file.truncate()
                json.dump({**data, "session_id": session_id}, file)
    except (OSError, ValueError, KeyError, TypeError):
        return  # then a session that is resumed gets another name


def _forget_in_child() -> None:
    """A forked child must not keep a callsign alive after its parent: the lock belongs to the open file, which it shares."""
    for file in _held:
        os.close(file)
    _held.clear()


os.register_at_fork(after_in_child=_forget_in_child)
