"""Feature clustering loss: each place of the surface shows the part whose cluster it looks like.

SCOPS (Hung et al., CVPR 2019) learns its feature vectors together with its parts, and finds other parts
with another seed. Here the clusters come first (`igc_tf.features.clusters`) and stay. The comparison is
made in the canonical view, where a place means the same in every photo [choice].
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from igc_tf import maps
from igc_tf.features.clusters import Clusters

#: What one unit of squared distance is in nats: a part is wanted as much as it is nearer. [choice]
_TEMPERATURE = 0.1


class FeatureClustering:
    """The loss, with the constants of a data set's clusters."""

    def __init__(self, clusters: Clusters, map_size: int, parts: int):
        """Takes the clusters.

        Args:
          clusters: of the training photos.
          map_size: side of the canonical maps.
          parts: M, the background's capsule among them.

        Raises:
          ValueError: they are of another number of parts.
        """
        if int(clusters.part.max()) != parts - 1:
            raise ValueError(f"{int(clusters.part.max())} parts were found, not {parts - 1}.")
        middle = (np.arange(map_size) + 0.5) / map_size - 0.5
        where = np.stack(np.meshgrid(np.abs(middle), middle), axis=-1)  # h x w x 2
        square = np.square(where[:, :, np.newaxis] - clusters.places).sum(axis=-1)
        self._of_places = tf.constant(clusters.place_scale * square, tf.float32)  # h x w x K
        self._members = [np.flatnonzero(clusters.part == part) for part in range(parts)]

    def wanted(self, distances: tf.Tensor, surface: tf.Tensor, image_size: int) -> tf.Tensor:
        """How much each part is wanted at each place of the canonical view.

        Args:
          distances: `[B, s, s, K]` float16 of the photos, see `Clusters`.
          surface: `[B, h, w, 2]` (x, y) where each place appears in the photo, px.
          image_size: side of the photo, px.

        Returns:
          `[B, M, h, w]`, sums to 1 over M; a constant to the gradient.
        """
        side = distances.shape[1]
        where = surface * (side / image_size) - 0.5
        found = maps.sample(tf.cast(distances, tf.float32), where) + self._of_places
        nearest = [tf.reduce_min(tf.gather(found, own, axis=-1), axis=-1) for own in self._members]
        return tf.stop_gradient(tf.nn.softmax(-tf.stack(nearest, axis=1) / _TEMPERATURE, axis=1))

    def __call__(
        self,
        distances: tf.Tensor,
        surface: tf.Tensor,
        nearness: tf.Tensor,
        image_size: int,
    ) -> tf.Tensor:
        """Cross entropy between the parts that are wanted and those that are seen.

        A place counts by the area it has in the photo, at most by its own: what is turned away or lies
        outside the photo says little.

        Args:
          distances: see `wanted`.
          surface: see `wanted`.
          nearness: `[B, M, h, w]`; its softmax over M is how much of each part is seen.
          image_size: see `wanted`.

        Returns:
          `[B]` nats.
        """
        wanted = self.wanted(distances, surface, image_size)
        seen = nearness - tf.reduce_logsumexp(nearness, axis=1, keepdims=True)
        weight = _shown(surface, image_size)
        entropy = -tf.reduce_sum(wanted * seen, axis=1)
        total = tf.maximum(tf.reduce_sum(weight, axis=(1, 2)), 1e-6)
        return tf.reduce_sum(weight * entropy, axis=(1, 2)) / total


def _shown(surface: tf.Tensor, image_size: int) -> tf.Tensor:
    """`[B, h, w]` in [0, 1]: area of each place in the photo over its area seen from the front."""
    height, width = surface.shape[1:3]
    right = surface[:, :, 1:] - surface[:, :, :-1]
    down = surface[:, 1:] - surface[:, :-1]
    right = tf.concat([right, right[:, :, -1:]], axis=2)
    down = tf.concat([down, down[:, -1:]], axis=1)
    area = right[..., 0] * down[..., 1] - right[..., 1] * down[..., 0]
    inside = tf.reduce_all((surface >= 0.0) & (surface <= image_size), axis=-1)
    front = (image_size / width) * (image_size / height)
    shown = tf.clip_by_value(area / front, 0.0, 1.0) * tf.cast(inside, tf.float32)
    return tf.stop_gradient(shown)
