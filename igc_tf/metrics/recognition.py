"""Whether a face is known again: cross-view rank-1 and CMC, verification ROC AUC and EER.

Identification: the gallery holds one image of each person, the most frontal (or frontally lit) one; all
others are probes, which are given the person of the most similar gallery image (cosine). Verification:
of pairs of images, are both of one person? All pairs of one person, 5,000 at most, are set beside as many
of two people, drawn by a seed.

Intervals come from drawing people, not images: images of one person are alike, and drawing them
one by one would claim more certainty than there is. Baseline: chance, one over the people.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from sklearn.metrics import roc_curve

from igc_tf.metrics.metric import Metric, bootstrap_weighted

#: The descriptor whose metrics have no suffix.
MAIN = "object"
#: Degrees [choice].
YAW_BINS = (0, 15, 30, 45, 180)
#: Ranks of the CMC that are metrics of the main descriptor, beside the first.
RANKS = (5, 10)
#: Most pairs of one person, and of two people, that are compared.
MAX_PAIRS = 5000

_ROWS = 100  # resamples of the pairs held at a time


class Condition(NamedTuple):
    """How far each image is from the frontal view or light."""

    distance: np.ndarray  #: [N] >= 0, NaN where unknown
    bins: tuple[tuple[str, float, float], ...]  #: (name, low, high), low <= distance < high


def yaw_condition(rotation_degrees: np.ndarray) -> Condition:
    """The distance from frontal is the yaw's size; of `[N, 3]` (pitch, yaw, roll)."""
    return Condition(np.abs(rotation_degrees[:, 1]), bins("yaw", YAW_BINS))


def bins(name: str, edges: Sequence[int]) -> tuple[tuple[str, float, float], ...]:
    """Bins between the edges, called `yaw_0_15`, `yaw_15_30`, ...; the last is `yaw_45_up`."""
    ends = [*edges[1:-1], "up"]
    return tuple(
        (f"{name}_{low}_{end}", float(low), float(high))
        for low, high, end in zip(edges[:-1], edges[1:], ends, strict=True)
    )


class Protocol(NamedTuple):
    """Which images are compared with which; made once, the same for all descriptors and methods."""

    gallery: np.ndarray  #: [G] images, one a person
    probes: np.ndarray  #: [P] images
    person: np.ndarray  #: [P] who each probe is, as a place in the gallery
    bins: dict[str, np.ndarray]  #: [P] bool each, those that have a probe
    pairs: np.ndarray  #: [K, 2] images
    pair_people: np.ndarray  #: [K, 2] who they are, as places in the gallery


class Curves(NamedTuple):
    """What recognition looks like, for plots."""

    cmc: np.ndarray  #: [R] share of probes whose person is among the first 1, 2, ... R
    cmc_bins: dict[str, np.ndarray]  #: the same of the probes of each bin
    false_accept: np.ndarray  #: [T], rising
    true_accept: np.ndarray  #: [T]


def plan(
    identity: np.ndarray,
    condition: Condition | None = None,
    max_pairs: int = MAX_PAIRS,
    seed: int = 0,
) -> Protocol | None:
    """Chooses gallery, probes and pairs.

    Args:
      identity: `[N]` integers; below 0 where unknown, which leaves the image out.
      condition: what makes an image frontal; without one a person's first image is the gallery's.
        A person of one image is in the gallery, to be confused with, and has no probe.
      max_pairs: most pairs of one person, and of two people.
      seed: of the pairs.

    Returns:
      The protocol; None if there are not two people, or nobody has two images.
    """
    known = np.flatnonzero(identity >= 0)
    _, person = np.unique(identity[known], return_inverse=True)
    people = int(person.max(initial=-1)) + 1
    if people < 2 or people == len(known):
        return None
    distance = np.zeros(len(known)) if condition is None else condition.distance[known]
    order = np.lexsort((np.arange(len(known)), np.nan_to_num(distance, nan=np.inf), person))
    first = order[np.unique(person[order], return_index=True)[1]]
    probe = np.setdiff1d(np.arange(len(known)), first)
    inside = {}
    for name, low, high in () if condition is None else condition.bins:
        there = (distance[probe] >= low) & (distance[probe] < high)
        if there.any():
            inside[name] = there
    pairs = _pairs(person, max_pairs, np.random.default_rng(seed))
    return Protocol(known[first], known[probe], person[probe], inside, known[pairs], person[pairs])


def _pairs(person: np.ndarray, most: int, generator: np.random.Generator) -> np.ndarray:
    """`[K, 2]` pairs: those of one person, then equally many of two people, without repetition."""
    order = np.argsort(person, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(person[order])) + 1)
    same = np.concatenate([group[np.stack(np.triu_indices(len(group), 1), 1)] for group in groups])
    if len(same) > most:
        same = same[np.sort(generator.permutation(len(same))[:most])]
    drawn = generator.integers(len(person), size=(8 * len(same) + 64, 2))
    drawn = np.unique(np.sort(drawn[person[drawn[:, 0]] != person[drawn[:, 1]]], axis=1), axis=0)
    other = drawn[np.sort(generator.permutation(len(drawn))[: len(same)])]
    return np.concatenate([same, other])


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosines of all of `[A, D]` with all of `[B, D]`, `[A, B]`; 0 with a vector of length 0."""
    return _unit(a) @ _unit(b).T


def _unit(vectors: np.ndarray) -> np.ndarray:
    vectors = vectors.astype(np.float64)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1.0)


def hits(similarity: np.ndarray, person: np.ndarray, ranks: int) -> np.ndarray:
    """Whether each probe's person is among the first 1, 2, ... `ranks` of the gallery.

    Args:
      similarity: `[P, G]`.
      person: `[P]` the right column.
      ranks: R.

    Returns:
      `[P, R]` in [0, 1]. Ties count as they would on average, broken by chance, so a descriptor
      that tells nobody apart gets 1 / G at the first rank.
    """
    own = similarity[np.arange(len(person)), person][:, np.newaxis]
    nearer = (similarity > own).sum(1, keepdims=True)
    equal = (similarity == own).sum(1, keepdims=True)  # itself among them
    return np.clip((np.arange(1, ranks + 1) - nearer) / equal, 0.0, 1.0)


def auc_and_eer(
    scores: np.ndarray, genuine: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Area under the ROC, and the rate at which as many are falsely accepted as rejected.

    Args:
      scores: `[K]`, higher is more alike.
      genuine: `[K]` bool, pairs of one person.
      weights: `[S, K]` counts.

    Returns:
      `[S]` AUC in [0, 1] (with weights 1 scikit-learn's `roc_auc_score`) and `[S]` EER in [0, 1],
      interpolated; NaN where either kind of pair has no weight.
    """
    order = np.argsort(-scores, kind="stable")
    last_of_ties = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    rates = []
    for kind in (genuine, ~genuine):
        counts = np.cumsum(weights[:, order] * kind[order], axis=1)[:, last_of_ties]
        total = counts[:, -1:]
        rate = np.where(total > 0, counts / np.where(total > 0, total, 1.0), np.nan)
        rates.append(np.concatenate([np.zeros((len(weights), 1)), rate], axis=1))
    accept, alarm = rates
    auc = np.trapz(accept, alarm)
    # The excess of false accepts over false rejects rises from -1 to 1; where does it cross 0?
    excess = alarm - (1.0 - accept)
    rows, after = np.arange(len(weights)), np.argmax(excess >= 0, axis=1)
    before = np.maximum(after - 1, 0)
    low, high = excess[rows, before], excess[rows, after]
    share = np.where(high > low, -low / np.where(high > low, high - low, 1.0), 0.0)
    eer = alarm[rows, before] + share * (alarm[rows, after] - alarm[rows, before])
    return auc, np.where(np.isnan(auc), np.nan, eer)


def evaluate(descriptors: Mapping[str, np.ndarray], protocol: Protocol | None) -> dict[str, Metric]:
    """Rank-1 overall and by bin, AUC and EER of every descriptor.

    Args:
      descriptors: `{name: [N, D]}`.
      protocol: from `plan`; None where there is none, which makes all metrics absent.

    Returns:
      `rank1`, `rank1_<bin>`, `verification_auc`, `verification_eer_percent` of the descriptor
      `object`, with `rank5`, `rank10` and theirs by bin; and with `_<descriptor>` behind the first
      words those of the others, e.g. `rank1_albedo_yaw_0_15`, `verification_eer_albedo_percent`;
      `rank1_chance`.
    """
    metrics = {}
    if protocol is None:
        for name in descriptors:
            rank1, auc, eer = metric_names(name)
            metrics.update({rank1: Metric.absent(), auc: Metric.absent(), eer: Metric.absent("%")})
            if name == MAIN:
                metrics.update({f"rank{rank}": Metric.absent() for rank in RANKS})
        return metrics
    people = len(protocol.gallery)
    for name, vectors in descriptors.items():
        rank1, auc, eer = metric_names(name)
        similarity = cosine(vectors[protocol.probes], vectors[protocol.gallery])
        hit = hits(similarity, protocol.person, max(RANKS))
        everyone = np.ones(len(hit), bool)
        chosen = {"": everyone, **{f"_{b}": mask for b, mask in protocol.bins.items()}}
        ranks = {rank1: 1, **({f"rank{rank}": rank for rank in RANKS} if name == MAIN else {})}
        for metric, rank in ranks.items():
            for where, mask in chosen.items():
                metrics[metric + where] = _by_person(
                    hit[:, rank - 1], mask, protocol.person, people
                )
        scores = pair_scores(vectors, protocol)
        for metric, statistic, unit in ((auc, _auc, ""), (eer, _eer_percent, "%")):
            metrics[metric] = bootstrap_weighted(
                functools.partial(statistic, scores, protocol),
                people,
                unit,
                identity=np.arange(people),
                counted=len(scores),
            )
    metrics["rank1_chance"] = bootstrap_weighted(
        lambda weights: np.full(len(weights), 1.0 / people),
        people,
        identity=np.arange(people),
        counted=len(protocol.probes),
    )
    return metrics


def curves(vectors: np.ndarray, protocol: Protocol, ranks: int = 20) -> Curves:
    """CMC, over all and by bin, and ROC of one descriptor `[N, D]`."""
    similarity = cosine(vectors[protocol.probes], vectors[protocol.gallery])
    hit = hits(similarity, protocol.person, min(ranks, len(protocol.gallery)))
    false_accept, true_accept, _ = roc_curve(_genuine(protocol), pair_scores(vectors, protocol))
    by_bin = {name: hit[mask].mean(0) for name, mask in protocol.bins.items()}
    return Curves(hit.mean(0), by_bin, false_accept, true_accept)


def pair_scores(vectors: np.ndarray, protocol: Protocol) -> np.ndarray:
    """Cosine of each pair, `[K]`."""
    unit = _unit(vectors)
    return np.einsum("kd,kd->k", unit[protocol.pairs[:, 0]], unit[protocol.pairs[:, 1]])


def _genuine(protocol: Protocol) -> np.ndarray:
    return protocol.pair_people[:, 0] == protocol.pair_people[:, 1]


def _by_person(values: np.ndarray, mask: np.ndarray, person: np.ndarray, people: int) -> Metric:
    """Mean over the masked probes, resampled by person."""
    total = np.bincount(person[mask], values[mask], people)
    count = np.bincount(person[mask], minlength=people).astype(np.float64)

    def mean(weights: np.ndarray) -> np.ndarray:
        drawn = weights @ count
        return np.where(drawn > 0, weights @ total / np.where(drawn > 0, drawn, 1.0), np.nan)

    return bootstrap_weighted(mean, people, identity=np.arange(people), counted=int(mask.sum()))


def _verification(
    scores: np.ndarray, protocol: Protocol, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """AUC and EER on resamples of people `[S, G]`: a pair counts as often as both its people do."""
    genuine = _genuine(protocol)
    first, second = protocol.pair_people.T
    found = []
    for start in range(0, len(weights), _ROWS):
        some = weights[start : start + _ROWS]
        pairs = np.where(genuine, some[:, first], some[:, first] * some[:, second])
        found.append(auc_and_eer(scores, genuine, pairs))
    auc, eer = zip(*found, strict=True)
    return np.concatenate(auc), np.concatenate(eer)


def _auc(scores: np.ndarray, protocol: Protocol, weights: np.ndarray) -> np.ndarray:
    return _verification(scores, protocol, weights)[0]


def _eer_percent(scores: np.ndarray, protocol: Protocol, weights: np.ndarray) -> np.ndarray:
    return 100.0 * _verification(scores, protocol, weights)[1]


def metric_names(descriptor: str) -> tuple[str, str, str]:
    """Names of a descriptor's rank-1, AUC and EER."""
    suffix = "" if descriptor == MAIN else f"_{descriptor}"
    return f"rank1{suffix}", f"verification_auc{suffix}", f"verification_eer{suffix}_percent"
