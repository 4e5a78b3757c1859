"""A session's own inbox socket: a line written there wakes Claude Code where it is idle. Standard library only.

The socket and its token are in the environment of Claude Code's MCP servers. Nothing is answered, so a line that was written
counts as heard.
"""

from __future__ import annotations

import json
import os
from _socket import AF_UNIX, SOCK_STREAM
from _socket import socket as Socket  # noqa: N812 - a class, spelt as one

SOCKET_ENV, TOKEN_ENV = "CLAUDE_CODE_MESSAGING_SOCKET", "CLAUDE_CODE_MESSAGING_TOKEN"
_PATIENCE_S = 2.0


def wake(text: str) -> bool:
    """Write `text` to this session's inbox; return whether it was taken."""
    path, token = os.environ.get(SOCKET_ENV), os.environ.get(TOKEN_ENV)
    if not path:
        return False
    lines: list[dict[str, object]] = [{"type": "auth", "token": token}] if token else []
    message = {"role": "user", "content": text}
    lines.append({"type": "user", "priority": "next", "from": f"uds:{path}", "message": message})
    connection = Socket(AF_UNIX, SOCK_STREAM)
    connection.settimeout(_PATIENCE_S)
    try:
        connection.connect(path)
        connection.sendall("".join(json.dumps(line) + "\n" for line in lines).encode())
    except (OSError, ValueError):
        return False
    finally:
        connection.close()
    return True
