"""Renders an object capsule: light its canonical maps, turn their grid mesh, rasterize it.

What is differentiable: everything but visibility. Gradients reach albedo, light, depth and pose through
colors and barycentric coordinates; which triangle a pixel sees is a constant to them.
"""

from __future__ import annotations

import tensorflow as tf

from igc_tf.graphics import camera, lighting, mesh, pose
from igc_tf.graphics.rasterizers import rasterizer
from igc_tf.structures import Light, Pose, Rendering

#: Rings of vertices added around the canonical map, so that its mesh covers the outermost pixels
#: whole instead of ending at their centers. [choice]
MARGIN = 1


class Renderer:
    """A camera with a picture size. Stateless: one may serve any number of models."""

    def __init__(
        self,
        image_size: tuple[int, int],
        fov_degrees: float = 10.0,
        far_depth: float = 1.1,
        backend: str = "auto",
    ):
        """Makes a renderer.

        Args:
          image_size: (height, width) of the picture.
          fov_degrees: horizontal field of view, degrees [unsup3d].
          far_depth: written to `Rendering.depth` where the canvas does not cover a pixel.
          backend: of the rasterizer, see `rasterizer.rasterize`.
        """
        self.image_size = image_size
        self.fov_degrees = fov_degrees
        self.far_depth = far_depth
        self.backend = backend

    def __call__(
        self,
        depth: tf.Tensor,
        albedo: tf.Tensor,
        light: Light,
        view: Pose,
        visibility: tf.Tensor | None = None,
        alpha: tf.Tensor | None = None,
    ) -> Rendering:
        """Lights, poses and renders canonical maps.

        Args:
          depth: `[B, h, w]` canonical depth.
          albedo: `[B, h, w, 3]` canonical albedo in [0, 1].
          light: of B images.
          view: pose of B images.
          visibility: `[B, M, h, w]` part visibility; if given, it is rendered too.
          alpha: `[B, h, w]` share of the foreground; if given, it is rendered too.

        Returns:
          A `Rendering` of B images of `image_size`.
        """
        # Canonical view: light the surface.
        normals, shading = self.shade(depth, light)
        canonical_image = albedo * shading[..., tf.newaxis]

        # Photo's view: turn the mesh, then look each pixel's color up on it.
        maps = [canonical_image]
        if alpha is not None:
            maps.append(alpha[..., tf.newaxis])
        if visibility is not None:
            maps.append(tf.transpose(visibility, [0, 2, 3, 1]))
        rendered, mask = self.render(depth, view, tf.concat(maps, axis=-1))
        sizes = [3, 1, int(alpha is not None), -1]
        image, seen_depth, seen_alpha, part_maps = tf.split(rendered, sizes, axis=-1)
        return Rendering(
            image=image,
            mask=mask,
            depth=tf.where(mask > 0, tf.squeeze(seen_depth, axis=3), self.far_depth),
            normals=normals,
            shading=shading,
            canonical_image=canonical_image,
            part_visibility=None if visibility is None else tf.transpose(part_maps, [0, 3, 1, 2]),
            alpha=None if alpha is None else tf.squeeze(seen_alpha, axis=3),
            canvas=mask,
        )

    def shade(self, depth: tf.Tensor, light: Light) -> tuple[tf.Tensor, tf.Tensor]:
        """Normals `[B, h, w, 3]` and shading `[B, h, w]` of canonical depth `[B, h, w]`."""
        normals = mesh.grid_normals(camera.unproject(depth, self.fov_degrees))
        return normals, lighting.shade(normals, light)

    def surface_pixels(self, depth: tf.Tensor, view: Pose) -> tf.Tensor:
        """Where the photo shows each point of canonical depth `[B, h, w]`: `[B, h, w, 2]` (x, y) px."""
        return camera.to_pixels(
            self.posed_vertices(depth, view, margin=0), self.image_size, self.fov_degrees
        )

    def posed_vertices(self, depth: tf.Tensor, view: Pose, margin: int = MARGIN) -> tf.Tensor:
        """The mesh of a canonical depth map in the photo's view, `[B, h + 2 margin, w + 2 margin, 3]`."""
        points = camera.unproject(depth, self.fov_degrees, margin)
        rows, columns = points.shape[1], points.shape[2]
        moved = pose.apply(view, tf.reshape(points, [-1, rows * columns, 3]))
        return tf.reshape(moved, [-1, rows, columns, 3])

    def render(self, depth: tf.Tensor, view: Pose, maps: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Rasterizes canonical maps over the posed mesh of their depth.

        Args:
          depth: `[B, h, w]` canonical depth.
          view: pose of B images.
          maps: `[B, h, w, C]`, C at least 3.

        Returns:
          The maps in the photo's view, `[B, H, W, C + 1]`, where channel 3 is the depth seen and the
          maps' channels from 3 on follow it; and the mask `[B, H, W]`.
        """
        vertices = self.posed_vertices(depth, view)
        rows, columns = vertices.shape[1], vertices.shape[2]
        triangles = mesh.grid_triangles(rows, columns)
        clip = camera.to_clip_space(vertices, self.image_size, self.fov_degrees)
        fragments = rasterizer.rasterize(
            tf.reshape(clip, [-1, rows * columns, 4]),
            triangles,
            self.image_size,
            backend=self.backend,
        )
        seen_depth = -vertices[..., 2:]
        color, others = tf.split(camera.pad_maps(maps, MARGIN), [3, -1], axis=-1)
        attributes = tf.concat([color, seen_depth, others], axis=-1)
        flat = tf.reshape(attributes, [-1, rows * columns, attributes.shape[-1]])
        rendered = rasterizer.interpolate(fragments, triangles, flat, backend=self.backend)
        return rendered, fragments.mask


def composite(rendering: Rendering, static_background: tf.Tensor) -> Rendering:
    """A rendering with its alpha, put over a static background that is neither turned nor lit [choice].

    Args:
      rendering: of B images, with its `alpha`.
      static_background: `[B, h, w, 3]` in [0, 1], in the photo's view; resized to the picture.

    Returns:
      The picture of both, `alpha image + (1 - alpha) static_background`. It is rendered at every pixel;
      the canvas's absence shows the background part.
    """
    image, alpha = rendering.image, tf.expand_dims(rendering.alpha, -1)
    if static_background.shape[1:3] != image.shape[1:3]:
        static_background = tf.image.resize(static_background, image.shape[1:3])
    visibility = rendering.part_visibility
    if visibility is not None:
        background, others = tf.split(visibility, [1, -1], axis=1)
        uncovered = 1.0 - tf.expand_dims(rendering.canvas, 1)
        visibility = tf.concat([background + uncovered, others], axis=1)
    return rendering._replace(
        image=alpha * image + (1.0 - alpha) * static_background,
        mask=tf.ones_like(rendering.mask),
        part_visibility=visibility,
    )
