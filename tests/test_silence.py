import os
import sys

import pytest

from igc_tf.silence import silenced


def test_nothing_is_said_meanwhile_and_all_of_it_before_and_after(capfd):
    print("before", file=sys.stderr)
    with pytest.raises(ZeroDivisionError), silenced():
        os.write(2, b"as C++ does")
        1 / 0  # noqa: B018
    print("after", file=sys.stderr)
    assert capfd.readouterr().err == "before\nafter\n"
