"""Whether the terminal is still there: a console whose terminal is gone must go as well, and not read its end for ever."""

from __future__ import annotations

import select

_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


def hung_up(descriptor: int) -> bool:
    """Return whether what stands behind a file descriptor is gone."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(event & _GONE for _, event in poll.poll(0))
