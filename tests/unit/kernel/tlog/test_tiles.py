"""Tiles: paths, which tiles a tree has, and bundles that are read whole or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.tlog.encodings import Malformed
from kernel.tlog.tiles import (
    Bundle,
    Tile,
    bundles_changed,
    bundles_of,
    parse_path,
    partial_width,
    read_bundle,
    read_tile,
    tile_width,
    tiles_changed,
    tiles_of,
    write_bundle,
    write_tile,
)


@pytest.mark.parametrize(
    ("place", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 1234067), "tile/0/x001/x234/067"),
        (Tile(1, 999, 1), "tile/1/999.p/1"),
        (Tile(63, 1000, 255), "tile/63/x001/000.p/255"),
        (Bundle(0), "tile/entries/000"),
        (Bundle(1234067, 112), "tile/entries/x001/x234/067.p/112"),
    ],
)
def test_a_place_has_one_path(place: Tile | Bundle, path: str) -> None:
    assert place.path == path
    assert parse_path(path) == place


@given(
    st.integers(0, 63), st.integers(0, 2**55), st.integers(1, 256)
)  # fmt: skip
def test_every_place_is_read_from_its_path(level: int, number: int, width: int) -> None:
    assert parse_path(Tile(level, number, width).path) == Tile(level, number, width)
    assert parse_path(Bundle(number, width).path) == Bundle(number, width)


@pytest.mark.parametrize(
    "path",
    [
        "", "tile", "tile/0", "tile/0/", "/tile/0/000", "tile/0/000/", "tile/0/0", "tile/0/0000", "tile/0/001/000",
        "tile/0/x000/001", "tile/0/x001", "tile/00/000", "tile/64/000", "tile/100/000", "tile/-1/000", "tile/a/000",
        "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/999", "tile/0/000.p/", "tile/0/000.p",
        "tile/8/0/000", "tile/0/\u0660\u0660\u0660", "tile/0/000\n", "tile/../checkpoint", "tile/entry/000",
        "tile/0/x999/x999/x999/x999/x999/x999/999", "tile/0/" + "x001/" * 9 + "000", "checkpoint", "tile/entries/0",
    ],
)  # fmt: skip
def test_what_is_no_path_of_a_tile_is_refused(path: str) -> None:
    with pytest.raises(Malformed, match=r"is not tile/|not how a tile is called"):
        parse_path(path)


def test_the_trees_of_the_specification_have_the_tiles_that_it_names() -> None:
    tiles = list(tiles_of(70_000))
    assert [sum(tile.level == level for tile in tiles) for level in range(3)] == [274, 2, 1]
    assert [tile for tile in tiles if tile.width < 256] == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert list(tiles_of(256)) == [Tile(0, 0), Tile(1, 0, 1)]
    assert list(bundles_of(256)) == [Bundle(0)]
    assert (list(tiles_of(0)), list(bundles_of(0))) == ([], [])


SIZES = st.integers(0, 1000) | st.sampled_from([65_535, 65_536, 65_537, 65_792, 131_072])


@given(SIZES)
def test_a_tree_has_each_tile_once_and_as_wide_as_it_says(size: int) -> None:
    tiles = list(tiles_of(size))
    assert len(set(tiles)) == len(tiles)
    for level in range(4):
        wide = [tile.width for tile in tiles if tile.level == level]
        assert sum(wide) == size // 256**level
        assert (wide[-1] if wide else 0) % 256 == partial_width(size, level)
    assert all(tile_width(size, tile.level, tile.number) == tile.width for tile in tiles)
    assert tile_width(size, 0, size // 256 + 1) == 0
    assert [tuple(bundle) for bundle in bundles_of(size)] == [tile[1:] for tile in tiles if tile.level == 0]


@given(SIZES, SIZES)
def test_what_changed_is_what_the_larger_tree_has_and_the_smaller_had_not(one: int, other: int) -> None:
    old, new = sorted((one, other))
    had = set(tiles_of(old))
    assert list(tiles_changed(old, new)) == [tile for tile in tiles_of(new) if tile not in had]
    bundles = set(bundles_of(old))
    assert list(bundles_changed(old, new)) == [bundle for bundle in bundles_of(new) if bundle not in bundles]


def test_nothing_changes_towards_a_smaller_tree() -> None:
    assert list(tiles_changed(5, 3)) == []
    assert list(bundles_changed(5, 5)) == []


# --- contents -------------------------------------------------------------------------------------------------------


def test_a_tile_has_as_many_hashes_as_its_place_says() -> None:
    hashes = [bytes([number]) * 32 for number in range(3)]
    raw = write_tile(hashes)
    assert read_tile(raw, Tile(0, 0, 3)) == hashes
    for wrong, width in ((raw, 2), (raw, 4), (raw[:-1], 3), (raw + b"x", 3), (b"", 1)):
        with pytest.raises(Malformed, match=rf"tile/0/000\.p/{width} has {len(wrong)} bytes; {width} hashes have"):
            read_tile(wrong, Tile(0, 0, width))


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=256))
def test_a_bundle_is_read_as_it_was_written(entries: list[bytes]) -> None:
    assert read_bundle(write_bundle(entries), Bundle(0, len(entries))) == entries


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=6), st.data())
def test_a_bundle_that_was_cut_or_lengthened_is_refused_with_its_path(
    entries: list[bytes], data: st.DataObject
) -> None:
    raw, bundle = write_bundle(entries), Bundle(7, len(entries))
    cut = data.draw(st.integers(0, len(raw) - 1))
    with pytest.raises(Malformed, match=rf"tile/entries/007\.p/{len(entries)} ends at byte {cut}, "):
        read_bundle(raw[:cut], bundle)
    more = data.draw(st.binary(min_size=1, max_size=9))
    with pytest.raises(
        Malformed, match=rf"has {len(more)} bytes after its {len(entries)} entries, from byte {len(raw)} on"
    ):
        read_bundle(raw + more, bundle)


def test_a_bundle_says_in_which_entry_it_ends() -> None:
    raw = write_bundle([b"abc", b"", b"de"])
    for cut, reason in [
        (5, "before entry 1 of 3"),
        (6, "within the length of entry 1"),
        (10, "within entry 2, which has 2 bytes from byte 9"),
    ]:
        with pytest.raises(Malformed, match=reason):
            read_bundle(raw[:cut], Bundle(0, 3))


def test_an_entry_has_at_most_as_many_bytes_as_its_length_can_say() -> None:
    longest = b"x" * 65_535
    assert read_bundle(write_bundle([longest]), Bundle(0, 1)) == [longest]
    with pytest.raises(ValueError, match="entry 1 of the bundle has 65536 bytes"):
        write_bundle([b"", longest + b"x"])
