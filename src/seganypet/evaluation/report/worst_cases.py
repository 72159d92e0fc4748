"""A figure of the worst results: slices of the PET with the outlines of reference and prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from seganypet.analysis.views import outline
from seganypet.errors import GeometryError
from seganypet.evaluation.report.drawing import drawing, legend_below, png_of, without_ticks
from seganypet.volume import BoolArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST: Final = 6
CAPTION: Final = (
    "The worst results of the first method, after its last click. Thick orange: the reference; thin blue: the "
    "prediction."
)
_REFERENCE, _PREDICTION = "#d55e00", "#0072b2"
_WIDTH, _HEIGHT = 3.1, 3.2
_THICK, _THIN = 2.6, 1.2
_TITLE_LINE: Final = 44


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """One slice of a scan, as it is shown: rows run downwards, columns to the right.

    Attributes:
        suv: float [rows, columns].
        reference: bool [rows, columns].
        prediction: bool [rows, columns].
        pixel_mm: Height and width of a pixel.
        title: What it is, such as "axial, k = 31".
    """

    suv: npt.NDArray[np.floating[Any]]
    reference: BoolArray
    prediction: BoolArray
    pixel_mm: tuple[float, float] = (1.0, 1.0)
    title: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class WorstCase:
    """One target that a method segmented badly.

    Attributes:
        title: Case, target, method, Dice.
        views: One slice, or three planes.
    """

    title: str
    views: Sequence[View]


def worst_cases(cases: Sequence[WorstCase]) -> bytes | None:
    """Return the slices of up to six targets as PNG; None of none.

    The grey goes from 0 to the 99.5th percentile of the case's slices, but to no less than SUV 2.

    Args:
        cases: Worst first; those after the sixth are not shown.

    Raises:
        GeometryError: A slice is not two-dimensional, or a mask of another shape.
    """
    chosen = [case for case in cases if case.views][:MOST]
    if not chosen:
        return None
    for case in chosen:
        _check(case)
    from matplotlib.lines import Line2D

    views = max(len(case.views) for case in chosen)
    across = max(1, min(len(chosen), 3 // views))
    lines = -(-len(chosen) // across)
    width = across * (views * _WIDTH if views > 1 else _WIDTH + 0.4)
    with drawing(max(width, 4.5), 0.5 + lines * (_HEIGHT + 0.3)) as figure:
        blocks = np.atleast_1d(figure.subfigures(lines, across, squeeze=False).ravel())
        for block, case in zip(blocks, chosen, strict=False):
            block.suptitle(_folded(case.title, _TITLE_LINE * views), fontsize=9)
            window = _window_suv(case)
            for axes, view in zip(
                block.subplots(1, len(case.views), squeeze=False)[0], case.views, strict=True
            ):
                _draw(axes, view, window)
        handles = [
            Line2D([], [], color=_REFERENCE, linewidth=_THICK),
            Line2D([], [], color=_PREDICTION, linewidth=_THIN),
        ]
        legend_below(figure, handles, ["reference", "prediction"], 4.5)
        return png_of(figure)


def _draw(axes: Axes, view: View, window_suv: float) -> None:
    from matplotlib.collections import LineCollection

    height, width = view.pixel_mm
    rows, columns = view.suv.shape
    axes.imshow(
        view.suv,
        cmap="gray_r",
        vmin=0.0,
        vmax=window_suv,
        extent=(-0.5 * width, (columns - 0.5) * width, (rows - 0.5) * height, -0.5 * height),
        interpolation="bilinear",
        aspect="equal",
    )
    for mask, colour, thick in (
        (view.reference, _REFERENCE, _THICK),
        (view.prediction, _PREDICTION, _THIN),
    ):
        segments = outline(mask) * np.array([width, height])
        axes.add_collection(
            LineCollection(list(segments), colors=colour, linewidths=thick, capstyle="projecting")
        )
    without_ticks(axes)
    axes.set_title(f"{view.title}{', ' if view.title else ''}0–{window_suv:.1f} SUV", fontsize=8)


def _window_suv(case: WorstCase) -> float:
    """Return the SUV that is shown black."""
    values = np.concatenate([np.asarray(view.suv, dtype=np.float64).ravel() for view in case.views])
    finite = values[np.isfinite(values)]
    return max(2.0, float(np.percentile(finite, 99.5))) if finite.size else 2.0


def _check(case: WorstCase) -> None:
    for view in case.views:
        shapes = {np.shape(view.suv), np.shape(view.reference), np.shape(view.prediction)}
        if len(shapes) > 1 or len(np.shape(view.suv)) != 2:
            found = ", ".join(map(str, sorted(shapes)))
            raise GeometryError(
                f"worst case {case.title!r}: slices of shape {found}; give three of one shape [rows, columns]"
            )


def _folded(title: str, width: int) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(title, width))
