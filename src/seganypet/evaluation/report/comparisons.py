"""Each method against one reference method, on the targets that both answered."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from seganypet.evaluation.report.prompting import AUTOMATIC, points
from seganypet.evaluation.report.results import DOMAINS, TARGET, Results, of_targets
from seganypet.evaluation.report.statistics import Estimate, FloatArray, mean_interval

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How far the Dice of a method is above that of the reference method.

    Attributes:
        domain: Of `DOMAINS`.
        group: After how many points; `AUTOMATIC` where neither has any.
        method: Its label.
        difference: Its mean, with interval.
        p: Of Wilcoxon's signed-rank test on the cases' mean differences, two-sided; NaN of fewer than two cases.
        p_corrected: The same by Benjamini and Hochberg, over all comparisons of the report.
    """

    domain: str
    group: str
    method: str
    difference: Estimate
    p: float
    p_corrected: float = math.nan


def compare(results: Results, reference: str, clicks: Sequence[int]) -> list[Comparison]:
    """Return all comparisons with a method, of every kind of target and after every number of clicks.

    A method without clicks is compared with the reference after each number of clicks, and the other way round.

    Args:
        results: All of them.
        reference: Label of the method that others are compared with.
        clicks: After which clicks.
    """
    return corrected(
        [
            found
            for domain in DOMAINS
            for found in _of_domain(results, domain, reference, clicks)
            if found.difference.targets
        ]
    )


def corrected(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return comparisons with p corrected for their number; an undefined p does not count."""
    from scipy.stats import false_discovery_control

    valid = [n for n, found in enumerate(comparisons) if not math.isnan(found.p)]
    with_p = list(comparisons)
    if valid:
        values = false_discovery_control([comparisons[n].p for n in valid])
        for n, value in zip(valid, values, strict=True):
            with_p[n] = replace(comparisons[n], p_corrected=float(value))
    return with_p


def signed_rank(differences: FloatArray) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test; 1 of equal pairs, NaN of fewer than two.

    Args:
        differences: One for each case.
    """
    from scipy.stats import wilcoxon

    if differences.size < 2:
        return math.nan
    # Means of equal Dice differ by rounding, which would count as a rank.
    rounded = np.round(differences, 12)
    return float(wilcoxon(rounded).pvalue) if rounded.any() else 1.0


def _of_domain(results: Results, domain: str, reference: str, clicks: Sequence[int]) -> Iterator[Comparison]:
    part = results.domain(domain)
    others = [method for method in results.methods if method != reference]
    alone = {m for m in others if results.automatic(m) and results.automatic(reference)}
    for click in (*clicks, 0):
        for method in others:
            if (method in alone) == (click == 0):
                ours, theirs = part.after(method, click), part.after(reference, click)
                yield _compared(ours, theirs, domain, points(click) if click else AUTOMATIC, method)


def _compared(ours: pd.DataFrame, theirs: pd.DataFrame, domain: str, group: str, method: str) -> Comparison:
    pairs = of_targets(ours, "dsc").merge(of_targets(theirs, "dsc"), on=TARGET, suffixes=("", "_reference"))
    differences = pairs.assign(difference=pairs["dsc"] - pairs["dsc_reference"])
    of_cases = differences.groupby("case", sort=False)["difference"].mean()
    return Comparison(
        domain=domain,
        group=group,
        method=method,
        difference=mean_interval(
            differences["difference"].to_numpy(), differences["case"].tolist(), differences["target"].tolist()
        ),
        p=signed_rank(of_cases.to_numpy(dtype=np.float64)),
    )
