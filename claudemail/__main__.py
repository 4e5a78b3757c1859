"""The entry point, `claudemail`. It stays light: a session process must not pay for the command line's imports."""

from __future__ import annotations

import atexit
import os
import sys


def main() -> None:
    """Run what the process's arguments say, and end the process."""
    code = run(sys.argv[1:])
    # All is closed and flushed by now. Taking the interpreter apart would cost 30 ms, a fifth of `claudemail check`.
    atexit._run_exitfuncs()  # noqa: SLF001 - what `sys.exit` would call
    os._exit(code)


def run(arguments: list[str]) -> int:
    """Run what the arguments say; return the exit code. No error leaves as a traceback."""
    try:
        return _dispatch(arguments)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last one to see it, and it tells the user
        from claudemail.cli.failures import report

        return report(error, as_json="--json" in arguments)


def _dispatch(arguments: list[str]) -> int:
    if arguments == ["mcp"]:
        from claudemail import session

        return session.main()
    if arguments == ["hook"]:
        from claudemail.claude_code import hook

        return hook.main()
    if arguments == ["statusline"]:
        from claudemail.claude_code import status_line

        return status_line.main()
    from claudemail import cli

    return cli.main(arguments)


if __name__ == "__main__":
    main()
