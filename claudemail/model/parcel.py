"""Parcels: what nodes exchange, and the answers to them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from claudemail.model.brief import Line, Name, Uuid
from claudemail.model.value import Value

MAX_BATCH = 64
MAX_BATCH_BYTES = 512 * 1024
MAX_REQUEST_BYTES = 1024 * 1024
"""A batch holds at most 64 parcels or 512 KiB, a larger parcel travels alone, and no request is over 1 MiB."""


MAX_SEQ = 2**53
Seq = Annotated[int, Field(ge=1, lt=MAX_SEQ)]
"""A place in a lane."""
Have = Annotated[int, Field(ge=0, lt=MAX_SEQ)]
"""How far a lane has come in; 0: nothing yet."""


MOST_EPOCHS = 8
Epoch = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Lane = Annotated[dict[Epoch, Have], Field(max_length=MOST_EPOCHS)]
"""How far a lane has come in: the latest epochs, and the number in each."""


class ParcelKind(StrEnum):
    """What is in a parcel."""

    BRIEF = "brief"
    RECEIPTS = "receipts"
    ACTIONS = "actions"
    """Changes of actions, as they are made."""
    DIGESTS = "action-digests"
    """The sums of all changes a node knows of; who knows others answers with those."""
    HISTORY = "action-history"
    """The answer: changes of actions that were made before."""


class Parcel(Value):
    """One thing for one node, with its place in the lane.

    Its body is, for each kind:

        brief            {"brief": fields, "signature": base64, "for": [names on the receiving node]}
        receipts         {"receipts": [...]}
        actions          {"changes": [{"change": fields, "signature": base64}, ...]}
        action-history   the same
        action-digests   {"digests": {part: sum}}
    """

    seq: Seq
    id: Uuid
    kind: Annotated[str, Field(max_length=32)]
    body: dict[str, Any]


class Batch(Value):
    """Parcels in lane order, all of one epoch."""

    epoch: Epoch
    parcels: Annotated[list[Parcel], Field(min_length=1, max_length=MAX_BATCH)]

    @model_validator(mode="after")
    def _without_gap(self) -> Self:
        first = self.parcels[0].seq
        if [parcel.seq for parcel in self.parcels] != list(range(first, first + len(self.parcels))):
            raise ValueError("the numbers of the parcels are not consecutive")
        return self


class Refusal(Value):
    """A parcel that the receiver will never take, and why."""

    seq: Seq
    code: Annotated[str, Field(max_length=64)]
    reason: Annotated[Line, Field(max_length=500)]


class Answer(Value):
    """How far the receiver has the lane, durably, and what it refused of this batch."""

    have: Have
    refused: Annotated[list[Refusal], Field(max_length=MAX_BATCH)] = []


class LaneError(StrEnum):
    """Why the receiver did not take a batch at all (HTTP status 409)."""

    GAP = "gap"
    """It lacks parcels before these: send again from `have + 1`."""
    CONFLICT = "conflict"
    """It knows another parcel at one of these places: the sender's history was set back, a new epoch is due."""


class Setback(Value):
    """A 409 answer."""

    error: LaneError
    have: Have


MAX_WAIT_MS = 30_000


class Outcome(Value):
    """What became of parcels that a node fetched."""

    epoch: Epoch
    last: Seq
    """The number of the last of them."""
    answer: Answer | None = None
    setback: Setback | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.answer is None) == (self.setback is None):
            raise ValueError("either an answer or a setback is due")
        return self


class Pull(Value):
    """A node asks a peer for its parcels, and says what became of those that it got the last time."""

    outcome: Outcome | None = None
    lane: Lane | None = None
    """How far this node has the peer's lane. None: it does not say."""
    wait_ms: Annotated[int, Field(ge=0, le=MAX_WAIT_MS)] = 0
    """How long the peer may wait for a parcel before it answers that there is none."""


class Handout(Value):
    """The answer to a pull: parcels, or None when there are none."""

    batch: Batch | None


class Problem(Value):
    """What a gateway answers, with a status of its own, to a request that it does not take at all."""

    error: Annotated[str, Field(max_length=64)]
    message: Annotated[Line, Field(max_length=2_000)]


class Origin(Value):
    """Who sent a request, as far as its signature tells."""

    node: Name
    verified: bool
