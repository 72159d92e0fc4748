"""The random walker, seeded by clicks: the classical method that can be corrected."""

from __future__ import annotations

import importlib.util
import warnings
from typing import Final

import numpy as np
import numpy.typing as npt

from seganypet.errors import UsageError
from seganypet.prompts import Click
from seganypet.volume import BoolArray, Volume

# How far the walk goes around the clicks; what lies on its faces is background.
_REACH_MM: Final = 48.0
_BACKGROUND, _TARGET = 1, 2
_TOLERANCE: Final = 1e-3


class RandomWalkerMethod:
    """Random walks between the clicks and a box around them (Grady, IEEE TPAMI 2006, doi:10.1109/TPAMI.2006.233).

    A voxel belongs to the target if a walk from it, along which steps between unlike voxels are rare, is more likely to
    meet a positive click than a negative one or the faces of the box. By scikit-image, on log(1 + SUV).

    Args:
        beta: How much unlike neighbours keep a walk from crossing; of 30, 130, 500 and 2,000 the last two
            were alike and best on a simulated scan that no table uses; the default lies between them.

    Raises:
        UsageError: scikit-image is not installed, or beta is not positive.
    """

    def __init__(self, beta: float = 1000.0) -> None:
        if importlib.util.find_spec("skimage") is None:
            raise UsageError('the random walker needs scikit-image; pip install "seganypet[evaluate]"')
        if not beta > 0:
            raise UsageError(f"beta is {beta}; expected a number above 0")
        self._beta = beta

    def start(self, volume: Volume) -> None:
        """Take a volume; forget all clicks."""
        self._volume = volume
        self.restart()

    def restart(self) -> None:
        """Forget all clicks, keep the volume."""
        self._clicks: list[Click] = []

    def click(self, click: Click) -> BoolArray:
        """Return the mask after one more click."""
        self._clicks.append(click)
        volume = self._volume
        at = np.round([c.ijk for c in self._clicks]).astype(int)
        reach = np.ceil(_REACH_MM / np.asarray(volume.spacing_mm)).astype(int)
        low = np.maximum(at.min(axis=0) - reach, 0)
        high = np.minimum(at.max(axis=0) + reach + 1, volume.shape)
        box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        mask = np.zeros(volume.shape, dtype=np.bool_)
        mask[box] = self._walk(np.log1p(np.maximum(volume.array[box], 0)), at - low)
        return mask

    def _walk(self, image: npt.NDArray[np.floating], at: npt.NDArray[np.int_]) -> BoolArray:
        """Return the target in a box, given where the clicks lie in it."""
        from skimage.segmentation import random_walker

        seeds = np.full(image.shape, _BACKGROUND, dtype=np.int8)
        seeds[tuple(slice(1, n - 1) for n in image.shape)] = 0
        for click, (i, j, k) in zip(self._clicks, at, strict=True):
            seeds[i, j, k] = _TARGET if click.positive else _BACKGROUND
        spacing_mm = np.asarray(self._volume.spacing_mm)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of faster solvers that are not installed
            labels = random_walker(
                image,
                seeds,
                beta=self._beta,
                mode="cg_j",
                tol=_TOLERANCE,
                spacing=spacing_mm / spacing_mm.min(),
            )
        inside: BoolArray = labels == _TARGET
        return inside
