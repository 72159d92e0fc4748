"""One picture of a segmentation: two projections of the whole scan, three slices through the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from seganypet.analysis.quantification import measure
from seganypet.analysis.scene import ClickLike, Point, Scene, scene_of
from seganypet.analysis.views import Plane, across, columns_and_rows, letters, outline, projection, slice_at
from seganypet.errors import OutputError
from seganypet.volume import BoolArray, Mask, Volume

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

_UNIT = "SUVbw (g/ml)"
_FOOTNOTE = "Research use only. Not a medical device."
_COLOURS = ("#e6194b", "#0072e5", "#f58231", "#911eb4", "#00a0a0", "#808000")
_POSITIVE, _NEGATIVE = "#00b530", "#ff00ff"
_PROJECTIONS: tuple[Plane, ...] = ("coronal", "sagittal")
_SLICES: tuple[Plane, ...] = ("axial", "coronal", "sagittal")
# Sizes in inches.
_HEIGHT, _HEADING, _LEGEND_ROW, _SLICE_WIDTH, _COLOUR_BAR, _EDGE = 7.2, 0.85, 0.24, 3.9, 0.9, 0.25
_CHARACTER, _HANDLE, _WIDEST = 0.078, 0.75, 4.4
_DPI = 130


def save_figure(
    volume: Volume,
    masks: Mapping[str, Mask],
    clicks: Sequence[ClickLike],
    path: str | Path,
    *,
    title: str | None = None,
) -> None:
    """Write a PNG of a scan with outlined masks and clicks.

    Left, the whole scan in coronal and sagittal maximum-intensity projection; right, axial, coronal and sagittal
    slices through the newest positive click, or through the centre of the masks. The patient's left is on the right.

    Args:
        volume: SUV.
        masks: By name; on the volume's grid.
        clicks: In voxels of the volume; a slice shows those within one voxel.
        path: A .png file.
        title: Heading; the volume's file name by default.

    Raises:
        GeometryError: A mask is on another grid.
        PromptError: A click lies outside the volume.
        UsageError: Neither masks nor clicks are given.
        OutputError: Another suffix, or a file that cannot be written.
    """
    from seganypet.io.write import atomic_path

    path = Path(path)
    if path.suffix.lower() != ".png":
        raise OutputError(f"{path}: unknown suffix {path.suffix!r}; use a name that ends in .png")
    scene = scene_of(volume, masks, clicks)
    texts = [_described(name, volume, mask) for name, mask in masks.items()]
    figure = _draw(scene, Path(volume.source.path).name if title is None else title, texts)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=_DPI)


def _draw(scene: Scene, title: str, texts: Sequence[str]) -> Figure:
    """Return the figure; its width follows the body's."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    widths = _widths(scene)
    width = sum(widths) + 2 * _EDGE + _COLOUR_BAR
    handles = _legend_handles(scene, texts)
    longest = max(len(str(handle.get_label())) for handle in handles)
    columns = max(1, int((width - 2 * _EDGE) / (longest * _CHARACTER + _HANDLE)))
    legend = _LEGEND_ROW * -(-len(handles) // columns) + _EDGE
    height = _HEADING + _HEIGHT + legend
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(
        1,
        3,
        width_ratios=widths,
        left=_EDGE / width,
        right=1 - (_EDGE + _COLOUR_BAR) / width,
        top=1 - _HEADING / height,
        bottom=legend / height,
        wspace=0.04,
    )
    for column, plane in enumerate(_PROJECTIONS):
        _draw_projection(figure.add_subplot(grid[0, column]), scene, plane)
    rows = grid[0, 2].subgridspec(3, 1, hspace=0.14)
    for row, plane in enumerate(_SLICES):
        image = _draw_slice(figure.add_subplot(rows[row, 0]), scene, plane)
    bar = figure.colorbar(image, cax=figure.add_axes((1 - 0.8 / width, 0.3, 0.14 / width, 0.4)), extend="max")
    bar.set_label(_UNIT, fontsize=9)
    bar.ax.tick_params(labelsize=8)
    heading = figure.text(_EDGE / width, 1 - 0.2 / height, title, fontsize=13, weight="bold", va="top")
    figure.text(1 - _EDGE / width, 1 - 0.2 / height, _FOOTNOTE, fontsize=9, va="top", ha="right", color="0.3")
    names = figure.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0.0, 0.0),
        ncols=columns,
        fontsize=9,
        frameon=False,
        labelspacing=0.35,
    )
    for text in (heading, *names.get_texts()):
        text.set_parse_math(False)  # names are not ours: two $ are no formula
    return figure


def _widths(scene: Scene) -> list[float]:
    """Return the widths of coronal projection, sagittal projection and slices, in inches."""
    width_mm, depth_mm, length_mm = (
        (last - first + 1) * mm for (first, last), mm in zip(scene.whole, scene.spacing_mm, strict=True)
    )
    inches_per_mm = min(_HEIGHT / length_mm, _WIDEST / max(width_mm, depth_mm))
    return [max(width_mm * inches_per_mm, 1.5), max(depth_mm * inches_per_mm, 1.5), _SLICE_WIDTH]


def _draw_projection(axes: Axes, scene: Scene, plane: Plane) -> None:
    axes.set_title(f"{plane.capitalize()} MIP", fontsize=10)
    _draw_image(axes, scene, plane, projection(scene.suv, plane))
    for colour, mask in zip(_colours(scene), scene.masks.values(), strict=True):
        _draw_outline(axes, scene, plane, projection(mask, plane), colour, 1.1)
    _draw_clicks(axes, scene, plane, scene.clicks, 7)
    _limit(axes, scene, plane, scene.whole)


def _draw_slice(axes: Axes, scene: Scene, plane: Plane) -> AxesImage:
    axis = across(plane)
    index = scene.centre[axis]
    axes.set_title(f"{plane.capitalize()}, {scene.position(plane)}", fontsize=10)
    image = _draw_image(axes, scene, plane, slice_at(scene.suv, plane, index))
    for colour, mask in zip(_colours(scene), scene.masks.values(), strict=True):
        _draw_outline(axes, scene, plane, slice_at(mask, plane, index), colour, 1.4)
    near = [(point, positive) for point, positive in scene.clicks if abs(point[axis] - index) <= 1]
    _draw_clicks(axes, scene, plane, near, 10)
    _limit(axes, scene, plane, scene.near)
    return image


def _draw_image(axes: Axes, scene: Scene, plane: Plane, pixels: npt.NDArray[Any]) -> AxesImage:
    """Draw pixels with axes in mm; the centre of the first is the origin."""
    rows, columns = pixels.shape
    dx, dy = _pixel_mm(scene, plane)
    image = axes.imshow(
        pixels,
        cmap="gray_r",
        vmin=0.0,
        vmax=scene.window_suv,
        extent=(-0.5 * dx, (columns - 0.5) * dx, (rows - 0.5) * dy, -0.5 * dy),
        interpolation="bilinear",
        aspect="equal",
    )
    axes.set_xticks([])
    axes.set_yticks([])
    left, right, top, bottom = letters(plane)
    for x, y, letter, horizontal, vertical in (
        (0.02, 0.5, left, "left", "center"),
        (0.98, 0.5, right, "right", "center"),
        (0.5, 0.985, top, "center", "top"),
        (0.5, 0.015, bottom, "center", "bottom"),
    ):
        axes.text(
            x,
            y,
            letter,
            transform=axes.transAxes,
            ha=horizontal,
            va=vertical,
            size=9,
            weight="bold",
            path_effects=_rim(2.5),
        )
    return image


def _draw_outline(axes: Axes, scene: Scene, plane: Plane, mask: BoolArray, colour: str, width: float) -> None:
    from matplotlib.collections import LineCollection

    segments = outline(mask) * np.array(_pixel_mm(scene, plane))
    axes.add_collection(
        LineCollection(list(segments), colors=colour, linewidths=width, capstyle="projecting")
    )


def _draw_clicks(
    axes: Axes, scene: Scene, plane: Plane, clicks: Sequence[tuple[Point, bool]], size: float
) -> None:
    columns, rows = columns_and_rows(plane)
    dx, dy = _pixel_mm(scene, plane)
    for point, positive in clicks:
        axes.plot(
            point[columns] * dx,
            point[rows] * dy,
            marker="+" if positive else "x",
            color=_POSITIVE if positive else _NEGATIVE,
            markersize=size if positive else 0.75 * size,
            markeredgewidth=1.8,
            path_effects=_rim(3.2),
        )


def _limit(axes: Axes, scene: Scene, plane: Plane, box: Sequence[tuple[int, int]]) -> None:
    """Show no more than a box."""
    dx, dy = _pixel_mm(scene, plane)
    (left, right), (top, bottom) = (box[axis] for axis in columns_and_rows(plane))
    axes.set_xlim((left - 0.5) * dx, (right + 0.5) * dx)
    axes.set_ylim((bottom + 0.5) * dy, (top - 0.5) * dy)


def _legend_handles(scene: Scene, texts: Sequence[str]) -> list[Any]:
    """Return one line per mask, and the marks of the clicks."""
    from matplotlib.lines import Line2D

    handles: list[Any] = [
        Line2D([], [], color=colour, linewidth=2, label=text)
        for colour, text in zip(_colours(scene), texts, strict=True)
    ]
    for positive, marker, colour in ((True, "+", _POSITIVE), (False, "x", _NEGATIVE)):
        if any(p == positive for _, p in scene.clicks):
            label = "positive click" if positive else "negative click"
            handles.append(
                Line2D([], [], color=colour, marker=marker, linestyle="none", ms=8, mew=2, label=label)
            )
    return handles


def _described(name: str, volume: Volume, mask: Mask) -> str:
    """Return a mask's name with what was measured in it."""
    found = measure(volume, mask)
    if found.suv_max is None:
        return f"{name}: empty"
    return f"{name}: {found.volume_ml:.1f} ml, SUVmax {found.suv_max:.1f}, SUVmean {found.suv_mean:.1f}"


def _pixel_mm(scene: Scene, plane: Plane) -> tuple[float, float]:
    """Return the width and height of a view's pixel, in mm."""
    columns, rows = columns_and_rows(plane)
    return scene.spacing_mm[columns], scene.spacing_mm[rows]


def _colours(scene: Scene) -> list[str]:
    return [_COLOURS[n % len(_COLOURS)] for n in range(len(scene.masks))]


def _rim(width: float) -> list[Any]:
    """Return a white rim, which keeps letters and marks visible on black uptake."""
    from matplotlib import patheffects

    return [patheffects.withStroke(linewidth=width, foreground="white")]
