"""Recognition on a handful of images whose ranks can be counted on the fingers."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from igc_tf.metrics import recognition


def angle(*degrees):
    """Unit vectors `[n, 2]` at these angles: their cosines fall with the difference."""
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def yaw(values, *bins):
    return recognition.Condition(np.abs(np.array(values, float)), bins)


# Two people, three images each; the second of person 0 and the first of person 1 are the frontal ones.
IDENTITY = np.array([0, 0, 0, 1, 1, 1])
CONDITION = yaw([20, 5, -40, 0, 10, 50], ("near", 0, 30), ("far", 30, 90), ("beyond", 90, 180))
#: Person 0 lies about 0 degrees, person 1 about 90; image 5 looks like person 0.
VECTORS = angle(10, 0, 30, 90, 80, 20)


def test_plan_by_hand():
    plan = recognition.plan(IDENTITY, CONDITION)
    np.testing.assert_array_equal(plan.gallery, [1, 3])
    np.testing.assert_array_equal(plan.probes, [0, 2, 4, 5])
    np.testing.assert_array_equal(plan.person, [0, 0, 1, 1])
    np.testing.assert_array_equal(plan.bins["near"], [True, False, True, False])
    np.testing.assert_array_equal(plan.bins["far"], [False, True, False, True])
    assert "beyond" not in plan.bins  # no probe is there
    genuine = plan.pair_people[:, 0] == plan.pair_people[:, 1]
    assert genuine.sum() == 6 and (~genuine).sum() == 6  # 2 people x 3 pairs, and as many others
    assert len(np.unique(np.sort(plan.pairs, 1), axis=0)) == 12
    np.testing.assert_array_equal(IDENTITY[plan.pairs], plan.pair_people)


def test_ranks_and_bins_by_hand():
    found = recognition.evaluate({"object": VECTORS}, recognition.plan(IDENTITY, CONDITION))
    assert found["rank1"].value == 0.75  # image 5 is taken for person 0
    assert found["rank1_near"].value == 1.0 and found["rank1_far"].value == 0.5
    assert (found["rank1"].n, found["rank1_far"].n) == (4, 2)
    assert found["rank1_chance"].value == 0.5
    curves = recognition.curves(VECTORS, recognition.plan(IDENTITY, CONDITION))
    np.testing.assert_allclose(curves.cmc, [0.75, 1.0])
    np.testing.assert_allclose(curves.cmc_bins["far"], [0.5, 1.0])


def test_hits_count_ties_as_chance_would():
    similarity = np.array([[0.5, 0.5, 0.1], [0.2, 0.9, 0.4], [0.0, 0.0, 0.0]])
    found = recognition.hits(similarity, np.array([0, 2, 1]), 3)
    np.testing.assert_allclose(found, [[1 / 2, 1, 1], [0, 1, 1], [1 / 3, 2 / 3, 1]])


def test_auc_and_eer_by_hand():
    # Genuine at 4, 3, 1 and impostors at 2, 0: of 6 pairs of pairs 5 are in the right order. Accepting
    # from 2 on, half of the impostors pass and a third of the genuine fail; from 1 on, half and
    # none. Before, none and a third: the rates cross at 1/3, on the way up from 0 to 1/2.
    scores, genuine = np.array([4.0, 3, 1, 2, 0]), np.array([True, True, True, False, False])
    auc, eer = recognition.auc_and_eer(scores, genuine, np.ones((1, 5)))
    np.testing.assert_allclose(auc, [5 / 6])
    np.testing.assert_allclose(eer, [1 / 3])


def test_auc_is_scikit_learns_with_ties_and_weights():
    generator = np.random.default_rng(0)
    scores = generator.integers(0, 12, 300).astype(float)
    genuine = generator.random(300) < 0.4
    weights = generator.integers(0, 4, (3, 300)).astype(float)
    auc, _ = recognition.auc_and_eer(scores, genuine, weights)
    expected = [
        sklearn_metrics.roc_auc_score(genuine, scores, sample_weight=row) for row in weights
    ]
    np.testing.assert_allclose(auc, expected, atol=1e-12)


def test_eer_lies_on_scikit_learns_roc():
    generator = np.random.default_rng(1)
    genuine = np.arange(4000) < 2000
    scores = generator.normal(genuine * 1.5, 1.0)
    _, eer = recognition.auc_and_eer(scores, genuine, np.ones((1, 4000)))
    false, true, _ = sklearn_metrics.roc_curve(genuine, scores)
    assert eer[0] == pytest.approx(false[np.argmin(np.abs(false - (1 - true)))], abs=2e-3)
    assert eer[0] == pytest.approx(0.2266, abs=0.02)  # Phi(-0.75) for these two normal laws


def people(seed, count=20, images=5, dims=8, noise=0.3):
    """Vectors of people with noise, and who they are."""
    generator = np.random.default_rng(seed)
    identity = np.repeat(np.arange(count), images)
    centers = generator.normal(size=(count, dims))
    return centers[identity] + noise * generator.normal(size=(len(identity), dims)), identity


def test_perfect_descriptor():
    vectors, identity = people(2, noise=0.0)
    found = recognition.evaluate({"object": vectors}, recognition.plan(identity))
    assert found["rank1"].value == 1.0 and found["verification_auc"].value == 1.0
    assert found["verification_eer_percent"].value == pytest.approx(0.0)


def test_descriptor_that_knows_nobody_is_at_chance_and_not_nan():
    _, identity = people(3)
    found = recognition.evaluate({"object": np.zeros((100, 4))}, recognition.plan(identity))
    assert found["rank1"].value == pytest.approx(1 / 20)
    assert found["verification_auc"].value == pytest.approx(0.5)
    assert found["verification_eer_percent"].value == pytest.approx(50.0)


def test_names_and_numbers_of_people_and_order_of_images_do_not_matter():
    vectors, identity = people(4)
    first = recognition.evaluate({"object": vectors}, recognition.plan(identity))
    renamed = recognition.evaluate({"object": vectors}, recognition.plan(100 - identity))
    assert renamed["rank1"].value == first["rank1"].value
    scaled = recognition.evaluate({"object": 7.0 * vectors}, recognition.plan(identity))
    assert scaled["verification_auc"].value == pytest.approx(first["verification_auc"].value)


def test_noise_costs():
    values = []
    for noise in (0.3, 0.8, 2.0):
        vectors, identity = people(5, noise=noise)
        found = recognition.evaluate({"object": vectors}, recognition.plan(identity))
        values.append((found["rank1"].value, found["verification_auc"].value))
    assert values[0] > values[1] > values[2] and values[2][1] < values[0][1]


def test_later_ranks_are_those_of_the_cmc():
    vectors, identity = people(9, noise=1.5)
    plan = recognition.plan(identity)
    found = recognition.evaluate({"object": vectors, "other": vectors}, plan)
    cmc = recognition.curves(vectors, plan).cmc
    for rank in (1, 5, 10):
        assert found[f"rank{rank}"].value == pytest.approx(cmc[rank - 1])
    assert cmc[0] < cmc[4] < cmc[9] and "rank5_other" not in found


def test_interval_is_over_people():
    vectors, identity = people(6, count=12, images=9, noise=1.2)
    metric = recognition.evaluate({"object": vectors}, recognition.plan(identity))["rank1"]
    plan = recognition.plan(identity)
    hit = recognition.hits(
        recognition.cosine(vectors[plan.probes], vectors[plan.gallery]), plan.person, 1
    )[:, 0]
    by_person = np.array([hit[plan.person == person].mean() for person in range(12)])
    half = 1.96 * by_person.std() / np.sqrt(12)
    assert metric.high - metric.low == pytest.approx(2 * half, rel=0.2)
    assert (metric.resampled, metric.drawn, metric.n) == ("people", 12, 96)


@pytest.mark.parametrize("identity", [[], [-1, -1], [0, 0, 0], [0, 1, 2], [-1, 0, 0]], ids=str)
def test_nobody_to_tell_apart_is_absent(identity):
    plan = recognition.plan(np.array(identity, int))
    assert plan is None
    found = recognition.evaluate({"object": np.zeros((len(identity), 2))}, plan)
    assert set(found) == {
        "rank1", "rank5", "rank10", "verification_auc", "verification_eer_percent",
    }  # fmt: skip
    assert all(metric.is_absent for metric in found.values())


def test_unknown_people_are_left_out_and_loners_are_in_the_gallery():
    plan = recognition.plan(np.array([7, -1, 7, 3]), yaw([np.nan, 0, 5, 1]))
    np.testing.assert_array_equal(plan.gallery, [3, 2])  # an unknown yaw is the last to be chosen
    np.testing.assert_array_equal(plan.probes, [0])
    np.testing.assert_array_equal(plan.person, [1])


def test_pairs_are_capped_and_repeatable():
    _, identity = people(7)
    plans = [recognition.plan(identity, max_pairs=50) for _ in range(2)]
    assert len(plans[0].pairs) == 100
    np.testing.assert_array_equal(plans[0].pairs, plans[1].pairs)
    other = recognition.plan(identity, max_pairs=50, seed=1)
    assert not np.array_equal(other.pairs, plans[0].pairs)


def test_a_pair_counts_as_often_as_both_its_people_are_resampled():
    vectors, identity = people(8, count=4, images=3, noise=1.5)
    plan = recognition.plan(identity)
    scores = recognition.pair_scores(vectors, plan)
    drawn = np.array([2.0, 0.0, 1.0, 3.0])
    genuine = plan.pair_people[:, 0] == plan.pair_people[:, 1]
    weights = [
        drawn[a] if a == b else drawn[a] * drawn[b] for a, b in plan.pair_people
    ]  # one person's pairs come along with the person
    auc, _ = recognition._verification(scores, plan, drawn[np.newaxis])
    expected = sklearn_metrics.roc_auc_score(genuine, scores, sample_weight=weights)
    assert auc[0] == pytest.approx(expected)
