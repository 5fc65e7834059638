"""Bazel's built-in Python rules under the names that BUILD files load."""

py_binary = native.py_binary
py_library = native.py_library
py_runtime = native.py_runtime
py_test = native.py_test
