"""Means and intervals over seeds, against values worked out by hand."""

import json

import numpy as np
import pytest

from igc_tf.evaluation import seeds
from igc_tf.metrics.metric import Metric


def training(**values):
    return {
        name: Metric.absent() if value is None else Metric(value, value, value, "", 10)
        for name, value in values.items()
    }


def test_t_interval_by_hand():
    found = seeds.spread([1.0, 2.0, 3.0])
    assert found.mean == 2.0 and found.n == 3
    assert found.half_width == pytest.approx(4.302653 / np.sqrt(3), rel=1e-5)  # s = 1, t(0.975, 2)
    assert seeds.spread([5.0]) == (5.0, None, 1)
    with pytest.raises(ValueError, match="needs a seed"):
        seeds.spread([])


def test_the_interval_holds_the_mean_as_often_as_it_says():
    generator = np.random.default_rng(0)
    draws = generator.normal(3.0, 2.0, (2000, 3))
    found = [seeds.spread(draw) for draw in draws]
    held = np.mean([abs(one.mean - 3.0) <= one.half_width for one in found])
    assert 0.935 < held < 0.965


def test_welchs_interval_by_hand():
    # Means 2 and 10, variances 1 and 4, three seeds each: error sqrt(5 / 3), 2.941 degrees of freedom.
    found = seeds.change("psnr_db", [1.0, 2.0, 3.0], [8.0, 10.0, 12.0])
    assert found.value == pytest.approx(-8.0)
    assert (found.high - found.low) / 2 == pytest.approx(3.2185 * np.sqrt(5 / 3), rel=1e-3)
    assert found.verdict == "worse"


@pytest.mark.parametrize(
    ("name", "ours", "theirs", "verdict"),
    [
        ("nme_percent", [3.0, 3.1, 3.2], [9.0, 9.1, 9.2], "better"),
        ("miou", [3.0, 3.1, 3.2], [9.0, 9.1, 9.2], "worse"),
        ("miou", [3.0, 9.0, 6.0], [6.1, 5.9, 6.5], ""),
        ("miou", [3.0], [9.0, 9.1], ""),
        ("miou", [3.0, 3.0], [9.0, 9.0], "worse"),
        ("miou", [3.0, 3.0], [3.0, 3.0], ""),
        ("weight", [3.0, 3.1], [9.0, 9.1], "differs"),
    ],
)
def test_verdicts(name, ours, theirs, verdict):
    assert seeds.change(name, ours, theirs).verdict == verdict


RECIPES = {
    "whole": [training(nmi=0.60 + d, psnr_db=24.0 + d, nme_percent=None) for d in (0, 0.01, 0.02)],
    "no_one_hot": [training(nmi=0.2 + d, psnr_db=24.0 + d, rank1=0.5) for d in (0, 0.01, 0.02)],
    "one_capsule": [training(nmi=None, psnr_db=25.0)],
}


def test_table_by_hand():
    lines = seeds.table(RECIPES).splitlines()
    assert lines[0] == "| metric | whole | no_one_hot | one_capsule |"
    assert lines[2] == "| PSNR ↑ | 24.01 ± 0.02 | 24.01 ± 0.02 | 25.00 |"
    assert lines[3] == "| NMI ↑ | 0.6100 ± 0.0248 | 0.2100 ± 0.0248 worse | – |"
    assert lines[4] == "| rank-1 ↑ | – | 0.5000 ± 0.0000 | – |"
    assert lines[5] == "" and "whole 3, no_one_hot 3, one_capsule 1" in lines[6]


def test_missing_values_and_pseudo_metrics_are_told():
    recipes = {
        "whole": [training(pseudo_nme_percent=4.0, miou=0.5), training(pseudo_nme_percent=5.0)],
    }
    text = seeds.table(recipes)
    assert "| mIoU ↑ | 0.5000 (1 of 2) |" in text
    assert "| pseudo-NME ↓ | 4.500 ± 6.353 |" in text


def test_numbers_for_programs():
    found = json.loads(json.dumps(seeds.to_json(RECIPES), allow_nan=False))
    assert found["nmi"]["whole"]["values"] == pytest.approx([0.6, 0.61, 0.62])
    assert "difference" not in found["nmi"]["whole"] and "one_capsule" not in found["nmi"]
    against = found["nmi"]["no_one_hot"]
    assert against["difference"] == pytest.approx(-0.4) and against["verdict"] == "worse"
    assert against["low"] < -0.4 < against["high"] < 0
