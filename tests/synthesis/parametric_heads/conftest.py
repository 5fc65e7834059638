"""The materials that heads are made of here: a small fake one, and MakeHuman's where it is."""

import pytest

from igc_tf.synthesis.parametric_heads import material, sources
from tests import fake_makehuman


@pytest.fixture(scope="session")
def fake_files():
    """What is in the two packages."""
    return fake_makehuman.files()


@pytest.fixture(scope="session")
def fake_dir(tmp_path_factory, fake_files):
    """A folder with both packages as downloaded."""
    folder = tmp_path_factory.mktemp("makehuman")
    fake_makehuman.write_archives(folder, *fake_files)
    return folder


@pytest.fixture(scope="session")
def fake(fake_dir):
    """The small head's material."""
    return material.read(sources.Sources(fake_dir))


@pytest.fixture(scope="session")
def real():
    """MakeHuman's own material."""
    folder = sources.default_dir()
    try:
        found = sources.Sources(folder)
    except FileNotFoundError:
        pytest.skip(f"MakeHuman's two packages are not in {folder} (docs/parametric_heads.md)")
    return material.read(found)


@pytest.fixture(scope="session", params=["fake", "real"])
def heads(request):
    """Each material in turn."""
    return request.getfixturevalue(request.param)
