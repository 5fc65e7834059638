"""Optimizers and learning-rate schedules by the names of the flags."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_addons as tfa

from igc_tf.config import TrainingConfig

#: The cosine schedule ends at this share of its peak. [choice]
FINAL_SHARE = 0.01


class LinearWarmup(tf.keras.optimizers.schedules.LearningRateSchedule):
    """Grows linearly from 0 over the first steps, then follows another schedule."""

    def __init__(self, steps: int, after: tf.keras.optimizers.schedules.LearningRateSchedule):
        """Warms up over `steps` steps; `after` counts from step 0 all the same."""
        super().__init__()
        self.steps = steps
        self.after = after

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """The learning rate of a step."""
        grown = (tf.cast(step, tf.float32) + 1.0) / float(self.steps)
        return self.after(step) * tf.minimum(1.0, grown)

    def get_config(self) -> dict:
        """What makes it again."""
        return {"steps": self.steps, "after": self.after}


def learning_rate(config: TrainingConfig, total_steps: int):
    """The learning rate: a number, or a schedule over `total_steps`."""
    peak = config.learning_rate
    schedules = {
        "constant": lambda: tf.keras.optimizers.schedules.PolynomialDecay(peak, 1, peak),
        "cosine": lambda: tf.keras.optimizers.schedules.CosineDecay(
            peak, total_steps, alpha=FINAL_SHARE
        ),
        "cyclical": lambda: tfa.optimizers.Triangular2CyclicalLearningRate(
            peak * FINAL_SHARE, peak, step_size=max(1, total_steps // 8)
        ),
    }
    if config.learning_rate_schedule == "constant" and not config.warmup_steps:
        return peak
    schedule = schedules[config.learning_rate_schedule]()
    return LinearWarmup(config.warmup_steps, schedule) if config.warmup_steps else schedule


def make(config: TrainingConfig, total_steps: int):
    """The optimizer of the configuration, Keras' or TF Addons'.

    Adam is Keras' legacy one: one fused operation a variable, where the newer class takes a dozen. The
    update is the same.
    """
    rate = learning_rate(config, total_steps)
    betas = {"beta_1": config.adam_beta_1, "beta_2": config.adam_beta_2}
    keras, addons = tf.keras.optimizers, tfa.optimizers
    makers = {
        "adam": lambda: keras.legacy.Adam(rate, **betas),
        "adamw": lambda: keras.AdamW(rate, weight_decay=config.l2, **betas, jit_compile=False),
        "lion": lambda: keras.Lion(rate, **betas, jit_compile=False),
        "lamb": lambda: addons.LAMB(rate, **betas),
        "rectified_adam": lambda: addons.RectifiedAdam(rate, **betas),
        "lookahead_adam": lambda: addons.Lookahead(keras.legacy.Adam(rate, **betas)),
    }
    return makers[config.optimizer]()


def build(optimizer, variables: list[tf.Variable]) -> None:
    """Makes the optimizer's own variables now, so that a checkpoint finds them all."""
    if isinstance(optimizer, tf.keras.optimizers.legacy.Optimizer):
        optimizer._create_all_weights(variables)  # noqa: SLF001 - its only way but to take a step
    else:
        optimizer.build(variables)
