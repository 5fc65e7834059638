"""The renderer: where things land in the picture, and what its gradients say."""

import math

import numpy as np
import pytest
import tensorflow as tf

from igc_tf.graphics import camera, lighting, pose
from igc_tf.graphics.renderer import Renderer
from igc_tf.structures import Light, Pose

SIZE = 24
FRONTAL = Light(tf.constant([0.4]), tf.constant([0.6]), tf.constant([[0.0, 0.0, 1.0]]))


def view_of(pitch=0.0, yaw=0.0, roll=0.0, x=0.0, y=0.0, z=0.0):
    return Pose(tf.constant([[pitch, yaw, roll]]), tf.constant([[x, y, z]]))


def pixel_width(size=SIZE):
    """Of the picture at depth 1, at 10 degrees."""
    return 2 * math.tan(math.radians(5.0)) / size


def random_albedo(size=SIZE, batch=1, seed=0):
    return tf.random.stateless_uniform([batch, size, size, 3], [seed, 1])


def axes(size=SIZE):
    """x and y of the pixel centers in [-1, 1], y up."""
    axis = (np.arange(size) + 0.5) / size * 2 - 1
    return np.meshgrid(axis, -axis)


def face(size=SIZE, height=0.06):
    """A smooth face of some height: `[1, h, w]` depth, `[1, h, w, 3]` albedo; not symmetric."""
    x, y = axes(size)
    depth = (
        1.03 - height * np.exp(-1.5 * (x**2 + y**2)) - 0.01 * np.exp(-9 * ((x - 0.2) ** 2 + y**2))
    )
    albedo = np.stack(
        [0.5 + 0.3 * np.sin(3 * x + 1), 0.5 + 0.3 * np.cos(4 * y), 0.5 + 0.2 * np.sin(3 * (x - y))],
        axis=-1,
    )
    return tf.constant(depth[np.newaxis], tf.float32), tf.constant(albedo[np.newaxis], tf.float32)


# ---- where things land ---------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [1.0, 0.9])
def test_identity_reproduces_the_canonical_image_and_covers_every_pixel(backend, depth):
    albedo = random_albedo()
    rendered = Renderer((SIZE, SIZE), backend=backend)(
        tf.fill([1, SIZE, SIZE], depth), albedo, FRONTAL, pose.identity(1)
    )
    np.testing.assert_array_equal(rendered.mask, np.ones([1, SIZE, SIZE]))
    # An even surface seen head on in frontal light is lit by 0.4 + 0.6 = 1.
    np.testing.assert_allclose(rendered.shading, np.ones([1, SIZE, SIZE]), atol=1e-5)
    np.testing.assert_allclose(rendered.image, albedo, atol=1e-4)
    np.testing.assert_allclose(rendered.depth, np.full([1, SIZE, SIZE], depth), atol=1e-5)


def test_identity_reproduces_any_relief():
    # Each vertex stays behind its pixel, whatever its depth.
    depth = tf.random.stateless_uniform([1, SIZE, SIZE], [0, 2], 0.9, 1.1)
    albedo = random_albedo()
    rendered = Renderer((SIZE, SIZE))(depth, albedo, FRONTAL, pose.identity(1))
    np.testing.assert_array_equal(rendered.mask, np.ones([1, SIZE, SIZE]))
    np.testing.assert_allclose(
        rendered.canonical_image, albedo * rendered.shading[..., None], rtol=1e-6
    )
    np.testing.assert_allclose(rendered.image, rendered.canonical_image, atol=1e-3)
    np.testing.assert_allclose(rendered.depth, depth, atol=1e-4)


@pytest.mark.parametrize("columns, rows", [(1, 0), (-1, 0), (0, 1), (0, -1), (3, -2)])
def test_translation_by_pixels_shifts_the_picture_by_pixels(columns, rows):
    albedo = random_albedo()
    view = view_of(x=columns * pixel_width(), y=rows * pixel_width())
    rendered = Renderer((SIZE, SIZE))(tf.ones([1, SIZE, SIZE]), albedo, FRONTAL, view)
    # x goes right; y goes up, against the rows.
    shifted = np.roll(albedo, (-rows, columns), axis=(1, 2))
    inside = slice(4, -4)
    np.testing.assert_allclose(
        rendered.image[:, inside, inside], shifted[:, inside, inside], atol=1e-3
    )


def test_uncovered_pixels_are_black_far_and_masked():
    # Half the picture to the right; the canvas goes on half a pixel beyond its outermost centers.
    view = view_of(x=SIZE // 2 * pixel_width())
    rendered = Renderer((SIZE, SIZE), far_depth=1.7)(
        tf.ones([1, SIZE, SIZE]), random_albedo() + 0.1, FRONTAL, view
    )
    covered = rendered.mask[0].numpy() > 0
    assert covered[:, SIZE // 2 :].all() and not covered[:, : SIZE // 2 - 1].any()
    assert (
        not rendered.image[0].numpy()[~covered].any()
        and (rendered.image[0].numpy()[covered] > 0).all()
    )
    np.testing.assert_allclose(rendered.depth[0].numpy()[~covered], 1.7)
    np.testing.assert_allclose(rendered.depth[0].numpy()[covered], 1.0, atol=1e-5)


def test_moving_away_shrinks_the_picture():
    # Depth 2 instead of 1: half the size, about the center.
    rendered = Renderer((SIZE, SIZE))(
        tf.ones([1, SIZE, SIZE]), random_albedo(), FRONTAL, view_of(z=-1.0)
    )
    covered = rendered.mask[0].numpy()
    quarter = SIZE // 4
    assert covered[quarter:-quarter, quarter:-quarter].all()
    assert covered.sum() <= (SIZE // 2 + 2) ** 2
    np.testing.assert_allclose(rendered.depth[0, SIZE // 2, SIZE // 2], 2.0, rtol=1e-5)


@pytest.mark.parametrize("picture", [(12, 12), (48, 48), (24, 48)])
def test_the_picture_may_have_another_size_than_the_maps(picture):
    # A ramp stays the same ramp. It spans the maps' width; square pixels keep that at any height.
    x, _ = axes()
    ramp = (
        tf.constant(np.repeat(x[np.newaxis, ..., np.newaxis], 3, axis=-1), tf.float32) * 0.5 + 0.5
    )
    rendered = Renderer(picture)(tf.ones([1, SIZE, SIZE]), ramp, FRONTAL, pose.identity(1))
    assert rendered.image.shape == (1, *picture, 3) and rendered.mask.shape == (1, *picture)
    np.testing.assert_array_equal(rendered.mask, np.ones([1, *picture]))
    expected = (np.arange(picture[1]) + 0.5) / picture[1]
    # Beyond the outermost vertices the ramp is continued flat.
    inside = slice(picture[1] // 8, -(picture[1] // 8))
    found = rendered.image[0, picture[0] // 2, :, 0]
    np.testing.assert_allclose(found[inside], expected[inside], atol=1e-4)


def test_mirrored_object_is_the_mirrored_picture():
    depth, albedo = face()
    light = lighting.from_parameters(
        tf.constant([0.0]), tf.constant([0.5]), tf.constant([[0.0, 0.6]])
    )  # from above: the same for both
    renderer = Renderer((SIZE, SIZE))
    rendered = renderer(depth, albedo, light, view_of(pitch=0.2))
    mirrored = renderer(depth[:, :, ::-1], albedo[:, :, ::-1], light, view_of(pitch=0.2))
    assert np.abs(rendered.image - rendered.image[:, :, ::-1]).max() > 0.1
    # The cells are cut along one diagonal, not along the mirrored one too.
    np.testing.assert_allclose(mirrored.image[:, :, ::-1], rendered.image, atol=0.01)
    identity = [
        renderer(d, a, light, pose.identity(1))
        for d, a in ((depth, albedo), (depth[:, :, ::-1], albedo[:, :, ::-1]))
    ]
    np.testing.assert_allclose(identity[1].image[:, :, ::-1], identity[0].image, atol=1e-4)


def blob_center(image):
    """(x, y) px, mean position weighted by the picture's brightness."""
    weight = image[0].numpy().sum(axis=-1)
    rows, columns = np.indices(weight.shape) + 0.5
    return (weight * columns).sum() / weight.sum(), (weight * rows).sum() / weight.sum()


@pytest.mark.parametrize(
    "angles, direction",
    [
        ({"yaw": 0.35}, (1, 0)),
        ({"yaw": -0.35}, (-1, 0)),
        ({"pitch": 0.35}, (0, 1)),
        ({"pitch": -0.35}, (0, -1)),
    ],
)
def test_turning_a_ball_moves_the_spot_on_its_front(backend, angles, direction):
    # A ball of radius 0.08 about the pivot, a white spot on its front: 0.08 sin 0.35 = 0.0274 aside,
    # at depth 1 - 0.08 cos 0.35 = 0.9249, so 0.02966 at depth 1, 4.07 pixels of 24.
    x, y = axes()
    reach = math.tan(math.radians(5.0))
    squared = np.maximum(0.08**2 - (x * reach) ** 2 - (y * reach) ** 2, 0.0)
    depth = tf.constant((1.0 - np.sqrt(squared))[np.newaxis], tf.float32)
    spot = np.exp(-((x / 0.2) ** 2 + (y / 0.2) ** 2))
    albedo = tf.constant(np.repeat(spot[np.newaxis, ..., np.newaxis], 3, axis=-1), tf.float32)
    light = Light(tf.ones([1]), tf.zeros([1]), FRONTAL.direction)  # ambient only
    rendered = Renderer((SIZE, SIZE), backend=backend)(depth, albedo, light, view_of(**angles))
    center = np.array(blob_center(rendered.image)) - SIZE / 2
    np.testing.assert_allclose(center, np.array(direction) * 4.07, atol=0.35)


def test_roll_turns_the_picture_counter_clockwise():
    albedo = random_albedo()
    rendered = Renderer((SIZE, SIZE))(
        tf.ones([1, SIZE, SIZE]), albedo, FRONTAL, view_of(roll=math.pi / 2)
    )
    np.testing.assert_allclose(rendered.image[0], np.rot90(albedo[0]), atol=1e-3)


def test_part_visibility_is_rendered_in_the_photos_view():
    visibility = tf.one_hot(
        tf.random.stateless_uniform([1, SIZE, SIZE], [0, 3], 0, 3, tf.int32), 3, axis=1
    )
    depth, albedo = tf.ones([1, SIZE, SIZE]), random_albedo()
    renderer = Renderer((SIZE, SIZE))
    rendered = renderer(depth, albedo, FRONTAL, view_of(x=2 * pixel_width()), visibility)
    np.testing.assert_allclose(rendered.part_visibility[..., 3:], visibility[..., 1:-2], atol=1e-3)
    # Wherever there is a canvas, there are parts.
    np.testing.assert_allclose(
        tf.reduce_sum(rendered.part_visibility, axis=1), rendered.mask, atol=1e-5
    )
    without = renderer(depth, albedo, FRONTAL, view_of(x=2 * pixel_width()))
    assert without.part_visibility is None
    np.testing.assert_array_equal(without.image, rendered.image)


def test_posed_vertices_project_to_the_pixels_they_came_from():
    depth, _ = face()
    vertices = Renderer((SIZE, SIZE)).posed_vertices(depth, pose.identity(1))
    assert vertices.shape == (1, SIZE + 2, SIZE + 2, 3)
    pixels = camera.to_pixels(vertices, (SIZE, SIZE), 10.0).numpy()[0]
    # The ring of the margin lies a pixel outside.
    np.testing.assert_allclose(pixels[0, 0], [-0.5, -0.5], atol=1e-4)
    np.testing.assert_allclose(pixels[-1, -1], [SIZE + 0.5, SIZE + 0.5], atol=1e-4)


def test_backends_draw_the_same_picture(backend):
    depth, albedo = [tf.repeat(maps, 2, axis=0) for maps in face()]
    light = lighting.from_parameters(
        tf.constant([0.0, 0.3]), tf.constant([0.5, 0.1]), tf.constant([[0.3, 0.6], [-0.5, 0.1]])
    )
    view = Pose(tf.constant([[0.1, 0.5, -0.2], [0.3, -0.7, 0.0]]), tf.constant([[0.01, 0, 0]] * 2))
    rendered = Renderer((SIZE, SIZE), backend=backend)(depth, albedo, light, view)
    reference = Renderer((SIZE, SIZE), backend="tensorflow")(depth, albedo, light, view)
    assert 0 < rendered.mask.numpy().mean() < 1
    for name in ("mask", "image", "depth"):
        np.testing.assert_allclose(
            getattr(rendered, name), getattr(reference, name), atol=1e-5, err_msg=name
        )


def test_an_unknown_batch_size_draws_the_same_picture():
    renderer = Renderer((SIZE, SIZE), backend="tensorflow")

    @tf.function(
        autograph=False,  # Nothing branches on tensors; traced so, it takes a third of the time.
        input_signature=[
            tf.TensorSpec([None, SIZE, SIZE]),
            tf.TensorSpec([None, SIZE, SIZE, 3]),
            Light(tf.TensorSpec([None]), tf.TensorSpec([None]), tf.TensorSpec([None, 3])),
            Pose(tf.TensorSpec([None, 3]), tf.TensorSpec([None, 3])),
        ],
    )
    def render(depth, albedo, light, view):
        return renderer(depth, albedo, light, view)

    depth, albedo = face()
    given = depth, albedo, FRONTAL, view_of(yaw=0.4)
    reference = renderer(*given).image
    three = tf.nest.map_structure(lambda one: tf.repeat(one, 3, axis=0), given)
    np.testing.assert_allclose(render(*given).image, reference, atol=1e-5)
    np.testing.assert_allclose(render(*three).image, tf.repeat(reference, 3, axis=0), atol=1e-5)


# ---- what its gradients say ----------------------------------------------------------------------


def smooth_scene():
    depth, albedo = face()
    light = lighting.from_parameters(
        tf.constant([-0.2]), tf.constant([0.3]), tf.constant([[0.3, -0.2]])
    )
    # No pixel's center on an edge: between cells the picture has a kink.
    return depth, albedo, light, view_of(0.05, 0.11, 0.03, 0.0021, -0.0017, 0.013)


def smooth_value(depth, albedo, light, view):
    """A number that hangs on all of the picture but its border, where coverage jumps."""
    x, y = axes()
    window = np.cos(x * math.pi / 2) ** 2 * np.cos(y * math.pi / 2) ** 2
    weight = (window * np.sin(5 * x + 2 * y))[np.newaxis, ..., np.newaxis] * [1.0, -0.5, 0.7]
    image = Renderer((SIZE, SIZE))(depth, albedo, light, view).image
    return tf.reduce_sum(tf.cast(image, tf.float64) * weight)


def random_direction(name):
    """A direction, and how far to go along it, for finite differences of an input."""
    x, y = axes()
    wave = np.sin(2.5 * x + 1) * np.cos(3 * y - 0.5)
    return {
        "depth": (wave[np.newaxis], 1e-3),
        "albedo": (wave[np.newaxis, ..., np.newaxis] * [1.0, 0.3, -0.8], 1e-2),
        "ambient": ([1.0], 1e-2),
        "diffuse": ([1.0], 1e-2),
        "light direction": ([[0.5, -0.4, 0.1]], 1e-2),
        "pitch": ([[1.0, 0.0, 0.0]], 4e-3),
        "yaw": ([[0.0, 1.0, 0.0]], 4e-3),
        "roll": ([[0.0, 0.0, 1.0]], 4e-3),
        "x": ([[1.0, 0.0, 0.0]], 3e-4),
        "y": ([[0.0, 1.0, 0.0]], 3e-4),
        "z": ([[0.0, 0.0, 1.0]], 4e-3),
    }[name]


@pytest.mark.parametrize(
    "name",
    ["depth", "albedo", "ambient", "diffuse", "light direction"]
    + ["pitch", "yaw", "roll", "x", "y", "z"],
)
def test_gradients_match_finite_differences(name):
    scene = smooth_scene()
    position = {"depth": 0, "albedo": 1, "ambient": 2, "diffuse": 3, "light direction": 4}.get(
        name, 6 if name in "xyz" else 5
    )
    direction, step = random_direction(name)
    direction = tf.constant(direction, tf.float32)

    def along(t):
        inputs = tf.nest.flatten(scene)
        inputs[position] = inputs[position] + t * direction
        return smooth_value(*tf.nest.pack_sequence_as(scene, inputs))

    t = tf.constant(0.0)
    with tf.GradientTape() as tape:
        tape.watch(t)
        value = along(t)
    found = float(tape.gradient(value, t))
    expected = float(along(step) - along(-step)) / (2 * step)
    assert abs(expected) > 0.01
    np.testing.assert_allclose(found, expected, rtol=0.03)


@pytest.mark.parametrize(
    "depth",
    [
        tf.zeros([1, SIZE, SIZE]),
        tf.random.stateless_uniform([1, SIZE, SIZE], [0, 4], 0.5, 2.0),
        tf.where(tf.range(SIZE) % 2 == 0, 0.9, 1.1) * tf.ones([1, SIZE, SIZE]),
    ],
    ids=["all in the camera", "noise", "comb"],
)
@pytest.mark.parametrize("yaw", [0.0, math.pi / 2, math.pi])
def test_degenerate_depth_gives_finite_pictures_and_gradients(depth, yaw):
    inputs = (depth, random_albedo(), FRONTAL, view_of(yaw=yaw))
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        rendered = Renderer((SIZE, SIZE))(*inputs)
        value = tf.reduce_sum(rendered.image**2) + tf.reduce_sum(rendered.depth)
    for name, output in rendered._asdict().items():
        assert output is None or np.isfinite(output).all(), name
    for gradient in tf.nest.flatten(tape.gradient(value, inputs)):
        assert np.isfinite(gradient).all()


def test_descent_recovers_pose_and_light():
    # High enough that part of it lies in shadow, which tells ambient from diffuse light.
    depth, albedo = face(height=0.15)
    renderer = Renderer((SIZE, SIZE))

    def render(rotation, translation, parameters):
        light = lighting.from_parameters(parameters[:, 0], parameters[:, 1], parameters[:, 2:])
        return renderer(depth, albedo, light, Pose(rotation, translation)), light

    ground_truth = (
        tf.constant([[-0.12, 0.2, 0.08]]),
        tf.constant([[0.006, -0.004, 0.0]]),
        tf.constant([[-0.3, 0.2, 0.4, 0.3]]),
    )
    photo, true_light = render(*ground_truth)
    found = [tf.Variable(tf.zeros_like(value)) for value in ground_truth]
    # Units of about a pixel's worth each, as one Adam serves all.
    scales = [tf.constant(scale) for scale in (1.0, 0.05, 2.0)]

    @tf.function(autograph=False)
    def loss_and_gradients():
        with tf.GradientTape() as tape:
            rendered, _ = render(
                *[scale * value for scale, value in zip(scales, found, strict=True)]
            )
            both = rendered.mask * photo.mask
            error = tf.reduce_sum(tf.square(rendered.image - photo.image), axis=-1) * both
            loss = tf.reduce_sum(error) / tf.reduce_sum(both)
        return loss, tape.gradient(loss, found)

    optimizer = tf.keras.optimizers.Adam(tf.keras.optimizers.schedules.CosineDecay(0.05, 300))
    first = None
    for _ in range(300):
        loss, gradients = loss_and_gradients()
        first = first if first is not None else float(loss)
        optimizer.apply_gradients(zip(gradients, found, strict=True))
    rotation, translation, parameters = [s * v for s, v in zip(scales, found, strict=True)]
    assert float(loss) < first / 300
    # A degree is 0.017.
    np.testing.assert_allclose(rotation, ground_truth[0], atol=0.02)
    np.testing.assert_allclose(translation, ground_truth[1], atol=0.2 * pixel_width())
    _, light = render(rotation, translation, parameters)
    np.testing.assert_allclose(light.ambient, true_light.ambient, atol=0.04)
    np.testing.assert_allclose(light.diffuse, true_light.diffuse, atol=0.04)
    cosine = float(tf.reduce_sum(light.direction * true_light.direction))
    assert cosine > math.cos(math.radians(5.0))
