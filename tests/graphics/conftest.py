"""What the graphics tests share."""

import pytest

from igc_tf.graphics.rasterizers import rasterizer


@pytest.fixture(params=[name for name in rasterizer.BACKENDS if name != "auto"])
def backend(request):
    """Each of the rasterizer's backends; the compiled ones where they can be built."""
    if request.param != "tensorflow":
        request.getfixturevalue("compiled")
    return request.param
