"""Who: seeded draws of a person out of the MakeHuman material. All ranges are [choice].

What a person does, where the head is turned, the light and the background are drawn as for the
synthetic faces (`igc_tf.synthesis.synthetic_faces.population`); `protocols.py` says how they are
put together.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from igc_tf.synthesis.parametric_heads.material import (
    AGES,
    GENDERS,
    RACES,
    SKIN_AGES,
    WEIGHTS,
    Material,
)

_STREAM = 11  # of persons; the synthetic faces' streams are 1 to 5

BALD = ""  #: the hair style without hair
# Chances of styles by gender; MakeHuman's names.
_STYLES = {
    "female": {"bob01": 1, "bob02": 1, "long01": 4, "ponytail01": 4, "Braid01": 3, "short03": 1,
               "short02": 1, "afro01": 1, BALD: 0.3},
    "male": {"short01": 4, "short02": 4, "short03": 0.5, "short04": 4, "afro01": 1, BALD: 2},
}  # fmt: skip
_HAIR_COLORS = np.array(
    [
        [0.055, 0.045, 0.042],  # black
        [0.13, 0.085, 0.06],  # dark brown
        [0.24, 0.15, 0.09],  # brown
        [0.40, 0.27, 0.16],  # light brown
        [0.66, 0.50, 0.30],  # blond
        [0.42, 0.17, 0.08],  # red
        [0.55, 0.54, 0.53],  # gray
    ]
)
_DARK, _GRAY = 3, 6  # how many of them are dark; which one is gray

#: Standard deviation of a detail's weight, and how far it goes, by the folder of its targets.
_SPREAD = {"asym": (0.08, 0.2), "ears": (0.25, 0.6), "eyebrows": (0.12, 0.25), "eyes": (0.18, 0.4),
           "head": (0.11, 0.25)}  # fmt: skip
_DEFAULT_SPREAD = (0.22, 0.5)

# Opposite ends of MakeHuman's targets; a signed weight takes one or the other.
_OPPOSITES = (
    ("decr", "incr"), ("down", "up"), ("in", "out"), ("backward", "forward"), ("concave", "convex"),
    ("compress", "uncompress"), ("pointed", "triangle"), ("round", "square"),
)  # fmt: skip
_NEGATIVE = {low for low, _ in _OPPOSITES}
_POSITIVE = {high for _, high in _OPPOSITES}


@dataclasses.dataclass(frozen=True)
class Person:
    """What stays the same in all pictures of one person."""

    size: float  #: from chin to crown, in units of the camera's distance
    targets: dict[str, float]  #: weights of the targets of the shape
    races: np.ndarray  #: [3], shares, sum 1, in the order of `RACES`
    skins: dict[str, float]  #: weights of the skins that are mixed; sum 1 but for shares under 2 %
    skin_gain: np.ndarray  #: [3], factors on the skin's RGB
    iris: str  #: texture
    brow: str  #: piece and texture
    lash: str  #: piece and texture
    hair: str  #: piece and texture, or `BALD`
    hair_color: np.ndarray  #: [3] RGB in [0, 1]
    brow_color: np.ndarray  #: [3] RGB in [0, 1]
    beard: float  #: [0, 1], opacity of beard or stubble, which is painted on


def sample_person(seed: int, identity: int, material: Material) -> Person:
    """Draws person number `identity` (any integer >= 0) out of the material."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, _STREAM, identity]))
    races = rng.dirichlet([0.35, 0.35, 0.35])
    gender = int(rng.random() < 0.5)
    female = rng.uniform(0.75, 1.0) if gender == 0 else rng.uniform(0.0, 0.25)
    age = rng.beta(1.1, 2.2) * 0.9
    fat = float(np.clip(rng.normal(0.0, 0.4), -0.8, 0.8))
    targets = macro_weights(races, female, age, fat)
    targets.update(sample_details(rng, material))
    targets = {name: weight for name, weight in targets.items() if name in material.targets}
    color, brows = _sample_hair_color(rng, races, age)
    styles = {
        style: chance
        for style, chance in _STYLES[GENDERS[gender]].items()
        if style == BALD or f"hair/{style}" in material.pieces
    }
    chances = np.array(list(styles.values()))
    style = list(styles)[rng.choice(len(styles), p=chances / chances.sum())]
    return Person(
        size=0.134 * rng.uniform(0.95, 1.05),
        targets=targets,
        races=races,
        skins=skin_weights(races, gender, age, material),
        skin_gain=_sample_skin_gain(rng, races),
        iris=_sample_iris(rng, races, material),
        brow=_pick(rng, [name for name in material.pieces if name.startswith("brow/")]),
        lash=_pick(rng, [name for name in material.pieces if name.startswith("lash/")]),
        hair=f"hair/{style}" if style else BALD,
        hair_color=color,
        brow_color=brows,
        beard=rng.uniform(0.1, 0.7) * float(gender == 1 and rng.random() < 0.4),
    )


def macro_weights(races: np.ndarray, female: float, age: float, fat: float) -> dict[str, float]:
    """Weights of MakeHuman's macro targets; those of the races sum to 1, as those of the builds.

    Args:
      races: [3] shares.
      female: 0 male to 1 female.
      age: 0 young to 1 old.
      fat: -1 lean to 1 fat.
    """
    ages = dict(zip(AGES, (1.0 - age, age), strict=True))
    genders = dict(zip(GENDERS, (female, 1.0 - female), strict=True))
    builds = dict(zip(WEIGHTS, (max(-fat, 0.0), 1.0 - abs(fat), max(fat, 0.0)), strict=True))
    weights = {}
    for gender, of_gender in genders.items():
        for some_age, of_age in ages.items():
            for race, share in zip(RACES, races, strict=True):
                weights[f"macrodetails/{race}-{gender}-{some_age}"] = share * of_gender * of_age
            for build, of_build in builds.items():
                name = f"macrodetails/universal-{gender}-{some_age}-averagemuscle-{build}weight"
                weights[name] = of_build * of_gender * of_age
    return {name: float(weight) for name, weight in weights.items()}


def sample_details(rng: np.random.Generator, material: Material) -> dict[str, float]:
    """Small weights of the targets of single features; both sides of a face take the same."""
    weights = {}
    for stem, ends in details(material).items():
        spread, limit = _SPREAD.get(stem.split("/")[0], _DEFAULT_SPREAD)
        drawn = float(np.clip(rng.normal(0.0, spread), -limit, limit))
        for name in ends[int(drawn > 0.0)]:
            weights[name] = abs(drawn)
    return weights


def details(material: Material) -> dict[str, tuple[list[str], list[str]]]:
    """`{feature: (targets of its negative end, of its positive one)}`, sorted by feature.

    A feature without an opposite has an empty negative end; the left and right targets of one go
    together.
    """
    found: dict[str, tuple[list[str], list[str]]] = {}
    for name in sorted(material.targets):
        folder, _, rest = name.partition("/")
        if folder in ("macrodetails", "expression"):
            continue
        rest = rest.removeprefix("l-").removeprefix("r-")
        stem, _, end = rest.rpartition("-")
        if folder == "asym":  # ends in -l and -r, which are opposites
            ends, side = found.setdefault(f"asym/{stem}", ([], [])), int(end == "r")
        elif end in _NEGATIVE or end in _POSITIVE:
            ends, side = found.setdefault(f"{folder}/{stem}", ([], [])), int(end in _POSITIVE)
        else:
            ends, side = found.setdefault(f"{folder}/{rest}", ([], [])), 1
        ends[side].append(name)
    return dict(sorted(found.items()))


def skin_weights(
    races: np.ndarray, gender: int, age: float, material: Material
) -> dict[str, float]:
    """Which skins are mixed for a person, and how much of each; more than four would only blur.

    Shares under 2 % are left out.
    """
    place = 2.0 * age  # young, middleage, old lie at 0, 1, 2
    ages = {name: max(1.0 - abs(place - k), 0.0) for k, name in enumerate(SKIN_AGES)}
    weights = {}
    for name in material.named("skin/"):
        some_age, race, some_gender = name.removeprefix("skin/").rstrip("0123456789").split("_")
        if some_gender == GENDERS[gender]:
            weights[name] = ages[some_age] * races[RACES.index(race)] ** 2 + 1e-9
    best = sorted(weights, key=lambda name: (-weights[name], name))[:4]
    total = sum(weights[name] for name in best)
    return {name: weights[name] / total for name in best if weights[name] > 0.02 * total}


def _sample_skin_gain(rng: np.random.Generator, races: np.ndarray) -> np.ndarray:
    """Factors [3]; MakeHuman's darkest skins are darker than people's under these lights."""
    lift = 1.0 + 0.3 * races[RACES.index("african")] ** 2
    return lift * np.clip(rng.normal(0.98, 0.05) + rng.normal(0.0, 0.02, 3), 0.8, 1.1)


def _sample_hair_color(
    rng: np.random.Generator, races: np.ndarray, age: float
) -> tuple[np.ndarray, np.ndarray]:
    """RGB of the hair and of the brows."""
    fair = rng.random() < 0.75 * races[RACES.index("caucasian")] ** 2
    row = rng.integers(0, _GRAY) if fair else rng.choice(_DARK, p=[0.6, 0.3, 0.1])
    color = _HAIR_COLORS[row]
    gray = np.clip((age - 0.35) * 1.6 * rng.uniform(0.3, 1.3), 0.0, 1.0)
    hair = color + gray * (_HAIR_COLORS[_GRAY] - color)
    brows = color + 0.5 * gray * (_HAIR_COLORS[_GRAY] - color)
    return np.clip(hair * rng.uniform(0.85, 1.15), 0.03, 0.8), np.clip(0.6 * brows, 0.02, 0.4)


def _sample_iris(rng: np.random.Generator, races: np.ndarray, material: Material) -> str:
    names = material.named("iris/")
    brown = [name for name in names if "brown" in name] or names
    fair = rng.random() < 0.65 * races[RACES.index("caucasian")]
    return _pick(rng, names if fair else brown)


def _pick(rng: np.random.Generator, names: Sequence[str]) -> str:
    return names[rng.integers(len(names))]
