"""Lambertian shading by an ambient and one directional light [unsup3d], on TF Graphics' BRDF."""

from __future__ import annotations

import math

import tensorflow as tf
from tensorflow_graphics.math import vector
from tensorflow_graphics.rendering.reflectance import lambertian

from igc_tf.structures import Light

_TOWARDS_VIEWER = (0.0, 0.0, 1.0)


def from_parameters(ambient: tf.Tensor, diffuse: tf.Tensor, slope: tf.Tensor) -> Light:
    """A light from unconstrained-range parameters in [-1, 1] [unsup3d].

    Args:
      ambient: `[B]` in [-1, 1], mapped to [0, 1].
      diffuse: `[B]` in [-1, 1], mapped to [0, 1].
      slope: `[B, 2]`, (lx, ly); the direction is normalize(lx, ly, 1).
    """
    direction = tf.concat([slope, tf.ones_like(slope[:, :1])], axis=-1)
    return Light(ambient / 2.0 + 0.5, diffuse / 2.0 + 0.5, tf.math.l2_normalize(direction, axis=-1))


def shade(normals: tf.Tensor, light: Light) -> tf.Tensor:
    """Shading that multiplies the albedo: ambient + diffuse max(0, n . l).

    The diffuse term is TF Graphics' Lambertian BRDF of a white surface under a directional light
    whose irradiance is pi times `diffuse`, so that a surface facing the light gets `diffuse`.

    Args:
      normals: `[B, h, w, 3]` unit vectors, camera frame.
      light: of B images.

    Returns:
      `[B, h, w]` float32 in [0, 2]. Differentiable; not smooth where the light grazes the surface.
    """
    to_light = light.direction[:, tf.newaxis, tf.newaxis, :]
    cosine = tf.nn.relu(vector.dot(normals, to_light, keepdims=False))  # B x h x w
    irradiance = math.pi * light.diffuse[:, tf.newaxis, tf.newaxis] * cosine
    # A Lambertian BRDF is the same in all directions, so it is asked for once, head on; TF Graphics'
    # takes an unknown batch size for 1 and could not be asked pixel by pixel in an exported graph.
    viewer = tf.constant(_TOWARDS_VIEWER)
    white = lambertian.brdf(-viewer, viewer, viewer, tf.ones([3]))[0]
    return light.ambient[:, tf.newaxis, tf.newaxis] + irradiance * white
