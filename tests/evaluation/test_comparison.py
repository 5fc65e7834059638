"""Differences of methods on the same pictures, and what is noise."""

import json
import os

import numpy as np
import pytest
from rich.console import Console

from igc_tf.evaluation import comparison, report
from igc_tf.metrics.metric import Metric, bootstrap, difference, units


def samples(values, names=None, identity=None, **more):
    metrics = {name: bootstrap(v, identity=identity) for name, v in values.items()}
    metrics.update(more)
    count = len(next(iter(values.values())))
    names = names or [str(k) for k in range(count)]
    return report.Samples(names, metrics, dict(values), units(count, identity).of_image)


def noise(seed, n=400):
    return np.random.default_rng(seed).normal(1.0, 0.3, n)


def test_paired_interval_by_the_normal_law():
    hard, change = noise(0), 0.02 + 0.05 * np.random.default_rng(1).normal(size=400)
    found = difference(bootstrap(hard + change), bootstrap(hard))
    assert found.value == pytest.approx(change.mean())
    half = 1.96 * change.std() / np.sqrt(400)
    assert found.low == pytest.approx(change.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(change.mean() + half, abs=0.1 * half)
    # Unpaired, the pictures' own differences would have hidden it.
    assert bootstrap(hard).high > bootstrap(hard + change).low and found.low > 0


def test_a_run_does_not_differ_from_itself():
    one = samples({"l1": noise(2), "miou": noise(3)})
    found = comparison.compare(["a", "b"], [one, one])
    assert all(line.verdicts == [""] for line in found.lines)
    assert all(line.differences[0].value == 0.0 for line in found.lines)
    assert "nothing" in comparison.summary(found)


def test_about_one_in_twenty_is_called_different_by_chance():
    called = 0
    for trial in range(200):
        a, b = noise(2 * trial, 60), noise(2 * trial + 1, 60)
        called += bool(comparison.verdict("l1", difference(bootstrap(a), bootstrap(b))))
    assert 1 <= called <= 25  # Binomial(200, 0.05): mean 10


def of_people(seed):
    """Values of 30 people's ten images each, and who they are."""
    identity = np.arange(30).repeat(10)
    generator = np.random.default_rng(seed)
    return generator.normal(1.0, 0.3, 30)[identity] + generator.normal(0, 0.1, 300), identity


def test_differences_are_resampled_by_person():
    (a, identity), (b, _) = of_people(20), of_people(21)
    found = comparison.compare(
        ["a", "b"], [samples({"l1": values}, identity=identity) for values in (a, b)]
    )
    change = found.lines[0].differences[0]
    by_person = (b - a).reshape(30, 10).mean(1)
    half = 1.96 * by_person.std() / np.sqrt(30)
    assert change.high - change.low == pytest.approx(2 * half, rel=0.1)
    assert (change.resampled, change.drawn) == ("people", 30)
    assert "Intervals resample people" in comparison.summary(found)
    alone = comparison.compare(["a", "b"], [samples({"l1": values}) for values in (a, b)])
    assert "Intervals resample single images" in comparison.summary(alone)


def test_about_one_in_twenty_is_called_different_by_chance_of_people_too():
    called = 0
    for trial in range(200):
        (a, identity), (b, _) = of_people(2 * trial), of_people(2 * trial + 1)
        a, b = (bootstrap(values, identity=identity, samples=300) for values in (a, b))
        called += bool(comparison.verdict("l1", difference(a, b)))
    assert 1 <= called <= 27  # as above; of images drawn one by one more than half are called so


def test_other_identities_are_refused():
    values, identity = of_people(22)
    one = samples({"l1": values}, identity=identity)
    for other in (None, np.roll(identity, 5)):
        with pytest.raises(ValueError, match="measured with other identities"):
            comparison.compare(["a", "b"], [one, samples({"l1": values}, identity=other)])


def test_better_and_worse_follow_the_metric():
    base = noise(4)
    one = samples({"l1": base, "miou": base, "area": base})
    two = samples({"l1": base + 0.1, "miou": base + 0.1, "area": base + 0.1})
    found = comparison.compare(["a", "b"], [one, two])
    assert {line.name: line.verdicts[0] for line in found.lines} == {
        "l1": "worse", "miou": "better", "area": "differs",
    }  # fmt: skip
    found.lines.append(found.lines[0]._replace(name="mad_view_constant_degrees"))
    text = comparison.summary(found)
    assert "mad_view_constant_degrees" not in text  # a baseline is no achievement
    assert "better: miou" in text and "worse: l1" in text
    console = Console(width=120)
    with console.capture() as capture:
        console.print(comparison.table(found))
    assert "+0.1 [+0.1, +0.1] better" in capture.get()


def test_statistics_of_a_set_are_paired_too():
    from igc_tf.metrics import pose

    generator = np.random.default_rng(5)
    true = generator.normal(0, 20, (300, 3))
    near = true + generator.normal(0, 10, true.shape)
    far = near + generator.normal(0, 4, true.shape)
    a, b = (pose.evaluate(found, true)["yaw_correlation"] for found in (near, far))
    change = difference(a, b)
    assert change.low > 0  # beyond noise, though the two intervals overlap
    assert a.low < b.high


def test_what_one_method_lacks_is_no_difference():
    one = samples({"l1": noise(6)}, nmi=Metric.absent())
    two = samples({"l1": noise(6)}, nmi=bootstrap(noise(7)))
    line = comparison.compare(["a", "b"], [one, two]).lines[1]
    assert line.name == "nmi" and line.differences[0].is_absent and line.verdicts == [""]


def test_numbered_parts_are_left_out():
    one = samples({"l1": noise(8), "exists_part_3": noise(9), "rank1_part_1_shape": noise(9)})
    found = comparison.compare(["a", "b"], [one, one])
    assert [line.name for line in found.lines] == ["l1"]
    assert found.left_out == ["exists_part_3", "rank1_part_1_shape"]
    assert "2 metrics of numbered parts" in comparison.summary(found)


def test_other_pictures_are_refused():
    one, two = samples({"l1": noise(10, 5)}), samples({"l1": noise(10, 5)}, names=list("abcde"))
    with pytest.raises(ValueError, match="other pictures"):
        comparison.compare(["a", "b"], [one, two])


def test_unlike_numbers_of_images_are_refused():
    one, two = samples({"l1": noise(11)}), samples({"l1": noise(11)})
    two.metrics["l1"] = bootstrap(noise(11)[:100])
    with pytest.raises(ValueError, match="l1: the two were not resampled alike"):
        comparison.compare(["a", "b"], [one, two])


def test_samples_come_back(tmp_path):
    path = tmp_path / "metrics.json"
    identity = np.arange(400) // 4
    one = samples({"l1": noise(12)}, identity=identity, nmi=Metric.absent())
    report.write_json(one.metrics, path)
    report.write_samples(one.metrics, one.per_image, one.names, report.samples_path(path), identity)
    found = report.read_samples(path)
    np.testing.assert_array_equal(found.drawn_with, identity)
    assert found.names == one.names and found.metrics == one.metrics
    np.testing.assert_array_equal(found.per_image["l1"], one.per_image["l1"])
    np.testing.assert_array_equal(found.metrics["l1"].replicates, one.metrics["l1"].replicates)
    l1 = found.metrics["l1"]
    assert (l1.resampled, l1.drawn, l1.n) == ("people", 100, 400) and found.metrics["nmi"].is_absent


def test_missing_samples_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="measure first"):
        report.read_samples(tmp_path / "metrics.json")
    path = tmp_path / "metrics.json"
    report.write_json({}, path)
    report.samples_path(path).write_bytes(b"no archive")
    with pytest.raises(ValueError, match="damaged"):
        report.read_samples(path)


def test_samples_of_before_people_were_resampled_are_refused(tmp_path):
    path = tmp_path / "metrics.json"
    l1 = bootstrap(noise(13))
    old = {name: getattr(l1, name) for name in ("value", "low", "high", "unit", "n")}
    path.write_text(json.dumps({"l1": old}))
    np.savez(report.samples_path(path), names=["a"], **{"replicates/l1": l1.replicates})
    with pytest.raises(ValueError, match="older version, .* measure again"):
        report.read_samples(path)
    assert report.read_json(path)["l1"] == l1  # the numbers themselves can be read


def test_names_of_runs_are_no_markup():
    titles = ["runs/[red]a", "runs/[/]", os.fsdecode(b"runs/caf\xe9")]
    run = report.Samples(["a"], {"[b]l1": Metric.absent()}, {}, np.zeros(1, int))
    found = comparison.compare(titles, [run] * 3)
    console = Console(width=200)
    with console.capture() as capture:
        console.print(comparison.table(found, everything=True))
    for name in ("runs/[red]a", "runs/[/]", "runs/caf\\xe9", "[b]l1"):
        assert name in capture.get()
