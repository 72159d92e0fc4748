"""The table of all cases, as the report reads it: who answered what, and how well after so many clicks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from seganypet.errors import UsageError
from seganypet.evaluation.report.statistics import Estimate, mean_interval, median_iqr
from seganypet.targets import LESION, LESIONS
from seganypet.targets import ORGANS as ORGAN_NAMES

if TYPE_CHECKING:
    import pandas as pd

_TEXTS: Final = ("case", "split", "tracer", "centre", "target", "instance", "size", "method", "prompting")
_AVERAGED: Final = (
    "points", "dsc", "nsd", "nsd_monai", "hd95_mm", "volume_ml", "reference_ml", "volume_error_pct",
    "suvmax_error_pct", "tlg_error_pct", "lesion_f1", "fp_ml", "fn_ml",
)  # fmt: skip
_NUMBERS: Final = ("draw", "click", *_AVERAGED)
_COST_TEXTS: Final = ("case", "target", "instance", "method")
_COST_NUMBERS: Final = ("draw", "start_s", "first_click_s", "later_click_s", "points", "peak_mb")
TARGET: Final = ["case", "target", "instance"]
"""What tells one target from all others."""
PAPERS_ORGANS: Final = ("liver", "kidney_left", "kidney_right", "heart", "spleen")
"""What SegAnyPET was trained on in the papers [P1 Table 1]."""
ORGANS: Final = "organs"
DOMAINS: Final[Mapping[str, str]] = {
    ORGANS: "organs",
    LESIONS: "all lesions of a case as one",
    LESION: "lesions one by one",
}
"""Kinds of targets that are never averaged together, with their names in tables."""
Skip = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Results:
    """All that the report is made from.

    Attributes:
        rows: One for each target, method and click, draws averaged; texts are strings, numbers are float64.
        drawn: Likewise, but for each draw apart.
        costs: One for each target, method and draw.
        skipped: What was not answered: case, target, method, reason.
        methods: Their labels, in the order in which they come.
    """

    rows: pd.DataFrame
    drawn: pd.DataFrame
    costs: pd.DataFrame
    skipped: Sequence[Skip]
    methods: tuple[str, ...]

    @classmethod
    def of(cls, per_case: pd.DataFrame, costs: pd.DataFrame, skipped: Sequence[Skip]) -> Results:
        """Return checked results; what is given is not changed.

        Raises:
            UsageError: A column is missing.
        """
        drawn = _checked(per_case, _TEXTS, _NUMBERS, "per_case")
        return cls(
            rows=drawn.groupby([*_TEXTS, "click"], sort=False, as_index=False)[list(_AVERAGED)].mean(),
            drawn=drawn,
            costs=_checked(costs, _COST_TEXTS, _COST_NUMBERS, "costs"),
            skipped=[dict(entry) for entry in skipped],
            methods=tuple(dict.fromkeys(drawn["method"])),
        )

    def kept(self, column: str, values: Iterable[str]) -> Results:
        """Return the results with some values in a column of texts, and what was skipped in their cases."""
        wanted = list(values)
        gone = set(self.rows["case"]) - set(self.rows.loc[self.rows[column].isin(wanted), "case"])
        return replace(
            self,
            skipped=[entry for entry in self.skipped if entry.get("case") not in gone],
            rows=self.rows[self.rows[column].isin(wanted)],
            drawn=self.drawn[self.drawn[column].isin(wanted)],
        )

    def automatic(self, method: str) -> bool:
        """Return whether a method never gets a click: it is automatic, or told the target's name."""
        prompting = self.rows.loc[self.rows["method"] == method, "prompting"]
        return bool((prompting == "target").any())

    def clicks_made(self) -> int:
        """Return how often any method was clicked; 0 where all are automatic."""
        return int(self.rows["click"].max()) if len(self.rows) else 0

    def domain(self, name: str) -> Results:
        """Return the results on organs, on all lesions of a case as one, or on lesions one by one."""
        if name != ORGANS:
            return self.kept("target", [name])
        return self.kept("target", set(self.rows["target"]) - {LESION, LESIONS})

    def after(self, method: str, click: int) -> pd.DataFrame:
        """Return the rows of a method after so many clicks; those of an automatic method, whatever their number."""
        wanted = 0 if self.automatic(method) else click
        return self.rows[(self.rows["method"] == method) & (self.rows["click"] == wanted)]

    def targets(self) -> pd.DataFrame:
        """Return what any method answered: the columns of `TARGET`, each target once."""
        return self.rows[TARGET].drop_duplicates()


def of_targets(rows: pd.DataFrame, value: str) -> pd.DataFrame:
    """Return `TARGET` and one value of each target; targets without a value are left out.

    Args:
        rows: One for each target.
        value: The column.
    """
    return rows.loc[rows[value].notna(), [*TARGET, value]]


def mean_of(rows: pd.DataFrame, value: str) -> Estimate:
    """Return the mean of a column with its interval; of several organs the mean of their means."""
    found = of_targets(rows, value)
    return mean_interval(found[value].to_numpy(), found["case"].tolist(), found["target"].tolist())


def median_of(rows: pd.DataFrame, value: str) -> Estimate:
    """Return the median of a column over all targets, with quartiles."""
    found = of_targets(rows, value)
    return median_iqr(found[value].to_numpy(), found["case"].tolist())


def worst_targets(per_case: pd.DataFrame, method: str, click: int, count: int = 6) -> pd.DataFrame:
    """Return the targets with the lowest Dice, worst first: `TARGET` and dsc, draws averaged.

    Args:
        per_case: The table of all cases.
        method: Label of one method.
        click: After which click; 0 for automatic methods.
        count: How many at most.
    """
    rows = per_case[(per_case["method"] == method) & (per_case["click"] == click)].copy()
    rows["instance"] = rows["instance"].fillna("")
    return (
        rows.groupby(TARGET, sort=False, as_index=False)["dsc"]
        .mean()
        .sort_values("dsc", kind="stable")
        .head(count)
        .reset_index(drop=True)
    )


def in_order(targets: Iterable[str]) -> list[str]:
    """Return each target once, in the order of columns."""
    return sorted(dict.fromkeys(targets), key=_place)


def _place(target: str) -> int:
    """Return what orders columns: the papers' organs, other organs from head to foot, unknown names, lesions."""
    known = tuple(dict.fromkeys((*PAPERS_ORGANS, *ORGAN_NAMES)))
    lesions = (LESIONS, LESION)
    if target in lesions:
        return len(known) + 1 + lesions.index(target)
    return known.index(target) if target in known else len(known)


def _checked(frame: pd.DataFrame, texts: Sequence[str], numbers: Sequence[str], name: str) -> pd.DataFrame:
    if not len(frame) and not len(frame.columns):  # a table made from no rows
        frame = frame.reindex(columns=[*texts, *numbers])
    missing = [column for column in (*texts, *numbers) if column not in frame.columns]
    if missing:
        raise UsageError(
            f"{name}: no column {', '.join(missing)}; found {', '.join(map(str, frame.columns)) or 'none'}"
        )
    copy = frame[[*texts, *numbers]].reset_index(drop=True)
    for column in texts:  # read from a file, an empty text is NaN
        values = copy[column].astype(object)
        copy[column] = ["" if gone else _text(v) for v, gone in zip(values, values.isna(), strict=True)]
    return copy.astype(dict.fromkeys(numbers, float))


def _text(value: object) -> str:
    """Return the text of a value; a whole number without the ".0" that a file with gaps gives it."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
