"""Addresses as people write them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claudemail.errors import InvalidInput
from claudemail.model.address import ALL, MAX_ADDRESSES, MAX_LINE, Address, parse

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", fullmatch=True)
ADDRESSES = st.builds(Address, name=NAMES, node=st.none() | NAMES) | st.builds(Address, node=NAMES)
STRICT = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]{0,63})?(@[A-Za-z0-9][A-Za-z0-9_-]{0,63})?")


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
