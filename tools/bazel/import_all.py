"""Imports each module named by the arguments, and all modules inside those that are packages.

Under Bazel only the declared dependencies are there, so a layer of the package that imports from a
layer above it fails here.
"""

import importlib
import pathlib
import pkgutil
import sys


def import_all(name: str) -> list[str]:
    """Imports module `name` and its submodules; returns their names.

    Raises:
        ImportError: one needs what is not among the declared dependencies.
    """
    module = importlib.import_module(name)
    if not pathlib.Path(module.__file__).is_relative_to(pathlib.Path.cwd()):
        raise ImportError(f"{name} came from {module.__file__}, not from Bazel's own copy")
    names = [name]
    for found in pkgutil.walk_packages(getattr(module, "__path__", ()), prefix=f"{name}."):
        importlib.import_module(found.name)
        names.append(found.name)
    return names


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        print("imported", *import_all(argument))
