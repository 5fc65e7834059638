"""Shading by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf

from igc_tf.graphics import lighting
from igc_tf.structures import Light


def light(ambient=0.3, diffuse=0.5, direction=(0.0, 0.0, 1.0)):
    return Light(tf.constant([ambient]), tf.constant([diffuse]), tf.constant([direction]))


def shade(normal, source):
    return float(lighting.shade(tf.constant([[[normal]]]), source)[0, 0, 0])


def test_from_parameters_preset():
    found = lighting.from_parameters(
        tf.constant([-1.0, 0.0, 1.0]),
        tf.constant([1.0, -1.0, 0.5]),
        tf.constant([[0.0, 0.0], [0.75, 0.0], [-1.0, 1.0]]),
    )
    np.testing.assert_allclose(found.ambient, [0.0, 0.5, 1.0])
    np.testing.assert_allclose(found.diffuse, [1.0, 0.0, 0.75])
    # normalize(0.75, 0, 1): hypotenuse 1.25.
    third = np.array([-1, 1, 1]) / math.sqrt(3)
    np.testing.assert_allclose(found.direction, [[0, 0, 1], [0.6, 0, 0.8], third], rtol=1e-5)


@pytest.mark.parametrize(
    "degrees, expected",
    [
        (0.0, 0.3 + 0.5),  # faces the light
        (60.0, 0.3 + 0.5 * 0.5),
        (-60.0, 0.3 + 0.5 * 0.5),
        (90.0, 0.3),  # grazing
        (135.0, 0.3),  # faces away
        (180.0, 0.3),
    ],
)
def test_shade_by_the_angle_to_the_light(degrees, expected):
    angle = math.radians(degrees)
    normal = [math.sin(angle), 0.0, math.cos(angle)]
    np.testing.assert_allclose(shade(normal, light()), expected, atol=1e-6)
    # It is the angle to the light that counts, not that to the viewer.
    turned = [math.sin(angle), math.cos(angle), 0.0]
    np.testing.assert_allclose(shade(turned, light(direction=(0.0, 1.0, 0.0))), expected, atol=1e-6)


def test_shade_lights_every_image_by_its_own_light():
    normals = tf.constant([0.0, 0.6, 0.8]) * tf.ones([2, 3, 4, 1])
    both = Light(
        tf.constant([0.1, 0.2]),
        tf.constant([1.0, 0.5]),
        tf.constant([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]),
    )
    found = lighting.shade(normals, both)
    # 0.1 + 0.8 and 0.2 + 0.5 x 0.6.
    expected = np.broadcast_to(np.array([0.9, 0.5])[:, None, None], [2, 3, 4])
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_shade_ranges_from_0_to_2():
    np.testing.assert_allclose(shade([0.0, 0.0, 1.0], light(0.0, 0.0)), 0.0)
    np.testing.assert_allclose(shade([0.0, 0.0, 1.0], light(1.0, 1.0)), 2.0, rtol=1e-6)


def test_gradients_preset():
    source, normals = light(direction=(0.6, 0.0, 0.8)), tf.constant([[[[0.0, 0.0, 1.0]]]])
    with tf.GradientTape() as tape:
        tape.watch([source, normals])
        value = lighting.shade(normals, source)
    to_light, to_normals = tape.gradient(value, [source, normals])
    # ambient + diffuse n . l: 1, n . l, diffuse n; to the normal diffuse l.
    np.testing.assert_allclose(to_light.ambient, [1.0])
    np.testing.assert_allclose(to_light.diffuse, [0.8], rtol=1e-6)
    np.testing.assert_allclose(to_light.direction, [[0, 0, 0.5]], rtol=1e-6)
    np.testing.assert_allclose(to_normals, [[[[0.3, 0, 0.4]]]], rtol=1e-6)


@pytest.mark.parametrize(
    "normal", [(1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 0.0, 0.0)], ids=["grazing", "away", "none"]
)
def test_gradients_are_finite_where_no_light_falls(normal):
    source, normals = light(), tf.constant([[[normal]]])
    with tf.GradientTape() as tape:
        tape.watch([source, normals])
        value = lighting.shade(normals, source)
    for gradient in tf.nest.flatten(tape.gradient(value, [source, normals])):
        assert np.isfinite(gradient).all()


def test_an_unknown_batch_size_gives_the_same_shading():
    @tf.function(
        autograph=False,
        input_signature=[tf.TensorSpec([None, 4, 4, 3])]
        + [tf.TensorSpec([None])] * 2
        + [tf.TensorSpec([None, 3])],
    )
    def dynamic(normals, ambient, diffuse, direction):
        return lighting.shade(normals, Light(ambient, diffuse, direction))

    normals = tf.math.l2_normalize(tf.random.stateless_normal([3, 4, 4, 3], [0, 1]), axis=-1)
    source = lighting.from_parameters(
        *[tf.random.stateless_uniform(shape, [1, 2], -1, 1) for shape in ([3], [3], [3, 2])]
    )
    np.testing.assert_allclose(
        dynamic(normals, *source), lighting.shade(normals, source), rtol=1e-6
    )
