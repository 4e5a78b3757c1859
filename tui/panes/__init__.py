"""Panes: what fills the console below its headline."""
