"""The table of methods: cells, intervals, and who is first."""

import numpy as np
import pytest

from igc_tf.evaluation import peers_table, seeds
from igc_tf.metrics.metric import Metric


def seed(nme, exists=(1.0, 0.5, 0.9), nmi=None, **seconds):
    """What is measured of one seed of a method of two parts and a background."""
    metrics = {
        "pseudo_nme_percent": Metric(nme, nme - 0.25, nme + 0.25, "%", 100),
        "nme_percent": Metric.absent("%"),
        "pseudo_nme_mean_face_percent": Metric(8.65, 8.4, 8.9, "%", 100),
        "nmi": Metric.absent() if nmi is None else Metric(nmi, nmi, nmi, "", 100),
    }
    for part, share in enumerate(exists):
        metrics[f"exists_part_{part}"] = Metric(share, share, share, "", 100)
    return peers_table.measured(metrics, len(exists), seconds)


def rows(text):
    """Cells by the row's label."""
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()[:-2]]
    return {row[0]: row[1:] for row in cells}


def test_measured_adds_what_the_table_tells():
    found = seed(5.0, photo_seconds=0.002)
    assert found["nme_percent"].value == 5.0 and "nmi" not in found
    assert found["exists_share"].value == pytest.approx(0.7)  # the background does not count
    assert found["exists_least_share"].value == 0.5
    assert found["photo_seconds"].value == 0.002 and "fit_seconds" not in found
    assert "exists_share" not in peers_table.measured({}, 0, {})


def test_means_over_seeds_and_single_values_with_their_intervals():
    theirs = [seed(nme, fit_seconds=s) for nme, s in ((6.0, 1000.0), (7.0, 1200.0), (8.0, 1400.0))]
    table = peers_table.table(
        [
            peers_table.Method("ours", [seed(5.0, photo_seconds=0.002)]),
            peers_table.Method("theirs", theirs),
        ],
        "ours",
    )
    found = rows(table)
    half = seeds.spread([6.0, 7.0, 8.0]).half_width
    assert found[""] == ["ours", "theirs", "First"]
    assert found["NME, SCOPS's regression, %"] == [
        "**5.00 (4.75 to 5.25)**",
        f"7.00 ± {half:.2f}",
        "ours",
    ]
    assert found["To fit or to train, CPU seconds"][:2] == ["–", "1,200 ± 497"]
    assert found["A photo, CPU milliseconds"] == ["2.0", "–", ""]  # nobody to compare with
    assert found["*mean face: NME, %*"][2] == ""  # nobody's achievement
    assert "NMI of the true parts" not in found  # nobody has it
    assert table.endswith(peers_table.LEGEND + "\n")


def test_a_row_in_which_ours_is_not_first_says_so():
    methods = [
        peers_table.Method("ours", [seed(5.0, nmi=0.5)]),
        peers_table.Method("near", [seed(4.5, exists=(1.0, 1.0), nmi=0.4)]),
        peers_table.Method("far", [seed(9.0, exists=(1.0, 1.0), nmi=0.6)]),
    ]
    found = rows(peers_table.table(methods, "ours"))
    assert found["NME, SCOPS's regression, %"][-1] == "**not ours: near**"  # less is better
    assert found["NMI of the true parts"][-1] == "**not ours: far**"  # more is better
    assert found["Each part is seen, % of photos"][-1] == "**not ours: near**"
    equal = [methods[1], peers_table.Method("ours", [seed(4.5)])]
    assert rows(peers_table.table(equal, "ours"))["NME, SCOPS's regression, %"][-1] == "ours"


def test_a_table_without_ours_still_names_the_first():
    methods = [peers_table.Method(name, [seed(nme)]) for name, nme in (("a", 6.0), ("b", 5.5))]
    found = rows(peers_table.table(methods, "ours"))
    assert found["NME, SCOPS's regression, %"][-1] == "b"
    assert np.all([len(row) == 3 for row in found.values()])
