"""The picture file: built once, whole or not at all, each under its own key."""

import numpy as np
import pytest

from igc_tf.datasets import image_store

pytestmark = pytest.mark.usefixtures("own_cache")

SIZE = 4


def picture(value):
    return np.full([SIZE, SIZE, 3], value, np.uint8)


def must_not_be_called():
    raise AssertionError("The store was built a second time.")


def test_pictures_keep_their_order_and_names():
    store = image_store.open_or_build(
        "a", SIZE, 3, lambda: [(f"p{value}", picture(value)) for value in (7, 200, 31)]
    )
    assert store.names == ["p7", "p200", "p31"] and store.skipped == {}
    assert store.images.shape == (3, SIZE, SIZE, 3) and store.images.dtype == np.uint8
    np.testing.assert_array_equal(store.images[:, 0, 0, 0], [7, 200, 31])


def test_unreadable_pictures_are_left_out_and_named():
    pictures = [("good", picture(1)), ("bad", "it is torn"), ("fine", picture(2))]
    store = image_store.open_or_build("a", SIZE, 3, lambda: pictures)
    assert store.names == ["good", "fine"] and store.skipped == {"bad": "it is torn"}
    np.testing.assert_array_equal(store.images[:, 0, 0, 0], [1, 2])


def test_the_second_opening_reads_no_picture():
    first = image_store.open_or_build("a", SIZE, 2, lambda: [("x", picture(5)), ("y", "torn")])
    second = image_store.open_or_build("a", SIZE, 2, must_not_be_called)
    np.testing.assert_array_equal(second.images, first.images)
    assert second.names == first.names and second.skipped == first.skipped


def test_stores_of_two_keys_do_not_mix():
    for value, key in ((1, "a"), (2, "b")):
        image_store.open_or_build(key, SIZE, 1, lambda value=value: [("x", picture(value))])
    for value, key in ((1, "a"), (2, "b")):
        store = image_store.open_or_build(key, SIZE, 1, must_not_be_called)
        assert store.images[0, 0, 0, 0] == value


def test_pictures_are_mapped_from_the_disk_and_read_only():
    store = image_store.open_or_build("a", SIZE, 1, lambda: [("x", picture(5))])
    assert isinstance(store.images, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        store.images[0] = 0


def test_no_readable_picture_raises_and_leaves_no_store(own_cache):
    with pytest.raises(ValueError, match=r"Not one picture.*2 were tried, e.g. x: torn"):
        image_store.open_or_build("a", SIZE, 2, lambda: [("x", "torn"), ("y", "empty")])
    assert [path for path in own_cache.rglob("*") if path.is_file()] == []
    # It is built once there is something to build it of.
    assert image_store.open_or_build("a", SIZE, 1, lambda: [("x", picture(1))]).names == ["x"]


def test_a_build_that_is_stopped_leaves_nothing_and_is_made_again(own_cache):
    def stops():
        yield "x", picture(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        image_store.open_or_build("a", SIZE, 2, stops)
    assert [path for path in own_cache.rglob("*") if path.is_file()] == []
    store = image_store.open_or_build("a", SIZE, 2, lambda: [("x", picture(1)), ("y", picture(2))])
    assert store.names == ["x", "y"]


def test_a_finished_build_leaves_no_partial_file(own_cache):
    image_store.open_or_build("a", SIZE, 1, lambda: [("x", picture(1))])
    assert sorted(path.name for path in own_cache.rglob("*") if path.is_file()) == [
        "images.npy",
        "store.json",
    ]
