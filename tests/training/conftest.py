"""What tests of runs share."""

import pytest
import tensorflow as tf


@pytest.fixture(scope="module")
def unoptimized():
    """Graphs as they are traced: to optimize one takes longer than the few steps that tests take."""
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    yield
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})
