"""How good each of several answers to the same clicks is likely to be.

Where the answers of different scales agree they are likely to be right; a mask that contradicts clicks, or that the
other scales' probabilities do not support, is likely to be wrong. The estimate is linear; its coefficients come with
the weights, learned from simulated targets (`benchmarks/judgement.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.special import expit

from seganypet.models.judgement import CONSTANT, FEATURES
from seganypet.preprocessing.cropping import bounding_box
from seganypet.preprocessing.orientation import Shape
from seganypet.volume import BoolArray, FloatArray

Features = npt.NDArray[np.float64]


def features_of(answers: Sequence[FloatArray], clicks: Sequence[tuple[Shape, bool]], edge: float) -> Features:
    """Return what the estimate is made from, [answers, features] in the order of `FEATURES`.

    - certainty: the Dice that its own probabilities let its mask expect, 2 Σ p m / (Σ p + Σ m);
    - support: likewise by the probabilities of each other answer, the mean;
    - agreement, best_agreement, least_agreement: its Dice with the other masks: mean, most and least;
    - sharpness: mean distance of the probabilities from 1/2 within two voxels of its border;
    - length: logarithm of 1 + the voxels along the axis on which it goes farthest, on the network's own grid;
    - fill: share of its bounding box that it fills;
    - right_clicks: share of the clicks that it has on the right side;
    - clicks: logarithm of their number.

    Args:
        answers: Two or more logits on one grid, float32 [I, J, K]; above 0 is inside, 0 is unknown.
        clicks: Voxels of that grid, and whether positive.
        edge: Of its voxels, in voxels of the network's own grid.
    """
    logits = np.stack(answers)
    masks = logits > 0
    probabilities = np.where(logits == 0, np.float32(0), expit(logits))
    by_probability, by_mask = _expected(probabilities, masks), _expected(masks, masks)
    rows = []
    for number, mask in enumerate(masks):
        others = np.arange(len(masks)) != number
        length, fill = _size(mask, edge)
        rows.append(
            {
                "certainty": by_probability[number, number],
                "support": by_probability[others, number].mean(),
                "agreement": by_mask[others, number].mean(),
                "best_agreement": by_mask[others, number].max(),
                "least_agreement": by_mask[others, number].min(),
                "sharpness": _sharpness(probabilities[number], mask),
                "length": length,
                "fill": fill,
                "right_clicks": np.mean([mask[ijk] == positive for ijk, positive in clicks]),
                "clicks": np.log(len(clicks)),
            }
        )
    return np.array([[row[name] for name in FEATURES] for row in rows], dtype=np.float64)


def estimated_dice(features: Features, judgement: Sequence[Mapping[str, float]]) -> Features:
    """Return the Dice that each answer may expect, 0 to 1.

    Args:
        features: What `features_of` returns.
        judgement: Coefficients for each answer; empty where nobody learned any: then certainty and agreement count
            alike.
    """
    if not judgement:
        columns = [FEATURES.index(name) for name in ("certainty", "agreement")]
        simple: Features = features[:, columns].mean(axis=1)
        return simple
    weights = np.array([[terms[name] for name in FEATURES] for terms in judgement])
    estimates = (features * weights).sum(axis=1) + [terms[CONSTANT] for terms in judgement]
    clipped: Features = np.clip(estimates, 0.0, 1.0)
    return clipped


def _expected(probabilities: FloatArray | BoolArray, masks: BoolArray) -> Features:
    """Return the Dice 2 Σ p m / (Σ p + Σ m) that each mask may expect by each probability; 0 where both are empty.

    Args:
        probabilities: Of answers, [A, I, J, K], 0 to 1.
        masks: Likewise.
    """
    p, m = (array.reshape(len(array), -1).astype(np.float32) for array in (probabilities, masks))
    total = p.sum(axis=1, dtype=np.float64)[:, None] + m.sum(axis=1, dtype=np.float64)
    dice: Features = np.divide(2.0 * (p @ m.T), total, out=np.zeros_like(total), where=total > 0)
    return dice


def _size(mask: BoolArray, edge: float) -> tuple[float, float]:
    part = bounding_box(mask)
    if part is None:
        return 0.0, 0.0
    lengths = [p.stop - p.start for p in part]
    return float(np.log1p(max(lengths) * edge)), float(np.count_nonzero(mask) / np.prod(lengths))


def _sharpness(probability: FloatArray, mask: BoolArray) -> float:
    part = bounding_box(mask)
    if part is None:
        return 0.0
    around = tuple(slice(max(p.start - 2, 0), p.stop + 2) for p in part)
    inside = mask[around]
    border = ndimage.binary_dilation(inside, iterations=2) & ~ndimage.binary_erosion(inside)
    return float(np.abs(probability[around][border] - 0.5).mean())
