"""Pictures as requests bring them, checked, decoded, cut and resized inside the served graph.

The cut is the one the model was trained with, where that is the center's (`crop`, `crop_scale`,
`crop_center_y` of its configuration), and the filter Pillow's antialiasing Lanczos, as
`tools.reconstruct` does it, so that both see the same but for the rounding of Pillow's result to 8
bits.
"""

from __future__ import annotations

import math

import tensorflow as tf

from igc_tf.config import DataConfig

#: Sides that a picture may have, px, and pictures of a request, so that no request takes memory
#: without limit. [choice]
MIN_SIDE, MAX_SIDE = 16, 4096
MAX_BATCH = 256
#: Pixels of all pictures of a request: 64 of 1448 x 1448. [choice]
MAX_PIXELS = 1 << 27

_KERNEL_RADIUS = 3  # of Lanczos
_AT_ONCE = 2  # pictures decoded at a time
_SIDES = f"sides must be {MIN_SIDE} to {MAX_SIDE} px"
_GOOD, _BAD_SIDE = 0, 1
_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"


def require(condition: tf.Tensor, *message: str | tf.Tensor) -> tf.Operation:
    """An Assert operation, to be a control dependency; its message shows the tensors' values."""
    return tf.debugging.Assert(condition, list(message), summarize=8)


def opaque(tensor: tf.Tensor) -> tf.Tensor:
    """The tensor without what tracing knows of its shape.

    C++ runtimes do not hold what they are fed against the signature, so shapes must be checked in the
    graph; and a check of what tracing believes to know would be left out.
    """
    return tf.raw_ops.PlaceholderWithDefault(input=tensor, shape=tf.TensorShape(None))


def check_batch(name: str, count: tf.Tensor) -> tf.Operation:
    """Requires 1 to `MAX_BATCH` items."""
    allowed = tf.logical_and(count >= 1, count <= MAX_BATCH)
    return require(allowed, f"{name}: a request must hold 1 to {MAX_BATCH}, not", count)


def checked(images: tf.Tensor) -> tf.Tensor:
    """`[B, H, W, 3]` uint8 pictures, after their shape was found good.

    The returned graph raises InvalidArgumentError, naming the shape, if it was not.
    """
    images = opaque(images)
    shape = tf.shape(images)
    form = require(tf.size(shape) == 4, "images: [batch, height, width, 3] is needed, not", shape)
    with tf.control_dependencies([form]):
        # Padded, for TensorFlow may take this apart before the check is made.
        count, height, width, channels = tf.unstack(tf.concat([shape, [0] * 4], axis=0)[:4], 4)
        pixels = tf.cast(count, tf.int64) * tf.cast(height, tf.int64) * tf.cast(width, tf.int64)
        checks = [
            check_batch("images", count),
            require(channels == 3, "images: 3 channels, RGB, are needed; the shape is", shape),
            require(_good_sides(height, width), f"images: {_SIDES}; the shape is", shape),
            require(
                pixels <= MAX_PIXELS,
                f"images: a request must not hold more than {MAX_PIXELS} pixels; the shape is",
                shape,
            ),
        ]
    with tf.control_dependencies(checks):
        return tf.ensure_shape(tf.identity(images), [None, None, None, 3])


def _good_sides(height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    longer, shorter = tf.maximum(height, width), tf.minimum(height, width)
    return tf.logical_and(shorter >= MIN_SIDE, longer <= MAX_SIDE)


def resized(images: tf.Tensor, data: DataConfig, size: int) -> tf.Tensor:
    """Cuts and resizes `[B, H, W, 3]` uint8 to `[B, size, size, 3]` float32 in [0, 1]."""
    begin, side = _crop_box(tf.shape(images), data)
    scale = size / side
    sampled = tf.raw_ops.ScaleAndTranslate(
        images=images,
        size=[size, size],
        scale=scale,
        translation=-begin * scale,
        kernel_type=f"lanczos{_KERNEL_RADIUS}",
        antialias=True,
    )
    return tf.clip_by_value(sampled / 255.0, 0.0, 1.0)


def resized_portably(images: tf.Tensor, data: DataConfig, size: int) -> tf.Tensor:
    """As `resized`, in matrix products: for engines without ScaleAndTranslate; takes more memory."""
    shape = tf.shape(images)
    begin, side = _crop_box(shape, data)
    rows, columns = (
        _sampling_matrix(shape[1 + axis], begin[axis], side[axis], size) for axis in (0, 1)
    )
    pixels = tf.cast(images, tf.float32)
    flat = tf.reshape(pixels, [-1, shape[1], shape[2] * 3])
    fewer_rows = tf.reshape(tf.matmul(rows, flat), [-1, shape[2], 3])  # [B S, W, 3]
    sampled = tf.reshape(tf.matmul(columns, fewer_rows), [-1, size, size, 3])
    return tf.clip_by_value(sampled / 255.0, 0.0, 1.0)


def _crop_box(shape: tf.Tensor, data: DataConfig) -> tuple[tf.Tensor, tf.Tensor]:
    """What is kept of pictures of that shape: (top, left) and (height, width), `[2]` float32, px.

    `datasets.crops.crop_box` of tensors. The ways of cutting that must know where the face is
    (landmarks, box, detect) are the sender's: such a photo is taken whole.
    """
    height_width = tf.cast(shape[1:3], tf.float32)
    if data.crop != "center":
        return tf.zeros([2]), height_width
    side = data.crop_scale * tf.reduce_min(height_width)
    center = height_width * tf.constant([data.crop_center_y, 0.5])
    return tf.clip_by_value(center - side / 2.0, 0.0, height_width - side), tf.stack([side, side])


def _sampling_matrix(length: tf.Tensor, begin: tf.Tensor, side: tf.Tensor, size: int) -> tf.Tensor:
    """`[size, length]`: weights of the pixels along an axis for each pixel of the result."""
    stretch = side / size
    centers = (tf.range(size, dtype=tf.float32) + 0.5) * stretch + begin
    pixels = tf.cast(tf.range(length), tf.float32) + 0.5
    distance = (pixels[tf.newaxis] - centers[:, tf.newaxis]) / tf.maximum(stretch, 1.0)
    weights = _lanczos(distance)
    return weights / tf.reduce_sum(weights, axis=1, keepdims=True)


def _lanczos(x: tf.Tensor) -> tf.Tensor:
    near = tf.abs(x) < 1e-3  # there it is 1 to 6e-6, and the formula would divide by almost 0
    phase = math.pi * tf.where(near, 1.0, x)
    radius = _KERNEL_RADIUS
    value = radius * tf.sin(phase) * tf.sin(phase / radius) / (phase * phase)
    return tf.where(tf.abs(x) < radius, tf.where(near, 1.0, value), 0.0)


def decoded(image_bytes: tf.Tensor, data: DataConfig, size: int) -> tf.Tensor:
    """Decodes, cuts and resizes JPEG and PNG files `[B]` to `[B, size, size, 3]` float32 in [0, 1].

    Gray becomes RGB, 16 bits become 8, alpha is dropped; a rotation in the EXIF tag is not applied.
    A file that is damaged, another format, too small or too large is an InvalidArgumentError that
    names the indices; sizes are read from the headers, before anything is decoded.
    """
    image_bytes = opaque(image_bytes)
    shape = tf.shape(image_bytes)
    form = require(tf.size(shape) == 1, "image_bytes: [batch] strings are needed, not", shape)
    with tf.control_dependencies([form]):
        checks = [check_batch("image_bytes", tf.size(image_bytes))]
    with tf.control_dependencies(checks):
        image_bytes = tf.ensure_shape(tf.identity(image_bytes), [None])
        known = tf.logical_or(_is(image_bytes, _JPEG), _is(image_bytes, _PNG))
        format_check = none("image_bytes: neither JPEG nor PNG at index", tf.logical_not(known))
    with tf.control_dependencies([format_check]):
        index, status, images = _decode_all(tf.identity(image_bytes), data, size)
    count = tf.size(image_bytes)
    undamaged = tf.reduce_any(tf.range(count)[:, tf.newaxis] == index[tf.newaxis], axis=1)
    checks = [
        none("image_bytes: a damaged or cut-off file at index", tf.logical_not(undamaged)),
        none(f"image_bytes: {_SIDES}; others at index", status == _BAD_SIDE, index),
    ]
    with tf.control_dependencies(checks):
        return tf.ensure_shape(images[:-1], [None, size, size, 3])


def none(message: str, wrong: tf.Tensor, index: tf.Tensor | None = None) -> tf.Operation:
    """Requires that none of `[B]` is wrong; the message ends with the indices that are."""
    places = tf.where(wrong)[:, 0]
    if index is not None:
        places = tf.gather(index, places)
    return require(tf.logical_not(tf.reduce_any(wrong)), message, places)


def _is(image_bytes: tf.Tensor, signature: bytes) -> tf.Tensor:
    return tf.strings.substr(image_bytes, 0, len(signature)) == signature


def _decode_all(
    image_bytes: tf.Tensor, data: DataConfig, size: int
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """(index, status, picture) of every file that can be decoded, and one more of index -1.

    TensorFlow's decoders do not say which file they failed on; a tf.data pipeline leaves failures out
    and so tells which those were.
    """

    @tf.autograph.experimental.do_not_convert
    def decode(index: tf.Tensor, content: tf.Tensor) -> tuple[tf.Tensor, ...]:
        height, width = tf.unstack(
            tf.cond(
                _is(content, _JPEG),
                lambda: tf.io.extract_jpeg_shape(content)[:2],
                lambda: _png_shape(content),
            ),
            2,
        )
        good = _good_sides(height, width)
        picture = tf.cond(
            good,
            lambda: resized(
                tf.io.decode_image(content, channels=3, expand_animations=False)[tf.newaxis],
                data,
                size,
            )[0],
            lambda: tf.zeros([size, size, 3]),
        )
        return index, tf.where(good, _GOOD, _BAD_SIDE), tf.ensure_shape(picture, [size, size, 3])

    files = tf.data.Dataset.from_tensor_slices((tf.range(tf.size(image_bytes)), image_bytes))
    pictures = files.map(decode, num_parallel_calls=_AT_ONCE, deterministic=True).ignore_errors()
    # There is one at least, so that the batch exists though every file be damaged.
    last = tf.data.Dataset.from_tensors((-1, _GOOD, tf.zeros([size, size, 3])))
    return pictures.concatenate(last).batch(MAX_BATCH + 1).get_single_element()


def _png_shape(content: tf.Tensor) -> tf.Tensor:
    """(height, width), `[2]` int32, from the header of one PNG; zeros for a shorter file."""
    header = tf.strings.substr(tf.strings.join([content, tf.constant(bytes(24))]), 16, 8)
    numbers = tf.cast(tf.reshape(tf.io.decode_raw(header, tf.uint8), [2, 4]), tf.int64)
    width_height = tf.reduce_sum(numbers * [1 << 24, 1 << 16, 1 << 8, 1], axis=1)
    return tf.cast(tf.minimum(width_height, 1 << 30), tf.int32)[::-1]
