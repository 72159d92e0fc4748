"""`Room`: which tissue a lesion may occupy, and how much of it there is around a place."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seganypet.phantom.anatomy.body_map import LabelArray
from seganypet.phantom.lesions.candidates import BodyVoxels, Indices
from seganypet.phantom.lesions.solids import radius_mm
from seganypet.phantom.lesions.stations import STATIONS

_POINTS = 160
# Even in a ball of radius 1: the directions are random, the distances are not.
_BALL = np.random.default_rng(0).normal(size=(_POINTS, 3))
_BALL *= (np.linspace(0.01, 1, _POINTS) ** (1 / 3) / np.linalg.norm(_BALL, axis=1))[:, None]


class Room:
    """What a lesion of a body may occupy.

    Args:
        body: The body's voxels.
    """

    def __init__(self, body: BodyVoxels) -> None:
        self._body = body
        self._spacing = np.array(body.anatomy.spacing_mm)
        self._confined: dict[tuple[str, str, bool], tuple[str, ...]] = {}
        self._tables: dict[tuple[str, ...], npt.NDArray[np.bool_]] = {}

    def host(self, voxel: Indices) -> str:
        """Return the name of the tissue at a voxel of the body."""
        anatomy = self._body.anatomy
        return anatomy.names[int(anatomy.label_map[tuple(voxel)])]

    def confined_to(self, station: str, host: str, *, own: bool) -> tuple[str, ...]:
        """Return the tissues that a lesion of a station in this host may occupy; none for any.

        Args:
            station: Name of the station.
            host: Tissue of the lesion's centre.
            own: Whether the host's organ, or its kind of bone, on its side belongs to them.
        """
        key = (station, host, own)
        if key not in self._confined:
            names = set(self._body.matching(STATIONS[station].confined_to))
            if own:
                side = next((side for side in ("_left", "_right") if side in host), "")
                kin = self._body.matching((host, f"{host.split('_')[0]}_*"))
                names.update(name for name in kin if side in name)
            self._confined[key] = tuple(sorted({*names, host})) if names else ()
        return self._confined[key]

    def allowed(self, ijk: npt.NDArray[np.float64], confined_to: tuple[str, ...]) -> npt.NDArray[np.bool_]:
        """Return whether voxel coordinates, [N, 3], lie in these tissues, or in the body where there are none."""
        if confined_to not in self._tables:
            names = self._body.anatomy.names
            table = np.full(max(names) + 1, not confined_to)
            table[[identifier for identifier, name in names.items() if name in confined_to]] = True
            table[0] = False
            self._tables[confined_to] = table
        allowed: npt.NDArray[np.bool_] = self._tables[confined_to][self._labels(ijk)]
        return allowed

    def share(self, voxel: Indices, confined_to: tuple[str, ...], volume_ml: float) -> float:
        """Return how much of a ball of this volume around a voxel a lesion may occupy, 0 to 1."""
        ball = voxel + radius_mm(volume_ml) * _BALL / self._spacing
        return float(self.allowed(ball, confined_to).mean())

    def _labels(self, ijk: npt.NDArray[np.float64]) -> LabelArray:
        """Labels at voxel coordinates, [N]; 0 outside the grid."""
        label_map = self._body.anatomy.label_map
        near = np.rint(ijk).astype(np.intp)
        inside = ((near >= 0) & (near < label_map.shape)).all(axis=1)
        labels = np.zeros(len(near), dtype=np.int16)
        labels[inside] = label_map[tuple(near[inside].T)]
        return labels
