"""The two shapes of target here: a layer of the package, and a folder tree of tests."""

load("@rules_python//python:defs.bzl", "py_library", "py_test")

_NOT_DATA = ["**/*.py", "**/__pycache__/**", "**/BUILD"]

def layer(name, srcs, modules, data = [], deps = []):
    """A library, and a test that it imports nothing but what it declares.

    Args:
        name: of the library; the test is `<name>_stands_alone`.
        srcs: its files; if there are none yet there is no test.
        modules: Python names of the modules or packages to import.
        data: what it reads beside them, such as C++ sources.
        deps: the layers below.
    """
    py_library(
        name = name,
        srcs = srcs,
        data = data,
        visibility = ["//visibility:public"],
        deps = deps,
    )
    if srcs:
        py_test(
            name = name + "_stands_alone",
            srcs = ["//tools/bazel:import_all.py"],
            args = modules,
            main = "//tools/bazel:import_all.py",
            deps = [":" + name],
        )

def package_floor(deps = [], data = []):
    """The layer that is all Python of this folder.

    Args:
        deps: the layers below, but the foundations.
        data: what it reads from other folders.
    """
    path = native.package_name()
    layer(
        name = path.split("/")[-1],
        srcs = native.glob(["**/*.py"]),
        modules = [path.replace("/", ".")],
        data = data + native.glob(["**"], exclude = _NOT_DATA),
        deps = deps + ["//igc_tf:foundations"],
    )

def pytest_tree(deps, data):
    """One test `<folder>_tests` for all test files of a folder and those below it; new ones are taken up.

    Its files share one import of TensorFlow, and what their fixtures make. Those beside the folders are
    `igc_tf_tests`.
    """
    patterns = ["**/test_*.py"]
    py_library(
        name = "helpers",
        srcs = native.glob(["**/*.py"], exclude = patterns),
    )
    folders = {}
    for file in native.glob(patterns):
        folder = file.split("/")[0] if "/" in file else "igc_tf"
        folders.setdefault(folder, []).append(file)
    for folder, files in folders.items():
        py_test(
            name = folder + "_tests",
            timeout = "eternal",  # An hour: a slow one may share its cores with others.
            srcs = files + ["//tools/bazel:pytest_main.py"],
            args = [native.package_name() + "/" + file for file in files],
            data = data + native.glob(["**"], exclude = _NOT_DATA),
            main = "//tools/bazel:pytest_main.py",
            deps = deps + [":helpers"],
        )
