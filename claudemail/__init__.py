"""ClaudeMail: durable mail between Claude Code sessions on several servers."""

__version__ = "0.1.0"
