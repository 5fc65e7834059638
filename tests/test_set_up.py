"""tools/set_up.sh: which Python the environment is made with, where none fits too."""

import ensurepip
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

CHECKOUT = pathlib.Path(__file__).parents[1]
#: What the script uses of the system. Its PATH has no more, so no interpreter either.
_TOOLS = "bash awk cat cmp cp df flock grep ls mkdir mktemp mv rm touch uname".split()
_BUNDLED = pathlib.Path(ensurepip.__file__).parent / "_bundled"

# In place of uv, which fetches from the network: knows a Python once it has "installed" it.
_UV = """#!{bash}
echo "$*" >>{folder}/uv.log
case "$*" in
"python install 3.11") touch {folder}/fetched ;;
"python find 3.11") [[ -e {folder}/fetched ]] && echo {python} ;;
*) exit 2 ;;
esac
"""
# In place of a Python that does not fit, with a pip that can have uv.
_OLD_PYTHON = """#!{bash}
[[ $1 == -I ]] && echo "is Python 3.9, 64 bit" && exit
[[ "$1 $2 $3" == "-m pip install" && "${{@: -1}}" == uv ]] || exit 1
while [[ $1 != --target ]]; do shift; done
mkdir -p "$2/bin" && cp {folder}/kept/uv "$2/bin/uv"
"""


@pytest.fixture
def machine(tmp_path):
    """A folder for a set-up, on a machine without any Python; `bin` in it is the PATH."""
    (tmp_path / "bin").mkdir()
    for name in _TOOLS:
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    shutil.copy(CHECKOUT / "tools" / "set_up.sh", tmp_path)
    (setuptools,) = _BUNDLED.glob("setuptools-*.whl")  # a new environment has it already
    pin = f"setuptools=={setuptools.name.split('-')[1]}\n"
    (tmp_path / "requirements.txt").write_text(pin)
    return tmp_path


def _put(path, text):
    path.parent.mkdir(exist_ok=True)
    python = pathlib.Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    bash = shutil.which("bash")
    path.write_text(text.format(bash=bash, folder=path.parents[1], python=python))
    path.chmod(0o755)


def _set_up(folder, **variables):
    environment = {
        "PATH": str(folder / "bin"),
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "MIN_FREE_GB": "0",
        "PIP_NO_INDEX": "1",
        "PIP_CONFIG_FILE": os.devnull,
        **variables,
    }
    return subprocess.run(
        ["bash", "set_up.sh", "environment", "requirements.txt"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )


def test_without_a_fitting_python_uv_fetches_one(machine):
    _put(machine / "bin" / "uv", _UV)
    done = _set_up(machine)
    assert done.returncode == 0, done.stderr
    asked = (machine / "uv.log").read_text().splitlines()
    assert asked.index("python install 3.11") > asked.index("python find 3.10")
    made = machine / "environment"
    version = subprocess.run([made / "bin" / "python", "--version"], capture_output=True, text=True)
    assert version.stdout.split()[1] == sys.version.split()[0]
    pins = (machine / "requirements.txt").read_text()
    assert (made / ".igc_tf" / "requirements.txt").read_text() == pins


def test_uv_comes_by_the_pip_of_a_python_that_does_not_fit(machine):
    _put(machine / "kept" / "uv", _UV)
    _put(machine / "bin" / "python3", _OLD_PYTHON)
    done = _set_up(machine, MIN_FREE_GB="1000000")  # ends once there is a Python
    assert "Set-up (packages and data) needs about" in done.stderr
    assert (machine / "fetched").exists()
    assert not list(machine.glob("tmp.*")), "uv itself was fetched for this once"


def test_a_fitting_python_is_taken_as_it_is(machine):
    _put(machine / "bin" / "uv", _UV)
    (machine / "bin" / "python3").symlink_to(sys.executable)
    done = _set_up(machine, MIN_FREE_GB="1000000")
    assert "Set-up (packages and data) needs about" in done.stderr
    assert not (machine / "fetched").exists()


@pytest.mark.parametrize("uv_fails", [False, True])
def test_without_any_python_one_line_says_what_to_install(machine, uv_fails):
    if uv_fails:
        _put(machine / "bin" / "uv", "#!{bash}\nexit 1\n")
    done = _set_up(machine)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("ERROR: no fitting Python 3.10 or 3.11 found, nor could uv fetch one. ")
    assert "apt-get install python3.11 python3.11-venv" in line and "PYTHON=" in line
    assert not (machine / "environment").exists()
