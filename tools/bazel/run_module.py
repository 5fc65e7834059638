"""Runs the module that the first argument names, as `python -m` does.

The main program of every py_binary.
"""

import runpy
import sys

if __name__ == "__main__":
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
