"""`LesionPlan`: where a lesion lies, how large, what shape and how hot, before it is drawn."""

from __future__ import annotations

from dataclasses import dataclass

from seganypet.errors import UsageError

Ijk = tuple[float, float, float]
Mm = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Blob:
    """One rounded, bumpy solid.

    Attributes:
        offset_mm: Its centre along i, j, k from the lesion's centre, in mm.
        volume_ml: Its volume before anything is cut off.
        stretch: Half axes relative to a ball of the same volume; their product is 1.
        rotation: Rows of a rotation matrix: the axes of the solid along i, j, k.
        bumpiness: Depth of its surface's bumps relative to its radius, 0 smooth to about 0.7.
        seed: Of the bumps.
    """

    offset_mm: Mm = (0.0, 0.0, 0.0)
    volume_ml: float
    stretch: Mm = (1.0, 1.0, 1.0)
    rotation: tuple[Mm, Mm, Mm] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    bumpiness: float = 0.3
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.volume_ml > 0:
            raise UsageError(f"volume_ml {self.volume_ml:g} of a blob; expected more than 0")


@dataclass(frozen=True, kw_only=True)
class LesionPlan:
    """One lesion: a single instance, however many blobs have grown together.

    Attributes:
        center_ijk: Centre, voxel coordinates of the anatomy's grid.
        blobs: One solid, or the confluent ones of a conglomerate.
        suv: SUV of its viable part, before the scanner.
        background_suv: SUV of the host tissue it lies in.
        host: Name of that tissue.
        kind: "node", "primary", "bone_metastasis", …
        confined_to: Tissues it may occupy; empty: any tissue of the body.
        core: Radius of the necrotic core relative to the lesion's, 0 (none) to about 0.8.
        core_suv: SUV of the core.
        edge_mm: Width over which an infiltrating lesion fades into its host; 0 for a sharp edge.
        reaction: Uptake of the tissue next to it, oedema and inflammation, over that of the lesion, 0 (none) to
            below 1; it falls off over about 10 mm and is not part of the lesion.
        unevenness: Coarse and fine log standard deviation of the uptake inside it.
    """

    center_ijk: Ijk
    blobs: tuple[Blob, ...]
    suv: float
    background_suv: float
    host: str
    kind: str
    confined_to: tuple[str, ...] = ()
    core: float = 0.0
    core_suv: float = 0.0
    edge_mm: float = 0.0
    reaction: float = 0.0
    unevenness: tuple[float, float] = (0.15, 0.15)

    def __post_init__(self) -> None:
        if not self.blobs:
            raise UsageError("a lesion plan without blobs; give at least one")
        for name in ("core", "reaction"):
            if not 0 <= getattr(self, name) < 1:
                raise UsageError(f"{name} {getattr(self, name):g} of a lesion; expected 0 (none) to below 1")

    @property
    def volume_ml(self) -> float:
        """Sum of the blobs' volumes, in ml: the lesion's volume where they neither overlap nor are cut."""
        return sum(blob.volume_ml for blob in self.blobs)
