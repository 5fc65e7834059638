"""The auto-encoder learns, within its budget, the same for the same seed."""

import numpy as np
import pytest

from igc_tf.baselines import autoencoder_training as training
from igc_tf.training import trainer


@pytest.fixture(scope="module")
def photos():
    """40 pictures of a bright disc on a dark ground, at varied places."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:32, :32]
    made = []
    for cx, cy in random.uniform(12, 20, (40, 2)):
        disc = ((x - cx) ** 2 + (y - cy) ** 2 < 80)[..., np.newaxis]
        made.append(np.where(disc, random.integers(128, 256, 3), random.integers(0, 100, 3)))
    return np.array(made, np.uint8)


@pytest.fixture
def config(tiny):
    return tiny.replace(batch_size=8, learning_rate=5e-3, pyramid_weight=1.0, likelihood_weight=0.0)


def test_it_learns_and_says_what_it_took(config, photos):
    short = training.train(config, 4, photos, images=8)
    trained = training.train(config, 4, photos, images=595)
    assert trained.images == 600 and trained.seconds > 0  # whole steps
    assert trained.l1 < 0.8 * short.l1
    embeddings, rendered = training.encode(trained.model, photos, batch_size=16)
    assert embeddings.shape == (40, 16) and rendered.shape == (40, 32, 32, 3)
    l1 = np.abs(rendered - photos / 255.0).mean()
    assert l1 == pytest.approx(trained.l1, rel=0.3)
    again = training.train(config, 4, photos, images=595)
    assert again.l1 == trained.l1


def test_no_images_are_no_training(config, photos):
    with pytest.raises(ValueError, match="0 images: one at least"):
        training.train(config, 4, photos, images=0)


def test_what_is_not_finite_stops_it(config, photos):
    with pytest.raises(trainer.NonFiniteError, match="--learning_rate=1e\\+30"):
        training.train(config.replace(learning_rate=1e30), 4, photos, images=80)
