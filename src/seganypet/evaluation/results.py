"""The results of an evaluation as tables, in an order that does not depend on who was done first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from seganypet.evaluation.autopet import SCORES, autopet_scores
from seganypet.evaluation.methods.registry import Chosen
from seganypet.evaluation.store import Store
from seganypet.io import ManifestRow
from seganypet.io.write import atomic_path

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]
_OF_CASE: Final = ("split", "tracer", "centre")
PER_CASE: Final = (
    *("case", "target", "method", "click", "dsc", "nsd", "nsd_monai", "hd95_mm"),
    *("volume_ml", "reference_ml", "volume_error_pct", "suvmax_error_pct", "tlg_error_pct"),
    *("lesion_f1", "fp_ml", "fn_ml", "points", "draw", "instance", "size", "prompting", *_OF_CASE),
)
"""Columns of `per_case.csv`."""
COSTS: Final = (
    *("case", "target", "instance", "method", "draw", "start_s", "first_click_s", "later_click_s"),
    *("points", "peak_mb", "threads"),
)
CLICKS: Final = ("case", "target", "instance", "method", "draw", "click", "i", "j", "k", "positive")
SKIPPED: Final = ("case", "target", "instance", "method", "reason")


@dataclass(frozen=True, kw_only=True, eq=False)
class Results:
    """What an evaluation gave.

    Attributes:
        per_case: How good each mask is; columns `PER_CASE`.
        costs: Seconds, memory and clicks; columns `COSTS`.
        clicks: What was clicked, in voxels; columns `CLICKS`.
        skipped: What methods could not segment; columns `SKIPPED`.
        autopet: Areas under curves and last values, with autoPET's scheme, else None.
    """

    per_case: pd.DataFrame
    costs: pd.DataFrame
    clicks: pd.DataFrame
    skipped: pd.DataFrame
    autopet: pd.DataFrame | None


def read_results(
    folder: Path, rows: Sequence[ManifestRow], methods: Sequence[Chosen], *, autopet: bool = False
) -> Results:
    """Return the results of methods on cases; case by case, target by target, method by method.

    Args:
        folder: Of the evaluation.
        rows: Of the cases, in order.
        methods: In order.
        autopet: Whether to sum up autoPET's scores.

    Raises:
        OutputError: A result is missing or damaged.
    """
    import pandas as pd

    store = Store(folder)
    lists: dict[str, list[Row]] = {"rows": [], "costs": [], "clicks": [], "skipped": []}
    for row in rows:
        of_case = {"case": row.case, **{name: getattr(row, name) for name in _OF_CASE}}
        found = {method.label: store.result(method.label, row.case) for method in methods}
        for name, gathered in lists.items():
            ours = [
                of_case | {"method": label} | entry
                for label, result in found.items()
                for entry in getattr(result, name)
            ]
            gathered += _by_target(ours)
    frames = {
        name: pd.DataFrame(gathered, columns=list(columns))
        for (name, gathered), columns in zip(lists.items(), (PER_CASE, COSTS, CLICKS, SKIPPED), strict=True)
    }
    return Results(
        per_case=frames["rows"],
        costs=frames["costs"],
        clicks=frames["clicks"],
        skipped=frames["skipped"],
        autopet=_autopet(lists["rows"]) if autopet else None,
    )


def write_results(folder: Path, results: Results) -> list[Path]:
    """Write per_case.csv, costs.csv, clicks.csv, skipped.csv and, where there is one, autopet.csv; return their paths.

    Raises:
        OutputError: They cannot be written.
    """
    frames = {"per_case": results.per_case, "costs": results.costs, "clicks": results.clicks}
    frames |= {"skipped": results.skipped}
    if results.autopet is not None:
        frames["autopet"] = results.autopet
    paths = []
    for name, frame in frames.items():
        paths.append(folder / f"{name}.csv")
        with atomic_path(paths[-1]) as temporary:
            frame.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
    return paths


def _by_target(rows: Sequence[Row]) -> list[Row]:
    """Return rows target by target, each in the order in which it came first; else as they are."""
    order: dict[tuple[str, str], int] = {}
    for row in rows:
        order.setdefault((row["target"], row["instance"]), len(order))
    return sorted(rows, key=lambda row: order[row["target"], row["instance"]])


def _autopet(rows: Sequence[Row]) -> pd.DataFrame:
    """Return the scores of each case, method and draw."""
    import pandas as pd

    curves: dict[tuple[str, str, int], list[Row]] = {}
    for row in rows:
        curves.setdefault((row["case"], row["method"], row["draw"]), []).append(row)
    columns = [
        "case",
        "method",
        "draw",
        *(f"{name}_{of}" for name in SCORES.values() for of in ("auc", "final")),
    ]
    found = [
        {"case": case, "method": method, "draw": draw, **autopet_scores(curve)}
        for (case, method, draw), curve in curves.items()
    ]
    return pd.DataFrame(found, columns=columns)
