"""The contract of an exported model: its signatures, inputs and outputs, with shapes and units."""

from __future__ import annotations

#: Every input, with its shape and unit. B pictures or faces, M parts, S the side of the picture, h and w
#: of the canonical maps.
INPUTS = {
    "images": "[B, H, W, 3] uint8 RGB photos, cut and resized inside",
    "image_bytes": "[B] string, JPEG or PNG files, decoded, cut and resized inside",
    "part_depth": "[B, M, h, w] float32 in [min_depth, max_depth], canonical view",
    "part_albedo": "[B, M, h, w, 3] float32 in [0, 1], canonical view",
    "rotation_degrees": "[B, 3] float32 (pitch, yaw, roll), each within 90",
    "translation": "[B, 3] float32 (x, y, z), units of the camera's distance, each within 0.5",
    "light": "[B, 5] float32 (ambient, diffuse, direction x, y, z); the first two in [0, 1]",
}
#: Every output, likewise.
OUTPUTS = {
    "image": "[B, S, S, 3] float32 in [0, 1], the photo as the model saw it, cut and resized",
    "segmentation": "[B, S, S] uint8, part numbers in the photo's view, 0 the background",
    "part_visibility": "[B, M, S, S] float32 in [0, 1], photo's view, of sum 1",
    "part_centers": "[B, M, 2] float32 (x, y) px of `image`, pixel centers at +0.5; -1 if unseen",
    "part_depth": "[B, M, h, w] float32, canonical view",
    "part_albedo": "[B, M, h, w, 3] float32 in [0, 1], canonical view",
    "canonical_visibility": "[B, M, h, w] float32, 1 where the part is the nearest, else 0",
    "shape_embedding": "[B, M, Ds] float32, what the part's depth was decoded from",
    "albedo_embedding": "[B, M, Da] float32, what the part's albedo was decoded from",
    "depth": "[B, h, w] float32, canonical view",
    "albedo": "[B, h, w, 3] float32 in [0, 1], canonical view",
    "normals": "[B, h, w, 3] float32 unit vectors, canonical view",
    "shading": "[B, h, w] float32 in [0, 2], canonical view",
    "canonical_image": "[B, h, w, 3] float32, albedo times shading",
    "reconstruction": "[B, S, S, 3] float32 in [0, 1], photo's view; 0 where `mask` is 0",
    "mask": "[B, S, S] float32, 1 where the picture is rendered: all of it over a static background",
    "alpha": "[B, S, S] float32 in [0, 1], photo's view, share of the foreground in the picture's color",
    "rotation_degrees": "[B, 3] float32 (pitch, yaw, roll)",
    "translation": "[B, 3] float32 (x, y, z), units of the camera's distance",
    "light": "[B, 5] float32 (ambient, diffuse, direction x, y, z)",
    "descriptor": "[B, M (Ds + Da)] float32 of length 1; compare two by their product (cosine)",
    "rendering": "[B, S, S, 3] float32 in [0, 1], the face in the new pose and light",
}
_POSE_AND_LIGHT = ("rotation_degrees", "translation", "light")
#: All of `viewing.result.PhotoResult`, and the centers.
_EVERYTHING = (
    "image", "segmentation", "part_visibility", "part_centers", "part_depth", "part_albedo",
    "canonical_visibility", "depth", "albedo", "normals", "shading", "canonical_image",
    "reconstruction", "mask", "alpha", *_POSE_AND_LIGHT,
)  # fmt: skip
_PARTS = ("segmentation", "part_visibility", "part_centers")
#: `{signature: (inputs, outputs)}`.
SIGNATURES = {
    "serving_default": (("images",), _EVERYTHING),
    "serialized": (("image_bytes",), _EVERYTHING),
    "parts": (("images",), _PARTS),
    "parts_portable": (("images",), _PARTS),
    "capsules": (
        ("images",),
        ("part_depth", "part_albedo", "canonical_visibility", "shape_embedding",
         "albedo_embedding", *_POSE_AND_LIGHT),
    ),
    "reconstruct": (
        ("images",),
        ("depth", "albedo", "normals", "shading", *_POSE_AND_LIGHT, "reconstruction", "mask",
         "alpha"),
    ),
    "embed": (("images",), ("descriptor",)),
    "render": (
        ("part_depth", "part_albedo", *_POSE_AND_LIGHT),
        ("rendering", "mask", "alpha", "segmentation"),
    ),
}  # fmt: skip
