"""Which pictures make up a split, and under which conditions they are taken."""

from __future__ import annotations

import numpy as np
import pytest

from igc_tf.synthesis.parametric_heads import builder, protocols

SEED = builder.SEED


def test_no_person_is_in_two_splits_of_any_protocol():
    people = {split: set() for split in protocols.FIRST_PERSON}
    for config in builder.ParametricHeads.BUILDER_CONFIGS:
        for split, count in config.people.items():
            shots = protocols.plan(config.protocol, split, count, config.images[split], 0)
            people[split] |= {shot.identity for shot in shots}
    assert not people["train"] & people["validation"]
    assert not people["train"] & people["test"] and not people["validation"] & people["test"]


def test_indices_run_on():
    shots = protocols.plan("grid", "test", 2, 1, 100)
    assert [shot.index for shot in shots] == list(range(100, 100 + 2 * 13 * 5))


def test_grid_has_every_view_under_every_light():
    shots = protocols.plan("grid", "train", 3, 1, 0)
    for person in range(3):
        own = [shot for shot in shots if shot.identity == person]
        assert {(shot.view, shot.lighting) for shot in own} == {
            (view, light) for view in range(13) for light in range(5)
        }
    taken = [protocols.conditions(SEED, shot) for shot in shots[:65]]
    yaws = sorted({float(c.pose.rotation_degrees[1]) for c in taken})
    np.testing.assert_array_equal(yaws, np.arange(-90, 91, 15))
    assert all((c.pose.rotation_degrees[[0, 2]] == 0).all() for c in taken)
    assert all((c.expression.vector() == 0).all() for c in taken)


def test_grid_lights_come_from_where_they_are_said_to():
    lights = [protocols.grid_light(k) for k in range(5)]
    for light in lights:
        assert np.linalg.norm(light.direction) == pytest.approx(1.0)
        assert light.direction[2] > 0  # as the model's light
        assert light.ambient + light.diffuse <= 1.07
    assert lights[2].direction[0] < -0.5 < 0.5 < lights[3].direction[0]
    assert lights[4].direction[1] > 0.5
    assert lights[0].diffuse < 0.2


def test_a_sequence_rises_from_rest_and_returns():
    shots = [
        shot
        for shot in protocols.plan("sequences", "train", 1, 1, 0)
        if shot.sequence == list(protocols.TASKS).index("happiness")
    ]
    assert [shot.frame for shot in shots] == list(range(protocols.FRAMES))
    smiles = [protocols.conditions(SEED, shot).expression.smile for shot in shots]
    assert smiles[0] == 0.0 and smiles[-1] == pytest.approx(0.0, abs=1e-9)
    assert max(smiles) > 0.6
    top = int(np.argmax(smiles))
    assert (np.diff(smiles[: top + 1]) >= -1e-9).all() and (np.diff(smiles[top:]) <= 1e-9).all()


def test_tasks_differ_and_a_head_sways_little():
    vectors = []
    for task in range(len(protocols.TASKS)):
        shots = [protocols.Shot(0, 3, sequence=task, frame=k) for k in range(protocols.FRAMES)]
        taken = [protocols.conditions(SEED, shot) for shot in shots]
        strongest = max((c.expression.vector() for c in taken), key=np.linalg.norm)
        vectors.append(strongest / np.linalg.norm(strongest))
        turns = np.array([c.pose.rotation_degrees for c in taken])
        assert (np.abs(turns) < [8.0, 15.0, 4.0]).all() and np.ptp(turns, axis=0).max() > 0.5
    alike = np.array(vectors) @ np.array(vectors).T - np.eye(len(vectors))
    assert alike.max() < 0.95


def test_wild_pictures_of_a_person_differ_in_all_conditions():
    one, two = (protocols.conditions(SEED, protocols.Shot(0, 5, image=k)) for k in (0, 1))
    assert (one.pose.rotation_degrees != two.pose.rotation_degrees).all()
    assert (one.light.direction != two.light.direction).any()
    assert (one.expression.vector() != two.expression.vector()).any()
    assert (one.background.colors != two.background.colors).any()


def test_an_unknown_protocol_is_named():
    with pytest.raises(ValueError, match="No protocol 'bfm'; there are wild, grid, sequences"):
        protocols.plan("bfm", "train", 1, 1, 0)
