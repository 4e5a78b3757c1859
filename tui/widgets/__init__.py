"""Widgets: what panes and screens are made of. They are given state and post messages; none asks the office."""
