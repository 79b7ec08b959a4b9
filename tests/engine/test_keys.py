"""Keys are the same in Python and in compiled code, and differ among children."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from netsim.engine.keys import KEY_BITS, Tag, fold, fold_compiled, name_key

KEYS = st.integers(0, 2**KEY_BITS - 1)


@given(KEYS, st.sampled_from(list(Tag)), st.integers(-1, 2**40 - 1))
def test_python_and_compiled_agree(key: int, tag: Tag, number: int) -> None:
    assert fold(key, tag, number) == fold_compiled(key, int(tag), number)


def test_children_differ() -> None:
    root = name_key("users")
    found = {fold(root, tag, n) for tag in Tag for n in range(2000)}
    assert len(found) == len(Tag) * 2000
    assert all(0 <= key < 2**KEY_BITS for key in found)
