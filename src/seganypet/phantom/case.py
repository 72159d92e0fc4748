"""`PhantomCase`: a simulated scan with its truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seganypet.phantom.anatomy.body_map import LabelArray
    from seganypet.phantom.lesions.plan import LesionPlan
    from seganypet.phantom.scanner.protocols import Examination
    from seganypet.phantom.tracers import Tracer, Uptake
    from seganypet.volume import FloatArray, Volume


@dataclass(frozen=True, eq=False, kw_only=True)
class PhantomCase:
    """A simulated scan; all arrays lie on the volume's grid.

    Attributes:
        volume: SUV.
        activity: True SUV before the scanner, float32 [I, J, K].
        reference: Tissues, int16 [I, J, K], disjoint; ids are the same in every case.
        lesions: Lesion instances 1…n, int16 [I, J, K]; they lie inside tissues.
        labels: {name: ids} of all tissues and organ groups, present or not.
        tissue_uptake: What takes up how much, and the patient's physiological variants.
        preset: Lesion preset.
        plans: Plans of the lesions, in the order of the instances.
        examination: Scanner and protocol.
        faithful: Whether the image was reconstructed from counts.
    """

    volume: Volume
    activity: FloatArray
    reference: LabelArray
    lesions: LabelArray
    labels: dict[str, list[int]]
    tissue_uptake: Uptake
    preset: str
    plans: tuple[LesionPlan, ...]
    examination: Examination
    faithful: bool = False

    @property
    def tracer(self) -> Tracer:
        """Tracer that was drawn."""
        return self.tissue_uptake.tracer

    @property
    def uptake(self) -> dict[str, float]:
        """SUV by tissue before the scanner."""
        return dict(self.tissue_uptake.suv)
