"""What tests of several folders share."""

import ctypes
import os

import pytest

from igc_tf import config


@pytest.fixture
def tiny():
    """The smallest complete configuration: every stage is there, a step takes under a second."""
    return config.Config().replace(
        image_size=32,
        map_size=32,
        parts=3,
        shape_dim=8,
        albedo_dim=8,
        view_dim=4,
        encoder_channels=2,
        decoder_channels=4,
        confidence_channels=2,
        batch_size=2,
    )


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """An empty cache of this test's own; the compiled rasteriser is not in it."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder / "igc_tf"


@pytest.fixture
def compiled():
    """Skips the test where the compiled kernels cannot be built."""
    from igc_tf.graphics import native_build, native_kernel, tfg_kernel

    try:
        native_kernel.load()
        tfg_kernel.load()
    except native_build.BuildError as error:
        pytest.skip(str(error))


@pytest.fixture
def ordinary_user():
    """Makes this thread heed the permissions of files, as root's do not; ends with the test."""
    if os.geteuid():
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this thread
    before = (ctypes.c_uint32 * 6)()  # twice: effective, permitted, inheritable
    if libc.capget(header, before):
        pytest.skip("this system tells no capabilities")
    now = (ctypes.c_uint32 * 6)(*before)
    now[0] &= ~0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    if libc.capset(header, now):
        pytest.skip("this system lets root drop no capabilities")
    yield
    libc.capset(header, before)
