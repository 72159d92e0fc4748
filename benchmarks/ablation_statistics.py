"""Means and 95 % intervals over training seeds and cases, both taken as random.

A strategy was trained from S seeds, and every one of its networks was tested on the same C cases: scores are an array
[S, C]. Seeds and cases are crossed, so a bootstrap draws seeds, then cases, and takes the mean of the scores of the
drawn seeds on the drawn cases; cases drawn for each seed apart would average the cases' own differences out, as if
there were S × C of them. Drawn are S - 1 seeds and C - 1 cases, with replacement, one fewer than there are: then the
variance of a drawn mean is s² / S and s² / C with the unbiased s² (Rao and Wu, J Am Stat Assoc 1988,
doi:10.1080/01621459.1988.10478591), where S draws of three seeds would give two thirds of it. What varies with seed
and case together counts more than once, which widens the interval. With one seed, it tells of cases only.

Two strategies are compared on the same cases, drawn for both at once; their seeds have nothing to do with each other
and are drawn apart.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from seganypet.evaluation.report.statistics import DRAWS, drawn_weights

__all__ = ["DRAWS", "Interval", "difference_interval", "drawn_means", "drawn_weights", "mean_interval"]
_SEED: Final = 0
_PERCENTILES: Final = (2.5, 97.5)

FloatArray = npt.NDArray[np.float64]


class Interval(NamedTuple):
    """A mean with the ends of its 95 % interval."""

    mean: float
    low: float
    high: float


def mean_interval(scores: FloatArray) -> Interval:
    """Return the mean over seeds and cases.

    Args:
        scores: [S, C], of seed s on case c.
    """
    rng = np.random.default_rng(_SEED)
    cases = drawn_weights(scores.shape[1], rng)
    seeds = drawn_weights(scores.shape[0], rng)
    return _interval(float(scores.mean()), drawn_means(scores, seeds, cases))


def difference_interval(scores: FloatArray, others: FloatArray) -> Interval:
    """Return how far the mean of one strategy is above that of another, on the same cases.

    Args:
        scores: Of the one, [S, C].
        others: Of the other, [T, C]; the same case in the same column.

    Raises:
        ValueError: The two differ in their number of cases.
    """
    if scores.shape[1] != others.shape[1]:
        raise ValueError(f"scores on {scores.shape[1]} and {others.shape[1]} cases; give both the same cases")
    rng = np.random.default_rng(_SEED)
    cases = drawn_weights(scores.shape[1], rng)
    ours, theirs = (drawn_weights(s.shape[0], rng) for s in (scores, others))
    drawn = drawn_means(scores, ours, cases) - drawn_means(others, theirs, cases)
    return _interval(float(scores.mean() - others.mean()), drawn)


def drawn_means(scores: FloatArray, seeds: FloatArray, cases: FloatArray) -> FloatArray:
    """Return the mean of the scores [S, C] in every draw, [DRAWS], from the weights of seeds and of cases."""
    return np.asarray(((seeds @ scores) * cases).sum(axis=1))


def _interval(mean: float, drawn: FloatArray) -> Interval:
    low, high = np.percentile(drawn, _PERCENTILES)
    return Interval(mean, float(low), float(high))
