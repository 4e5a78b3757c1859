"""At home in Claude Code: its hooks, its status line, waking idle sessions, and setting all of that up."""
