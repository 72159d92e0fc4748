"""The clinic's habits as methods: one threshold, one click, no way to correct it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import numpy as np

from seganypet.analysis.thresholds import (
    fixed_threshold,
    liver_threshold,
    region_growing,
    threshold_41,
)
from seganypet.errors import MethodError
from seganypet.evaluation.methods.entry import Entry
from seganypet.evaluation.methods.interface import Prompting, Scan
from seganypet.prompts import Click
from seganypet.volume import BoolArray

Habit = Callable[[Scan, Click], BoolArray]


class ThresholdMethod:
    """What a threshold gives at the first click.

    It has no way to be corrected: joining the regions of several clicks, or taking away those of negative ones, made
    it worse on every target tried, so later clicks leave its mask as it is.

    Args:
        habit: What it does at the first click.
    """

    prompting: Prompting = "clicks"

    def __init__(self, habit: Habit) -> None:
        self._habit = habit

    def start(self, scan: Scan) -> None:
        """Take a scan; forget all clicks."""
        self._scan = scan
        self._mask: BoolArray | None = None

    def restart(self, target: str) -> BoolArray:
        """Forget all clicks, keep the scan; return an empty mask."""
        self._mask = None
        return np.zeros(self._scan.volume.shape, dtype=np.bool_)

    def click(self, click: Click) -> BoolArray:
        """Return the mask of the first click.

        Raises:
            MethodError: The threshold comes from the liver, and nobody has clicked it.
        """
        if self._mask is None:
            self._mask = self._habit(self._scan, click)
        return self._mask


def relative(scan: Scan, click: Click, fraction: float) -> BoolArray:
    """Return the voxels above a fraction of the lesion's SUVmax."""
    volume = scan.volume
    return threshold_41(volume.array, click.ijk, volume.spacing_mm, fraction=fraction)


def fixed(scan: Scan, click: Click, suv: float) -> BoolArray:
    """Return the voxels above an SUV."""
    return fixed_threshold(scan.volume.array, click.ijk, scan.volume.spacing_mm, suv=suv)


def percist(scan: Scan, click: Click) -> BoolArray:
    """Return the voxels above the threshold that the liver gives.

    Raises:
        MethodError: The scan shows no liver.
    """
    if scan.liver_ijk is None:
        raise MethodError(f"case {scan.case!r} has no liver to take the threshold from; leave percist out")
    volume = scan.volume
    return fixed(scan, click, liver_threshold(volume.array, scan.liver_ijk, volume.spacing_mm))


def grown(scan: Scan, click: Click) -> BoolArray:
    """Return the region that grows from the clicked voxel."""
    return region_growing(scan.volume.array, click.ijk)


HABITS: Final[Mapping[str, Habit]] = {
    "threshold41": partial(relative, fraction=0.41),
    "threshold50": partial(relative, fraction=0.5),
    "suv2.5": partial(fixed, suv=2.5),
    "suv4.0": partial(fixed, suv=4.0),
    "percist": percist,
    "region_growing": grown,
}
"""By the name that `--methods` takes."""

_TITLES: Final = {
    "threshold41": "41 % of SUVmax",
    "threshold50": "50 % of SUVmax",
    "suv2.5": "SUV 2.5",
    "suv4.0": "SUV 4.0",
    "percist": "PERCIST liver threshold",
    "region_growing": "region growing",
}


def _entry(name: str) -> Entry:
    return Entry(
        title=_TITLES[name],
        build=lambda argument, options: ThresholdMethod(HABITS[name]),
        prompt="1 point and 1 in the liver" if name == "percist" else "1 point",
        licence="ours",
        get="built in",
        tested="whole",
    )


ENTRIES = {name: _entry(name) for name in HABITS}
