"""What the fork server of `programs` imports: all that igc_tf's programs do, but what starts threads."""

import gc

import tensorboard.plugins.mesh.summary_v2  # noqa: F401
import tensorflow as tf
import tensorflow_datasets  # noqa: F401
import trimesh  # noqa: F401
from tensorflow.python.eager import context

import igc_tf.baselines.autoencoder  # noqa: F401
import igc_tf.evaluation.eval_set  # noqa: F401
import igc_tf.evaluation.report_page  # noqa: F401
import igc_tf.inference  # noqa: F401
import igc_tf.serving.export  # noqa: F401
import igc_tf.training.trainer  # noqa: F401
import igc_tf.viewing.panels  # noqa: F401

# Most programs here call a graph a few times: to optimize it takes longer, a fifth of a short training.
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
# Devices and thread pools do not survive a fork: each child makes its own.
assert not context.context()._initialized, "an import has started TensorFlow's devices"
gc.freeze()  # What is imported stays: no child need look through it.
