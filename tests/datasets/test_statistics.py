"""Numbers that describe pictures, by hand."""

import numpy as np

from igc_tf.datasets import statistics


def test_by_hand():
    images = np.zeros([2, 2, 2, 3], np.uint8)
    images[0] = 255  # white; the other: black with one red pixel
    images[1, 0, 0, 0] = 255
    found = statistics.describe(images)
    assert found.pictures == 2
    np.testing.assert_allclose(found.mean, [5 / 8, 4 / 8, 4 / 8])
    np.testing.assert_allclose(found.deviation, np.sqrt([15 / 64, 1 / 4, 1 / 4]))
    np.testing.assert_allclose(found.brightness, [1, 1 / 12])
    # The gray of the second is 1/3, 0, 0, 0: its deviation is 1/3 * sqrt(3)/4.
    np.testing.assert_allclose(found.contrast, [0, np.sqrt(3) / 12])
    np.testing.assert_array_equal(found.mean_image[0, 0], [255, 128, 128])


def test_a_large_set_is_sampled_evenly():
    images = np.arange(250, dtype=np.uint8)[:, None, None, None] * np.ones([1, 1, 1, 3], np.uint8)
    found = statistics.describe(images, limit=11)
    assert found.pictures == 250
    np.testing.assert_allclose(found.brightness * 255, np.linspace(0, 249, 11).round())
