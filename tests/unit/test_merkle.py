"""The root of RFC 6962 over leaves that pass by is that over the list of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kernel.canonical import leaf_hash
from kernel.merkle import EMPTY_ROOT, GrowingRoot, root_of


@given(st.integers(min_value=0, max_value=300))
def test_a_growing_root_is_the_root_of_the_list(count: int) -> None:
    leaves = [leaf_hash(b"%d" % number) for number in range(count)]
    growing = GrowingRoot()
    assert growing.root == EMPTY_ROOT
    for leaf in leaves:
        growing.add(leaf)
    assert (growing.count, growing.root) == (count, root_of(leaves))
