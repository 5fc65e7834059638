"""Takes photos apart into capsules: pictures, arrays and meshes of what a trained run sees in them.

    python -m tools.reconstruct --run_dir=runs/a --input=photo.jpg --output_dir=out
    python -m tools.reconstruct --weights=NAME --input=photo.jpg --output_dir=out

For every photo NAME: NAME.png (a panel), NAME_hierarchy.png (the paper's figure), NAME.npz (the arrays
of `igc_tf.viewing.result.PhotoResult`), NAME.glb and NAME.obj (the textured face).
"""

from __future__ import annotations

import pathlib
import sys

import numpy as np
from absl import flags

from igc_tf import config as config_lib
from tools import model_flags, program

FLAGS = flags.FLAGS
flags.DEFINE_string("input", None, "A photo, or a folder of photos (searched recursively).")
flags.DEFINE_integer(
    "num_test_images", 0, "Instead of --input: the first so many of the run's own test split."
)
flags.DEFINE_string("output_dir", None, "Folder for the results.")
flags.DEFINE_boolean("meshes", True, "Write the OBJ and GLB meshes too.")
flags.DEFINE_enum(
    "crop",
    None,
    config_lib.choices("crop"),
    "How to cut photos; the run's own way by default. A photo has neither landmarks nor a box.",
)
flags.DEFINE_float("crop_scale", None, "Side of the crop over the shorter side; the run's default.")
flags.DEFINE_float("crop_center_y", None, "Height of the crop's centre, 0..1; the run's default.")
flags.mark_flag_as_required("output_dir")

_BATCH = 16


def main(argv: list[str]) -> int:
    """Writes the results of every photo; 1 if some photo could not be read, 0 else."""
    program.no_arguments(argv)
    with program.plain_errors():
        if bool(FLAGS.input) == bool(FLAGS.num_test_images):
            raise ValueError("Give either --input=PHOTO_OR_FOLDER or --num_test_images=N.")

        from igc_tf.inference import photo_results, predict

        names, images, unreadable = _pictures(config_lib.load(model_flags.folder()))
        config, model = model_flags.load()
        output_dir = pathlib.Path(FLAGS.output_dir)
        for where, batch, output in predict(model, images, _BATCH):
            for name, result in zip(names[where], photo_results(batch, output), strict=True):
                _write(output_dir / name, result, config.model)
        print(f"{len(images)} photos: {output_dir}")
        for name, why in unreadable.items():
            print(f"WARNING: left out {name}: {why}", file=sys.stderr)
    return 1 if unreadable else 0


def _pictures(config) -> tuple[list[str], np.ndarray, dict[str, str]]:
    """Names of the results, the pictures, and what could not be read."""
    from igc_tf.datasets import catalog, crops, reading

    size = config.model.image_size
    if FLAGS.num_test_images:
        store = catalog.open_split(config.data, size, "test")
        images = np.asarray(store.images[: FLAGS.num_test_images])
        return [f"test_{index:04d}" for index in range(len(images))], images, {}
    changed = {name: FLAGS[name].value for name in ("crop", "crop_scale", "crop_center_y")}
    changed = {name: value for name, value in changed.items() if value is not None}
    data = config.replace(**changed).data
    crops.require(data)
    source = pathlib.Path(FLAGS.input)
    if not source.exists():
        raise FileNotFoundError(f"--input={source}: no such photo or folder.")
    folder = source if source.is_dir() else source.parent
    paths = reading.find(source) if source.is_dir() else [pathlib.Path(source.name)]
    names, images, unreadable = [], [], {}
    for path in paths:
        try:
            images.append(crops.crop(reading.read_photo(folder / path), data, size).image)
            names.append(path.as_posix() if path.suffix == "" else path.with_suffix("").as_posix())
        except ValueError as error:
            unreadable[path.as_posix()] = str(error)
    if not images:
        why = "; ".join(f"{name}: {reason}" for name, reason in list(unreadable.items())[:3])
        raise ValueError(f"--input={source}: not one photo could be read ({why}).")
    return _distinct(names), np.stack(images), unreadable


def _distinct(names: list[str]) -> list[str]:
    """Numbers the names that would write the same files (a.jpg beside a.png)."""
    seen: dict[str, int] = {}
    distinct = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        distinct.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return distinct


def _write(stem: pathlib.Path, result, model) -> None:
    from PIL import Image

    from igc_tf.capsules import support
    from igc_tf.viewing import meshes, panels

    stem.parent.mkdir(parents=True, exist_ok=True)
    names = support.part_names(model)
    Image.fromarray(panels.panel(result, names=names)).save(f"{stem}.png")
    Image.fromarray(panels.hierarchy(result, names=names)).save(f"{stem}_hierarchy.png")
    result.save_npz(f"{stem}.npz")
    if FLAGS.meshes:
        mesh = meshes.textured_mesh(result.depth, result.albedo, model.fov_degrees)
        meshes.write_obj(mesh, f"{stem}.obj")
        meshes.write_glb(mesh, f"{stem}.glb")


if __name__ == "__main__":
    program.run(main)
