"""The rasterizers' comparison renders the same with all of them, and scales as it says."""

import numpy as np
import pytest
import tensorflow as tf

from igc_tf.benchmarks import rasterizers
from igc_tf.graphics import camera
from igc_tf.graphics.rasterizers import rasterizer


@pytest.mark.parametrize("backend", ["native", "tfg", "tensorflow"])
def test_all_draw_what_tf_graphics_draws(compiled, backend):
    side, size = 24, (24, 24)
    vertices, triangles = rasterizers.face_meshes(side, 3)
    colors = tf.random.stateless_uniform([3, side**2, 3], [0, 1])
    upstream = tf.random.stateless_normal([3, *size, 3], [2, 3])
    theirs = rasterizers._tf_graphics(triangles, size)
    found = []
    for render in (
        lambda *given: tf.reverse(theirs(*given), [1]),  # Its row 0 is the bottom one.
        rasterizers._ours(triangles, size, backend),
    ):
        with tf.GradientTape() as tape:
            tape.watch([vertices, colors])
            picture = render(vertices, colors)
            loss = tf.reduce_sum(picture * upstream)
        found.append((picture, *tape.gradient(loss, [vertices, colors])))
    theirs, ours = found
    clip = camera.to_clip_space(vertices, size, rasterizers.FOV_DEGREES)
    weights = rasterizer.rasterize(clip, triangles, size, backend=backend).barycentrics.numpy()
    inside = weights.min(axis=-1) > 1e-3
    assert inside.mean() > 0.4
    np.testing.assert_allclose(ours[0][inside], theirs[0][inside], atol=1e-5)
    for one, other in zip(ours[1:], theirs[1:], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3 * np.abs(other).max())


def test_compare_times_each_on_the_same_batch(compiled):
    found = rasterizers.compare(8, 8, 2, ("native", "tensorflow"), 0.0)
    assert list(found) == [rasterizers.REFERENCE, "native", "tensorflow"]
    assert len({len(taken.seconds) for taken in found.values()}) == 1


def test_exponent_preset():
    assert rasterizers.exponent([32, 64, 128], [1.0, 4.0, 16.0]) == pytest.approx(1.0)
    assert rasterizers.exponent([32, 64], [3.0, 3.0]) == pytest.approx(0.0)
