"""The whole examination, from the config on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from claudemail import config as configuration
from claudemail.doctor import claude_code, local, network
from claudemail.doctor.finding import DoctorView, Examined, Finding, note, problem
from claudemail.errors import ClaudeMailError, ConfigError
from claudemail.keys import KEY_FILE, NodeKey

_LOCAL = (
    local.config,
    local.key,
    local.modes,
    local.sqlite_version,
    local.database,
    local.told,
    local.disk,
    local.mirror,
    local.gateway,
    claude_code.settings,
)


async def examine(environ: Mapping[str, str], *, fix: bool) -> DoctorView:
    """Look at everything; mend what can safely be mended, if `fix` says so. It changes nothing else, and never fails."""
    try:
        config = configuration.load(environ)
    except ConfigError as error:
        return DoctorView(node=None, findings=[problem("config", error.message, error.remedy).finding])
    findings = [_mended(found, fix=fix) for look in _LOCAL for found in look(config)]
    if config.peers:
        findings += await _peers(config)
    return DoctorView(node=config.node_id, findings=findings)


async def _peers(config: configuration.Config) -> list[Finding]:
    folder = Path(config.state_dir)
    if not (folder / KEY_FILE).exists():
        return [note("peers", "they cannot be asked: this node has no key yet", "Run `claudemail keys`.").finding]
    try:
        key = NodeKey.load_or_create(folder)
    except ConfigError:
        return [note("peers", "they cannot be asked: this node's key is of no use").finding]  # its own finding says why
    return [found.finding async for found in network.peers(config, key)]


def _mended(found: Examined, *, fix: bool) -> Finding:
    """Return a finding, after it was mended where that is asked for and possible."""
    if not fix or found.fix is None:
        return found.finding
    try:
        found.fix()
    except (OSError, ClaudeMailError) as error:
        remedy = f"{found.finding.remedy} (--fix could not: {error})"
        return found.finding.model_copy(update={"remedy": remedy})
    return found.finding.model_copy(update={"fixed": True})
