"""What an ablation changes, whatever the recipe."""

import pathlib

import pytest
from absl import flags

from igc_tf import ablations, config
from tests import recipes

FLAGS_DIR = pathlib.Path(__file__).parents[1] / "flags"


def parsed(*arguments):
    values = flags.FlagValues()
    config.define_flags(values)
    values(["", *arguments])
    return config.from_flags(values)


def test_changes_are_those_of_the_file():
    assert ablations.changes(FLAGS_DIR / "ablations" / "no_one_hot.flags") == {"one_hot": False}
    assert ablations.changes(FLAGS_DIR / "ablations" / "no_contrastive.flags") == {
        "contrastive_weight": 0.0
    }
    assert ablations.changes(FLAGS_DIR / "ablations" / "one_capsule.flags")["parts"] == 1


@pytest.mark.parametrize("file", sorted((FLAGS_DIR / "ablations").glob("*.flags")))
@pytest.mark.parametrize("recipe", ["quickstart", "celeba_cpu"])
def test_every_ablation_fits_every_recipe(file, recipe, monkeypatch):
    monkeypatch.chdir(FLAGS_DIR.parent)
    arguments = [f"--flagfile=flags/{recipe}.flags", "--data_dir=d", *recipes.NETWORKS]
    changed = ablations.changes(file)
    ours = parsed(*arguments).replace(**changed)
    assert ours == parsed(*arguments, f"--flagfile={file}")
    assert all(ours.flat()[name] == value for name, value in changed.items())


def test_flags_make_a_configuration_again(monkeypatch):
    monkeypatch.chdir(FLAGS_DIR.parent)
    recipe = parsed("--flagfile=flags/photo_folder.flags", "--noone_hot", "--data_dir=a b")
    assert parsed(*ablations.as_flags(recipe)) == recipe
    assert ablations.as_flags(config.Config()) == []


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
        ablations.changes(file)
    assert str(file) in str(caught.value)


def test_an_unknown_ablation_names_those_there_are(tmp_path):
    (tmp_path / "this.flags").write_text("--noone_hot\n")
    with pytest.raises(FileNotFoundError, match="there are this"):
        ablations.changes(tmp_path / "that.flags")
