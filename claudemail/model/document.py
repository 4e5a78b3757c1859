"""A brief as a file: Markdown below YAML frontmatter.

    ---
    title: Deploy Blocker — DB Migration
    date: 2026-03-24
    from: alpha (server1)
    to: charlie (server2)
    action: Review migration script before deploying
    ---
    The migration adds a NOT NULL column without a default value.

Beside these keys there are id, ref, thread, reply_to, priority, due, expires and labels. An action is text, or a
mapping of text, assignee, priority and due; `action` is one of them or a list. Files that a node keeps of its mail have some
more, which are of no consequence when somebody sends such a file. Frontmatter is read by the part of PyYAML
that is Python, since the one in C crashes on hostile nesting; with every scalar as text (`to: no` is the name "no"); and
without aliases, whose expansion can fill the memory. People write `title: Blocker: the migration`, which is not YAML; a
line like that is taken at its word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any, NamedTuple

import yaml
from frontmatter import Post
from frontmatter.default_handlers import YAMLHandler
from pydantic import TypeAdapter, ValidationError

from claudemail.errors import InvalidInput
from claudemail.model import address
from claudemail.model.brief import MAX_ACTION_TEXT, MAX_ACTIONS, MAX_LABELS, MAX_TITLE, ActionItem, Brief, Day, Priority
from claudemail.text import scrub, scrub_line, shorten

MAX_FRONTMATTER = 8 * 1024
"""The size limit of the frontmatter, in bytes of UTF-8."""
_MAX_DEPTH = 4
"""The frontmatter, a list of actions, an action, a field of it: nothing in a brief nests deeper."""
_MOST_MENDED = 20
_KEPT = (
    "instance", "stamp", "signature", "sent", "accepted", "mailbox", "recipients", "read", "starred", "archived",
)  # fmt: skip
"""What a node's own file of a brief says beside."""
_ORIGIN = ("date", "from", "id", "ref", "thread", *_KEPT)
_KEYS = ("title", "to", "action", "reply_to", "priority", "due", "expires", "labels", *_ORIGIN)
_SPELT = {"actions": "action", "label": "labels"}
_ACTION_KEYS = ("text", "assignee", "priority", "due")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_ASSIGNEE = re.compile(rf"{_NAME.pattern}(@{_NAME.pattern})?")
_DAY = TypeAdapter[str](Day)
_FENCE = re.compile(r"^---[ \t]*$", re.MULTILINE)
_MENDABLE = re.compile(
    rf"(\s*(?:-\s+)?(?:{'|'.join((*_KEYS, *_SPELT, *_ACTION_KEYS, 'reply-to'))})\s*:\s+|\s*-\s+)(\S.*)", re.IGNORECASE
)


class Document(NamedTuple):
    """What a file says."""

    draft: dict[str, Any]
    """The body, and those fields of a draft that the frontmatter gives."""
    origin: dict[str, str]
    """What it says of a brief's history: date, from, id, ref, thread and so on. Of what is sent, none of it is believed."""


def parse(text: str, *, most: int = MAX_FRONTMATTER) -> Document:
    """Return what the text of a file says; one without frontmatter is all body.

    Args:
        text: the file's.
        most: the size limit of the frontmatter, in bytes of UTF-8.

    Raises:
        InvalidInput: it is not as it should be; the line, the key and what belongs there are named.
    """
    nul = text.find("\0")
    if nul >= 0:
        line = text.count("\n", 0, nul) + 1
        raise InvalidInput(f"Line {line} has a NUL character: this is not a text file.", remedy="Send Markdown text.")
    handler = BriefHandler(most)
    text = scrub(text)
    if not handler.detect(text):
        return Document({"body": text.removesuffix("\n")}, {})
    front, body = handler.split(text)
    fields = handler.load(front)
    origin = {key: fields.pop(key) for key in _ORIGIN if key in fields}
    return Document({**fields, "body": body}, origin)


def format(brief: Brief, kept: Mapping[str, str] | None = None) -> str:  # noqa: A001 - the pair of parse
    """Return a brief as the text of a file; `parse` finds the same in it.

    Args:
        brief: the brief.
        kept: what the file of a node's own mail says beside.
    """
    fields: dict[str, Any] = {
        "title": brief.title,
        "date": datetime.fromtimestamp(brief.at / 1000, UTC).date().isoformat(),
        "from": str(brief.sender),
        "to": ", ".join(_spelt_out(one) for one in brief.to),
        "action": _plain_actions(brief.actions),
        "id": brief.id,
        "ref": brief.ref,
        "thread": brief.thread if brief.thread != brief.id else None,
        "reply_to": brief.reply_to,
        "priority": str(brief.priority) if brief.priority is not Priority.NORMAL else None,
        "due": brief.due,
        "expires": brief.expires,
        "labels": list(brief.labels),
        **(kept or {}),
    }
    handler = BriefHandler()
    return handler.format(Post(brief.body, handler, **{key: value for key, value in fields.items() if value}))


def _spelt_out(recipient: str) -> str:
    name, _, node = recipient.partition("@")
    return f"{name} ({node})" if name and node else recipient


def _plain_actions(actions: list[ActionItem]) -> object:
    items = [action.model_dump(mode="json", exclude_defaults=True) for action in actions]
    plain = [item["text"] if item.keys() == {"text"} else item for item in items]
    return plain[0] if len(plain) == 1 else plain


class BriefHandler(YAMLHandler):
    """The frontmatter of briefs, for python-frontmatter."""

    FM_BOUNDARY = _FENCE

    def __init__(self, most: int = MAX_FRONTMATTER) -> None:
        super().__init__()
        self._most = most

    def detect(self, text: str) -> bool:
        """Return whether the first line that is not empty opens frontmatter."""
        return _FENCE.match(text.lstrip("\n")) is not None

    def split(self, text: str) -> tuple[str, str]:
        """Return frontmatter and body. An empty line between them, and the last line's end, are in neither.

        Raises:
            InvalidInput: the frontmatter has no end, or is too large.
        """
        start = text.index("\n", text.index("---")) + 1 if "\n" in text.lstrip("\n") else len(text)
        end = _FENCE.search(text, start)
        if end is None:
            raise InvalidInput(
                "The frontmatter that the first line opens has no end.",
                remedy="Close it with a line of `---`; if that line is a rule of the body, write `***`.",
            )
        # Empty lines above it are kept, so that line numbers are the file's.
        front = "\n" * text.count("\n", 0, start) + text[start : end.start()]
        size = len(front.encode())
        if size > self._most:
            raise InvalidInput(
                f"The frontmatter is {size} bytes; the limit is {self._most // 1024} KiB ({self._most} bytes).",
                remedy="Put what is long into the body.",
            )
        return front, text[end.end() + 1 :].removesuffix("\n").removeprefix("\n")

    def load(self, fm: str, **_: object) -> dict[str, Any]:
        """Return the fields that frontmatter gives, by the names that a draft has for them.

        Raises:
            InvalidInput: it is not as it should be; the line, the key and what belongs there are named.
        """
        return _Fields(*_compose(fm)).all()

    def export(self, metadata: dict[str, object], **_: object) -> str:
        """Return fields as YAML, each on one line."""
        text = _dump(metadata, _FastDumper)
        if _ASTRAL in text:  # libyaml writes emoji as their numbers; a brief is for people
            text = _dump(metadata, _Dumper)
        return text.removesuffix("\n")

    def format(self, post: Post, **_: object) -> str:
        """Return a whole file; `split` finds the same body in it."""
        above, below = "\n" if post.content.startswith("\n") else "", "\n" if post.content else ""
        return f"---\n{self.export(post.metadata)}\n---\n{above}{post.content}{below}"


_RESOLVERS = {
    first: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:timestamp"]
    for first, known in yaml.SafeDumper.yaml_implicit_resolvers.items()
}
"""Dates are written without quotes, as people do."""
_ASTRAL = "\\U000"


class _Dumper(yaml.SafeDumper):
    """Writes YAML in Python."""

    yaml_implicit_resolvers = _RESOLVERS


class _FastDumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes YAML in C, where there is libyaml, five times as fast."""

    yaml_implicit_resolvers = _RESOLVERS


def _dump(metadata: dict[str, object], dumper: type[yaml.SafeDumper]) -> str:
    text: str = yaml.dump(metadata, Dumper=dumper, sort_keys=False, allow_unicode=True, width=2**20)
    return text


class _Refused(yaml.MarkedYAMLError):
    """Valid YAML that has no place in a brief."""


class _Loader(yaml.SafeLoader):
    """Composes nodes in Python, not C: few levels of them, every scalar text, no anchors, aliases or tags."""

    yaml_implicit_resolvers: dict[str, Any] = {}
    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        for attribute, signs in (("anchor", "`&` and `*` stand"), ("tag", "`!` stands")):
            if getattr(event, attribute, None) is not None:
                problem = f"{signs} for something in YAML that a brief has no use for"
                raise _Refused(problem=problem, problem_mark=event.start_mark)
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _Refused(problem="this is nested too deeply", problem_mark=event.start_mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _compose(front: str) -> tuple[yaml.Node | None, str]:
    """Return the root node of frontmatter, and the text it was read from: lines that stopped YAML are in quotes."""
    first: yaml.MarkedYAMLError | None = None
    mended: set[int] = set()
    lines = front.split("\n")
    while True:
        text = "\n".join(lines)
        try:
            return _Loader(text).get_single_node(), text
        except _Refused as error:
            raise _not_yaml(error, error) from error
        except yaml.MarkedYAMLError as error:
            first = first or error
            marks = (error.problem_mark, error.context_mark)
            found = (mark.line for mark in marks if mark is not None and mark.line not in mended)
            line = next((number for number in found if _mend(lines, number)), None)
            if line is None or len(mended) == _MOST_MENDED:
                raise _not_yaml(first, error) from error
            mended.add(line)
        except (yaml.YAMLError, ValueError, OverflowError) as error:  # the last two: escapes beyond Unicode
            raise _not_yaml(first, error) from error


def _mend(lines: list[str], number: int) -> bool:
    """Put the value of a line in quotes; return whether the line has one."""
    match = _MENDABLE.fullmatch(lines[number]) if number < len(lines) else None
    if match is None:
        return False
    value = match[2].rstrip().replace("'", "''")
    lines[number] = f"{match[1]}'{value}'"
    return True


def _not_yaml(first: yaml.MarkedYAMLError | None, error: Exception) -> InvalidInput:
    mark = None
    if first is not None:  # of a line without a colon YAML notices only on the next
        marks = (first.problem_mark, first.context_mark)
        mark = next(filter(None, reversed(marks) if "simple key" in str(first.context) else marks), None)
    where = f"Line {mark.line + 1}" if mark is not None else "The frontmatter"
    problem = first.problem if first is not None else str(error)
    return InvalidInput(
        f"{where} cannot be read as YAML: {shorten(str(problem), 120)}.",
        remedy="Each line should be `key: value`; put a value with special characters in quotes.",
    )


class _Fields:
    """The fields of a draft within the nodes of frontmatter."""

    def __init__(self, root: yaml.Node | None, text: str) -> None:
        self._root = root
        self._text = text

    def all(self) -> dict[str, Any]:
        """Return what each key gives; keys without a value give nothing."""
        if self._root is None or (isinstance(self._root, yaml.ScalarNode) and not self._root.value):
            return {}
        read: dict[str, Callable[[str, yaml.Node], Any]] = {
            "title": lambda key, node: self._line(key, node, MAX_TITLE),
            "to": self._recipients,
            "action": self._actions,
            "reply_to": lambda key, node: self._line(key, node, 64),
            "priority": self._priority,
            "due": self._date,
            "expires": self._date,
            "labels": self._labels,
            "recipients": self._word,
            "starred": self._word,
        }
        found = {
            "actions" if key == "action" else key: read.get(key, self._informative)(key, node)
            for key, node in self._pairs(self._root, _KEYS)
        }
        return {key: value for key, value in found.items() if value}

    def _pairs(self, node: yaml.Node, known: tuple[str, ...]) -> Iterator[tuple[str, yaml.Node]]:
        """Give keys and values of a mapping; each key must be known and occur once."""
        if not isinstance(node, yaml.MappingNode):
            raise _wrong(node, "this should be `key: value`", f"The keys are {', '.join(known)}.")
        seen: dict[str, int] = {}
        for key_node, value in node.value:
            written = key_node.value if isinstance(key_node, yaml.ScalarNode) else "?"
            key = written.strip().lower().replace("-", "_")
            key = _SPELT.get(key, key) if known is _KEYS else key
            if key not in known:
                near = get_close_matches(key, known, 1)
                remedy = f"Did you mean {near[0]}?" if near else f"The keys are {', '.join(known)}."
                raise _wrong(key_node, f"the key {shorten(written, 40)!r} is not known", remedy)
            if key in seen:
                raise _wrong(key_node, f"{key} was given on line {seen[key]} already", "Give it once.")
            seen[key] = key_node.start_mark.line + 1
            yield key, value

    def _line(self, key: str, node: yaml.Node, limit: int) -> str:
        """Return a text on one line, with what YAML takes for a comment: titles say things like `Fix #12`."""
        if not isinstance(node, yaml.ScalarNode):
            raise _wrong(node, f"{key} should be text", "Give one line of text.")
        value = node.value
        if node.style is None:
            rest = self._text[node.end_mark.index :].split("\n", 1)[0]
            value += rest if rest.lstrip().startswith("#") else ""
        line = scrub_line(value)
        if len(line) > limit:
            raise _wrong(node, f"{key} is {len(line)} characters; the limit is {limit}", "Shorten it.")
        return line

    def _informative(self, key: str, node: yaml.Node) -> str:
        return shorten(self._word(key, node), 200)

    def _word(self, key: str, node: yaml.Node) -> str:
        """Return a text that is not prose: what follows a `#` is a comment."""
        if not isinstance(node, yaml.ScalarNode):
            raise _wrong(node, f"{key} should be text", "Give one line of text.")
        return scrub_line(node.value)

    def _recipients(self, key: str, node: yaml.Node) -> list[str]:
        lines = [self._word(key, item) for item in _items(node)]
        try:
            return [str(one) for one in address.parse(lines)] if any(lines) else []
        except InvalidInput as error:
            raise _wrong(node, f"{key}: {error.message.removesuffix('.')}", error.remedy) from error

    def _labels(self, key: str, node: yaml.Node) -> list[str]:
        words = [word for item in _items(node) for word in re.split(r"[,\s]+", self._word(key, item)) if word]
        for word in words:
            if not _NAME.fullmatch(word):
                raise _wrong(node, f"the label is {shorten(word, 40)!r}", "Use letters, digits, - and _ only.")
        if len(words) > MAX_LABELS:
            raise _wrong(node, f"{len(words)} labels are over the limit of {MAX_LABELS}", "Keep those that matter.")
        return words

    def _priority(self, key: str, node: yaml.Node) -> str:
        word = self._word(key, node).lower()
        if word and word not in list(Priority):
            raise _wrong(node, f"{key} is {shorten(word, 40)!r}", f"It is one of {', '.join(Priority)}.")
        return word

    def _date(self, key: str, node: yaml.Node) -> str:
        word = self._word(key, node)
        if word and not is_date(word):
            raise _wrong(node, f"{key} is {shorten(word, 40)!r}", "Write a date like 2026-12-31.")
        return word

    def _actions(self, key: str, node: yaml.Node) -> list[dict[str, str]]:
        if isinstance(node, yaml.ScalarNode):
            text = self._line(key, node, MAX_ACTION_TEXT)
            return [{"text": text}] if text else []
        actions = [self._action(key, item) for item in _items(node)]
        if len(actions) > MAX_ACTIONS:
            raise _wrong(node, f"{len(actions)} actions are over the limit of {MAX_ACTIONS}", "Send several briefs.")
        return actions

    def _action(self, key: str, node: yaml.Node) -> dict[str, str]:
        if isinstance(node, yaml.MappingNode) and not self._is_prose(node):
            read: dict[str, Callable[[str, yaml.Node], str]] = {
                "text": lambda key, value: self._line(key, value, MAX_ACTION_TEXT),
                "assignee": self._assignee,
                "priority": self._priority,
                "due": self._date,
            }
            fields = {name: read[name](name, value) for name, value in self._pairs(node, _ACTION_KEYS)}
        elif isinstance(node, yaml.MappingNode):
            fields = {"text": scrub_line(self._text[node.start_mark.index : node.end_mark.index])}
        else:
            fields = {"text": self._line(key, node, MAX_ACTION_TEXT)}
        if not fields.get("text"):
            raise _wrong(node, "an action has no text", "Say what is to be done.")
        return {name: value for name, value in fields.items() if value}

    def _is_prose(self, node: yaml.MappingNode) -> bool:
        """Whether a list item like `- Review: the script` looks like a mapping only to YAML."""
        [(key, value), *more] = node.value or [(None, None)]
        return (
            not more
            and not node.flow_style
            and isinstance(key, yaml.ScalarNode)
            and isinstance(value, yaml.ScalarNode)
            and key.value.lower() not in _ACTION_KEYS
        )

    def _assignee(self, key: str, node: yaml.Node) -> str:
        word = self._word(key, node).removeprefix("@")
        if word and not _ASSIGNEE.fullmatch(word):
            raise _wrong(node, f"{key} is {shorten(word, 40)!r}", "Give one name.")
        return word


def is_date(word: str) -> bool:
    """Return whether a word is a day of the calendar, written like 2026-12-31."""
    try:
        return _DAY.validate_python(word) == word
    except ValidationError:
        return False


def _items(node: yaml.Node) -> list[yaml.Node]:
    """Return the items of a list, or what is not a list as the only one."""
    return node.value if isinstance(node, yaml.SequenceNode) else [node]


def _wrong(node: yaml.Node, what: str, remedy: str) -> InvalidInput:
    return InvalidInput(f"Line {node.start_mark.line + 1}: {what}.", remedy=remedy)
