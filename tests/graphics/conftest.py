"""What the graphics tests share."""

import pytest

from igc_tf.graphics import native_build, native_kernel, rasterizer, tfg_kernel


@pytest.fixture
def compiled():
    """Skips the test where the compiled kernels cannot be built."""
    try:
        native_kernel.load()
        tfg_kernel.load()
    except native_build.BuildError as error:
        pytest.skip(str(error))


@pytest.fixture(params=[name for name in rasterizer.BACKENDS if name != "auto"])
def backend(request):
    """Each of the rasteriser's backends; the compiled ones where they can be built."""
    if request.param != "tensorflow":
        request.getfixturevalue("compiled")
    return request.param
