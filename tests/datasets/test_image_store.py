"""The picture file: built once, whole or not at all, each under its own key."""

import subprocess
import sys

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


def files(own_cache):
    return sorted(path.name for path in own_cache.rglob("*") if path.is_file())


def test_no_readable_picture_raises_and_leaves_no_store(own_cache):
    with pytest.raises(ValueError, match=r"Not one picture.*2 were tried, e.g. x: torn"):
        image_store.open_or_build("a", SIZE, 2, lambda: [("x", "torn"), ("y", "empty")])
    assert files(own_cache) == ["lock"]
    # It is built once there is something to build it of.
    assert image_store.open_or_build("a", SIZE, 1, lambda: [("x", picture(1))]).names == ["x"]


def test_a_build_that_is_stopped_goes_on_where_it_was(own_cache):
    def stops():
        yield "x", picture(1)
        yield "bad", "torn"
        yield from ((f"more{n}", lambda n=n: picture(10 + n)) for n in range(100))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        image_store.open_or_build("a", SIZE, 200, stops)
    assert "store.json" not in files(own_cache)
    made = []

    def goes_on():
        yield "x", must_not_be_called
        yield "bad", must_not_be_called
        yield from ((f"more{n}", lambda n=n: made.append(n) or picture(10 + n)) for n in range(150))

    store = image_store.open_or_build("a", SIZE, 200, goes_on)
    assert store.names == ["x", *(f"more{n}" for n in range(150))]
    assert store.skipped == {"bad": "torn"}
    np.testing.assert_array_equal(store.images[:, 0, 0, 0], [1, *range(10, 160)])
    assert 50 <= len(made) < 150 and max(made) == 149


def test_a_torn_journal_loses_one_picture(own_cache):
    def stops():
        yield from ((f"p{n}", picture(n)) for n in range(100))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        image_store.open_or_build("a", SIZE, 100, stops)
    journal = next(own_cache.rglob("journal.jsonl"))
    journal.write_text(journal.read_text()[:-9])
    store = image_store.open_or_build(
        "a", SIZE, 100, lambda: ((f"p{n}", picture(n)) for n in range(100))
    )
    np.testing.assert_array_equal(store.images[:, 0, 0, 0], np.arange(100))


def test_only_what_changed_is_made_again(own_cache):
    def build(stamps, known=()):
        pictures = [
            (name, must_not_be_called if name in known else (lambda name=name: picture(ord(name))))
            for name in stamps
        ]
        return image_store.open_or_build("a", SIZE, len(stamps), lambda: pictures, stamps)

    build({"a": "1", "b": "1", "c": "1"})
    store = build({"a": "1", "b": "2", "d": "1"}, known=["a"])
    assert store.names == ["a", "b", "d"] and store.images[2, 0, 0, 0] == ord("d")
    build({"a": "1", "b": "2", "d": "1"}, known=["a", "b", "d"])
    # Of the first build's files nothing is left.
    assert len([name for name in files(own_cache) if name.startswith("images-")]) == 1


def test_a_stopped_build_of_photos_that_changed_meanwhile_begins_anew():
    def stops():
        yield from ((f"p{n}", picture(1)) for n in range(70))
        raise KeyboardInterrupt

    names = [f"p{n}" for n in range(70)]
    with pytest.raises(KeyboardInterrupt):
        image_store.open_or_build("a", SIZE, 70, stops, dict.fromkeys(names, "old"))
    new = lambda: ((name, picture(2)) for name in names)  # noqa: E731
    store = image_store.open_or_build("a", SIZE, 70, new, dict.fromkeys(names, "new"))
    assert (store.images == 2).all()


def test_placements_are_kept():
    transform = np.array([[2.0, 0.5, -3], [-0.5, 2, 7]])
    for _ in range(2):
        store = image_store.open_or_build(
            "a",
            SIZE,
            3,
            lambda: [
                ("x", image_store.Crop(picture(1), transform)),
                ("y", "torn"),
                ("z", picture(2)),
            ],
        )
        np.testing.assert_array_equal(store.transforms, [transform, np.eye(2, 3)])


def test_two_processes_build_a_store_once(own_cache):
    script = """
import sys, numpy as np, time
from igc_tf.datasets import image_store
def slow(n):
    time.sleep(0.01); print("made"); return np.full([4, 4, 3], n, np.uint8)
store = image_store.open_or_build("a", 4, 30, lambda: ((str(n), lambda n=n: slow(n)) for n in range(30)))
assert (store.images[:, 0, 0, 0] == np.arange(30)).all()
"""
    both = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum(output.count("made") for output in outputs) == 30


def test_a_finished_build_leaves_no_partial_file(own_cache):
    image_store.open_or_build("a", SIZE, 1, lambda: [("x", picture(1))])
    images, lock, transforms, store = files(own_cache)
    assert (lock, store) == ("lock", "store.json")
    assert images.startswith("images-") and transforms.startswith("placements-")


def cut(path, left):
    path.write_bytes(path.read_bytes()[:left])


@pytest.mark.parametrize("stamps", [None, {"x": "1", "bad": "1", "y": "1"}])
@pytest.mark.parametrize("left", [0, 40, -1])
@pytest.mark.parametrize("file", ["store.json", "images-*.npy", "placements-*.npy"])
def test_a_cut_store_is_made_again(own_cache, caplog, file, left, stamps):
    def build():
        pictures = [("x", picture(1)), ("bad", "torn"), ("y", picture(2))]
        return image_store.open_or_build("a", SIZE, 3, lambda: pictures, stamps)

    build()
    (path,) = own_cache.rglob(file)
    cut(path, left)
    with caplog.at_level("WARNING", logger="absl"):
        store = build()
    assert store.names == ["x", "y"] and store.skipped == {"bad": "torn"}
    np.testing.assert_array_equal(store.images[:, 0, 0, 0], [1, 2])
    assert f"{path.parent} is damaged, and is made again" in caplog.text
    assert len(files(own_cache)) == 4  # of the damaged store nothing is left
    image_store.open_or_build("a", SIZE, 3, must_not_be_called, stamps)


def test_a_missing_file_of_a_store_is_made_again(own_cache):
    image_store.open_or_build("a", SIZE, 1, lambda: [("x", picture(1))])
    next(own_cache.rglob("images-*.npy")).unlink()
    store = image_store.open_or_build("a", SIZE, 1, lambda: [("x", picture(1))])
    np.testing.assert_array_equal(store.images[:, 0, 0, 0], [1])


@pytest.mark.parametrize("left", [0, 40, 200, -1])
def test_a_stopped_build_that_was_cut_begins_anew(own_cache, left):
    def stops():
        yield from ((f"p{n}", picture(n + 1)) for n in range(90))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        image_store.open_or_build("a", SIZE, 90, stops)
    cut(next(own_cache.rglob("partial.npy")), left)
    store = image_store.open_or_build(
        "a", SIZE, 90, lambda: ((f"p{n}", picture(n + 1)) for n in range(90))
    )
    np.testing.assert_array_equal(store.images[:, 0, 0, 0], np.arange(1, 91))
