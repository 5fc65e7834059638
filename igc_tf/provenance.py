"""What a result was made with: the commit of igc_tf and the versions of the installed packages."""

from __future__ import annotations

import importlib.metadata
import pathlib
import subprocess

_CHECKOUT = pathlib.Path(__file__).resolve().parents[1]


def commit() -> str:
    """The commit of this checkout, with '+changes' if files differ from it; '' if it is unknown.

    Installed below another project's checkout, it is not that one's.
    """
    try:
        _git("ls-files", "--error-unmatch", __file__)
        changed = _git("status", "--porcelain", "--untracked-files=no")
        return _git("rev-parse", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):  # no git, or no checkout
        return ""


def packages() -> dict[str, str]:
    """`{name: version}` of every installed Python package, sorted."""
    found = importlib.metadata.distributions()
    return dict(sorted((one.metadata["Name"], one.version) for one in found))


def _git(*words: str) -> str:
    command = ["git", "-C", str(_CHECKOUT), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
