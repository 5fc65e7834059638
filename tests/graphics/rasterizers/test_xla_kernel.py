"""The kernel for XLA against the one for TensorFlow."""

import numpy as np
import pytest
import tensorflow as tf

from igc_tf.benchmarks import rasterizers
from igc_tf.graphics import camera
from igc_tf.graphics.rasterizers import rasterizer, xla_kernel


@pytest.mark.parametrize("count", [1, 2, 7, 8, 100])
def test_the_search_is_searchsorted(count):
    ends = np.cumsum(np.random.default_rng(count).integers(0, 3, count)).astype(np.int64)
    ends[-1] += 1
    numbers = np.arange(ends[-1])
    found = xla_kernel.first_after(tf.constant(ends), tf.constant(numbers))
    np.testing.assert_array_equal(found, np.searchsorted(ends, numbers, side="right"))


@pytest.mark.parametrize("side, size", [(34, (32, 32)), (20, (48, 37))])
def test_compiled_it_sees_what_tensorflow_sees(side, size):
    vertices, triangles = rasterizers.face_meshes(side, 3)
    clip = camera.to_clip_space(vertices, size, rasterizers.FOV_DEGREES)
    colors = tf.random.stateless_uniform([3, side**2, 3], [0, 1])

    def picture(points, backend):
        fragments = rasterizer.rasterize(points, triangles, size, backend=backend)
        return fragments, rasterizer.interpolate(fragments, triangles, colors)

    expected, wanted = picture(clip, "tensorflow")
    whole = tf.function(lambda points: picture(points, rasterizer.XLA), jit_compile=True)
    found, colored = whole(clip)
    assert expected.mask.numpy().mean() > 0.3
    np.testing.assert_array_equal(found.mask, expected.mask)
    # Fused products round otherwise: a pixel on the edge between two triangles may be seen in either.
    assert np.mean(found.triangle.numpy() != expected.triangle) < 0.01
    np.testing.assert_allclose(colored, wanted, atol=1e-3)


def test_shapes_that_are_not_static_are_refused():
    whole = tf.function(
        lambda points: xla_kernel.visible_triangles(points, tf.constant([[0, 1, 2]]), (4, 4)),
        input_signature=[tf.TensorSpec([None, 3, 4])],
    )
    with pytest.raises(ValueError, match="static"):
        whole.get_concrete_function()
