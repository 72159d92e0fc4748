"""Tables of all cases, made by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

from seganypet.evaluation.report.results import Results

Row = dict[str, Any]
_NAN = float("nan")


def _row(case: str, method: str, dsc: float, **more: Any) -> Row:
    click = more.get("click", 1)
    return {
        "case": case,
        "split": "test",
        "tracer": "FDG",
        "centre": "A",
        "target": "liver",
        "instance": "",
        "size": "",
        "method": method,
        "draw": 0,
        "prompting": "target" if click == 0 else "clicks",
        "click": click,
        "points": click,
        "dsc": dsc,
        "nsd": dsc / 2,
        "nsd_monai": dsc / 4,
        "hd95_mm": 10.0,
        "volume_ml": 110.0,
        "reference_ml": 100.0,
        "volume_error_pct": 10.0,
        "suvmax_error_pct": 0.0,
        "tlg_error_pct": 5.0,
        "lesion_f1": _NAN,
        "fp_ml": _NAN,
        "fn_ml": _NAN,
    } | more


def _costs(rows: list[Row]) -> pd.DataFrame:
    keys = ("case", "target", "instance", "method", "draw")
    seconds = {"start_s": 2.0, "first_click_s": 0.5, "later_click_s": _NAN, "points": 3, "peak_mb": 100.0}
    each = {tuple(row[key] for key in keys): row for row in rows}
    return pd.DataFrame([{key: row[key] for key in keys} | seconds for row in each.values()])


@pytest.fixture
def row() -> Callable[..., Row]:
    """Make a row: `row(case, method, dsc, target=…, click=…)`; the rest is that of a liver."""
    return _row


@pytest.fixture
def frames() -> Callable[[list[Row]], tuple[pd.DataFrame, pd.DataFrame]]:
    """Make both tables of rows."""
    return lambda rows: (pd.DataFrame(rows), _costs(rows))


@pytest.fixture
def results_of() -> Callable[..., Results]:
    """Make results of rows."""

    def make(rows: list[Row], skipped: list[dict[str, str]] | None = None) -> Results:
        return Results.of(pd.DataFrame(rows), _costs(rows), skipped or [])

    return make


@pytest.fixture
def three_cases(row: Callable[..., Row]) -> list[Row]:
    """Three cases and two methods, one click: A has 0.9, 0.8, 0.7 on the liver, B 0.8, 0.6, 0.4; on the spleen 0.5."""
    livers = {"A": (0.9, 0.8, 0.7), "B": (0.8, 0.6, 0.4)}
    return [
        row(f"c{n}", method, dsc, target=target)
        for n in range(3)
        for method in livers
        for target, dsc in (("liver", livers[method][n]), ("spleen", 0.5))
    ]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Figures as they are when they are saved."""
    figures: list[Figure] = []
    save = Figure.savefig

    def remember(self: Figure, *args: Any, **kwargs: Any) -> None:
        figures.append(self)
        save(self, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", remember)
    return figures
