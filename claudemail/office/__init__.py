"""The office: the use-cases that every face calls."""

from claudemail.office.office import Office
from claudemail.office.party import Party

__all__ = ["Office", "Party"]
