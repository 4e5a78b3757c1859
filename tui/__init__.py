"""The operator's console. This package imports nothing by itself, so that `claudemail.tui.once` stays light."""
