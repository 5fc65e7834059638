"""The report: one complete page that loads nothing."""

import base64
import dataclasses
import html.parser
import io
import os
import re

import numpy as np
import pytest
from PIL import Image

from igc_tf import disk
from igc_tf.evaluation import report_page, score
from igc_tf.metrics import cycle, landmarks
from igc_tf.metrics.recognition import Condition

NAMES = [f"<{k}>.png" for k in range(12)]
_VOID = {"meta", "img"}


class Checker(html.parser.HTMLParser):
    """Notes unbalanced tags, sources, and the text."""

    def __init__(self, page):
        super().__init__()
        self.open, self.wrong, self.sources, self.text = [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.sources += [value for name, value in attrs if name in ("src", "href", "srcset")]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.sources += [value for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def material():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, (12, 16, 16)).astype(np.uint8)
    image = generator.random((12, 16, 16, 3)).astype(np.float32)
    predictions = score.Predictions(
        labels=labels,
        parts=3,
        centers=landmarks.part_centers(landmarks.one_hot(labels, 3)),
        image=image,
        reconstruction=np.clip(image + 0.1, 0, 1),
        rotation_degrees=generator.normal(size=(12, 3)),
        descriptors={"object": generator.random((12, 3)), "pixels": generator.random((12, 3))},
    )
    ground_truth = score.GroundTruth(
        parts=generator.integers(0, 6, labels.shape).astype(np.uint8),
        rotation_degrees=generator.normal(size=(12, 3)),
        identity=np.repeat(np.arange(4), 3),
        condition=Condition(generator.uniform(0, 40, 12), (("yaw_0_45", 0, 45),)),
    )
    return predictions, ground_truth


def page_of(predictions, ground_truth):
    scores = score.score(predictions, ground_truth)
    return report_page.page("runs/a: 12 pictures", NAMES, scores, predictions, ground_truth), scores


def test_page_is_whole_and_loads_nothing(material):
    page, _ = page_of(*material)
    found = Checker(page)
    assert not found.wrong and not found.open
    assert all(source.startswith(("data:image/png;base64,", "#")) for source in found.sources)
    assert "<script" not in page and "@import" not in page
    assert "url(" not in page.replace("url(#", "")  # a chart's own clip paths
    assert "prefers-color-scheme:dark" in page and 'name="viewport"' in page
    assert set(re.findall(r'<a href="#(\w+)"', page)) == set(re.findall(r'<h2 id="(\w+)"', page))


def test_page_tells_every_subject(material):
    page, scores = page_of(*material)
    text = " ".join(Checker(page).text)
    for name in ("l1", "psnr_db", "ari", "miou", "yaw_mae_degrees", "rank1", "verification_auc"):
        assert name in text
        assert f"{scores.metrics[name].value:.3f}"[:4] in text
    assert "no ground truth" in text and score.NOT_PREDICTED in text
    for heading in ("Confusion", "CMC", "ROC", "Yaw", "Part by part", "Best", "Worst"):
        assert heading in text
    assert "<0>.png" in text  # a name is text, whatever it holds


def test_worst_and_best_cases_are_those(material):
    predictions, ground_truth = material
    rendered = predictions.reconstruction.copy()
    rendered[7] = 1.0 - predictions.image[7]
    rendered[3] = predictions.image[3]
    changed = score.Predictions(**{**vars(predictions), "reconstruction": rendered})
    page, _ = page_of(changed, ground_truth)
    best, worst = (
        re.search(rf"<h3>{word} reconstruction.*?</h3>(.*?)<h3>", page).group(1)
        for word in ("Best", "Worst")
    )
    first = [re.search(r'alt="&lt;(\d+)&gt;', part).group(1) for part in (best, worst)]
    assert first == ["3", "7"]


def test_pictures_are_pictures(material):
    page, _ = page_of(*material)
    for source in re.findall(r"data:image/png;base64,([^\"]+)", page)[:12]:
        with Image.open(io.BytesIO(base64.b64decode(source))) as picture:
            assert picture.width == 96 and picture.height % 96 == 0


def test_parts_alone_make_a_page(material):
    predictions, _ = material
    bare = score.Predictions(predictions.labels, 3, predictions.centers)
    page, scores = page_of(bare, score.GroundTruth())
    found = Checker(page)
    assert not found.wrong and not found.open and "<img" not in page
    assert "exists" in " ".join(found.text)


def test_a_method_without_parts_makes_a_page(material):
    predictions, ground_truth = material
    page, scores = page_of(
        dataclasses.replace(predictions, labels=None, parts=0, centers=None), ground_truth
    )
    found = Checker(page)
    text = " ".join(found.text)
    assert not found.wrong and not found.open
    assert "Examples" in text and "Part by part" not in text and "rendered" in text
    assert scores.parts == 0


def test_more_parts_than_colors(material):
    predictions, ground_truth = material
    labels = np.random.default_rng(1).integers(0, 30, predictions.labels.shape).astype(np.uint8)
    many = score.Predictions(
        labels, 30, landmarks.part_centers(landmarks.one_hot(labels, 30)), image=predictions.image
    )
    page, _ = page_of(many, ground_truth)
    assert "part 29" in page


def test_every_section_has_an_introduction(material):
    _, scores = page_of(*material)
    assert set(scores.sections) == set(report_page._INTRODUCTIONS)
    assert set(cycle.RERENDERED_UNITS) <= set(scores.metrics)


def test_names_of_any_kind_leave_the_page_whole(material, tmp_path):
    predictions, ground_truth = material
    names = [
        "</div><script>alert(1)</script>", "[bold]a[/bold]", "'single'", '"double"', "a & b", "x" * 245,
        os.fsdecode(b"caf\xe9.jpg"), "two\nlines", "\x1b[31mred", "猫", "\x00", "{{b}}",
    ]  # fmt: skip
    scores = score.score(predictions, ground_truth)
    run = os.fsdecode(b"runs/\xe9 <b>")
    page = report_page.page(f"{run}: 12 pictures", names, scores, predictions, ground_truth)
    disk.write_text(tmp_path / "index.html", page)
    written = (tmp_path / "index.html").read_text(encoding="utf-8")
    found = Checker(written)
    assert not found.wrong and not found.open and "<script" not in written
    text = "".join(found.text)
    for name in [
        "</div><script>alert(1)</script>",
        "[bold]a[/bold]",
        "'single'",
        '"double"',
        "a & b",
    ]:
        assert name in text
    for name in ["x" * 245, "caf\\xe9.jpg", "two\\nlines", "\\x1b[31mred", "猫", "\\x00"]:
        assert name in text
    assert "runs/\\xe9 <b>" in text
