"""The system matrix of a parallel-beam PET slice, from the projector of mbirtorch, with time of flight."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse, special

from seganypet.errors import UsageError
from seganypet.phantom.fields import FWHM_PER_SIGMA
from seganypet.volume import FloatArray

# Pixels projected by one call: as many "slices", each with one pixel lit.
_PIXELS_AT_ONCE = 128
# Half the speed of light in mm/ps: a difference in arrival of 1 ps moves the annihilation by 0.15 mm.
_MM_PER_PS = 0.1499
# Share of the time resolution that one time bin spans: 312 ps of 527 ps on the Biograph mCT.
_TIME_BIN_PER_FWHM = 0.6
_LEAST_TIME_WEIGHT = 2e-3
MISSING = (
    "mbirtorch, which projects for the faithful scanner, is not installed; run: pip install 'seganypet[osem]'"
)


@dataclass(frozen=True, kw_only=True)
class SliceGeometry:
    """How one transaxial slice is projected.

    Attributes:
        shape: Pixels along i and j.
        spacing_mm: Pixel size along i and j.
        angles: Projections over 180 degrees.
        radial_bin_mm: Width of a bin of a projection; the bins span the diagonal of the slice.
        time_resolution_ps: Coincidence time resolution, full width at half maximum; None without time of flight.
        subsets: Ordered subsets that the projections are dealt out to, angle by angle.
    """

    shape: tuple[int, int]
    spacing_mm: tuple[float, float]
    angles: int
    radial_bin_mm: float
    time_resolution_ps: float | None
    subsets: int

    @property
    def radial_bins(self) -> int:
        """Bins of one projection."""
        return int(np.ceil(self._diagonal_mm / self.radial_bin_mm)) + 2

    @property
    def time_bins(self) -> int:
        """Time bins of one line of response."""
        return max(len(self.time_edges_mm()) - 1, 1)

    @property
    def _diagonal_mm(self) -> float:
        rows, columns = self.shape
        return float(np.hypot(rows * self.spacing_mm[0], columns * self.spacing_mm[1]))

    def time_edges_mm(self) -> npt.NDArray[np.float64]:
        """Return where the time bins begin and end along a line of response; empty without time of flight."""
        if self.time_resolution_ps is None:
            return np.zeros(0)
        width_mm = _TIME_BIN_PER_FWHM * self.time_resolution_ps * _MM_PER_PS
        half = int(np.ceil((self._diagonal_mm / 2 + 2 * width_mm) / width_mm))
        return np.asarray(np.arange(-half, half + 1) * width_mm, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class SystemMatrix:
    """Line integrals of a slice, in mm: one sparse matrix per subset.

    Attributes:
        lines: Without time of flight; [angles of the subset x radial bins, pixels].
        timed: With it; [angles of the subset x time bins x radial bins, pixels]. The time bins of a line add
            up to the line.
        time_bins: Time bins; 1 without time of flight.
        radial_bins: Bins of one projection.
    """

    lines: tuple[Any, ...]
    timed: tuple[Any, ...]
    time_bins: int
    radial_bins: int

    def over_time(self, sinogram: FloatArray) -> FloatArray:
        """Return values per line, [angles x radial bins, slices], repeated for every time bin."""
        per_line = sinogram.reshape(-1, 1, self.radial_bins, sinogram.shape[-1])
        repeated = np.repeat(per_line, self.time_bins, axis=1)
        return np.asarray(repeated.reshape(-1, sinogram.shape[-1]))


@lru_cache(maxsize=1)
def system_matrix(geometry: SliceGeometry) -> SystemMatrix:
    """Return the system matrix of a slice; the last one is kept.

    Its elements are those of mbirtorch's parallel-beam projector (the overlap of the pixel's footprint with the
    bin). Time of flight splits each of them over the time bins by a Gaussian around the pixel's centre.

    Raises:
        UsageError: mbirtorch is not installed.
    """
    lines = _line_matrix(geometry)
    bins = geometry.radial_bins
    views = [lines[view * bins : (view + 1) * bins] for view in range(geometry.angles)]
    timed = views
    if geometry.time_resolution_ps is not None:
        along_mm = _along_line_mm(geometry)
        timed = [_split_over_time(view, along_mm[at], geometry) for at, view in enumerate(views)]
    return SystemMatrix(
        lines=_dealt_out(views, geometry.subsets),
        timed=_dealt_out(timed, geometry.subsets),
        time_bins=geometry.time_bins,
        radial_bins=bins,
    )


def _dealt_out(views: Sequence[Any], subsets: int) -> tuple[Any, ...]:
    return tuple(sparse.vstack(views[first::subsets], format="csr") for first in range(subsets))


def _angles(geometry: SliceGeometry) -> npt.NDArray[np.float64]:
    return np.asarray(np.arange(geometry.angles) * (np.pi / geometry.angles), dtype=np.float64)


def _line_matrix(geometry: SliceGeometry) -> Any:
    """All line integrals, CSR [angles x radial bins, pixels]."""
    import torch

    model = _projector(geometry)
    pixels = geometry.shape[0] * geometry.shape[1]
    one_pixel_each = torch.eye(_PIXELS_AT_ONCE)
    rows, columns, values = [], [], []
    for first in range(0, pixels, _PIXELS_AT_ONCE):
        indices = torch.arange(first, min(first + _PIXELS_AT_ONCE, pixels))
        sinogram = model.sparse_forward_project(one_pixel_each[: len(indices)], indices)
        view, pixel, radial = sinogram.nonzero(as_tuple=True)
        rows.append((view * geometry.radial_bins + radial).numpy().astype(np.int32))
        columns.append((pixel + first).numpy().astype(np.int32))
        values.append(sinogram[view, pixel, radial].numpy())
    elements = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.csr_matrix(elements, shape=(geometry.angles * geometry.radial_bins, pixels))


def _projector(geometry: SliceGeometry) -> Any:
    """The parallel-beam model of mbirtorch; it speaks of rows (here i) and columns (here j)."""
    try:
        with warnings.catch_warnings():
            # It warns where torch may use one thread only.
            warnings.simplefilter("ignore")
            mbirtorch = importlib.import_module("mbirtorch")
    except ImportError as error:
        raise UsageError(MISSING) from error
    row_mm, column_mm = geometry.spacing_mm
    shape = (geometry.angles, _PIXELS_AT_ONCE, geometry.radial_bins)
    model = mbirtorch.ParallelBeamModel(shape, _angles(geometry), compile_mode="off")
    model.configure_devices(devices=["cpu"])
    model.set_params(
        no_warning=True,
        delta_det_channel=geometry.radial_bin_mm,
        voxel_row_aspect=row_mm / column_mm,
    )
    model.set_params(no_warning=True, delta_voxel=column_mm, recon_shape=(*geometry.shape, _PIXELS_AT_ONCE))
    return model


def _along_line_mm(geometry: SliceGeometry) -> FloatArray:
    """Where each pixel lies along the lines of each view, from the centre, [angles, pixels]."""
    row_mm, column_mm = (
        (np.arange(n) - (n - 1) / 2) * s for n, s in zip(geometry.shape, geometry.spacing_mm, strict=True)
    )
    angles = _angles(geometry)[:, None, None]
    # mbirtorch's radial coordinate is cos * column - sin * row; this is the one across it.
    along = np.sin(angles) * column_mm[None, None, :] + np.cos(angles) * row_mm[None, :, None]
    return np.asarray(along.reshape(geometry.angles, -1), dtype=np.float32)


def _split_over_time(view: Any, along_mm: FloatArray, geometry: SliceGeometry) -> Any:
    """The lines of one view split over time bins, CSR [time bins x radial bins, pixels]."""
    sigma_mm = float(geometry.time_resolution_ps or 0) * _MM_PER_PS / FWHM_PER_SIGMA
    edges = (geometry.time_edges_mm()[:, None] - along_mm[None, :]) / sigma_mm
    weights = np.diff(special.ndtr(edges), axis=0)
    weights[weights < _LEAST_TIME_WEIGHT] = 0
    weights = (weights / weights.sum(axis=0)).astype(np.float32)
    blocks = []
    for weight in weights:
        block = view.copy()
        block.data = view.data * weight[view.indices]
        block.eliminate_zeros()
        blocks.append(block)
    return sparse.vstack(blocks, format="csr")
