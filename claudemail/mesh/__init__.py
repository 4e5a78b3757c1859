"""The mesh: how nodes exchange parcels. It knows peers, lanes and signatures; what to send and keep, the mailroom knows."""

import sys

# httpx has a command line, with Rich and Pygments, and does without it where that is not installed: 40 ms that no gateway needs.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
