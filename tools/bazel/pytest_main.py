"""Runs pytest on the test files named by the arguments; the main program of every Bazel test."""

import os
import sys

import pytest

if __name__ == "__main__":
    arguments = ["-c", "pyproject.toml", "--rootdir=.", "-p", "no:cacheprovider"]
    report = os.environ.get("XML_OUTPUT_FILE")  # Bazel's name for the JUnit report
    if report:
        arguments.append(f"--junitxml={report}")
    sys.exit(pytest.main(arguments + sys.argv[1:]))
