"""Trees and proofs: the reference vectors, the RFC's own recursive definitions, and proofs that do not hold."""

from __future__ import annotations

import hashlib
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.merkle import EMPTY_ROOT, root_of
from kernel.tlog.encodings import Malformed
from kernel.tlog.tiles import Tile, tiles_of
from kernel.tlog.trees import (
    GrowingTree,
    HeldTiles,
    NotProven,
    consistency_tiles,
    inclusion_tiles,
    leaf_hash,
    prove_consistency,
    prove_inclusion,
    root_from,
    root_tiles,
    verify_consistency,
    verify_inclusion,
)
from tests.support.transparency import Tiles

# The reference vectors of Certificate Transparency: eight leaves, and hashes within their tree.
LEAVES: Final = tuple(
    leaf_hash(bytes.fromhex(text))
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
)  # fmt: skip
ROOTS: Final = tuple(
    map(
        bytes.fromhex,
        (
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ),
    )
)
L0, L1, L4, L6 = ROOTS[1], LEAVES[1], LEAVES[4], LEAVES[6]
N01, N03 = ROOTS[2], ROOTS[4]
N23 = bytes.fromhex("5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e")
N45 = bytes.fromhex("0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a")
N67 = bytes.fromhex("ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0")
N47 = bytes.fromhex("6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4")


def test_the_leaves_of_the_reference_have_its_hashes() -> None:
    assert [leaf.hex()[:8] for leaf in LEAVES] == [
        "6e340b9c", "96a296d2", "0298d122", "07506a85", "bc1a0643", "4271a26b", "b08693ec", "46f6ffad",
    ]  # fmt: skip


@pytest.mark.parametrize("size", range(9))
def test_the_roots_of_the_reference(size: int) -> None:
    tiles = Tiles(LEAVES[:size])
    assert tiles.tree.root == root_from(size, tiles) == root_of(LEAVES[:size]) == ROOTS[size]


@pytest.mark.parametrize(
    ("index", "size", "path"),
    [(0, 1, ()), (0, 8, (L1, N23, N47)), (5, 8, (L4, N67, N03)), (2, 3, (N01,)), (1, 5, (L0, N23, L4))],
)
def test_the_inclusion_proofs_of_the_reference(index: int, size: int, path: tuple[bytes, ...]) -> None:
    assert prove_inclusion(index, size, Tiles(LEAVES, size)) == path
    verify_inclusion(LEAVES[index], index, size, path, ROOTS[size])


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        (1, 1, ()), (1, 8, (L1, N23, N47)), (6, 8, (N45, N67, N03)), (2, 5, (N23, L4)), (6, 7, (N45, L6, N03)),
        (2, 8, (N23, N47)),
    ],
)  # fmt: skip
def test_the_consistency_proofs_of_the_reference(old: int, new: int, path: tuple[bytes, ...]) -> None:
    assert prove_consistency(old, new, Tiles(LEAVES, new)) == path
    verify_consistency(old, new, path, ROOTS[old], ROOTS[new])


# --- as the RFC defines them ----------------------------------------------------------------------------------------

MANY: Final = tuple(hashlib.sha256(b"\x00%d" % number).digest() for number in range(66_400))
SIZES: Final = st.integers(0, 600) | st.sampled_from([65_535, 65_536, 65_537, 65_792, 65_793, 66_400])
SMALL: Final = st.integers(0, 700)


def mth(leaves: tuple[bytes, ...]) -> bytes:
    """MTH of RFC 6962, 2.1, over leaf hashes."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    k = _split(len(leaves))
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """PATH of RFC 6962, 2.1.1."""
    if len(leaves) == 1:
        return ()
    k = _split(len(leaves))
    if m < k:
        return (*path(m, leaves[:k]), mth(leaves[k:]))
    return (*path(m - k, leaves[k:]), mth(leaves[:k]))


def subproof(m: int, leaves: tuple[bytes, ...], *, complete: bool = True) -> tuple[bytes, ...]:
    """SUBPROOF of RFC 6962, 2.1.2."""
    n = len(leaves)
    if m == n:
        return () if complete else (mth(leaves),)
    k = _split(n)
    if m <= k:
        return (*subproof(m, leaves[:k], complete=complete), mth(leaves[k:]))
    return (*subproof(m - k, leaves[k:], complete=False), mth(leaves[:k]))


def _split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


@given(SIZES, st.lists(SMALL, max_size=4))
def test_a_tree_that_grew_in_steps_has_the_root_and_the_tiles_of_the_list(size: int, steps: list[int]) -> None:
    leaves = MANY[:size]
    tiles = Tiles(leaves, *(step for step in steps if step < size))
    assert tiles.tree.size == size
    assert tiles.tree.root == root_of(leaves) == root_from(size, tiles)
    assert tiles.asked == root_tiles(size) == [tile for tile in tiles_of(size) if tile.width < 256][::-1]
    assert set(tiles_of(size)) <= set(tiles.tiles)
    assert all(len(raw) == tile.length for tile, raw in tiles.tiles.items())


def test_a_tile_has_the_roots_that_the_specification_says() -> None:
    tiles = Tiles(MANY[:65_793]).tiles
    for tile, raw in ((tile, tiles[tile]) for tile in (Tile(0, 256), Tile(1, 0), Tile(1, 1, 1), Tile(2, 0, 1))):
        span = 256**tile.level
        first = tile.number * 256 * span
        told = [root_of(MANY[first + i * span : first + (i + 1) * span]) for i in range(tile.width)]
        assert raw == b"".join(told)


@given(SIZES, SMALL)
def test_a_tree_that_is_taken_up_from_its_tiles_goes_on_as_if_it_had_not_been_left(size: int, more: int) -> None:
    more = min(more, len(MANY) - size)
    tiles = Tiles(MANY[:size])
    again = GrowingTree.read(size, HeldTiles({tile: tiles.tiles[tile] for tile in root_tiles(size)}))
    assert again.root == tiles.tree.root
    assert again.append(MANY[size : size + more]) == tiles.tree.append(MANY[size : size + more])
    assert (again.size, again.root, again.partial()) == (size + more, tiles.tree.root, tiles.tree.partial())


def test_a_tile_that_was_not_fetched_is_missed() -> None:
    with pytest.raises(KeyError):
        root_from(5, HeldTiles({}))


def test_a_tile_that_is_not_as_long_as_it_must_be_stops_a_tree_and_a_proof() -> None:
    tiles = Tiles(MANY[:300])
    tiles.tiles[Tile(0, 1, 44)] += b"x"
    for read in (
        lambda: GrowingTree.read(300, tiles), lambda: root_from(300, tiles), lambda: prove_inclusion(299, 300, tiles),
        lambda: prove_consistency(299, 300, tiles),
    ):  # fmt: skip
        with pytest.raises(Malformed, match=r"tile/0/001\.p/44 has 1409 bytes; 44 hashes have 1408"):
            read()


@pytest.mark.parametrize("wrong", [b"", bytes(31), bytes(33)])
def test_a_leaf_that_is_no_hash_leaves_the_tree_as_it_was(wrong: bytes) -> None:
    tree = GrowingTree()
    tree.append(MANY[:3])
    with pytest.raises(ValueError, match="hash the entry first"):
        tree.append([MANY[3], wrong])
    assert (tree.size, tree.root) == (3, root_of(MANY[:3]))


@given(st.data())
def test_proofs_from_tiles_are_those_of_the_recursive_definition_and_hold(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 700))
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    leaves, tiles = MANY[:size], Tiles(MANY[:700], size)
    root = mth(leaves)

    included = prove_inclusion(index, size, tiles)
    assert included == path(index, leaves)
    verify_inclusion(MANY[index], index, size, included, root)
    consistent = prove_consistency(old, size, tiles)
    assert consistent == subproof(old, leaves)
    verify_consistency(old, size, consistent, mth(leaves[:old]), root)


@settings(max_examples=40)
@given(SIZES, SIZES, st.data())
def test_proofs_read_each_tile_once_and_only_those_that_they_name(one: int, other: int, data: st.DataObject) -> None:
    old, new = sorted((one, other))
    tiles = Tiles(MANY[:new])
    proof = prove_consistency(old, new, tiles)
    assert tiles.asked == consistency_tiles(old, new)
    verify_consistency(old, new, proof, root_of(MANY[:old]), root_of(MANY[:new]))
    if new:
        index = data.draw(st.integers(0, new - 1))
        tiles.asked.clear()
        verify_inclusion(MANY[index], index, new, prove_inclusion(index, new, tiles), root_of(MANY[:new]))
        assert tiles.asked == inclusion_tiles(index, new)
        assert len(set(tiles.asked)) == len(tiles.asked)


def test_proofs_of_what_is_not_there_are_not_made() -> None:
    tiles = Tiles(MANY[:5])
    for index in (-1, 5):
        with pytest.raises(ValueError, match=f"no leaf {index} in a tree of 5"):
            prove_inclusion(index, 5, tiles)
    for old in (-1, 6):
        with pytest.raises(ValueError, match=f"a tree of 5 does not begin with one of {old}"):
            prove_consistency(old, 5, tiles)


# --- proofs that do not hold ----------------------------------------------------------------------------------------


def _flipped(raw: bytes, bit: int) -> bytes:
    return bytes(byte ^ (1 << bit % 8 if place == bit // 8 % len(raw) else 0) for place, byte in enumerate(raw))


def _spoilt(proof: tuple[bytes, ...], which: int, bit: int) -> tuple[bytes, ...]:
    return (*proof[:which], _flipped(proof[which], bit), *proof[which + 1 :])


@given(st.data())
def test_any_flipped_bit_of_an_inclusion_proof_is_seen(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 300))
    index, bit = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, 255))
    proof, leaf, root = prove_inclusion(index, size, Tiles(MANY[:size])), MANY[index], root_of(MANY[:size])
    if proof:
        which = data.draw(st.integers(0, len(proof) - 1))
        with pytest.raises(NotProven, match="leads to another root"):
            verify_inclusion(leaf, index, size, _spoilt(proof, which, bit), root)
        with pytest.raises(NotProven, match="fewer than"):
            verify_inclusion(leaf, index, size, proof[:-1], root)
    with pytest.raises(NotProven, match="more than"):
        verify_inclusion(leaf, index, size, (*proof, root), root)
    for spoilt in ((_flipped(leaf, bit), root), (leaf, _flipped(root, bit))):
        with pytest.raises(NotProven, match="leads to another root"):
            verify_inclusion(spoilt[0], index, size, proof, spoilt[1])


@given(st.data())
def test_any_flipped_bit_of_a_consistency_proof_is_seen(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, 300))
    old, bit = data.draw(st.integers(1, new - 1)), data.draw(st.integers(0, 255))
    proof, first, last = prove_consistency(old, new, Tiles(MANY[:new])), root_of(MANY[:old]), root_of(MANY[:new])
    which = data.draw(st.integers(0, len(proof) - 1))
    for spoilt in (
        (_spoilt(proof, which, bit), first, last),
        (proof, _flipped(first, bit), last),
        (proof, first, _flipped(last, bit)),
    ):
        with pytest.raises(NotProven, match="leads to another root"):
            verify_consistency(old, new, *spoilt)
    with pytest.raises(NotProven, match="fewer hashes"):
        verify_consistency(old, new, proof[:-1], first, last)
    with pytest.raises(NotProven, match="more hashes"):
        verify_consistency(old, new, (*proof, last), first, last)


@given(st.data())
def test_a_proof_of_another_place_or_another_size_does_not_hold(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 100))
    index, other = data.draw(st.lists(st.integers(0, size - 1), min_size=2, max_size=2, unique=True))
    proof, root = prove_inclusion(index, size, Tiles(MANY[:size])), root_of(MANY[:size])
    with pytest.raises(NotProven):
        verify_inclusion(MANY[index], other, size, proof, root)
    with pytest.raises(NotProven):
        verify_inclusion(MANY[other], index, size, proof, root)


def test_a_history_that_was_written_anew_is_not_consistent() -> None:
    rewritten = (*MANY[:5], MANY[900], *MANY[6:40])
    proof = prove_consistency(20, 40, Tiles(rewritten))
    with pytest.raises(NotProven, match="another root of the tree of 20"):
        verify_consistency(20, 40, proof, root_of(MANY[:20]), root_of(rewritten))


def test_proofs_about_no_leaves_and_about_equal_trees() -> None:
    root, other = root_of(MANY[:5]), root_of(MANY[:6])
    verify_consistency(0, 5, (), EMPTY_ROOT, root)
    verify_consistency(0, 0, (), EMPTY_ROOT, EMPTY_ROOT)
    verify_consistency(5, 5, (), root, root)
    for old, new, proof, roots, reason in [
        (0, 5, (root,), (EMPTY_ROOT, root), "nothing to prove"),
        (5, 5, (root,), (root, root), "nothing to prove"),
        (5, 5, (), (root, other), "two roots are told for the tree of 5"),
        (0, 5, (), (other, root), "the root of an empty tree is"),
        (0, 0, (), (EMPTY_ROOT, root), "the root of an empty tree is"),
        (5, 6, (), (root, other), "fewer hashes"),
        (4, 6, (), (root, other), "fewer hashes"),
        (6, 5, (), (other, root), "does not begin"),
        (-1, 5, (), (other, root), "does not begin"),
    ]:
        with pytest.raises(NotProven, match=reason):
            verify_consistency(old, new, proof, *roots)
    for index, size in ((0, 0), (5, 5), (-1, 5)):
        with pytest.raises(NotProven, match="there is no leaf"):
            verify_inclusion(root, index, size, (), root)


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1), st.lists(st.binary(min_size=31, max_size=33), max_size=70))
def test_whatever_proof_there_is_is_refused_and_breaks_nothing(one: int, other: int, proof: list[bytes]) -> None:
    root = bytes(32)
    old, new = sorted((one, other))
    with pytest.raises(NotProven):
        verify_inclusion(MANY[0], one, other, proof, root)
    if old not in {0, new}:
        with pytest.raises(NotProven):
            verify_consistency(old, new, proof, root, root)


def test_a_proof_that_is_longer_than_any_is_refused_before_it_is_hashed() -> None:
    with pytest.raises(NotProven, match="no proof has more than 63"):
        verify_inclusion(MANY[0], 0, 2**63 - 1, MANY[:64], MANY[1])
    with pytest.raises(NotProven, match="has not 32 bytes"):
        verify_inclusion(b"", 0, 1, (), MANY[1])
