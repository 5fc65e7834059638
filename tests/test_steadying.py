"""The one-euro filter: what it takes away and what it lets through."""

import numpy as np

from igc_tf.steadying import OneEuro


def filtered(values, **how):
    steady = OneEuro(25.0, **{"cutoff": 1.0, "quickness": 0.5, **how})
    return np.array([steady(value) for value in values])


def test_what_stands_still_is_steadied():
    noise = np.random.default_rng(0).normal(size=(400, 2))
    found = filtered(5 + noise, quickness=0.0)
    assert np.abs(np.diff(found[50:], axis=0)).mean() < 0.2 * np.abs(np.diff(noise, axis=0)).mean()
    np.testing.assert_allclose(found[50:].mean(0), 5, atol=0.2)


def test_a_steady_value_passes_unchanged():
    np.testing.assert_allclose(filtered([[3.0]] * 10), 3.0)


def test_a_quick_move_is_followed_the_sooner_the_quicker_the_filter():
    ramp = np.linspace(0, 60, 50)[:, None]  # 30 a second
    slow, quick = (np.abs(filtered(ramp, quickness=q) - ramp)[-1, 0] for q in (0.0, 0.5))
    assert quick < 0.5 < 3 < slow
