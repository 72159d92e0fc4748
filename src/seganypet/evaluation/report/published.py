"""What the papers printed, as data, and what in it cannot be right."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Final, NamedTuple

from seganypet.targets import LESIONS

PAPERS: Final[Mapping[str, str]] = {
    "P1": "P1, ICCV 2025, arXiv 2502.14351",
    "P2": "P2, 2026, PETWB-Seg11K",
}
TARGETS: Final[Mapping[str, str]] = {
    "Liver": "liver",
    "Kidney-L": "kidney_left",
    "Kidney-R": "kidney_right",
    "Heart": "heart",
    "Spleen": "spleen",
    "Aorta": "aorta",
    "Lung-LL": "lung_lower_lobe_left",
    "Lung-LR": "lung_lower_lobe_right",
    "Lung-UL": "lung_upper_lobe_left",
    "Lung-UR": "lung_upper_lobe_right",
    "Lung-MR": "lung_middle_lobe_right",
    "Prostate": "prostate",
    "Brain": "brain",
    "Colon": "colon",
    "Pancreas": "pancreas",
    "Stomach": "stomach",
    "Esophagus": "esophagus",
    "Bladder": "urinary_bladder",
    "tumor": LESIONS,
    "Lymphoma": LESIONS,
    "Lung Cancer": LESIONS,
    "PCa": LESIONS,
}
"""What the papers' targets are called here; those that are left out have no like here (such as "Lung Lobe")."""
_FILE: Final = "published_results.csv"


class Figure(NamedTuple):
    """One printed figure.

    Attributes:
        paper: "P1" or "P2".
        table: As the paper names it.
        cohort: What it was measured on.
        method: Its name in the paper.
        prompt: As printed, such as "1 point", "3N points", "Auto", "text".
        target: Its name in the paper; "Avg" of all.
        metric: "DSC %", "DSC median (IQR)", "NSD median (IQR)" or "s".
        value: The figure as printed: a mean in per cent, or a median between 0 and 1.
        iqr: The quartiles as printed, "0.0043–0.1954"; "" where there are none.
    """

    paper: str
    table: str
    cohort: str
    method: str
    prompt: str
    target: str
    metric: str
    value: str
    iqr: str

    @property
    def number(self) -> float:
        """The figure as a number."""
        return float(self.value)


def published_results() -> list[Figure]:
    """Return all figures that the papers printed."""
    text = resources.files("seganypet.evaluation.report").joinpath(_FILE).read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return [Figure(**row) for row in rows]


def printed_twice(figures: Iterable[Figure]) -> list[tuple[Figure, ...]]:
    """Return figures that one table gives for several methods on one target, the same to the last digit.

    A mean alone may be the same by chance; a median with both quartiles, all of several digits, will not be. Where
    all three are 0, the methods found nothing, and that can happen to several.

    Returns:
        Groups of two or more figures.
    """
    groups: dict[tuple[str, ...], list[Figure]] = {}
    for figure in figures:
        if figure.iqr and figure.number > 0:
            key = (figure.paper, figure.table, figure.cohort, figure.prompt, figure.target, figure.metric)
            groups.setdefault((*key, figure.value, figure.iqr), []).append(figure)
    return [tuple(group) for group in groups.values() if len({figure.method for figure in group}) > 1]


def twice_note(group: Sequence[Figure]) -> str:
    """Return the sentence that warns of figures that were printed twice."""
    first = group[0]
    methods = " and ".join(figure.method for figure in group)
    return (
        f"{first.paper} prints the same figure, {first.value} ({first.iqr}), for {methods} on {first.target} "
        f"({first.cohort}): at least one of them must be a mistake of the paper's."
    )
