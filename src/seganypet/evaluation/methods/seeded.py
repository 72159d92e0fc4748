"""Random walker and watershed, seeded by clicks: classical methods that can be corrected. By scikit-image."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from seganypet.errors import UsageError
from seganypet.evaluation.methods.entry import Entry
from seganypet.evaluation.methods.interface import Prompting, Scan
from seganypet.prompts import Click
from seganypet.volume import BoolArray

Image = npt.NDArray[np.floating]
Seeds = npt.NDArray[np.int8]
Spacing = tuple[float, float, float]
Spread = Callable[[Image, Seeds, Spacing], npt.NDArray[np.integer]]

# How far it is looked around the clicks; what lies on the faces of that box is background.
_REACH_MM: Final = 48.0
_BACKGROUND, _TARGET = 1, 2
_TOLERANCE: Final = 1e-3
# How much unlike neighbours keep a walk from crossing; of 30, 130, 500 and 2,000 the last two were alike and best on a
# simulated scan that no table uses.
_BETA: Final = 1000.0


class SeededMethod:
    """Clicks and the faces of a box around them as seeds, which spread over log(1 + SUV) until they meet.

    Args:
        spread: How they do so.

    Raises:
        UsageError: scikit-image is not installed.
    """

    prompting: Prompting = "clicks"

    def __init__(self, spread: Spread) -> None:
        if importlib.util.find_spec("skimage") is None:
            raise UsageError(
                'random walker and watershed need scikit-image; pip install "seganypet[evaluate]"'
            )
        self._spread = spread

    def start(self, scan: Scan) -> None:
        """Take a scan; forget all clicks."""
        self._volume = scan.volume
        self._clicks: list[Click] = []

    def restart(self, target: str) -> BoolArray:
        """Forget all clicks, keep the scan; return an empty mask."""
        self._clicks = []
        return np.zeros(self._volume.shape, dtype=np.bool_)

    def click(self, click: Click) -> BoolArray:
        """Return the mask after one more click."""
        self._clicks.append(click)
        volume = self._volume
        at = np.round([c.ijk for c in self._clicks]).astype(int)
        reach = np.ceil(_REACH_MM / np.asarray(volume.spacing_mm)).astype(int)
        low = np.maximum(at.min(axis=0) - reach, 0)
        high = np.minimum(at.max(axis=0) + reach + 1, volume.shape)
        box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        seeds = self._seeds(tuple(int(n) for n in high - low), at - low)
        mask = np.zeros(volume.shape, dtype=np.bool_)
        image = np.log1p(np.maximum(volume.array[box], 0))
        mask[box] = self._spread(image, seeds, volume.spacing_mm) == _TARGET
        return mask

    def _seeds(self, shape: tuple[int, ...], at: npt.NDArray[np.int_]) -> Seeds:
        """Return the seeds in a box, given where the clicks lie in it."""
        seeds = np.full(shape, _BACKGROUND, dtype=np.int8)
        seeds[tuple(slice(1, n - 1) for n in shape)] = 0
        for click, (i, j, k) in zip(self._clicks, at, strict=True):
            seeds[i, j, k] = _TARGET if click.positive else _BACKGROUND
        return seeds


def random_walk(image: Image, seeds: Seeds, spacing_mm: Spacing) -> npt.NDArray[np.integer]:
    """Return the seed that a random walk from each voxel is most likely to meet first.

    Steps between unlike voxels are rare (Grady, IEEE TPAMI 2006, doi:10.1109/TPAMI.2006.233).

    Args:
        image: [I, J, K].
        seeds: Labels above 0 where they are known, else 0.
        spacing_mm: Voxel size along i, j, k.
    """
    from skimage.segmentation import random_walker

    spacing = np.asarray(spacing_mm)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of faster solvers that are not installed
        labels: npt.NDArray[np.integer] = random_walker(
            image, seeds, beta=_BETA, mode="cg_j", tol=_TOLERANCE, spacing=spacing / spacing.min()
        )
    return labels


def watershed(image: Image, seeds: Seeds, spacing_mm: Spacing) -> npt.NDArray[np.integer]:
    """Return the seed whose basin each voxel lies in: floods of the gradient's size rise from all seeds and meet.

    (Meyer, Signal Processing 1994, doi:10.1016/0165-1684(94)90060-4.)

    Args:
        image: [I, J, K].
        seeds: Labels above 0 where they are known, else 0.
        spacing_mm: Voxel size along i, j, k.
    """
    from skimage.segmentation import watershed as flood

    slopes = [ndimage.sobel(image, axis=axis, mode="nearest") / mm for axis, mm in enumerate(spacing_mm)]
    steepness = np.sqrt(sum(slope**2 for slope in slopes))
    labels: npt.NDArray[np.integer] = flood(steepness, seeds)  # type: ignore[no-untyped-call]
    return labels


SPREADS: Final[Mapping[str, Spread]] = {"random_walker": random_walk, "watershed": watershed}
"""By the name that `--methods` takes."""


def _entry(name: str) -> Entry:
    return Entry(
        title=name.replace("_", " "),
        build=lambda argument, options: SeededMethod(SPREADS[name]),
        prompt="1 point",
        licence="BSD-3-Clause (scikit-image)",
        get='pip install "seganypet[evaluate]"',
        tested="whole",
    )


ENTRIES = {name: _entry(name) for name in SPREADS}
