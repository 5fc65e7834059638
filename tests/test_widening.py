import numpy as np
import pytest
import tensorflow as tf

from igc_tf import igc_net, widening


@pytest.mark.parametrize("head, norm", [("half", "inner"), ("full", "group")])
def test_a_wider_and_deeper_model_computes_the_same_and_all_of_it_learns(tiny, head, norm):
    tiny = tiny.replace(decoder_head=head, decoder_norm=norm)
    narrow = igc_net.build(tiny)
    sizes = dict(encoder_channels=8, encoder_blocks=1, decoder_channels=8, shape_dim=12)
    wide = igc_net.build(tiny.replace(**sizes))
    image = tf.random.stateless_uniform([2, 32, 32, 3], [0, 1])
    fresh = wide(image).rendering.image.numpy()
    widening.widen(narrow, wide)
    assert wide.count_params() > 1.5 * narrow.count_params()

    with tf.GradientTape(persistent=True) as tape:
        found = wide(image, training=True)
        loss = tf.add_n([tf.reduce_sum(m**2) for m in (found.parts.depth, found.parts.albedo)])
    expected = narrow(image, training=True)
    np.testing.assert_allclose(found.parts.depth, expected.parts.depth, atol=1e-5)
    np.testing.assert_allclose(found.parts.albedo, expected.parts.albedo, atol=1e-5)
    np.testing.assert_allclose(found.pose.rotation, expected.pose.rotation, atol=1e-6)
    np.testing.assert_allclose(found.confidence.pixels, expected.confidence.pixels, atol=1e-5)
    assert np.abs(fresh - expected.rendering.image).max() > 0.01
    blocks = [block for stage in wide.encoder.stack.blocks for block in stage]
    assert all(np.any(tape.gradient(loss, block.convolutions[1].kernel)) for block in blocks)
    # What reads the new channels begins at 0 and not at rest.
    decoder = wide.decoders.albedo
    last = decoder.to_map.convolution if head == "half" else decoder.to_map
    new = last.kernel.shape[2] // 2
    assert not np.any(last.kernel[:, :, new:])
    assert np.any(tape.gradient(loss, last.kernel)[:, :, new:])


def test_a_model_that_is_smaller_somewhere_is_refused(tiny):
    with pytest.raises(ValueError, match="do not fit"):
        widening.widen(igc_net.build(tiny.replace(shape_dim=12)), igc_net.build(tiny))
