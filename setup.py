"""Which folders are packages; all else of them is in pyproject.toml."""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["igc_tf", "igc_tf.*"]),
        "igc_tf_tools",
        "igc_tf_tools.flags",
    ],
    # `tools` would be anybody's name among installed packages.
    package_dir={"igc_tf_tools": "tools", "igc_tf_tools.flags": "flags"},
)
