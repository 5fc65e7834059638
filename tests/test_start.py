"""What a program's start does not pay for."""

import pathlib
import subprocess
import sys
import textwrap

import pytest

# A module alone in a fork: any of them may be the first that imports TF Graphics.
_PROGRAM = textwrap.dedent(
    """
    import importlib, inspect, os, sys
    import tensorflow

    original = inspect.stack

    def stack(*given):
        caller = sys._getframe(1).f_globals["__name__"]
        assert not caller.startswith("tensorflow_graphics"), f"{caller} calls inspect.stack"
        return original(*given)

    inspect.stack = stack
    for names in sys.argv[1:]:
        child = os.fork()
        if not child:
            try:
                for name in names.split(","):
                    importlib.import_module(name)
                assert "igc_tf.graphics" in sys.modules, "before TF Graphics comes igc_tf.graphics"
                os._exit(0)
            finally:
                sys.excepthook(*sys.exc_info())
                sys.stderr.flush()
                os._exit(1)
        if os.wait()[1]:
            sys.exit(f"when {names} is first")
    """
)


def _module(path):
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def test_tf_graphics_documentation_call_is_cheap_in_any_order():
    paths = sorted(pathlib.Path("igc_tf").rglob("*.py"))
    every = [_module(path) for path in paths]
    first = [
        _module(path)
        for path in [*paths, *pathlib.Path("tools").rglob("*.py")]
        if "tensorflow_graphics" in path.read_text()
    ]
    assert "igc_tf.benchmarks.rasterizers" in first and "igc_tf.graphics.pose" in first
    orders = [*first, ",".join(every), ",".join(reversed(every))]
    done = subprocess.run([sys.executable, "-c", _PROGRAM, *orders], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize(
    ("statement", "unneeded"),
    [
        ("from tools import train, program", ["tensorflow", "numpy"]),
        ("import igc_tf.inference", ["sklearn", "scipy.stats", "tensorflow_datasets", "trimesh"]),
    ],
)
def test_what_a_program_has_no_use_for_is_not_imported(statement, unneeded):
    script = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert not set(unneeded) & set(done.stdout.split())
