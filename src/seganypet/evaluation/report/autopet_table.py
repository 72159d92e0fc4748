"""The scores of autoPET's interactive scheme: means over cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from seganypet.evaluation.report.statistics import mean_interval
from seganypet.evaluation.report.table import Better, Row, Style, Table, number_cell, text_cell, with_best

if TYPE_CHECKING:
    import pandas as pd

AUTOPET_CAPTION: Final = (
    "Mean Dice against pairs of clicks, one in a lesion and one in other uptake, with its 95 % interval (bootstrap "
    "over cases). Horizontal: methods without clicks."
)
_COLUMNS: Final[tuple[tuple[str, str, Style, Better], ...]] = (
    ("dice_auc", "AUC of Dice", "number", "higher"),
    ("dice_final", "last Dice, %", "percent", "higher"),
    ("fpv_auc", "AUC of FPV, ml", "number", "lower"),
    ("fpv_final", "last FPV, ml", "number", "lower"),
    ("fnv_auc", "AUC of FNV, ml", "number", "lower"),
    ("fnv_final", "last FNV, ml", "number", "lower"),
    ("dmm_auc", "AUC of DMM", "number", "higher"),
    ("dmm_final", "last DMM, %", "percent", "higher"),
)


def autopet_table(scores: pd.DataFrame) -> Table | None:
    """Return the mean of each score over cases, draws of a case averaged first; None of none.

    Args:
        scores: One row for each case, method and draw; columns case, method and those of `autopet_scores`.
    """
    names = [name for name, *_ in _COLUMNS]
    each = scores.groupby(["method", "case"], sort=False, as_index=False)[names].mean()
    rows = []
    for method in dict.fromkeys(each["method"]):
        of = each[each["method"] == method]
        cells = [
            number_cell(mean_interval(of[name].to_numpy(), of["case"].tolist()), style)
            for name, _, style, _ in _COLUMNS
        ]
        rows.append(Row(cells=(text_cell(method), *cells)))
    if not rows:
        return None
    notes = (
        "Mean, in brackets its 95 % interval (bootstrap over cases). Areas under the curves over 0 to 10 pairs of "
        "clicks, by trapezoids: of Dice and DMM at most 10. FPV: volume of components that touch no lesion; FNV: of "
        "lesions not touched; DMM: F1 of lesions. Lesions are 18-connected components.",
        "Cases without lesions have FPV alone. They get no clicks, so that methods which wait for a click have none.",
        f"n: {each['case'].nunique()} cases. Bold: the best.",
    )
    heads = ("method", *(head for _, head, _, _ in _COLUMNS))
    better: tuple[Better, ...] = ("", *(direction for _, _, _, direction in _COLUMNS))
    title = "autoPET's interactive scheme"
    return Table(name="autopet", title=title, heads=heads, rows=with_best(rows, better), notes=notes, texts=1)
