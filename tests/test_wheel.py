"""igc_tf as an installed package, away from its checkout."""

import ast
import importlib.metadata
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

import pytest
from packaging.requirements import Requirement

import igc_tf
from igc_tf.datasets import detector
from igc_tf.viewing import movies
from tools import program

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CHECKOUT = pathlib.Path(__file__).parents[1]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]


def _pins(name):
    """`{package: version}` of a requirements file."""
    return dict(re.findall(r"^([\w-]+)==([\w.]+)", (CHECKOUT / name).read_text(), re.MULTILINE))


def _normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_what_the_package_asks_for_is_what_was_tested():
    pins = {
        _normal(name): v
        for name, v in {**_pins("requirements.txt"), **_pins("requirements-test.txt")}.items()
    }
    extras = PROJECT["optional-dependencies"]
    tested = [*PROJECT["dependencies"], *extras["test"], *extras["cascades"]]
    for wanted in map(Requirement, tested):
        assert wanted.specifier.contains(pins[_normal(wanted.name)]), wanted
    assert extras["cascades"] == [detector.CASCADES_PACKAGE]
    assert detector.KEY_POINTS_PACKAGE in extras["detect"] and extras["video"] == [movies.PACKAGE]


def test_the_package_asks_for_all_that_it_imports():
    dependencies = {_normal(Requirement(wanted).name) for wanted in PROJECT["dependencies"]}
    extras = PROJECT["optional-dependencies"]
    optional = {
        _normal(Requirement(one).name)
        for extra in ("cascades", "detect", "video")
        for one in extras[extra]
    }
    providers = importlib.metadata.packages_distributions()
    own = {"igc_tf", "tools"}
    elsewhere = {"run_step.py": {"jax"}}  # runs on a machine of its own
    for path in [*CHECKOUT.glob("igc_tf/**/*.py"), *CHECKOUT.glob("tools/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            for name in {name.split(".")[0] for name in names} - own - sys.stdlib_module_names:
                if name in elsewhere.get(path.name, ()):
                    continue
                givers = {_normal(giver) for giver in providers.get(name, [name])}
                assert givers & (dependencies | optional), f"{path} imports {name}"


def test_every_program_has_a_console_script():
    programs = {
        path.stem
        for path in CHECKOUT.glob("tools/*.py")
        if "\n    program.run(main)" in path.read_text()
    }
    scripts = {name.removeprefix("igc-").replace("-", "_") for name in PROJECT["scripts"]}
    assert scripts == programs - {"release"}  # which writes into the checkout


def test_a_flag_file_of_ours_is_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = [
        "igc-train",
        "--flagfile=flags/celeba_cpu.flags",
        "--parts=3",
        "--flagfile=flags/no.flags",
    ]
    found = list(program._with_own_flag_files(words))
    assert "--dataset=photo_folder" in found and found[-2:] == words[-2:]
    (own,) = (i for i, word in enumerate(found) if word == "--dataset=photo_folder")
    inherited = [word for word in found[1:own] if word.startswith("--dataset=")]
    assert inherited == [
        "--dataset=synthetic_faces"
    ]  # quickstart.flags, which that one names first
    assert not [word for word in found[:-1] if word.startswith("--flagfile")]
    (tmp_path / "flags").mkdir()
    (tmp_path / "flags" / "celeba_cpu.flags").write_text("--parts=2\n")
    assert list(program._with_own_flag_files(words)) == words  # the folder's own goes before


def _run(*words, folder):
    environment = {
        name: os.environ[name] for name in ("PATH", "HOME", "XDG_CACHE_HOME") if name in os.environ
    }
    done = subprocess.run(
        [*map(str, words)], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of what is built: setuptools leaves folders beside it."""
    folder = tmp_path_factory.mktemp("source")
    unwanted = shutil.ignore_patterns("__pycache__", "BUILD", "bazel")
    for name in ("igc_tf", "tools", "flags"):
        shutil.copytree(CHECKOUT / name, folder / name, ignore=unwanted)
    for name in ("LICENSE", "README.md", "pyproject.toml", "setup.py"):
        shutil.copy(CHECKOUT / name, folder)
    return folder


def _environment(folder):
    """An environment that sees the packages of this one, and nothing of the checkout."""
    _run(sys.executable, "-m", "venv", "--without-pip", folder, folder=folder.parent)
    packages = next(folder.glob("lib/python3.*/site-packages"))
    others = pathlib.Path(importlib.util.find_spec("tensorflow").origin).parents[1]
    (packages / "others.pth").write_text(f"{others}\n")
    return folder / "bin"


def _pip(scripts, *words, folder):
    offline = ("--no-deps", "--no-index", "--disable-pip-version-check", "--quiet")
    python = ("--python", scripts / "python")
    _run(sys.executable, "-m", "pip", *python, words[0], *offline, *words[1:], folder=folder)


@pytest.mark.slow
def test_installed_from_a_wheel_it_works_away_from_the_checkout(source, tmp_path):
    scripts = _environment(tmp_path / "environment")
    _pip(scripts, "wheel", "--no-build-isolation", "--wheel-dir", tmp_path, source, folder=tmp_path)
    (wheel,) = tmp_path.glob("igc_tf-*.whl")
    _pip(scripts, "install", wheel, folder=tmp_path)
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert tops == {"igc_tf", "igc_tf_tools", f"igc_tf-{igc_tf.__version__}.dist-info"}

    home = tmp_path / "home"  # in somebody's own checkout, as the environment is
    home.mkdir()
    git = ("git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-C", tmp_path)
    _run(*git, "init", "--quiet", folder=tmp_path)
    _run(*git, "commit", "--quiet", "--allow-empty", "--message=theirs", folder=tmp_path)
    shutil.copy(CHECKOUT / "docs" / "images" / "astronaut.jpg", home / "face.jpg")
    _run(
        scripts / "igc-reconstruct",
        *("--weights=photos", "--input=face.jpg", "--output_dir=out", "--nomeshes"),
        folder=home,
    )
    assert (home / "out" / "face.jpg.igc" / "panel.png").stat().st_size > 10_000

    script = """
import pathlib, igc_tf, igc_tf_tools.program
from igc_tf import provenance
from igc_tf.graphics.rasterizers import native_kernel
from igc_tf.serving import export
model = igc_tf.load("photos")
print(type(model).__name__, len(model.part_names), igc_tf.__file__)
print(repr(provenance.commit()), provenance.packages()["igc_tf"])
assert (igc_tf_tools.program.FLAG_FILES / "ablations" / "no_one_hot.flags").is_file()
folder = pathlib.Path(igc_tf.__file__).parent
assert (folder / "LICENSE").is_file() and (folder / "py.typed").is_file()
assert sorted(path.name for path in (folder / "graphics" / "rasterizers" / "kernels").iterdir()) == [
    "images.h", "interpolate.cc", "rasterize.cc"]
"""
    name, parts, where, commit, version = _run(
        scripts / "python", "-c", script, folder=home
    ).split()
    assert (name, parts) == ("Pretrained", "8")
    assert pathlib.Path(where).is_relative_to(tmp_path / "environment")
    assert (commit, version) == ("''", igc_tf.__version__)


@pytest.mark.slow
def test_installed_as_editable_it_is_the_checkout(source, tmp_path):
    scripts = _environment(tmp_path / "environment")
    _pip(scripts, "install", "--no-build-isolation", "--editable", source, folder=tmp_path)
    shown = _run(
        scripts / "python",
        "-c",
        "import igc_tf, igc_tf_tools.program as p; print(igc_tf.__file__, p.__file__, p.FLAG_FILES)",
        folder=tmp_path,
    )
    expected = ("igc_tf/__init__.py", "tools/program.py", "flags")
    assert shown.split() == [str(source / name) for name in expected]
    usage = subprocess.run([scripts / "igc-train", "--helpshort"], capture_output=True, text=True)
    assert "Trains IGC-Net." in usage.stdout and "--run_dir:" in usage.stdout
