"""Makes a data set ready to train on, and a contact sheet to look at.

    python -m tools.prepare --dataset=synthetic_faces

Nothing is done twice: what is there is only counted.
"""

from __future__ import annotations

import pathlib

from absl import flags

from igc_tf import config as config_lib
from tools import program

FLAGS = flags.FLAGS
flags.DEFINE_string("contact_sheet", None, "PNG to write with 64 training pictures.")
config_lib.define_flags()


def main(argv: list[str]) -> int:
    """Prepares the data set the flags name and prints what is in it."""
    program.no_arguments(argv)
    with program.plain_errors():
        config = config_lib.from_flags()

        from PIL import Image

        from igc_tf.datasets import catalog
        from igc_tf.viewing import panels

        for split in catalog.SPLITS:
            store = catalog.open_split(config.data, config.model.image_size, split)
            skipped = f", {len(store.skipped)} unreadable" if store.skipped else ""
            print(f"{config.data.dataset} {split}: {len(store.images):,} pictures{skipped}")
            if split == "train" and FLAGS.contact_sheet:
                path = pathlib.Path(FLAGS.contact_sheet)
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(panels.sheet(list(store.images[:64]), columns=8)).save(path)
                print(f"contact sheet: {path}")
    return 0


if __name__ == "__main__":
    program.run(main)
