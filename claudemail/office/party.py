"""Whom a face acts for."""

from __future__ import annotations

from claudemail.config import OPERATOR, Config
from claudemail.errors import UnknownName
from claudemail.model.brief import Sender
from claudemail.model.value import Value
from claudemail.office.directory import Directory, Kind, nearest
from claudemail.store.briefs import Reader


class Party(Value):
    """A callsign, an instance or the operator of this node, as sender and as reader."""

    name: str
    instance: str | None
    node: str
    mailboxes: tuple[str, ...]
    """The mailboxes whose mail is theirs: a callsign's own and its instance's."""
    epoch: int | None = None
    """The lease that a session's writes carry; None for people at the console or the command line."""

    @property
    def sender(self) -> Sender:
        """This party as the sender of a brief."""
        return Sender(name=self.name, instance=self.instance, node=self.node)

    @property
    def reader(self) -> Reader:
        """This party as someone who has mail and sends some."""
        return Reader(self.node, self.name, self.mailboxes)

    @property
    def reader_or_all(self) -> Reader | None:
        """Whose mail this party may see; None: everyone's of the node."""
        return None if self.is_operator else self.reader

    @property
    def own_names(self) -> tuple[str, ...]:
        """The names that stars and entries of this party are kept under."""
        return tuple(dict.fromkeys((*self.mailboxes, self.name)))

    @property
    def is_operator(self) -> bool:
        """Whether it may look into every mailbox of the node, without marking anything read."""
        return self.name == OPERATOR


def operator(config: Config) -> Party:
    """Return the operator of this node."""
    return Party(name=OPERATOR, instance=None, node=config.node_id, mailboxes=(OPERATOR,))


def session(config: Config, callsign: str, instance: str, epoch: int) -> Party:
    """Return the party of a session that holds a callsign."""
    boxes = tuple(dict.fromkeys((callsign, instance)))
    return Party(name=callsign, instance=instance, node=config.node_id, mailboxes=boxes, epoch=epoch)


def named(directory: Directory, name: str) -> Party:
    """Return the party of a callsign or instance of this node.

    Raises:
        UnknownName: there is none of that name here.
    """
    here = directory.config.node_id
    if name.lower() == OPERATOR:
        return operator(directory.config)
    for entry in directory.entries:
        if entry.name.lower() == name.lower():
            if entry.node != here:
                raise UnknownName(
                    f"{entry.name} is on {entry.node}, not on this node ({here}).",
                    remedy=f"Run the command on {entry.node}.",
                )
            boxes = (entry.name,) if entry.kind is Kind.INSTANCE else (entry.name, entry.instance)
            return Party(name=entry.name, instance=entry.instance, node=here, mailboxes=boxes)
    known = [entry.name for entry in directory.entries if entry.node == here] + [OPERATOR]
    raise UnknownName(f"There is no {name!r} on this node.", remedy=nearest(name, known))
