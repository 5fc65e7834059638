"""What tests of several folders share."""

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
