"""What all figures of a report share: colours that colour-blind readers can tell apart, and how they are saved."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito 2008, "Color Universal Design"; without their yellow, which is too pale for lines on white.
_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_DASHES: Final = ("-", "--", "-.", ":")
_MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X")
_HATCHES: Final = ("", "///", "...", "xxx")
REFERENCE: Final = "#000000"
DPI: Final = 130
_LOOKS: Final = {
    "text.parse_math": False,  # a method may have a "$" in its name
    "font.family": "DejaVu Sans",  # comes with matplotlib, so it is the same everywhere
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
}


class Look(NamedTuple):
    """How a method looks in all figures; what colours repeat, dashes and hatches tell apart."""

    colour: str
    dash: str
    marker: str
    hatch: str


def look_of(number: int) -> Look:
    """Return the look of the n-th method."""
    again = number // len(_COLOURS)
    return Look(
        _COLOURS[number % len(_COLOURS)],
        _DASHES[again % len(_DASHES)],
        _MARKERS[(number + again) % len(_MARKERS)],
        _HATCHES[again % len(_HATCHES)],
    )


def label_of(method: str) -> str:
    """Return a label that a legend shows: matplotlib hides those that begin with an underscore."""
    return f" {method}" if method.startswith("_") else method


def columns_for(labels: Sequence[str], width: float) -> int:
    """Return how many columns a legend of these labels may have in a width in inches."""
    longest = max((len(label) for label in labels), default=1)
    return max(1, min(len(labels), int(width / (0.075 * longest + 0.75))))


@contextmanager
def drawing(width: float, height: float) -> Iterator[Figure]:
    """Give an empty figure of a size in inches; whatever the user's settings of matplotlib are, it looks the same."""
    import matplotlib.style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.style.context(["default", dict(_LOOKS)]):
        figure = Figure(figsize=(width, height), facecolor="white", layout="constrained")
        FigureCanvasAgg(figure)
        yield figure


def png_of(figure: Figure) -> bytes:
    """Return a figure as PNG, without date and version, so that the same figure has the same bytes."""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=DPI, metadata={"Software": None})
    return data.getvalue()


def legend_below(figure: Figure, handles: Sequence[Any], labels: Sequence[str], width: float) -> None:
    """Draw a legend under all axes."""
    shown = [label_of(label) for label in labels]
    figure.legend(handles, shown, loc="outside lower center", ncols=columns_for(shown, width))


def without_ticks(axes: Axes) -> None:
    """Take away what belongs to axes and not to images."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
