"""The configuration: which nodes and instances there are, which node this is, and where its state lives.

Only `json` and `os` are imported, and nothing that costs memory (dataclasses, pathlib, typing): the session process, hooks
and the status line read the config too, and there are many of them.
"""

from __future__ import annotations

import json
import os

from claudemail.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

CONFIG_ENV = "CLAUDEMAIL_CONFIG"
NODE_ENV = "CLAUDEMAIL_NODE"
SEARCH_PATH = ("~/.claudemail/config.json", "~/.config/claudemail/config.json", "/etc/claudemail/config.json")
DEFAULT_PORT = 3300
PATH_KEYS = ("mailbox_dir", "db_path", "registry_db_path", "ping_dir", "tls_cert", "tls_key")
OPERATOR = "operator"
"""The mailbox each node has for the person who runs it; the console and the command line act as it."""
DEFAULT_INSTANCE = "main"
RESERVED = (OPERATOR, "all", "me")


class Node:
    """A server: its id, the address peers reach it at, and the public key it signs with (None: not known)."""

    __slots__ = ("accept_from", "bind", "id", "ip", "names", "port", "previous_keys", "public_key", "pull", "tls_cert")

    def __init__(
        self,
        id: str,
        ip: str,
        port: int = DEFAULT_PORT,
        public_key: str | None = None,
        bind: str | None = None,
        previous_keys: tuple[str, ...] = (),
        *,
        pull: bool = False,
        accept_from: tuple[str, ...] | None = None,
        tls_cert: str | None = None,
        names: tuple[str, ...] = (),
    ) -> None:
        self.id = id
        self.ip = ip
        self.port = port
        self.public_key = public_key
        self.previous_keys = previous_keys
        """Keys that it had before, oldest first: what it signed with them stays verified, and nothing else."""
        self.bind = bind or ip
        self.names = names
        """Host names by which others call it beside `ip`; requests that call it by another one are turned away."""
        self.pull = pull
        """Whether nobody can reach it (it is behind NAT, or comes and goes), so that it fetches its mail from the others."""
        self.accept_from = accept_from
        """Whose mail from there is taken, by name; None: everybody's."""
        self.tls_cert = tls_cert
        """The certificate by which it is known over TLS, or the path of it; None: it is spoken to without."""

    @property
    def url(self) -> str:
        """The base URL of the node's gateway; what there is to say in its place for one that cannot be reached."""
        if self.pull:
            return "fetches its mail"
        host = f"[{self.ip}]" if ":" in self.ip else self.ip
        return f"{'https' if self.tls_cert else 'http'}://{host}:{self.port}"


class Instance:
    """A durable identity on one node, with the callsigns that its sessions may take, in order."""

    __slots__ = ("callsigns", "id", "node_id")

    def __init__(self, id: str, node_id: str, callsigns: tuple[str, ...] = ()) -> None:
        self.id = id
        self.node_id = node_id
        self.callsigns = callsigns


class Thresholds:
    """From where on a checkup finds something worth saying. Each may be set under `checkup` in the config."""

    __slots__ = (
        "clock_skew_seconds",
        "disk_low_mb",
        "gone_days",
        "silent_minutes",
        "stale_wip_days",
        "unbalanced_factor",
        "unbalanced_least",
        "undelivered_minutes",
        "urgent_unread_minutes",
    )

    def __init__(
        self,
        *,
        stale_wip_days: int = 3,
        urgent_unread_minutes: int = 30,
        undelivered_minutes: int = 10,
        silent_minutes: int = 10,
        clock_skew_seconds: int = 60,
        disk_low_mb: int = 500,
        gone_days: int = 14,
        unbalanced_factor: int = 3,
        unbalanced_least: int = 8,
    ) -> None:
        self.stale_wip_days = stale_wip_days
        self.urgent_unread_minutes = urgent_unread_minutes
        self.undelivered_minutes = undelivered_minutes
        self.silent_minutes = silent_minutes
        self.clock_skew_seconds = clock_skew_seconds
        self.disk_low_mb = disk_low_mb
        self.gone_days = gone_days
        self.unbalanced_factor = unbalanced_factor
        """A load is unbalanced when somebody has so many times the open actions that the others have on average, ..."""
        self.unbalanced_least = unbalanced_least
        """... and no fewer than this."""


class ConsoleSettings:
    """How this node's console looks and behaves. Each may be set under `console` in the config."""

    __slots__ = ("bell", "keymap", "send_delay_s", "theme")

    def __init__(
        self,
        *,
        theme: str | None = None,
        keymap: Mapping[str, str] | None = None,
        bell: bool = True,
        send_delay_s: float = 5,
    ) -> None:
        self.theme = theme
        """The name of a theme; None: the one that was used last."""
        self.keymap = dict(keymap or {})
        """Other keys for bindings, by the binding's id; several with commas."""
        self.bell = bell
        """Whether the terminal's bell tells of urgent mail while nobody looks."""
        self.send_delay_s = send_delay_s
        """How long a brief can be taken back after it was sent; 0: it goes at once."""


class Config:
    """A whole, valid configuration, seen from one node."""

    def __init__(
        self,
        *,
        node_id: str,
        nodes: tuple[Node, ...],
        instances: tuple[Instance, ...],
        signatures: Mapping[str, str] | None = None,
        mailbox_dir: str = "~/.claudemail/mailbox",
        db_path: str = "~/.claudemail/claudemail.db",
        registry_db_path: str = "~/.claudemail/registry.db",
        ping_dir: str = "~/.claudemail/pings",
        poll_interval_ms: int = 20_000,
        heartbeat_interval_ms: int = 60_000,
        allow_unsigned: bool | None = None,
        peer_quota_mb: int = 1_024,
        tls_cert: str | None = None,
        tls_key: str | None = None,
        checkup: Thresholds | None = None,
        console: ConsoleSettings | None = None,
        metrics_port: int | None = None,
        wake: str = "all",
        hook_titles: bool = False,
        path: str | None = None,
        state: tuple[str, int, int] | None = None,
        warnings: tuple[str, ...] = (),
    ) -> None:
        self.node_id = node_id
        self.nodes = nodes
        self.instances = instances
        self.signatures = dict(signatures or {})
        self.mailbox_dir = os.path.expanduser(mailbox_dir)
        self.db_path = os.path.expanduser(db_path)
        self.registry_db_path = os.path.expanduser(registry_db_path)
        self.ping_dir = os.path.expanduser(ping_dir)
        self.poll_interval_ms = poll_interval_ms
        self.heartbeat_interval_ms = heartbeat_interval_ms
        if allow_unsigned is None:
            # The plain config of a trusted network, in which no node has a key, works as it stands.
            allow_unsigned = not any(node.public_key for node in nodes)
        self.allow_unsigned = allow_unsigned
        self.peer_quota_mb = peer_quota_mb
        """How much mail is taken from one peer in a day, in MiB."""
        self.tls_cert = tls_cert
        """The files of the certificate and the key that this node serves TLS with; None: it does not."""
        self.tls_key = tls_key
        self.checkup = checkup or Thresholds()
        self.console = console or ConsoleSettings()
        self.metrics_port = metrics_port
        """The port of 127.0.0.1 at which metrics are served as well; None: at the gateway's socket only."""
        self.wake = wake
        """For which mail an idle session is woken: urgent, high (and urgent), all, never."""
        self.hook_titles = hook_titles
        """Whether a session is told the titles of its mail unasked, beside counts and senders."""
        self.path = path
        """The file it was read from; None when there is none."""
        self.state = state
        """What `config_state` said just before it was read."""
        self.warnings = warnings

    @property
    def node(self) -> Node:
        """The node this is."""
        return next(node for node in self.nodes if node.id == self.node_id)

    @property
    def peers(self) -> tuple[Node, ...]:
        """All other nodes."""
        return tuple(node for node in self.nodes if node.id != self.node_id)

    @property
    def state_dir(self) -> str:
        """The folder of the database, which also holds the key, the locks and the sockets."""
        return os.path.dirname(self.db_path)

    def instances_on(self, node_id: str) -> tuple[Instance, ...]:
        """Return the instances of one node, in the config's order."""
        return tuple(instance for instance in self.instances if instance.node_id == node_id)


def load(environ: Mapping[str, str] | None = None) -> Config:
    """Return the configuration that applies here, or the built-in one when there is no file.

    Raises:
        ConfigError: the file cannot be read, has mistakes (all of them are named), or does not tell which node this is.
    """
    environ = os.environ if environ is None else environ
    state = config_state(environ)
    path = find(environ)
    if path is None:
        return standalone(environ.get(NODE_ENV))
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The config file {path} cannot be read: {error}.") from error
    config = parse(text, path, environ)
    config.state = state
    return config


def find(environ: Mapping[str, str]) -> str | None:
    """Return the path of the config file that applies, or None.

    Raises:
        ConfigError: CLAUDEMAIL_CONFIG names a file that is not there.
    """
    named = environ.get(CONFIG_ENV)
    if named:
        named = os.path.expanduser(named)
        if not os.path.isfile(named):
            raise ConfigError(
                f"{CONFIG_ENV} is {named}, and there is no such file.",
                remedy="Correct the variable or create the file.",
            )
        return named
    return next((path for path in map(os.path.expanduser, SEARCH_PATH) if os.path.isfile(path)), None)


def config_state(environ: Mapping[str, str]) -> tuple[str, int, int] | None:
    """Return what changes when the config file that applies does: its path, time and size; None when there is none."""
    try:
        path = find(environ)
        status = os.stat(path) if path is not None else None
    except (ConfigError, OSError):
        return None
    return None if path is None or status is None else (path, status.st_mtime_ns, status.st_size)


def standalone(node_id: str | None = None) -> Config:
    """Return the configuration of a node that has no file: its host name, one instance, no peers."""
    name = node_id or _as_name(os.uname().nodename)
    return Config(node_id=name, nodes=(Node(name, "127.0.0.1"),), instances=(Instance(DEFAULT_INSTANCE, name),))


def parse(text: str, path: str, environ: Mapping[str, str]) -> Config:
    """Return the configuration that `text` (JSON, read from `path`) says.

    Raises:
        ConfigError: it has mistakes, all of them named, or does not tell which node this is.
    """
    from claudemail.config_check import Checker

    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"The config file {path} is not valid JSON: {error}.") from error
    checker = Checker()
    values = checker.config(data)
    if checker.mistakes:
        listed = "\n".join(f"  {mistake}" for mistake in checker.mistakes)
        count = "a mistake" if len(checker.mistakes) == 1 else f"{len(checker.mistakes)} mistakes"
        raise ConfigError(f"The config file {path} has {count}:\n{listed}\n")
    folder = os.path.dirname(os.path.abspath(path))
    for key in PATH_KEYS:
        if key in values:
            values[key] = os.path.join(folder, os.path.expanduser(values[key]))
    for node in values["nodes"]:
        if node.tls_cert and "\n" not in node.tls_cert:
            node.tls_cert = os.path.join(folder, os.path.expanduser(node.tls_cert))
    node_id = which_node(values["nodes"], environ.get(NODE_ENV) or values.pop("node_id", None))
    values.pop("node_id", None)
    return Config(node_id=node_id, path=path, warnings=tuple(checker.warnings), **values)


def which_node(nodes: tuple[Node, ...], named: str | None) -> str:
    """Return the id of the node this machine is: the one `named`, or the only one whose address is on this machine.

    Raises:
        ConfigError: there is no such node, or not exactly one is here.
    """
    ids = ", ".join(node.id for node in nodes)
    how = f'Set "node_id" in this node\'s config, or {NODE_ENV} in its environment, to one of: {ids}.'
    if named is not None:
        if all(node.id != named for node in nodes):
            raise ConfigError(f"This node is said to be {named!r}, and the config has no such node.", remedy=how)
        return named
    if len(nodes) == 1:
        return nodes[0].id
    here = [node.id for node in nodes if node.ip and is_local(node.ip)]
    if len(here) == 1:
        return here[0]
    if here:
        raise ConfigError(f"The addresses of several nodes ({', '.join(here)}) are on this machine.", remedy=how)
    raise ConfigError("No node's address is on this machine, so it cannot tell which node it is.", remedy=how)


def is_local(host: str) -> bool:
    """Return whether `host` is an address of this machine."""
    import socket

    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(address)  # binding a datagram socket sends nothing, and works for local addresses only
    except (OSError, UnicodeError):  # the latter: no host can have that name
        return False
    return True


def _as_name(text: str) -> str:
    name = "".join(
        char if char.isascii() and (char.isalnum() or char in "-_") else "-" for char in text.split(".", maxsplit=1)[0]
    )
    name = name.strip("-_")[:64]
    return name if name and name.lower() not in RESERVED else "node"
