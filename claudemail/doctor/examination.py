"""The whole examination, from the config on."""

from __future__ import annotations

from collections.abc import Mapping

from claudemail import config as configuration
from claudemail.doctor import local, network
from claudemail.doctor.finding import DoctorView, Examined, Finding, State, problem
from claudemail.errors import ClaudeMailError, ConfigError
from claudemail.office import Office

_LOCAL = (
    local.config,
    local.key,
    local.modes,
    local.sqlite_version,
    local.database,
    local.disk,
    local.mirror,
    local.gateway,
    local.claude_code,
)


async def examine(environ: Mapping[str, str], *, fix: bool) -> DoctorView:
    """Look at everything; mend what can safely be mended, if `fix` says so. It changes nothing else, and never fails."""
    try:
        settings = configuration.load(environ)
    except ConfigError as error:
        return DoctorView(node=None, findings=[problem("config", error.message, error.remedy).finding])
    findings = [_mended(found, fix=fix) for look in _LOCAL for found in look(settings)]
    if settings.peers and not any(found.name == "database" and found.state is State.PROBLEM for found in findings):
        findings += await _peers(settings)
    return DoctorView(node=settings.node_id, findings=findings)


async def _peers(settings: configuration.Config) -> list[Finding]:
    try:
        async with await Office.open(settings) as office:
            return [found.finding async for found in network.peers(settings, office)]
    except ClaudeMailError as error:
        return [problem("peers", error.message, error.remedy).finding]


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
