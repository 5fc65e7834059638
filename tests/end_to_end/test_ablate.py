"""ablate as a user runs it: what is done stays, what fails is named, the rest is listed."""

import json
import pathlib
import shutil

import pytest
from PIL import Image

from igc_tf import config
from tests import programs, recipes

FLAGS_DIR = pathlib.Path(__file__).parents[2] / "flags"
ablate = programs.imported("ablate")


@pytest.mark.slow
def test_a_table_of_what_is_left_out(program, trained, evaluated, tiny_flags, tmp_path):
    root = tmp_path / "ablations"
    shutil.copytree(trained, root / "whole" / "seed_0")  # trained and measured already
    for file in ("metrics.json", "metrics.samples.npz"):
        shutil.copy(evaluated / file, root / "whole" / "seed_0")
    other = root / "no_sparsity" / "seed_0"  # a run of another recipe in the way
    other.mkdir(parents=True)
    flags = json.loads((trained / "flags.json").read_text())
    (other / "flags.json").write_text(json.dumps({**flags, "parts": 4}))
    command = [
        *tiny_flags,
        "--max_steps=12",
        "--ablations=no_sparsity,no_contrastive",
        "--seeds=0",
        f"--root={root}",
        "--faces=3",
    ]
    output = program("ablate", *command, expect=1, fresh=True)
    failure = next(line for line in output.splitlines() if line.startswith("FAILED"))
    assert "no_sparsity, seed 0" in failure and "--parts: 4 in the run, 3 now" in failure
    # The whole recipe is trained and measured, no_sparsity has no place.
    assert output.count(": train,") == output.count(": evaluate,") == 1
    assert output.count(": reconstruct,") == 2
    table = (root / "table.md").read_text()
    assert table.splitlines()[0] == "| metric | whole | no_contrastive |" and table in output
    found = json.loads((root / "table.json").read_text())
    assert {"psnr_db", "nmi", "miou", "nme_percent", "yaw_correlation", "mad_view_degrees"} < set(
        found
    )
    assert {"rank1", "rotation_albedo_l1"} < set(found)
    measured = json.loads((root / "whole" / "seed_0" / "metrics.json").read_text())
    assert found["nmi"]["whole"]["values"] == [measured["nmi"]["value"]]
    ablated = json.loads((root / "no_contrastive" / "seed_0" / "flags.json").read_text())
    assert {name for name in flags if ablated[name] != flags[name]} == {"contrastive_weight"}
    with Image.open(root / "parts.png") as picture:
        assert picture.height > 4 * 96 and picture.width > 3 * 96
    again = program("ablate", *command, expect=1)
    assert ", see " not in again and table in again


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--ablations=no_face", "no such ablation"),
        ("--parts=0", "--parts=0"),
    ],
)
def test_what_is_wrong_is_said(program, tmp_path, flag, message):
    output = program("ablate", f"--root={tmp_path}", flag, expect=1)
    assert message in output and "Traceback" not in output


def test_changes_are_those_of_the_file():
    assert ablate.changes(FLAGS_DIR / "ablations" / "no_one_hot.flags") == {"one_hot": False}
    assert ablate.changes(FLAGS_DIR / "ablations" / "no_contrastive.flags") == {
        "contrastive_weight": 0.0
    }
    assert ablate.changes(FLAGS_DIR / "ablations" / "one_capsule.flags")["parts"] == 1


@pytest.mark.parametrize("file", sorted((FLAGS_DIR / "ablations").glob("*.flags")))
@pytest.mark.parametrize("recipe", ["quickstart", "celeba_cpu"])
def test_every_ablation_fits_every_recipe(file, recipe, monkeypatch):
    monkeypatch.chdir(FLAGS_DIR.parent)
    arguments = [f"--flagfile=flags/{recipe}.flags", "--data_dir=d", *recipes.NETWORKS]
    changed = ablate.changes(file)
    ours = recipes.read(*arguments).replace(**changed)
    assert ours == recipes.read(*arguments, f"--flagfile={file}")
    assert all(ours.flat()[name] == value for name, value in changed.items())


def test_flags_make_a_configuration_again(monkeypatch):
    monkeypatch.chdir(FLAGS_DIR.parent)
    recipe = recipes.read("--flagfile=flags/photo_folder.flags", "--noone_hot", "--data_dir=a b")
    assert recipes.read(*ablate.as_flags(recipe)) == recipe
    assert ablate.as_flags(config.Config()) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("--one_hat=false\n", "one_hat"),
        ("# nothing\n", "it changes nothing"),
        ("--noone_hot\nstray\n", "not a flag: 'stray'"),
    ],
)
def test_a_wrong_file_is_named(tmp_path, text, message):
    file = tmp_path / "mine.flags"
    file.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        ablate.changes(file)
    assert str(file) in str(caught.value)


def test_an_unknown_ablation_names_those_there_are(tmp_path):
    (tmp_path / "this.flags").write_text("--noone_hot\n")
    with pytest.raises(FileNotFoundError, match="there are this"):
        ablate.changes(tmp_path / "that.flags")
