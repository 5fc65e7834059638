"""Vectors that stand for a face, made of what a method found in it, to be compared by their cosine.

The object capsule's canonical albedo and depth, each alone, the embeddings, and every part's albedo and
shape: the paper's analysis of what tells people apart. The photo's own pixels stand beside them, as the
baseline. All are centered with the mean of the fit images, for a cosine of vectors that share a
large mean says little. Formulas are [choice]: the paper gives none.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class CapsuleMaps(NamedTuple):
    """What N pictures' capsules look like; maps in the canonical view, small enough to keep."""

    image: np.ndarray  #: [N, s, s, 3], the photo
    albedo: np.ndarray  #: [N, s, s, 3]
    depth: np.ndarray  #: [N, s, s]
    visibility: np.ndarray  #: [N, M, s, s], in [0, 1], part 0 the background if M > 1
    part_albedo: np.ndarray  #: [N, M, s, s, 3]
    part_depth: np.ndarray  #: [N, M, s, s]
    shape_embedding: np.ndarray  #: [N, M, D]
    albedo_embedding: np.ndarray  #: [N, M, D]


def describe(maps: CapsuleMaps, fit: CapsuleMaps) -> dict[str, np.ndarray]:
    """The descriptors of N pictures.

    Every map's pixels are weighted with how often the fit images show the object there (for a part's
    maps: the part), so that the background, and what a capsule paints where it is never seen, say
    nothing. The weights are the same for all pictures: outlines do not tell people apart.

    Args:
      maps: of the pictures.
      fit: of other pictures; they give means, scales and weights.

    Returns:
      `{name: [N, D] float32}`: `object` (albedo and depth, each brought to unit mean square
      length on the fit images), `albedo`, `shape`, `embeddings`, `embeddings_albedo`,
      `embeddings_shape`, `part_<m>_albedo` and `part_<m>_shape` for every part but the
      background, and `pixels`. A part that no fit image shows has zeros.
    """
    seen = fit.visibility.mean(0, dtype=np.float64)  # [M, s, s]
    inside = 1.0 - seen[0] if len(seen) > 1 else seen[0]  # a single capsule is all object
    albedo = block(maps.albedo, fit.albedo, inside[..., np.newaxis])
    shape = block(maps.depth, fit.depth, inside)
    embeddings_shape = block(maps.shape_embedding, fit.shape_embedding)
    embeddings_albedo = block(maps.albedo_embedding, fit.albedo_embedding)
    found = {
        "object": np.concatenate([albedo, shape], axis=1),
        "albedo": albedo,
        "shape": shape,
        "embeddings": np.concatenate([embeddings_shape, embeddings_albedo], axis=1),
        "embeddings_albedo": embeddings_albedo,
        "embeddings_shape": embeddings_shape,
    }
    for part in range(1, seen.shape[0]):
        found[f"part_{part}_albedo"] = block(
            maps.part_albedo[:, part], fit.part_albedo[:, part], seen[part][..., np.newaxis]
        )
        found[f"part_{part}_shape"] = block(
            maps.part_depth[:, part], fit.part_depth[:, part], seen[part]
        )
    found["pixels"] = block(maps.image, fit.image)
    return found


def block(values: np.ndarray, fit: np.ndarray, weight: np.ndarray | float = 1.0) -> np.ndarray:
    """One piece of a descriptor: centered, weighted, scaled.

    Args:
      values: `[N, ...]` of the pictures.
      fit: `[K, ...]` of other pictures.
      weight: >= 0, of single numbers.

    Returns:
      `[N, D]` float32, of mean square length 1 on the fit pictures; zeros if those are all alike.
    """
    root = np.sqrt(np.clip(weight, 0.0, None))
    mean = fit.mean(0, dtype=np.float64)
    fit_length = np.mean([np.sum((root * (one - mean)) ** 2) for one in fit])
    scale = root / np.sqrt(fit_length) if fit_length > 1e-12 else np.zeros_like(root)
    return ((values - mean) * scale).reshape(len(values), -1).astype(np.float32)
