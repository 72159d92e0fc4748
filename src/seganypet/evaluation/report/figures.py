"""Figures of Dice: by target and method as boxes, against clicks as lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from seganypet.evaluation.report.drawing import drawing, legend_below, look_of, png_of
from seganypet.evaluation.report.notes import shown
from seganypet.evaluation.report.prompting import points
from seganypet.evaluation.report.results import DOMAINS, Results, in_order, mean_of, of_targets

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BOXES_A_LINE: Final = 36
_WIDTH: Final = 10.0


def dice_boxes(results: Results, click: int) -> bytes | None:
    """Return box plots of Dice by target and method as PNG; None where there is nothing to show.

    Args:
        results: All of them.
        click: After which click; methods without clicks are shown as they are.
    """
    methods = [method for method in results.methods if len(results.after(method, click))]
    targets = in_order(t for m in methods for t in results.after(m, click)["target"])
    if not targets:
        return None
    each = max(1, min(len(targets), _BOXES_A_LINE // len(methods)))
    lines = -(-len(targets) // each)
    each = -(-len(targets) // lines)  # as many on each line
    with drawing(_WIDTH, 0.7 + 2.6 * lines) as figure:
        grid = figure.subplots(lines, 1, squeeze=False, sharey=True)
        handles: list[Any] = []
        for line, axes in enumerate(grid[:, 0]):
            handles = _boxes(axes, results, click, methods, targets[line * each : (line + 1) * each])
            axes.set_xlim(-0.5, each - 0.5)
        legend_below(figure, handles, methods, _WIDTH)
        return png_of(figure)


def dice_curves(results: Results) -> bytes | None:
    """Return mean Dice against clicks as PNG; None where no method was clicked.

    Bands are 95 % intervals, cases drawn with all of their targets. Methods without clicks are horizontal lines.

    Args:
        results: All of them.
    """
    most = results.clicks_made()
    parts = {title: results.domain(domain) for domain, title in DOMAINS.items()}
    parts = {title: part for title, part in parts.items() if part.clicks_made()}
    if not most or not parts:
        return None
    width = min(_WIDTH + 1, 1.2 + 4.2 * len(parts))
    with drawing(width, 4.2) as figure:
        grid = figure.subplots(1, len(parts), squeeze=False, sharey=True)
        handles: dict[str, Any] = {}
        for axes, (title, part) in zip(grid[0], parts.items(), strict=True):
            for number, method in enumerate(results.methods):
                line = _curve(axes, part, method, number, most)
                if line is not None:
                    handles[method] = line
            _dress(axes, title, most)
        grid[0, 0].set_ylabel("mean Dice (DSC)")
        names = [method for method in results.methods if method in handles]
        labels = [f"{name} (no click)" if results.automatic(name) else name for name in names]
        legend_below(figure, [handles[name] for name in names], labels, width)
        return png_of(figure)


def _boxes(
    axes: Axes, results: Results, click: int, methods: Sequence[str], targets: Sequence[str]
) -> list[Any]:
    """Draw the boxes of some targets; return one patch for each method."""
    from matplotlib.patches import Patch

    step = 0.84 / len(methods)
    handles = []
    for number, method in enumerate(methods):
        look = look_of(results.methods.index(method))
        found = of_targets(results.after(method, click), "dsc")
        values = [found.loc[found["target"] == target, "dsc"].to_numpy() for target in targets]
        places = [n - 0.42 + (number + 0.5) * step for n in range(len(targets))]
        axes.boxplot(
            values,
            positions=places,
            widths=0.8 * step,
            patch_artist=True,
            manage_ticks=False,
            boxprops={"facecolor": f"{look.colour}55", "edgecolor": look.colour, "hatch": look.hatch},
            medianprops={"color": look.colour, "linewidth": 2},
            whiskerprops={"color": look.colour},
            capprops={"color": look.colour},
            flierprops={"marker": "o", "markersize": 3, "markeredgecolor": look.colour},
        )
        handles.append(Patch(facecolor=f"{look.colour}55", edgecolor=look.colour, hatch=look.hatch))
    axes.set_xticks(range(len(targets)), [_broken(shown(target)) for target in targets])
    axes.tick_params(axis="x", length=0)
    axes.grid(False, axis="x")
    axes.set_ylim(-0.03, 1.03)
    axes.set_ylabel("Dice (DSC)")
    return handles


def _curve(axes: Axes, part: Results, method: str, number: int, most: int) -> Any:
    """Draw the line of one method; return it, or None where it has no results."""
    look = look_of(number)
    if part.automatic(method):
        found = mean_of(part.after(method, 0), "dsc")
        line = axes.axhline(found.value, color=look.colour, linestyle=(0, (6, 2, 1, 2)), linewidth=1.5)
        axes.axhspan(found.low, found.high, color=look.colour, alpha=0.08, linewidth=0)
        return line if found.targets else None
    clicks = [click for click in range(1, most + 1) if len(part.after(method, click))]
    if not clicks:
        return None
    means = [mean_of(part.after(method, click), "dsc") for click in clicks]
    (line,) = axes.plot(
        clicks,
        [found.value for found in means],
        color=look.colour,
        linestyle=look.dash,
        marker=look.marker,
        markersize=5,
        linewidth=1.6,
    )
    axes.fill_between(
        clicks,
        [found.low for found in means],
        [found.high for found in means],
        color=look.colour,
        alpha=0.15,
        linewidth=0,
    )
    return line


def _dress(axes: Axes, title: str, most: int) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_title(title)
    axes.set_xlabel("clicks")
    axes.set_xlim(0.8, most + 0.2)
    axes.set_ylim(0, 1.02)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _broken(name: str) -> str:
    """Return a name on lines of about twelve characters."""
    lines = [""]
    for word in name.split():
        fits = len(lines[-1]) + len(word) < 12
        lines = [*lines[:-1], f"{lines[-1]} {word}".strip()] if fits else [*lines, word]
    return "\n".join(line for line in lines if line)


def boxes_caption(click: int) -> str:
    """Return what stands below the box plots."""
    return (
        f"Dice by target and method after {points(click).replace('point', 'click')}; methods without clicks as they "
        "are. Box: middle half and median of the targets; whiskers: the farthest within 1.5 boxes; circles: targets "
        "beyond."
    )


CURVES_CAPTION: Final = (
    "Mean Dice against clicks, of organs the mean of the organs' means, with its 95 % interval (bootstrap over cases). "
    "Horizontal: methods without clicks."
)
