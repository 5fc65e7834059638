"""Contact sheets of a split of rendered heads: the pictures, and their truth maps.

python -m igc_tf.datasets.synthetic_faces.sheet --output=sheet.png
python -m igc_tf.datasets.synthetic_faces.sheet --dataset=parametric_heads --output=sheet.png

writes `sheet.png` with the pictures and `sheet_truth.png` with, for each of the first ones, a row
of picture, albedo, normals, depth and parts, then canonical normals, depth and parts.
"""

from __future__ import annotations

import pathlib

import numpy as np
from absl import app, flags
from PIL import Image

from igc_tf.config import DataConfig
from igc_tf.datasets import catalog, exact_truth

#: Colours of the part labels, [6, 3] uint8.
PART_COLOURS = np.array(
    [[40, 40, 40], [230, 60, 60], [240, 200, 60], [70, 130, 240], [80, 200, 120], [200, 120, 220]],
    np.uint8,
)


def tile(pictures: np.ndarray, columns: int) -> np.ndarray:
    """Pictures [N, S, S, 3] in rows of `columns`: [R * S, columns * S, 3]; the rest is black."""
    count, size = pictures.shape[:2]
    rows = -(-count // columns)
    sheet = np.zeros((rows * columns, *pictures.shape[1:]), pictures.dtype)
    sheet[:count] = pictures
    sheet = sheet.reshape(rows, columns, size, size, 3).transpose(0, 2, 1, 3, 4)
    return sheet.reshape(rows * size, columns * size, 3)


def depth_picture(depth: np.ndarray) -> np.ndarray:
    """Depths [...] as grey [..., 3] uint8, 0.9 and nearer white, 1.1 and farther black."""
    grey = np.clip((1.1 - depth) / 0.2, 0.0, 1.0)
    return np.repeat(np.round(255.0 * grey).astype(np.uint8)[..., None], 3, axis=-1)


def normal_picture(normals: np.ndarray) -> np.ndarray:
    """Normals [..., 3] as colours, (n + 1) / 2."""
    return np.round(127.5 * (normals + 1.0)).astype(np.uint8)


def truth_picture(truth: dict[str, np.ndarray]) -> np.ndarray:
    """One row of eight maps for each example of `exact_truth.load_truth`, [N * S, 8 * S, 3] uint8."""
    maps = [
        truth["image"],
        truth["albedo"],
        normal_picture(truth["normals"]),
        depth_picture(truth["depth"]),
        PART_COLOURS[truth["parts"]],
        normal_picture(truth["canonical_normals"]),
        depth_picture(truth["canonical_depth"]),
        PART_COLOURS[truth["canonical_parts"]],
    ]
    stack = np.stack(maps, axis=1)
    return tile(stack.reshape(-1, *stack.shape[2:]), len(maps))


def write(
    truth: dict[str, np.ndarray], output: str | pathlib.Path, zoom: int
) -> list[pathlib.Path]:
    """Writes both sheets of the examples, enlarged `zoom` times; returns their paths."""
    output = pathlib.Path(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    columns = int(np.ceil(np.sqrt(len(truth["image"]))))
    some = {name: values[:12] for name, values in truth.items()}
    sheets = {
        output: tile(truth["image"], columns),
        output.with_stem(output.stem + "_truth"): truth_picture(some),
    }
    for path, sheet in sheets.items():
        size = (sheet.shape[1] * zoom, sheet.shape[0] * zoom)
        Image.fromarray(sheet).resize(size, Image.Resampling.NEAREST).save(path)
    return list(sheets)


def main(argv: list[str]) -> None:
    """Prepares the data set if it is not there, and writes the sheets."""
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments: {' '.join(argv[1:])}.")
    values = flags.FLAGS
    builder = catalog.prepare_heads(DataConfig(values.dataset, values.data_dir, values.data_config))
    truth = exact_truth.load_truth(builder, f"{values.split}[:{values.count}]")
    for path in write(truth, values.output, values.zoom):
        print(path)


if __name__ == "__main__":
    flags.DEFINE_string("output", "synthetic_faces.png", "Where to write the sheet, a PNG.")
    flags.DEFINE_enum("dataset", "synthetic_faces", catalog.RENDERED, "Which data set.")
    flags.DEFINE_string("data_config", "px64", "Which of its configurations.")
    flags.DEFINE_string("data_dir", "", "TFDS directory; empty for TFDS' own default.")
    flags.DEFINE_string("split", "train", "Which split.")
    flags.DEFINE_integer("count", 64, "How many pictures.", lower_bound=1)
    flags.DEFINE_integer("zoom", 3, "Enlargement.", lower_bound=1)
    app.run(main)
