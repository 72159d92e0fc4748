"""`Anatomy`: where which tissue lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seganypet.errors import GeometryError, UsageError
from seganypet.volume import Affine, BoolArray, check_affine

LabelArray = npt.NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A body as a label map of disjoint tissues.

    Attributes:
        label_map: int16 [I, J, K], 0 outside the body, read-only.
        affine: float64 [4, 4], voxel index to RAS+ world in mm.
        names: Name of every id that occurs in the map, in TotalSegmentator's style.

    Raises:
        GeometryError: The map is not 3D, or the affine is unusable.
        UsageError: The map holds an id without a name.
    """

    label_map: LabelArray
    affine: Affine
    names: dict[int, str]

    def __post_init__(self) -> None:
        if self.label_map.ndim != 3:
            raise GeometryError(f"label map of shape {self.label_map.shape}; expected 3 dimensions (i, j, k)")
        label_map = np.array(self.label_map, dtype=np.int16)
        present = np.flatnonzero(np.bincount(np.clip(label_map, 0, None).ravel()))
        unnamed = [int(identifier) for identifier in present if identifier and identifier not in self.names]
        if unnamed:
            raise UsageError(f"label map holds ids {unnamed} without a name; add them to names")
        label_map.setflags(write=False)
        object.__setattr__(self, "label_map", label_map)
        object.__setattr__(self, "affine", check_affine(self.affine))

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel size along i, j, k, in mm."""
        i, j, k = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(i), float(j), float(k)

    @property
    def body(self) -> BoolArray:
        """Mask of the body, bool [I, J, K]."""
        body: BoolArray = self.label_map > 0
        return body

    def mask(self, *names: str) -> BoolArray:
        """Return the voxels of the tissues with these names, bool [I, J, K]; none where absent."""
        ids = [identifier for identifier, name in self.names.items() if name in names]
        mask: BoolArray = np.isin(self.label_map, ids)
        return mask
