"""The interactive scheme of the autoPET challenges: ten pairs of clicks made in advance, eleven masks.

[autoPET IV, task 1: for each of 0 to 10 pairs Dice, false-positive and false-negative volume; the area under each curve
and its last value. autoPET V adds the F1 of lesions.]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from seganypet.errors import UsageError
from seganypet.prompts import Click, deepest_voxel
from seganypet.volume import BoolArray, FloatArray

PAIRS: Final = 10
SCORES: Final[Mapping[str, str]] = {"dsc": "dice", "fp_ml": "fpv", "fn_ml": "fnv", "lesion_f1": "dmm"}
"""What is summed up, and what the challenges call it."""
_UPTAKE_PERCENTILE: Final = 99.75
_TOUCHING: Final = np.ones((3, 3, 3), dtype=np.bool_)

Voxel = tuple[int, int, int]


def autopet_rounds(
    suv: FloatArray,
    lesions: BoolArray,
    spacing_mm: tuple[float, float, float],
    generator: np.random.Generator,
) -> list[list[Click]]:
    """Return ten rounds of one click in a lesion and one in uptake that is none.

    The first clicks go to the centres of up to ten lesions (26-connected components), in random order, the others to
    their borders; likewise for the background, whose components are those of the voxels beyond the lesions that are
    above their 99.75th percentile. A case without lesions gets no clicks: a click on what is not to be segmented means
    nothing before one on what is.

    Args:
        suv: SUV [I, J, K].
        lesions: All lesions, bool [I, J, K].
        spacing_mm: Voxel size along i, j, k.
        generator: Source of randomness.
    """
    if not lesions.any():
        return [[] for _ in range(PAIRS)]
    beyond = suv[~lesions]
    hot = (suv > np.percentile(beyond, _UPTAKE_PERCENTILE)) & ~lesions if beyond.size else ~lesions
    foreground = _points(lesions, spacing_mm, generator)
    background = _points(hot, spacing_mm, generator)
    rounds: list[list[Click]] = [[Click(voxel)] for voxel in foreground]
    for clicks, voxel in zip(rounds, background, strict=False):
        clicks.append(Click(voxel, positive=False))
    return rounds


def _points(
    mask: BoolArray, spacing_mm: tuple[float, float, float], generator: np.random.Generator
) -> list[Voxel]:
    """Return ten voxels of a mask: centres of its components, then voxels of their borders; none of an empty mask."""
    labels, count = ndimage.label(mask, structure=_TOUCHING)
    boxes = ndimage.find_objects(labels)
    chosen = generator.permutation(count)[:PAIRS]
    points = []
    for number in chosen:
        box = boxes[number]
        voxel = deepest_voxel(labels[box] == number + 1, spacing_mm)
        points.append(_shifted(voxel, box))
    border = np.argwhere(mask & ~ndimage.binary_erosion(mask, structure=_TOUCHING))
    while len(border) and len(points) < PAIRS:
        i, j, k = border[int(generator.integers(len(border)))]
        points.append((int(i), int(j), int(k)))
    return points


def _shifted(voxel: Voxel, box: tuple[slice, ...]) -> Voxel:
    i, j, k = (at + part.start for at, part in zip(voxel, box, strict=True))
    return i, j, k


def autopet_scores(values: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return areas under the curves over 0 to 10 pairs of clicks, and last values, of one case and method.

    Args:
        values: For each number of pairs, in order, a mapping with the keys of `SCORES`.

    Returns:
        `dice_auc` (at most 10), `dice_final`, and so on; NaN where a value is NaN, as in cases without lesions.

    Raises:
        UsageError: There are not eleven.
    """
    if len(values) != PAIRS + 1:
        raise UsageError(
            f"{len(values)} masks; autoPET's scores need {PAIRS + 1}: of 0 to {PAIRS} pairs of clicks"
        )
    scores = {}
    for name, called in SCORES.items():
        curve: npt.NDArray[np.float64] = np.array([float(row[name]) for row in values])
        scores[f"{called}_auc"] = float(np.trapezoid(curve))
        scores[f"{called}_final"] = float(curve[-1])
    return scores
