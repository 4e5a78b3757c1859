"""Addresses as people write them."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from claudemail.errors import InvalidInput
from claudemail.model.address import ALL, MAX_ADDRESSES, MAX_LINE, Address, parse
from claudemail.text import scrub_line

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", fullmatch=True)
ADDRESSES = st.builds(Address, name=NAMES, node=st.none() | NAMES) | st.builds(Address, node=NAMES)
STRICT = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]{0,63})?(@[A-Za-z0-9][A-Za-z0-9_-]{0,63})?")


def check_refusal(error: InvalidInput) -> None:
    """Check that an error is one short line without control characters, and says what to do."""
    assert error.remedy
    assert len(error.message) < 600
    assert scrub_line(error.message) == error.message


@given(st.lists(ADDRESSES, min_size=1, max_size=12), st.sampled_from([",", ", ", " ", ";\n"]))
def test_addresses_survive_being_written_and_read(addresses: list[Address], separator: str) -> None:
    """What an address is written as, means the same address, each once and in order."""
    expected = [Address(name=ALL, node=one.node) if one.name and one.name.lower() == ALL else one for one in addresses]
    assert parse(separator.join(map(str, addresses))) == tuple(dict.fromkeys(expected))
    assert parse([str(one) for one in addresses]) == tuple(dict.fromkeys(expected))


@given(st.text(st.characters(), max_size=80))
def test_nothing_but_strict_names_comes_through_the_door(line: str) -> None:
    """Any text is either refused as invalid input or becomes addresses of plain letters, digits, dashes and underscores."""
    try:
        found = parse(line)
    except InvalidInput:
        return
    assert found
    assert all(str(one) and STRICT.fullmatch(str(one)) for one in found)


@given(
    st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=12, unique=True),
    st.sampled_from(["{} ({})", "{}( {} )", "{}\n(\t{}\n)"]),
)
def test_a_node_in_brackets_is_the_same_as_behind_a_sign(pairs: list[tuple[str, str]], form: str) -> None:
    """`alpha (server1)`, as brief files have it, means alpha@server1, with commas between several and without."""
    written = [form.format(*pair) for pair in pairs]
    expected = parse([f"{name}@{node}" for name, node in pairs])
    assert parse(", ".join(written)) == parse(" ".join(written)) == parse(written) == expected


@given(
    st.text(st.characters(), max_size=60)
    | st.lists(st.sampled_from(["a", "B9", "all", "@", "(", ")", ",", ";", " ", "-", "_", "\n"])).map("".join)
)
@settings(deadline=None)
@example(" " * MAX_LINE)
@example("(" * MAX_LINE)
@example("a (" * 1000)
@example("a@" * 2000)
def test_what_comes_out_is_taken_again_and_what_is_refused_is_said_briefly(line: str) -> None:
    """Addresses that were read are read again as the same ones; an error is one short line without control characters."""
    try:
        found = parse(line)
    except InvalidInput as error:
        check_refusal(error)
        return
    assert 1 <= len(found) <= MAX_ADDRESSES
    assert parse(", ".join(map(str, found))) == found
    assert len({(one.name, one.node) for one in found}) == len(found)


@pytest.mark.parametrize(
    ("line", "name", "node"),
    [
        ("alpha", "alpha", None),
        ("alpha@server2", "alpha", "server2"),
        ("alpha (server2)", "alpha", "server2"),
        ("alpha( server2 )", "alpha", "server2"),
        ("@server2", None, "server2"),
        ("ALL", "all", None),
    ],
)
def test_forms_of_one_address(line: str, name: str | None, node: str | None) -> None:
    """A name, a name on a node (as in the `from:` line of a brief too), a whole node, and all."""
    assert parse(line) == (Address(name=name, node=node),)


def test_only_the_bare_word_means_everyone() -> None:
    """`all` is the whole fleet; `all@node` is a name on that node."""
    assert parse("All")[0].is_all
    assert not parse("all@server1")[0].is_all


@pytest.mark.parametrize("line", ["a/b", "../x", "@", "a@b@c", "-a", "é", "a" * 65, "a\x00b", "a@", "alpha (a b)"])
def test_what_is_no_address_is_refused_by_name(line: str) -> None:
    """The error repeats the word that does not fit and says which forms there are."""
    with pytest.raises(InvalidInput, match="is not an address") as caught:
        parse(line)
    assert "name@node" in caught.value.remedy


@pytest.mark.parametrize("line", ["", " , ;\n", []])
def test_no_recipient_is_an_error(line: str | list[str]) -> None:
    """A line without a word in it names nobody."""
    with pytest.raises(InvalidInput, match="No recipient"):
        parse(line)


def test_too_many_recipients_are_refused() -> None:
    """The limits of number and of length are named."""
    parse([f"n{i}" for i in range(MAX_ADDRESSES)])
    with pytest.raises(InvalidInput, match=str(MAX_ADDRESSES)):
        parse([f"n{i}" for i in range(MAX_ADDRESSES + 1)])
    with pytest.raises(InvalidInput, match=str(MAX_LINE)):
        parse("a" * (MAX_LINE + 1))
