"""TFLite files answer as the signatures do, in built-in ops alone."""

import json

import numpy as np
import pytest

from igc_tf.serving import contract, lite, pictures
from igc_tf.viewing import colors

pytestmark = pytest.mark.slow

#: Mean differences that 8-bit weights may make here, three times what they make; part_centers in px.
_DYNAMIC_RANGE = {
    **{"segmentation": 0.075, "part_visibility": 0.036},
    **{"part_centers": 0.5, "descriptor": 0.0017},
}


@pytest.fixture(scope="module")
def files(exported, tmp_path_factory):
    return lite.convert(exported.served, tmp_path_factory.mktemp("lite"))


def test_they_agree_with_the_signatures(exported, files, photos):
    small = pictures.resized(photos, exported.config.data, 32).numpy()
    found = lite.agreement(exported.served, files, np.round(255 * small).astype(np.uint8))
    assert {(line.file, line.output) for line in found} == {
        (name + kind, output)
        for name, outputs in (
            ("parts", ("segmentation", "part_visibility", "part_centers")),
            ("embed", ("descriptor",)),
        )
        for output in outputs
        for kind in ("", "_dynamic_range")
    }
    for line in found:
        if line.file == "embed":
            assert line.largest <= 1e-4, line
        elif line.file == "parts":  # Where two parts' depths tie, rounding decides which is seen.
            assert line.mean <= (1e-2 if line.output == "part_centers" else 1e-3), line
        else:  # Another photo has another label at 0.58 of the pixels, visibilities differ by 0.29.
            assert line.mean <= _DYNAMIC_RANGE[line.output], line


def test_they_hold_built_in_ops_only(files):
    for path in files.values():
        names = lite.ops(path)
        assert "CONV_2D" in names and not [name for name in names if "Flex" in name]
    assert files["embed_dynamic_range"].stat().st_size < 0.8 * files["embed"].stat().st_size


def test_the_model_of_the_page_agrees_too_and_its_constants_are_the_models(
    exported, photos, tmp_path
):
    model = exported.config.model
    palette = colors.part_colors(model.parts).tolist()
    files = lite.convert_for_web(exported.served, tmp_path / "model", palette)
    small = pictures.resized(photos, exported.config.data, 32).numpy()
    found = lite.agreement(exported.served, files, np.round(255 * small).astype(np.uint8))
    assert {line.output for line in found} == set(contract.SIGNATURES["capsules"][1])
    for line in found:  # Where two parts' depths tie, rounding decides which is seen.
        assert line.mean <= (1e-3 if line.output == "canonical_visibility" else 1e-5), line
    assert not [name for name in lite.ops(files["capsules"]) if "Flex" in name]
    about = json.loads((tmp_path / "model" / "model.json").read_text())
    assert [part["name"] for part in about["parts"]] == model.capsule_names
    assert [part["color"] for part in about["parts"]] == palette
    assert (about["image_size"], about["fov_degrees"]) == (32, model.fov_degrees)
