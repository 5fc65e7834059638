"""What TensorBoard shows of a run: losses, capsules, pictures and the mesh of one fixed batch."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import tensorflow as tf
from tensorboard.plugins.mesh import summary_v2 as mesh_summary

from igc_tf.config import Config
from igc_tf.datasets import statistics
from igc_tf.datasets.image_store import ImageStore
from igc_tf.datasets.pipeline import to_float
from igc_tf.datasets.reading import shown
from igc_tf.graphics import camera, mesh
from igc_tf.igc_net import IGCNet
from igc_tf.inference import photo_results
from igc_tf.structures import IGCOutput
from igc_tf.training.step import Report
from igc_tf.viewing import panels, turntable
from igc_tf.viewing.result import PhotoResult

#: Names of scalar groups, by the first word of what the step reports.
_GROUPS = {
    "loss": "Loss",
    "area": "Capsule_area",
    "depth_low": "Capsule_depth_low",
    "depth_high": "Capsule_depth_high",
}
#: How the faces of the fixed batch are turned, degrees, and the side of these pictures, px.
_YAWS, _SIDE = (-60.0, -30.0, 0.0, 30.0, 60.0), 128


class Summaries:
    """Writes to `run_dir`; every call names the step."""

    def __init__(self, run_dir: str | pathlib.Path, config: Config, fixed_batch: np.ndarray):
        """Opens the event file and writes the flags.

        Args:
          run_dir: where.
          config: shown as text.
          fixed_batch: `[n, H, W, 3]` uint8, the pictures every panel is made of.
        """
        self.writer = tf.summary.create_file_writer(str(run_dir))
        self.config = config
        self.fixed_batch = to_float(tf.constant(fixed_batch))
        with self.writer.as_default(step=0):
            flags = json.dumps(config.flat(), indent=2).replace("\n", "\n    ")
            tf.summary.text("Flags", "    " + flags)

    def data(self, splits: dict[str, ImageStore]) -> None:
        """Writes how many pictures there are, what they look like, and what was left out."""
        with self.writer.as_default(step=0):
            for split, store in splits.items():
                found = statistics.describe(store.images)
                tag = f"Data_{split}"
                tf.summary.scalar(f"{tag}/pictures", found.pictures)
                tf.summary.scalar(f"{tag}/left_out", len(store.skipped))
                for index, color in enumerate(("red", "green", "blue")):
                    tf.summary.scalar(f"{tag}/mean_{color}", found.mean[index])
                    tf.summary.scalar(f"{tag}/deviation_{color}", found.deviation[index])
                tf.summary.histogram(f"{tag}/brightness", found.brightness)
                tf.summary.histogram(f"{tag}/contrast", found.contrast)
                tf.summary.image(f"{tag}/mean_image", found.mean_image[None])
                rows = range(0, found.pictures, max(1, found.pictures // 64))[:64]
                grid = panels.image_grid([store.images[row] for row in rows], columns=8)
                tf.summary.image(f"{tag}/examples", grid[None])
                if store.skipped:
                    lines = [f"    {shown(name)}: {why}" for name, why in store.skipped.items()]
                    tf.summary.text(f"{tag}/left_out", "\n".join(lines))

    def scalars(self, step: int, report: Report, images_per_second: float) -> None:
        """Writes what a step reported, grouped by name, and every loss's share of the total."""
        with self.writer.as_default(step=step):
            tf.summary.scalar("Training/images_per_second", images_per_second)
            for name, value in report.values.items():
                group, _, rest = name.partition("/")
                tag = f"{_GROUPS[group]}/{rest}" if group in _GROUPS else f"Training/{name}"
                tf.summary.scalar(tag, value)
            for name, share in report.shares.items():
                tf.summary.scalar(f"Loss_share/{name}", share)

    def validation(self, step: int, values: dict[str, float]) -> None:
        """Writes scalars measured on the validation split."""
        with self.writer.as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(f"Validation/{name}", value)

    def pictures(self, step: int, model: IGCNet) -> None:
        """Writes panels, mesh and embeddings of the fixed batch."""
        output = model(self.fixed_batch)
        results = photo_results(self.fixed_batch, output)
        with self.writer.as_default(step=step):
            pictures = np.stack([panels.panel(result) for result in results])
            tf.summary.image("Panel", pictures, max_outputs=len(pictures))
            hierarchies = np.stack([panels.hierarchy(result) for result in results[:4]])
            tf.summary.image("Hierarchy", hierarchies, max_outputs=len(hierarchies))
            turned = np.stack([self._turned(result) for result in results[:4]])
            tf.summary.image("Turn", turned, max_outputs=len(turned))
            embeddings = output.parts.embeddings
            for name, value in zip(embeddings._fields, embeddings, strict=True):
                tf.summary.histogram(f"Embedding/{name}", value)
            tf.summary.histogram("Pose/rotation_degrees", output.pose.rotation * (180 / np.pi))
            tf.summary.histogram("Pose/translation", output.pose.translation)
            for name, value in zip(output.light._fields, output.light, strict=True):
                tf.summary.histogram(f"Light/{name}", value)
            vertices, colors, faces = self._mesh(output)
            mesh_summary.mesh("Object", vertices, colors=colors, faces=faces)
        self.writer.flush()

    def _turned(self, result: PhotoResult) -> np.ndarray:
        """The face from five sides in a row."""
        ambient, diffuse, x, y, z = (float(value) for value in result.light)
        views = [turntable.View((0.0, yaw, 0.0), (ambient, diffuse, x, y, z)) for yaw in _YAWS]
        return np.concatenate(turntable.render(result, self.config.model, views, _SIDE), axis=1)

    def _mesh(self, output: IGCOutput) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Vertices, uint8 colors and faces of the first two objects, centered for the viewer."""
        depth, albedo = output.object.depth[:2], output.object.albedo[:2]
        points = camera.unproject(depth, self.config.model.fov_degrees)
        size = points.shape[1:3]
        vertices = tf.reshape(points + [0.0, 0.0, 1.0], [-1, size[0] * size[1], 3]).numpy()
        colors = tf.reshape(tf.cast(albedo * 255.0, tf.uint8), vertices.shape).numpy()
        faces = np.broadcast_to(
            mesh.grid_triangles(*size), (len(vertices), *mesh.grid_triangles(*size).shape)
        )
        return vertices, colors, faces
