"""Files written whole or not at all, and names shown on a line."""

import os
import resource
import signal

import pytest

from igc_tf import disk


@pytest.fixture
def full_disk():
    """No file may grow beyond 4,096 bytes, as on a disk that fills up midway."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("before", [None, b"old"])
@pytest.mark.parametrize("stop", [ValueError, KeyboardInterrupt, OSError])
def test_an_error_midway_leaves_what_was_there(tmp_path, before, stop):
    path = tmp_path / "a.txt"
    if before is not None:
        path.write_bytes(before)
    with pytest.raises(stop), disk.written(path) as stream:
        stream.write(b"half")
        stream.flush()
        raise stop
    assert [entry.name for entry in tmp_path.iterdir()] == (["a.txt"] if before else [])
    assert before is None or path.read_bytes() == before


def test_a_full_disk_leaves_what_was_there(tmp_path, full_disk):
    disk.write_text(tmp_path / "a.txt", "old")
    with pytest.raises(OSError):
        disk.write_text(tmp_path / "a.txt", "new" * 4096)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


@pytest.mark.parametrize("name", ["a.txt", "x" * 255, os.fsdecode(b"caf\xe9"), "[b]", "a\nb", "ä"])
def test_any_name_is_written_with_the_users_permissions(tmp_path, name):
    mask = os.umask(0o027)
    try:
        disk.write_text(tmp_path / name, "caf\udce9 ä")
    finally:
        os.umask(mask)
    assert (tmp_path / name).read_bytes() == "caf\\udce9 ä".encode()
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o640


def test_a_folder_that_may_not_be_written_is_named(tmp_path, ordinary_user):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        disk.write_text(tmp_path / "a.txt", "text")
    tmp_path.chmod(0o700)


def test_names_are_shown_on_one_line_of_plain_text():
    assert disk.shown("schön/猫 [b].jpg") == "schön/猫 [b].jpg"
    assert disk.shown("a\nb\x1b[31m.jpg") == "a\\nb\\x1b[31m.jpg"
    assert disk.shown(os.fsdecode(b"caf\xe9.jpg")) == "caf\\xe9.jpg"
    assert disk.shown("\ud800") == "\\ud800"
