"""What a simulated scan is like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from seganypet.errors import UsageError
from seganypet.phantom.lesions.presets import PRESETS
from seganypet.phantom.scanner.faithful import plain
from seganypet.phantom.scanner.protocols import Examination, draw_examination, protocols_named
from seganypet.phantom.tracers import TRACERS, Tracer

_FINEST_MM = 1.0
TracerChoice = Literal["fdg", "psma", "dotatate", "flt", "fapi", "random", "mixed"]
_TRACER_SHARES: tuple[tuple[Tracer, float], ...] = (
    ("fdg", 0.4),
    ("psma", 0.15),
    ("dotatate", 0.08),
    ("flt", 0.06),
    ("fapi", 0.06),
    ("random", 0.25),
)
# Diseases that a tracer is used for; every preset goes with the random tracer.
_PRESETS_OF: dict[Tracer, tuple[str, ...]] = {
    "fdg": ("lymphoma", "lung_cancer", "head_neck", "melanoma", "sarcoma", "random"),
    "psma": ("prostate", "prostate", "random"),
    "dotatate": ("random",),
    "flt": ("lung_cancer", "head_neck", "random"),
    "fapi": ("lung_cancer", "sarcoma", "random"),
}


@dataclass(frozen=True, kw_only=True)
class PhantomConfig:
    """What simulated scans are like.

    Attributes:
        spacing_mm: Voxel size along x, y, z, in mm; None: as the scanner writes it. A given anatomy keeps its own.
        as_written: Axes and voxel order as the scanner's series has them; otherwise RAS+.
        tracer: A tracer, "random" (any tissue, any uptake), or "mixed": one of them per case.
        without: Tracers that "mixed" leaves out, to test on what training never saw.
        lesions: Name of a preset of `PRESETS`, or "mixed": one that goes with the tracer.
        lesion_count: Fewest and most lesions; None: as the preset has it.
        scanner: Name of a scanner or group of `PROTOCOLS`.
        breathing_mm: Travel of the liver's dome with the breath, drawn uniformly.
        artefact_share: Chance of each slip of the attenuation and scatter corrections.
        faithful: Whether the image is reconstructed from counts by OSEM: half a minute to two minutes a case in place
            of a second or two, and needs the extra `osem`. Without slips of the corrections, seams and noisy ends.
        limited_share: Chance that only one or two bed positions are imaged.

    Raises:
        UsageError: A range is reversed or negative, a share is none, or a name is unknown.
    """

    spacing_mm: tuple[float, float, float] | None = (4.0, 4.0, 4.0)
    as_written: bool = False
    tracer: TracerChoice = "fdg"
    without: tuple[Tracer, ...] = ()
    lesions: str = "random"
    lesion_count: tuple[int, int] | None = None
    scanner: str = "mixed"
    breathing_mm: tuple[float, float] = (0.0, 20.0)
    artefact_share: float = 0.05
    limited_share: float = 0.0
    faithful: bool = False

    def __post_init__(self) -> None:
        if self.tracer not in (*TRACERS, "mixed"):
            raise UsageError(f"tracer {self.tracer!r}; expected one of {', '.join(TRACERS)} or mixed")
        shares = dict(_TRACER_SHARES)
        if not set(self.without) < set(shares):
            raise UsageError(f"without {self.without}; expected some of {', '.join(shares)}, not all of them")
        if self.lesions not in (*PRESETS, "mixed"):
            raise UsageError(f"lesions {self.lesions!r}; expected one of {', '.join(PRESETS)} or mixed")
        protocols_named(self.scanner)
        if self.spacing_mm is not None and np.shape(self.spacing_mm) != (3,):
            raise UsageError(f"spacing_mm {self.spacing_mm}; expected three sizes in mm, along x, y, z")
        if self.spacing_mm is not None and not all(step >= _FINEST_MM for step in self.spacing_mm):
            raise UsageError(
                f"spacing_mm {tuple(self.spacing_mm)}; expected {_FINEST_MM:g} mm or more: finer whole bodies do not "
                "fit into memory"
            )
        for name in ("lesion_count", "breathing_mm"):
            low, high = getattr(self, name) or (0, 0)
            if not 0 <= low <= high:
                raise UsageError(f"{name} is ({low}, {high}); expected 0 <= lowest <= highest")
        for name in ("artefact_share", "limited_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} is {getattr(self, name)}; expected 0 to 1")

    def draw_tracer(self, rng: np.random.Generator) -> Tracer:
        """Return the tracer of one case."""
        if self.tracer != "mixed":
            return self.tracer
        shares = {tracer: share for tracer, share in _TRACER_SHARES if tracer not in self.without}
        tracers = list(shares)
        return tracers[
            int(rng.choice(len(tracers), p=np.array(list(shares.values())) / sum(shares.values())))
        ]

    def draw_preset(self, tracer: Tracer, rng: np.random.Generator) -> str:
        """Return the lesion preset of one case."""
        if self.lesions != "mixed":
            return self.lesions
        fitting = _PRESETS_OF.get(tracer, tuple(name for name in PRESETS if name != "none"))
        return str(rng.choice(fitting))

    def draw_examination(self, rng: np.random.Generator) -> Examination:
        """Return the scanner and protocol of one case."""
        examination = draw_examination(
            protocols_named(self.scanner),
            rng,
            breathing_mm=self.breathing_mm,
            artefact_share=self.artefact_share,
        )
        return plain(examination) if self.faithful else examination
