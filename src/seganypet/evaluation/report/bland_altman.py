"""Agreement of measured with reference volumes, after Bland and Altman (Lancet 1986;327:307–310)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seganypet.evaluation.report.drawing import REFERENCE, drawing, legend_below, look_of, png_of
from seganypet.evaluation.report.prompting import points
from seganypet.evaluation.report.results import DOMAINS, Results
from seganypet.evaluation.report.statistics import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CAPTION: Final = (
    "Bland–Altman plots of volumes after {clicks}: difference to the reference against the mean of both. Solid: mean "
    "difference; dashed: limits of agreement (± 1.96 standard deviations of the targets' differences; targets of one "
    "case are not independent). Where volumes span more than a factor of ten, differences are in per cent of the mean; "
    "an empty mask is then at −200 %."
)
_WIDE: Final = 10.0
_MARKS: Final = ("o", "s", "^")


class Agreement(NamedTuple):
    """Differences of two measurements.

    Attributes:
        mean: Of each pair, in ml.
        difference: The first minus the second, in ml, or in per cent of the mean.
        bias: Mean difference; NaN of nothing.
        low: Lower limit of agreement; NaN of fewer than two pairs.
        high: Upper limit.
    """

    mean: FloatArray
    difference: FloatArray
    bias: float
    low: float
    high: float


def agreement_of(ours_ml: FloatArray, reference_ml: FloatArray, *, relative: bool) -> Agreement:
    """Return the differences of volumes; pairs of which both are empty, or one is unknown, are left out.

    Args:
        ours_ml: Measured.
        reference_ml: Of the reference, in the same order.
        relative: Whether differences are in per cent of the mean of both.
    """
    mean, difference = (ours_ml + reference_ml) / 2, ours_ml - reference_ml
    valid = mean > 0
    mean, difference = mean[valid], difference[valid]
    if relative:
        difference = 100 * difference / mean
    bias = float(difference.mean()) if difference.size else math.nan
    spread = 1.96 * float(difference.std(ddof=1)) if difference.size > 1 else math.nan
    return Agreement(mean, difference, bias, bias - spread, bias + spread)


def caption(click: int) -> str:
    """Return what stands below the plots."""
    return _CAPTION.format(clicks=points(click).replace("point", "click"))


def is_wide(volumes_ml: FloatArray) -> bool:
    """Return whether the volumes that are not empty span more than a factor of ten."""
    there = volumes_ml[volumes_ml > 0]
    return bool(there.size) and float(there.max() / there.min()) > _WIDE


def bland_altman(results: Results, click: int) -> bytes | None:
    """Return a panel for each method as PNG; None where no volume is known.

    Args:
        results: All of them.
        click: After which click; methods without clicks are shown as they are.
    """
    volumes = {method: _volumes(results, method, click) for method in results.methods}
    volumes = {method: pairs for method, pairs in volumes.items() if len(pairs)}
    if not volumes:
        return None
    every = [pairs[name].to_numpy() for pairs in volumes.values() for name in ("reference_ml", "volume_ml")]
    relative = is_wide(np.concatenate(every))
    columns = min(3, len(volumes))
    lines = -(-len(volumes) // columns)
    width = max(5.0, 3.7 * columns)
    with drawing(width, 0.9 + 3.0 * lines) as figure:
        grid = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
        handles: dict[str, Any] = {}
        for axes, (method, pairs) in zip(grid.flat, volumes.items(), strict=False):
            handles |= _panel(axes, pairs, results.methods.index(method), relative=relative)
            axes.set_title(method)
            if relative:
                _on_decades(axes)
        for axes in list(grid.flat)[len(volumes) :]:
            axes.set_axis_off()
        for axes in grid[-1]:
            axes.set_xlabel("mean of both volumes, ml")
        for axes in grid[:, 0]:
            axes.set_ylabel(f"difference, {'% of the mean' if relative else 'ml'}")
        titles = [title for title in DOMAINS.values() if title in handles]
        legend_below(figure, [handles[title] for title in titles], titles, width)
        return png_of(figure)


def _volumes(results: Results, method: str, click: int) -> Any:
    """Return the volumes of each target with the title of its domain."""
    frames = []
    for domain, title in DOMAINS.items():
        rows = results.domain(domain).after(method, click).dropna(subset=["volume_ml", "reference_ml"])
        frames.append(rows[["volume_ml", "reference_ml"]].assign(domain=title))
    import pandas as pd

    return pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)


def _panel(axes: Axes, pairs: Any, number: int, *, relative: bool) -> dict[str, Any]:
    """Draw the points of each domain, and mean and limits of all; return a handle for each domain."""
    from matplotlib.lines import Line2D

    colour = look_of(number).colour
    handles = {}
    for mark, title in zip(_MARKS, DOMAINS.values(), strict=True):
        some = pairs[pairs["domain"] == title]
        if len(some):
            found = agreement_of(*_arrays(some), relative=relative)
            axes.plot(found.mean, found.difference, mark, color=colour, markersize=4, alpha=0.6, mew=0)
            handles[title] = Line2D([], [], linestyle="none", marker=mark, color="0.4", markersize=5)
    found = agreement_of(*_arrays(pairs), relative=relative)
    axes.axhline(0, color="0.6", linewidth=0.8)
    for value, dash in ((found.bias, "-"), (found.low, "--"), (found.high, "--")):
        if not math.isnan(value):
            axes.axhline(value, color=REFERENCE, linestyle=dash, linewidth=1.1)
            axes.annotate(
                f"{value:+.1f}".replace("-", "−"),
                (1.0, value),
                xycoords=("axes fraction", "data"),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
                annotation_clip=False,
                fontsize=8,
            )
    return handles


def _on_decades(axes: Axes) -> None:
    """Make volumes logarithmic, with plain numbers: 0.1, 1, 10."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda volume, _: f"{volume:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _arrays(pairs: Any) -> tuple[FloatArray, FloatArray]:
    return pairs["volume_ml"].to_numpy(dtype=float), pairs["reference_ml"].to_numpy(dtype=float)
