"""The command line. Each command is in the file of its name and loaded when it is asked for."""

from __future__ import annotations

import os


def main(arguments: list[str]) -> int:
    """Run one command; return the exit code.

    Raises:
        ClaudeMailError: it could not be done, or the arguments do not fit.
        KeyboardInterrupt: the user stopped it.
    """
    # Nobody extends our models, and looking for plugins of pydantic's reads the metadata of every installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    import click

    from claudemail.cli.group import claudemail
    from claudemail.cli.printing import flush, say
    from claudemail.errors import InvalidInput

    try:
        result = claudemail.main(arguments, prog_name="claudemail", standalone_mode=False)
        flush()
    except click.Abort as error:
        raise KeyboardInterrupt from error
    except click.exceptions.NoArgsIsHelpError as error:
        say(error.format_message())
        return InvalidInput.exit_code
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx is not None else "claudemail"
        raise InvalidInput(error.format_message(), remedy=f"See `{path} --help`.") from error
    except click.ClickException as error:
        raise InvalidInput(error.format_message()) from error
    return result if isinstance(result, int) else 0
