"""Whereabouts: at which address of this machine others reach a node, as far as the machine itself can tell."""

from __future__ import annotations

import ipaddress
import socket

from claudemail.config import DEFAULT_PORT, is_local
from claudemail.config_check import is_host
from claudemail.errors import InvalidInput

OUTSIDE = "203.0.113.1"
"""An address of nobody (RFC 5737), to ask which way leads out; nothing is sent there."""
ANY = "0.0.0.0"  # noqa: S104 - where the address that others use is not one of this machine's


def parse_address(text: str) -> tuple[str, int | None]:
    """Return host and port of `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`.

    Raises:
        InvalidInput: it is none of these.
    """
    host, port = text, ""
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
        fits = bool(closed) and ":" in host and (rest == "" or (rest.startswith(":") and port != ""))
    elif text.count(":") == 1:
        host, port = text.split(":")
        fits = port != ""
    else:
        fits = True
    if port and not (port.isascii() and port.isdigit() and len(port) < 6 and 1 <= int(port) <= 65_535):
        fits = False
    if not fits or not is_host(host) or (":" in host and not _is_ip(host)):
        raise InvalidInput(f"{text!r} is no address.", remedy="Give HOST or HOST:PORT, as in 10.0.0.5:3300.")
    return host, int(port) if port else None


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def own_address(towards: str = OUTSIDE) -> str:
    """Return the address of this machine that its packets to a host come from; the loopback address if there is no way."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(towards, 9, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.connect(address)  # which for datagrams only looks up the way
            return str(probe.getsockname()[0])
    except (OSError, UnicodeError):
        return "127.0.0.1"


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a host by that address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def bind_for(host: str) -> str | None:
    """Return the address to listen on where `host` is not one of this machine's, as behind a router; else None."""
    return None if is_local(host) else ANY


def free_port(host: str) -> int:
    """Return the usual port of gateways if nobody listens there on this machine, else one that is free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in (DEFAULT_PORT, 0):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host if is_local(host) else "", port))
                return int(probe.getsockname()[1])
            except OSError:
                continue
    return DEFAULT_PORT
