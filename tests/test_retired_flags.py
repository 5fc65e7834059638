"""What older versions wrote loads, where this one can still do it; else the flag is named."""

import json

import pytest

from igc_tf import config, retired_flags


@pytest.fixture
def written(tmp_path):
    """Writes a flags.json as an older version might have, and loads it."""

    def load(**more):
        (tmp_path / "flags.json").write_text(json.dumps({"parts": 4, **more}))
        return config.load(tmp_path)

    return load


@pytest.mark.parametrize("name", retired_flags.DELETED)
def test_deleted_flags_load_with_their_accepted_values_alone(written, name):
    for value in retired_flags.DELETED[name]:
        assert written(**{name: value}) == config.Config().replace(parts=4)
    if retired_flags.DELETED[name] == retired_flags.ANY:
        assert written(**{name: "other"}) == config.Config().replace(parts=4)
        return
    with pytest.raises(ValueError, match=rf"flags.json: --{name} is 'other'; .* can stand for "):
        written(**{name: "other"})


def test_one_flag_stands_for_two_where_they_were_equal(written):
    assert written(shape_dim=96, albedo_dim=96).model.albedo_dim == 96
    with pytest.raises(ValueError, match="--albedo_dim is 48; .* of --shape_dim, 96"):
        written(shape_dim=96, albedo_dim=48)


def test_a_renamed_flag_loads_under_its_new_name(written, monkeypatch):
    monkeypatch.setitem(retired_flags.RENAMED, "picture_side", "image_size")
    assert written(picture_side=32) == config.Config().replace(parts=4, image_size=32)
    with pytest.raises(ValueError, match="--picture_side is --image_size today, and both"):
        written(image_size=64, picture_side=32)


def test_no_flag_is_both_retired_and_there():
    now = set(config.Config().flat())
    assert not now & (
        set(retired_flags.DELETED) | set(retired_flags.SAME_AS) | set(retired_flags.RENAMED)
    )
    assert set(retired_flags.RENAMED.values()) <= now


def test_any_other_unknown_name_is_no_flag(written):
    with pytest.raises(ValueError, match=r"flags.json: Unknown configuration values \['warp'\]"):
        written(warp=9)
