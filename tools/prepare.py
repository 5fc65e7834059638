"""Makes a data set ready to train on, says what is in it, and writes an image grid to look at.

    python -m tools.prepare --dataset=synthetic_faces
    python -m tools.prepare --dataset=celeb_a --data_dir=CELEBA --image_grid=grid.png

Nothing is done twice: what is there is only counted. It can be stopped at any time; the same
command goes on. docs/data.md says what each data set needs.
"""

from __future__ import annotations

import pathlib
from collections import Counter

from absl import flags

from igc_tf import config as config_lib

from . import program

FLAGS = flags.FLAGS
flags.DEFINE_string("image_grid", None, "PNG to write with 64 training pictures.")
config_lib.define_flags()


def main(argv: list[str]) -> int:
    """Prepares the data set the flags name and prints what is in it."""
    program.no_arguments(argv)
    with program.plain_errors():
        config = config_lib.from_flags()

        from igc_tf.datasets import catalog

        for split in catalog.SPLITS:
            store = catalog.open_split(config.data, config.model.image_size, split)
            print(f"{config.data.dataset} {split}: {_counts(config.data, split, store)}")
            if split == "train" and FLAGS.image_grid:
                _draw(store, pathlib.Path(FLAGS.image_grid))
    return 0


def _counts(data, split: str, store) -> str:
    """How many pictures and people, and how many were left out, by cause."""
    from igc_tf.datasets import catalog

    counts = [f"{len(store.images):,} pictures"]
    known = None
    if data.dataset in catalog.PHOTOS:
        known = catalog.read_labels(data, split, store)
    if known is not None and known.identity is not None:
        counts.append(f"{len(set(known.identity.tolist()) - {-1}):,} people")
    if store.skipped:
        causes = Counter(store.skipped.values()).most_common(3)
        some = ", ".join(f"{count:,} {cause}" for cause, count in causes)
        more = ", ..." if len(set(store.skipped.values())) > 3 else ""
        counts.append(f"{len(store.skipped):,} left out ({some}{more})")
    return ", ".join(counts)


def _draw(store, path: pathlib.Path) -> None:
    from igc_tf.viewing import panels

    path.parent.mkdir(parents=True, exist_ok=True)
    chosen = range(0, len(store.images), max(1, len(store.images) // 64))[:64]
    panels.save_png(panels.image_grid([store.images[row] for row in chosen], columns=8), path)
    print(f"image grid: {path}")


if __name__ == "__main__":
    program.run(main)
