"""Adam, and its learning rate over a run."""

from __future__ import annotations

import tensorflow as tf

from igc_tf.config import TrainingConfig

#: The cosine schedule ends at this share of its peak. [choice]
FINAL_SHARE = 0.01


def learning_rate(
    config: TrainingConfig, total_steps: int
) -> float | tf.keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate: a number, or a schedule over `total_steps`."""
    cosine = config.learning_rate_schedule == "cosine"
    if not cosine and not config.warmup_steps:
        return config.learning_rate
    return tf.keras.optimizers.schedules.CosineDecay(
        0.0,
        max(1, total_steps - config.warmup_steps),
        alpha=FINAL_SHARE if cosine else 1.0,
        warmup_target=config.learning_rate,
        warmup_steps=config.warmup_steps,
    )


def make(config: TrainingConfig, total_steps: int) -> tf.keras.optimizers.legacy.Adam:
    """Adam [paper], with Keras' betas, which are [unsup3d]'s: 0.9 and 0.999.

    It is Keras' legacy one: one fused operation a variable, where the newer class takes a dozen. The
    update is the same.
    """
    return tf.keras.optimizers.legacy.Adam(learning_rate(config, total_steps))


def build(optimizer: tf.keras.optimizers.legacy.Optimizer, variables: list[tf.Variable]) -> None:
    """Makes the optimizer's own variables now, so that a checkpoint finds them all."""
    optimizer._create_all_weights(variables)  # noqa: SLF001 - its only way but to take a step
