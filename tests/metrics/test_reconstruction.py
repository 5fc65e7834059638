"""L1, PSNR and SSIM by hand."""

import numpy as np
import pytest

from igc_tf.metrics import reconstruction
from igc_tf.metrics.metric import means


def pictures(seed, n=2, size=24):
    """Random pictures."""
    return np.random.default_rng(seed).uniform(size=(n, size, size, 3)).astype(np.float32)


def evaluate(*arguments):
    """Means over the images."""
    return means(
        {
            "l1": reconstruction.l1(*arguments),
            "psnr_db": reconstruction.psnr_db(*arguments),
            "ssim": reconstruction.ssim(*arguments),
        },
        {},
    )


def test_equal_pictures():
    images = pictures(0)
    metrics = evaluate(images, images)
    assert metrics["l1"].value == 0.0
    assert metrics["psnr_db"].value == pytest.approx(100.0)
    assert metrics["ssim"].value == pytest.approx(1.0)


def test_constant_difference_by_hand():
    images = np.full((1, 16, 16, 3), 0.5, np.float32)
    brighter = images + np.float32(0.1)
    metrics = evaluate(images, brighter)
    assert metrics["l1"].value == pytest.approx(0.1, rel=1e-5)
    assert metrics["psnr_db"].value == pytest.approx(20.0, abs=1e-4)  # -10 log10(0.01)
    # No variance: only the luminance term is left, (2 a b + C1) / (a^2 + b^2 + C1), C1 = 1e-4.
    assert metrics["ssim"].value == pytest.approx(0.6001 / 0.6101, abs=1e-6)


def test_ssim_is_the_definition_at_one_pixel():
    a, b = pictures(1, n=1, size=11), pictures(2, n=1, size=11)
    offset = np.arange(-5, 6)
    window = np.exp(-(offset[:, None] ** 2 + offset**2) / (2 * 1.5**2))
    window /= window.sum()
    values = []
    for color in range(3):
        x, y = a[0, :, :, color].astype(float), b[0, :, :, color].astype(float)
        mx, my = (window * x).sum(), (window * y).sum()
        vx, vy = (window * (x - mx) ** 2).sum(), (window * (y - my) ** 2).sum()
        cov = (window * (x - mx) * (y - my)).sum()
        c1, c2 = 1e-4, 9e-4
        values.append((2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2)))
    # An 11 x 11 picture has one pixel whose window lies in it.
    np.testing.assert_allclose(reconstruction.ssim(a, b), [np.mean(values)], atol=1e-6)


def test_ssim_falls_with_noise_and_turns_negative_for_a_negative():
    images = pictures(3)
    noise = np.random.default_rng(4).normal(size=images.shape)
    values = [reconstruction.ssim(images, images + s * noise).mean() for s in (0.05, 0.2)]
    assert 1.0 > values[0] > values[1] > 0.0
    assert reconstruction.ssim(images, 1.0 - images).mean() < 0.0


def test_mask_leaves_out_what_is_wrong_outside():
    images = pictures(5)
    mask = np.zeros(images.shape[:3], np.float32)
    mask[:, 4:20, 4:20] = 1.0
    wrong = images.copy()
    wrong[mask == 0] = 0.0
    metrics = evaluate(images, wrong, mask)
    assert metrics["l1"].value == 0.0
    assert metrics["ssim"].value == pytest.approx(1.0)


def test_masked_l1_by_hand():
    images = np.zeros((1, 11, 11, 3), np.float32)
    rendered = images.copy()
    rendered[0, 0, 0], rendered[0, 0, 1] = 0.4, 0.2
    mask = np.zeros((1, 11, 11))
    mask[0, 0, :2] = 1
    np.testing.assert_allclose(reconstruction.l1(images, rendered, mask), [0.3], rtol=1e-6)
    np.testing.assert_allclose(
        reconstruction.psnr_db(images, rendered, mask), [-10 * np.log10(0.1)], rtol=1e-6
    )


def test_empty_mask_has_no_ground_truth():
    images = pictures(6)
    mask = np.ones(images.shape[:3])
    mask[0] = 0
    metrics = evaluate(images, images, mask)
    assert [metric.n for metric in metrics.values()] == [1, 1, 1]
    for metric in evaluate(images, images, np.zeros_like(mask)).values():
        assert metric.is_absent


@pytest.mark.parametrize(
    ("images", "rendered", "mask", "message"),
    [
        (np.zeros((1, 16, 16, 3)), np.zeros((2, 16, 16, 3)), None, "must both be"),
        (np.zeros((1, 16, 16, 3), np.uint8), np.zeros((1, 16, 16, 3), np.uint8), None, "255"),
        (np.zeros((1, 16, 16, 3)), np.zeros((1, 16, 16, 3)), np.zeros((1, 8, 8)), "mask"),
        (np.zeros((1, 8, 8, 3)), np.zeros((1, 8, 8, 3)), None, "11 x 11"),
    ],
)
def test_bad_input_is_named(images, rendered, mask, message):
    with pytest.raises(ValueError, match=message):
        evaluate(images, rendered, mask)


def test_ssim_is_tensorflows():
    import tensorflow as tf  # here, so that the other tests need no TensorFlow

    images, rendered = pictures(7), pictures(8)
    mixed = 0.7 * images + 0.3 * rendered
    expected = tf.image.ssim(tf.constant(images), tf.constant(mixed), 1.0).numpy()
    np.testing.assert_allclose(reconstruction.ssim(images, mixed), expected, atol=1e-4)
