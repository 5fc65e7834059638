"""2,000 photos of which 200 are damaged in ten ways: training starts, and each bad one is named once."""

import io
import logging
import os

import numpy as np
import pytest
from PIL import Image

from igc_tf.datasets import catalog
from igc_tf.training import trainer
from tests.fake_collections import BAD

#: Names that a careless program trips over.
ODD = [
    "with space",
    "Grüße",
    "猫",
    "a'b\"c",
    "percent%s{0}",
    "#;&$(x)",
    "line\nbreak",
    "-dash",
    "tab\t",
]


def good_bytes(number):
    """Small photos of many modes, as JPEG and PNG."""
    mode = ("RGB", "L", "CMYK", "RGBA", "P", "LA", "I;16", "1")[number % 8]
    values = np.full((12, 10), number % 256, np.uint8)
    if mode == "I;16":
        image = Image.fromarray(values.astype(np.uint16) * 256)
    else:
        image = Image.fromarray(values).convert("RGB").convert(mode.replace("LA", "L"))
    stream = io.BytesIO()
    image.save(stream, "JPEG" if mode in ("RGB", "L", "CMYK") else "PNG")
    return stream.getvalue(), ".jpg" if mode in ("RGB", "L", "CMYK") else ".png"


@pytest.fixture
def folder(tmp_path):
    """The photos' folder, and the relative paths of the good and of the bad ones with their kind."""
    root, good, bad = tmp_path / "photos", set(), {}
    for number in range(2000):
        kind = list(BAD)[number // 10 % 10] if number % 10 == 7 else None
        content, suffix = (BAD[kind], os.path.splitext(kind)[1]) if kind else good_bytes(number)
        name = f"{number % 5}/{ODD[number % len(ODD)]} {number}{suffix}"
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
        if kind:
            bad[name] = kind
        else:
            good.add(name)
    return root, good, bad


@pytest.mark.slow
def test_training_starts_and_names_each_bad_photo_once(
    folder, tiny, tmp_path, kernels, eager, own_cache, caplog
):
    root, good, bad = folder
    assert len(good) == 1800 and len(bad) == 200 and len(set(bad.values())) == 10
    config = tiny.replace(
        dataset="photo_folder",
        data_dir=str(root),
        max_steps=1,
        pyramid_weight=1.0,
    )
    with caplog.at_level(logging.WARNING, logger="absl"):
        trainer.Trainer(config, tmp_path / "run").train()
        stores = {"test": catalog.open_split(config.data, 32, "test")}
    assert (tmp_path / "run" / "done.json").is_file()
    for split in ("train", "validation"):
        with caplog.at_level(logging.CRITICAL, logger="absl"):
            stores[split] = catalog.open_split(config.data, 32, split)
    used = [name for store in stores.values() for name in store.names]
    assert len(used) == 1800 and set(used) == good
    causes = {name: why for store in stores.values() for name, why in store.skipped.items()}
    assert set(causes) == set(bad) and all(causes.values())
    for kind in BAD:  # the same cause for each of a kind
        assert len({causes[name] for name in bad if bad[name] == kind}) == 1
    lines = caplog.text.split("\n")
    for name, why in causes.items():
        number = name.rsplit(" ", 1)[1]
        assert sum(f" {number}: {why.splitlines()[0]}" in line for line in lines) == 1, name
