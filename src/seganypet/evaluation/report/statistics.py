"""Means with 95 % intervals over cases, medians with quartiles.

The targets of a case are not independent: a bootstrap draws cases, each with all of its targets. Of n cases n - 1 are
drawn, with replacement: then the variance of a drawn mean is s² / n with the unbiased s² (Rao and Wu, J Am Stat Assoc
1988, doi:10.1080/01621459.1988.10478591). A single case has no interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

DRAWS: Final = 10_000
_SEED: Final = 0
_PERCENTILES: Final = (2.5, 97.5)

FloatArray = npt.NDArray[np.float64]


class Estimate(NamedTuple):
    """A number of a sample and two that say how far it reaches.

    Attributes:
        value: Mean or median; NaN of nothing.
        low: Lower end of the mean's 95 % interval, or first quartile; NaN where it is undefined.
        high: Upper end, or third quartile.
        targets: How many values it is of.
        cases: How many cases these are from.
    """

    value: float
    low: float
    high: float
    targets: int
    cases: int


def mean_interval(
    values: Sequence[float] | FloatArray, cases: Sequence[str], strata: Sequence[str] | None = None
) -> Estimate:
    """Return the mean with its 95 % interval, cases drawn with all of their targets.

    Args:
        values: Of each target; NaN is left out.
        cases: The case of each target.
        strata: What kind each target is of: the mean is then that of the kinds' means, as the papers average organs;
            a draw without any target of a kind averages the others. None takes all targets alike.

    Returns:
        The mean; without interval where there is one case, or a value is infinite.
    """
    numbers = np.asarray(values, dtype=np.float64)
    valid = ~np.isnan(numbers)
    numbers = numbers[valid]
    if not numbers.size:
        return Estimate(math.nan, math.nan, math.nan, 0, 0)
    names, rows = np.unique(np.asarray(cases, dtype=object)[valid].astype(str), return_inverse=True)
    kinds = np.asarray([""] * valid.size if strata is None else list(strata), dtype=object)[valid].astype(str)
    groups, columns = np.unique(kinds, return_inverse=True)
    sums, counts = (np.zeros((len(names), len(groups))) for _ in range(2))
    np.add.at(sums, (rows, columns), numbers)
    np.add.at(counts, (rows, columns), 1)
    mean = float((sums.sum(axis=0) / counts.sum(axis=0)).mean())
    if len(names) < 2 or not np.isfinite(numbers).all():
        return Estimate(mean, math.nan, math.nan, numbers.size, len(names))
    low, high = np.percentile(_drawn_means(sums, counts), _PERCENTILES)
    return Estimate(mean, float(low), float(high), numbers.size, len(names))


def median_iqr(values: Sequence[float] | FloatArray, cases: Sequence[str]) -> Estimate:
    """Return the median with the quartiles, as in P2's tables; NaN is left out, infinity is larger than any number.

    Args:
        values: Of each target.
        cases: The case of each target.
    """
    numbers = np.asarray(values, dtype=np.float64)
    valid = ~np.isnan(numbers)
    of = {case for case, there in zip(cases, valid, strict=True) if there}
    middle, low, high = (quantile(numbers[valid], share) for share in (0.5, 0.25, 0.75))
    return Estimate(middle, low, high, int(valid.sum()), len(of))


def quantile(values: FloatArray, share: float) -> float:
    """Return what a share of the values lies below, linear between neighbours; NaN of nothing.

    Between a number and infinity lies infinity, where interpolation would give NaN.

    Args:
        values: Without NaN.
        share: 0 to 1.
    """
    if not values.size:
        return math.nan
    ordered = np.sort(values)
    place = share * (ordered.size - 1)
    first = math.floor(place)
    part = place - first
    below, above = float(ordered[first]), float(ordered[min(first + 1, ordered.size - 1)])
    return below if part == 0 or below == above else below * (1 - part) + above * part


def drawn_weights(count: int, rng: np.random.Generator) -> FloatArray:
    """Return the share of each of `count` units in every draw, [DRAWS, count]; each row adds up to 1."""
    size = max(count - 1, 1)
    return rng.multinomial(size, np.full(count, 1 / count), size=DRAWS) / size


def _drawn_means(sums: FloatArray, counts: FloatArray) -> FloatArray:
    """Return the mean of the kinds' means in every draw, [DRAWS], from sums and counts [cases, kinds]."""
    weights = _weights(len(sums))
    drawn = weights @ counts
    there = drawn > 0
    means = np.divide(weights @ sums, drawn, out=np.zeros_like(drawn), where=there)
    return np.asarray(means.sum(axis=1) / there.sum(axis=1))


@lru_cache(maxsize=4)
def _weights(count: int) -> FloatArray:
    """Return `drawn_weights`, the same at every call; many tables are of the same cases."""
    weights = drawn_weights(count, np.random.default_rng(_SEED))
    weights.flags.writeable = False
    return weights
