"""Runs a hook by the path of this file, so that Python need not look for installed packages: `python -I -S run_hook.py`."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from claudemail.claude_code import hook

if __name__ == "__main__":
    os._exit(hook.main())
