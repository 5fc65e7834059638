"""The visibility kernels against each other, independent renderers, and their own promises."""

import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from igc_tf.graphics.rasterizers import native_kernel, rasterizer, window_kernel


def posed_grid(side, seed, batch=1):
    """Bumpy grid meshes [batch, side^2, 4], turned by up to 70 degrees, field of view 10."""
    rng = np.random.default_rng(seed)
    index = np.arange(side * side).reshape(side, side)
    a, b = index[:-1, :-1].ravel(), index[1:, :-1].ravel()
    c, d = index[:-1, 1:].ravel(), index[1:, 1:].ravel()
    triangles = np.stack([a, b, c, c, b, d], -1).reshape(-1, 3).astype(np.int32)
    extent = np.tan(np.radians(5))
    x, y = np.meshgrid(np.linspace(-1, 1, side), np.linspace(1, -1, side))
    meshes = []
    for _ in range(batch):
        px, py, shift = rng.uniform(0, 6, 3)
        # A step in depth, so that some triangles are stretched far over others.
        depth = 1 + 0.02 * np.sin(3 * x + px) * np.cos(3 * y + py) - 0.05 * (x * x + y * y < 0.3)
        points = np.stack([x * extent * depth, y * extent * depth, 1 - depth], -1).reshape(-1, 3)
        yaw, pitch = rng.uniform(-1.2, 1.2), rng.uniform(-0.5, 0.5)
        turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
        tilt = np.array(
            [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
        )
        points = points @ (turn @ tilt).T + [0.01 * shift - 0.03, 0, 0]
        distance = 1 - points[:, 2]
        near, far = 0.1, 10.0
        z = ((far + near) * distance - 2 * far * near) / (far - near)
        meshes.append(np.stack([points[:, 0] / extent, points[:, 1] / extent, z, distance], -1))
    return np.array(meshes, np.float32), triangles


def values_and_gradients(vertices, triangles, image_size, attributes, upstream, backend):
    vertices, attributes = tf.constant(vertices), tf.constant(attributes)
    with tf.GradientTape() as tape:
        tape.watch([vertices, attributes])
        fragments = rasterizer.rasterize(vertices, triangles, image_size, backend=backend)
        image = rasterizer.interpolate(fragments, triangles, attributes, backend=backend)
        loss = tf.reduce_sum(image * upstream)
    return fragments, image, tape.gradient(loss, [vertices, attributes])


@pytest.mark.parametrize("side, image_size", [(32, (32, 32)), (20, (64, 48)), (70, (31, 33))])
@pytest.mark.parametrize("other_backend", ["native", "tensorflow"])
def test_backends_agree_on_posed_grids(compiled, side, image_size, other_backend):
    vertices, triangles = posed_grid(side, seed=side, batch=3)
    rng = np.random.default_rng(0)
    attributes = rng.normal(size=[3, side * side, 2]).astype(np.float32)
    upstream = rng.normal(size=[3, *image_size, 2]).astype(np.float32)
    one, two = (
        values_and_gradients(vertices, triangles, image_size, attributes, upstream, backend)
        for backend in ("tfg", other_backend)
    )
    assert 0.3 < one[0].mask.numpy().mean() <= 1
    np.testing.assert_array_equal(one[0].mask, two[0].mask)
    np.testing.assert_array_equal(one[0].triangle, two[0].triangle)
    np.testing.assert_allclose(one[0].barycentrics, two[0].barycentrics, atol=1e-5)
    np.testing.assert_allclose(one[1], two[1], atol=1e-5)
    for gradient, other in zip(one[2], two[2], strict=True):
        np.testing.assert_allclose(gradient, other, rtol=1e-3, atol=1e-3)


def test_backends_agree_on_triangles_of_any_size_and_place(compiled):
    # Random points all round the camera: most triangles cross its plane, overlap and intersect.
    rng = np.random.default_rng(5)
    points = rng.uniform(-2, 2, [6, 50, 3])
    near, far = 0.1, 10.0
    distance = -points[..., 2]
    z = ((far + near) * distance - 2 * far * near) / (far - near)
    vertices = np.stack([points[..., 0], points[..., 1], z, distance], -1).astype(np.float32)
    for count in (1, 5, 60):
        triangles = rng.integers(0, 50, [count, 3]).astype(np.int32)
        one, *others = (
            rasterizer.rasterize(vertices, triangles, (37, 53), backend=backend)
            for backend in ("tfg", "native", "tensorflow")
        )
        for other in others:
            np.testing.assert_array_equal(one.mask, other.mask)
            np.testing.assert_array_equal(one.triangle, other.triangle)
            np.testing.assert_allclose(one.barycentrics, other.barycentrics, atol=1e-5)


def test_visibility_against_brute_force(backend):
    # Float64, every triangle at every pixel, by solving for the barycentrics.
    size = (24, 20)
    vertices, triangles = posed_grid(12, seed=4)
    y, x = np.meshgrid(
        1 - (2 * np.arange(24) + 1) / 24, (2 * np.arange(20) + 1) / 20 - 1, indexing="ij"
    )
    centers = np.stack([x, y, np.ones_like(x)], -1).reshape(-1, 3)
    corners = vertices[0].astype(np.float64)[triangles]
    weights = np.linalg.solve(
        corners[:, :, [0, 1, 3]].transpose(0, 2, 1)[:, None], centers[None, :, :, None]
    )[..., 0]  # [T, pixels, 3]
    weights /= weights.sum(-1, keepdims=True)
    depth = (weights @ corners[:, :, 2:3] / (weights @ corners[:, :, 3:4]))[..., 0]
    depth[(weights < 0).any(-1)] = np.inf
    nearest = depth.argmin(0)
    # Where an edge passes within 1e-3 of the pixel's center the two may differ.
    sure = (np.abs(weights).min(-1) > 1e-3).all(0)
    assert sure.mean() > 0.5
    fragments = rasterizer.rasterize(vertices, triangles, size, backend=backend)
    covered = np.isfinite(depth.min(0))
    np.testing.assert_array_equal(fragments.mask[0].numpy().ravel()[sure], covered[sure])
    both = sure & covered
    np.testing.assert_array_equal(fragments.triangle[0].numpy().ravel()[both], nearest[both])
    np.testing.assert_allclose(
        fragments.barycentrics[0].numpy().reshape(-1, 3)[both],
        weights[nearest[both], np.flatnonzero(both)],
        atol=1e-4,
    )


def test_barycentrics_against_tensorflow_graphics(backend):
    from tensorflow_graphics.rendering import barycentrics, framebuffer

    size = (24, 24)
    vertices, triangles = posed_grid(10, seed=2, batch=2)
    upstream = np.random.default_rng(0).normal(size=[2, *size, 3]).astype(np.float32)
    tensor = tf.constant(vertices)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(tensor)
        ours = rasterizer.rasterize(tensor, triangles, size, backend=backend)
        mask = ours.mask[..., tf.newaxis]
        buffer = framebuffer.Framebuffer(
            barycentrics=framebuffer.RasterizedAttribute(tf.zeros([2, *size, 3])),
            triangle_id=ours.triangle[..., tf.newaxis],
            vertex_ids=tf.gather(triangles, ours.triangle),
            foreground_mask=mask,
        )
        # Its row 0 is y = -1.
        theirs = barycentrics.differentiable_barycentrics(
            buffer, tensor * [1.0, -1.0, 1.0, 1.0], triangles
        ).barycentrics.value
        our_loss = tf.reduce_sum(ours.barycentrics * upstream)
        their_loss = tf.reduce_sum(theirs * upstream)
    assert ours.mask.numpy().mean() > 0.3
    np.testing.assert_allclose(ours.barycentrics, theirs, atol=2e-4)
    ours, theirs = tape.gradient(our_loss, tensor), tape.gradient(their_loss, tensor)
    scale = np.abs(theirs).max()
    np.testing.assert_allclose(ours / scale, theirs / scale, atol=1e-3)


def test_image_against_deodr(backend):
    deodr = pytest.importorskip(
        "deodr.differentiable_renderer", reason="deodr==0.2.2 is not installed"
    )
    size = (40, 52)
    vertices, triangles = posed_grid(14, seed=9)
    x, y, _, w = vertices[0].astype(np.float64).T
    colors = np.random.default_rng(0).uniform(size=[len(x), 3])
    pixels = np.stack([(x / w + 1) * size[1] / 2, (1 - y / w) * size[0] / 2], -1)
    count, faces = len(triangles), triangles.astype(np.uint32)
    scene = deodr.Scene2D(
        faces=faces,
        faces_uv=faces,
        ij=pixels,
        depths=w,
        textured=np.zeros(count, bool),
        uv=np.zeros([len(x), 2]),
        shade=np.zeros(len(x)),
        colors=colors,
        shaded=np.zeros(count, bool),
        edgeflags=np.zeros([count, 3], bool),
        height=size[0],
        width=size[1],
        nb_colors=3,
        texture=np.zeros([0, 0, 3]),
        background_color=np.zeros(3),
        backface_culling=False,
        perspective_correct=True,
        integer_pixel_centers=False,
    )
    theirs, theirs_depth = np.zeros([*size, 3]), np.zeros(size)
    deodr.renderScene(scene, 1.0, theirs, theirs_depth)

    fragments = rasterizer.rasterize(vertices, triangles, size, backend=backend)
    ours = rasterizer.interpolate(
        fragments, triangles, colors[np.newaxis].astype(np.float32), backend=backend
    )[0]
    covered = np.isfinite(theirs_depth) & (theirs_depth < 1e6)
    assert covered.mean() > 0.3
    assert (covered != fragments.mask[0].numpy().astype(bool)).mean() < 0.002
    # Where a pixel's center is on an edge the neighbor's value may be taken.
    assert (np.abs(ours - theirs).max(-1) > 1e-3).mean() < 0.002
    np.testing.assert_allclose(np.median(np.abs(ours - theirs)[covered]), 0, atol=1e-5)


def test_traces_a_dynamic_batch(backend):
    vertices, triangles = posed_grid(16, seed=1, batch=3)

    @tf.function(input_signature=[tf.TensorSpec([None, None, 4])])
    def render(vertices):
        fragments = rasterizer.rasterize(vertices, triangles, (20, 24), backend=backend)
        assert fragments.mask.shape.as_list() == [None, 20, 24]
        with tf.GradientTape() as tape:
            tape.watch(vertices)
            again = rasterizer.rasterize(vertices, triangles, (20, 24), backend=backend)
            loss = tf.reduce_sum(again.barycentrics**2)
        return fragments, tape.gradient(loss, vertices)

    for batch in (1, 3):
        fragments, gradient = render(vertices[:batch])
        eager = rasterizer.rasterize(vertices[:batch], triangles, (20, 24), backend=backend)
        for value, expected in zip(fragments, eager, strict=True):
            np.testing.assert_allclose(value, expected, atol=1e-6)
        assert gradient.shape == (batch, 256, 4) and np.abs(gradient).max() > 0


def test_native_kernel_refuses_to_read_past_the_vertices(compiled):
    # Where neither is known when the graph is built, and so not to the checks in Python.
    spec = [tf.TensorSpec([None, None, 4]), tf.TensorSpec([None, 3], tf.int32)]
    render = tf.function(
        lambda v, t: rasterizer.rasterize(v, t, (4, 4), backend="native"),
        input_signature=spec,
        autograph=False,
    )
    for bad in (3, -1):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"outside \[0, 3\)"):
            render(tf.zeros([2, 3, 4]), [[0, 1, bad]])
    fragments = render(tf.zeros([2, 3, 4]), [[0, 1, 2]])
    arguments = dict(fragments._asdict(), triangles=[[0, 1, 2]], attributes=tf.zeros([2, 3, 1]))
    for changed in (
        {"triangle": fragments.triangle + 1},
        {"triangles": [[0, 1, 3]]},
        {"attributes": tf.zeros([1, 3, 1])},
        {"mask": fragments.mask[:, 1:]},
    ):
        with pytest.raises(tf.errors.InvalidArgumentError):
            native_kernel.interpolate(**{**arguments, **changed})


@pytest.mark.parametrize("height", [1, 2, 3, 50])
def test_native_kernel_cuts_one_image_as_it_cuts_many(compiled, height):
    # One image is cut into bands of rows for the cores, many are not.
    vertices, triangles = posed_grid(16, seed=1)
    one = rasterizer.rasterize(vertices, triangles, (height, 24), backend="native")
    many = rasterizer.rasterize(
        np.repeat(vertices, 40, 0), triangles, (height, 24), backend="native"
    )
    for value, values in zip(one, many, strict=True):
        np.testing.assert_array_equal(np.repeat(value, 40, 0), values)
    assert one.mask.numpy().any()


def test_window_kernel_compiles_with_xla():
    vertices, triangles = posed_grid(8, seed=6, batch=2)
    render = tf.function(
        lambda v: rasterizer.rasterize(v, triangles, (9, 11), backend="tensorflow"),
        jit_compile=True,
        autograph=False,
    )
    plain = rasterizer.rasterize(vertices, triangles, (9, 11), backend="tensorflow")
    compiled_with_xla = render(tf.constant(vertices))
    np.testing.assert_array_equal(compiled_with_xla.mask, plain.mask)
    np.testing.assert_array_equal(compiled_with_xla.triangle, plain.triangle)
    np.testing.assert_allclose(compiled_with_xla.barycentrics, plain.barycentrics, atol=1e-5)


def test_window_kernel_is_saved_as_stock_operations(tmp_path):
    vertices, triangles = posed_grid(16, seed=1, batch=2)
    attributes = np.random.default_rng(0).uniform(size=[2, 256, 3]).astype(np.float32)

    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 256, 4]), tf.TensorSpec([None, 256, 3])])
        def __call__(self, vertices, attributes):
            fragments = rasterizer.rasterize(vertices, triangles, (20, 24), backend="tensorflow")
            return {"image": rasterizer.interpolate(fragments, triangles, attributes)}

    module = Module()
    tf.saved_model.save(module, str(tmp_path / "model"))
    # A fresh process that imports TensorFlow alone, as a server would.
    script = """
import sys, numpy as np, tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
folder = sys.argv[1]
graph = saved_model_pb2.SavedModel.FromString(open(folder + '/model/saved_model.pb', 'rb').read())
graph = graph.meta_graphs[0].graph_def
names = {n.op for n in graph.node} | {n.op for f in graph.library.function for n in f.node_def}
assert 'TensorScatterMin' in names and 'RasterizeTriangles' not in names, names
inputs = np.load(folder + '/inputs.npz')
image = tf.saved_model.load(folder + '/model')(inputs['vertices'], inputs['attributes'])['image']
np.save(folder + '/image.npy', image)
"""
    np.savez(tmp_path / "inputs.npz", vertices=vertices, attributes=attributes)
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, cwd=tmp_path)
    np.testing.assert_allclose(
        np.load(tmp_path / "image.npy"), module(vertices, attributes)["image"], atol=1e-6
    )


def _memory_mb(name):
    """VmRSS, what this process holds, or VmHWM, the most that it held."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) / 1024


def test_window_kernel_memory_is_bounded():
    # One buffer of 256 x 256 pixels by 32,258 triangles would be 2.1e9 numbers, 8 GB.
    vertices, triangles = posed_grid(128, seed=3)
    size = (256, 256)
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # The peak begins anew.
    before = _memory_mb("VmRSS")
    fragments = rasterizer.rasterize(vertices, triangles, size, backend="tensorflow")
    grown = _memory_mb("VmHWM") - before
    assert fragments.mask.numpy().mean() > 0.3
    assert grown < 400

    # Nor does a tensor of the graph have more rows than the mesh, the picture or a chunk.
    @tf.function(autograph=False)
    def render(vertices):
        return window_kernel.visible_triangles(vertices, triangles, size)

    graph = render.get_concrete_function(tf.TensorSpec([1, 128 * 128, 4])).graph.as_graph_def(
        add_shapes=True
    )
    shapes = []
    for function in [graph, *graph.library.function]:
        nodes = function.node if function is graph else function.node_def
        shapes += [s for n in nodes for s in n.attr["_output_shapes"].list.shape]
    largest = max(window_kernel.CHUNK * 12, 5 * len(triangles), 256 * 256)
    assert len(shapes) > 200
    for shape in shapes:
        assert np.prod([d.size for d in shape.dim if d.size > 0], dtype=np.int64) <= largest


def test_window_kernel_counts_on_over_many_chunks():
    # 40 triangles, each over the whole image of 64 x 64: 163,840 pairs, three chunks.
    assert 40 * 64 * 64 > 2 * window_kernel.CHUNK
    depth = np.random.default_rng(0).permutation(np.linspace(-0.9, 0.9, 40))
    corners = np.array([(-1, -1), (3, -1), (-1, 3)])
    vertices = np.array([[(x, y, z, 1) for z in depth for x, y in corners]], np.float32)
    triangles = np.arange(120, dtype=np.int32).reshape(40, 3)
    fragments = rasterizer.rasterize(vertices, triangles, (64, 64), backend="tensorflow")
    assert (fragments.mask.numpy() == 1).all()
    assert (fragments.triangle.numpy() == depth.argmin()).all()
