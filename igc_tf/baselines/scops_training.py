"""Trains the small SCOPS on photos and their features, then finds its parts in any photo."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from igc_tf.baselines import scops
from igc_tf.datasets.pipeline import to_float
from igc_tf.training.progress import Progress

#: Photos a step, learning rate and the gradients' norm [choice; SCOPS: 6, 1e-5, 5].
BATCH_SIZE = 16
_LEARNING_RATE = 1e-3
_CLIP_NORM = 5.0
#: How many photos are trained on by default, counted with repetition [choice; SCOPS: 600,000].
IMAGES = 16_000


class Scops:
    """SCOPS as a part method: `fit` first, then `maps`."""

    def __init__(self, parts: int, seed: int, images: int = IMAGES):
        """Prepares for `parts` parts, the background among them, and a training on `images` photos."""
        self.parts, self.seed = parts, seed
        self.steps = -(-images // BATCH_SIZE)
        self.terms: dict[str, float] = {}  #: each loss times its weight, mean of the last steps

    def fit(self, photos: np.ndarray, features: list[np.ndarray]) -> None:
        """Trains.

        Args:
          photos: `[N, S, S, 3]` uint8, S a multiple of 32.
          features: `[N, s, s, C]` >= 0, of one or more layers of one network; the first also tells
            what is salient.

        Raises:
          ValueError: S is no multiple of 32, features are negative, or the training is not finite.
        """
        if photos.shape[1] % scops.MAP_SIZE:
            raise ValueError(
                f"scops takes photos of a multiple of {scops.MAP_SIZE} px, not {photos.shape[1]}."
            )
        salient = scops.saliency(features[0], self.seed)[..., np.newaxis]
        scale = _root_mean_square(features, salient)
        tf.keras.utils.set_random_seed(self.seed)
        self.network = scops.build_network(self.parts, photos.shape[1])
        channels = sum(layer.shape[-1] for layer in features)
        basis = tf.Variable(tf.abs(tf.random.normal([self.parts - 1, channels])), name="basis")
        variables = self.network.trainable_variables
        optimizer = tf.keras.optimizers.Adam(
            tf.keras.optimizers.schedules.PolynomialDecay(_LEARNING_RATE, self.steps, 0.0, 0.9)
        )
        optimizer.build([*variables, basis])

        @tf.function(autograph=False)
        def train(photos, features, salient, seed):
            with tf.GradientTape() as tape:
                found = scops.losses(
                    self.network, tf.nn.relu(basis), to_float(photos), features, salient, seed
                )
                terms = {name: scops.WEIGHTS[name] * value for name, value in found.items()}
                total = tf.add_n(list(terms.values()))
            gradients = tape.gradient(total, [*variables, basis])
            network_gradients, _ = tf.clip_by_global_norm(gradients[:-1], _CLIP_NORM)
            basis_gradient, _ = tf.clip_by_global_norm(gradients[-1:], _CLIP_NORM)
            optimizer.apply_gradients(
                zip(network_gradients + basis_gradient, [*variables, basis], strict=True)
            )
            return terms, total

        random = np.random.default_rng(self.seed)
        recent: list[dict[str, float]] = []
        with Progress(self.steps, BATCH_SIZE, 0) as progress:
            for step in range(self.steps):
                chosen = np.sort(random.choice(len(photos), BATCH_SIZE, len(photos) < BATCH_SIZE))
                seen = np.concatenate([layer[chosen] for layer in features], -1) / scale
                seed = tf.constant([self.seed, step])  # a plain list would be traced anew each step
                terms, total = train(photos[chosen], seen.astype(np.float32), salient[chosen], seed)
                if not np.isfinite(total):
                    raise ValueError(f"Step {step} of SCOPS's training is not finite.")
                recent = [*recent[-99:], {name: float(value) for name, value in terms.items()}]
                progress.update(step + 1, float(total))
        self.terms = {name: float(np.mean([one[name] for one in recent])) for name in recent[0]}
        self._segment = tf.function(
            lambda photos: tf.nn.softmax(self.network(to_float(photos))),
            autograph=False,
            reduce_retracing=True,
        )

    def maps(self, photos: np.ndarray) -> np.ndarray:
        """`[N, parts, 32, 32]` float32, softmax over the parts, of `[N, S, S, 3]` uint8 photos."""
        found = [
            self._segment(tf.constant(photos[start : start + 64])).numpy()
            for start in range(0, len(photos), 64)
        ]
        return np.concatenate(found).transpose(0, 3, 1, 2)


def _root_mean_square(features: list[np.ndarray], salient: np.ndarray) -> float:
    """Of all features where they are salient, so that none of the losses depends on their scale."""
    square = count = 0.0
    for layer in features:
        for start in range(0, len(layer), 256):
            masked = layer[start : start + 256].astype(np.float32) * salient[start : start + 256]
            square += float(np.square(masked).sum(dtype=np.float64))
            count += masked.size
    return float(np.sqrt(square / count)) or 1.0
