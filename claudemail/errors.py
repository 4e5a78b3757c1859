"""Every error that ClaudeMail raises on purpose, in one tree.

    ClaudeMailError
    ├── ConfigError            a config file with mistakes in it, or no way to tell which node this is
    ├── InvalidInput           what came in does not fit: a name, a field, a file
    │   ├── BriefTooLarge      over the size limit
    │   └── NameTaken          another node of the fleet has that name or address
    ├── UnknownName            no such callsign, instance or node
    ├── NotFound               no such brief
    │   └── NoSuchAction       no such action
    ├── KeyReused              an idempotency key that stands for another brief
    ├── LeaseLost              the callsign is held by another session now
    ├── StoreError             the database could not do it
    │   ├── StoreBusy          locked for longer than we wait
    │   ├── StoreFull          the disk is full
    │   ├── StoreDamaged       SQLite finds the file broken
    │   ├── StoreReplaced      the file is no longer the one that was opened
    │   └── StoreForeign       made by a newer ClaudeMail, or for another node
    ├── RotationUnderWay       this node's key is being changed already
    ├── MirrorError            a file of the mailbox folder cannot be written or read
    ├── BackupError            a backup cannot be made, or is none
    ├── GatewayRunning         this node's gateway runs, and must not
    ├── GatewayUnavailable     this node's daemon cannot be reached or started
    ├── QuotaReached           a peer has brought as much as it may for now
    ├── SettingsRefused        a settings file of Claude Code's cannot be changed
    ├── ServiceUnavailable     there is no service manager that could run it, or it refused
    ├── WebMissing             what serves the console to browsers is not installed
    ├── PeerUnreachable        another node did not answer
    └── PeerRefused            another node answered no

An exception's docstring is its default message. `code` is stable, for `--json` and for scripts; `exit_code` is what the
command line exits with; `remedy` says what to do next.
"""

from __future__ import annotations


class ClaudeMailError(Exception):
    """Something went wrong."""

    code = "error"
    exit_code = 1
    remedy = ""

    def __init__(self, message: str | None = None, *, remedy: str | None = None) -> None:
        self.message = message if message is not None else (type(self).__doc__ or "").strip()
        if remedy is not None:
            self.remedy = remedy
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class ConfigError(ClaudeMailError):
    """The configuration has mistakes."""

    code = "config"
    exit_code = 4
    remedy = "Mend the config file and try again."


class InvalidInput(ClaudeMailError):
    """That input does not fit."""

    code = "invalid"
    exit_code = 2


class BriefTooLarge(InvalidInput):
    """The brief is over the size limit."""

    code = "too_large"
    remedy = "Shorten it, or put the material in a file that the recipient can reach and send its path."


class NameTaken(InvalidInput):
    """Another node of the fleet has that name."""

    code = "name_taken"


class RotationUnderWay(ClaudeMailError):
    """This node's key is being changed already."""

    code = "rotation"
    remedy = "Nothing was changed. `claudemail keys` shows who has not heard of the new key yet."


class UnknownName(ClaudeMailError):
    """There is no such callsign, instance or node."""

    code = "unknown_name"
    exit_code = 3


class NotFound(ClaudeMailError):
    """There is no such brief."""

    code = "not_found"
    exit_code = 3
    remedy = "Look for it with claudemail_search, or `claudemail inbox --all` on the command line."


class NoSuchAction(NotFound):
    """There is no such action."""

    code = "no_such_action"
    remedy = "Look for it with claudemail_action_list, or `claudemail action list` on the command line."


class KeyReused(ClaudeMailError):
    """That key already stands for another brief."""

    code = "key_reused"
    remedy = "Use a new key for new content; repeat a key only to repeat the same send."


class LeaseLost(ClaudeMailError):
    """Another session holds this callsign now."""

    code = "lease_lost"
    remedy = "Nothing was done. Ask the user to restart this session, to be given a callsign of its own."


class StoreError(ClaudeMailError):
    """The database could not do it."""

    code = "store"
    exit_code = 5
    remedy = "Nothing was stored. Run it again; if it persists, look at the gateway's log."


class StoreBusy(StoreError):
    """The database is locked by another process."""

    code = "store_busy"
    remedy = "Nothing was stored. Try again in a moment."


class StoreFull(StoreError):
    """The disk is full."""

    code = "store_full"
    remedy = "Nothing was stored. Free some space and try again; mail already accepted is safe."


class StoreDamaged(StoreError):
    """The database file is damaged."""

    code = "store_damaged"
    remedy = (
        "Put a backup in its place with `claudemail restore FILE`, or make it anew from the mailbox files with"
        " `claudemail rebuild database`. The damaged file is kept beside it."
    )


class StoreReplaced(StoreError):
    """The database file is no longer the one that was opened."""

    code = "store_replaced"
    remedy = "Nothing was stored. Start it again, to work with the file that is there now."


class StoreForeign(StoreError):
    """The database was made by a newer ClaudeMail or belongs to another node."""

    code = "store_foreign"
    remedy = "Upgrade ClaudeMail on this node, or point db_path at this node's own folder."


class MirrorError(ClaudeMailError):
    """A file of the mailbox folder cannot be written or read."""

    code = "mirror"
    remedy = "Check mailbox_dir, its permissions and the disk's space. The mail itself is in the database, and safe."


class BackupError(ClaudeMailError):
    """A backup cannot be made, or is none."""

    code = "backup"
    remedy = "Nothing was changed. Use another backup."


class GatewayRunning(ClaudeMailError):
    """This node's gateway is running."""

    code = "gateway_running"
    exit_code = 6
    remedy = "Nothing was changed. Stop it first: `claudemail gateway stop`."


class GatewayUnavailable(ClaudeMailError):
    """This node's gateway cannot be reached."""

    code = "gateway"
    exit_code = 6
    remedy = "Run `claudemail gateway` to see why it does not start."


class QuotaReached(ClaudeMailError):
    """A peer has brought as much as it may for now."""

    code = "quota"

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class SettingsRefused(ClaudeMailError):
    """A settings file of Claude Code's cannot be changed."""

    code = "settings_refused"
    remedy = "Mend that, then run the command again."


class ServiceUnavailable(ClaudeMailError):
    """There is no service manager here that could run the gateway."""

    code = "service"
    exit_code = 6


class WebMissing(ClaudeMailError):
    """What serves the console to browsers is not installed."""

    code = "web_missing"
    remedy = "Install it with `pip install 'claudemail[web]'`, and try again."


class PeerUnreachable(ClaudeMailError):
    """The other node did not answer."""

    code = "peer_unreachable"
    exit_code = 6


class PeerRefused(ClaudeMailError):
    """The other node refused."""

    code = "peer_refused"
    exit_code = 6
