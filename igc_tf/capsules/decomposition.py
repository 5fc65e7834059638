"""The graphics decomposition module (GDM): global embeddings to part embeddings [paper]."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from igc_tf.config import ModelConfig
from igc_tf.structures import PartEmbeddings


class GraphicsDecomposition(tf.keras.layers.Layer):
    """Assigns every dimension of the shape and albedo embeddings to exactly one part (Eq. 6).

    With f = Linear(x) and a learned basis b_m a part [group]:

        a_m = softmax_m(f * b_m)              how much of each dimension the part attends to
        o   = one_hot(argmax_m a)             which part owns the dimension; not differentiated
        f_m = a_m * f * o_m                   the part's embedding

    The one-hot found on the shape is reused for the albedo, so that a part's shape and albedo stay
    consistent; the view block shares every dimension evenly, o = 1 / M. `one_hot=False` is the
    paper's ablation: o = 1 everywhere.
    """

    def __init__(self, config: ModelConfig, **kwargs: Any):
        """Makes the module of `config`; float32 whatever the compute type, its argmax is delicate."""
        super().__init__(dtype="float32", **kwargs)
        self.parts = config.parts
        self.one_hot = config.one_hot
        self.dims = {
            "shape": config.shape_dim,
            "albedo": config.albedo_dim,
            "view": config.view_dim,
        }
        self.linear = {
            name: tf.keras.layers.Dense(
                dim,
                kernel_initializer=tf.keras.initializers.RandomNormal(stddev=0.01),
                name=f"to_{name}",
                dtype="float32",
            )
            for name, dim in self.dims.items()
        }

    def build(self, input_shape: tf.TensorShape) -> None:
        """Makes the bases, `[M, D]` for each block, Kaiming normal [group]."""
        self.basis = {
            name: self.add_weight(
                name=f"basis_{name}",
                shape=(self.parts, dim),
                # Kaiming normal with fan_in = D, as PyTorch counts an M x D matrix.
                initializer=tf.keras.initializers.RandomNormal(stddev=(2.0 / dim) ** 0.5),
            )
            for name, dim in self.dims.items()
        }
        super().build(input_shape)

    def call(self, features: tf.Tensor) -> PartEmbeddings:
        """Decomposes `[B, F]` features.

        Returns:
          Part embeddings `[B, M, D]` of each block. With `one_hot`, every dimension of shape and
          albedo is non-zero in at most one part, the same one in both.
        """
        features = tf.cast(features, tf.float32)
        shape, shape_attention = self._attend("shape", features)
        albedo, albedo_attention = self._attend("albedo", features)
        view, view_attention = self._attend("view", features)
        if self.one_hot:
            owner = one_hot_over_parts(shape_attention)
            shape_attention *= owner
            albedo_attention *= owner
        return PartEmbeddings(
            shape=shape_attention * shape,
            albedo=albedo_attention * albedo,
            view=view_attention * view / self.parts,
        )

    def _attend(self, block: str, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """A block's global embedding `[B, 1, D]` and its attention over the parts `[B, M, D]`."""
        embedding = self.linear[block](features)[:, tf.newaxis, :]
        return embedding, tf.nn.softmax(embedding * self.basis[block], axis=1)


def one_hot_over_parts(attention: tf.Tensor) -> tf.Tensor:
    """1 where a part attends most to a dimension, else 0: `[B, M, D]` to `[B, M, D]`.

    Not differentiated (constant to the gradient) [group]. The first part wins ties.
    """
    return tf.stop_gradient(
        tf.one_hot(tf.argmax(attention, axis=1), attention.shape[1], axis=1, dtype=attention.dtype)
    )
