"""One simulated PET scan with exact labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from seganypet.errors import UsageError
from seganypet.phantom.anatomy.body_map import Anatomy, LabelArray
from seganypet.phantom.anatomy.procedural import procedural_anatomy
from seganypet.phantom.anatomy.tissues import label_groups
from seganypet.phantom.lesions.drawing import add_lesions
from seganypet.phantom.scanner.image import scan
from seganypet.phantom.texture import breathe, textured_activity
from seganypet.phantom.tracers.uptake import TRACERS, Tracer, draw_uptake
from seganypet.volume import Source, Volume

Range = tuple[float, float]
_MIXED: tuple[tuple[Tracer, float], ...] = (("fdg", 0.5), ("psma", 0.2), ("random", 0.3))


@dataclass(frozen=True, kw_only=True)
class PhantomConfig:
    """What a simulated scan is like; ranges are drawn from uniformly.

    Attributes:
        spacing_mm: Voxel size along x, y, z, in mm (procedural bodies; a given anatomy keeps its own).
        tracer: "fdg", "psma", "random", or "mixed": one of them per case.
        lesion_count: Fewest and most lesions.
        psf_fwhm_mm: Point spread, full width at half maximum.
        noise: Noise over mean at the liver's SUV.
        noise_fwhm_mm: Correlation width of the noise.
        heterogeneity: Standard deviation of uneven uptake across the body, on top of each tissue's own texture.
        breathing_mm: Travel of the liver's dome with the breath.

    Raises:
        UsageError: A range is reversed or negative, or the tracer is unknown.
    """

    spacing_mm: tuple[float, float, float] = (4.0, 4.0, 4.0)
    tracer: Literal["fdg", "psma", "random", "mixed"] = "fdg"
    lesion_count: tuple[int, int] = (2, 15)
    psf_fwhm_mm: Range = (4.0, 8.0)
    noise: Range = (0.05, 0.13)
    noise_fwhm_mm: Range = (4.0, 7.0)
    heterogeneity: Range = (0.03, 0.08)
    breathing_mm: Range = (0.0, 20.0)

    def __post_init__(self) -> None:
        if self.tracer not in (*TRACERS, "mixed"):
            raise UsageError(f"tracer {self.tracer!r}; expected one of {', '.join(TRACERS)} or mixed")
        for name in (
            "lesion_count",
            "psf_fwhm_mm",
            "noise",
            "noise_fwhm_mm",
            "heterogeneity",
            "breathing_mm",
        ):
            low, high = getattr(self, name)
            if not 0 <= low <= high:
                raise UsageError(f"{name} is ({low}, {high}); expected 0 <= lowest <= highest")


@dataclass(frozen=True, eq=False)
class PhantomCase:
    """A simulated scan.

    Attributes:
        volume: SUV.
        reference: Tissues, int16 [I, J, K], disjoint; ids are the same in every case.
        lesions: Lesion instances 1…n, int16 [I, J, K]; they lie inside tissues.
        labels: {name: ids} of all tissues and organ groups, present or not.
        tracer: Tracer that was drawn.
        uptake: SUV by tissue before the scanner.
        lesion_factors: Lesion SUV over its background, by instance.
    """

    volume: Volume
    reference: LabelArray
    lesions: LabelArray
    labels: dict[str, list[int]]
    tracer: Tracer
    uptake: dict[str, float]
    lesion_factors: dict[int, float]


def simulate_case(
    seed: int, config: PhantomConfig | None = None, anatomy: Anatomy | None = None
) -> PhantomCase:
    """Return a simulated PET scan; the same arguments give the same scan.

    Args:
        seed: Seed of everything random.
        config: What the scan is like; default `PhantomConfig()`.
        anatomy: Body to scan; a procedural one by default. Ids must be those of `tissues.TISSUE_IDS`.

    Raises:
        GeometryError: The voxel size is unusable.
        UsageError: The anatomy holds tissues under other ids than `tissues.TISSUE_IDS`.
    """
    config = config or PhantomConfig()
    rng = np.random.default_rng(seed)
    if anatomy is None:
        anatomy = procedural_anatomy(rng, spacing_mm=config.spacing_mm)
    labels = label_groups()
    for identifier, name in anatomy.names.items():
        if labels.get(name, [None])[0] != identifier:
            raise UsageError(
                f"tissue {name!r} has id {identifier}; build the anatomy by anatomy_from_label_map"
            )
    tracer = _draw_tracer(config, rng)
    uptake = draw_uptake(anatomy.names.values(), rng, tracer)
    low, high = config.lesion_count
    lesions = add_lesions(anatomy, uptake, rng, int(rng.integers(low, high + 1)))
    activity = textured_activity(anatomy, lesions, rng)
    activity = breathe(activity, anatomy, amplitude_mm=float(rng.uniform(*config.breathing_mm)))
    suv = scan(
        activity,
        anatomy.spacing_mm,
        rng,
        psf_fwhm_mm=float(rng.uniform(*config.psf_fwhm_mm)),
        noise=float(rng.uniform(*config.noise)),
        noise_fwhm_mm=float(rng.uniform(*config.noise_fwhm_mm)),
        heterogeneity=float(rng.uniform(*config.heterogeneity)),
    )
    record = {"phantom": "procedural", "seed": seed, "tracer": tracer}
    volume = Volume(suv, anatomy.affine, source=Source(record=record))
    return PhantomCase(volume, anatomy.label_map, lesions.instances, labels, tracer, uptake, lesions.factors)


def _draw_tracer(config: PhantomConfig, rng: np.random.Generator) -> Tracer:
    if config.tracer != "mixed":
        return config.tracer
    tracers = [tracer for tracer, _ in _MIXED]
    return tracers[int(rng.choice(len(tracers), p=[weight for _, weight in _MIXED]))]
