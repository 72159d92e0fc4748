"""One picture of a labelled scan: maximum-intensity projections with lesions outlined, and its organs in colour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from seganypet.analysis.organ_colours import LabelArray, Paint, organ_projection, paints_in
from seganypet.analysis.views import Box, Hanging, Plane, body_box, columns_and_rows, letters, outline
from seganypet.analysis.views import projection as shadow
from seganypet.errors import GeometryError, OutputError
from seganypet.volume import BoolArray, FloatArray, Volume

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

_LESION_COLOUR: Final = "#ff0033"
_PLANES: Final[tuple[Plane, ...]] = ("coronal", "sagittal")
# SUV shown black, at least and at most, and the share of the body's voxels that may exceed it.
_NARROWEST_SUV, _WIDEST_SUV, _BRIGHT_PERCENT = 5.0, 10.0, 1.0
_AIR_SUV, _MARGIN_MM = 0.3, 12.0
# Sizes in inches.
_HEIGHT, _WIDEST, _HEADING, _FOOT, _EDGE, _GAP, _BAR = 7.0, 4.2, 0.62, 0.72, 0.15, 0.08, 0.6
_DPI = 110


def maximum_intensity_projection(volume: Volume, plane: Plane) -> FloatArray:
    """Return the highest SUV along each line of sight, float32 [rows, columns].

    Rows run downwards and columns to the right as a radiologist hangs the view: head up, the patient's left on the
    right of a coronal view, the front on the left of a sagittal one.

    Args:
        volume: SUV, stored in any orientation.
        plane: "coronal", "sagittal" or "axial".
    """
    projected: FloatArray = shadow(Hanging.of(volume).array(volume.array), plane)
    return projected


def save_preview(
    volume: Volume,
    label_map: LabelArray,
    lesions: LabelArray,
    labels: Mapping[str, Sequence[int]],
    path: str | Path,
    *,
    title: str,
) -> None:
    """Write a PNG of a labelled scan.

    Left, coronal and sagittal maximum-intensity projection in inverted grey with the shadows of the lesions
    outlined; right, the organs in colour. Lengths are true in mm; the patient's left is on the right.

    Args:
        volume: SUV.
        label_map: Organ ids [I, J, K].
        lesions: Lesion ids [I, J, K], 0 elsewhere.
        labels: {name: ids} of the label map.
        path: A .png file.
        title: Heading.

    Raises:
        GeometryError: A map is not of the volume's shape.
        OutputError: Another suffix, or a file that cannot be written.
    """
    from seganypet.io.write import atomic_path

    path = Path(path)
    if path.suffix.lower() != ".png":
        raise OutputError(f"{path}: unknown suffix {path.suffix!r}; use a name that ends in .png")
    _check_shape(label_map, volume, "label map")
    _check_shape(lesions, volume, "lesion map")
    figure = _draw(volume, label_map, lesions, labels, title)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=_DPI, metadata={"Software": None})


def _draw(
    volume: Volume,
    label_map: LabelArray,
    lesions: LabelArray,
    labels: Mapping[str, Sequence[int]],
    title: str,
) -> Figure:
    """Return the figure: four panels of one scale, their widths the body's."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    hanging = Hanging.of(volume)
    box = _shown(hanging.array(volume.array), hanging.array(label_map), hanging.spacing_mm)
    sizes_mm = [(last - first + 1) * mm for (first, last), mm in zip(box, hanging.spacing_mm, strict=True)]
    scale = min(_HEIGHT / sizes_mm[2], _WIDEST / max(sizes_mm[:2]))
    widths = [sizes_mm[columns_and_rows(plane)[0]] * scale for plane in _PLANES]
    tall = sizes_mm[2] * scale
    width = 2 * sum(widths) + 3 * _GAP + 2 * _EDGE + _BAR
    height = tall + _HEADING + _FOOT
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    marked = hanging.array(lesions) > 0
    left = _EDGE
    for organs in (False, True):
        for plane, wide in zip(_PLANES, widths, strict=True):
            axes = figure.add_axes((left / width, _FOOT / height, wide / width, tall / height))
            if organs:
                pixels: npt.NDArray[Any] = organ_projection(label_map, labels, volume, plane)
            else:
                pixels = maximum_intensity_projection(volume, plane)
            image = _draw_view(axes, hanging, plane, pixels, _window_suv(volume.array), box)
            _draw_outline(axes, hanging, plane, shadow(marked, plane))
            axes.set_title(f"{plane.capitalize()} {'organs' if organs else 'MIP'}", fontsize=9, pad=3)
            left += wide + _GAP
            if (organs, plane) == (False, _PLANES[-1]):
                _draw_bar(figure, image, left / width, (_FOOT + tall / 4) / height, tall / 2 / height, width)
                left += _BAR
    figure.text(_EDGE / width, 1 - 0.1 / height, title, fontsize=11, weight="bold", va="top")
    _draw_legend(figure, paints_in(label_map, labels), bool(marked.any()))
    return figure


def _shown(suv: FloatArray, label_map: LabelArray, spacing_mm: Sequence[float]) -> Box:
    """Return the box of the body, in the image and in the labels, with a margin."""
    box = []
    for axis, (first, last) in enumerate(body_box(suv, above_suv=_AIR_SUV)):
        margin = round(_MARGIN_MM / spacing_mm[axis])
        others = tuple(other for other in range(3) if other != axis)
        labelled = np.flatnonzero((label_map > 0).any(axis=others))
        ends = [first, last, *([labelled[0], labelled[-1]] if labelled.size else [])]
        box.append((max(int(min(ends)) - margin, 0), min(int(max(ends)) + margin, suv.shape[axis] - 1)))
    return box


def _window_suv(suv: FloatArray) -> float:
    """Return the SUV shown black."""
    body = suv[suv > _AIR_SUV]
    bright = float(np.percentile(body, 100 - _BRIGHT_PERCENT)) if body.size else 0.0
    return float(np.clip(np.ceil(bright), _NARROWEST_SUV, _WIDEST_SUV))


def _draw_view(
    axes: Axes, hanging: Hanging, plane: Plane, pixels: npt.NDArray[Any], window_suv: float, box: Box
) -> AxesImage:
    """Draw pixels with axes in mm, the centre of the first as origin, and the letters of the sides."""
    dx, dy = _pixel_mm(hanging, plane)
    rows, columns = pixels.shape[:2]
    image = axes.imshow(
        pixels,
        cmap="gray_r",
        vmin=0.0,
        vmax=window_suv,
        extent=(-0.5 * dx, (columns - 0.5) * dx, (rows - 0.5) * dy, -0.5 * dy),
        interpolation="bilinear",
        aspect="equal",
    )
    (left, right), (top, bottom) = (box[axis] for axis in columns_and_rows(plane))
    axes.set_xlim((left - 0.5) * dx, (right + 0.5) * dx)
    axes.set_ylim((bottom + 0.5) * dy, (top - 0.5) * dy)
    axes.set_xticks([])
    axes.set_yticks([])
    for side, x, letter in (("left", 0.02, letters(plane)[0]), ("right", 0.98, letters(plane)[1])):
        axes.text(x, 0.99, letter, transform=axes.transAxes, ha=side, va="top", size=10, weight="bold")
    return image


def _draw_outline(axes: Axes, hanging: Hanging, plane: Plane, mask: BoolArray) -> None:
    from matplotlib.collections import LineCollection

    segments = outline(mask) * np.array(_pixel_mm(hanging, plane))
    axes.add_collection(LineCollection(list(segments), colors=_LESION_COLOUR, linewidths=0.9))


def _draw_bar(
    figure: Figure, image: AxesImage, left: float, bottom: float, height: float, width: float
) -> None:
    bar = figure.colorbar(image, cax=figure.add_axes((left, bottom, 0.1 / width, height)), extend="max")
    bar.set_label("SUVbw (g/ml)", fontsize=8, labelpad=1)
    bar.ax.tick_params(labelsize=7)


def _draw_legend(figure: Figure, paints: Iterable[Paint], with_lesions: bool) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [Patch(color=paint.colour, label=paint.title) for paint in paints]
    if with_lesions:
        handles.insert(0, Line2D([], [], color=_LESION_COLOUR, linewidth=1.4, label="lesions"))
    figure.legend(handles=handles, loc="lower center", ncols=8, fontsize=8, frameon=False, columnspacing=1.2)


def _pixel_mm(hanging: Hanging, plane: Plane) -> tuple[float, float]:
    columns, rows = columns_and_rows(plane)
    return hanging.spacing_mm[columns], hanging.spacing_mm[rows]


def _check_shape(array: LabelArray, volume: Volume, what: str) -> None:
    if array.shape != volume.shape:
        raise GeometryError(f"{what} of shape {array.shape} on a volume of shape {volume.shape}; resample it")
