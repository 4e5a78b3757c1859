"""Ids for machines and refs for people."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from claudemail.model.ids import CODE_LENGTH, REF, REF_LENGTH, code_of, new_id

MILLIS = st.integers(0, 2**48 - 1)


@given(MILLIS)
def test_an_id_is_a_version_7_uuid_of_its_time(now: int) -> None:
    """Version, variant and time stand where RFC 9562 has them."""
    id = uuid.UUID(new_id(now))
    assert (id.version, id.variant) == (7, uuid.RFC_4122)
    assert id.int >> 80 == now


@given(MILLIS, MILLIS)
def test_ids_sort_by_time(one: int, other: int) -> None:
    """Of two ids, the text of the one made in an earlier millisecond is smaller."""
    if one != other:
        assert (new_id(one) < new_id(other)) == (one < other)


def test_ids_of_one_millisecond_differ() -> None:
    """A thousand ids of the same instant are a thousand ids."""
    assert len({new_id(1_790_000_000_000) for _ in range(1000)}) == 1000


@given(st.uuids())
def test_every_start_of_a_code_is_a_valid_ref(id: uuid.UUID) -> None:
    """A code follows from the id alone, and each of its starts of four or more symbols is a ref, never a number."""
    code = code_of(str(id))
    assert code == code_of(str(id))
    assert len(code) == CODE_LENGTH
    assert all(REF.fullmatch(code[:length]) for length in range(REF_LENGTH, CODE_LENGTH + 1))
    assert not set(code) & set("01ilo")


def test_codes_are_spread_over_all_symbols() -> None:
    """Each place of a code takes every value it may, so that short refs seldom clash."""
    codes = [code_of(new_id(n)) for n in range(2000)]
    assert len({code[0] for code in codes}) == 23
    assert all(len({code[place] for code in codes}) == 31 for place in range(1, CODE_LENGTH))
