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
            print(f"{config.data.dataset} {split}: {_counts(config, split, store)}")
            if split == "train" and FLAGS.image_grid:
                _draw(store, pathlib.Path(FLAGS.image_grid))
    return 0


def _counts(config, split: str, store) -> str:
    """How many pictures and people, how well they are aligned, and what was left out, by cause."""
    import numpy as np

    from igc_tf.datasets import catalog

    data = config.data
    counts = [f"{len(store.images):,} pictures"]
    known = None
    if data.dataset in catalog.PHOTOS:
        known = catalog.read_labels(data, split, store)
    if known is not None and known.identity is not None:
        counts.append(f"{len(set(known.identity.tolist()) - {-1}):,} people")
    if data.crop == "detect" and known is not None and known.landmarks is not None:
        there = known.landmarks[np.isfinite(known.landmarks).all((1, 2))]
        if len(there):
            counts.append(_off_their_place(data, config.model.image_size, there))
    if store.skipped:
        causes = Counter(store.skipped.values()).most_common(3)
        some = ", ".join(f"{count:,} {cause}" for cause, count in causes)
        more = ", ..." if len(set(store.skipped.values())) > 3 else ""
        counts.append(f"{len(store.skipped):,} left out ({some}{more})")
    return ", ".join(counts)


def _off_their_place(data, size: int, landmarks) -> str:
    """How far the eyes of `[N, 5, 2]` are from where aligning by these would have put them, as text."""
    import numpy as np

    from igc_tf.datasets import crops, transforms

    wanted = crops.template(data)
    known = crops.anchors(landmarks)  # [N, 3, 2] px
    aligned = [transforms.apply(transforms.of_anchors(p, wanted, size), p) for p in known]
    off = np.hypot(*np.moveaxis(np.array(aligned) - known, -1, 0))[:, :2]  # [N, 2]
    side = 100 * np.median(off) / size
    apart = side / (wanted[1, 0] - wanted[0, 0])
    return (
        f"eyes {side:.1f} % of the side, {apart:.1f} % of their distance, off their place (median)"
    )


def _draw(store, path: pathlib.Path) -> None:
    from igc_tf.viewing import panels

    path.parent.mkdir(parents=True, exist_ok=True)
    chosen = range(0, len(store.images), max(1, len(store.images) // 64))[:64]
    panels.save_png(panels.image_grid([store.images[row] for row in chosen], columns=8), path)
    print(f"image grid: {path}")


if __name__ == "__main__":
    program.run(main)
