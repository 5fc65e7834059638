"""A procedural set of 3D faces with exact ground truth: the project's embedded default data.

No download and no license to sign: every picture is computed, so depth, normals, albedo, light,
pose, parts and landmarks are known exactly. Read in the order of the making:

* `population.py`: who and how: identity, expression, pose, light, background, each drawn from its
  own seeded stream, so that one can change while the others stay.
* `anatomy.py`: the head as triangles, its landmarks and its six parts.
* `appearance.py`: the color of every point of it, and the picture behind.
* `render.py`: a z-buffer in NumPy. It shares nothing with the model's own renderer, which rasterizes a
  grid mesh of a depth map, so that agreement of the two means something.
* `scene.py`: all of the above in one call, `photograph(...)`, the maker of one example.
* `encoding.py`: how an example is stored, and back.
* `builder.py`: the TensorFlow Datasets builder, `SyntheticFaces`.

Only `builder.py` needs TensorFlow; the rest is NumPy, so that worker processes
start fast.
"""
