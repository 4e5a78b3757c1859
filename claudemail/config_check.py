"""The door of the config file: finds every mistake, with its key, what was found and what is expected."""

from __future__ import annotations

import binascii
import json

from claudemail.config import DEFAULT_PORT, PATH_KEYS, RESERVED, ConsoleSettings, Instance, Node, Thresholds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KEYS = (
    "node_id", "nodes", "instances", "signatures", "mailbox_dir", "db_path", "registry_db_path", "ping_dir",
    "poll_interval_ms", "heartbeat_interval_ms", "allow_unsigned", "peer_quota_mb", "checkup", "console",
    "metrics_port", "wake", "hook_titles", "tls_cert", "tls_key",
)  # fmt: skip
NODE_KEYS = (
    "id", "ip", "gateway_port", "public_key", "previous_keys", "bind", "names", "pull", "accept_from", "tls_cert",
)  # fmt: skip
INSTANCE_KEYS = ("id", "node_id", "callsigns")
NAME_RULE = "a name: letters, digits, - or _, starting with a letter or digit, at most 64"
_MAX_SIGNATURE = 200
_MIN_INTERVAL_MS, _MAX_INTERVAL_MS = 10, 86_400_000
_MAX_PORT = 65_535
_LONGEST_LABEL = 63
_MAX_THRESHOLD = 1_000_000
_MAX_QUOTA_MB = 1_000_000
_MAX_CERTIFICATE = 20_000
_MAX_SEND_DELAY_S = 60
MOST_PREVIOUS_KEYS = 16
WAKE = ("urgent", "high", "all", "never")


class Checker:
    """Reads parsed JSON and collects what is wrong with it."""

    def __init__(self) -> None:
        self.mistakes: list[str] = []
        self.warnings: list[str] = []

    def config(self, data: object) -> dict[str, Any]:
        """Return the keyword arguments for `Config`; they are only of use when `mistakes` stays empty."""
        if not isinstance(data, dict):
            self._wrong("(the whole file)", data, "an object with nodes and instances")
            return {}
        self._unknown_keys("", data, KEYS)
        values: dict[str, Any] = {}
        values["nodes"] = nodes = self._nodes(data.get("nodes"))
        values["instances"] = self._instances(data.get("instances", []), nodes)
        for key, read in (
            ("signatures", self._signatures),
            ("peer_quota_mb", self._quota),
            ("checkup", self._thresholds),
            ("console", self._console),
        ):
            if key in data:
                values[key] = read(data[key])
        values |= self._simple(data)
        if "metrics_port" in data:
            values["metrics_port"] = self._metrics_port(data["metrics_port"], nodes)
        if "node_id" in data:
            values["node_id"] = self._known_node("node_id", data["node_id"], nodes)
        both = ("tls_cert" in data) == ("tls_key" in data)
        self._expect("tls_cert", data.get("tls_cert"), both, "both tls_cert and tls_key, or neither")
        return values

    def _simple(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the values of the keys that stand on their own: paths, intervals, switches."""
        values: dict[str, Any] = {}
        for key in PATH_KEYS:
            if key in data and self._expect(key, data[key], _is_text(data[key]), "the path of a file or folder"):
                values[key] = data[key]
        for key in ("poll_interval_ms", "heartbeat_interval_ms"):
            expected = f"a whole number of milliseconds from {_MIN_INTERVAL_MS} to {_MAX_INTERVAL_MS}"
            if key in data and self._expect(
                key, data[key], _is_whole(data[key], _MIN_INTERVAL_MS, _MAX_INTERVAL_MS), expected
            ):
                values[key] = data[key]
        for key in ("allow_unsigned", "hook_titles"):
            if key in data and self._expect(key, data[key], isinstance(data[key], bool), "true or false"):
                values[key] = data[key]
        if "wake" in data and self._expect("wake", data["wake"], data["wake"] in WAKE, f"one of {', '.join(WAKE)}"):
            values["wake"] = data["wake"]
        return values

    def _quota(self, value: object) -> object:
        expected = f"a whole number of MiB from 1 to {_MAX_QUOTA_MB}"
        self._expect("peer_quota_mb", value, _is_whole(value, 1, _MAX_QUOTA_MB), expected)
        return value

    def _nodes(self, data: object) -> tuple[Node, ...]:
        if not isinstance(data, list) or not data:
            self._wrong("nodes", data, 'a list of at least one node, such as [{"id": "server1", "ip": "10.0.0.1"}]')
            return ()
        nodes: list[Node] = []
        for i, item in enumerate(data):
            node = self._node(f"nodes[{i}]", item)
            if node is None:
                continue
            if any(node.id.lower() == other.id.lower() for other in nodes):
                self._wrong(f"nodes[{i}].id", node.id, "an id that no other node has")
            elif node.ip and any((node.ip, node.port) == (other.ip, other.port) for other in nodes):
                self._wrong(f"nodes[{i}]", f"{node.ip}:{node.port}", "an ip and gateway_port that no other node has")
            nodes.append(node)
        return tuple(nodes)

    def _node(self, key: str, item: object) -> Node | None:
        if not isinstance(item, dict):
            self._wrong(key, item, "an object with id, ip and gateway_port")
            return None
        self._unknown_keys(f"{key}.", item, NODE_KEYS)
        name = self._name(f"{key}.id", item.get("id"))
        pull = item.get("pull", False)
        self._expect(f"{key}.pull", pull, isinstance(pull, bool), "true or false")
        ip = item.get("ip", "" if pull is True else None)
        self._expect(f"{key}.ip", ip, is_host(ip) or (not ip and pull is True), "an IP address or host name")
        port = item.get("gateway_port", DEFAULT_PORT)
        self._expect(f"{key}.gateway_port", port, _is_whole(port, 1, _MAX_PORT), f"a port from 1 to {_MAX_PORT}")
        public_key = item.get("public_key")
        if public_key is not None:
            self._expect(f"{key}.public_key", public_key, is_public_key(public_key), "ed25519: and 32 bytes in base64")
        bind = item.get("bind")
        if bind is not None:
            self._expect(f"{key}.bind", bind, is_host(bind), "an IP address to listen on")
        tls_cert = item.get("tls_cert")
        if tls_cert is not None:
            fits = isinstance(tls_cert, str) and 0 < len(tls_cert) < _MAX_CERTIFICATE
            self._expect(f"{key}.tls_cert", tls_cert, fits, "a certificate (PEM), or the path of one")
        previous = self._previous_keys(f"{key}.previous_keys", item.get("previous_keys", []))
        accept_from = self._senders(f"{key}.accept_from", item.get("accept_from"))
        names = item.get("names", [])
        fits = isinstance(names, list) and all(map(is_host, names))
        self._expect(f"{key}.names", names, fits, "a list of host names by which others call it")
        if not name:
            return None
        number = port if _is_whole(port, 1, _MAX_PORT) else 0
        return Node(
            name, str(ip), number, public_key, bind, previous,
            pull=pull is True, accept_from=accept_from, tls_cert=tls_cert, names=tuple(names) if fits else (),
        )  # fmt: skip

    def _senders(self, key: str, data: object) -> tuple[str, ...] | None:
        if data is None:
            return None
        if not isinstance(data, list) or not all(is_name(item) for item in data):
            self._wrong(
                key, data, 'a list of the names whose mail is taken, such as ["alpha", "instance1", "operator"]'
            )
            return None
        return tuple(data)

    def _previous_keys(self, key: str, data: object) -> tuple[str, ...]:
        fits = isinstance(data, list) and len(data) <= MOST_PREVIOUS_KEYS and all(map(is_public_key, data))
        self._expect(key, data, fits, f"a list of at most {MOST_PREVIOUS_KEYS} public keys")
        return tuple(data) if fits and isinstance(data, list) else ()

    def _instances(self, data: object, nodes: tuple[Node, ...]) -> tuple[Instance, ...]:
        if not isinstance(data, list):
            self._wrong(
                "instances", data, 'a list such as [{"id": "api", "node_id": "server1", "callsigns": ["alpha"]}]'
            )
            return ()
        instances: list[Instance] = []
        owners: dict[str, str] = {}
        for i, item in enumerate(data):
            key = f"instances[{i}]"
            if not isinstance(item, dict):
                self._wrong(key, item, "an object with id, node_id and callsigns")
                continue
            self._unknown_keys(f"{key}.", item, INSTANCE_KEYS)
            name = self._name(f"{key}.id", item.get("id"))
            node_id = self._known_node(f"{key}.node_id", item.get("node_id"), nodes)
            callsigns = self._callsigns(f"{key}.callsigns", item.get("callsigns", []))
            for field, word in [("id", name), *((f"callsigns[{j}]", sign) for j, sign in enumerate(callsigns))]:
                owner = owners.setdefault(word.lower(), key)
                if word and owner != key:
                    self._wrong(f"{key}.{field}", word, f"a name that is not taken; {owner} has it")
            if name:
                instances.append(Instance(name, node_id, callsigns))
        return tuple(instances)

    def _callsigns(self, key: str, data: object) -> tuple[str, ...]:
        if not isinstance(data, list):
            self._wrong(key, data, 'a list of names such as ["alpha", "bravo"]')
            return ()
        names = [self._name(f"{key}[{i}]", item) for i, item in enumerate(data)]
        for i, name in enumerate(names):
            if name and name.lower() in (other.lower() for other in names[:i]):
                self._wrong(f"{key}[{i}]", name, "a callsign that is not in the list yet")
        return tuple(names)

    def _signatures(self, data: object) -> dict[str, str]:
        if not isinstance(data, dict):
            self._wrong("signatures", data, 'an object such as {"alpha": "// alpha, over"}')
            return {}
        for name, line in data.items():
            fits = isinstance(line, str) and len(line) <= _MAX_SIGNATURE and "\n" not in line
            self._expect(f"signatures.{name}", line, fits, f"one line of at most {_MAX_SIGNATURE} characters")
        return data

    def _thresholds(self, data: object) -> Thresholds:
        if not isinstance(data, dict):
            self._wrong("checkup", data, 'an object such as {"stale_wip_days": 3}')
            return Thresholds()
        self._unknown_keys("checkup.", data, Thresholds.__slots__)
        given = {key: value for key, value in data.items() if key in Thresholds.__slots__}
        for key, value in given.items():
            expected = f"a whole number from 1 to {_MAX_THRESHOLD}"
            self._expect(f"checkup.{key}", value, _is_whole(value, 1, _MAX_THRESHOLD), expected)
        return Thresholds(**given)

    def _console(self, data: object) -> ConsoleSettings:
        if not isinstance(data, dict):
            self._wrong("console", data, 'an object such as {"theme": "claudemail-light"}')
            return ConsoleSettings()
        self._unknown_keys("console.", data, ConsoleSettings.__slots__)
        fits = {
            "theme": (_is_text, "the name of a theme"),
            "keymap": (_is_keymap, 'an object of binding ids and keys such as {"mail.reply": "e"}'),
            "bell": (lambda value: isinstance(value, bool), "true or false"),
            "send_delay_s": (_is_delay, f"a number of seconds from 0 to {_MAX_SEND_DELAY_S}"),
        }
        given = {
            key: data[key]
            for key, (fitting, expected) in fits.items()
            if key in data and self._expect(f"console.{key}", data[key], fitting(data[key]), expected)
        }
        return ConsoleSettings(**given)

    def _metrics_port(self, port: object, nodes: tuple[Node, ...]) -> object:
        if self._expect("metrics_port", port, _is_whole(port, 1, _MAX_PORT), f"a port from 1 to {_MAX_PORT}"):
            taken = any(node.port == port for node in nodes)
            self._expect("metrics_port", port, not taken, "a port that is not the gateway_port of a node")
        return port

    def _name(self, key: str, value: object) -> str:
        """Return `value` if it is a name, else note the mistake and return the empty string."""
        if not is_name(value):
            self._wrong(key, value, NAME_RULE)
            return ""
        if str(value).lower() in RESERVED:
            self._wrong(key, value, f"a name other than {', '.join(RESERVED)}, which have a meaning of their own")
            return ""
        return str(value)

    def _known_node(self, key: str, value: object, nodes: tuple[Node, ...]) -> str:
        ids = [node.id for node in nodes]
        self._expect(key, value, value in ids, f"the id of a node: {', '.join(ids) or 'none is defined'}")
        return str(value)

    def _unknown_keys(self, prefix: str, data: dict[str, Any], known: tuple[str, ...]) -> None:
        for key, value in data.items():
            if key in known or key.startswith(("_", "$", "//")):
                continue  # people write comments into JSON with such keys
            from difflib import get_close_matches

            near = get_close_matches(key, known, 1, 0.8)
            if near:
                self._wrong(f"{prefix}{key}", value, f"the key {near[0]}; there is no {key}")
            else:
                self.warnings.append(f"{prefix}{key} is not a key that this version knows; it is ignored.")

    def _expect(self, key: str, value: object, fits: bool, expected: str) -> bool:  # noqa: FBT001 - the verdict
        if not fits:
            self._wrong(key, value, expected)
        return fits

    def _wrong(self, key: str, found: object, expected: str) -> None:
        shown = "nothing" if found is None else json.dumps(found, default=str)
        if len(shown) > 80:
            shown = shown[:79] + "…"
        self.mistakes.append(f"{key}: found {shown}, expected {expected}.")


def is_name(value: object) -> bool:
    """Return whether `value` may name a node, an instance or a callsign."""
    return (
        isinstance(value, str)
        and 1 <= len(value) <= 64
        and value.isascii()
        and value[0].isalnum()
        and all(char.isalnum() or char in "-_" for char in value)
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) < 4096 and value.isprintable()


def _is_whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_keymap(value: object) -> bool:
    return isinstance(value, dict) and all(_is_text(keys) for keys in value.values())


def _is_delay(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _MAX_SEND_DELAY_S


def is_host(value: object) -> bool:
    """Return whether `value` is an IP address or may be a host name."""
    return (
        isinstance(value, str)
        and 0 < len(value) < 254
        and value.isascii()
        and all(char.isalnum() or char in ".-:_" for char in value)
        and (":" in value or all(0 < len(label) <= _LONGEST_LABEL for label in value.removesuffix(".").split(".")))
    )


def is_public_key(value: object) -> bool:
    """Return whether `value` is a public key as `claudemail keys` prints it."""
    try:
        return (
            isinstance(value, str)
            and value.startswith("ed25519:")
            and len(binascii.a2b_base64(value[8:], strict_mode=True)) == 32
        )
    except ValueError:
        return False
