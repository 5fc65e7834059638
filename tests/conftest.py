"""What tests of several folders share."""

import fcntl
import os
import shutil

import pytest

from igc_tf import config
from igc_tf.cache import cache_dir
from tests import privileges, programs


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """A file's tests stay with one worker, and so do those of tests/serving, which share a model."""
    from xdist.scheduler import LoadFileScheduling

    class ByWhatIsShared(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            return "tests/serving" if file.startswith("tests/serving/") else file

    return ByWhatIsShared(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items):
    """Files with slow tests first, so that two workers end at about the same time."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def once(tmp_path_factory, request):
    """`once(name, make)`: a folder that `make(folder)` fills, once for all workers of the session."""
    root = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):  # of xdist
        root = root.parent
    root = root / "shared"
    root.mkdir(exist_ok=True)

    def share(name, make):
        folder, made = root / name, root / f"{name}.made"
        with open(root / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                shutil.rmtree(folder, ignore_errors=True)
                make(folder)
                made.touch()
        return folder

    return share


@pytest.fixture(scope="session")
def tiny():
    """The smallest complete configuration: every stage is there, a step takes under a second."""
    return config.Config().replace(
        image_size=32,
        map_size=32,
        parts=3,
        shape_dim=8,
        view_dim=4,
        encoder_channels=2,
        decoder_channels=4,
        batch_size=2,
    )


@pytest.fixture(scope="session")
def program(kernels):
    """Starts `python -m tools.NAME FLAGS`, see `programs.start`; waits for it unless told not to.

    Gives its output if its exit status is as expected, or what runs.
    """
    running = []

    def start(name, *flags, wait=True, expect=0, **how):
        process = programs.start(f"tools.{name}", *flags, **how)
        if not wait:
            running.append(process)
            return process
        try:
            output, _ = process.communicate(timeout=600)
        finally:
            process.kill()
        assert process.returncode == expect, output[-4000:]
        return output

    yield start
    for process in running:
        process.kill()


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """An empty cache of this test's own; the compiled rasterizer is not in it."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder / "igc_tf"


@pytest.fixture
def own_cache_with_kernels(compiled, own_cache):
    """The same with the compiled kernels in it: they take a quarter of a minute."""
    own_cache.mkdir(parents=True)
    for kernel in compiled:
        (own_cache / kernel.name).symlink_to(kernel)
    return own_cache


@pytest.fixture(scope="session")
def kernels(once):
    """Why the kernels cannot be built; None where they can. Compiled once, not by each worker."""
    from igc_tf.graphics.rasterizers import native_build, native_kernel, tfg_kernel

    def build(_):
        native_kernel.load()
        tfg_kernel.load()

    try:
        once("kernels", build)
        build(None)
    except native_build.BuildError as error:
        return str(error)


@pytest.fixture
def compiled(kernels):
    """The compiled kernels' files; skips the test where they cannot be built."""
    if kernels:
        pytest.skip(kernels)
    return list(cache_dir().glob("*.so"))


@pytest.fixture
def ordinary_user():
    """Makes this thread heed the permissions of files, as root's do not; ends with the test."""
    if os.geteuid():
        yield
        return
    try:
        restore = privileges.drop()
    except OSError as error:
        pytest.skip(str(error))
    yield
    restore()


@pytest.fixture(scope="session")
def begin():
    """Begins a run, or goes on with it, as a training does; returns (directory, configuration)."""
    from igc_tf.run_directory import RunDirectory

    def begun(config, path, splits=None, step=0):
        run = RunDirectory(path)
        run.lock()
        try:
            config = run.resolve(config)
            run.compare_photos(splits or {})
            run.begin(config, splits or {}, step)
        finally:
            run.unlock()
        return run, config

    return begun


@pytest.fixture(scope="session")
def vgg_weights(tmp_path_factory):
    """A weights file of VGG16's real architecture, with random numbers in it."""
    import tensorflow as tf

    tf.keras.utils.set_random_seed(0)
    path = tmp_path_factory.mktemp("vgg") / "vgg16_notop.h5"
    tf.keras.applications.VGG16(include_top=False, weights=None).save_weights(path)
    return str(path)
