"""Compiling on first use: the cache, many processes at once, and machines without a compiler."""

import os

import pytest

from igc_tf import cache
from igc_tf.graphics.rasterizers import native_build
from tests import programs

SCRIPT = """
import numpy as np, tensorflow as tf
from absl import logging
from igc_tf.graphics.rasterizers import rasterizer
logging.set_verbosity(logging.INFO)
triangle = np.array([[[-1, -1, 0, 1], [3, -1, 0, 1], [-1, 3, 0, 1]]], np.float32)
for _ in range(2):
    fragments = rasterizer.rasterize(triangle, np.array([[0, 1, 2]], np.int32), (4, 5),
    backend='{}')
print('covered', int(tf.reduce_sum(fragments.mask)))
"""

needs_compiler = pytest.mark.skipif(
    not any(map(native_build.shutil.which, native_build._COMPILERS)), reason="no C++ compiler"
)


def render(backend):
    """A program that renders a triangle over a whole image of 4 x 5, twice."""
    return SCRIPT.format(backend)


def start(script, cache, *arguments, **environment):
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), **environment}
    return programs.start(script, *arguments, run=programs.script, environment=environment)


@needs_compiler
def test_processes_may_compile_at_once(tmp_path):
    source = tmp_path / "small.cc"
    source.write_text("int small;")
    script = (
        "import pathlib, sys; from igc_tf.graphics.rasterizers import native_build; "
        "native_build.load('small', [pathlib.Path(sys.argv[1])]); print('loaded')"
    )
    cache = tmp_path / "cache"
    processes = [start(script, cache, str(source)) for _ in range(3)]
    for process in processes:
        output, _ = process.communicate()
        assert process.returncode == 0 and "loaded" in output, output
    (library,) = os.listdir(cache / "igc_tf")  # and no folder of a build
    assert library.endswith(".so")


@pytest.mark.slow
@needs_compiler
def test_processes_may_compile_the_kernels_at_once(tmp_path):
    """Each its own; the test above has three that compile the same."""
    compiler = tmp_path / "quick"  # Optimizing takes most of a compiler's time.
    compiler.write_text(f'#!/bin/sh\nexec {native_build.find_compiler()} "$@" -O0\n')
    compiler.chmod(0o755)
    processes = [start(render(kernel), tmp_path, CXX=str(compiler)) for kernel in ("native", "tfg")]
    for process in processes:
        output, _ = process.communicate()
        assert process.returncode == 0 and "covered 20" in output, output
    assert len(os.listdir(tmp_path / "igc_tf")) == 2


def test_a_cached_kernel_needs_no_compiler(compiled):
    output, _ = start(render("auto"), cache.cache_dir().parent, PATH="", CXX="").communicate()
    assert "covered 20" in output
    assert output.count("Rasterizer backend: native (") == 1  # Said once.


@pytest.mark.parametrize(
    "environment, reason",
    [
        ({"PATH": "", "CXX": ""}, "no C++ compiler (g++, c++, clang++) on the PATH"),
        ({"CXX": "no-such-compiler"}, "$CXX is 'no-such-compiler', which is no program"),
    ],
)
def test_without_a_compiler(tmp_path, environment, reason):
    script = (
        render("auto")
        + """
from igc_tf.graphics.rasterizers import native_build
for backend in ('native', 'tfg'):
    try:
        rasterizer.rasterize(triangle, np.array([[0, 1, 2]], np.int32), (4, 5), backend=backend)
    except native_build.BuildError as error:
        print(backend, 'BuildError:', error)
"""
    )
    output, _ = start(script, tmp_path, **environment).communicate()
    assert "covered 20" in output, output
    lines = [line for line in output.splitlines() if "Rasterizer backend: tensorflow (" in line]
    assert len(lines) == 1 and reason in lines[0]
    for backend in ("native", "tfg"):
        assert f"{backend} BuildError: {reason}; install g++" in output
    assert not list(tmp_path.rglob("*.so"))


@needs_compiler
def test_failed_compile_leaves_nothing_and_says_why(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = tmp_path / "broken.cc"
    source.write_text("int f() { return no_such_name; }\n")
    with pytest.raises(
        native_build.BuildError, match=r"(?s)broken\.cc with exit status.*no_such_name"
    ):
        native_build.load("broken", [source])
    assert os.listdir(tmp_path / "cache" / "igc_tf") == []


@needs_compiler
def test_a_cut_library_is_compiled_again(tmp_path):
    source = tmp_path / "small.cc"
    source.write_text("int small;")
    script = (
        "import pathlib, sys; from igc_tf.graphics.rasterizers import native_build; "
        "native_build.load('small', [pathlib.Path(sys.argv[1])]); print('loaded')"
    )
    for left in (0.5, 0.999, 1.0):
        # In a process of its own: to load a cut library kills it.
        output, _ = (process := start(script, tmp_path / "cache", str(source))).communicate()
        assert process.returncode == 0 and "loaded" in output, output
        (library,) = (tmp_path / "cache" / "igc_tf").iterdir()
        whole = library.read_bytes()
        library.write_bytes(whole[: int(left * len(whole))])


@needs_compiler
def test_library_that_does_not_load(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    source = tmp_path / "dangling.cc"
    source.write_text("int missing(); int user = missing();\n")
    with pytest.raises(native_build.BuildError, match="does not load .*delete it"):
        native_build.load("dangling", [source])


def test_library_is_named_after_all_it_depends_on(tmp_path):
    source = tmp_path / "a.cc"
    source.write_text("int a;")
    names = {native_build._key([source], ["-O3", "-I/one"])}
    assert native_build._key([source], ["-O3", "-I/two"]) in names  # Another environment shares it.
    names.add(native_build._key([source], ["-O2"]))
    source.write_text("int b;")
    names.add(native_build._key([source], ["-O3"]))
    assert len(names) == 3


def test_cache_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "igc_tf").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(native_build, "find_compiler", lambda: "g++")
    source = tmp_path / "a.cc"
    source.write_text("int a;")
    with pytest.raises(native_build.BuildError, match="set XDG_CACHE_HOME"):
        native_build.load("a", [source])
