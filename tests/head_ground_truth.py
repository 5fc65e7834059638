"""Where the ground truth of a rendered head may be compared pixel by pixel."""

import numpy as np
from scipy import ndimage


def smooth_interior(example):
    """Pixels of the head, and their neighbors, without a crease, a part's border or an outline."""
    normals, depth = example["normals"], example["depth"]
    bend = sum(ndimage.maximum_filter(n, 3) - ndimage.minimum_filter(n, 3) for n in normals.T).T
    step = ndimage.maximum_filter(depth, 3) - ndimage.minimum_filter(depth, 3)
    head = ndimage.binary_erosion(example["parts"] > 0, np.ones((3, 3)))
    return head & (bend < 0.35) & (step < 0.012) & (normals[..., 2] > 0.4)


def shading_errors(example):
    """[N]: how far the image is from albedo times shading, of 255, at the smooth interior."""
    cosine = np.maximum(example["normals"] @ example["light_direction"], 0.0)
    shading = example["light_ambient"] + example["light_diffuse"] * cosine
    error = np.abs(example["image"] - example["albedo"] * shading[..., None]).max(axis=-1)
    return error[smooth_interior(example)]
