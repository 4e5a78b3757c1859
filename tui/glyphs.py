"""The signs that the console uses, each always beside a word or a number, so that nothing is told by colour alone."""

from __future__ import annotations

from claudemail.checkup import Severity
from claudemail.model.action import ActionStatus
from claudemail.model.brief import Priority
from claudemail.model.receipt import DeliveryState
from claudemail.model.roster import Liveness

UNREAD = "●"
ACTION = "□"
UNVERIFIED = "?"
CURSOR = "▌"
MARKED = "◆"
STAR = "★"
DONE = "✓"
DROPPED = "×"

PRIORITY = {Priority.LOW: "↓", Priority.NORMAL: "", Priority.HIGH: "!", Priority.URGENT: "!!"}
LIVENESS = {Liveness.LIVE: "●", Liveness.LATE: "◐", Liveness.STALE: "○", Liveness.AWAY: "·"}
DELIVERY = {
    DeliveryState.QUEUED: "→",
    DeliveryState.DELIVERED: "✓",
    DeliveryState.NOTIFIED: "✓",
    DeliveryState.READ: "✓",
    DeliveryState.FAILED: "×",
}
ACTION_STATE = {
    ActionStatus.PENDING: ACTION,
    ActionStatus.WIP: "▶",
    ActionStatus.BLOCKED: "■",
    ActionStatus.DONE: DONE,
    ActionStatus.DROPPED: DROPPED,
}

SEVERITY = {Severity.CRITICAL: "▲", Severity.WARNING: "!", Severity.INFO: "i"}

LEGEND = (
    (UNREAD, "unread in a mailbox of this node"),
    (f"{STAR} {MARKED}", "starred; marked, to act on all that are"),
    (f"{PRIORITY[Priority.URGENT]} {PRIORITY[Priority.HIGH]} {PRIORITY[Priority.LOW]}", "urgent, high, low priority"),
    (f"{ACTION}2", "asks for two actions"),
    (f"{DONE} {DROPPED}", "action done, dropped"),
    (f"name{UNVERIFIED}", "its sender could not be verified"),
    (" ".join(LIVENESS[state] for state in (Liveness.LIVE, Liveness.LATE, Liveness.STALE)), "node live, late, stale"),
    (" ".join(SEVERITY.values()), "finding critical, a warning, good to know"),
    ("▁ ▃ ▅ ▇", "heartbeats: there, and more and more at work"),
    ("· or a gap", "heartbeats: not there; nothing heard of its node"),
)
"""What the help screen says of the signs in the list and the headline."""
